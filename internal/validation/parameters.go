package validation

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/spec"
	"github.com/plotwise/plotwise/internal/validation/fast"
)

type parameter struct {
	spec.Parameter
	key    string // its name as http.Header has it, if it is a header
	schema *jsonschema.Schema
	quick  *fast.Schema
	hints  hints
}

// query reads a query string (application/x-www-form-urlencoded) and returns everything that is wrong with it.
func (o *Operation) query(raw string) (url.Values, []problem.Detail) {
	values, err := url.ParseQuery(raw)
	if err != nil {
		return nil, []problem.Detail{{
			In: problem.InQuery, Code: "encoding", Message: "must be percent-encoded and joined by &: " + `write % as %25 and ; as %3B`,
		}}
	}
	var details []problem.Detail
	for _, name := range slices.Sorted(maps.Keys(values)) {
		p, ok := o.parameters[name]
		if !ok {
			details = append(details, o.unknown(name))
			continue
		}
		details = append(details, p.check(values[name])...)
	}
	for _, name := range slices.Sorted(maps.Keys(o.parameters)) {
		if o.parameters[name].Required && !values.Has(name) {
			details = append(details, problem.Detail{In: problem.InQuery, Pointer: name, Code: "required", Message: "must be given"})
		}
	}
	return values, details
}

func (o *Operation) unknown(name string) problem.Detail {
	known := "this operation has none"
	if len(o.parameters) > 0 {
		known = "this operation has " + strings.Join(slices.Sorted(maps.Keys(o.parameters)), ", ")
	}
	if !utf8.ValidString(name) || len(name) > 100 {
		name = ""
	}
	return problem.Detail{In: problem.InQuery, Pointer: name, Code: "unknown", Message: "is not a parameter here; " + known}
}

func (o *Operation) pathDetails(values map[string]string) []problem.Detail {
	var details []problem.Detail
	for _, p := range o.path {
		details = append(details, p.check([]string{values[p.Name]})...)
	}
	return details
}

func (o *Operation) headerDetails(header http.Header) []problem.Detail {
	var details []problem.Detail
	for _, p := range o.headers {
		if values := header.Values(p.Name); len(values) > 0 {
			details = append(details, p.check(values)...)
		} else if p.Required {
			details = append(details, problem.Detail{In: problem.InHeader, Pointer: p.Name, Code: "required", Message: "must be given"})
		}
	}
	return details
}

// check returns what is wrong with the values of one parameter.
func (p parameter) check(values []string) []problem.Detail {
	for _, v := range values {
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return []problem.Detail{{In: p.In, Pointer: p.Name, Code: "encoding", Message: "must be UTF-8 without the character NUL"}}
		}
	}
	if p.Type != "array" {
		if len(values) > 1 {
			return []problem.Detail{{In: p.In, Pointer: p.Name, Code: "repeated", Message: "must be given only once"}}
		}
		return p.scalar(values[0])
	}
	if !p.Explode {
		if len(values) > 1 {
			return []problem.Detail{{In: p.In, Pointer: p.Name, Code: "repeated", Message: "must be given only once, with commas between its values"}}
		}
		values = strings.Split(values[0], ",")
	}
	items := make([]any, len(values))
	for i, v := range values {
		items[i] = decodeScalar(p.Items, v)
	}
	return schemaDetails(p.schema, items, p.In, p.Name, p.hints)
}

// scalar returns what is wrong with a single value. In a query, a space may be what a + of a time zone came to.
func (p parameter) scalar(text string) []problem.Detail {
	details := schemaDetails(p.schema, decodeScalar(p.Type, text), p.In, p.Name, p.hints)
	if plus := strings.ReplaceAll(text, " ", "+"); len(details) > 0 && plus != text && p.schema.Validate(decodeScalar(p.Type, plus)) == nil {
		details[0].Message += "; a + has to be sent as %2B, or write the time with Z"
	}
	return details
}

var jsonNumber = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// decodeScalar returns the value that the text stands for; a text that is not of its type stays text, which its schema
// then refuses by the keyword type.
func decodeScalar(kind, text string) any {
	switch kind {
	case "integer", "number":
		if len(text) <= maxNumber && jsonNumber.MatchString(text) {
			return json.Number(text)
		}
	case "boolean":
		switch text {
		case "true":
			return true
		case "false":
			return false
		}
	}
	return text
}
