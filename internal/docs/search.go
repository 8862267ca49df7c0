package docs

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"unicode"
)

// entry is something that can be found: a section of a guide, an operation, an error code.
type entry struct {
	Title, Path, Kind, Text string
	Name                    string // by which programs know it; it is not shown

	title, text []string // their words, in lower case
}

// rank puts guides before operations, and those before errors.
func (e *entry) rank() int {
	switch {
	case strings.HasPrefix(e.Path, "/docs/errors"):
		return 2
	case strings.HasPrefix(e.Path, "/docs/reference"):
		return 1
	}
	return 0
}

// index finds entries by words.
type index struct {
	entries []entry
}

func (x *index) add(e entry) {
	e.Text = strings.ReplaceAll(e.Text, "`", "") // which marks code
	e.title, e.text = split(e.Title), split(e.Text+" "+e.Kind+" "+e.Name+" "+e.Path)
	x.entries = append(x.entries, e)
}

func split(text string) []string {
	return strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
}

const most = 30 // results

// find returns the entries that have a word for every word of a query, or one that begins with it; the best come first.
func (x *index) find(query string) []entry {
	wanted := split(query)
	if len(wanted) == 0 {
		return nil
	}
	type scored struct {
		entry
		score int
	}
	var found []scored
	for _, e := range x.entries {
		if n := e.score(wanted); n > 0 {
			found = append(found, scored{e, n})
		}
	}
	slices.SortStableFunc(found, func(a, b scored) int { return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.rank(), b.rank())) })
	var best []entry
	for _, f := range found[:min(most, len(found))] {
		f.Text = excerpt(f.Text, wanted[0])
		best = append(best, f.entry)
	}
	return best
}

// synonyms are words that readers bring from elsewhere, with those that stand for them here.
var synonyms = map[string][]string{
	"allowlist": {"networks"}, "whitelist": {"networks"}, "bulk": {"batch", "export"}, "dashboard": {"settings"}, "paging": {"cursor"},
	"ngrok": {"listen"}, "tunnel": {"listen"}, "php": {"signatures"}, "java": {"openapi"}, "sandbox": {"demo"}, "setup": {"install"}, "timezone": {"zone"}, "throttling": {"rate"},
}

// score returns 0 for an entry that lacks a word. A title weighs more than a text, and a whole word more than its beginning,
// which weighs more than one that is mistyped.
func (e *entry) score(wanted []string) (sum int) {
	for _, w := range wanted {
		n := e.match(w)
		for _, other := range synonyms[w] {
			n = max(n, e.match(other))
		}
		if n == 0 {
			return 0
		}
		sum += n
	}
	if len(e.title) == len(wanted) && sum == 10*whole*len(wanted) {
		sum += 100 // the very thing
	}
	return sum
}

func (e *entry) match(w string) int { return max(10*match(e.title, w), match(e.text, w)) }

// How much a word of an entry is worth that is what was looked for, begins with it, or is as good as that.
const (
	whole     = 4
	beginning = 2
	mistyped  = 1
)

func match(words []string, w string) (best int) {
	for _, word := range words {
		switch {
		case word == w:
			return whole
		case strings.HasPrefix(word, w):
			best = beginning
		case best == 0 && len(w) >= 5 && near(word, w):
			best = mistyped
		}
	}
	return best
}

// near reports whether one word becomes the other by one letter more, less, or another, or by two that change places.
func near(a, b string) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	at := 0
	for at < len(a) && a[at] == b[at] {
		at++
	}
	switch len(b) - len(a) {
	case 0:
		return at == len(a) || a[at+1:] == b[at+1:] || at+1 < len(a) && a[at] == b[at+1] && a[at+1] == b[at] && a[at+2:] == b[at+2:]
	case 1:
		return a[at:] == b[at+1:]
	}
	return false
}

// excerpt returns some words around the first that begins with w.
func excerpt(text, w string) string {
	fields := strings.Fields(text)
	at := max(0, slices.IndexFunc(fields, func(f string) bool {
		return slices.ContainsFunc(split(f), func(s string) bool { return strings.HasPrefix(s, w) })
	}))
	from, to := max(0, at-10), min(len(fields), max(0, at-10)+30)
	short := strings.Join(fields[from:to], " ")
	if from > 0 {
		short = "… " + short
	}
	if to < len(fields) {
		short += " …"
	}
	return short
}

// search answers with a page of what a query finds; with part=results, with the results alone, which the page's script asks
// for while somebody types.
func (s *site) search(w http.ResponseWriter, r *http.Request) {
	query := strings.ToValidUTF8(r.URL.Query().Get("q"), "")
	if len(query) > 200 {
		query = strings.ToValidUTF8(query[:200], "")
	}
	name := "search.html"
	if r.URL.Query().Get("part") == "results" {
		name = "results"
	}
	text, err := s.render(name, page{Title: "Search", Query: query, Path: "/docs/search", Body: s.index.find(query)})
	if err != nil {
		http.Error(w, "The search does not work at the moment.", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-cache")
	_, _ = w.Write(text) // the client may be gone
}
