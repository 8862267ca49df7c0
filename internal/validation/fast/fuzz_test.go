package fast

import (
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// fuzzed are schemas with every keyword.
var fuzzed = []string{
	`{}`, shapes,
	`{"type": "object", "additionalProperties": false, "required": ["name"], "minProperties": 1, "maxProperties": 9, "properties": {
		"name": {"type": "string", "minLength": 1, "maxLength": 5}, "code": {"pattern": "^[A-Z]{2,3}$"}, "kind": {"enum": ["a b", "é", null, 7, true]}, "version": {"const": "v1"},
		"count": {"type": "integer", "format": "int32", "minimum": -5, "maximum": 100}, "price": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 99.5, "multipleOf": 0.01},
		"tags": {"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": {"maxLength": 3}}, "at": {"type": ["string", "null"], "format": "date-time"}, "on": {"format": "date"},
		"id": {"format": "uuid"}, "url": {"format": "uri"}, "email": {"format": "email"}, "v4": {"format": "ipv4"}, "v6": {"format": "ipv6"}, "text": {"pattern": "[^ \\t]"},
		"in": {"$ref": "#/components/schemas/It"}, "word": {"$ref": "#/components/schemas/Word", "maxLength": 3}, "all": {"allOf": [{"minimum": 1}, {"type": "integer"}]}}}`,
	`{"type": ["array", "object", "null"], "items": {"$ref": "#/components/schemas/It"}, "additionalProperties": {"$ref": "#/components/schemas/It"}, "required": ["a"]}`,
	`{"allOf": [{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}, {"properties": {"a": {"minimum": 1}, "b": {"maxLength": 2}}}], "minProperties": 2, "properties": {"b": {"type": ["string", "null"]}}}`,
	`{"type": "array", "uniqueItems": true, "items": {"type": ["string", "integer"]}}`,
	`{"multipleOf": 0.01, "minimum": -1000.5, "exclusiveMaximum": 9007199254740992}`,
	`{"format": "date-time"}`, `{"format": "uri"}`, `{"format": "email"}`, `{"format": "ipv6"}`,
}

// FuzzAccepts looks for a body that Accepts lets pass and the authority refuses.
func FuzzAccepts(f *testing.F) {
	type pair struct {
		quick *Schema
		slow  *jsonschema.Schema
	}
	var pairs []pair
	for _, schema := range fuzzed {
		quick, slow := compiled(f, schema)
		pairs = append(pairs, pair{quick, slow})
	}
	for i, body := range []string{
		whole, `{"r":1,"kind":"circle"}`, `{"name":"aé😀","code":"AB","kind":null,"version":"v1","count":-5,"price":99.49}`, `{"a":[{"a":null,"b":[]}]}`, `{"a":1,"b":"éa","c":0}`, `["a","\u0061",1,1.0]`, `99.4999999999999999`,
		`"2024-02-29T23:59:59.123-23:59"`, `"https://example.com:8080/a?b=c#d"`, `"a.b+c@example.com"`, `"::ffff:192.0.2.1"`,
	} {
		f.Add(uint8(i), []byte(body))
	}
	f.Add(uint8(2), []byte(`{"name":"a","tags":["a","b"],"at":"2026-01-23T10:45:00Z","on":"2024-02-29","id":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","url":"https://a.b/c","email":"a@b","v4":"1.2.3.4","v6":"::1"}`))
	f.Add(uint8(2), []byte(`{"name":"\ud83d\ude00","text":" \u00a0","in":{"name":"x","in":{"name":"y"}},"word":"ab","all":2}`))
	f.Fuzz(func(t *testing.T, which uint8, body []byte) {
		of := pairs[int(which)%len(pairs)]
		disagree(t, of.quick, of.slow, string(body))
	})
}
