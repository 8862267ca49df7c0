//go:build e2e

package e2e

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// models are operations whose pages have all that those of others have.
var models = []string{"listPermits", "createCondition", "deleteNote", "exportPermits", "onPermitFeeChanged"}

// tabs is how many pages are looked at at the same time.
const tabs = 2

// walk is a way through all pages of /docs: from the first one along every link.
type walk struct {
	mu    sync.Mutex
	known map[string]bool     // pages by path: true once they were looked at
	links map[string][]string // by the page that they are on
	ids   map[string][]string // by page
}

// TestDocs_pages looks at every page that a link leads to, and follows every link.
func TestDocs_pages(t *testing.T) {
	t.Parallel()
	w := &walk{known: map[string]bool{"/docs": false}, links: map[string][]string{}, ids: map[string][]string{}}
	first := open(t)
	w.look(first, "/docs")
	var looking sync.WaitGroup
	for range tabs {
		b := open(t)
		looking.Go(func() {
			for path := w.next(); path != ""; path = w.next() {
				t.Run(strings.TrimPrefix(path, "/docs/"), func(t *testing.T) { w.look(b.in(t), path) })
			}
		})
	}
	looking.Wait()
	if len(w.known) < 60 {
		t.Errorf("links lead to %d pages, want those of every guide and every operation", len(w.known))
	}
	w.follow(t)
}

func (w *walk) next() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	for path, looked := range w.known {
		if !looked {
			w.known[path] = true
			return path
		}
	}
	return ""
}

// look looks at a page and notes where it leads.
func (w *walk) look(b *tab, path string) {
	b.Helper()
	b.visit(path)
	if path == "/docs/reference" {
		b.until("the operations are there", `document.querySelector('.opblock')`)
	}
	links := eval[[]string](b, `[...document.links].map((a) => a.href)`)
	ids := eval[[]string](b, `[...document.querySelectorAll('[id]')].map((e) => e.id)`)
	w.mu.Lock()
	w.known[path], w.links[path], w.ids[path] = true, links, ids
	for _, l := range links {
		if page, _ := parts(l); isPage(page) && !w.known[page] {
			w.known[page] = w.known[page] || false
		}
	}
	w.mu.Unlock()
	name := "docs" + strings.ReplaceAll(strings.TrimPrefix(path, "/docs"), "/", "-")
	if operation, ok := strings.CutPrefix(path, "/docs/reference/"); ok && !slices.Contains(models, operation) {
		b.glance(name)
		return
	}
	b.inspect(name)
}

// parts returns the path and the anchor of a link on this server; a path of "" is another server's.
func parts(link string) (path, anchor string) {
	u, err := url.Parse(link)
	if err != nil || u.Scheme+"://"+u.Host != program.url {
		return "", ""
	}
	return u.Path, u.Fragment
}

// isPage tells whether there is a page of /docs at a path, and no file.
func isPage(path string) bool {
	return (path == "/docs" || strings.HasPrefix(path, "/docs/")) && !strings.Contains(path[strings.LastIndexByte(path, '/'):], ".") && path != "/docs/search"
}

// follow fails the test for every link that leads nowhere.
func (w *walk) follow(t *testing.T) {
	t.Helper()
	told := map[string]bool{}
	for from, links := range w.links {
		for _, link := range links {
			if told[link] {
				continue
			}
			told[link] = true
			if wrong := w.leads(t, link); wrong != "" {
				t.Errorf("the link to %s on %s %s", link, from, wrong)
			}
		}
	}
}

// leads returns what is wrong with a link, or "".
func (w *walk) leads(t *testing.T, link string) string {
	t.Helper()
	path, anchor := parts(link)
	switch {
	case path == "":
		if !strings.HasPrefix(link, "https://") {
			return "leads to no page that others can see"
		}
	case !isPage(path):
		if status, _, err := program.status(t.Context(), path, ""); err != nil || status != http.StatusOK {
			return fmt.Sprintf("is answered with %d (%v)", status, err)
		}
	case strings.HasPrefix(anchor, "/"): // to an operation among those to try
		tag, operation, _ := strings.Cut(anchor[1:], "/")
		anchor = strings.TrimSuffix("operations-"+tag+"-"+operation, "-")
		if operation == "" {
			anchor = "operations-tag-" + tag
		}
		fallthrough
	default:
		if anchor != "" && !slices.Contains(w.ids[path], anchor) {
			return "leads to nothing with the id " + anchor
		}
	}
	return ""
}
