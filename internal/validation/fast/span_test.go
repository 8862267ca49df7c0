package fast

import (
	"strings"
	"testing"
)

// Nothing but a value of exactly that schema, at exactly that place, is stepped over.
func TestAccepts_known(t *testing.T) {
	const schema = `{"type": "object", "properties": {"data": {"type": "array", "maxItems": 2, "items": {"$ref": "#/components/schemas/Word"}}, "more": {"type": "array", "items": {"type": "string"}}}}`
	quick, _ := compiled(t, schema)
	word := quick.object.properties[0].schema.array.items
	const body = `{"data":[ 7 ,"ab"],"more":["x"]}` // 7 is no word, which shows whether it is looked at
	seven := strings.Index(body, "7")
	known := Span{seven, seven + 1, word}
	for name, c := range map[string]struct {
		body  string
		known []Span
		want  bool
	}{
		"known":                     {body, []Span{known}, true},
		"nothing known":             {body, nil, false},
		"another schema":            {body, []Span{{seven, seven + 1, quick}}, false},
		"no schema":                 {body, []Span{{seven, seven + 1, nil}}, false},
		"one byte before":           {body, []Span{{seven - 1, seven + 1, word}}, false},
		"one byte behind":           {body, []Span{{seven + 1, seven + 2, word}}, false},
		"it ends in nothing":        {body, []Span{{seven, len(body) + 7, word}}, false},
		"it ends too late":          {body, []Span{{seven, seven + 4, word}}, false},
		"it ends too early":         {body, []Span{{seven, seven, word}}, false},
		"not in order":              {body, []Span{{strings.Index(body, `"ab"`), strings.Index(body, `],"more`), word}, known}, false},
		"both":                      {body, []Span{known, {strings.Index(body, `"ab"`), strings.Index(body, `],"more`), word}}, true},
		"twice":                     {body, []Span{known, known}, true},
		"too many with it":          {strings.Replace(body, `"ab"`, `"ab","cd"`, 1), []Span{known}, false},
		"another breaks":            {strings.Replace(body, `"ab"`, `"a"`, 1), []Span{known}, false},
		"what follows breaks":       {strings.Replace(body, `"x"`, `1`, 1), []Span{known}, false},
		"where another schema is":   {`{"more":[7]}`, []Span{{9, 10, word}}, false},
		"in what no one looks at":   {`{"else":[7],"data":["a"]}`, []Span{{9, 10, word}}, false},
		"the whole":                 {`nonsense`, []Span{{0, 8, quick}}, true},
		"the whole, and more":       {`nonsense {}`, []Span{{0, 8, quick}}, false},
		"the whole, between spaces": {` nonsense `, []Span{{1, 9, quick}}, true},
	} {
		if got := quick.Accepts([]byte(c.body), c.known...); got != c.want {
			t.Errorf("%s: Accepts(%s, %+v) = %t, want %t", name, c.body, c.known, got, c.want)
		}
	}
	if quick.Accepts([]byte(body)) {
		t.Error("Accepts remembers what was known to another call")
	}
}

// What is known by one of several schemas for the same value is looked at by the others.
func TestAccepts_knownBesides(t *testing.T) {
	quick, _ := compiled(t, `{"properties": {"a": {"allOf": [{"$ref": "#/components/schemas/Word"}, {"maxLength": 3}]}}}`)
	word := quick.object.properties[0].schema.all[0]
	for body, want := range map[string]bool{`{"a":"ab"}`: true, `{"a":"a"}`: true, `{"a":"abcd"}`: false} {
		if got := quick.Accepts([]byte(body), Span{5, len(body) - 1, word}); got != want {
			t.Errorf("Accepts(%s) = %t, want %t", body, got, want)
		}
	}
}
