package fast

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// table has values for a schema, by what is said of them. That Accepts says yes where the authority says no is nowhere allowed.
type table struct {
	schema string
	holds  []string // both say yes
	asks   []string // the authority says yes, and Accepts leaves it to that
	breaks []string // the authority says no
}

// at is where the schema under test stands.
const at = "#/components/schemas/It"

func inDocument(schema string) string {
	return `{"components": {"schemas": {"It": ` + schema + `, "Word": {"type": "string", "minLength": 2}}}}`
}

// compiled returns a schema as both compile it.
func compiled(tb testing.TB, schema string) (*Schema, *jsonschema.Schema) {
	tb.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(inDocument(schema)))
	if err != nil {
		tb.Fatalf("%s: %v", schema, err)
	}
	quick, err := NewCompiler(document).Compile(at)
	if err != nil {
		tb.Fatalf("Compile(%s) = %v, want no error", schema, err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("https://example.com/it.json", document); err != nil {
		tb.Fatal(err)
	}
	slow, err := c.Compile("https://example.com/it.json" + at)
	if err != nil {
		tb.Fatalf("%s: %v", schema, err)
	}
	return quick, slow
}

// judge asks the authority, which reads numbers exactly in requests and as binary64 in responses: both readings have to hold.
func judge(slow *jsonschema.Schema, body string) error {
	exact := json.NewDecoder(strings.NewReader(body))
	exact.UseNumber()
	for _, decoder := range []*json.Decoder{exact, json.NewDecoder(strings.NewReader(body))} {
		var value any
		if err := decoder.Decode(&value); err != nil {
			return err
		}
		if _, err := decoder.Token(); err != io.EOF {
			return fmt.Errorf("something follows the value: %w", err)
		}
		if err := slow.Validate(value); err != nil {
			return err
		}
	}
	return nil
}

func (c table) run(t *testing.T) {
	t.Helper()
	quick, slow := compiled(t, c.schema)
	for _, kind := range []struct {
		values          []string
		valid, accepted bool
	}{{c.holds, true, true}, {c.asks, true, false}, {c.breaks, false, false}} {
		for _, body := range kind.values {
			err := judge(slow, body)
			if (err == nil) != kind.valid {
				t.Errorf("%s: the authority says of %s: %v, want valid %t", c.schema, body, err, kind.valid)
			}
			if got := quick.Accepts([]byte(body)); got != kind.accepted {
				t.Errorf("%s: Accepts(%s) = %t, want %t", c.schema, body, got, kind.accepted)
			}
		}
	}
}

func runAll(t *testing.T, tables []table) {
	t.Helper()
	for _, c := range tables {
		c.run(t)
	}
}

// oneOfEach has a value of every type.
var oneOfEach = []string{`null`, `true`, `false`, `0`, `-3`, `1.5`, `""`, `"a"`, `[]`, `[1]`, `{}`, `{"a":1}`}

// A keyword says nothing about values of other types (JSON Schema 2020-12, core §7.6.1).
func TestAccepts_otherTypes(t *testing.T) {
	for schema, own := range map[string]string{
		`{}`: "", `true`: "", `{"minLength": 5}`: `"`, `{"maxLength": 0}`: `"`, `{"pattern": "^x$"}`: `"`, `{"format": "date"}`: `"`, `{"format": "uuid"}`: `"`,
		`{"minimum": 7}`: `0-1`, `{"maximum": -7}`: `0-1`, `{"exclusiveMinimum": 7}`: `0-1`, `{"exclusiveMaximum": -7}`: `0-1`, `{"multipleOf": 7}`: `0-1`,
		`{"format": "int32"}`: "", `{"format": "int64"}`: "", `{"format": "double"}`: "",
		`{"minItems": 2}`: `[`, `{"maxItems": 0}`: `[`, `{"items": false}`: `[`, `{"items": {"type": "string"}}`: `[`, `{"uniqueItems": true}`: `[`,
		`{"minProperties": 2}`: `{`, `{"maxProperties": 0}`: `{`, `{"properties": {"a": false}}`: `{`, `{"required": ["b"]}`: `{`, `{"additionalProperties": false}`: `{`,
	} {
		c := table{schema: schema}
		for _, value := range oneOfEach {
			if own == "" || !strings.Contains(own, value[:1]) {
				c.holds = append(c.holds, value)
			}
		}
		c.run(t)
	}
}

func TestAccepts_type(t *testing.T) {
	kinds := map[string][]string{
		"null": {`null`}, "boolean": {`true`, `false`}, "integer": {`0`, `-3`}, "number": {`0`, `-3`, `1.5`}, "string": {`""`, `"a"`}, "array": {`[]`, `[1]`}, "object": {`{}`, `{"a":1}`},
	}
	for name, holds := range kinds {
		for other, also := range kinds {
			c := table{schema: fmt.Sprintf(`{"type": [%q, %q]}`, name, other)}
			if name == other {
				c.schema = fmt.Sprintf(`{"type": %q}`, name)
			}
			either := strings.Join(append(append([]string{""}, holds...), also...), " ") + " "
			for _, value := range oneOfEach {
				if strings.Contains(either, " "+value+" ") {
					c.holds = append(c.holds, value)
				} else {
					c.breaks = append(c.breaks, value)
				}
			}
			c.run(t)
		}
	}
	table{schema: `{"type": []}`, breaks: nil}.refuses(t, oneOfEach...)
	table{schema: `false`, breaks: oneOfEach}.run(t)
	table{schema: `{"type": "integer"}`, asks: []string{`1.0`, `-1.0`, `1e0`, `1E+2`, `10e-1`}, breaks: []string{`1.5`, `1e-1`, `01`, `+1`, `1.`, `.5`, `-`, ``}}.run(t)
}

// refuses is for schemas that the authority does not compile.
func (c table) refuses(t *testing.T, values ...string) {
	t.Helper()
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(inDocument(c.schema)))
	if err != nil {
		t.Fatal(err)
	}
	quick, err := NewCompiler(document).Compile(at)
	if err != nil {
		return
	}
	for _, body := range values {
		if quick.Accepts([]byte(body)) {
			t.Errorf("%s: Accepts(%s) = true, want false", c.schema, body)
		}
	}
}

