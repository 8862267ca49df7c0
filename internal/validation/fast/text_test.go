package fast

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"
)

// Lengths are in characters, which are code points: not bytes, not UTF-16 units, not what is seen (validation §6.3.1).
func TestAccepts_length(t *testing.T) {
	one := []string{`"a"`, `"é"`, `"€"`, `"😀"`, `"\ud83d\ude00"`, `"\uD83D\uDE00"`, `"\u00e9"`, `"\n"`, `"\/"`, `"\""`, `"\\"`, `"\u0001"`, "\"\x7f\"", "\"\ufffd\"", `"\ufffd"`, "\"\u2028\""}
	two := []string{`"ab"`, `"e\u0301"`, "\"e\u0301\"", `"😀😀"`, `"a\ud83d\ude00"`, `"\\n"`, `"👍🏽"`, `"\u0041\u0042"`}
	runAll(t, []table{
		{schema: `{"minLength": 1, "maxLength": 1}`, holds: one, breaks: append([]string{`""`}, two...)},
		{schema: `{"minLength": 2, "maxLength": 2}`, holds: two, breaks: append([]string{`""`, `"abc"`, `"👨‍👩‍👧"`}, one...)},
		{schema: `{"maxLength": 0}`, holds: []string{`""`}, breaks: one},
		{
			schema: `{"minLength": 17}`, holds: []string{`"` + strings.Repeat("é", 17) + `"`, `"` + strings.Repeat("a", 17) + `"`},
			breaks: []string{`"` + strings.Repeat("é", 16) + `"`, `"` + strings.Repeat("😀", 16) + `"`, `"` + strings.Repeat(`\u00e9`, 16) + `"`},
		},
	})
}

func TestAccepts_pattern(t *testing.T) {
	runAll(t, []table{
		{schema: `{"pattern": "b"}`, holds: []string{`"b"`, `"abc"`, `"\u0062"`, `"éb"`}, breaks: []string{`"a"`, `""`, `"B"`, `"é"`}},
		{schema: `{"pattern": "^[a-z]+$"}`, holds: []string{`"abc"`, `"\u0061"`}, breaks: []string{`""`, `"aB"`, `"abc\n"`, `"\nabc"`, `"é"`, `"aé"`, `" a"`}},
		{schema: `{"pattern": "^(a|bc)*d?$"}`, holds: []string{`""`, `"a"`, `"bcad"`, `"d"`}, breaks: []string{`"b"`, `"dd"`, `"cb"`}},
		{schema: `{"pattern": "^é😀.$"}`, holds: []string{`"é😀a"`, `"\u00e9\ud83d\ude00é"`}, breaks: []string{`"é😀"`, `"e😀a"`, `"é😀\n"`}},
		{schema: `{"pattern": "[^\\t ]"}`, holds: []string{`"a"`, `" a"`, `"\n"`, `"é"`, `"\"quoted\""`}, breaks: []string{`""`, `" "`, `"\t \t"`}},
		{schema: `{"pattern": "^\\p{L}+$"}`, holds: []string{`"aé"`, `"\u00e9"`}, breaks: []string{`"1"`, `"a1"`}},
		{schema: `{"pattern": "\\bx\\b"}`, holds: []string{`"x"`, `"a x."`}, breaks: []string{`"ax"`, `"x1"`}},
		{schema: `{"pattern": "(?i)^k$"}`, holds: []string{`"k"`, `"K"`, `"\u212a"`}, breaks: []string{`"l"`, `"kk"`}}, // the Kelvin sign folds
		{schema: `{"pattern": "^(?:[a-c]{2,3}){2}$"}`, holds: []string{`"abca"`, `"abcabc"`}, breaks: []string{`"abc"`, `"abcabca"`, `"abcd"`}},
		{schema: `{"pattern": "^a", "maxLength": 2, "minLength": 2, "format": "email"}`, breaks: []string{`"ab"`, `"b@c.de"`}},
	})
}

