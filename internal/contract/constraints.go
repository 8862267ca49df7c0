package contract

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
)

// breakConstraints breaks every constraint of an operation's parameters and body, one at a time, and expects a refusal
// that names the place and the keyword; what lies exactly on an edge has to be taken.
func (s *Suite) breakConstraints(ctx context.Context, op Operation) {
	s.bind(ctx, op, func(b binding) bool {
		for _, p := range op.Parameters {
			s.breakParameter(ctx, op, b, p)
		}
		if op.Method == http.MethodGet {
			r := s.request(op, b)
			r.Query.Set("no_such_parameter", "1")
			s.refused(ctx, r, http.StatusBadRequest, "no_such_parameter", "unknown query parameter")
		}
		s.breakBody(ctx, op, b)
		return true
	})
}

// breakParameter breaks the constraints of one parameter.
func (s *Suite) breakParameter(ctx context.Context, op Operation, b binding, p Parameter) {
	if p.Required && p.In != "path" {
		r := s.request(op, b)
		r.Query.Del(p.Name)
		delete(r.Header, p.Name)
		s.refused(ctx, r, http.StatusBadRequest, p.Name, "parameter "+p.Name+" is missing", "required")
	}
	value := s.valueOf(p)
	if example, ok := b.path[p.Name]; ok {
		value = example
	}
	for _, c := range changes(p.schema, value) {
		sent := texts(c.value)
		if c.keyword == "type" && isText(p.schema, c.place) || len(sent) == 0 || slices.Contains(sent, "") && p.In == "path" {
			continue // every text is a text, no query parameter is an empty list, and no path has an empty part
		}
		what := fmt.Sprintf("parameter %s: %s", p.Name, c.keyword)
		if !s.once(op, "parameter "+p.Name, c) {
			continue
		}
		r := s.request(op, b)
		switch p.In {
		case "path":
			r.Path = map[string]string{}
			for name, v := range b.path {
				r.Path[name] = v
			}
			r.Path[p.Name] = sent[0]
		case "query":
			setQuery(r.Query, p, c.value)
		default:
			r = r.with(p.Name, sent[0])
		}
		s.tell(ctx, r, c, http.StatusBadRequest, p.Name, what, "parameter "+p.Name)
	}
}

// isText reports whether what a change is about is a text in the schema.
func isText(schema node, place string) bool {
	if place != "" {
		schema = schema.get("items")
	}
	return schema.get("type").text() == "string" || schema.get("type").text() == "array"
}

// breakBody breaks the constraints of a body, all that have to be refused first: they may not change anything.
func (s *Suite) breakBody(ctx context.Context, op Operation, b binding) {
	if op.Body == nil || !s.options.AllowWrites {
		return
	}
	before := s.snapshot(ctx)
	s.sendChanges(ctx, op, b, false)
	for place, was := range s.snapshot(ctx) {
		if was.body != before[place].body {
			s.fail(was.exchange, "after what was refused", Fault{"body", "written", "is another than before: a refused request to " + op.ID + " changed something"})
		}
	}
	s.sendChanges(ctx, op, b, true)
}

func (s *Suite) sendChanges(ctx context.Context, op Operation, b binding, keeps bool) {
	for _, example := range op.Body.Examples {
		for _, c := range changes(op.Body.schema, s.substitute(example.Value)) {
			if c.keeps != keeps || !s.once(op, "body", c) {
				continue
			}
			r := s.request(op, b)
			r.Body = encode(c.value)
			s.tell(ctx, r, c, http.StatusUnprocessableEntity, c.place, fmt.Sprintf("body%s: %s", c.place, c.keyword), "body")
		}
	}
}

// state is what an operation answers at some time.
type state struct {
	exchange Exchange
	body     string
}

