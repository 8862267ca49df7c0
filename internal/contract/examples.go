package contract

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
)

// validateExamples holds every example of the document against its own schema, without a server.
func (s *Suite) validateExamples() {
	s.section = "document"
	for _, op := range s.operations {
		if !s.wanted(op) {
			continue
		}
		if op.Body != nil {
			for _, example := range op.Body.Examples {
				s.validateExample(op, op.Body.schema, "request example "+example.Name, example.Value)
			}
		}
		for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
			for _, mediaType := range slices.Sorted(maps.Keys(op.Responses[status].Media)) {
				media := op.Responses[status].Media[mediaType]
				for _, example := range media.Examples {
					what := fmt.Sprintf("response example %s of %s", example.Name, status)
					if s.validateExample(op, media.schema, what, example.Value) {
						s.report.cover("response examples", op.ID+" "+status+" "+example.Name)
					}
				}
			}
		}
	}
}

// validateWebhooks holds the examples of the document's webhooks against their schemas.
func (s *Suite) validateWebhooks() {
	for _, name := range s.document.events() {
		media := s.document.payload(name)
		s.report.expect("webhooks", name)
		sound := len(examples(media)) > 0
		for _, example := range examples(media) {
			sound = s.validateExample(Operation{ID: name}, media.get("schema"), "webhook example "+example.Name, example.Value) && sound
		}
		if sound {
			s.report.cover("webhooks", name)
		}
	}
}

func (s *Suite) validateExample(op Operation, schema node, what string, value any) bool {
	faults := append(broken(schema, value), undeclared(schema, value, "")...)
	for _, f := range faults {
		s.fail(Exchange{Request: Request{Operation: op}}, what, f)
	}
	return len(faults) == 0
}

// replayExamples sends every request example of an operation, and an operation without a body as it is. The answer has to
// have the status of the response example of the same name, where there is one.
func (s *Suite) replayExamples(ctx context.Context, op Operation) {
	if !s.reads(op) {
		return
	}
	s.tryParameters(ctx, op)
	if op.Body == nil {
		s.replay(ctx, op, Example{})
		return
	}
	for _, example := range op.Body.Examples {
		if s.replay(ctx, op, example) {
			s.report.cover("request examples", op.ID+" "+example.Name)
		}
	}
}

// replay sends one example, with each thing that it could be about, until the answer is the one that is documented.
func (s *Suite) replay(ctx context.Context, op Operation, example Example) bool {
	expected := statusesOf(op, example.Name)
	var last Exchange
	done := s.bind(ctx, op, func(b binding) bool {
		r := s.request(op, b)
		if example.Value != nil {
			r.Body = encode(s.substitute(example.Value))
		}
		var found bool
		last, found = s.send(ctx, r, "example "+example.Name)
		defer s.remove(ctx, last)
		return !found || slices.Contains(expected, strconv.Itoa(last.Status))
	})
	if !done && last.Status != 0 {
		s.fail(last, "example "+example.Name, Fault{"status", "example", fmt.Sprintf("is %d, the example is answered with %v", last.Status, expected)})
	}
	return done
}

// statusesOf returns the statuses that a request example may be answered with: those that have a response example of its
// name, or else every success.
func statusesOf(op Operation, name string) []string {
	var named, successes []string
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		if status < "300" {
			successes = append(successes, status)
		}
		for _, media := range op.Responses[status].Media {
			if slices.ContainsFunc(media.Examples, func(e Example) bool { return name != "" && e.Name == name }) {
				named = append(named, status)
			}
		}
	}
	if named != nil {
		return named
	}
	return successes
}

// tryParameters sends each optional parameter of an operation alone, with a value that it takes.
func (s *Suite) tryParameters(ctx context.Context, op Operation) {
	s.bind(ctx, op, func(b binding) bool {
		for _, p := range op.Parameters {
			if p.Required || p.In == "path" {
				s.report.cover("parameters", op.ID+" "+p.Name)
				continue
			}
			r := s.request(op, b)
			if p.In == "header" {
				r = r.with(p.Name, fmt.Sprint(s.valueOf(p)))
			} else {
				setQuery(r.Query, p, s.valueOf(p))
			}
			e, ok := s.send(ctx, r, "parameter "+p.Name)
			if ok && e.Status < http.StatusInternalServerError {
				s.report.cover("parameters", op.ID+" "+p.Name)
			}
			s.remove(ctx, e)
		}
		return true
	})
}
