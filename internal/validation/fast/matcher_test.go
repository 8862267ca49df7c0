package fast

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// holdsLikeRegexp wants of the matcher what package regexp says.
func holdsLikeRegexp(t *testing.T, m *matcher, expression *regexp.Regexp, text string) {
	t.Helper()
	if got, want := m.matches([]byte(text)), expression.MatchString(text); got != want {
		t.Errorf("%s matches %q: %t, want %t", expression, text, got, want)
	}
}

func TestMatcher(t *testing.T) {
	texts := []string{"", "a", "b", "ab", "ba", "aa", "bb", "aab", "abc", "abab", "\n", "a\n", "\na", "a\nb", " ", "a b", "é", "aé", "éa", "😀", "\x00", "\x7f", "A", "AB", "0", "a0", "-", "a-b", "$", "^", strings.Repeat("a", 300), strings.Repeat("ab", 20)}
	for _, pattern := range []string{
		"", "a", "^a", "a$", "^a$", "^$", "^", "$", "$^", "^$^", "$a", "a^", "^^a", "a$$", "(^a|b$)", "^a|b$", "(^|b)a", "a(b|$)", "(a|^$)", "$^|b", "(^$|a)b", "(b|$)(^|a)", "a?^", "(a*$)*", "(^a*)*$",
		"a*", "a+", "a?", "a{2}", "a{2,}", "a{2,3}", "^a{2,3}$", "^(a|b)*$", "^(ab)*$", "^(a*b*)*$", "^(a+)+$", "^((a|b){2}){2}$", "^(a?){3}$", "(a|aa)+b", "a|ab|abc", "^(a|ab)(c|bc)?$", "a.b", "^.$", "^.*$", "(?s)^.$", "[^a]", "^[^a]$",
		"[a-c0-9-]+$", "^[\\w-]+$", "\\d", "^\\S+$", "^\\s*$", "(?i)ab", "(?i)^A$", "\\Aa\\z", "(?m)^a$", "\\ba\\b", "a\\Bb", "^(?:a|b)??$", "a*?b", "é", "^é$", "[é-ü]", "^[^é]$", "\\p{L}", "^\\x00$", "\\^", "\\$", "[$^]", "^(?P<n>a)$", "(a|b|c|ab|bc|ca){0,9}$",
		".*a.{8}$", ".*a.{7}$", // the first takes more states than a table may have
	} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatalf("newMatcher(%s) = %v", pattern, err)
		}
		expression := regexp.MustCompile(pattern)
		for _, text := range texts {
			holdsLikeRegexp(t, m, expression, text)
		}
	}
}

func TestMatcher_table(t *testing.T) {
	for pattern, want := range map[string]bool{"^[a-z]+$": true, "^é$": true, "": true, "\\ba": false, "(?m)^a": false, ".*a.{8}$": false, "^(a{1,50}){1,9}$": false} {
		m, err := newMatcher(pattern)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.next != nil; got != want || got && len(m.accepts) != len(m.next) {
			t.Errorf("newMatcher(%s) has a table: %t of %d and %d states, want %t", pattern, got, len(m.next), len(m.accepts), want)
		}
	}
}

// random writes a pattern.
func randomPattern(r *rand.Rand, depth int) string {
	if depth == 0 {
		return []string{"a", "b", "[ab]", "[^a]", ".", "^", "$", "c", "\\n", "é", "(?i:B)", "[a-c]", ""}[r.IntN(13)]
	}
	sub := func() string { return randomPattern(r, depth-1) }
	switch r.IntN(7) {
	case 0:
		return sub() + "|" + sub()
	case 1:
		return "(" + sub() + ")" + []string{"*", "+", "?", "*?", "{2}", "{0,2}", "{1,}"}[r.IntN(7)]
	case 2:
		return "(?:" + sub() + "|" + sub() + ")"
	case 3:
		return "^" + sub() + "$"
	case 4:
		return "(" + sub() + "|" + sub() + "|" + sub() + ")" + sub()
	default:
		return sub() + sub()
	}
}

func TestMatcher_random(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	tables := 0
	for range 700 {
		pattern := randomPattern(r, 1+r.IntN(4))
		m, err := newMatcher(pattern)
		if err != nil {
			continue // too many repetitions
		}
		if m.next != nil {
			tables++
		}
		expression := regexp.MustCompile(pattern)
		for range 30 {
			var text strings.Builder
			for range r.IntN(9) {
				fmt.Fprint(&text, []string{"a", "b", "c", "B", "\n", "d", "é"}[r.IntN(6+r.IntN(2))])
			}
			holdsLikeRegexp(t, m, expression, text.String())
		}
	}
	if tables < 550 {
		t.Errorf("%d of the patterns had a table, want nearly all", tables)
	}
}
