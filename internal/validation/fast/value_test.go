package fast

import (
	"fmt"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

func TestAccepts_objects(t *testing.T) {
	runAll(t, []table{
		{
			schema: `{"properties": {"a": {"type": "string"}, "b": {"type": "integer"}}}`,
			holds:  []string{`{}`, `{"a":"x"}`, `{"b":1}`, `{"a":"x","b":1}`, `{"b":1,"a":"x"}`, `{"c":null}`, `{"a":"x","c":[{}],"b":1}`, `{"":1}`, `{"A":1,"a ":2}`, `{"é":1}`},
			asks:   []string{`{"\u0061":"x"}`, `{"c\n":1}`, `{"a":"x","b":1.0}`},
			breaks: []string{`{"a":1}`, `{"b":"1"}`, `{"a":null}`, `{"c":1,"b":1.5}`, `{"\u0061":1}`},
		},
		{schema: `{"properties": {"a": false, "b": true}}`, holds: []string{`{}`, `{"b":1}`, `{"c":1}`}, breaks: []string{`{"a":1}`, `{"b":1,"a":null}`}},
		{schema: `{"properties": {"a": {}}, "additionalProperties": false}`, holds: []string{`{}`, `{"a":1}`}, breaks: []string{`{"b":1}`, `{"a":1,"b":1}`, `{"":1}`, `{"A":1}`, `{"\u0062":1}`}},
		{schema: `{"additionalProperties": false}`, holds: []string{`{}`, ` { } `}, breaks: []string{`{"a":1}`}},
		{schema: `{"properties": {"a": {}}, "additionalProperties": {"type": "string"}}`, holds: []string{`{}`, `{"a":1}`, `{"b":"x","a":1,"c":""}`}, breaks: []string{`{"b":1}`, `{"a":1,"b":null}`}},
		{schema: `{"additionalProperties": true}`, holds: []string{`{}`, `{"a":1}`}},
		{schema: `{"required": ["a"]}`, holds: []string{`{"a":1}`, `{"b":2,"a":null}`}, asks: []string{`{"\u0061":1}`}, breaks: []string{`{}`, `{"b":1}`, `{"A":1}`, `{"aa":1}`}},
		{schema: `{"required": ["a"], "additionalProperties": {"type": "string"}}`, holds: []string{`{"a":"x"}`}, breaks: []string{`{"a":1}`, `{"b":"x"}`}},
		{schema: `{"required": ["a"], "additionalProperties": false}`, breaks: []string{`{}`, `{"a":1}`}},
		{schema: `{"required": [], "properties": {}}`, holds: []string{`{}`, `{"a":1}`}},
		{schema: `{"required": ["a", "b", "c"], "properties": {"b": {"type": "null"}}}`, holds: []string{`{"a":1,"b":null,"c":3}`, `{"c":3,"b":null,"a":1}`, `{"d":4,"c":3,"b":null,"a":1}`}, breaks: []string{`{"a":1,"b":null}`, `{"b":null,"c":3}`, `{"a":1,"c":3}`}},
		{schema: `{"minProperties": 1, "maxProperties": 2}`, holds: []string{`{"a":1}`, `{"a":1,"b":2}`}, breaks: []string{`{}`, `{"a":1,"b":2,"c":3}`}},
		{schema: `{"minProperties": 2, "properties": {"a": {}, "b": {}}}`, holds: []string{`{"a":1,"b":2}`, `{"a":1,"c":2}`, `{"c":1,"d":2}`}, breaks: []string{`{}`, `{"a":1}`, `{"c":1}`}},
		{schema: `{"maxProperties": 0}`, holds: []string{`{}`}, breaks: []string{`{"a":1}`}},
		{schema: `{"properties": {"a": {"type": "object", "required": ["b"]}}}`, holds: []string{`{"a":{"b":1}}`}, breaks: []string{`{"a":{}}`, `{"a":{"a":{"b":1}}}`}},
	})
}

// Everything about an object holds with 64 properties, too, and names that begin alike are told apart.
func TestAccepts_manyProperties(t *testing.T) {
	var rules, required, body, backwards []string
	for i := range 64 {
		rules = append(rules, fmt.Sprintf(`"p%d": {"const": %d}`, i, i))
		required = append(required, fmt.Sprintf(`"p%d"`, i))
		body = append(body, fmt.Sprintf(`"p%d":%d`, i, i))
		backwards = append([]string{body[i]}, backwards...)
	}
	c := table{schema: `{"additionalProperties": false, "properties": {` + strings.Join(rules, ",") + `}, "required": [` + strings.Join(required, ",") + `]}`}
	c.holds = []string{"{" + strings.Join(body, ",") + "}", "{" + strings.Join(backwards, ", ") + "}"}
	for i := range 64 {
		c.breaks = append(c.breaks, "{"+strings.Join(append(append([]string{}, body[:i]...), body[i+1:]...), ",")+"}", strings.Replace(c.holds[0], fmt.Sprintf(":%d,", i), ":99,", 1)[:len(c.holds[0])-1])
	}
	c.run(t)
	half := func(rules []string) string {
		return `{"type": "object", "properties": {` + strings.Join(rules, ",") + `}}`
	}
	table{schema: `{"allOf": [` + half(rules[:32]) + "," + half(rules[32:]) + `]}`, holds: []string{c.holds[0], "{}"}, breaks: []string{`{"p1":2}`, `{"p40":2}`}}.run(t)
}

// A name that is there twice is for the authority, which says so: readers do not agree on what it means.
func TestAccepts_duplicates(t *testing.T) {
	for _, schema := range []string{`{}`, `{"properties": {"a": {}, "b": {}, "c": {}}}`, `{"required": ["a"]}`, `{"additionalProperties": {}}`, `{"properties": {"a": {}}, "additionalProperties": {"type": "integer"}}`} {
		quick, _ := compiled(t, schema)
		for _, body := range []string{
			`{"a":1,"a":1}`, `{"a":1,"a":2}`, `{"a":1,"b":1,"a":1}`, `{"b":1,"a":1,"b":1}`, `{"a":1,"x":1,"x":1}`, `{"a":1,"x":1,"y":1,"x":2}`, `{"a":1,"b":1,"c":1,"b":1}`, `{"a":1,"b":1,"c":1,"c":1}`,
			`{"a":1,"\u0061":1}`, `{"a":1,"x":1,"\u0078":1}`, `{"\u0061":1,"a":1}`, `{"a":1,"":1,"":1}`, `{"a":1,"é":1,"é":1}`, `[{"a":1,"a":1}]`, `{"a":{"a":1,"a":1}}`,
		} {
			if quick.Accepts([]byte(body)) {
				t.Errorf("%s: Accepts(%s) = true, want false", schema, body)
			}
		}
	}
	quick, _ := compiled(t, `{}`)
	var names []string
	for i := range maxOthers {
		names = append(names, fmt.Sprintf(`"n%d":0`, i))
	}
	if body := "{" + strings.Join(names, ",") + "}"; !quick.Accepts([]byte(body)) {
		t.Errorf("Accepts(%s) = false, want true", body)
	}
	for i := range maxOthers { // more names than are remembered
		if body := "{" + strings.Join(append(names, "\"one more\":0", names[i]), ",") + "}"; quick.Accepts([]byte(body)) {
			t.Errorf("Accepts(%s) = true, want false", body)
		}
	}
}

func TestAccepts_arrays(t *testing.T) {
	many := func(n int) string { return "[" + strings.TrimSuffix(strings.Repeat("1,", n), ",") + "]" }
	runAll(t, []table{
		{schema: `{"items": {"type": "integer"}}`, holds: []string{`[]`, ` [ ] `, `[1]`, `[ 1 , 2 ]`, many(1000)}, asks: []string{`[1.0]`}, breaks: []string{`["a"]`, `[1,"a"]`, `[null]`, `[[1]]`}},
		{schema: `{"items": false}`, holds: []string{`[]`}, breaks: []string{`[1]`, `[null]`}},
		{schema: `{"items": true}`, holds: []string{`[]`, `[1,"a",null,[],{}]`}},
		{schema: `{"minItems": 1, "maxItems": 3}`, holds: []string{`[1]`, `[1,1,1]`, `[[]]`}, breaks: []string{`[]`, `[1,2,3,4]`, many(100)}},
		{schema: `{"maxItems": 0}`, holds: []string{`[]`}, breaks: []string{`[[]]`}},
		{schema: `{"uniqueItems": false}`, holds: []string{`[1,1]`}},
		{schema: `{"type": "array", "items": {"type": "array", "items": {"const": 1}}}`, holds: []string{`[]`, `[[]]`, `[[1],[1,1]]`}, breaks: []string{`[1]`, `[[2]]`, `[[[1]]]`}},
	})
}

// Only strings without escapes are surely different when their bytes are.
func TestAccepts_uniqueItems(t *testing.T) {
	var words, twice []string
	for i := range maxUnique {
		words = append(words, fmt.Sprintf(`"w%d"`, i))
		twice = append(twice, "["+strings.Join(words, ",")+","+words[i]+"]")
	}
	table{
		schema: `{"uniqueItems": true}`,
		holds:  []string{`[]`, `["a"]`, `["a","b"]`, `["a","A","","a "]`, `["é","e\ufffd"]`[:5] + `,"e"]`, "[" + strings.Join(words, ",") + "]"},
		asks:   []string{`[1]`, `[1,2]`, `["\u0061"]`, `["\u0061","b"]`, `["b","\u0061"]`, `[null]`, `[[],{}]`, `["1",1]`, `[true,1]`, `["\n","\t"]`, "[" + strings.Join(words, ",") + `,"more"]`},
		breaks: append(twice, `["a","a"]`, `["a","b","a"]`, `["\u0061","a"]`, `["a","\u0061"]`, `["\u0061","\u0061"]`, `["b","\u0061","a"]`, `["\u0061","b","a"]`, `[1,1.0]`, `[1,1]`, `[10,1e1]`, `[null,null]`,
			`[{},{}]`, `[[1],[1]]`, `["é","\u00e9"]`, `["/","\/"]`, `[{"a":1,"b":2},{"b":2,"a":1}]`, `[0,-0]`),
	}.run(t)
}

const shapes = `{"discriminator": {"propertyName": "kind"}, "oneOf": [
	{"type": "object", "required": ["kind", "r"], "properties": {"kind": {"type": "string", "const": "circle"}, "r": {"type": "integer"}}, "additionalProperties": false},
	{"type": "object", "required": ["kind"], "properties": {"kind": {"const": "dot"}, "within": {"$ref": "#/components/schemas/It"}}}]}`

func TestAccepts_oneOf(t *testing.T) {
	table{
		schema: shapes,
		holds: []string{
			`{"kind":"circle","r":1}`, `{"r":1,"kind":"circle"}`, ` { "r" : 1 , "kind" : "circle" } `, `{"kind":"dot"}`, `{"x":[{"kind":"circle"}],"kind":"dot"}`, `{"kind":"dot","within":{"kind":"circle","r":1}}`,
			`{"within":{"within":{"kind":"dot"},"kind":"dot"},"kind":"dot"}`,
		},
		asks: []string{`{"kind":"d\u006ft"}`, `{"k\u0069nd":"dot"}`, `{"\u0078":1,"kind":"dot"}`},
		breaks: append([]string{
			`{"kind":"square"}`, `{"kind":"circle"}`, `{"kind":"circle","r":"1"}`, `{"kind":"circle","r":1,"x":1}`, `{"r":1}`, `{"kind":null}`, `{"kind":1}`, `{"kind":["dot"]}`, `{"kind":{"kind":"dot"}}`,
			`{"Kind":"dot"}`, `{"kind":"dot","within":{}}`, `{"kind":"dot","within":{"kind":"circle"}}`, `{"kind":"dot","within":null}`, `{"x":{"kind":"dot"}}`, `{"kind":"dot"`, `{"kind"}`, `{"kind":}`, `{"kind" "dot"}`, `{"kind":"dot",}`,
		}, oneOfEach...),
	}.run(t)
	quick, _ := compiled(t, shapes)
	for _, body := range []string{`{"kind":"dot","kind":"dot"}`, `{"kind":"dot","kind":"circle"}`, `{"kind":"circle","r":1,"kind":"dot"}`, `{"kind":"dot","k\u0069nd":"dot"}`, `{"x":1,"x":1,"kind":"dot"}`, `{"x":{"y":1,"y":1},"kind":"dot"}`} {
		if quick.Accepts([]byte(body)) {
			t.Errorf("Accepts(%s) = true, want false", body)
		}
	}
	runAll(t, []table{
		{schema: strings.Replace(shapes, `"oneOf"`, `"type": "object", "oneOf"`, 1), holds: []string{`{"kind":"dot"}`}, breaks: []string{`{}`, `1`}},
		{schema: strings.Replace(shapes, `"oneOf"`, `"type": "string", "oneOf"`, 1), breaks: []string{`{"kind":"dot"}`, `"dot"`}},
		{schema: `{"allOf": [` + shapes + `, {"minProperties": 2}]}`, holds: []string{`{"kind":"circle","r":1}`}, breaks: []string{`{"kind":"dot"}`}},
	})
}

func TestAccepts_references(t *testing.T) {
	runAll(t, []table{
		{schema: `{"$ref": "#/components/schemas/Word"}`, holds: []string{`"ab"`}, breaks: []string{`"a"`, `1`}},
		{schema: `{"$ref": "#/components/schemas/Word", "maxLength": 3}`, holds: []string{`"ab"`, `"\u0061bc"`}, breaks: []string{`"a"`, `"abcd"`, `1`}},
		{schema: `{"$ref": "#/components/%73chemas/Word"}`, holds: []string{`"ab"`}, breaks: []string{`"a"`}},
		{schema: `{"properties": {"a/b~c": {"minimum": 1}}, "required": ["d"], "additionalProperties": {"$ref": "#/components/schemas/It/properties/a~1b~0c"}}`, holds: []string{`{"d":1,"a/b~c":1}`}, breaks: []string{`{"d":0}`, `{"d":1,"a/b~c":0}`}},
		{schema: `{"properties": {"next": {"$ref": "#/components/schemas/It"}}, "required": ["n"]}`, holds: []string{`{"n":1}`, `{"n":1,"next":{"next":{"n":2},"n":1}}`}, breaks: []string{`{}`, `{"n":1,"next":{}}`, `{"n":1,"next":{"n":1,"next":{}}}`}},
		{schema: `{"type": ["array", "integer"], "items": {"$ref": "#/components/schemas/It"}}`, holds: []string{`[]`, `[[[1]],2]`}, breaks: []string{`["a"]`, `[[[[""]]]]`}},
		{schema: `{"allOf": [{"minimum": 1}, {"maximum": 5}, {"type": "integer"}]}`, holds: []string{`1`, `5`}, asks: []string{`2.0`}, breaks: []string{`0`, `6`, `2.5`, `"a"`}},
		{schema: `{"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}], "properties": {"b": {"type": "null"}}}`, holds: []string{`{"a":1}`, `{"b":null,"a":1}`}, breaks: []string{`{}`, `{"a":""}`, `{"a":1,"b":1}`}},
		{schema: `{"allOf": [{"properties": {"a": {}}, "additionalProperties": false}], "properties": {"b": {}}}`, holds: []string{`{"a":1}`}, breaks: []string{`{"b":1}`}}, // each knows its own properties alone
		{
			schema: `{"allOf": [{"properties": {"a": {"minimum": 1}}}, {"properties": {"a": {"maximum": 3}}, "required": ["c"], "maxProperties": 2}], "properties": {"a": {"type": "integer"}, "b": {}}, "minProperties": 2}`,
			holds:  []string{`{"a":1,"c":0}`, `{"c":0,"a":3}`, `{"b":0,"c":0}`, `{"x":0,"c":0}`}, breaks: []string{`{"a":0,"c":0}`, `{"a":4,"c":0}`, `{"a":2.5,"c":0}`, `{"a":1,"b":0}`, `{"c":0}`, `{"a":1,"b":0,"c":0}`},
		},
		{schema: `{"allOf": [{"type": "object", "properties": {"a": {}}}], "properties": {"b": {}}, "additionalProperties": false}`, holds: []string{`{"b":1}`, `{}`}, breaks: []string{`{"a":1}`, `[]`}},
		{schema: `{"allOf": [{"type": "object", "properties": {"a": {"const": 1}}}], "additionalProperties": {"type": "string"}, "properties": {"b": {}}}`, holds: []string{`{"b":1}`, `{"c":""}`}, breaks: []string{`{"a":1}`, `{"a":""}`}},
		{schema: `{"allOf": [{"type": ["object", "null"], "required": ["a"]}], "type": ["object", "integer"], "minProperties": 2}`, holds: []string{`{"a":1,"b":1}`}, breaks: []string{`{"a":1}`, `null`, `1`, `{"b":1,"c":1}`}},
		{
			schema: `{"properties": {"b": {"type": "null"}, "next": {"$ref": "#/components/schemas/It", "required": ["y"], "properties": {"y": {"const": 1}}}, "x": {"type": "string"}}, "required": ["x"]}`,
			holds:  []string{`{"x":""}`, `{"x":"","next":{"x":"","y":1}}`, `{"next":{"y":1,"x":"","next":{"x":"","y":1}},"x":""}`}, breaks: []string{`{}`, `{"x":"","next":{"x":""}}`, `{"x":"","next":{"y":1}}`, `{"x":"","next":{"y":1,"x":1}}`, `{"x":"","next":{"y":1,"x":"","next":{"y":1}}}`},
		},
		{schema: `{"allOf": [{"required": ["a"]}, {"properties": {"a": {"type": "integer"}}}]}`, holds: []string{`{"a":1}`, `null`, `1`}, breaks: []string{`{}`, `{"a":""}`}},
		{schema: `{"allOf": [` + shapes + `, {"required": ["kind"]}, {"minProperties": 2}]}`, holds: []string{`{"kind":"circle","r":1}`}, breaks: []string{`{"kind":"dot"}`, `{"kind":"circle"}`}},
		{schema: strings.Replace(shapes, "{", `{"allOf": [{"required": ["r"]}, {"minProperties": 2}], `, 1), holds: []string{`{"kind":"circle","r":1}`, `{"kind":"dot","r":1}`}, breaks: []string{`{"kind":"dot"}`, `{"kind":"circle"}`, `{"r":1,"x":1}`}},
		{schema: `{"allOf": [true, {}, {"allOf": [{"const": 1}]}]}`, holds: []string{`1`}, breaks: []string{`2`}},
		{schema: `{"allOf": [false]}`, breaks: oneOfEach},
		{schema: `{"allOf": [{"$ref": "#/components/schemas/Word"}, {"enum": ["ab", "a"]}]}`, holds: []string{`"ab"`}, breaks: []string{`"a"`, `"abc"`}},
	})
}

func TestAccepts_depth(t *testing.T) {
	quick, _ := compiled(t, `{}`)
	recursive, _ := compiled(t, `{"type": ["array", "object"], "items": {"$ref": "#/components/schemas/It"}, "additionalProperties": {"$ref": "#/components/schemas/It"}}`)
	for _, s := range []*Schema{quick, recursive} {
		for depth, want := range map[int]bool{64: true, 65: false, 66: false, 10_000: false} {
			if got := s.Accepts([]byte(strings.Repeat("[", depth+1) + strings.Repeat("]", depth+1))); got != want {
				t.Errorf("Accepts of an array %d levels deep = %t, want %t", depth, got, want)
			}
			if got := s.Accepts([]byte(strings.Repeat(`{"a":`, depth) + "{}" + strings.Repeat("}", depth))); got != want {
				t.Errorf("Accepts of an object %d levels deep = %t, want %t", depth, got, want)
			}
		}
		if s.Accepts([]byte(strings.Repeat("[", 1<<20))) {
			t.Error("Accepts of a million brackets = true, want false")
		}
	}
	if branches, _ := compiled(t, shapes); branches.Accepts([]byte(strings.Repeat(`{"kind":"dot","within":`, 65) + `{"kind":"dot"}` + strings.Repeat("}", 65))) {
		t.Error("Accepts of oneOf 65 levels deep = true, want false")
	}
}

// whole has every kind of value, in one that holds.
const whole = `{"text":"aé\n\u00e9😀","count":-12.50,"flags":[true,false,null],"in":{"kind":"dot","empty":{},"none":[]}}`

func TestAccepts_syntax(t *testing.T) {
	quick, slow := compiled(t, `{"type": "object", "required": ["text", "in"], "properties": {"text": {"type": "string", "maxLength": 9}, "count": {"type": "number"}, "flags": {"items": {"type": ["boolean", "null"]}}, "in": {"type": "object"}}}`)
	if err := judge(slow, whole); err != nil || !quick.Accepts([]byte(whole)) {
		t.Fatalf("Accepts(%s) = false, or %v, want both to hold", whole, err)
	}
	for end := range whole {
		if quick.Accepts([]byte(whole[:end])) {
			t.Errorf("Accepts(%s), which is cut off, = true, want false", whole[:end])
		}
	}
	for _, after := range []string{"{}", "x", "}", ",", "\x00", "null", " 1", "\v", "\f", "\u00a0", "\ufeff", "//", "#"} {
		if quick.Accepts([]byte(whole + after)) {
			t.Errorf("Accepts with %q behind = true, want false", after)
		}
		if quick.Accepts([]byte(after + whole)) {
			t.Errorf("Accepts with %q before = true, want false", after)
		}
	}
	for _, space := range []string{" ", "\n", "\r", "\t", " \r\n\t "} {
		spaced := space + strings.NewReplacer("{", "{"+space, "}", space+"}", "[", "["+space, "]", space+"]", ":", space+":"+space, ",", space+","+space).Replace(whole) + space
		if !quick.Accepts([]byte(spaced)) {
			t.Errorf("Accepts(%q) = false, want true", spaced)
		}
	}
	for i := range len(whole) { // one byte is another, is gone, or is there twice
		for b := range 256 {
			disagree(t, quick, slow, whole[:i]+string([]byte{byte(b)})+whole[i+1:])
		}
		disagree(t, quick, slow, whole[:i]+whole[i+1:])
		disagree(t, quick, slow, whole[:i+1]+whole[i:])
	}
}

// disagree fails when the authority refuses what Accepts lets pass.
func disagree(t *testing.T, quick *Schema, slow *jsonschema.Schema, body string) {
	t.Helper()
	if !quick.Accepts([]byte(body)) {
		return
	}
	if err := judge(slow, body); err != nil {
		t.Errorf("Accepts(%q) = true, and the authority says: %v", body, err)
	}
}

func TestAccepts_brokenSyntax(t *testing.T) {
	quick, _ := compiled(t, `{}`)
	for _, body := range []string{
		"", " ", "{", "}", "[", "]", ",", ":", "{]", "[}", "[,]", "[1,]", "[,1]", "[1 2]", "[1,,2]", "{,}", `{"a"}`, `{"a":}`, `{"a":1,}`, `{,"a":1}`, `{"a":1 "b":2}`, `{"a" 1}`, `{"a"::1}`, `{"a":1,,"b":2}`,
		`{a:1}`, `{1:1}`, `{'a':1}`, `{null:1}`, `{"a":1}}`, "[1]]", "1 2", "tru", "nul", "True", "NaN", "Infinity", "-Infinity", "undefined", "0x1", "1_000", "// x\n1", "/**/1", "\ufeff1", `{"a\u0000":1}`, "{\"a\x00\":1}", "\x00",
		"{\"\xff\":1}", "{\"\xed\xa0\x80\":1}", `{"\ud800":1}`, "{\"a\n\":1}", "[1\v]", "[\u00a01]",
	} {
		if quick.Accepts([]byte(body)) {
			t.Errorf("Accepts(%q) = true, want false", body)
		}
	}
}
