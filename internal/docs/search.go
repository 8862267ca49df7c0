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

// index finds entries by words.
type index struct {
	entries []entry
}

func (x *index) add(e entry) {
	e.Text = strings.ReplaceAll(e.Text, "`", "") // which marks code
	e.title, e.text = split(e.Title), split(e.Text+" "+e.Kind+" "+e.Name)
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
	slices.SortStableFunc(found, func(a, b scored) int { return cmp.Compare(b.score, a.score) })
	var best []entry
	for _, f := range found[:min(most, len(found))] {
		f.Text = excerpt(f.Text, wanted[0])
		best = append(best, f.entry)
	}
	return best
}

// score returns 0 for an entry that lacks a word. A title weighs more than a text, and a whole word more than its beginning.
func (e *entry) score(wanted []string) (sum int) {
	for _, w := range wanted {
		n := max(10*match(e.title, w), match(e.text, w))
		if n == 0 {
			return 0
		}
		sum += n
	}
	if len(e.title) == len(wanted) && sum == 20*len(wanted) {
		sum += 100 // the very thing
	}
	return sum
}

func match(words []string, w string) (best int) {
	for _, word := range words {
		switch {
		case word == w:
			return 2
		case strings.HasPrefix(word, w):
			best = 1
		}
	}
	return best
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
