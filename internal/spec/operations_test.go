package spec_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/spec"
)

func parse(t *testing.T, text string) *spec.Document {
	t.Helper()
	doc, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func operation(t *testing.T, id string) spec.Operation {
	t.Helper()
	for _, op := range parse(t, string(gen.JSON)).Operations() {
		if op.ID == id {
			return op
		}
	}
	t.Fatalf("there is no operation %s", id)
	return spec.Operation{}
}

func TestDocument_Operations_listPermits(t *testing.T) {
	got := operation(t, "listPermits")
	if got.Method != "GET" || got.Path != "/v1/permits" || got.Permission != "read" || got.Body != "" || got.BodyRequired {
		t.Errorf("listPermits = %+v, want GET /v1/permits with read and no body", got)
	}
	const shared = "#/components/parameters/"
	want := []spec.Parameter{
		{Name: "scope", In: "query", Explode: true, Type: "string", Schema: shared + "PermitScopeFilter/schema"},
		{Name: "status", In: "query", Explode: true, Type: "array", Items: "string", Schema: shared + "PermitStatus/schema"},
		{Name: "state", In: "query", Explode: true, Type: "string", Schema: shared + "PermitStateFilter/schema"},
		{Name: "stage", In: "query", Explode: true, Type: "array", Items: "string", Schema: shared + "PermitStageFilter/schema"},
		{Name: "type", In: "query", Explode: true, Type: "array", Items: "string", Schema: shared + "PermitType/schema"},
		{Name: "jurisdiction", In: "query", Explode: true, Type: "array", Items: "string", Schema: shared + "PermitJurisdiction/schema"},
		{Name: "q", In: "query", Explode: true, Type: "string", Schema: shared + "PermitQuery/schema"},
		{Name: "updated_since", In: "query", Explode: true, Type: "string", Schema: shared + "PermitUpdatedSince/schema"},
		{Name: "filed_after", In: "query", Explode: true, Type: "string", Schema: shared + "FiledAfter/schema"},
		{Name: "filed_before", In: "query", Explode: true, Type: "string", Schema: shared + "FiledBefore/schema"},
		{Name: "near", In: "query", Explode: true, Type: "string", Schema: shared + "Near/schema"},
		{Name: "radius_m", In: "query", Explode: true, Type: "integer", Schema: shared + "NearRadiusM/schema"},
		{Name: "sort", In: "query", Explode: true, Type: "string", Schema: shared + "PermitSortOrder/schema"},
		{Name: "page", In: "query", Explode: true, Type: "integer", Schema: shared + "Page/schema"},
		{Name: "per_page", In: "query", Explode: true, Type: "integer", Schema: shared + "PerPage/schema"},
		{Name: "cursor", In: "query", Explode: true, Type: "string", Schema: shared + "Cursor/schema"},
		{Name: "If-None-Match", In: "header", Explode: true, Type: "string", Schema: "#/components/parameters/IfNoneMatch/schema"},
	}
	if diff := cmp.Diff(want, got.Parameters); diff != "" {
		t.Errorf("parameters of listPermits (-want +got):\n%s", diff)
	}
}

func TestDocument_Operations_getPermit(t *testing.T) {
	want := spec.Operation{
		ID: "getPermit", Method: "GET", Path: "/v1/permits/{permit_uuid}", Permission: "read",
		Parameters: []spec.Parameter{
			{Name: "permit_uuid", In: "path", Required: true, Explode: true, Type: "string", Schema: "#/components/parameters/PermitUUID/schema"},
			{Name: "If-None-Match", In: "header", Explode: true, Type: "string", Schema: "#/components/parameters/IfNoneMatch/schema"},
		},
	}
	got := operation(t, "getPermit")
	headers := []string{"X-Request-Id", "RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "ETag"}
	for i, r := range []spec.Response{
		{Status: 200, Schema: "#/paths/~1v1~1permits~1%7Bpermit_uuid%7D/get/responses/200/content/application~1json/schema"},
		{Status: 304, Empty: true},
		{Status: 400, Schema: "#/components/responses/BadRequest/content/application~1json/schema"},
	} {
		var names []string
		for _, h := range got.Responses[i].Headers {
			names = append(names, h.Name)
		}
		if diff := cmp.Diff(r, got.Responses[i], cmpopts.IgnoreFields(spec.Response{}, "Headers")); diff != "" || i == 0 && !slices.Equal(names, headers) {
			t.Errorf("response %d of getPermit, with the headers %q (-want +got):\n%s", i, names, diff)
		}
	}
	if at := got.Responses[1].Headers[0].Schema; at != "#/components/headers/RequestID/schema" {
		t.Errorf("the schema of X-Request-Id is at %s", at)
	}
	got.Responses = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("getPermit (-want +got):\n%s", diff)
	}
}

func TestDocument_Operations_getMe(t *testing.T) {
	want := spec.Operation{ID: "getMe", Method: "GET", Path: "/v1/me", Parameters: []spec.Parameter{
		{Name: "If-None-Match", In: "header", Explode: true, Type: "string", Schema: "#/components/parameters/IfNoneMatch/schema"},
	}}
	got := operation(t, "getMe")
	got.Responses = nil
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("getMe (-want +got):\n%s", diff)
	}
}

