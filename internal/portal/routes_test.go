package portal

import (
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// route is a pattern as the source has it, and for whom it is.
type route struct {
	Method, Path string
	Open         bool // for everybody
	Managing     bool // for owners and admins
}

var registered = regexp.MustCompile(`"(GET|POST) (/settings[^"]*)"`)

// routes returns every route that the package registers.
func routes(t *testing.T) []route {
	t.Helper()
	names, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var found []route
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			m := registered.FindStringSubmatch(line)
			if m == nil {
				continue
			}
			line = strings.TrimSpace(line)
			found = append(found, route{
				Method: m[1], Path: m[2], Open: strings.HasPrefix(line, "open(") || strings.Contains(line, "p.anybody("),
				Managing: strings.HasPrefix(line, "manage(") || strings.Contains(line, "p.managers("),
			})
		}
	}
	if len(found) < 20 {
		t.Fatalf("%d routes, want all of them: %v", len(found), found)
	}
	return found
}

// at returns a path that the route takes.
func (r route) at() string {
	text := strings.NewReplacer("{id}", "key_00000000000000000000000000", "{token}", "AAAA", "{$}", "").Replace(r.Path)
	return regexp.MustCompile(`{[^}]*}`).ReplaceAllString(text, "x")
}

func TestRoutes_crossOrigin(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	for _, r := range routes(t) {
		if r.Method != http.MethodPost {
			continue
		}
		for name, header := range map[string]http.Header{
			"another site":                    {"Sec-Fetch-Site": {"cross-site"}},
			"a sibling":                       {"Sec-Fetch-Site": {"same-site"}},
			"another origin, an old browser":  {"Origin": {"https://evil.example"}},
			"a page without an origin":        {"Origin": {"null"}},
			"the same host with another port": {"Origin": {"http://127.0.0.1:9999"}},
		} {
			a := b.do(t, r.Method, r.at(), nil, header)
			a.has(t, 403, "a page of another site")
			a.guarded(t, r)
			if t.Failed() {
				t.Fatalf("%s %s from %s", r.Method, r.Path, name)
			}
		}
	}
	if n := w.count(t, "select count(*) from audit_log"); n != 0 {
		t.Errorf("%d changes were made", n)
	}
	b.get(t, keysPath).has(t, 200, owner) // still signed in
	b.do(t, http.MethodPost, "/settings/sign-out", nil, http.Header{"Origin": {w.PublicURL}}).leads(t, "/settings/sign-in")
}

// guarded fails the test unless the page can be framed by nobody, and is kept by nobody.
func (a answer) guarded(t *testing.T, r route) {
	t.Helper()
	policy := a.Header.Get("Content-Security-Policy")
	for _, part := range []string{"default-src 'none'", "frame-ancestors 'none'", "form-action 'self'", "base-uri 'none'", "script-src 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("%s %s: Content-Security-Policy %q lacks %s", r.Method, r.Path, policy, part)
		}
	}
	if strings.Contains(policy, "unsafe") {
		t.Errorf("%s %s: Content-Security-Policy %q allows what is unsafe", r.Method, r.Path, policy)
	}
	for name, want := range map[string]string{"X-Frame-Options": "DENY", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "Cache-Control": "no-store"} {
		if got := a.Header.Get(name); got != want {
			t.Errorf("%s %s: %s is %q, want %q", r.Method, r.Path, name, got, want)
		}
	}
}

var inline = regexp.MustCompile(`(?i)<script(?:[^>]*>[^<]| [^>]*>[^<])|\son[a-z]+=|\sstyle=|<style`)

// Nobody sees a page without signing in, beyond those that let one in.
func TestRoutes_signedOut(t *testing.T) {
	w := newWorld(t)
	for _, r := range routes(t) {
		b := w.browser(t)
		a := b.do(t, r.Method, r.at(), nil, nil)
		a.guarded(t, r)
		if r.Open {
			continue
		}
		if to := a.Header.Get("Location"); a.Status != http.StatusSeeOther || !strings.HasPrefix(to, "/settings/sign-in") {
			t.Errorf("%s %s: %d to %q, want 303 to /settings/sign-in", r.Method, r.Path, a.Status, to)
		}
	}
}

// What an owner sees has nothing inline, and members do nothing that takes an owner or an admin.
func TestRoutes_roles(t *testing.T) {
	w := newWorld(t)
	managing := 0
	for _, r := range routes(t) {
		if r.Managing {
			managing++
			w.as(t, member).do(t, r.Method, r.at(), nil, nil).has(t, 403, "This takes an owner or an admin of the organization")
		}
		w.now = w.now.Add(6e9) // or there were too many links
		if r.Method == http.MethodGet {
			a := w.as(t, owner).get(t, r.at())
			a.guarded(t, r)
			if m := inline.FindString(a.Body); m != "" {
				t.Errorf("%s: the page has %q inline", r.Path, m)
			}
			checkHeadings(t, r, a.Body)
		}
		w.now = w.now.Add(6e9)
	}
	if managing < 5 {
		t.Errorf("%d routes take an owner or an admin; want all that change something", managing)
	}
	if n := w.count(t, "select count(*) from audit_log"); n != 0 {
		t.Errorf("members made %d changes", n)
	}
}

var heading = regexp.MustCompile(`<h([1-6])`)

// checkHeadings fails the test unless the page has one h1, first, and leaves no level out.
func checkHeadings(t *testing.T, r route, body string) {
	t.Helper()
	last := "0"
	for i, m := range heading.FindAllStringSubmatch(body, -1) {
		if (m[1] == "1") != (i == 0) || m[1][0] > last[0]+1 {
			t.Errorf("%s: h%s follows h%s", r.Path, m[1], last)
		}
		last = m[1]
	}
}

// Members read pages, and find no secret on them; nobody finds another organization's.
func TestRoutes_secrets(t *testing.T) {
	w := newWorld(t)
	_, key, err := w.Keys.Create(t.Context(), apikeys.Key{OrganizationID: w.palmetto, Name: "CRM", Permissions: []identity.Permission{identity.Read}})
	if err != nil {
		t.Fatal(err)
	}
	w.setPassword(t, owner, password)
	hook, hidden, err := w.Webhooks.Create(t.Context(), w.palmetto, webhooks.Create{
		URL: "https://hooks.example.com/plotwise", EventTypes: []string{events.Added},
	})
	if err != nil {
		t.Fatal(err)
	}
	b := w.as(t, member)
	for _, r := range routes(t) {
		if r.Method != http.MethodGet || r.Open {
			continue
		}
		path := r.at()
		if strings.Contains(r.Path, "webhooks/{id}") {
			path = strings.Replace(r.Path, "{id}", id.Format(id.Webhook, hook.ID), 1)
		}
		b.get(t, path).lacks(t, key, hidden.String(), strings.TrimPrefix(hidden.String(), "whsec_"), "argon2id")
	}
}

// Files are served without a session, and nothing is kept for them.
func TestRoutes_files(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	a := b.get(t, "/settings/assets/portal.css")
	a.has(t, 200, "--line")
	if a.Header.Get("Set-Cookie") != "" || a.Header.Get("ETag") == "" || a.Header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("headers %v; want an ETag, the type of CSS and no cookie", a.Header)
	}
	if a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("the type may be guessed")
	}
}
