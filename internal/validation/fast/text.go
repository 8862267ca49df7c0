package fast

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

// text has the rules for strings.
type text struct {
	min, max int // characters
	patterns []*matcher
	formats  []func(value []byte) bool
}

// holds reports whether the rules hold for so many characters.
func (t *text) holds(value []byte, characters int) bool {
	if characters < t.min || characters > t.max {
		return false
	}
	for _, p := range t.patterns {
		if !p.matches(value) {
			return false
		}
	}
	for _, f := range t.formats {
		if !f(value) {
			return false
		}
	}
	return true
}

// plain looks at a string that stands for itself.
func (c *check) plain(s *Schema, value string) bool {
	c.scratch = append(c.scratch[:0], value...)
	if s.types&str == 0 || s.choice != nil || !utf8.Valid(c.scratch) {
		return false
	}
	for _, b := range c.scratch {
		if b == 0 {
			return false
		}
	}
	if s.text != nil && !s.text.holds(c.scratch, utf8.RuneCount(c.scratch)) {
		return false
	}
	for _, also := range s.all {
		if !c.plain(also, value) {
			return false
		}
	}
	if s.literals == nil {
		return true
	}
	c.scratch = append(append(append(c.scratch[:0], '"'), value...), '"') // literals need no escapes
	return s.literals[string(c.scratch)]
}

// str looks at the string that begins, with its quote, at i.
func (c *check) str(s *Schema, i int) int {
	if s.types&str == 0 || s.choice != nil {
		return no
	}
	end, characters, escaped := c.characters(i + 1)
	if end < 0 || !s.allows(c.body[i:end+1]) {
		return no
	}
	if s.text != nil {
		value := c.body[i+1 : end]
		if escaped {
			c.scratch = unescape(c.scratch[:0], value)
			value = c.scratch
		}
		if !s.text.holds(value, characters) {
			return no
		}
	}
	return end + 1
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special marks the bytes of eight that are no plain characters of a string: quotes, backslashes, controls, and all beyond ASCII.
// The lowest mark is exact.
func special(w uint64) uint64 {
	quote, backslash := w^(ones*'"'), w^(ones*'\\')
	return ((quote-ones)&^quote | (backslash-ones)&^backslash | (w-ones*0x20)&^w | w) & highs
}

// characters steps over those of a string, up to its quote, and counts them.
func (c *check) characters(i int) (end, count int, escaped bool) {
	start := i
	for less := 0; ; { // bytes beyond one of each character
		for i+8 <= len(c.body) {
			marks := special(binary.LittleEndian.Uint64(c.body[i:]))
			if marks != 0 {
				i += bits.TrailingZeros64(marks) / 8
				break
			}
			i += 8
		}
		if i >= len(c.body) {
			return no, 0, false
		}
		switch b := c.body[i]; {
		case b == '"':
			return i, i - start - less, escaped
		case b == '\\':
			size := escapeSize(c.body[i:])
			if size == 0 {
				return no, 0, false
			}
			escaped, less, i = true, less+size-1, i+size
		case b < 0x20:
			return no, 0, false
		case b < utf8.RuneSelf:
			i++
		default:
			r, size := utf8.DecodeRune(c.body[i:])
			if r == utf8.RuneError && size == 1 {
				return no, 0, false
			}
			less, i = less+size-1, i+size
		}
	}
}

// escapeSize returns how many bytes the escape of one character has that b begins with; 0 when it is none, or that of NUL, or of
// half a surrogate pair.
func escapeSize(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		unit := hexUnit(b)
		switch {
		case unit <= 0:
			return 0
		case !utf16.IsSurrogate(unit):
			return 6
		case utf16.DecodeRune(unit, hexUnit(b[6:])) != utf8.RuneError:
			return 12
		}
	}
	return 0
}

// hexUnit returns the code unit of \uXXXX; -1 when b does not begin with one.
func hexUnit(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var unit rune
	for _, h := range b[2:6] {
		switch {
		case '0' <= h && h <= '9':
			unit = unit<<4 | rune(h-'0')
		case 'a' <= h && h <= 'f':
			unit = unit<<4 | rune(h-'a'+10)
		case 'A' <= h && h <= 'F':
			unit = unit<<4 | rune(h-'A'+10)
		default:
			return -1
		}
	}
	return unit
}

var short = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unescape appends the characters of a string whose escapes are well-formed.
func unescape(to, value []byte) []byte {
	for i := 0; i < len(value); {
		if value[i] != '\\' {
			to = append(to, value[i])
			i++
			continue
		}
		size := escapeSize(value[i:])
		switch size {
		case 2:
			to = append(to, short[value[i+1]])
		case 6:
			to = utf8.AppendRune(to, hexUnit(value[i:]))
		default:
			to = utf8.AppendRune(to, utf16.DecodeRune(hexUnit(value[i:]), hexUnit(value[i+6:])))
		}
		i += size
	}
	return to
}
