package validation

import (
	"errors"
	"testing"

	"github.com/plotwise/plotwise/internal/problem"
)

func FuzzRequest_query(f *testing.F) {
	for _, query := range []string{
		"count=1&tags=a&tags=b", "codes=1,2", "ratio=1e999", "since=2026-01-23T10:45:00Z", "near=27.9,-82.4", "text=%00", "%ff=%ff", "a;b", "&&=&", "tags[]=a",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		assertProblemOrNil(t, query, call{operation: "listThings", query: query}.send(t))
	})
}

func FuzzRequest_body(f *testing.F) {
	for _, body := range []string{
		`{"name":"a","count":1,"tags":["a"],"address":{"street":"s","city":"c"}}`, `{"name":"a","name":"b"}`, `{"count":1e400}`, `{"name":"a","price":1e4000000}`, "[[[[", `{"name":"\ud800"}`,
		`{"name":"a","deep":[[[]]]}`, "null", `{"name":"a","url":"%"}`, `{"name":"a","email":"\"@\""}`, "\xff",
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		assertProblemOrNil(t, string(body), call{operation: "createThing", body: string(body)}.send(t))
	})
}

// assertProblemOrNil wants words for whatever the caller did wrong: never an error of ours. What only
// libopenapi-validator refuses would have the code schema.
func assertProblemOrNil(t *testing.T, input string, err error) {
	t.Helper()
	if err == nil {
		return
	}
	var p *problem.Error
	if !errors.As(err, &p) {
		t.Fatalf("Request(%q) = %v, want a problem", input, err)
	}
	for _, d := range p.Details {
		if d.Code == "schema" || d.Code == "" || d.Message == "" {
			t.Errorf("Request(%q): detail %+v, want a keyword and words", input, d)
		}
	}
}
