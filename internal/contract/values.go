package contract

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp/syntax"
	"strconv"
	"strings"
	"unicode/utf8"
)

// sample returns a value that keeps a schema's constraints, as far as they speak of one value.
func sample(schema node) any {
	for _, key := range []string{"const", "default"} {
		if v := schema.get(key); v.exists() {
			return v.value
		}
	}
	if members := schema.get("enum").list(); len(members) > 0 {
		return members[0]
	}
	switch schema.get("type").text() {
	case "integer", "number":
		if least := schema.get("minimum"); least.exists() {
			return least.value
		}
		return json.Number("1")
	case "boolean":
		return true
	case "array":
		return []any{sample(schema.get("items"))}
	case "string":
		return sampleText(schema)
	}
	return nil
}

// formats are texts of the formats that OpenAPI documents use.
var formats = map[string]string{
	"date": "2026-01-23", "date-time": "2026-01-23T10:45:00Z", "uuid": "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e1f",
	"email": "a@example.com", "uri": "https://example.com/",
}

func sampleText(schema node) string {
	if text, ok := formats[schema.get("format").text()]; ok {
		return text
	}
	text := "a"
	if pattern := schema.get("pattern"); pattern.exists() {
		if parsed, err := syntax.Parse(pattern.text(), syntax.Perl); err == nil {
			text = shortest(parsed)
		}
	}
	if least, ok := whole(schema.get("minLength")); ok && utf8.RuneCountInString(text) < least {
		text = stretch(text, least)
	}
	return text
}

// shortest returns a short text that a regular expression matches.
func shortest(re *syntax.Regexp) string {
	var b strings.Builder
	switch re.Op {
	case syntax.OpLiteral:
		b.WriteString(string(re.Rune))
	case syntax.OpCharClass:
		b.WriteRune(printable(re.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteByte('a')
	case syntax.OpConcat:
		for _, sub := range re.Sub {
			b.WriteString(shortest(sub))
		}
	case syntax.OpCapture, syntax.OpPlus:
		b.WriteString(shortest(re.Sub[0]))
	case syntax.OpAlternate:
		b.WriteString(shortest(re.Sub[len(re.Sub)-1]))
	case syntax.OpRepeat:
		b.WriteString(strings.Repeat(shortest(re.Sub[0]), re.Min))
	default: // what need not match anything
	}
	return b.String()
}

// printable returns a character of a class (pairs of first and last), a letter or a digit where there is one.
func printable(ranges []rune) rune {
	for _, wanted := range "a1A" {
		for i := 0; i < len(ranges); i += 2 {
			if ranges[i] <= wanted && wanted <= ranges[i+1] {
				return wanted
			}
		}
	}
	return ranges[0]
}

// substitute puts what is live in the place of the document's example values.
func (s *Suite) substitute(v any) any {
	switch v := v.(type) {
	case string:
		if live, ok := s.live[v]; ok {
			return live
		}
	case []any:
		list := make([]any, len(v))
		for i, child := range v {
			list[i] = s.substitute(child)
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name, child := range v {
			object[name] = s.substitute(child)
		}
		return object
	}
	return v
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil { // what was decoded from JSON always encodes
		panic(err)
	}
	return text
}

// texts renders a parameter's value: one text, or several for an array.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		return []string{fmt.Sprint(v)}
	}
	var all []string
	for _, item := range list {
		all = append(all, fmt.Sprint(item))
	}
	return all
}

// setQuery puts a parameter's value into a query (style form).
func setQuery(query url.Values, p Parameter, v any) {
	query.Del(p.Name)
	values := texts(v)
	if !p.Explode {
		values = []string{strings.Join(values, ",")}
	}
	query[p.Name] = values
}

// evaluate returns what a runtime expression (OpenAPI 3.1 §4.8.20.4) means for an exchange: $response.body#/… and
// $request.path.….
func evaluate(expression string, e Exchange) (string, bool) {
	if name, ok := strings.CutPrefix(expression, "$request.path."); ok {
		value, ok := e.Request.Path[name]
		return value, ok
	}
	at, ok := strings.CutPrefix(expression, "$response.body#")
	if !ok {
		return "", false
	}
	v := e.json()
	for part := range strings.SplitSeq(strings.TrimPrefix(at, "/"), "/") {
		switch c := v.(type) {
		case map[string]any:
			v = c[unescaper.Replace(part)]
		case []any:
			var i int
			if _, err := fmt.Sscanf(part, "%d", &i); err != nil || i >= len(c) {
				return "", false
			}
			v = c[i]
		default:
			return "", false
		}
	}
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	}
	return "", false
}
