package drills

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// block is a block of shell commands of a guide, with what the guide says comes of it.
type block struct {
	line   int
	code   string
	norun  bool
	status string // that the last request is answered with; empty: all are answered with a success

	language string // of the output that the guide shows: json, http or text; empty: none
	output   string
}

var fence = regexp.MustCompile("(?ms)^```([a-z]*)([^\n]*)\n(.*?)^```$")

// readBlocks returns the shell blocks of a guide. An output belongs to the block before it.
func readBlocks(t *testing.T, slug string) (found []block) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "docs", "guides", slug+".md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range fence.FindAllSubmatchIndex(text, -1) {
		language, words, code := string(text[at[2]:at[3]]), strings.Fields(string(text[at[4]:at[5]])), string(text[at[6]:at[7]])
		line := strings.Count(string(text[:at[0]]), "\n") + 1
		switch {
		case language == "sh":
			found = append(found, newBlock(t, slug, line, words, code))
		case len(words) == 1 && words[0] == "output" && len(found) > 0 && found[len(found)-1].output == "":
			found[len(found)-1].language, found[len(found)-1].output = language, code
		case len(words) > 0:
			t.Errorf("%s.md:%d: a block is marked %q, want sh before it, or output", slug, line, words)
		}
	}
	return found
}

func newBlock(t *testing.T, slug string, line int, words []string, code string) block {
	t.Helper()
	b := block{line: line, code: code}
	for _, w := range words {
		status, found := strings.CutPrefix(w, "status=")
		switch {
		case found:
			b.status = status
		case w == "norun":
			b.norun = true
		default:
			t.Errorf("%s.md:%d: a block is marked %q, want norun or status=", slug, line, w)
		}
	}
	return b
}

var marked = regexp.MustCompile(`~~status (\d+)`)

// check holds what a block put out against what the guide says. The names of servers in that are those of here.
func (b block) check(t *testing.T, here func(string) string, out, failure string) {
	t.Helper()
	statuses := marked.FindAllStringSubmatch(failure, -1)
	for i, s := range statuses {
		want := "2xx"
		if i == len(statuses)-1 && b.status != "" {
			want = b.status
		}
		if s[1] != want && (want != "2xx" || s[1][0] != '2') {
			t.Errorf("line %d: request %d is answered with %s, want %s:\n%s%s", b.line, i+1, s[1], want, out, failure)
		}
	}
	if b.status != "" && len(statuses) == 0 {
		t.Errorf("line %d: no request was made, want one that is answered with %s", b.line, b.status)
	}
	if b.output == "" {
		return
	}
	want := here(b.output)
	switch b.language {
	case "json":
		b.checkJSON(t, want, out)
	case "http", "text":
		b.checkLines(t, want, out)
	default:
		t.Errorf("line %d: the output is %q, want json, http or text", b.line, b.language)
	}
}

// variable is what differs from one server to another.
var variable = []struct {
	pattern *regexp.Regexp
	name    string
}{
	{regexp.MustCompile(`pw_live_\w+`), "KEY"},
	{regexp.MustCompile(`\b([a-z]+)_[0-7][0-9a-hjkmnp-tv-z]{25}\b`), "${1}_ID"},
	{regexp.MustCompile(`\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b`), "UUID"},
	{regexp.MustCompile(`\b\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?`), "TIME"},
}

func normal(text string) string {
	for _, v := range variable {
		text = v.pattern.ReplaceAllString(text, v.name)
	}
	return text
}

var digits = regexp.MustCompile(`\d+`)

// checkLines looks for each line of the guide in what was put out: those of headers whatever their numbers and their case.
func (b block) checkLines(t *testing.T, want, out string) {
	t.Helper()
	form := func(line string) string {
		line = normal(strings.TrimSpace(line))
		if b.language == "http" {
			line = strings.ToLower(digits.ReplaceAllString(line, "#"))
		}
		return line
	}
	found := map[string]bool{}
	for line := range strings.Lines(out) {
		found[form(line)] = true
	}
	for line := range strings.Lines(want) {
		if !found[form(line)] {
			t.Errorf("line %d: the guide shows %q, but the output is\n%s", b.line, strings.TrimSpace(line), out)
		}
	}
}

