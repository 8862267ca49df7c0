package contract

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// bindFixtures finds what stands on the server for the example values that the document's x-fixtures name: each says
// the example, the operation that lists such things, its parameters, and the expression that takes the value from the
// answer.
func (s *Suite) bindFixtures(ctx context.Context) error {
	fixtures := node{document: s.document, value: s.document.root}.get("x-fixtures")
	for _, name := range fixtures.keys() {
		fixture := fixtures.get(name)
		op, ok := s.byID[fixture.get("operation").text()]
		if !ok {
			return fmt.Errorf("x-fixtures: %s: there is no operation %q", name, fixture.get("operation").text())
		}
		query := url.Values{}
		for _, p := range fixture.get("parameters").keys() {
			query.Set(p, fmt.Sprint(fixture.get("parameters").get(p).value))
		}
		e, err := s.client.send(ctx, Request{Operation: op, Key: s.options.Key, Query: query})
		if err != nil {
			return err
		}
		if e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden {
			return fmt.Errorf("the server refuses the API key: %.300s", e.Body)
		}
		if value, ok := evaluate(fixture.get("value").text(), e); ok {
			s.live[fixture.get("example").text()] = value
		}
	}
	return nil
}

// binding is a thing on the server that an operation can be tried with.
type binding struct {
	path    map[string]string
	release func() // deletes what was made for it
}

// bind calls try with the path's values for an operation, until it returns true: with what each example of an operation
// that creates such things made, with what a list has, and with the examples of the parameters. What was made is
// deleted afterwards. It reports whether try returned true.
func (s *Suite) bind(ctx context.Context, op Operation, try func(b binding) bool) bool {
	if !hasPath(op) {
		return try(binding{})
	}
	for _, from := range s.operations {
		for _, l := range linksTo(from, op) {
			if from.Method == http.MethodPost && s.options.AllowWrites && s.tryCreated(ctx, from, l, try) {
				return true
			}
		}
	}
	for _, from := range s.operations {
		for _, l := range linksTo(from, op) {
			if from.Method == http.MethodGet && !hasPath(from) && s.tryListed(ctx, from, l, try) {
				return true
			}
		}
	}
	if path, ok := s.examplePath(op); ok {
		return try(binding{path: path})
	}
	return false
}

func hasPath(op Operation) bool {
	for _, p := range op.Parameters {
		if p.In == "path" {
			return true
		}
	}
	return false
}

// linksTo returns the links of an operation's successes that lead to another.
func linksTo(from, to Operation) []Link {
	var links []Link
	for _, status := range []string{"200", "201"} {
		for _, l := range from.Responses[status].Links {
			if l.Operation == to.ID {
				links = append(links, l)
			}
		}
	}
	return links
}

func (s *Suite) tryCreated(ctx context.Context, creator Operation, l Link, try func(b binding) bool) bool {
	for _, example := range creator.Body.Examples {
		done := false
		s.bind(ctx, creator, func(outer binding) bool {
			e, ok := s.create(ctx, creator, outer, example)
			if !ok {
				return true
			}
			path, ok := follow(l, e)
			if ok {
				done = try(binding{path: path, release: func() { s.remove(ctx, e) }})
			}
			s.remove(ctx, e)
			return true
		})
		if done {
			return true
		}
	}
	return false
}

// create sends a request example; ok when something is there now that was not before, or was.
func (s *Suite) create(ctx context.Context, creator Operation, outer binding, example Example) (Exchange, bool) {
	e, err := s.client.send(ctx, Request{
		Operation: creator, Key: s.options.Key, Path: outer.path, Body: encode(s.substitute(example.Value)), Query: url.Values{},
	})
	return e, err == nil && (e.Status == http.StatusCreated || e.Status == http.StatusOK)
}

// remove deletes what an exchange made, by the link of its answer to an operation that deletes. It reports whether nothing
// of it is left.
func (s *Suite) remove(ctx context.Context, e Exchange) bool {
	for _, l := range e.Request.Operation.Responses[strconv.Itoa(e.Status)].Links {
		to, ok := s.byID[l.Operation]
		if !ok || to.Method != http.MethodDelete || e.Status != http.StatusCreated && len(l.When) == 0 {
			continue
		}
		path, ok := follow(l, e)
		if !ok {
			continue
		}
		gone, err := s.client.send(ctx, Request{Operation: to, Key: s.options.Key, Path: path})
		return err == nil && (gone.Status == http.StatusNoContent || gone.Status == http.StatusNotFound) // gone already, perhaps
	}
	return true
}

func (s *Suite) tryListed(ctx context.Context, from Operation, l Link, try func(b binding) bool) bool {
	e, err := s.client.send(ctx, Request{Operation: from, Key: s.options.Key})
	if err != nil || e.Status != http.StatusOK {
		return false
	}
	path, ok := follow(l, e)
	return ok && try(binding{path: path})
}

func follow(l Link, e Exchange) (map[string]string, bool) {
	for expression, want := range l.When {
		if got, _ := evaluate(expression, e); got != want {
			return nil, false
		}
	}
	path := map[string]string{}
	for name, expression := range l.Parameters {
		value, ok := evaluate(expression, e)
		if !ok {
			return nil, false
		}
		path[name] = value
	}
	return path, true
}

// examplePath returns the path's values by the examples of its parameters, where each stands for something live.
func (s *Suite) examplePath(op Operation) (map[string]string, bool) {
	path := map[string]string{}
	for _, p := range op.Parameters {
		if p.In != "path" {
			continue
		}
		example, _ := p.example.(string)
		live, ok := s.live[example]
		if !ok {
			return nil, false
		}
		path[p.Name] = live
	}
	return path, true
}

// request returns a request to an operation that should succeed, with its required parameters and without a body.
func (s *Suite) request(op Operation, b binding) Request {
	r := Request{Operation: op, Key: s.options.Key, Path: b.path, Query: url.Values{}, Header: map[string]string{}}
	for _, p := range op.Parameters {
		if !p.Required || p.In == "path" {
			continue
		}
		value := s.valueOf(p)
		if p.In == "query" {
			setQuery(r.Query, p, value)
		} else {
			r.Header[p.Name] = fmt.Sprint(value)
		}
	}
	if op.Body != nil && len(op.Body.Examples) > 0 {
		r.Body = encode(s.substitute(op.Body.Examples[0].Value))
	}
	return r
}

// valueOf returns a value that a parameter takes.
func (s *Suite) valueOf(p Parameter) any {
	if p.example != nil {
		return s.substitute(p.example)
	}
	return sample(p.schema)
}
