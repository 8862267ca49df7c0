package validation

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"

	vferrors "github.com/pb33f/libopenapi-validator/errors"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/plotwise/plotwise/internal/problem"
)

// english prints what the schema compiler says about the kinds that have no words of ours.
var english = message.NewPrinter(language.English)

// schemaDetails returns what of the value breaks the schema: the place, and the keyword. In a parameter, the place is
// the parameter's name; in a body, a JSON pointer.
func schemaDetails(schema *jsonschema.Schema, value any, in, name string, h hints) []problem.Detail {
	err := schema.Validate(value)
	var failure *jsonschema.ValidationError
	if !errors.As(err, &failure) {
		return nil
	}
	var details []problem.Detail
	for _, leaf := range leaves(failure) {
		pointer := name
		if in == problem.InBody {
			pointer = pointerOf(leaf.InstanceLocation)
		}
		for _, d := range explain(leaf.ErrorKind, pointer, h) {
			d.In = in
			details = append(details, d)
		}
	}
	telling(details)
	return slices.CompactFunc(details, func(a, b problem.Detail) bool { return a == b })
}

// telling puts what a text has to be before how long it may be, among what is wrong at the same place.
func telling(details []problem.Detail) {
	first := map[string]int{}
	for i, d := range details {
		if _, known := first[d.Pointer]; !known {
			first[d.Pointer] = i
		}
	}
	length := map[string]int{"minLength": 1, "maxLength": 1}
	slices.SortStableFunc(details, func(a, b problem.Detail) int {
		return cmp.Or(cmp.Compare(first[a.Pointer], first[b.Pointer]), cmp.Compare(length[a.Code], length[b.Code]))
	})
}

// hints say in words what a pattern asks for (the document's x-pattern-hint), by the pattern.
type hints map[string]string

// collect adds the hints of a document's value and all within it.
func (h hints) collect(value any) {
	switch v := value.(type) {
	case map[string]any:
		pattern, _ := v["pattern"].(string)
		if hint, ok := v["x-pattern-hint"].(string); ok {
			h[pattern] = hint
		}
		for _, child := range v {
			h.collect(child)
		}
	case []any:
		for _, child := range v {
			h.collect(child)
		}
	}
}

// leaves returns the failures that have no closer cause.
func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	if _, ok := e.ErrorKind.(*kind.OneOf); ok {
		return chosen(e)
	}
	var found []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		found = append(found, leaves(cause)...)
	}
	return found
}

// chosen returns what is wrong with the branch of a oneOf that the value's discriminator chooses: in the others its const
// does not hold. When it chooses none, that alone is wrong.
func chosen(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	var known []any
	var discriminator *jsonschema.ValidationError
	var possible [][]*jsonschema.ValidationError
	for _, branch := range e.Causes {
		found := leaves(branch)
		i := slices.IndexFunc(found, func(l *jsonschema.ValidationError) bool { _, ok := l.ErrorKind.(*kind.Const); return ok })
		if i < 0 {
			possible = append(possible, found)
			continue
		}
		discriminator = found[i]
		known = append(known, found[i].ErrorKind.(*kind.Const).Want)
	}
	switch {
	case len(possible) > 0:
		return common(possible)
	case discriminator == nil:
		return []*jsonschema.ValidationError{e}
	}
	return []*jsonschema.ValidationError{{
		SchemaURL: e.SchemaURL, InstanceLocation: discriminator.InstanceLocation, ErrorKind: &choice{known},
	}}
}

// common returns what is wrong with every branch, or else with the first: where the discriminator is missing or no text,
// that is all that can be said.
func common(branches [][]*jsonschema.ValidationError) []*jsonschema.ValidationError {
	var all []*jsonschema.ValidationError
	for _, leaf := range branches[0] {
		shared := *leaf
		everywhere := !slices.ContainsFunc(branches[1:], func(branch []*jsonschema.ValidationError) bool {
			return !slices.ContainsFunc(branch, func(other *jsonschema.ValidationError) bool { return share(&shared, other) })
		})
		if everywhere {
			all = append(all, &shared)
		}
	}
	if all == nil {
		return branches[0]
	}
	return all
}