// Strings are UTF-8 without controls, and what escapes stand for are characters.
func TestAccepts_strings(t *testing.T) {
	quick, _ := compiled(t, `{"type": "string"}`)
	for _, body := range []string{
		``, `"`, `"a`, `"\"`, `"\`, `"\x"`, `"\u"`, `"\u00"`, `"\u00g0"`, `"\U0041"`, `"\u0000"`, `"a\u0000b"`, "\"\x00\"", "\"\n\"", "\"\t\"", "\"\x1f\"", `'a'`, `"a""`, `"a"b`,
		`"\ud83d"`, `"\ude00"`, `"\ude00\ud83d"`, `"\ud83d\ud83d"`, `"\ud83da"`, `"\ud83d\n"`, `"\ud83d\u0041"`, `"\ud83d\ude0"`, `"\ud83d`, `"\ud83d\`, `"\ud83d\u`,
		"\"\x80\"", "\"\xc0\x80\"", "\"\xc1\xbf\"", "\"\xe0\x80\x80\"", "\"\xe0\x9f\xbf\"", "\"\xf0\x80\x80\x80\"", "\"\xf0\x8f\xbf\xbf\"", // overlong
		"\"\xed\xa0\x80\"", "\"\xed\xbf\xbf\"", "\"\xed\xa0\xbd\xed\xb8\x80\"", // surrogates
		"\"\xf4\x90\x80\x80\"", "\"\xf8\x88\x80\x80\x80\"", "\"\xff\"", "\"\xfe\"", "\xff", "\"abcdefgh\xff\"",
	} {
		if quick.Accepts([]byte(body)) {
			t.Errorf("Accepts(%q) = true, want false", body)
		}
	}
	for _, character := range []string{"é", "€", "😀", "\ufffd", "\U0010ffff", "\u0800", "\U00010000"} {
		for pad := range 9 {
			before := `"` + strings.Repeat("a", pad)
			if body := before + character + `"`; !quick.Accepts([]byte(body)) {
				t.Errorf("Accepts(%q) = false, want true", body)
			}
			for end := 1; end < len(character); end++ {
				for _, after := range []string{`"`, `a"`, ``, `aaaaaaaaaa"`, character + `"`} {
					if body := before + character[:end] + after; quick.Accepts([]byte(body)) {
						t.Errorf("Accepts(%q) = true, want false", body)
					}
				}
			}
		}
	}
}

// marked returns the first byte that special has to mark, eight when there is none.
func marked(eight []byte) int {
	for i, b := range eight {
		if b == '"' || b == '\\' || b < 0x20 || b >= utf8.RuneSelf {
			return i
		}
	}
	return 8
}

