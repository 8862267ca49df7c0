package validation

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/gen"
)

const goodThing = `{"id":"` + thingID + `","name":"a","at":"2026-01-23T10:45:00Z"}`

func respond(op *Operation, status int, contentType, body string) error {
	r := httptest.NewRequest(op.Method, "https://api.plotwise.us"+strings.NewReplacer("{thing_id}", thingID).Replace(op.Path), nil)
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	if status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable {
		header.Set("Retry-After", "10")
	}
	return op.Response(r, status, header, []byte(body))
}

func TestOperation_Response_accepts(t *testing.T) {
	for _, c := range []struct {
		operation string
		status    int
		body      string
	}{
		{"getThing", 200, `{"data":` + goodThing + `}`},
		{"getThing", 200, `{"data":{"id":"` + thingID + `","name":"","at":null,"count":100,"on":"2026-01-23","kind":"a b"}}`},
		{"getThing", 200, `{"data":{"id":"` + thingID + `","name":"a","at":null,"extra":[1]},"meta":{}}`}, // answers may gain fields
		{"createThing", 201, `{"data":` + goodThing + `}`},
		{"listThings", 200, `{"data":[]}`},
		{"listThings", 200, `{"data":[` + goodThing + `,` + goodThing + `]}`},
		{"listThings", 304, ""},
		{"deleteThing", 204, ""},
	} {
		contentType := ""
		if c.body != "" {
			contentType = "application/json"
		}
		if err := respond(fixture(t, c.operation), c.status, contentType, c.body); err != nil {
			t.Errorf("%s: Response(%d, %s) = %v, want no error", c.operation, c.status, c.body, err)
		}
	}
}

func TestOperation_Response_refuses(t *testing.T) {
	const thing = `{"data":` + goodThing + `}`
	for _, c := range []struct {
		name, operation string
		status          int
		contentType     string
		body            string
		says            string // part of the error
	}{
		{"undeclared status", "getThing", 201, "application/json", thing, "201"},
		{"undeclared failure", "getThing", 404, "application/json", `{"error":{}}`, "404"},
		{"undeclared status without a body", "getThing", 304, "", "", "304"},
		{"wrong media type", "getThing", 200, "text/plain", thing, `content type "text/plain": want application/json`},
		{"media type with a charset", "getThing", 200, "application/json; charset=utf-8", thing, "want application/json"},
		{"no media type", "getThing", 200, "", thing, `content type "": want application/json`},
		{"no JSON", "getThing", 200, "application/json", `{"data":`, ""},
		{"no body", "getThing", 200, "application/json", "", "a response 200 has a body, this one has none"},
		{"null for a body", "getThing", 200, "application/json", " null\n", "a response 200 is an object, this one is null"},
		{"missing envelope", "getThing", 200, "application/json", goodThing, "data"},
		{"missing field", "getThing", 200, "application/json", `{"data":{"id":"` + thingID + `","name":"a"}}`, "at"},
		{"wrong type", "getThing", 200, "application/json", strings.Replace(thing, `"a"`, `1`, 1), "FieldPath: $.data.name]"},
		{"null", "getThing", 200, "application/json", strings.Replace(thing, `"a"`, `null`, 1), "FieldPath: $.data.name]"},
		{"too long", "getThing", 200, "application/json", strings.Replace(thing, `"a"`, `"abcdef"`, 1), "FieldPath: $.data.name]"},
		{"bad instant", "getThing", 200, "application/json", strings.Replace(thing, "10:45:00Z", "10:45:00", 1), "FieldPath: $.data.at]"},
		{"bad date", "getThing", 200, "application/json", `{"data":{"id":"` + thingID + `","name":"a","at":null,"on":"2026-02-30"}}`, "FieldPath: $.data.on]"},
		{"bad UUID", "getThing", 200, "application/json", strings.Replace(thing, thingID, "42", 1), "FieldPath: $.data.id]"},
		{"out of range", "getThing", 200, "application/json", `{"data":{"id":"` + thingID + `","name":"a","at":null,"count":101}}`, "FieldPath: $.data.count]"},
		{"outside the enum", "getThing", 200, "application/json", `{"data":{"id":"` + thingID + `","name":"a","at":null,"kind":"shed"}}`, "FieldPath: $.data.kind]"},
		{"too many items", "listThings", 200, "application/json", `{"data":[` + goodThing + `,` + goodThing + `,` + goodThing + `]}`, "FieldPath: $.data]"},
		{"second item", "listThings", 200, "application/json", `{"data":[` + goodThing + `,{}]}`, "FieldPath: $.data[1]]"},
		{"204 with a body", "deleteThing", 204, "application/json", "{}", "a response 204 has no body, this one has 2 bytes"},
		{"304 with a body", "listThings", 304, "application/json", `{"data":[]}`, "a response 304 has no body, this one has 11 bytes"},
	} {
		err := respond(fixture(t, c.operation), c.status, c.contentType, c.body)
		if err == nil || err.Error() == "" || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: Response(%d, %s) = %v, want an error with %q", c.name, c.status, c.body, err, c.says)
		}
	}
}

func TestOperation_Response_head(t *testing.T) {
	op := fixture(t, "listThings")
	r := httptest.NewRequest(http.MethodHead, "https://api.plotwise.us/v1/things", nil)
	if err := op.Response(r, 200, http.Header{"Content-Type": {"application/json"}}, []byte(`{"data":[]}`)); err != nil {
		t.Errorf("Response to HEAD = %v, want it held against GET", err)
	}
}

// document is the part of the OpenAPI document that holds the examples.
type document struct {
	Paths      map[string]map[string]json.RawMessage
	Components struct{ Responses map[string]response }
}

type response struct {
	Ref     string `json:"$ref"`
	Content map[string]struct {
		Examples map[string]struct{ Value json.RawMessage }
	}
}

// responses returns what the document declares for an operation, by status.
func (d document) responses(t *testing.T, op *Operation) map[int]response {
	t.Helper()
	var declared struct{ Responses map[string]response }
	if err := json.Unmarshal(d.Paths[op.Path][strings.ToLower(op.Method)], &declared); err != nil {
		t.Fatal(err)
	}
	found := map[int]response{}
	for status, r := range declared.Responses {
		if name, ok := strings.CutPrefix(r.Ref, "#/components/responses/"); ok {
			r = d.Components.Responses[name]
		}
		number, err := strconv.Atoi(status)
		if err != nil {
			t.Fatal(err)
		}
		found[number] = r
	}
	return found
}

func TestOperation_Response_examples(t *testing.T) {
	served, err := Served()
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(gen.JSON, &d); err != nil {
		t.Fatal(err)
	}
	for id, op := range served.Operations {
		op = op.Using(Both)
		examples := 0
		for status, r := range d.responses(t, op) {
			for name, example := range r.Content["application/json"].Examples {
				examples++
				if err := respond(op, status, "application/json", string(example.Value)); err != nil {
					t.Errorf("%s: example %s of %d: %v", id, name, status, err)
				}
			}
			if len(r.Content) == 0 {
				if err := respond(op, status, "", ""); err != nil {
					t.Errorf("%s: %d without a body: %v", id, status, err)
				}
			}
		}
		if examples == 0 {
			t.Errorf("%s has no examples", id)
		}
	}
}