func TestDocument_Operations(t *testing.T) {
	doc := parse(t, `
paths:
  /things/{thing_id}:
    parameters:
      - {name: thing_id, in: path, required: true, schema: {$ref: '#/components/schemas/Second'}}
    delete:
      operationId: deleteThing
      security: [{apiKey: [admin]}]
      parameters:
        - {name: tags, in: query, explode: false, schema: {type: array, items: {$ref: '#/components/schemas/First'}}}
    post:
      operationId: testThing
      security: [{apiKey: [write]}]
      requestBody: {required: true}
    get:
      operationId: getThing
      security: [{apiKey: []}]
      requestBody: {}
components:
  schemas:
    First: {$ref: '#/components/schemas/Second'}
    Second: {type: integer}
`)
	id := spec.Parameter{Name: "thing_id", In: "path", Required: true, Explode: true, Type: "integer", Schema: "#/paths/~1things~1%7Bthing_id%7D/parameters/0/schema"}
	const path = "/things/{thing_id}"
	want := []spec.Operation{ // a path's methods in the order of reading, writing, removing
		{
			ID: "getThing", Method: "GET", Path: path, Parameters: []spec.Parameter{id},
			Body: "#/paths/~1things~1%7Bthing_id%7D/get/requestBody/content/application~1json/schema",
		},
		{
			ID: "testThing", Method: "POST", Path: path, Permission: "write", Parameters: []spec.Parameter{id}, BodyRequired: true,
			Body: "#/paths/~1things~1%7Bthing_id%7D/post/requestBody/content/application~1json/schema",
		},
		{
			ID: "deleteThing", Method: "DELETE", Path: path, Permission: "admin",
			Parameters: []spec.Parameter{id, {
				Name: "tags", In: "query", Type: "array", Items: "integer", Schema: "#/paths/~1things~1%7Bthing_id%7D/delete/parameters/0/schema",
			}},
		},
	}
	if diff := cmp.Diff(want, doc.Operations()); diff != "" {
		t.Errorf("Operations (-want +got):\n%s", diff)
	}
}

func TestParse_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"":        "read the OpenAPI document: want a mapping at the top",
		"[]":      "read the OpenAPI document: want a mapping at the top",
		"a: b: c": "read the OpenAPI document: yaml: mapping values are not allowed in this context",
	} {
		if _, err := spec.Parse([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("Parse(%q) = %v, want %s", text, err, want)
		}
	}
}

func TestDocument_ErrorCodes(t *testing.T) {
	codes, err := parse(t, string(gen.JSON)).ErrorCodes()
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, c := range codes {
		listed = append(listed, c.Code)
		wantRetry := "never"
		if c.Status == 429 || c.Status >= 500 || c.Code == "idempotency_key_in_use" {
			wantRetry = "later"
		}
		if c.Status < 400 || c.Status > 599 || c.Retry != wantRetry || !strings.HasSuffix(c.Meaning, ".") {
			t.Errorf("error code %+v: want a status of 400 to 599, retry %s and a meaning that ends in a full stop", c, wantRetry)
		}
	}
	var document struct {
		Components struct {
			Schemas struct {
				ErrorCode struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(gen.JSON, &document); err != nil {
		t.Fatal(err)
	}
	enum := document.Components.Schemas.ErrorCode.Enum
	if len(enum) == 0 {
		t.Error("ErrorCode has no enum")
	}
	for _, code := range enum {
		if !slices.Contains(listed, code) {
			t.Errorf("%s stands in the enum, not in x-error-codes", code)
		}
	}
	for _, code := range listed {
		if !slices.Contains(enum, code) {
			t.Errorf("%s stands in x-error-codes, not in the enum", code)
		}
	}
}

func TestDocument_ErrorCodes_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"openapi: 3.1.0\n": "the OpenAPI document has no x-error-codes",
		"components: {schemas: {ErrorCode: {x-error-codes: {gone: {status: soon}}}}}\n": "read error code gone: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `soon` into int",
	} {
		if _, err := parse(t, text).ErrorCodes(); err == nil || err.Error() != want {
			t.Errorf("ErrorCodes of %q = %v, want %s", text, err, want)
		}
	}
}

func TestDocument_PutServerFirst(t *testing.T) {
	doc := parse(t, `servers: [{url: https://api.plotwise.us, description: Production}]
paths:
  /things:
    get:
      x-codeSamples:
        - {lang: bash, source: 'curl https://api.plotwise.us/things # https://api.plotwise.us/docs'}
        - {lang: go, source: open https://example.com/things}
    post: {operationId: createThing}
`)
	doc.PutServerFirst("http://localhost:8080/", "Here")
	text, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Servers []struct{ URL, Description string }
		Paths   map[string]map[string]struct {
			Samples []struct{ Source string } `json:"x-codeSamples"`
		}
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	samples := []struct{ Source string }{{"curl http://localhost:8080/things # http://localhost:8080/docs"}, {"open https://example.com/things"}}
	if diff := cmp.Diff(samples, got.Paths["/things"]["get"].Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
	want := []struct{ URL, Description string }{{"http://localhost:8080/", "Here"}, {"https://api.plotwise.us", "Production"}}
	if diff := cmp.Diff(want, got.Servers); diff != "" {
		t.Errorf("servers (-want +got):\n%s", diff)
	}
}
