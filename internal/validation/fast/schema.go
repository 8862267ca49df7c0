// Package fast holds JSON against a JSON Schema (draft 2020-12, as OpenAPI 3.1 uses it) on its bytes: in one pass, without
// decoding and without allocating. It says yes only where every validator would; anything it is not sure of it leaves to
// a slower one that knows the words. So false means "ask", not "invalid".
package fast

import (
	"strings"
	"sync"
)

// Schema is a compiled schema. It is safe for concurrent use.
type Schema struct {
	types    kinds
	literals map[string]bool // enum or const, as JSON; nil allows any
	text     *text
	number   *number
	array    *array
	object   *object
	choice   *choice
	all      []*Schema // what has to hold besides: $ref beside other keywords, allOf
	whole    bool      // it is compiled to its end
}

// anyValue holds for every value.
var anyValue = &Schema{types: anything, whole: true}

// kinds is a set of the types that JSON Schema tells apart.
type kinds uint8

const (
	null kinds = 1 << iota
	boolean
	integer
	fraction // a number that is no integer
	str
	list
	record
	anything = null | boolean | integer | fraction | str | list | record
)

// array has the rules for arrays.
type array struct {
	items    *Schema
	min, max int
	unique   bool
}

// object has the rules for objects.
type object struct {
	properties []property
	index      map[string]int // of properties, by name
	required   uint64         // bits of the properties that have to be there
	wanted     []string       // their names
	others     *Schema        // what other properties hold; nil refuses them
	min, max   int
}

type property struct {
	name   string
	schema *Schema
}

// choice is a oneOf whose branches a property tells apart: each wants another const there.
type choice struct {
	name     string
	branches map[string]*Schema // by the const, as JSON
}

// Span is a part of a body that was held against Schema before: the value from Start up to End.
type Span struct {
	Start, End int
	Schema     *Schema
}

// Accepts reports whether the body is one JSON value (RFC 8259) for which the schema holds: UTF-8, no name twice in an object,
// no NUL, no half of a surrogate pair, nested at most 64 levels deep. Values that are known to hold are stepped over.
func (s *Schema) Accepts(body []byte, known ...Span) bool {
	c := checks.Get().(*check)
	c.body, c.known = body, known
	end := c.value(s, c.space(0), 0)
	ok := end >= 0 && c.space(end) == len(body)
	c.body, c.known = nil, nil
	checks.Put(c)
	return ok
}

// AcceptsText reports whether the schema holds for a string whose characters are these.
func (s *Schema) AcceptsText(value string) bool {
	c := checks.Get().(*check)
	ok := c.plain(s, value)
	checks.Put(c)
	return ok
}

// AcceptsLiteral reports whether the schema holds for the number or truth value that the text writes.
func (s *Schema) AcceptsLiteral(value string) bool {
	c := checks.Get().(*check)
	c.scratch = append(c.scratch[:0], value...)
	c.body = c.scratch
	ok := value != "" && strings.IndexByte(`{["n`, value[0]) < 0 && c.value(s, 0, 0) == len(value)
	c.body = nil
	checks.Put(c)
	return ok
}

// AcceptsList reports whether the schema, one for arrays, holds for a list of strings or of the numbers or truth values that
// they write.
func (s *Schema) AcceptsList(values []string, literals bool) bool {
	a := s.array
	if a == nil || s.types&list == 0 || len(s.all) > 0 || s.literals != nil || s.choice != nil {
		return false
	}
	if len(values) < a.min || len(values) > a.max || a.unique && len(values) > maxUnique {
		return false
	}
	for i, v := range values {
		if literals && !a.items.AcceptsLiteral(v) || !literals && !a.items.AcceptsText(v) {
			return false
		}
		for _, before := range values[:i] {
			if a.unique && before == v {
				return false
			}
		}
	}
	return !a.unique || !literals || len(values) < 2 // 1 and 1.0 are the same
}

// check is the state of one look at a body.
type check struct {
	body    []byte
	known   []Span
	scratch []byte // the characters of the string at hand, when the body escapes them
}

var checks = sync.Pool{New: func() any { return new(check) }}