// share reports whether two failures are the same at the same place; of missing fields it keeps those that both miss.
func share(a, b *jsonschema.ValidationError) bool {
	if !slices.Equal(a.InstanceLocation, b.InstanceLocation) || !slices.Equal(a.ErrorKind.KeywordPath(), b.ErrorKind.KeywordPath()) {
		return false
	}
	missing, ok := a.ErrorKind.(*kind.Required)
	if !ok {
		return true
	}
	var both []string
	for _, name := range missing.Missing {
		if slices.Contains(b.ErrorKind.(*kind.Required).Missing, name) {
			both = append(both, name)
		}
	}
	a.ErrorKind = &kind.Required{Missing: both}
	return len(both) > 0
}

// choice says that a discriminator names none of the branches.
type choice struct{ known []any }

// KeywordPath returns the keyword that does not hold.
func (*choice) KeywordPath() []string { return []string{"oneOf"} }

// LocalizedString says what would be right.
func (c *choice) LocalizedString(*message.Printer) string { return "must be one of " + listOf(c.known) }

func pointerOf(location []string) string {
	var b strings.Builder
	for _, part := range location {
		b.WriteString("/" + pointerEscaper.Replace(part))
	}
	return b.String()
}

// explain says which keyword does not hold and what would be right.
func explain(k jsonschema.ErrorKind, at string, h hints) []problem.Detail {
	switch k := k.(type) {
	case *kind.Required:
		return forEach(k.Missing, at, "required", "must be given")
	case *kind.AdditionalProperties:
		return forEach(k.Properties, at, "additionalProperties", "is not a field here")
	}
	keyword := ""
	if path := k.KeywordPath(); len(path) > 0 {
		keyword = path[len(path)-1]
	}
	return []problem.Detail{{Pointer: at, Code: keyword, Message: words(k, h)}}
}

func forEach(names []string, at, code, text string) []problem.Detail {
	var details []problem.Detail
	for _, name := range names {
		details = append(details, problem.Detail{Pointer: at + "/" + pointerEscaper.Replace(name), Code: code, Message: text})
	}
	return details
}

func words(k jsonschema.ErrorKind, h hints) string {
	switch k := k.(type) {
	case *kind.Type:
		return "must be of type " + strings.Join(k.Want, " or ")
	case *kind.Enum:
		return "must be one of " + listOf(k.Want)
	case *kind.Const:
		return fmt.Sprintf("must be %v", k.Want)
	case *kind.Format:
		return "must be " + formatWords(k.Want)
	case *kind.Pattern:
		if hint, ok := h[k.Want]; ok {
			return "must be " + hint
		}
		return "must match the pattern " + k.Want
	case *kind.Minimum:
		return "must be at least " + decimal(k.Want)
	case *kind.Maximum:
		return "must be at most " + decimal(k.Want)
	case *kind.MinLength:
		return "must have at least " + count(k.Want, "character")
	case *kind.MaxLength:
		return "must have at most " + count(k.Want, "character")
	case *kind.MinItems:
		return "must have at least " + count(k.Want, "value")
	case *kind.MaxItems:
		return "must have at most " + count(k.Want, "value")
	case *kind.MinProperties:
		return "must have at least " + count(k.Want, "field")
	case *kind.UniqueItems:
		return "must not hold a value twice"
	}
	return k.LocalizedString(english)
}

func formatWords(format string) string {
	switch format {
	case "date":
		return "a date such as 2026-01-23"
	case "date-time":
		return "an instant such as 2026-01-23T10:45:00Z (RFC 3339)"
	case "uuid":
		return "a UUID such as 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"
	case "email":
		return "an e-mail address"
	case "uri":
		return "a URL such as https://example.com/path"
	}
	return "of the format " + format
}

func listOf(values []any) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = fmt.Sprint(v)
	}
	return strings.Join(texts, ", ")
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.Itoa(n) + " " + noun + "s"
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return strconv.FormatFloat(f, 'g', -1, 64)
}

// fromAuthority turns what only libopenapi-validator refused into a failure for the caller.
func fromAuthority(failures []*vferrors.ValidationError) error {
	var details []problem.Detail
	for _, f := range failures {
		d := problem.Detail{In: f.ValidationSubType, Pointer: f.ParameterName, Code: "schema", Message: "is not valid: " + f.Reason}
		if f.ParameterName == "" {
			d.In = problem.InBody
		}
		details = append(details, d)
	}
	if details[0].In == problem.InBody {
		return &problem.Error{Kind: problem.Unprocessable, Code: "invalid_body", Message: problem.Summary(details), Details: details}
	}
	return problem.Parameters(details...)
}
