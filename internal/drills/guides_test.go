package drills

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

// The names that stand in guides for what a reader has.
const (
	production = "https://api.plotwise.us"
	adminURL   = "http://127.0.0.1:8081"
)

// notRun says how many shell blocks of each guide are not executed: they start servers, install things, or hold places for
// what only the reader knows. The numbers may only become smaller.
var notRun = map[string]int{
	"backup": 2, "change-policy": 1, "crm": 1, "import-permits": 1, "quick-start": 1, "report": 1, "running": 5, "sdks": 1, "slack": 1, "testing-webhooks": 3, "webhooks": 1,
}

// loops are the guides with functions of the shell, which those who have zsh paste as well.
var loops = []string{"event-feed", "pagination"}

// TestGuides pastes every shell block of every guide into a shell, one after another, with a server as make run leaves it:
// each curl has to be answered with what the guide says, and what the guide shows has to come out.
func TestGuides(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("jq"); err != nil {
		t.Fatal("jq is not installed: run `apt-get install jq` (Debian, Ubuntu) or `brew install jq` (macOS)")
	}
	demo := newDemo(t)
	names, err := filepath.Glob("../docs/guides/*.md")
	if err != nil || len(names) == 0 {
		t.Fatalf("the guides are not there: %v", err)
	}
	for _, name := range names {
		slug := strings.TrimSuffix(filepath.Base(name), ".md")
		t.Run(slug, func(t *testing.T) {
			t.Parallel()
			blocks := readBlocks(t, slug)
			if skipped := count(blocks, func(b block) bool { return b.norun }); skipped != notRun[slug] {
				t.Errorf("%d shell blocks of the guide are not run, want %d: run more of them, or lower the number", skipped, notRun[slug])
			}
			if count(blocks, func(b block) bool { return !b.norun }) == 0 {
				return
			}
			r := demo.start(t)
			finish := r.prepare(t, slug)
			r.run(t, blocks, "bash")
			finish()
		})
		if slices.Contains(loops, slug) {
			t.Run(slug+" in zsh", func(t *testing.T) {
				t.Parallel()
				if _, err := exec.LookPath("zsh"); err != nil {
					t.Skip("zsh is not installed")
				}
				demo.start(t).run(t, readBlocks(t, slug), "zsh", "-f")
			})
		}
	}
}

func count(blocks []block, which func(block) bool) (n int) {
	for _, b := range blocks {
		if which(b) {
			n++
		}
	}
	return n
}

// demo is a database as make run leaves it, of which every server gets a copy.
type demo struct{ url, key string }

func newDemo(t *testing.T) demo {
	t.Helper()
	url := pgtest.New(t)
	code, out, failure := complete(t, url, "seed")
	key, found := strings.CutPrefix(strings.TrimSpace(out), "PLOTWISE_API_KEY=")
	if code != 0 || !found {
		t.Fatalf("seed ended with %d: %s%s", code, out, failure)
	}
	return demo{url, key}
}

// reader is somebody with a server of their own, who follows a guide.
type reader struct {
	server    *process
	admin     string // its address of metrics
	demo      demo
	database  string
	restored  string // an empty database
	directory string
	received  *endpoint
}

// start starts a server on a copy of the demo's database, and a webhook's endpoint.
func (d demo) start(t *testing.T) *reader {
	t.Helper()
	r := &reader{demo: d, database: pgtest.Copy(t, d.url), restored: pgtest.Empty(t), directory: t.TempDir(), received: newEndpoint(t)}
	r.server = serveGuide(t, "guide", r.database)
	for _, l := range r.server.lines(t) {
		if l.Message == "metrics and pprof" {
			r.admin = strings.TrimSuffix(l.URL, "/metrics")
		}
	}
	return r
}

