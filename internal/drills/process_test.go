package drills

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 30 * time.Second // with what is to happen soon
	tick     = 10 * time.Millisecond
)

// secretKey is that of every server.
const secretKey = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

// binary is the program, which TestMain builds.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "drills")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "plotwise")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "github.com/plotwise/plotwise/cmd/plotwise")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build plotwise: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// environ returns the environment of a plotwise: the test's own, with these settings and no others.
func environ(settings ...string) []string {
	var found []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PLOTWISE_") {
			found = append(found, pair)
		}
	}
	return append(found, settings...)
}

// process is a plotwise serve or work, whose log goes straight into a file.
type process struct {
	name  string
	log   string // the file
	url   string // of the API; "" for work
	http  *http.Client
	cmd   *exec.Cmd
	ended chan struct{}
	err   error // how it ended
}

// serve starts a plotwise serve on a database, which ends with the test. The settings are variables (PLOTWISE_…=…) beside
// the usual ones: unauthenticated calls are as good as not limited.
func serve(t *testing.T, name, databaseURL string, settings ...string) *process {
	t.Helper()
	return serveBy(t, name, databaseURL, "serve", settings...)
}

// serveAlone starts a plotwise serve that leaves sending to workers.
func serveAlone(t *testing.T, name, databaseURL string, settings ...string) *process {
	t.Helper()
	return serveBy(t, name, databaseURL, "serve --no-workers", settings...)
}

func serveBy(t *testing.T, name, databaseURL, command string, settings ...string) *process {
	t.Helper()
	p := launch(t, name, databaseURL, command, settings...)
	p.url = p.await(t, "serving").URL
	return p
}

// work starts a plotwise work on a database, which ends with the test.
func work(t *testing.T, name, databaseURL string, settings ...string) *process {
	t.Helper()
	p := launch(t, name, databaseURL, "work", settings...)
	p.await(t, "sending to webhooks")
	return p
}

// launch starts a command (with its flags) that goes on until it is stopped.
func launch(t *testing.T, name, databaseURL, command string, settings ...string) *process {
	t.Helper()
	p := &process{
		name: name, log: filepath.Join(t.TempDir(), name+".log"), ended: make(chan struct{}),
		http: &http.Client{Timeout: patience, Transport: &http.Transport{MaxIdleConnsPerHost: 100}},
	}
	file, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	p.cmd = exec.Command(binary, strings.Fields(command)...)
	p.cmd.Stderr = file
	p.cmd.Env = environ(append([]string{
		"PLOTWISE_DATABASE_URL=" + databaseURL, "PLOTWISE_ADDR=127.0.0.1:0", "PLOTWISE_ADMIN_ADDR=none", "PLOTWISE_LOG_FORMAT=json",
		"PLOTWISE_ADDRESS_REQUESTS_PER_MINUTE=1000000", "PLOTWISE_SECRET_KEY=" + secretKey, "PLOTWISE_VALIDATOR=both",
	}, settings...)...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.kill()
		p.http.CloseIdleConnections()
		if t.Failed() {
			t.Logf("the end of the log of %s:\n%s", name, p.tail(t))
		}
	})
	return p
}

// await waits until the process logs a message, and returns the line.
func (p *process) await(t *testing.T, message string) line {
	t.Helper()
	var found *line
	eventually(t, "plotwise "+p.name+" says: "+message, func() bool {
		for _, l := range p.lines(t) {
			if l.Message == message {
				found = &l
			}
		}
		return found != nil || p.isOver()
	})
	if found == nil {
		t.Fatalf("plotwise %s ended: %v", p.name, p.err)
	}
	return *found
}

func (p *process) isOver() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// kill ends the process as kill -9 does. It returns when the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended already
	<-p.ended
}

// terminate sends SIGTERM.
func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("send SIGTERM to %s: %v", p.name, err)
	}
}

// awaitEnd fails the test unless the process ends with exit code 0.
func (p *process) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("plotwise %s ended with %v, want exit code 0", p.name, p.err)
		}
	case <-time.After(patience):
		t.Fatalf("plotwise %s did not end within %s of SIGTERM", p.name, patience)
	}
}

