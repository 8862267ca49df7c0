//go:build e2e

package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

const patience = 60 * time.Second // with what is to happen soon

// program is the plotwise serve that all tests look at.
var program *server

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "e2e")
	if err == nil {
		err = os.Chmod(dir, 0o755) // for the user that Postgres runs as
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if program, err = start(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer program.stop()
	stop, err := startChromium()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer stop()
	code := m.Run()
	if code != 0 {
		fmt.Fprintf(os.Stderr, "what the server complained of:\n%s", program.complaints())
	}
	return code
}

// server is a plotwise serve as make run starts it, with an embedded Postgres and the demo data in a directory of its own.
type server struct {
	url  string
	key  string // of the demo organization
	link string // that signs the demo organization's owner in, once
	dir  string // of its data
	log  string // the file
	cmd  *exec.Cmd
}

// start builds the program and starts it; it returns when the program has said where it is.
func start(dir string) (*server, error) {
	binary := filepath.Join(dir, "plotwise")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, "github.com/plotwise/plotwise/cmd/plotwise")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build plotwise: %w\n%s", err, out)
	}
	s := &server{dir: filepath.Join(dir, "data"), log: filepath.Join(dir, "plotwise.log")}
	file, err := os.Create(s.log)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	s.cmd = exec.Command(binary, "serve", "--addr", "127.0.0.1:0", "--admin-addr", "none", "--data-dir", s.dir)
	s.cmd.Stderr, s.cmd.Env = file, environ("PLOTWISE_LOG_FORMAT=json", "PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8")
	out, err := s.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start plotwise: %w", err)
	}
	if err := s.read(out); err != nil {
		s.stop()
		return nil, fmt.Errorf("%w: %s", err, s.complaints())
	}
	return s, nil
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

var announced = map[string]*regexp.Regexp{
	"url":  regexp.MustCompile(`(?m)^ *Documentation +(\S+)/docs$`),
	"link": regexp.MustCompile(`(?m)^ *Settings +(\S+)`),
	"key":  regexp.MustCompile(`Authorization: Bearer (\S+)"`),
}

// read reads what the program says when it runs.
func (s *server) read(out io.Reader) error {
	var text strings.Builder
	for lines := bufio.NewScanner(out); lines.Scan() && !strings.Contains(lines.Text(), "Ctrl-C"); {
		text.WriteString(lines.Text() + "\n")
	}
	for name, into := range map[string]*string{"url": &s.url, "link": &s.link, "key": &s.key} {
		found := announced[name].FindStringSubmatch(text.String())
		if found == nil {
			return fmt.Errorf("plotwise did not say its %s, but: %q", name, text.String())
		}
		*into = found[1]
	}
	go func() { _, _ = io.Copy(io.Discard, out) }() // its goodbye
	return nil
}

// stop ends the program, and its Postgres with it.
func (s *server) stop() {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	late := time.AfterFunc(patience, func() { _ = s.cmd.Process.Kill() })
	defer late.Stop()
	var ended *exec.ExitError
	if err := s.cmd.Wait(); err != nil && !errors.As(err, &ended) {
		fmt.Fprintln(os.Stderr, "wait for plotwise:", err)
	}
}

// complaints returns the lines of the log that tell of more than a request that went well.
func (s *server) complaints() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	var found []string
	for _, l := range strings.SplitAfter(string(text), "\n") {
		if strings.Contains(l, `"level":"ERROR"`) || strings.Contains(l, `"level":"WARN"`) || l != "" && l[0] != '{' {
			found = append(found, l)
		}
	}
	return strings.Join(found, "")
}

// command runs a command of the program beside the server, and returns what it prints.
func (s *server) command(t *testing.T, arguments ...string) string {
	t.Helper()
	c := exec.Command(s.cmd.Path, arguments...)
	c.Env = environ("PLOTWISE_DATA_DIR=" + s.dir)
	out, err := c.Output()
	if err != nil {
		t.Fatalf("plotwise %s: %v", strings.Join(arguments, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// status asks for a path with a key, without a browser, and returns the status of the answer and its body.
func (s *server) status(ctx context.Context, path, key string) (int, string, error) {
	return s.do(ctx, http.MethodGet, path, key, "")
}

// do sends a request, with a body in JSON unless that is "", and returns the status of the answer and its body.
func (s *server) do(ctx context.Context, method, path, key, body string) (int, string, error) {
	request, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	return response.StatusCode, string(text), err
}
