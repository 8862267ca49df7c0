package validation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// node is a JSON value as it is written: its members have an order, and may be there twice.
type node struct {
	text    string // of anything but objects and arrays
	members []member
	items   []*node
	opens   byte // { or [, else 0
}

type member struct {
	name  string // as it is written
	value *node
}

// parse reads a JSON value; nil when it is none.
func parse(text []byte) *node {
	text = bytes.TrimSpace(text)
	if !json.Valid(text) {
		return nil
	}
	n := &node{text: string(text)}
	if text[0] != '{' && text[0] != '[' {
		return n
	}
	n.opens = text[0]
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.Token()
	for dec.More() {
		var name string
		if n.opens == '{' {
			token, _ := dec.Token()
			name, _ = token.(string)
		}
		var value json.RawMessage
		if dec.Decode(&value) != nil {
			return nil
		}
		child := parse(value)
		if child == nil {
			return nil
		}
		if n.items = append(n.items, child); n.opens == '{' {
			n.members = append(n.members, member{quote(name), child})
		}
	}
	if n.opens == '{' {
		n.items = nil
	}
	return n
}

func quote(text string) string {
	written, _ := json.Marshal(text) // strings always encode
	return string(written)
}

// write writes a value with white space as the choices want it.
func (n *node) write(to *bytes.Buffer, c *choices) {
	space := func() { to.WriteString(c.space()) }
	switch n.opens {
	case 0:
		to.WriteString(n.text)
		return
	case '{':
		to.WriteByte('{')
		for i, m := range n.members {
			if space(); i > 0 {
				to.WriteByte(',')
				space()
			}
			to.WriteString(m.name)
			space()
			to.WriteByte(':')
			space()
			m.value.write(to, c)
		}
		space()
		to.WriteByte('}')
	default:
		to.WriteByte('[')
		for i, item := range n.items {
			if i > 0 {
				to.WriteByte(',')
			}
			space()
			item.write(to, c)
			space()
		}
		to.WriteByte(']')
	}
}

// choices are taken from bytes, so that the fuzzer makes them; when there are no more, the first is taken each time.
type choices struct {
	bytes  []byte
	spaced bool
}

func (c *choices) of(n int) int {
	if len(c.bytes) < 2 || n < 2 {
		return 0
	}
	chosen := int(c.bytes[0])<<8 | int(c.bytes[1])
	c.bytes = c.bytes[2:]
	return chosen % n
}

func (c *choices) text(from []string) string { return from[c.of(len(from))] }

func (c *choices) space() string {
	if !c.spaced {
		return ""
	}
	return c.text([]string{"", "", " ", "\n", "\t", "\r\n", "  "})
}

// place is a value in a body with what its schema says of it.
type place struct {
	*node
	rules []map[string]any
}

// mutate changes a body, if it is JSON, at up to three places.
func (d decoded) mutate(body []byte, schema any, c *choices) []byte {
	root := parse(body)
	if root == nil {
		return nil
	}
	for range 1 + c.of(3) {
		places := d.places(nil, root, schema)
		d.change(places[c.of(len(places))], c)
	}
	c.spaced = c.of(2) == 1
	var b bytes.Buffer
	root.write(&b, c)
	changed := b.Bytes()
	if c.of(8) == 7 { // a part of it is elsewhere, too
		from, to := c.of(len(changed)), c.of(len(changed))
		part := changed[from:min(from+c.of(9), len(changed))]
		changed = append(append(bytes.Clone(changed[:to]), part...), changed[to+c.of(2):]...)
	}
	return changed
}

// places returns a value, and all within it, with what the schema says of each.
func (d decoded) places(found []place, n *node, schema any) []place {
	p := place{n, d.rules(schema, 0)}
	found = append(found, p)
	for _, m := range n.members {
		var name string
		json.Unmarshal([]byte(m.name), &name)
		found = d.places(found, m.value, p.find("properties", name))
	}
	for _, item := range n.items {
		found = d.places(found, item, p.find("items", ""))
	}
	return found
}

// rules returns all objects of keywords that a schema has for the same value.
func (d decoded) rules(schema any, depth int) []map[string]any {
	own, ok := schema.(map[string]any)
	if !ok || depth > 9 {
		return nil
	}
	found := []map[string]any{own}
	if ref, ok := own["$ref"].(string); ok {
		found = append(found, d.rules(d.at(ref), depth+1)...)
	}
	for _, keyword := range []string{"allOf", "oneOf"} {
		branches, _ := own[keyword].([]any)
		for _, b := range branches {
			found = append(found, d.rules(b, depth+1)...)
		}
	}
	return found
}

func (p place) find(keyword, name string) any {
	for _, r := range p.rules {
		if of, ok := r[keyword].(map[string]any); ok {
			if name == "" {
				return of
			}
			if schema, ok := of[name]; ok {
				return schema
			}
		}
	}
	return nil
}

