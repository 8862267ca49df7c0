package validation

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/spec"
)

const thingID = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"

var compiled = sync.OnceValues(func() (map[string]*Operation, error) {
	text, err := os.ReadFile("testdata/fixture.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := spec.Parse(text)
	if err != nil {
		return nil, err
	}
	document, err := doc.JSON()
	if err != nil {
		return nil, err
	}
	compiled, err := Compile(document)
	if err != nil {
		return nil, err
	}
	return compiled.Operations, nil
})

// fixture returns an operation of testdata/fixture.yaml.
func fixture(tb testing.TB, id string) *Operation {
	tb.Helper()
	operations, err := compiled()
	if err != nil {
		tb.Fatal(err)
	}
	op, ok := operations[id]
	if !ok {
		tb.Fatalf("the fixture has no operation %s", id)
	}
	return op.Using(Both)
}

// call is a request to an operation of the fixture.
type call struct {
	operation, query, thingID, body string
	contentType                     string // application/json when the body is not empty; "none" for none
}

func (c call) send(tb testing.TB) error {
	tb.Helper()
	op := fixture(tb, c.operation)
	values := map[string]string{}
	if strings.Contains(op.Path, "{") {
		if values["thing_id"] = c.thingID; c.thingID == "" {
			values["thing_id"] = thingID
		}
	}
	r := httptest.NewRequest(op.Method, "https://api.plotwise.us/v1/things", strings.NewReader(c.body))
	r.URL.Path = strings.ReplaceAll(op.Path, "{thing_id}", values["thing_id"])
	r.URL.RawQuery = c.query
	switch {
	case c.contentType == "none":
	case c.contentType != "":
		r.Header.Set("Content-Type", c.contentType)
	case c.body != "":
		r.Header.Set("Content-Type", "application/json")
	}
	return op.Request(r, values, []byte(c.body))
}

func accept(t *testing.T, name string, c call) {
	t.Helper()
	if err := c.send(t); err != nil {
		t.Errorf("%s: Request(%+v) = %v, want no error", name, c, err)
	}
}

// refuse wants a problem of that kind and code with exactly these details.
func refuse(t *testing.T, name string, c call, kind problem.Kind, code string, details ...problem.Detail) {
	t.Helper()
	err := c.send(t)
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s: Request(%+v) = %v, want %s", name, c, err, code)
		return
	}
	if got.Kind != kind || got.Code != code {
		t.Errorf("%s: Request(%+v) = %v of kind %d, want %s of kind %d", name, c, got, got.Kind, code, kind)
	}
	if diff := cmp.Diff(details, got.Details); diff != "" {
		t.Errorf("%s: details of Request(%+v) (-want +got):\n%s", name, c, diff)
	}
	assertText(t, name, got.Message)
	for _, d := range got.Details {
		assertText(t, name, d.Message)
	}
}

var internals = regexp.MustCompile(`map\[|\[\](string|int|any|byte|interface)|interface ?\{|<nil>|%!|\b(json\.Number|big\.|kind\.|float64|int64|jsonschema|libopenapi)`)

// assertText fails for a text that is empty or speaks of Go.
func assertText(t *testing.T, name, text string) {
	t.Helper()
	if strings.TrimSpace(text) == "" || internals.MatchString(text) {
		t.Errorf("%s: message %q, want words for people", name, text)
	}
}

func TestCompile_refuses(t *testing.T) {
	for name, text := range map[string]string{
		"no document": "", "no mapping": "[]",
		"a parameter in a cookie": `{"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {"/a": {"get": {"operationId": "getA",
			"security": [{"apiKey": []}], "parameters": [{"name": "h", "in": "cookie", "schema": {"type": "string"}}], "responses": {}}}}}`,
		"a broken pattern": `{"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {"/a": {"get": {"operationId": "getA",
			"security": [{"apiKey": []}], "parameters": [{"name": "q", "in": "query", "schema": {"type": "string", "pattern": "("}}], "responses": {}}}}}`,
	} {
		if _, err := Compile([]byte(text)); err == nil {
			t.Errorf("%s: Compile = no error, want one", name)
		}
	}
}

func TestOperation_concurrent(t *testing.T) {
	op := fixture(t, "listThings")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 5 {
				r := httptest.NewRequest(http.MethodGet, "https://api.plotwise.us/v1/things?tags=a&count=1", nil)
				if err := op.Request(r, nil, nil); err != nil {
					t.Errorf("Request = %v, want no error", err)
				}
				body := []byte(`{"data":[]}`)
				if err := op.Response(r, http.StatusOK, http.Header{"Content-Type": {"application/json"}}, body); err != nil {
					t.Errorf("Response = %v, want no error", err)
				}
			}
		})
	}
	wg.Wait()
}

func detailsOf(t *testing.T, err error) []problem.Detail {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) {
		t.Fatalf("error %v, want a problem", err)
	}
	return p.Details
}