// snapshot returns what every list that needs no parameter answers.
func (s *Suite) snapshot(ctx context.Context) map[string]state {
	states := map[string]state{}
	for _, op := range s.operations {
		needy := slices.ContainsFunc(op.Parameters, func(p Parameter) bool { return p.Required })
		if op.Method != http.MethodGet || needy {
			continue
		}
		if e, err := s.client.send(ctx, s.request(op, binding{})); err == nil {
			states[op.ID] = state{e, string(encode(steady(e)))}
		}
	}
	return states
}

var elements = regexp.MustCompile(`/[0-9]+`)

// constraint names a constraint whatever example it was met in.
func constraint(op Operation, of string, c change) string {
	edge := ""
	if c.keeps {
		edge = " (edge)"
	}
	return fmt.Sprintf("%s %s%s %s%s", op.ID, of, elements.ReplaceAllString(c.place, "/*"), c.keyword, edge)
}

// once reports whether a constraint comes up for the first time.
func (s *Suite) once(op Operation, of string, c change) bool {
	name := constraint(op, of, c)
	if _, known := s.report.coverage["constraints"][name]; known && (!c.keeps || c.keyword != "enum") { // every member counts
		return false
	}
	s.report.expect("constraints", name)
	return true
}

// tell sends a change and holds the answer against what it should be.
func (s *Suite) tell(ctx context.Context, r Request, c change, status int, place, what, of string) {
	if !c.keeps {
		if s.refused(ctx, r, status, place, what, c.keywords()...) {
			s.report.cover("constraints", constraint(r.Operation, of, c))
		}
		return
	}
	if !s.reads(r.Operation) {
		return
	}
	e, ok := s.send(ctx, r, what+" on its edge")
	if !ok {
		return
	}
	defer s.remove(ctx, e)
	if slices.Contains([]int{400, 413, 415, 422}, e.Status) && !ruled(e) {
		s.fail(e, what+" on its edge", Fault{place, c.keyword, fmt.Sprintf("is refused with %d, although it lies within the constraint", e.Status)})
		return
	}
	s.report.cover("constraints", constraint(r.Operation, of, c))
}

// ruled reports whether a refusal rests on one of the operation's rules, which go beyond its schemas.
func ruled(e Exchange) bool {
	return slices.ContainsFunc(e.Request.Operation.Rules, func(r Rule) bool { return breaks(e, r) })
}

// breaks reports whether a request was refused for breaking a rule.
func breaks(e Exchange, r Rule) bool {
	f := failureOf(e)
	return r.Code == f.Code && (len(f.Details) == 0 || slices.ContainsFunc(f.Details, func(d detail) bool { return d.Code == r.Detail }))
}

// failure is the envelope of an error.
type failure struct {
	Code    string
	Message string
	Details []detail
}

type detail struct{ In, Pointer, Code, Message string }

func failureOf(e Exchange) failure {
	var envelope struct{ Error failure }
	_ = json.Unmarshal(e.Body, &envelope) // what is none has no code
	return envelope.Error
}

// refused sends a request and expects it to be refused with the status and a detail that names the place and one of the
// keywords (any, when none is given). It reports whether it was.
func (s *Suite) refused(ctx context.Context, r Request, status int, place, what string, keywords ...string) bool {
	e, ok := s.send(ctx, r, what)
	if !ok {
		return false
	}
	defer s.remove(ctx, e)
	keyword := strings.Join(keywords, " ")
	if e.Status != status {
		s.fail(e, what, Fault{place, keyword, fmt.Sprintf("is answered with %d, want %d", e.Status, status)})
		return false
	}
	var named []string
	for _, d := range failureOf(e).Details {
		if d.Pointer == place && (len(keywords) == 0 || slices.Contains(keywords, d.Code)) {
			return true
		}
		named = append(named, fmt.Sprintf("%q with %s", d.Pointer, d.Code))
	}
	s.fail(e, what, Fault{place, keyword, fmt.Sprintf("the refusal names %s, want %q with %s", strings.Join(named, ", "), place, keyword)})
	return false
}
