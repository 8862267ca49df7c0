package docs

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

const publicURL = "http://api.test"

// made is one handler for all tests, as making it renders every page.
var made = sync.OnceValues(func() (http.Handler, error) { return New(publicURL) })

func newHandler(t *testing.T) http.Handler {
	t.Helper()
	h, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// ask asks the handler, with headers as name, value, name, value.
func ask(h http.Handler, method, path string, headers ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestNew_caching(t *testing.T) {
	h := newHandler(t)
	for _, path := range []string{"/docs", "/docs/guides/quick-start", "/docs/errors", "/docs/openapi.yaml", "/docs/assets/style.css"} {
		plain := ask(h, http.MethodGet, path)
		etag := plain.Header().Get("ETag")
		if plain.Code != http.StatusOK || len(etag) < 10 || plain.Header().Get("Cache-Control") != "no-cache" || plain.Header().Get("Vary") != "Accept-Encoding" {
			t.Errorf("GET %s = %d %v, want 200 with an ETag, to be asked for each time", path, plain.Code, plain.Header())
		}
		if again := ask(h, http.MethodGet, path, "If-None-Match", etag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("GET %s with its ETag = %d and %d bytes, want 304 and none", path, again.Code, again.Body.Len())
		}
		head := ask(h, http.MethodHead, path)
		if head.Code != http.StatusOK || head.Body.Len() > 0 || head.Header().Get("ETag") != etag {
			t.Errorf("HEAD %s = %d, %d bytes, ETag %s; want 200, none, %s", path, head.Code, head.Body.Len(), head.Header().Get("ETag"), etag)
		}
		zipped := ask(h, http.MethodGet, path, "Accept-Encoding", "br, gzip")
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Header().Get("ETag") == etag || zipped.Body.Len() >= plain.Body.Len() {
			t.Errorf("GET %s as gzip = %v and %d bytes, want gzip with an ETag of its own and less than %d", path, zipped.Header(), zipped.Body.Len(), plain.Body.Len())
		}
		r, err := gzip.NewReader(zipped.Body)
		if err != nil {
			t.Errorf("GET %s as gzip: %v", path, err)
			continue
		}
		if text, err := io.ReadAll(r); err != nil || string(text) != plain.Body.String() {
			t.Errorf("GET %s as gzip holds something else than without: %v", path, err)
		}
	}
}

func TestNew_refuses(t *testing.T) {
	h := newHandler(t)
	for _, c := range []struct {
		method, path string
		status       int
		want         string
	}{
		{http.MethodGet, "/docs/nothing", http.StatusNotFound, "There is no such page"},
		{http.MethodGet, "/docs/guides/", http.StatusNotFound, "There is no such page"},
		{http.MethodGet, "/docs/guides/%3Cscript%3E", http.StatusNotFound, "There is no such page"},
		{http.MethodGet, "/docs/guides/quick-start/", http.StatusMovedPermanently, "/docs/guides/quick-start"},
		{http.MethodGet, "/docs/", http.StatusMovedPermanently, "/docs"},
		{http.MethodPost, "/docs", http.StatusMethodNotAllowed, ""},
	} {
		a := ask(h, c.method, c.path)
		if a.Code != c.status || !strings.Contains(a.Body.String(), c.want) || strings.Contains(a.Body.String(), "guides/<script>") {
			t.Errorf("%s %s = %d %.200q, want %d and %q", c.method, c.path, a.Code, a.Body, c.status, c.want)
		}
	}
}

func TestNew_headers(t *testing.T) {
	h := newHandler(t)
	const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self' http://api.test; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
	for _, path := range []string{"/docs", "/docs/reference", "/docs/nothing", "/docs/search?q=a", "/docs/openapi.json", "/docs/ui/swagger-ui.css"} {
		header := ask(h, http.MethodGet, path).Header()
		for name, want := range map[string]string{"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin"} {
			if got := header.Get(name); got != want {
				t.Errorf("GET %s has %s %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestNew_search(t *testing.T) {
	h := newHandler(t)
	for query, want := range map[string]string{ // what has to be among the first five
		"verify signature":       "/docs/guides/verifying",
		"rate limits":            "/docs/guides/rate-limits",
		"retry-after":            "/docs/guides/rate-limits",
		"page_too_deep":          "/docs/errors#page_too_deep",
		"listPermits":            "/docs/reference/listPermits",
		"rotate":                 "/docs/reference/rotateAPIKey",
		"PLOTWISE_REDIS_URL":     "/docs/guides/configuration#variables",
		"pg_dump":                "/docs/guides/backup",
		"LISTEN localhost":       "/docs/guides/testing-webhooks",
		"curs":                   "/docs/guides/pagination#cursors",
		"permit.fee_changed":     "/docs/reference/onPermitFeeChanged",
		"idempotency key":        "/docs/guides/idempotency",
		"add permit to watchlis": "/docs/reference/addWatchlistItem",
		"pagination":             "/docs/guides/pagination",
		"dashboard":              "/settings/developers/keys",
		"install":                "/docs/guides/running#install",
		"sign in":                "/docs/guides/running#sign-in-to-the-settings",
		"allowlist":              "/docs/guides/authentication#create-a-key",
		"ngrok":                  "/docs/guides/testing-webhooks",
		"bulk":                   "/docs/reference/exportPermits",
		"sandbox":                "/docs/guides/running",
		"php":                    "/docs/guides/verifying",
		"webhoks":                "/docs/guides/webhooks",
		"idempotnecy":            "/docs/guides/idempotency",
		"timezone":               "/docs/guides/usage#by-day-week-or-month",
	} {
		body := ask(h, http.MethodGet, "/docs/search?part=results&q="+strings.ReplaceAll(query, " ", "+")).Body.String()
		links := hrefs(body)
		if first := links[:min(5, len(links))]; !containsPrefix(first, want) {
			t.Errorf("search for %q = %q, want %s among the first five", query, first, want)
		}
	}
	for _, c := range []struct{ path, want, not string }{
		{"/docs/search?q=zzzz", "0 found for “zzzz”", "<li><a href=\"/docs/guides/verifying\"><strong>"},
		{"/docs/search?q=zzzz&part=results", "Nothing has all of these words", "<html"},
		{"/docs/search", "Type words into the field above", "found for"},
		{"/docs/search?q=%3Cscript%3Ealert(1)%3C/script%3E", "&lt;script&gt;", "<script>alert"},
		{"/docs/search?q=%ff%fe%22", "Search", "\xff"},
		{"/docs/search?q=" + strings.Repeat("a", 5000), "Search", strings.Repeat("a", 201)},
	} {
		a := ask(h, http.MethodGet, c.path)
		if body := a.Body.String(); a.Code != http.StatusOK || !strings.Contains(body, c.want) || strings.Contains(body, c.not) {
			t.Errorf("GET %.60s = %d %.300q, want %q and not %q", c.path, a.Code, body, c.want, c.not)
		}
	}
}

func TestNear(t *testing.T) {
	for pair, want := range map[string]bool{
		"webhook webhook": true, "webhok webhook": true, "webhoook webhook": true, "webhuok webhook": true, "wehbook webhook": true, "webhooks webhook": true,
		"ebhook webhook": true, "webhokk webhok": true, "webhooksx webhook": false, "whebook webhook": false, "permit webhook": false, "ab ba": true, "a b": true, "é a": false,
	} {
		a, b, _ := strings.Cut(pair, " ")
		if got := near(a, b); got != want {
			t.Errorf("near(%q, %q) = %t, want %t", a, b, got, want)
		}
		if got := near(b, a); got != want {
			t.Errorf("near(%q, %q) = %t, want %t", b, a, got, want)
		}
	}
}

func containsPrefix(all []string, prefix string) bool {
	for _, s := range all {
		if strings.HasPrefix(s, prefix) {
			return true
		}
	}
	return false
}

func TestReadGuide_refuses(t *testing.T) {
	const head = "---\ntitle: A\nsummary: B.\ngroup: Concepts\norder: 1\n---\n"
	for _, c := range []struct{ text, want string }{
		{"## No head\n", "want a head between two lines of ---"},
		{"---\ntitle: A\n---\n", "want a head with title, summary, group and order"},
		{strings.Replace(head, "order: 1", "order: 0", 1), "want a head with title, summary, group and order"},
		{strings.Replace(head, "order: 1", "order: 1\ncolour: blue", 1), "field colour not found"},
		{strings.Replace(head, "Concepts", "Others", 1), `the group "Others" is none of`},
		{head + "```go\n<<< examples/none.go\n```\n", "examples/none.go: file does not exist"},
		{head + "<<< ../config/config.go\n", "file does not exist"},
		{head + "```klingon\nx\n```\n", `code in "klingon"`},
	} {
		s := &site{publicURL: publicURL}
		if _, err := s.readGuide("a", c.text, nil); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("readGuide(%q) = %v, want %q", c.text, err, c.want)
		}
	}
	s := &site{publicURL: publicURL}
	g, err := s.readGuide("a", head+"<<< x\n\n## Calls\n\nAt https://api.plotwise.us/v1.\n", map[string]string{"x": "| a |\n|---|\n| b |\n"})
	if err != nil || g.Path() != "/docs/guides/a" || len(g.Headings) != 1 || !strings.Contains(string(g.Text), "<td>b</td>") || !strings.Contains(string(g.Text), publicURL+"/v1") {
		t.Errorf("readGuide = %+v, %v; want its table, its heading and this server's URL", g, err)
	}
}

func TestNew_tables(t *testing.T) {
	h := newHandler(t)
	for path, want := range map[string][]string{
		"/docs/guides/permissions":     {`<a href="/docs/reference/createAPIKey"><code>POST /v1/api-keys</code></a></td>` + "\n<td><code>admin</code>", `<code>GET /v1/me</code></a></td>` + "\n<td>any key"},
		"/docs/reference/createAPIKey": {"<p>1 to 100 characters · more than white space</p>"},
		"/docs/guides/configuration":   {"<td><code>PLOTWISE_<wbr>LOCK_<wbr>TIMEOUT</code></td>\n<td><code>5s</code></td>\n<td>Time that a statement may wait for a lock.</td>"},
		"/docs/guides/sdks":            {`ListAll</span>`, `console</span>`, `print</span>`},
	} {
		body := ask(h, http.MethodGet, path).Body.String()
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("GET %s lacks %q", path, w)
			}
		}
	}
}
