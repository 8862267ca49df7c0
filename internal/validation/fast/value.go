package fast

import "bytes"

// Limits of what is looked at here.
const (
	maxDepth  = 64 // levels of nesting
	maxUnique = 64 // items that are compared with each other
	maxOthers = 16 // names of an object that its schema does not have
)

// no is what looking at a value comes to when it is not sure to hold; otherwise it is the place behind the value.
const no = -1

// space returns the place of the next byte that is no white space.
func (c *check) space(i int) int {
	for i < len(c.body) && (c.body[i] == ' ' || c.body[i] == '\n' || c.body[i] == '\r' || c.body[i] == '\t') {
		i++
	}
	return i
}

// value looks at the value that begins at i.
func (c *check) value(s *Schema, i, depth int) int {
	if i >= len(c.body) || depth > maxDepth {
		return no
	}
	if len(c.known) > 0 && c.known[0].Start == i && c.known[0].Schema == s {
		end := c.known[0].End
		c.known = c.known[1:]
		return end
	}
	var end int
	switch c.body[i] {
	case '{':
		end = c.record(s, i, depth)
	case '[':
		end = c.list(s, i, depth)
	case '"':
		end = c.str(s, i)
	case 't':
		end = c.word(s, i, "true", boolean)
	case 'f':
		end = c.word(s, i, "false", boolean)
	case 'n':
		end = c.word(s, i, "null", null)
	default:
		end = c.numeral(s, i)
	}
	if end < 0 {
		return no
	}
	for _, also := range s.all {
		if c.value(also, i, depth) < 0 {
			return no
		}
	}
	return end
}

// allows reports whether a schema has a scalar among its literals, or none.
func (s *Schema) allows(value []byte) bool { return s.literals == nil || s.literals[string(value)] }

func (c *check) word(s *Schema, i int, word string, kind kinds) int {
	end := i + len(word)
	if s.types&kind == 0 || s.choice != nil || end > len(c.body) || string(c.body[i:end]) != word || !s.allows(c.body[i:end]) {
		return no
	}
	return end
}

func (c *check) list(s *Schema, i, depth int) int {
	if s.types&list == 0 || s.literals != nil || s.choice != nil {
		return no
	}
	a := s.array
	if a == nil {
		a = &anyArray
	}
	var seen [maxUnique][2]int
	i = c.space(i + 1)
	if i < len(c.body) && c.body[i] == ']' {
		return ended(i, 0, a.min, a.max)
	}
	for n := 0; ; n++ {
		end := c.value(a.items, i, depth+1)
		if end < 0 || a.unique && !c.differs(seen[:], n, i, end) {
			return no
		}
		i = c.space(end)
		switch {
		case i >= len(c.body):
			return no
		case c.body[i] == ']':
			return ended(i, n+1, a.min, a.max)
		case c.body[i] != ',':
			return no
		}
		i = c.space(i + 1)
	}
}

var anyArray = array{items: anyValue, max: unlimited}

// ended returns the place behind a closing bracket, if there are enough values and not too many.
func ended(i, n, least, most int) int {
	if n < least || n > most {
		return no
	}
	return i + 1
}

// differs reports whether item n is surely another than those before it, and remembers it. Only of strings without escapes does
// that show in their bytes.
func (c *check) differs(seen [][2]int, n, start, end int) bool {
	item := c.body[start:end]
	if n >= len(seen) || item[0] != '"' || bytes.IndexByte(item, '\\') >= 0 {
		return false
	}
	for _, s := range seen[:n] {
		if bytes.Equal(c.body[s[0]:s[1]], item) {
			return false
		}
	}
	seen[n] = [2]int{start, end}
	return true
}