func serveGuide(t *testing.T, name, database string) *process {
	t.Helper()
	p := serve(t, name, database, "PLOTWISE_ADMIN_ADDR=127.0.0.1:0", "PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8", "PLOTWISE_ADDRESS_REQUESTS_PER_MINUTE=300")
	eventually(t, "it serves metrics", func() bool {
		text, err := os.ReadFile(p.log)
		return err == nil && bytes.Contains(text, []byte(`"metrics and pprof"`))
	})
	return p
}

// endpoint is a webhook's endpoint, which takes everything.
type endpoint struct {
	url string

	mu   sync.Mutex
	took []taken
}

// taken is a request that a webhook's endpoint took.
type taken struct {
	header http.Header
	body   []byte
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	r := &endpoint{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		var body bytes.Buffer
		_, _ = body.ReadFrom(request.Body) // what is cut off does not verify
		r.mu.Lock()
		r.took = append(r.took, taken{request.Header, body.Bytes()})
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	r.url = server.URL + "/hooks/plotwise"
	return r
}

// last returns what came last.
func (r *endpoint) last() (taken, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.took) == 0 {
		return taken{}, false
	}
	return r.took[len(r.took)-1], true
}

// here puts the reader's own server in the place of the one that guides name.
func (r *reader) here(text string) string {
	return strings.NewReplacer(production, r.server.url, adminURL, r.admin).Replace(text)
}

// script is the blocks, with a mark on both outputs before each; curl marks on standard error what status it was answered.
func (r *reader) script(blocks []block) string {
	var b strings.Builder
	b.WriteString("set -e -o pipefail\ncurl() { command curl -w '%{stderr}~~status %{http_code}\\n' \"$@\"; }\n")
	for i, block := range blocks {
		if !block.norun {
			b.WriteString("printf '\\n~~block " + strconv.Itoa(i) + "\\n' | tee /dev/stderr\n" + r.here(block.code))
		}
	}
	return b.String()
}

// run runs the blocks in one shell of that name and flags, and holds what they put out against what the guide says.
func (r *reader) run(t *testing.T, blocks []block, name string, flags ...string) {
	t.Helper()
	shell := exec.CommandContext(t.Context(), name, append(flags, "-c", r.script(blocks))...)
	shell.Dir = r.directory
	shell.Env = append(environ(
		"PLOTWISE_API_KEY="+r.demo.key, "PLOTWISE_DATABASE_URL="+r.database, "RESTORED_DATABASE_URL="+r.restored, "PLOTWISE_SECRET_KEY="+secretKey,
		"WEBHOOK_URL="+r.received.url,
	), "PATH="+filepath.Dir(binary)+":"+postgresBin(t, r.database)+":"+os.Getenv("PATH"))
	var out, failure bytes.Buffer
	shell.Stdout, shell.Stderr = &out, &failure
	err := shell.Run()
	outs, failures := split(out.String()), split(failure.String())
	for i, block := range blocks {
		said, ran := outs[i]
		if !ran && !block.norun {
			break // as an earlier one failed
		}
		if !block.norun {
			block.check(t, r.here, said, failures[i])
		}
	}
	if err != nil {
		t.Errorf("the shell ended with %v: %s", err, strings.TrimSpace(lastPart(failure.String())))
	}
}

// split returns what came after the mark of each block.
func split(out string) map[int]string {
	found := map[int]string{}
	for _, part := range strings.Split(out, "\n~~block ")[1:] {
		number, said, _ := strings.Cut(part, "\n")
		i, _ := strconv.Atoi(number)
		found[i] = said
	}
	return found
}

func lastPart(out string) string {
	parts := strings.Split(out, "\n~~block ")
	return "block " + parts[len(parts)-1]
}

// postgresBin returns where the programs of the database's Postgres are, or would be.
func postgresBin(t *testing.T, url string) string {
	t.Helper()
	var bin string
	if err := pgtest.OpenURL(t, url).GetContext(t.Context(), &bin, "select setting from pg_config where name = 'BINDIR'"); err != nil {
		t.Fatal(err)
	}
	return bin
}
