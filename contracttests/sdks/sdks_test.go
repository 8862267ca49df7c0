//go:build sdks

// Package sdks runs the scenarios and the faults of sdk/ with every SDK, each against a server of its own: make test-sdks.
package sdks

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plotwise/plotwise/contracttests/target"
	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/spec"
)

// runners are the commands that run the scenarios and the faults with an SDK, in a directory below the repository.
var runners = []struct {
	agent     string // what its User-Agent begins with
	dir       string
	arguments []string
}{
	{"plotwise-go/", ".", []string{"go", "test", "-count=1", "-run", "Scenarios|Faults", "./sdk/go"}},
	{"plotwise-typescript/", "sdk/typescript", []string{"npx", "vitest", "run", "scenarios", "faults"}},
	{"plotwise-python/", "sdk/python", []string{"../../bin/python/bin/python", "-m", "pytest", "-q", "-k", "scenarios or faults"}},
}

func TestSDKs(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runners {
		t.Run(strings.TrimSuffix(r.agent, "/"), func(t *testing.T) {
			x := target.New(t, 1_000_000)
			seen := &operations{agent: r.agent, called: map[string]bool{}}
			server := httptest.NewServer(seen.before(t, x.Handler))
			defer server.Close()
			faulty := httptest.NewServer(newProxy(t, server.URL))
			defer faulty.Close()
			command := exec.CommandContext(t.Context(), r.arguments[0], r.arguments[1:]...)
			command.Dir = filepath.Join(root, r.dir)
			command.Env = append(os.Environ(), "PLOTWISE_SDK_BASE_URL="+server.URL, "PLOTWISE_SDK_API_KEY="+x.Options.Key, "PLOTWISE_SDK_PROXY_URL="+faulty.URL)
			output, err := command.CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", strings.Join(r.arguments, " "), err, output)
			}
			if missing := seen.missing(t); len(missing) > 0 {
				t.Errorf("%d operations were never called: %s\n%s", len(missing), strings.Join(missing, ", "), output)
			}
		})
	}
}

// operations notes which ones an SDK calls.
type operations struct {
	agent string

	mu     sync.Mutex
	called map[string]bool // by operationId
	routes []route
}

type route struct {
	id, method string
	path       *regexp.Regexp
}

var inBraces = regexp.MustCompile(`\\\{\w+\\\}`)

func (o *operations) before(t *testing.T, next http.Handler) http.Handler {
	t.Helper()
	document, err := spec.Parse(gen.JSON)
	if err != nil {
		t.Fatal(err)
	}
	for _, op := range document.Operations() {
		pattern := "^" + inBraces.ReplaceAllString(regexp.QuoteMeta(op.Path), "[^/]+") + "$"
		o.routes = append(o.routes, route{op.ID, op.Method, regexp.MustCompile(pattern)})
	}
	// What has no parameter is not taken for what has one: /v1/permits/export.
	slices.SortStableFunc(o.routes, func(a, b route) int { return strings.Count(a.path.String(), "[") - strings.Count(b.path.String(), "[") })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.UserAgent(), o.agent) {
			o.note(r)
		}
		next.ServeHTTP(w, r)
	})
}

func (o *operations) note(r *http.Request) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, known := range o.routes {
		if known.method == r.Method && known.path.MatchString(r.URL.Path) {
			o.called[known.id] = true
			return
		}
	}
}

func (o *operations) missing(t *testing.T) (ids []string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.routes {
		if !o.called[r.id] {
			ids = append(ids, r.id)
		}
	}
	return ids
}

// newProxy returns what stands between an SDK and the server and does to requests what their X-Fault says.
func newProxy(t *testing.T, server string) http.Handler {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	forward := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Del("X-Fault")
		r.Out.Header.Del("X-Fault-Id")
	}}
	p := &proxy{forward: forward, counts: map[string]*count{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /faults/{id}", p.told)
	mux.HandleFunc("/", p.ServeHTTP)
	return mux
}

// count is what came with an id.
type count struct {
	Attempts int      `json:"attempts"`
	Keys     []string `json:"keys"` // different ones; an attempt without one counts as one of its own
}

func (c *count) add(key string) int {
	c.Attempts++
	if key == "" {
		key = fmt.Sprintf("none with attempt %d", c.Attempts)
	}
	if !slices.Contains(c.Keys, key) {
		c.Keys = append(c.Keys, key)
	}
	return c.Attempts
}

func apiError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"code":%q,"message":"The proxy says so.","request_id":"req_proxy","doc_url":"http://example.com/docs/errors#%s","details":[]}}`, code, code)
}
