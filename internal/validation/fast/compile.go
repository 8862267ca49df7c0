package fast

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Compiler compiles the schemas of a document. Schemas that refer to each other are the same in all that it compiles.
type Compiler struct {
	document any
	schemas  map[string]*Schema // by their JSON pointers
	broken   error              // what was wrong with a schema: others may refer to it
}

// NewCompiler returns a Compiler for a document whose numbers were decoded as json.Number.
func NewCompiler(document any) *Compiler {
	return &Compiler{document: document, schemas: map[string]*Schema{}}
}

// Compile returns the schema at a JSON pointer (#/components/schemas/Permit). A keyword that it does not know is an error, so that
// nothing is passed over in silence. After such an error, nothing compiles any more.
func (c *Compiler) Compile(pointer string) (*Schema, error) {
	if c.broken != nil {
		return nil, c.broken
	}
	if s, ok := c.schemas[pointer]; ok {
		return s, nil
	}
	value, err := c.at(pointer)
	if err != nil {
		return nil, err
	}
	s := &Schema{}
	c.schemas[pointer] = s // which a schema that refers to itself finds
	if err := c.compile(s, value, pointer); err != nil {
		c.broken = err
		return nil, err
	}
	s.whole = true
	if len(s.all) == 1 && s.types == anything && s.forObjects() && s.object == nil { // it says nothing besides
		c.schemas[pointer] = s.all[0]
	}
	return c.schemas[pointer], nil
}

// forObjects reports whether a schema has rules for objects alone, but for those that have to hold besides.
func (s *Schema) forObjects() bool {
	return s.literals == nil && s.text == nil && s.number == nil && s.array == nil && s.choice == nil
}

var unescapePointer = strings.NewReplacer("~1", "/", "~0", "~")

func (c *Compiler) at(pointer string) (any, error) {
	path, ok := strings.CutPrefix(pointer, "#/")
	if !ok {
		return nil, fmt.Errorf("%s: want a JSON pointer into the document", pointer)
	}
	value := c.document
	for part := range strings.SplitSeq(path, "/") {
		name := unescapePointer.Replace(part)
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			i, err := strconv.Atoi(name)
			if err != nil || i < 0 || i >= len(v) {
				return nil, fmt.Errorf("%s: there is nothing", pointer)
			}
			value = v[i]
		default:
			value = nil
		}
		if value == nil {
			return nil, fmt.Errorf("%s: there is nothing", pointer)
		}
	}
	return value, nil
}

// within returns the pointer to what lies in a value.
func within(pointer string, names ...string) string {
	for _, n := range names {
		pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(n)
	}
	return pointer
}

// keyword reads the value of one into the schema at a pointer.
type keyword func(c *Compiler, s *Schema, value any, at string) error

// annotations are keywords that say nothing about what is valid.
var annotations = []string{"title", "description", "default", "example", "examples", "deprecated", "externalDocs", "discriminator"}

func (c *Compiler) compile(s *Schema, value any, at string) error {
	s.types = anything
	if allowed, ok := value.(bool); ok {
		if !allowed {
			s.types = 0
		}
		return nil
	}
	rules, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want a schema, not %T", at, value)
	}
	for _, name := range slices.Sorted(maps.Keys(rules)) {
		if strings.HasPrefix(name, "x-") || slices.Contains(annotations, name) {
			continue
		}
		read, ok := keywords()[name]
		if !ok {
			return fmt.Errorf("%s: the keyword %s is not known", at, name)
		}
		if err := read(c, s, rules[name], at); err != nil {
			return err
		}
	}
	if s.choice != nil && s.object != nil {
		return fmt.Errorf("%s: oneOf beside other keywords for objects is not known", at)
	}
	s.absorb()
	return s.object.settle(at)
}

