package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
)

// runSequence leads what an operation creates along the links of the answer: get, change, get, delete, get.
func (s *Suite) runSequence(ctx context.Context, op Operation) {
	created, ok := op.Responses["201"]
	if !ok || op.Body == nil || !s.options.AllowWrites {
		return
	}
	for _, example := range op.Body.Examples {
		s.bind(ctx, op, func(b binding) bool {
			r := s.request(op, b)
			r.Body = encode(s.substitute(example.Value))
			e, found := s.send(ctx, r, "sequence of "+example.Name)
			if found && e.Status == http.StatusCreated {
				s.lead(ctx, e, created.Links)
			}
			return true
		})
	}
}

// lead follows the links of a creation to what has the same path: get, change, get, delete, get.
func (s *Suite) lead(ctx context.Context, e Exchange, links []Link) {
	location := e.Header.Get("Location")
	if location == "" {
		s.fail(e, "sequence", Fault{"header Location", "missing", "is not sent with 201"})
	}
	steps := map[string]Request{}
	for _, l := range links {
		to, known := s.byID[l.Operation]
		path, ok := follow(l, e)
		if !known || !ok {
			s.fail(e, "sequence", Fault{"link " + l.Name, "link", "leads nowhere"})
			continue
		}
		r := s.request(to, binding{path: path})
		if resolved(r) == location {
			steps[to.Method] = r
		}
	}
	get, ok := steps[http.MethodGet]
	if !ok {
		s.fail(e, "sequence", Fault{"header Location", "link", fmt.Sprintf("is %q, where no link of the answer leads that gets something", location)})
		return
	}
	s.same(ctx, get, e.json(), "get after create")
	if change, ok := steps[http.MethodPatch]; ok {
		s.change(ctx, change, get)
	}
	remove, ok := steps[http.MethodDelete]
	if !ok {
		return
	}
	s.expect(ctx, remove, http.StatusNoContent, "delete after get")
	s.expect(ctx, get, http.StatusNotFound, "get after delete")
	s.expect(ctx, remove, http.StatusNotFound, "delete after delete")
}

func resolved(r Request) string {
	path := r.Operation.Path
	for name, value := range r.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return path
}

// change sends the first change that is taken, and wants it to be there afterwards.
func (s *Suite) change(ctx context.Context, r, get Request) {
	for _, example := range r.Operation.Body.Examples {
		before, _ := s.client.send(ctx, get)
		r.Body = encode(s.substitute(example.Value))
		e, err := s.client.send(ctx, r)
		if err != nil || e.Status != http.StatusOK {
			continue // one of another kind of thing
		}
		var wanted map[string]any
		_ = json.Unmarshal(r.Body, &wanted) // made by encode
		data, _ := e.json().(map[string]any)["data"].(map[string]any)
		for name, want := range wanted {
			if got := data[name]; !reflect.DeepEqual(encode(got), encode(want)) {
				s.fail(e, "change", Fault{"/data/" + escape(name), "change", fmt.Sprintf("is %s after the change, want %s", encode(got), encode(want))})
			}
		}
		if tag := e.Header.Get("ETag"); tag != "" && tag == before.Header.Get("ETag") && !reflect.DeepEqual(before.json(), e.json()) {
			s.fail(e, "change", Fault{"header Etag", "change", "is the same after the change"})
		}
		s.same(ctx, get, e.json(), "get after change")
	}
}

// same wants a GET to answer with the same body.
func (s *Suite) same(ctx context.Context, get Request, want any, what string) {
	e, ok := s.send(ctx, get, what)
	if ok && !reflect.DeepEqual(e.json(), want) {
		s.fail(e, what, Fault{"body", "sequence", fmt.Sprintf("is another than the answer before: %.300s", encode(want))})
	}
}