// line is a line of a log.
type line struct {
	Time      time.Time `json:"time"`
	Level     string    `json:"level"`
	Message   string    `json:"msg"`
	URL       string    `json:"url"`
	Operation string    `json:"operation"`
	KeyID     string    `json:"api_key_id"`
	Status    int       `json:"status"`
	Code      string    `json:"error_code"`
}

// lines returns the whole lines of the log. All of them have to be JSON.
func (p *process) lines(t *testing.T) []line {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		t.Fatal(err)
	}
	var found []line
	for {
		entry, rest, whole := bytes.Cut(text, []byte("\n"))
		if !whole {
			return found
		}
		var l line
		if err := json.Unmarshal(entry, &l); err != nil {
			t.Fatalf("the log of %s has the line %q: %v", p.name, entry, err)
		}
		found, text = append(found, l), rest
	}
}

// tail returns the last lines of the log that tell of more than a request, and the last ones of all.
func (p *process) tail(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	var telling []string
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	for _, l := range all {
		if !strings.Contains(l, `"msg":"request",`) || strings.Contains(l, `"status":5`) {
			telling = append(telling, l)
		}
	}
	return strings.Join(telling[max(0, len(telling)-20):], "\n") + "\n…\n" + strings.Join(all[max(0, len(all)-5):], "\n")
}

// checkStatuses fails the test for every request that was answered with a status of 500 or above, but those.
func (p *process) checkStatuses(t *testing.T, allowed ...int) {
	t.Helper()
	found := map[int]int{}
	for _, l := range p.lines(t) {
		if l.Status >= 500 {
			found[l.Status]++
		}
	}
	for _, status := range allowed {
		delete(found, status)
	}
	if len(found) > 0 {
		t.Errorf("%s answered so many requests with these statuses: %v", p.name, found)
	}
}

// request is a request to a process.
type request struct {
	method, path, key, body string
	header                  map[string]string
}

// answer is what a request was answered with.
type answer struct {
	status int
	code   string // of the failure; "" for a success
	header http.Header
	body   []byte
}

func (p *process) do(ctx context.Context, r request) (answer, error) {
	var body io.Reader
	if r.body != "" {
		body = strings.NewReader(r.body)
	}
	sent, err := http.NewRequestWithContext(ctx, r.method, p.url+r.path, body)
	if err != nil {
		return answer{}, err
	}
	if r.key != "" {
		sent.Header.Set("Authorization", "Bearer "+r.key)
	}
	if r.body != "" {
		sent.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		sent.Header.Set(name, value)
	}
	response, err := p.http.Do(sent)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("read the answer of %s %s: %w", r.method, r.path, err)
	}
	a := answer{status: response.StatusCode, header: response.Header, body: text}
	var failure struct{ Error struct{ Code string } }
	if a.status >= 400 && r.method != http.MethodHead {
		if err := json.Unmarshal(text, &failure); err != nil || failure.Error.Code == "" {
			return a, fmt.Errorf("%s %s is answered with %d and %q, no error with a code", r.method, r.path, a.status, text)
		}
	}
	a.code = failure.Error.Code
	return a, nil
}

// want does a request and returns an error unless it is answered with that status.
func (p *process) want(ctx context.Context, status int, r request) (answer, error) {
	a, err := p.do(ctx, r)
	if err == nil && a.status != status {
		err = fmt.Errorf("%s answers %s %s with %d %s, want %d: %s", p.name, r.method, r.path, a.status, a.code, status, a.body)
	}
	return a, err
}

// eventually waits until the condition holds, and fails the test when it does not for too long.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	if err := until(t.Context(), patience, holds); err != nil {
		t.Fatalf("wait until %s: %v", what, err)
	}
}

func until(ctx context.Context, most time.Duration, holds func() bool) error {
	ticker, end := time.NewTicker(tick), time.After(most)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-end:
			return errors.New("not within " + most.String())
		case <-ticker.C:
		}
	}
	return nil
}