// keywords are those that are known. Each applies to values of its own types alone (JSON Schema 2020-12, validation §6).
func keywords() map[string]keyword {
	return map[string]keyword{
		"$ref": refer, "allOf": allOf, "oneOf": oneOf, "type": types, "enum": enum, "const": constant, "format": format, "pattern": pattern,
		"minLength":        func(_ *Compiler, s *Schema, v any, at string) error { return count(&s.texts().min, v, at) },
		"maxLength":        func(_ *Compiler, s *Schema, v any, at string) error { return count(&s.texts().max, v, at) },
		"minItems":         func(_ *Compiler, s *Schema, v any, at string) error { return count(&s.arrays().min, v, at) },
		"maxItems":         func(_ *Compiler, s *Schema, v any, at string) error { return count(&s.arrays().max, v, at) },
		"minProperties":    func(_ *Compiler, s *Schema, v any, at string) error { return count(&s.objects().min, v, at) },
		"maxProperties":    func(_ *Compiler, s *Schema, v any, at string) error { return count(&s.objects().max, v, at) },
		"minimum":          func(_ *Compiler, s *Schema, v any, at string) error { return bound(&s.numbers().min, v, at) },
		"maximum":          func(_ *Compiler, s *Schema, v any, at string) error { return bound(&s.numbers().max, v, at) },
		"exclusiveMinimum": func(_ *Compiler, s *Schema, v any, at string) error { return bound(&s.numbers().above, v, at) },
		"exclusiveMaximum": func(_ *Compiler, s *Schema, v any, at string) error { return bound(&s.numbers().below, v, at) },
		"multipleOf":       func(_ *Compiler, s *Schema, v any, at string) error { return bound(&s.numbers().multipleOf, v, at) },
		"uniqueItems":      uniqueItems, "items": items, "properties": properties, "required": required, "additionalProperties": additionalProperties,
	}
}

const unlimited = math.MaxInt

func (s *Schema) texts() *text {
	if s.text == nil {
		s.text = &text{max: unlimited}
	}
	return s.text
}

func (s *Schema) numbers() *number {
	if s.number == nil {
		s.number = &number{}
	}
	return s.number
}

func (s *Schema) arrays() *array {
	if s.array == nil {
		s.array = &array{items: anyValue, max: unlimited}
	}
	return s.array
}

func (s *Schema) objects() *object {
	if s.object == nil {
		s.object = &object{index: map[string]int{}, others: anyValue, max: unlimited}
	}
	return s.object
}

func count(to *int, value any, at string) error {
	written, _ := value.(json.Number)
	n, err := strconv.Atoi(string(written))
	if err != nil || n < 0 {
		return fmt.Errorf("%s: %v is no count", at, value)
	}
	*to = n
	return nil
}

func bound(to **decimal, value any, at string) error {
	written, _ := value.(json.Number)
	d, err := exactly(written)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	*to = &d
	return nil
}

// exactly reads a number that all readers take for the same.
func exactly(written json.Number) (decimal, error) {
	d, end := parseDecimal([]byte(written), 0)
	if end != len(written) || !d.exact() {
		return d, fmt.Errorf("%q is no number without an exponent that binary64 holds", written)
	}
	return d, nil
}

func refer(c *Compiler, s *Schema, value any, at string) error {
	reference, _ := value.(string)
	pointer, err := url.PathUnescape(reference)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	return c.also(s, pointer, at)
}

func allOf(c *Compiler, s *Schema, value any, at string) error {
	branches, _ := value.([]any)
	for i := range branches {
		if err := c.also(s, within(at, "allOf", strconv.Itoa(i)), at); err != nil {
			return err
		}
	}
	return nil
}

// also adds what has to hold besides.
func (c *Compiler) also(s *Schema, pointer, at string) error {
	to, err := c.Compile(pointer)
	if err != nil {
		return err
	}
	if to.reaches(s) {
		return fmt.Errorf("%s: it refers to itself, for the same value", at)
	}
	s.all = append(s.all, to)
	return nil
}

// reaches reports whether to look at a value is to look at it by another schema as well.
func (s *Schema) reaches(other *Schema) bool {
	if s == other || slices.ContainsFunc(s.all, func(also *Schema) bool { return also.reaches(other) }) {
		return true
	}
	if s.choice != nil {
		for _, branch := range s.choice.branches {
			if branch.reaches(other) {
				return true
			}
		}
	}
	return false
}

var names = map[string]kinds{
	"null": null, "boolean": boolean, "integer": integer, "number": integer | fraction, "string": str, "array": list, "object": record,
}

func types(_ *Compiler, s *Schema, value any, at string) error {
	several, ok := value.([]any)
	if !ok {
		several = []any{value}
	}
	s.types = 0
	for _, v := range several {
		name, _ := v.(string)
		kind, ok := names[name]
		if !ok {
			return fmt.Errorf("%s: %v is no type", at, v)
		}
		s.types |= kind
	}
	return nil
}

func constant(c *Compiler, s *Schema, value any, at string) error {
	return enum(c, s, []any{value}, at)
}

func enum(_ *Compiler, s *Schema, value any, at string) error {
	if s.literals != nil {
		return fmt.Errorf("%s: enum beside const is not known", at)
	}
	s.literals = map[string]bool{}
	values, _ := value.([]any)
	for _, v := range values {
		written, err := literal(v)
		if err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
		s.literals[written] = true
	}
	return nil
}

