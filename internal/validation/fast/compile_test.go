package fast

import (
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compile(t *testing.T, document, pointer string) (*Schema, error) {
	t.Helper()
	decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return NewCompiler(decoded).Compile(pointer)
}

// What is not known is said, never passed over.
func TestCompile_refuses(t *testing.T) {
	const circle = `{"type": "object", "required": ["k"], "properties": {"k": {"const": "circle"}}}`
	branches := func(second string) string {
		return `{"discriminator": {"propertyName": "k"}, "oneOf": [` + circle + `, ` + second + `]}`
	}
	var many []string
	for i := range 65 {
		many = append(many, fmt.Sprintf(`"p%d": {}`, i))
	}
	for _, c := range []struct{ schema, says string }{
		{`{"prefixItems": []}`, "the keyword prefixItems is not known"},
		{`{"anyOf": [{}]}`, "anyOf"},
		{`{"not": {}}`, "the keyword not"},
		{`{"if": {}}`, "if"},
		{`{"patternProperties": {}}`, "patternProperties"},
		{`{"propertyNames": {}}`, "propertyNames"},
		{`{"dependentRequired": {}}`, "dependentRequired"},
		{`{"contains": {}}`, "contains"},
		{`{"unevaluatedProperties": false}`, "unevaluatedProperties"},
		{`{"unevaluatedItems": false}`, "unevaluatedItems"},
		{`{"nullable": true}`, "nullable"},
		{`{"readOnly": true}`, "readOnly"},
		{`{"$defs": {}}`, "$defs"},
		{`{"$id": "a"}`, "$id"},
		{`{"$dynamicRef": "#a"}`, "$dynamicRef"},
		{`{"Type": "string"}`, "Type"},
		{`{"contentEncoding": "base64"}`, "contentEncoding"},
		{`{"properties": {"a": {"items": {"not": {}}}}}`, at + "/properties/a/items: the keyword not"},
		{`{"format": "hostname"}`, "the format hostname is not known"},
		{`{"format": "int16"}`, "int16"},
		{`{"format": ""}`, "format"},
		{`{"format": 1}`, "format"},
		{`{"type": "any"}`, "any is no type"},
		{`{"type": ["string", 1]}`, "1 is no type"},
		{`{"type": null}`, "no type"},
		{`{"pattern": "("}`, "missing closing )"},
		{`{"pattern": "(?=a)"}`, "invalid or unsupported"},
		{`{"pattern": "\\1"}`, "invalid escape"},
		{`{"minLength": -1}`, "-1 is no count"},
		{`{"maxLength": 1.5}`, "1.5 is no count"},
		{`{"minItems": "1"}`, "1 is no count"},
		{`{"maxItems": null}`, "no count"},
		{`{"maxProperties": 1e2}`, "no count"},
		{`{"minimum": "1"}`, "no number"},
		{`{"minimum": 1e2}`, "1e2\" is no number"},
		{`{"maximum": true}`, "no number"},
		{`{"exclusiveMinimum": true}`, "no number"},
		{`{"exclusiveMaximum": "a"}`, "no number"},
		{`{"multipleOf": 1e-2}`, "no number"},
		{`{"maximum": 9007199254740993}`, "that binary64 holds"},
		{`{"minimum": 0.1234567890123456}`, "that binary64 holds"},
		{`{"maximum": 12345678901234567890}`, "that binary64 holds"},
		{`{"const": [1]}`, "enum and const of []interface {} are not known"},
		{`{"enum": ["a", {}]}`, "not known"},
		{`{"const": 1e2}`, "1e2\" is no number"},
		{`{"enum": [0.1234567890123456]}`, "that binary64 holds"},
		{`{"const": "a\"b"}`, "has escapes"},
		{`{"enum": ["a", "b\\"]}`, "has escapes"},
		{`{"const": "a\nb"}`, "has escapes"},
		{`{"const": "\u0000"}`, "has escapes"},
		{`{"enum": [1], "const": 1}`, "enum beside const"},
		{`{"properties": {"a\"b": {}}}`, `the name "a\"b" has escapes`},
		{`{"properties": {"a\\b": {}}}`, "has escapes"},
		{`{"required": ["a\nb"]}`, "has escapes"},
		{`{"required": ["a\u0000"]}`, "has escapes"},
		{`{"properties": {` + strings.Join(many, ",") + `}}`, "more than 64 properties"},
		{`{"properties": {` + strings.Join(many[1:], ",") + `}, "required": ["x"]}`, "more than 64 properties"},
		{`1`, "want a schema"},
		{`"a"`, "want a schema"},
		{`[]`, "want a schema"},
		{`{"items": 1}`, "want a schema"},
		{`{"items": null}`, "there is nothing"},
		{`{"additionalProperties": "a"}`, "want a schema"},
		{`{"properties": {"a": []}}`, "want a schema"},
		{`{"$ref": "#/components/schemas/None"}`, "there is nothing"},
		{`{"$ref": "other.json#/a"}`, "want a JSON pointer"},
		{`{"$ref": "#"}`, "want a JSON pointer"},
		{`{"$ref": 1}`, "want a JSON pointer"},
		{`{"$ref": "#/%zz"}`, "invalid URL escape"},
		{`{"$ref": "#/components/schemas/Word/minLength/0"}`, "there is nothing"},
		{`{"allOf": [{}], "$ref": "#/components/schemas/It/allOf/1"}`, "there is nothing"},
		{`{"allOf": [{}], "$ref": "#/components/schemas/It/allOf/x"}`, "there is nothing"},
		{`{"$ref": "#/components/schemas/It"}`, "refers to itself"},
		{`{"$ref": "#/components/schemas/It", "minLength": 1}`, "refers to itself"},
		{`{"allOf": [{"$ref": "#/components/schemas/It"}]}`, "refers to itself"},
		{`{"allOf": [{"minLength": 1, "allOf": [{"maxLength": 3, "$ref": "#/components/schemas/It"}]}]}`, "refers to itself"},
		{branches(`{"type": "object", "required": ["k"], "properties": {"k": {"const": "dot"}}, "$ref": "#/components/schemas/It"}`), "refers to itself"},
		{branches(`{"$ref": "#/components/schemas/It"}`), `want an object whose "k"`},
		{branches(circle), `k is "circle" in another branch, too`},
		{branches(`{"type": "object", "properties": {"k": {"const": "dot"}}}`), "required"},
		{branches(`{"required": ["k"], "properties": {"k": {"const": "dot"}}}`), "want an object"},
		{branches(`{"type": "object", "required": ["k"]}`), "a const"},
		{branches(`{"type": "object", "required": ["k"], "properties": {"k": {"enum": ["dot", "line"]}}}`), "a const"},
		{branches(`{"type": "object", "required": ["k"], "properties": {"k": {"type": "string"}}}`), "a const"},
		{branches(`{"type": "object", "required": ["k"], "properties": {"k": {"const": 1}}}`), "a const string"},
		{branches(`{"type": ["object", "null"], "required": ["k"], "properties": {"k": {"const": "dot"}}}`), "want an object"},
		{branches(`true`), "want an object"},
		{`{"oneOf": [` + circle + `]}`, "want an object"},
		{strings.Replace(branches(circle), "{", `{"properties": {}, "required": ["a"], `, 1), ""},
		{strings.Replace(branches(strings.ReplaceAll(circle, "circle", "dot")), "{", `{"minProperties": 1, `, 1), "oneOf beside other keywords for objects"},
	} {
		if _, err := compile(t, inDocument(c.schema), at); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("Compile(%s) = %v, want an error with %q", c.schema, err, c.says)
		}
	}
}

