package examples

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

const (
	patience = 30 * time.Second // with what is to happen soon
	tick     = 10 * time.Millisecond
)

// binaries is the directory of the programs, which TestMain builds.
var binaries string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	var err error
	if binaries, err = os.MkdirTemp("", "examples"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(binaries) }()
	const module = "github.com/plotwise/plotwise/"
	err = errors.Join(build(module+"cmd/plotwise"),
		build(append(raced(), module+"internal/docs/examples/slack", module+"internal/docs/examples/crm", module+"internal/docs/examples/report")...))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

func build(arguments ...string) error {
	command := exec.Command("go", append([]string{"build", "-buildvcs=false", "-o", binaries + "/"}, arguments...)...)
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("build %v: %w\n%s", arguments, err, out)
	}
	return nil
}

// raced has the examples built with the race detector where the test is.
func raced() []string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "-race" && s.Value == "true" {
				return []string{"-race"}
			}
		}
	}
	return nil
}

// environ returns the environment of a process: the test's own, with these settings, and without others of ours.
func environ(settings ...string) []string {
	var found []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PLOTWISE_") {
			found = append(found, pair)
		}
	}
	return append(found, settings...)
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// process is a program that runs until it is told to stop.
type process struct {
	cmd   *exec.Cmd
	said  output
	ended chan struct{}
	err   error // how it ended
}

// start starts a program, which ends with the test.
func start(t *testing.T, settings []string, name string, arguments ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(filepath.Join(binaries, name), arguments...), ended: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = environ(settings...), &p.said, &p.said
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		_ = p.cmd.Process.Kill() // it may have ended already
		<-p.ended
		if t.Failed() {
			said := p.said.String()
			t.Logf("%s said at the end:\n%s", name, said[max(0, len(said)-4000):])
		}
	})
	return p
}

func (p *process) terminate(t *testing.T) {
	t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
}

// awaitEnd fails the test unless the process ends with exit code 0.
func (p *process) awaitEnd(t *testing.T) {
	t.Helper()
	select {
	case <-p.ended:
		if p.err != nil {
			t.Errorf("the process ended with %v, want exit code 0", p.err)
		}
	case <-time.After(patience):
		t.Fatalf("the process did not end within %s", patience)
	}
}

// result is what came of a program that ended by itself.
type result struct {
	code           int
	stdout, stderr string
}

// finish runs a program to its end, in a directory.
func finish(t *testing.T, dir string, settings []string, name string, arguments ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	command := exec.CommandContext(ctx, filepath.Join(binaries, name), arguments...)
	command.Dir, command.Env, command.Stdout, command.Stderr = dir, environ(settings...), &stdout, &stderr
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return result{command.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// freeAddress returns an address of this machine at which nothing listens.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// eventually waits until the condition holds, and fails the test when it does not for too long.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker, end := time.NewTicker(tick), time.After(patience)
	defer ticker.Stop()
	for !holds() {
		select {
		case <-t.Context().Done():
			t.Fatalf("wait until %s: %v", what, t.Context().Err())
		case <-end:
			t.Fatalf("wait until %s: not within %s", what, patience)
		case <-ticker.C:
		}
	}
}