func (d decoded) change(p place, c *choices) {
	if c.of(4) == 3 || p.opens == 0 {
		d.replace(p, c)
		return
	}
	if p.opens == '[' {
		if len(p.items) == 0 {
			p.items = append(p.items, parse([]byte(p.boundary(c))))
			return
		}
		i, j := c.of(len(p.items)), c.of(len(p.items))
		switch c.of(4) {
		case 0:
			p.items = append(p.items[:i:i], p.items[i+1:]...)
		case 1:
			p.items = append(p.items, p.items[i])
		case 2:
			p.items[i], p.items[j] = p.items[j], p.items[i]
		default:
			for range c.of(130) {
				p.items = append(p.items, p.items[i])
			}
		}
		return
	}
	p.changeMembers(c)
}

func (p place) changeMembers(c *choices) {
	if len(p.members) == 0 || c.of(6) == 5 {
		p.members = append(p.members, member{quote(c.text(p.names())), parse([]byte(p.boundary(c)))})
		return
	}
	i, j := c.of(len(p.members)), c.of(len(p.members))
	switch name := p.members[i].name; c.of(6) {
	case 0:
		p.members = append(p.members[:i:i], p.members[i+1:]...)
	case 1:
		p.members = append(p.members, p.members[i])
	case 2:
		p.members[i], p.members[j] = p.members[j], p.members[i]
	case 3:
		p.members[i].name = quote(c.text(p.names()))
	case 4:
		p.members[i].name = escape(name, c)
	default:
		p.members = append(p.members, member{escape(name, c), p.members[j].value})
	}
}

// names are those that the schema has, and some that it does not have.
func (p place) names() []string {
	found := []string{"x", "", "é", "a b"}
	for _, r := range p.rules {
		properties, _ := r["properties"].(map[string]any)
		for name := range properties {
			found = append(found, name)
		}
	}
	return sorted(found)
}

// escape writes one ASCII character of a string as an escape.
func escape(written string, c *choices) string {
	if len(written) < 3 {
		return written
	}
	i := 1 + c.of(len(written)-2)
	if written[i] == '\\' || written[i-1] == '\\' || written[i] >= 0x80 || written[i] < ' ' {
		return written
	}
	return written[:i] + fmt.Sprintf(`\u%04x`, written[i]) + written[i+1:]
}

func (d decoded) replace(p place, c *choices) {
	written := p.text
	*p.node = node{text: p.boundary(c)}
	if written != "" && written[0] == '"' {
		switch c.of(4) {
		case 0:
			p.text = escape(written, c)
		case 1:
			i := 1 + c.of(len(written)-1)
			p.text = written[:i] + c.text([]string{"é", "😀", `\ud83d\ude00`, `\n`, `\"`, "\u2028", "a", " ", "Z", "-", "0", `\u0000`, `\ud800`, "\x7f"}) + written[i:]
		}
	}
}

// boundary returns a value at, or just beside, a bound of the schema, or one of another type.
func (p place) boundary(c *choices) string {
	found := []string{
		`null`, `true`, `false`, `0`, `-0`, `1`, `1.0`, `1e2`, `0.01`, `-1`, `99.999`, `999999999999999999`, `9007199254740993`, `1e400`, `""`, `"a"`, `" "`, `"1"`, `[]`, `{}`, `[1,1]`, `{"a":{}}`,
		`"2024-02-29"`, `"2023-02-29"`, `"2026-01-23T10:45:00Z"`, `"2026-01-23t10:45:00z"`, `"2026-01-23T10:45:00.5+23:59"`, `"2026-01-23T24:00:00Z"`, `"0000-01-01T00:00:00+00:01"`, `"9999-12-31T23:59:59-00:01"`,
		`"https://a.example/b"`, `"https://a.example:99999/%"`, `"http://[::1]/"`, `"a@b.example"`, `"a@@b"`, `"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"`,
	}
	for _, r := range p.rules {
		for _, keyword := range []string{"minimum", "maximum", "multipleOf"} {
			if n, ok := r[keyword].(json.Number); ok {
				found = append(found, n.String(), n.String()+".0", n.String()+"0", n.String()+".00000000000000001", n.String()+"1", "-"+strings.TrimPrefix(n.String(), "-"), n.String()+"e0")
			}
		}
		for _, keyword := range []string{"minLength", "maxLength"} {
			if n, ok := r[keyword].(json.Number); ok {
				length, _ := n.Int64()
				for _, character := range []string{"a", "é", "😀", `\u00e9`} {
					for l := max(0, length-1); l <= length+1 && l < 3000; l++ {
						found = append(found, `"`+strings.Repeat(character, int(l))+`"`)
					}
				}
			}
		}
		literals, _ := r["enum"].([]any)
		if v, ok := r["const"]; ok {
			literals = append(literals, v)
		}
		for _, l := range literals {
			written, _ := json.Marshal(l)
			found = append(found, string(written), string(written), strings.ToUpper(string(written)))
		}
	}
	return c.text(found)
}