func (c *check) record(s *Schema, i, depth int) int {
	if s.types&record == 0 || s.literals != nil {
		return no
	}
	if s.choice != nil {
		return c.chosen(s.choice, i, depth)
	}
	o := s.object
	if o == nil {
		o = &anyObject
	}
	m := members{rules: o}
	i = c.space(i + 1)
	if i < len(c.body) && c.body[i] == '}' {
		return m.ended(i)
	}
	for {
		of, end := c.member(&m, i)
		if of == nil {
			return no
		}
		if i = c.value(of, c.space(c.colon(end)), depth+1); i < 0 {
			return no
		}
		i = c.space(i)
		switch {
		case i >= len(c.body):
			return no
		case c.body[i] == '}':
			return m.ended(i)
		case c.body[i] != ',':
			return no
		}
		i = c.space(i + 1)
	}
}

var anyObject = object{others: anyValue, max: unlimited}

// member reads the name at i: what its value has to hold, and the place behind the name.
func (c *check) member(m *members, i int) (of *Schema, end int) {
	if of, end = m.expected(c.body, i); of != nil {
		return of, end
	}
	start, end := c.name(i)
	if end < 0 {
		return nil, no
	}
	return m.schema(c.body, start, end), end + 1
}

// name returns where the name at i starts and ends, without its quotes. One with escapes might be another in disguise.
func (c *check) name(i int) (start, end int) {
	if i >= len(c.body) || c.body[i] != '"' {
		return 0, no
	}
	end, _, escaped := c.characters(i + 1)
	if end < 0 || escaped {
		return 0, no
	}
	return i + 1, end
}

// colon returns the place behind the colon that has to come next; beyond the body when there is none.
func (c *check) colon(i int) int {
	if i = c.space(i); i < len(c.body) && c.body[i] == ':' {
		return i + 1
	}
	return len(c.body)
}

// members are the names of an object so far.
type members struct {
	rules  *object
	next   int // the property that comes next if they come in the schema's order
	seen   uint64
	others [maxOthers][2]int
	extra  int
	count  int
}

// expected is schema for the property that comes next in the schema's order, if that is the one at i.
func (m *members) expected(body []byte, i int) (of *Schema, end int) {
	if m.next >= len(m.rules.properties) {
		return nil, no
	}
	p := &m.rules.properties[m.next]
	end = i + len(p.name) + 2
	if end > len(body) || body[i] != '"' || body[end-1] != '"' || string(body[i+1:end-1]) != p.name || m.seen&(1<<m.next) != 0 {
		return nil, no
	}
	m.seen |= 1 << m.next
	m.next++
	m.count++
	return p.schema, end
}

// schema notes a name and returns what its value has to hold; nil when the name is not allowed, or there already.
func (m *members) schema(body []byte, start, end int) *Schema {
	m.count++
	at, known := m.rules.index[string(body[start:end])]
	switch {
	case !known:
		return m.other(body, start, end)
	case m.seen&(1<<at) != 0:
		return nil
	}
	m.seen |= 1 << at
	m.next = at + 1
	return m.rules.properties[at].schema
}

func (m *members) other(body []byte, start, end int) *Schema {
	if m.rules.others == nil || m.extra == len(m.others) {
		return nil
	}
	for _, o := range m.others[:m.extra] {
		if bytes.Equal(body[o[0]:o[1]], body[start:end]) {
			return nil
		}
	}
	m.others[m.extra] = [2]int{start, end}
	m.extra++
	return m.rules.others
}

func (m *members) ended(i int) int {
	if m.seen&m.rules.required != m.rules.required {
		return no
	}
	return ended(i, m.count, m.rules.min, m.rules.max)
}

// chosen looks at an object by the branch that its discriminator names.
func (c *check) chosen(of *choice, i, depth int) int {
	for at := c.space(i + 1); ; {
		start, end := c.name(at)
		if end < 0 {
			return no
		}
		value := c.space(c.colon(end + 1))
		behind := c.value(anyValue, value, depth+1)
		if behind < 0 {
			return no
		}
		if string(c.body[start:end]) == of.name {
			if branch := of.branches[string(c.body[value:behind])]; branch != nil {
				return c.value(branch, i, depth)
			}
			return no
		}
		if at = c.space(behind); at >= len(c.body) || c.body[at] != ',' {
			return no
		}
		at = c.space(at + 1)
	}
}