func TestSpecial(t *testing.T) {
	check := func(eight []byte) {
		got := 8
		for marks := special(binary.LittleEndian.Uint64(eight)); marks != 0; marks = 0 {
			for got = 0; marks&0x80 == 0; marks >>= 8 {
				got++
			}
		}
		if want := marked(eight); got != want {
			t.Errorf("special(%q) marks byte %d first, want %d", eight, got, want)
		}
	}
	for b := range 256 {
		for at := range 8 {
			for _, others := range []byte{'a', '!', '#', '[', ']', 0x20, 0x7f} {
				eight := bytes.Repeat([]byte{others}, 8)
				eight[at] = byte(b)
				check(eight)
			}
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	near := []byte{0x1f, 0x20, 0x21, 0x22, 0x23, 0x5b, 0x5c, 0x5d, 0x7f, 0x80, 0x81, 0xa0, 0xa2, 0xdc, 0xff, 0x00, 0x01, 'a'}
	for range 50_000 {
		eight := make([]byte, 8)
		for i := range eight {
			eight[i] = near[random.IntN(len(near))]
			if random.IntN(2) == 0 {
				eight[i] = 'a' + byte(random.IntN(26))
			}
		}
		check(eight)
	}
}

// Characters are counted and escapes undone as encoding/json does.
func TestCharacters(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	parts := []string{"a", "bcdefghi", "é", "€", "😀", `\n`, `\"`, `\\`, `\/`, `\b`, `\f`, `\r`, `\t`, `\u0041`, `\u00e9`, `\uFFFF`, `\ud83d\ude00`, `\uDBFF\uDFFF`, `\u0001`, "\x7f", " "}
	for range 5_000 {
		var b strings.Builder
		for range random.IntN(12) {
			b.WriteString(parts[random.IntN(len(parts))])
		}
		written := b.String()
		var want string
		if err := json.Unmarshal([]byte(`"`+written+`"`), &want); err != nil {
			t.Fatal(err)
		}
		c := check{body: []byte(written + `",`)}
		end, count, escaped := c.characters(0)
		if end != len(written) || count != utf8.RuneCountInString(want) || escaped != strings.Contains(written, `\`) {
			t.Errorf("characters(%s) = %d, %d, %t, want %d, %d", written, end, count, escaped, len(written), utf8.RuneCountInString(want))
		}
		if got := string(unescape(nil, []byte(written))); got != want {
			t.Errorf("unescape(%s) = %q, want %q", written, got, want)
		}
	}
}

func TestAcceptsText(t *testing.T) {
	for schema, values := range map[string]struct{ holds, refused []string }{
		`{"type": "string", "minLength": 1, "maxLength": 2}`:      {[]string{"a", "éé", "😀😀", `"`, `\n`, "\n"}, []string{"", "abc", "\xff", "\xed\xa0\x80", "\x00", "a\x00"}},
		`{"type": "string", "pattern": "^a+$"}`:                   {[]string{"a", "aa"}, []string{"", "b", "a\n", `"a"`, "é"}},
		`{"enum": ["a", "b c", 1, null, "é"]}`:                    {[]string{"a", "b c", "é"}, []string{"", "1", "null", `a"`, `a","b c`, `\u0061`}},
		`{"type": ["string", "null"], "format": "date"}`:          {[]string{"2024-02-29"}, []string{"", "null", "2023-02-29"}},
		`{"type": "integer"}`:                                     {nil, []string{"1", "", "a"}},
		`{"$ref": "#/components/schemas/Word", "maxLength": 3}`:   {[]string{"ab", "abc"}, []string{"a", "abcd"}},
		`{"allOf": [{"maxLength": 3}, {"enum": ["ab", "abcd"]}]}`: {[]string{"ab"}, []string{"abcd", "abc"}},
	} {
		quick, _ := compiled(t, schema)
		for _, v := range values.holds {
			if !quick.AcceptsText(v) {
				t.Errorf("%s: AcceptsText(%q) = false, want true", schema, v)
			}
		}
		for _, v := range values.refused {
			if quick.AcceptsText(v) {
				t.Errorf("%s: AcceptsText(%q) = true, want false", schema, v)
			}
		}
	}
}

func TestAcceptsLiteral(t *testing.T) {
	quick, _ := compiled(t, `{"type": ["integer", "boolean"], "minimum": 0}`)
	for _, v := range []string{"0", "-0", "7", "true", "false"} {
		if !quick.AcceptsLiteral(v) {
			t.Errorf("AcceptsLiteral(%q) = false, want true", v)
		}
	}
	anything, _ := compiled(t, `{}`)
	for _, v := range []string{"", "-1", "1.5", "01", "+1", "1 ", " 1", "1,2", "truefalse", "True", "null", `"1"`, "[1]", "{}", `["\n"]`, "\x00", "1\x00", "é"} {
		if quick.AcceptsLiteral(v) {
			t.Errorf("AcceptsLiteral(%q) = true, want false", v)
		}
		if v != "-1" && v != "1.5" && anything.AcceptsLiteral(v) {
			t.Errorf("AcceptsLiteral(%q) of anything = true, want false", v)
		}
	}
}

func TestAcceptsList(t *testing.T) {
	words, _ := compiled(t, `{"type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true, "items": {"type": "string", "maxLength": 3}}`)
	numbers, _ := compiled(t, `{"type": "array", "maxItems": 3, "uniqueItems": true, "items": {"type": "integer", "maximum": 9}}`)
	loose, _ := compiled(t, `{"type": "array", "items": {"type": "integer"}}`)
	for _, c := range []struct {
		schema   *Schema
		values   []string
		literals bool
		want     bool
	}{
		{words, []string{"a"}, false, true},
		{words, []string{"a", "b", "abc"}, false, true},
		{words, nil, false, false},
		{words, []string{"a", "b", "c", "d"}, false, false},
		{words, []string{"a", "b", "a"}, false, false},
		{words, []string{"abcd"}, false, false},
		{words, []string{"a", "A", ""}, false, true},
		{words, []string{"1"}, true, false},
		{numbers, nil, true, true},
		{numbers, []string{"1"}, true, true},
		{numbers, []string{"1", "2"}, true, false}, // the authority compares numbers
		{numbers, []string{"10"}, true, false},
		{numbers, []string{"a"}, true, false},
		{numbers, []string{"1"}, false, false},
		{loose, []string{"1", "1"}, true, true},
		{loose, []string{"1", "1.5"}, true, false},
		{loose, []string{""}, true, false},
	} {
		if got := c.schema.AcceptsList(c.values, c.literals); got != c.want {
			t.Errorf("AcceptsList(%q, %t) = %t, want %t", c.values, c.literals, got, c.want)
		}
	}
	for _, schema := range []string{`{"type": "string"}`, `{}`, `{"type": "array"}`, `{"items": {}, "allOf": [{"maxItems": 1}]}`, `{"items": {}, "enum": [1]}`, `{"items": {}, "type": "string"}`} {
		if quick, _ := compiled(t, schema); quick.AcceptsList([]string{"a"}, false) {
			t.Errorf("%s: AcceptsList = true, want false", schema)
		}
	}
}