// Schemas that come round to themselves only by way of others are refused, wherever one begins.
func TestCompile_refusesRings(t *testing.T) {
	for _, document := range []string{
		`{"a": {"$ref": "#/b"}, "b": {"$ref": "#/a"}}`, `{"a": {"minLength": 1, "$ref": "#/b"}, "b": {"maxLength": 1, "$ref": "#/a"}}`, `{"a": {"allOf": [{"$ref": "#/b"}, {}]}, "b": {"allOf": [{}, {"$ref": "#/c"}]}, "c": {"minimum": 1, "$ref": "#/a"}}`,
	} {
		for _, pointer := range []string{"#/a", "#/b"} {
			if _, err := compile(t, document, pointer); err == nil || !strings.Contains(err.Error(), "refers to itself") {
				t.Errorf("Compile(%s of %s) = %v, want that it refers to itself", pointer, document, err)
			}
		}
	}
}

// A schema that could not be compiled does not pass for one that has no rules, nor does one that refers to it.
func TestCompile_afterError(t *testing.T) {
	const document = `{"a": {"properties": {"b": {"$ref": "#/b"}}, "unknown": 1}, "b": {"required": ["a"], "properties": {"a": {"$ref": "#/a"}}}}`
	decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCompiler(decoded)
	if _, err := c.Compile("#/c"); err == nil || !strings.Contains(err.Error(), "there is nothing") {
		t.Errorf("Compile(#/c) = %v, want that there is nothing", err)
	}
	for _, pointer := range []string{"#/a", "#/a", "#/b", "#/a/properties/b"} {
		if _, err := c.Compile(pointer); err == nil || !strings.Contains(err.Error(), "the keyword unknown") {
			t.Errorf("Compile(%s) = %v, want what was wrong first", pointer, err)
		}
	}
}

func TestCompile_annotations(t *testing.T) {
	table{
		schema: `{"title": "T", "description": "D", "default": 1, "example": 1, "examples": [1], "deprecated": true, "externalDocs": {}, "discriminator": {}, "x-anything": {"not": {}}, "type": "string"}`,
		holds:  []string{`"a"`}, breaks: []string{`1`},
	}.run(t)
}

// The same place is the same schema, also when it is reached by references, so that what is known of it holds everywhere.
func TestCompile_same(t *testing.T) {
	const document = `{"a": {"properties": {"x": {"$ref": "#/w"}, "y": {"items": {"$ref": "#/v"}}}}, "v": {"$ref": "#/w"}, "w": {"minLength": 2}}`
	decoded, err := jsonschema.UnmarshalJSON(strings.NewReader(document))
	if err != nil {
		t.Fatal(err)
	}
	c := NewCompiler(decoded)
	a, err := c.Compile("#/a")
	if err != nil {
		t.Fatal(err)
	}
	w, err := c.Compile("#/w")
	if err != nil {
		t.Fatal(err)
	}
	if a.object.properties[0].schema != w || a.object.properties[1].schema.array.items != w {
		t.Error("a reference leads to another schema than its place, want the same")
	}
}
