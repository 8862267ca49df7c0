package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// change is a value that differs from a valid one in one place: it breaks the constraint there, or just keeps it.
type change struct {
	place   string // JSON pointer of what the server has to name
	keyword string
	or      string // another keyword that the server may name instead; "" for none
	value   any
	keeps   bool // it lies exactly on the edge, and has to be accepted
}

// keywords returns those that the server may name.
func (c change) keywords() []string {
	if c.or == "" {
		return []string{c.keyword}
	}
	return []string{c.keyword, c.or}
}

// longest is the length above which a text is not tried: a larger one would meet other limits first.
const longest = 200_000

// changes returns, for every constraint of a schema that a valid value meets, the value with that one broken, and where
// the constraint has an edge the value exactly on it.
func changes(schema node, value any) []change {
	return walk(schema, value, "")
}

func walk(schema node, value any, at string) []change {
	if !schema.exists() {
		return nil
	}
	if object, ok := value.(map[string]any); ok {
		if branch := chosen(schema, object); branch.exists() {
			return append(walk(branch, value, at), ofDiscriminator(schema, object, at)...)
		}
	}
	found := ofType(schema, at)
	switch v := value.(type) {
	case string:
		found = append(found, ofString(schema, v, at)...)
	case json.Number:
		found = append(found, ofNumber(schema, v, at)...)
	case []any:
		found = append(found, ofArray(schema, v, at)...)
	case map[string]any:
		found = append(found, ofObject(schema, v, at)...)
	}
	return found
}

// within puts each changed value in the place of a member of an object or an array.
func within(inner []change, replace func(v any) any) []change {
	for i := range inner {
		inner[i].value = replace(inner[i].value)
	}
	return inner
}

func ofDiscriminator(schema node, v map[string]any, at string) []change {
	name := schema.get("discriminator").get("propertyName").text()
	other := maps.Clone(v)
	other[name] = "no-such-" + name
	return []change{{place: at + "/" + escape(name), keyword: "oneOf", value: other}}
}

func ofType(schema node, at string) []change {
	var wrong any = "a text"
	switch kind := schema.get("type"); {
	case !kind.exists() || len(kind.list()) > 0:
		return nil
	case kind.text() == "string":
		wrong = json.Number("42")
	}
	return []change{{place: at, keyword: "type", value: wrong}}
}

func ofString(schema node, v, at string) []change {
	if schema.get("const").exists() { // the discriminator of a branch: broken there
		return nil
	}
	var found []change
	or := ""
	if schema.get("format").exists() { // a text of another length is not of the format either
		or = "format"
	}
	add := func(keyword, text string, keeps bool) {
		found = append(found, change{place: at, keyword: keyword, or: or, value: text, keeps: keeps})
	}
	if schema.get("enum").exists() {
		add("enum", "no-such-value", false)
		for _, member := range schema.get("enum").list() {
			if text, ok := member.(string); ok {
				add("enum", text, true)
			}
		}
		return found
	}
	fits := fitting(schema)
	if n, ok := whole(schema.get("minLength")); ok && n > 0 {
		add("minLength", cut(v, n-1), false)
		if edge := cut(v, n); fits(edge) {
			add("minLength", edge, true)
		}
	}
	if n, ok := whole(schema.get("maxLength")); ok && n < longest {
		add("maxLength", stretch(v, n+1), false)
		if edge := stretch(v, n); fits(edge) {
			add("maxLength", edge, true)
		}
	}
	if text, ok := misfit(schema, v); ok {
		add("pattern", text, false)
	}
	if schema.get("format").exists() && !schema.get("pattern").exists() {
		add("format", strings.Repeat("~", max(1, utf8.RuneCountInString(v))), false)
	}
	return found
}

// fitting returns whether a text keeps the schema's pattern and format, as far as this can be told.
func fitting(schema node) func(string) bool {
	if schema.get("format").exists() {
		return func(string) bool { return false }
	}
	pattern, err := regexp.Compile(schema.get("pattern").text())
	return func(text string) bool { return err == nil && pattern.MatchString(text) }
}

// misfit returns a text of a length that is right and that the schema's pattern does not match.
func misfit(schema node, v string) (string, bool) {
	pattern, err := regexp.Compile(schema.get("pattern").text())
	if err != nil || !schema.get("pattern").exists() {
		return "", false
	}
	length := utf8.RuneCountInString(v)
	for _, candidate := range []string{"~", " ", "-", ".", "!"} {
		text := strings.Repeat(candidate, length)
		if !pattern.MatchString(text) {
			return text, true
		}
	}
	return "", false
}