// literal writes a value as JSON that nothing else comes to.
func literal(value any) (string, error) {
	switch v := value.(type) {
	case nil, bool:
	case string:
		if escapes(v) {
			return "", fmt.Errorf("the literal %q has escapes, which are not known", v)
		}
		return `"` + v + `"`, nil
	case json.Number:
		if _, err := exactly(v); err != nil {
			return "", err
		}
	default:
		return "", fmt.Errorf("enum and const of %T are not known", value)
	}
	written, err := json.Marshal(value)
	return string(written), err
}

// escapes reports whether a text does not stand in JSON as it is.
func escapes(text string) bool {
	return !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == '"' || r == '\\' })
}

func pattern(_ *Compiler, s *Schema, value any, at string) error {
	expression, _ := value.(string)
	compiled, err := newMatcher(expression)
	if err != nil {
		return fmt.Errorf("%s: %w", at, err)
	}
	s.texts().patterns = append(s.texts().patterns, compiled)
	return nil
}

func uniqueItems(_ *Compiler, s *Schema, value any, _ string) error {
	s.arrays().unique, _ = value.(bool)
	return nil
}

func items(c *Compiler, s *Schema, _ any, at string) (err error) {
	s.arrays().items, err = c.Compile(within(at, "items"))
	return err
}

func additionalProperties(c *Compiler, s *Schema, value any, at string) (err error) {
	if allowed, ok := value.(bool); ok {
		if s.objects(); !allowed {
			s.object.others = nil
		}
		return nil
	}
	s.objects().others, err = c.Compile(within(at, "additionalProperties"))
	return err
}

func properties(c *Compiler, s *Schema, value any, at string) error {
	found, _ := value.(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(found)) {
		of, err := c.Compile(within(at, "properties", name))
		if err != nil {
			return err
		}
		if err := s.objects().add(name, of); err != nil {
			return fmt.Errorf("%s: %w", at, err)
		}
	}
	return nil
}

func required(_ *Compiler, s *Schema, value any, _ string) error {
	wanted, _ := value.([]any)
	for _, v := range wanted {
		name, _ := v.(string)
		s.objects().wanted = append(s.objects().wanted, name)
	}
	return nil
}

func (o *object) add(name string, of *Schema) error {
	if escapes(name) {
		return fmt.Errorf("the name %q has escapes, which are not known", name)
	}
	o.index[name] = len(o.properties)
	o.properties = append(o.properties, property{name, of})
	return nil
}

// settle notes which properties have to be there, once all are known.
func (o *object) settle(at string) error {
	if o == nil {
		return nil
	}
	for _, name := range o.wanted {
		if _, ok := o.index[name]; !ok {
			of := o.others
			if of == nil {
				of = &Schema{} // which nothing holds
			}
			if err := o.add(name, of); err != nil {
				return fmt.Errorf("%s: %w", at, err)
			}
		}
		o.required |= 1 << o.index[name]
	}
	if len(o.properties) > 64 {
		return fmt.Errorf("%s: more than 64 properties are not known", at)
	}
	return nil
}

// oneOf reads branches that the const of a required property tells apart, so that at most one holds.
func oneOf(c *Compiler, s *Schema, value any, at string) error {
	rules, err := c.at(at)
	if err != nil {
		return err
	}
	discriminator, _ := rules.(map[string]any)["discriminator"].(map[string]any)
	name, _ := discriminator["propertyName"].(string)
	s.choice = &choice{name, map[string]*Schema{}}
	branches, _ := value.([]any)
	for i := range branches {
		pointer := within(at, "oneOf", strconv.Itoa(i))
		branch, err := c.Compile(pointer)
		if err != nil {
			return err
		}
		told, err := branch.told(name)
		if err != nil {
			return fmt.Errorf("%s: %w", pointer, err)
		}
		if s.choice.branches[told] != nil {
			return fmt.Errorf("%s: %s is %s in another branch, too", pointer, name, told)
		}
		if branch.reaches(s) {
			return fmt.Errorf("%s: it refers to itself, for the same value", pointer)
		}
		s.choice.branches[told] = branch
	}
	return nil
}

// told returns the const that a branch of a oneOf wants in the property that tells it from the others.
func (s *Schema) told(name string) (string, error) {
	if o := s.object; o != nil && s.types == record {
		if i, ok := o.index[name]; ok && o.required&(1<<i) != 0 && len(o.properties[i].schema.literals) == 1 {
			for written := range o.properties[i].schema.literals {
				if written[0] == '"' { // 1 and 1.0 are the same
					return written, nil
				}
			}
		}
	}
	return "", fmt.Errorf("want an object whose %q, the discriminator, is required and a const string", name)
}