func TestAccepts_literals(t *testing.T) {
	runAll(t, []table{
		{schema: `{"const": "v1"}`, holds: []string{`"v1"`, ` "v1" `}, asks: []string{`"\u00761"`}, breaks: []string{`"v2"`, `"v"`, `"v11"`, `"V1"`, `1`, `null`, `["v1"]`, `{"v1":1}`}},
		{schema: `{"const": ""}`, holds: []string{`""`}, breaks: []string{`" "`, `null`, `0`, `false`}},
		{schema: `{"const": null}`, holds: []string{`null`}, breaks: []string{`"null"`, `0`, `false`, `""`, `[]`, `{}`, `nul`, `nulll`, `NULL`}},
		{schema: `{"const": true}`, holds: []string{`true`}, breaks: []string{`false`, `1`, `"true"`, `tru`, `truex`}},
		{schema: `{"const": 0}`, holds: []string{`0`}, asks: []string{`-0`, `0.0`, `0e9`}, breaks: []string{`false`, `null`, `""`, `1`, `"0"`, `00`}},
		{schema: `{"const": 1.5}`, holds: []string{`1.5`}, asks: []string{`1.50`, `15e-1`}, breaks: []string{`1`, `2`, `"1.5"`, `1.49`}},
		{
			schema: `{"enum": ["a", "b c", "é", "😀", "a&b", "<", ""]}`,
			holds:  []string{`"a"`, `"b c"`, `"é"`, `"😀"`, `"a&b"`, `"<"`, `""`},
			asks:   []string{`"\u0061"`, `"\u00e9"`, `"\ud83d\ude00"`, `"a\u0026b"`},
			breaks: []string{`"b"`, `"a "`, `"A"`, `"e\u0301"`, `"c"`, `0`, `null`, `["a"]`},
		},
		{schema: `{"enum": [null, true, 7, -7, "x"]}`, holds: []string{`null`, `true`, `7`, `-7`, `"x"`}, breaks: []string{`false`, `8`, `"7"`, `"null"`, `[7]`, `{}`}},
		{schema: `{"type": "string", "enum": [1, "a"]}`, holds: []string{`"a"`}, breaks: []string{`1`, `"1"`}},
		{schema: `{"type": ["string", "null"], "enum": ["a", null]}`, holds: []string{`"a"`, `null`}, breaks: []string{`"null"`, `""`}},
		{schema: `{"type": ["string", "null"], "enum": ["a"]}`, holds: []string{`"a"`}, breaks: []string{`null`}},
		{schema: `{"enum": []}`, breaks: oneOfEach},
		{schema: `{"enum": ["a,b", "a"], "maxLength": 1}`, holds: []string{`"a"`}, breaks: []string{`"a,b"`}},
	})
}

// Words are read to their end and not beyond.
func TestAccepts_words(t *testing.T) {
	quick, _ := compiled(t, `{}`)
	for _, word := range []string{"true", "false", "null"} {
		for i := range word {
			if quick.Accepts([]byte(word[:i])) {
				t.Errorf("Accepts(%s) = true, want false", word[:i])
			}
			wrong := bytes.ToUpper([]byte(word[i : i+1]))
			if body := word[:i] + string(wrong) + word[i+1:]; quick.Accepts([]byte(body)) {
				t.Errorf("Accepts(%s) = true, want false", body)
			}
		}
	}
}