func (b block) checkJSON(t *testing.T, want, out string) {
	t.Helper()
	var shown, got any
	if err := json.Unmarshal([]byte(want), &shown); err != nil {
		t.Fatalf("line %d: the guide shows no JSON: %v", b.line, err)
	}
	start := strings.IndexAny(out, "{[")
	if start < 0 {
		t.Errorf("line %d: there is no JSON in %q", b.line, out)
		return
	}
	if err := json.NewDecoder(strings.NewReader(out[start:])).Decode(&got); err != nil {
		t.Errorf("line %d: %v in %q", b.line, err, out)
		return
	}
	for _, breach := range differences("", shown, got) {
		t.Errorf("line %d: %s", b.line, breach)
	}
}

// differences says where an answer is not what a guide shows of it: there may be more in it, and numbers may be others. In a
// text that is shown, … stands for anything.
func differences(at string, shown, got any) (found []string) {
	switch shown := shown.(type) {
	case map[string]any:
		object, ok := got.(map[string]any)
		if !ok {
			return []string{fmt.Sprintf("%s is %v, want an object", at, got)}
		}
		for name, value := range shown {
			if _, ok := object[name]; !ok {
				found = append(found, fmt.Sprintf("%s has no %q", at, name))
				continue
			}
			found = append(found, differences(at+"/"+name, value, object[name])...)
		}
	case []any:
		list, ok := got.([]any)
		if !ok || len(list) < len(shown) || (len(shown) == 0 && len(list) > 0) {
			return []string{fmt.Sprintf("%s is %v, want at least %v", at, got, shown)}
		}
		for i, value := range shown {
			found = append(found, differences(fmt.Sprintf("%s/%d", at, i), value, list[i])...)
		}
	case string:
		pattern := "(?s)^" + strings.ReplaceAll(regexp.QuoteMeta(normal(shown)), "…", ".*") + "$"
		if text, ok := got.(string); !ok || !regexp.MustCompile(pattern).MatchString(normal(text)) {
			found = []string{fmt.Sprintf("%s is %v, want %q", at, got, shown)}
		}
	case float64:
		if _, ok := got.(float64); !ok {
			found = []string{fmt.Sprintf("%s is %v, want a number", at, got)}
		}
	default:
		if got != shown {
			found = []string{fmt.Sprintf("%s is %v, want %v", at, got, shown)}
		}
	}
	return found
}

// What guides show is held against what comes: an answer may say more, but not less, nor something else.
func TestDifferences(t *testing.T) {
	const got = `{"id":"key_01m891ee7zf3ysnkjesp8cpqcj","n":7,"at":"2026-11-25T09:44:04Z","url":"http://h/x","none":null,"list":[{"a":"b"},{"a":"c"}]}`
	for shown, want := range map[string]int{
		`{}`: 0, `{"id":"key_01k0n5v8e3e5ra1c8d7m2n4p6q"}`: 0, `{"id":"org_01k0n5v8e3e5ra1c8d7m2n4p6q"}`: 1, `{"n":8}`: 0, `{"n":"7"}`: 1,
		`{"at":"2020-01-01T00:00:00.123Z"}`: 0, `{"at":"yesterday"}`: 1, `{"url":"http://…"}`: 0, `{"url":"https://…"}`: 1, `{"none":null}`: 0, `{"none":"x"}`: 1,
		`{"list":[{"a":"b"}]}`: 0, `{"list":[{"a":"c"}]}`: 1, `{"list":[]}`: 1, `{"list":[{},{},{}]}`: 1, `{"other":1,"list":[{"b":1}]}`: 2, `[]`: 1,
	} {
		var a, b any
		if err := errors.Join(json.Unmarshal([]byte(shown), &a), json.Unmarshal([]byte(got), &b)); err != nil {
			t.Fatal(err)
		}
		if found := differences("", a, b); len(found) != want {
			t.Errorf("differences of %s = %q, want %d", shown, found, want)
		}
	}
}
