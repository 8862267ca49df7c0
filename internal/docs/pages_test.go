package docs

import (
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// foreign are the addresses elsewhere that pages may lead to. Nothing is loaded from there.
var foreign = []string{
	"https://jqlang.org", "https://openapi-generator.tech", "https://www.rfc-editor.org/rfc/rfc6901",
	"https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/", "https://www.standardwebhooks.com", "https://permitdata.org",
	"https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks",
}

// elsewhere are the pages of this server outside /docs that pages may lead to.
var elsewhere = []string{"/settings/developers", "/settings/developers/keys"}

var (
	attribute = regexp.MustCompile(`<[a-z][^>]*?\s(?:href|src|action)="([^"]*)"`)
	anchor    = regexp.MustCompile(`<[a-z][^>]*?\sid="([^"]*)"`)
	inlined   = regexp.MustCompile(`<script(?:\s[^>]*)?>[^<]|<style|<[a-z][^>]*\s(?:style|on[a-z]+)=`)
	titled    = regexp.MustCompile(`<title>([^<]+) · Plotwise API</title>`)
	summary   = regexp.MustCompile(`<meta name="description" content="[^"]+">`)
	levels    = regexp.MustCompile(`<h([1-6])[ >]`)
	tags      = regexp.MustCompile(`<[^>]*>`)
)

// hrefs returns what the elements of a page refer to.
func hrefs(body string) (found []string) {
	for _, m := range attribute.FindAllStringSubmatch(body, -1) {
		found = append(found, html.UnescapeString(m[1]))
	}
	return found
}

var (
	crawled sync.Once
	all     map[string]string
)

// crawl returns every page and file that /docs leads to. It looks once for all tests.
func crawl(t *testing.T) map[string]string {
	t.Helper()
	crawled.Do(func() { all = follow(t, newHandler(t)) })
	return all
}

func follow(t *testing.T, h http.Handler) map[string]string {
	t.Helper()
	found := map[string]string{}
	for next := []string{"/docs", "/docs/search?q=permit", "/docs/search?q=zzzz"}; len(next) > 0; next = next[1:] {
		path, _, _ := strings.Cut(next[0], "#")
		if _, known := found[path]; known {
			continue
		}
		a := ask(h, http.MethodGet, path)
		if a.Code != http.StatusOK {
			t.Errorf("GET %s = %d, want 200", path, a.Code)
		}
		if found[path] = a.Body.String(); !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") {
			continue
		}
		for _, to := range hrefs(found[path]) {
			if inside, ok := strings.CutPrefix(to, publicURL); ok {
				to = inside
			}
			if strings.HasPrefix(to, "/") && !slices.Contains(elsewhere, to) {
				next = append(next, to)
			}
		}
	}
	return found
}

// pages leaves the pages of what was found.
func pages(found map[string]string) map[string]string {
	left := map[string]string{}
	for path, body := range found {
		if strings.HasPrefix(body, "<!doctype html>") {
			left[path] = body
		}
	}
	return left
}

func TestPages_links(t *testing.T) {
	found := crawl(t)
	if len(found) < 80 {
		t.Errorf("%d pages and files are found, want over 80", len(found))
	}
	anchors := map[string][]string{}
	for path, body := range found {
		for _, m := range anchor.FindAllStringSubmatch(body, -1) {
			anchors[path] = append(anchors[path], m[1])
		}
	}
	for path, body := range pages(found) {
		for _, to := range hrefs(body) {
			to, _ = strings.CutPrefix(to, publicURL)
			u, err := url.Parse(to)
			switch {
			case err != nil:
				t.Errorf("%s refers to %q: %v", path, to, err)
			case u.Scheme != "" || u.Host != "":
				if !slices.Contains(foreign, to) || !strings.Contains(body, `<a href="`+to+`"`) {
					t.Errorf("%s refers to %s, which is none of the written addresses", path, to)
				}
			case strings.HasPrefix(u.Fragment, "/") && u.Path == "/docs/reference": // of Swagger UI: a tag and an operation
				if _, known := found["/docs/reference"+u.Fragment[strings.LastIndexByte(u.Fragment, '/'):]]; !known {
					t.Errorf("%s refers to %s, which is no operation", path, to)
				}
			case u.Path == "" && u.Fragment != "":
				if !slices.Contains(anchors[path], u.Fragment) {
					t.Errorf("%s refers to %s, which is not on it", path, to)
				}
			case slices.Contains(elsewhere, to):
			case !strings.HasPrefix(u.Path, "/docs"):
				t.Errorf("%s refers to %q, want something below /docs", path, to)
			case u.Fragment != "" && !slices.Contains(anchors[u.Path], u.Fragment):
				t.Errorf("%s refers to %s, which has no such place", path, to)
			}
		}
	}
}

func TestPages_whole(t *testing.T) {
	found := pages(crawl(t))
	titles := map[string]string{}
	for path, body := range found {
		if n := strings.Count(body, "<h1"); n != 1 {
			t.Errorf("%s has %d headings of the first level, want one", path, n)
		}
		m := titled.FindStringSubmatch(body)
		if m == nil || (!summary.MatchString(body) && !strings.HasPrefix(path, "/docs/search")) {
			t.Errorf("%s has no title, or no description", path)
		} else if other, taken := titles[m[1]]; taken && !strings.HasPrefix(path, "/docs/search") {
			t.Errorf("%s and %s have the title %q", path, other, m[1])
		} else {
			titles[m[1]] = path
		}
		ids := map[string]bool{}
		for _, m := range anchor.FindAllStringSubmatch(body, -1) {
			if ids[m[1]] {
				t.Errorf("%s has the id %q twice", path, m[1])
			}
			ids[m[1]] = true
		}
		if at := inlined.FindString(body); at != "" {
			t.Errorf("%s has a script or a style in it: %s", path, at)
		}
		if strings.Contains(body, "api.plotwise.us") {
			t.Errorf("%s names the server that it was written with, not this one", path)
		}
		for _, empty := range emptySections(body) {
			t.Errorf("%s has a section without anything: %s", path, empty)
		}
	}
}

// emptySections returns the headings of a page that nothing follows before the next one of their level.
func emptySections(body string) (found []string) {
	_, content, _ := strings.Cut(body, "<main")
	content, _, _ = strings.Cut(content, "</main>")
	at := levels.FindAllStringSubmatchIndex(content, -1)
	for i, here := range at {
		end, level := len(content), content[here[2]:here[3]]
		if i+1 < len(at) {
			end = at[i+1][0]
			if content[at[i+1][2]:at[i+1][3]] > level {
				continue // it has sections of its own
			}
		}
		name, text, _ := strings.Cut(content[here[0]:end], "</h"+level+">")
		if strings.TrimSpace(tags.ReplaceAllString(text, "")) == "" {
			found = append(found, tags.ReplaceAllString(name, ""))
		}
	}
	return found
}

var shell = regexp.MustCompile("(?ms)^```sh[^\n]*\n(.*?)^```$")

// What readers paste has no comments, which an interactive zsh takes for arguments.
func TestGuides_comments(t *testing.T) {
	names, err := fs.Glob(files, "guides/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("there are no guides: %v", err)
	}
	comment := regexp.MustCompile(`(?m)^(?:.*\s)?# .*$`)
	for _, name := range names {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, block := range shell.FindAllSubmatch(text, -1) {
			if found := comment.Find(block[1]); found != nil {
				t.Errorf("%s has a comment in a block that is pasted: %s", name, found)
			}
		}
	}
}