func whole(n node) (int, bool) {
	number, ok := n.value.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := number.Int64()
	return int(i), err == nil
}

func cut(text string, n int) string {
	runes := []rune(text)
	return string(runes[:min(n, len(runes))])
}

// stretch repeats the last character of a text until it has n of them.
func stretch(text string, n int) string {
	if text == "" {
		text = "a"
	}
	runes := []rune(text)
	if len(runes) >= n {
		return string(runes[:n])
	}
	return text + strings.Repeat(string(runes[len(runes)-1]), n-len(runes))
}

func ofNumber(schema node, _ json.Number, at string) []change {
	var found []change
	for keyword, beyond := range map[string]int64{"minimum": -1, "maximum": 1} {
		limit, ok := schema.get(keyword).value.(json.Number)
		if !ok {
			continue
		}
		edge, ok := new(big.Rat).SetString(limit.String())
		if !ok {
			continue
		}
		outside := new(big.Rat).Add(edge, big.NewRat(beyond, 1))
		found = append(found,
			change{place: at, keyword: keyword, value: json.Number(decimal(outside))},
			change{place: at, keyword: keyword, value: limit, keeps: true})
	}
	slices.SortFunc(found, func(a, b change) int { return strings.Compare(a.keyword, b.keyword) })
	return found
}

func decimal(r *big.Rat) string {
	if r.IsInt() {
		return r.Num().String()
	}
	f, _ := r.Float64()
	return fmt.Sprint(f)
}

func ofArray(schema node, v []any, at string) []change {
	var found []change
	if len(v) == 0 {
		return found
	}
	items, unique := schema.get("items"), schema.get("uniqueItems").value == true
	inner := walk(items, v[0], at+"/0")
	found = append(found, within(inner, func(changed any) any {
		list := []any{changed}
		for _, other := range v[1:] {
			if !unique || !reflect.DeepEqual(other, changed) { // one thing at a time
				list = append(list, other)
			}
		}
		return list
	})...)
	if n, ok := whole(schema.get("minItems")); ok && n > 0 {
		found = append(found, change{place: at, keyword: "minItems", value: v[:n-1]}, change{place: at, keyword: "minItems", value: many(v, n, unique), keeps: true})
	}
	if n, ok := whole(schema.get("maxItems")); ok && n <= 1000 {
		found = append(found, change{place: at, keyword: "maxItems", value: many(v, n+1, unique)})
		if !items.get("enum").exists() {
			found = append(found, change{place: at, keyword: "maxItems", value: many(v, n, unique), keeps: true})
		}
	}
	if unique {
		found = append(found, change{place: at, keyword: "uniqueItems", value: []any{v[0], v[0]}})
	}
	return found
}

// many returns n items like those of v, all different where that is wanted and the items are texts.
func many(v []any, n int, unique bool) []any {
	list := make([]any, n)
	for i := range list {
		list[i] = v[i%len(v)]
		if text, ok := list[i].(string); ok && unique && i >= len(v) {
			list[i] = fmt.Sprintf("%s%d", cut(text, 20), i)
		}
	}
	return list
}

func ofObject(schema node, v map[string]any, at string) []change {
	var found []change
	properties := schema.get("properties")
	for _, name := range properties.keys() {
		child, ok := v[name]
		if !ok {
			continue
		}
		inner := walk(properties.get(name), child, at+"/"+escape(name))
		found = append(found, within(inner, func(changed any) any {
			object := maps.Clone(v)
			object[name] = changed
			return object
		})...)
	}
	required := schema.get("required")
	for _, r := range required.list() {
		name, _ := r.(string)
		object := maps.Clone(v)
		delete(object, name)
		if schema.get("properties").get(name).get("const").exists() {
			continue // the discriminator: it names the branch
		}
		found = append(found, change{place: at + "/" + escape(name), keyword: "required", value: object})
	}
	if schema.get("additionalProperties").value == false {
		object := maps.Clone(v)
		object["no_such_property"] = true
		found = append(found, change{place: at + "/no_such_property", keyword: "additionalProperties", value: object})
	}
	if n, ok := whole(schema.get("minProperties")); ok && n == 1 {
		found = append(found, change{place: at, keyword: "minProperties", value: map[string]any{}})
	}
	return found
}
