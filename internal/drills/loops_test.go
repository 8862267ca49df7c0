package drills

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// The loops of the guides: a failed attempt leaves nothing in what they put out, and what is refused ends them before they
// keep a mark.
func TestGuides_loops(t *testing.T) {
	t.Parallel()
	demo := newDemo(t)
	r := demo.start(t)
	for _, c := range []struct{ slug, function, kept string }{
		{"pagination", "list_permits", ""}, {"pagination", "sync_permits", "permits.since"}, {"event-feed", "read_events", "events.after"},
	} {
		blocks := readBlocks(t, c.slug)
		at := slices.IndexFunc(blocks, func(b block) bool { return strings.HasPrefix(b.code, c.function+"() {\n") })
		if at < 0 {
			t.Fatalf("the guide %s has no function %s", c.slug, c.function)
		}
		code, _, _ := strings.Cut(blocks[at].code, "\n}\n")
		for _, shell := range []string{"bash", "zsh"} {
			if _, err := exec.LookPath(shell); err != nil {
				continue
			}
			run := func(url, key string) (out, dir string, err error) {
				dir = t.TempDir()
				command := exec.CommandContext(t.Context(), shell, "-c", strings.ReplaceAll(code, production, url)+"\n}\n"+c.function)
				command.Dir, command.Env = dir, environ("PLOTWISE_API_KEY="+key)
				text, err := command.Output()
				return string(text), dir, err
			}
			_, dir, err := run(r.server.url, "pw_live_wrong")
			if left, _ := os.ReadDir(dir); err == nil || slices.ContainsFunc(left, func(e os.DirEntry) bool { return e.Name() == c.kept }) {
				t.Errorf("%s with a wrong key ended with %v in %s and left %v, want a failure and no %s", c.function, err, shell, left, c.kept)
			}
			out, dir, err := run(stumbling(t, r.server.url), demo.key)
			if err != nil || strings.Contains(out, "stumbled") {
				t.Errorf("%s after a failed attempt ended with %v in %s: %s", c.function, err, shell, out)
			}
			if mark, err := os.ReadFile(filepath.Join(dir, c.kept)); c.kept != "" && (err != nil || len(strings.TrimSpace(string(mark))) == 0) {
				t.Errorf("%s kept %q in %s, %v; want its mark", c.function, mark, shell, err)
			}
			for _, wrong := range []string{`{"data":[],"meta":{}}`, `{"data":[],"meta":{"next_updated_since":"","next_after":null}}`, `<html>`, ``} {
				_, dir, err := run(answering(t, wrong), demo.key)
				if _, missing := os.Stat(filepath.Join(dir, c.kept)); c.kept != "" && (err == nil || missing == nil) {
					t.Errorf("%s answered with %q ended with %v in %s and kept a mark, want neither", c.function, wrong, err, shell)
				}
			}
		}
	}
}

// stumbling is a front of a server whose first answer is a failure.
func stumbling(t *testing.T, to string) string {
	t.Helper()
	target, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	var stumbled atomic.Bool
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if stumbled.Swap(true) {
			proxy.ServeHTTP(w, r)
			return
		}
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = io.WriteString(w, `{"error":"stumbled"}`) // the client may be gone
	}))
	t.Cleanup(front.Close)
	return front.URL
}

// answering is a server, such as one of a hotel's network, that answers everything with the same.
func answering(t *testing.T, text string) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }))
	t.Cleanup(server.Close)
	return server.URL
}
