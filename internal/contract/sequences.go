package contract

import (
	"bytes"
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
				if declares(op, "200") { // what is there already is left as it is
					s.expect(ctx, r, http.StatusOK, "create again")
				}
				s.lead(ctx, e, created.Links)
			}
			return true
		})
	}
}

// lead follows the links of a creation to what has the same path: get, changes and gets, delete, get.
func (s *Suite) lead(ctx context.Context, e Exchange, links []Link) {
	location := e.Header.Get("Location")
	if location == "" {
		s.fail(e, "sequence", Fault{"header Location", "missing", "is not sent with 201"})
	}
	to := map[string]Request{}
	for _, l := range links {
		next, known := s.byID[l.Operation]
		path, ok := follow(l, e)
		if !known || !ok {
			s.fail(e, "sequence", Fault{"link " + l.Name, "link", "leads nowhere"})
			continue
		}
		if r := s.request(next, binding{path: path}); resolved(r) == location {
			to[next.Method] = r
		}
	}
	get, ok := to[http.MethodGet]
	if !ok {
		s.fail(e, "sequence", Fault{"header Location", "link", fmt.Sprintf("is %q, where no link of the answer leads that gets something", location)})
		return
	}
	s.same(ctx, get, steady(e), "get after create")
	s.hides(ctx, get, secretOf(e))
	if change, ok := to[http.MethodPatch]; ok {
		s.wander(ctx, change, get, steady(e))
	}
	remove, ok := to[http.MethodDelete]
	if !ok {
		return
	}
	s.expect(ctx, remove, http.StatusNoContent, "delete after get")
	if remove.Operation.Keeps != "" {
		s.expect(ctx, remove, http.StatusNoContent, "delete after delete")
		s.tells(ctx, get, remove.Operation.Keeps)
		return
	}
	s.expect(ctx, get, http.StatusNotFound, "get after delete")
	s.expect(ctx, remove, http.StatusNotFound, "delete after delete")
}

// hides wants a GET not to show a secret.
func (s *Suite) hides(ctx context.Context, get Request, secret string) {
	e, ok := s.send(ctx, get, "get after create")
	if ok && secret != "" && bytes.Contains(e.Body, []byte(secret)) {
		s.fail(e, "get after create", Fault{"body", "secret", "shows the secret again"})
	}
}

// tells wants a GET to say that a thing was deleted, at that place.
func (s *Suite) tells(ctx context.Context, get Request, place string) {
	e, ok := s.send(ctx, get, "get after delete")
	if value, told := evaluate("$response.body#"+place, e); ok && (e.Status != http.StatusOK || !told || value == "") {
		s.fail(e, "get after delete", Fault{place, "kept", fmt.Sprintf("is %q with %d, want it to be told", value, e.Status)})
	}
}

// steps is how many changes and reads a sequence makes after it has tried every change once.
const steps = 8

// wander changes a thing by every example, and then by any of them or not at all, in an order that the seed gives; what
// can be read of it has to be what the last change answered.
func (s *Suite) wander(ctx context.Context, change, get Request, known any) {
	examples := change.Operation.Body.Examples
	order := make([]int, 0, len(examples)+steps)
	for i := range examples {
		order = append(order, i)
	}
	for range steps {
		order = append(order, s.random.IntN(len(examples)+1)) // the last one stands for no change
	}
	for _, i := range order {
		if i < len(examples) {
			if answer, ok := s.change(ctx, change, get, examples[i]); ok {
				known = answer
			}
		}
		s.same(ctx, get, known, "get after change")
	}
}

func resolved(r Request) string {
	path := r.Operation.Path
	for name, value := range r.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
	}
	return path
}

// change sends a change and wants it to be in the answer, under another entity tag. A change of another kind of thing is
// refused, and then not ok.
func (s *Suite) change(ctx context.Context, r, get Request, example Example) (answer any, ok bool) {
	before, err := s.client.send(ctx, get)
	if err != nil {
		return nil, false
	}
	r.Body = encode(s.substitute(example.Value))
	e, err := s.client.send(ctx, r)
	if err != nil || e.Status != http.StatusOK {
		return nil, false
	}
	var wanted map[string]any
	_ = json.Unmarshal(r.Body, &wanted) // made by encode
	body, _ := e.json().(map[string]any)
	data, _ := body["data"].(map[string]any)
	for name, want := range wanted {
		if got := data[name]; !bytes.Equal(encode(got), encode(want)) {
			s.fail(e, "change", Fault{"/data/" + escape(name), "change", fmt.Sprintf("is %s after the change, want %s", encode(got), encode(want))})
		}
	}
	if tag := e.Header.Get("ETag"); tag != "" && tag == before.Header.Get("ETag") && !reflect.DeepEqual(before.json(), e.json()) {
		s.fail(e, "change", Fault{"header Etag", "change", "is the same after the change"})
	}
	return steady(e), true
}

// same wants a GET to answer with the same body.
func (s *Suite) same(ctx context.Context, get Request, want any, what string) {
	e, ok := s.send(ctx, get, what)
	if ok && !reflect.DeepEqual(steady(e), want) {
		s.fail(e, what, Fault{"body", "sequence", fmt.Sprintf("is another than the answer before: %.300s", encode(want))})
	}
}
