package embedded

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	_ "github.com/lib/pq"
)

const childDir = "PLOTWISE_TEST_CHILD_DIR"

// TestMain lets the test binary play an owner that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		if _, err := Start(context.Background(), options(dir)); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println("started")
		select {}
	}
	os.Exit(m.Run())
}

func options(dir string) Options {
	return Options{Dir: dir, Settings: map[string]string{"fsync": "off"}, Log: slog.New(slog.DiscardHandler)}
}

// newDir returns a directory that the server's user can reach, also when the test runs as root.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "embedded-test-") //nolint:usetesting // a test sets TMPDIR
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func start(t *testing.T, dir string) *Server {
	t.Helper()
	s, err := Start(t.Context(), options(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop(context.Background()) })
	return s
}

func stop(t *testing.T, s *Server) {
	t.Helper()
	if err := s.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func query(t *testing.T, s *Server, text string) (value string) {
	t.Helper()
	db, err := sql.Open("postgres", s.URL("plotwise"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(t.Context(), text).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

// eventually waits for what has to become true.
func eventually(t *testing.T, what string, claim func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !claim() {
		if time.Now().After(deadline) {
			t.Fatal("in vain: " + what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestStart(t *testing.T) {
	t.Setenv("LANG", "")
	t.Setenv("LC_ALL", "")
	t.Setenv("TMPDIR", "/tmp/"+strings.Repeat("long/", 40))
	dir := newDir(t)
	s := start(t, dir)
	if !s.Created() {
		t.Error("a new directory's database was not created, want it created")
	}
	if start(t, dir).Created() {
		t.Error("the database was created when it was joined, want it created once")
	}
	for text, want := range map[string]string{
		"show server_encoding": "UTF8", "show data_checksums": "on", "show listen_addresses": "", "select lower('É')": "é",
	} {
		if got := query(t, s, text); got != want {
			t.Errorf("%s = %q, want %q", text, got, want)
		}
	}
}

func TestStart_joinsAndKeeps(t *testing.T) {
	dir := newDir(t)
	first := start(t, dir)
	execute(t, first, "create table kept as select 'still here' as text")
	second := start(t, dir)
	if !first.Owned() || second.Owned() || second.Exited() != nil {
		t.Errorf("Owned = %v and %v, want the first to own and the second to join", first.Owned(), second.Owned())
	}
	stop(t, second)
	if got := query(t, first, "select text from kept"); got != "still here" {
		t.Errorf("after the joined one stopped: %q", got)
	}
	stop(t, first)
	if got := query(t, start(t, dir), "select text from kept"); got != "still here" {
		t.Errorf("after a restart: %q", got)
	}
}

func execute(t *testing.T, s *Server, text string) {
	t.Helper()
	db, err := sql.Open("postgres", s.URL("plotwise"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), text); err != nil {
		t.Fatal(err)
	}
}

func TestStart_twoAtOnce(t *testing.T) {
	dir := newDir(t)
	type outcome struct {
		s   *Server
		err error
	}
	outcomes := make(chan outcome)
	for range 2 {
		go func() {
			s, err := Start(context.WithoutCancel(t.Context()), options(dir))
			outcomes <- outcome{s, err}
		}()
	}
	owners := 0
	for range 2 {
		o := <-outcomes
		if o.err != nil {
			t.Fatal(o.err)
		}
		t.Cleanup(func() { _ = o.s.Stop(context.Background()) })
		if o.s.Owned() {
			owners++
		}
	}
	if owners != 1 {
		t.Errorf("%d own the server, want 1", owners)
	}
}

func TestStart_anotherVersion(t *testing.T) {
	dir := newDir(t)
	data := filepath.Join(dir, "postgres")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(t.Context(), options(dir))
	if err == nil || !strings.Contains(err.Error(), "made by Postgres 9") || !strings.Contains(err.Error(), data) {
		t.Errorf("Start = %v, want both versions and the directory named", err)
	}
	if entries, err := os.ReadDir(data); err != nil || len(entries) != 1 {
		t.Errorf("the directory holds %v (%v), want it untouched", entries, err)
	}
}

func TestStart_staleLockFile(t *testing.T) {
	dir := newDir(t)
	s := start(t, dir)
	data := s.cluster.data
	stop(t, s)
	other := exec.Command("sleep", "60")
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = other.Process.Kill()
		_ = other.Wait()
	}()
	gone := exec.Command("true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	for name, pid := range map[string]int{"a living process of another program": other.Process.Pid, "a process that is gone": gone.Process.Pid} {
		text := strconv.Itoa(pid) + "\n" + data + "\n1\n5432\n/tmp\n\n"
		if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		s, err := Start(t.Context(), options(dir))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		stop(t, s)
	}
}

func TestStart_ownerKilled(t *testing.T) {
	dir := newDir(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), childDir+"="+dir)
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "started\n" {
		t.Fatalf("the owner said %q, %v", line, err)
	}
	joined := start(t, dir)
	pid, err := joined.cluster.pid()
	if err != nil || pid == 0 {
		t.Fatalf("pid = %d, %v", pid, err)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait()
	if runtime.GOOS == "linux" {
		eventually(t, "Postgres ends with its owner", func() bool { return !isPostgres(pid) })
	}
	if s := start(t, dir); query(t, s, "select 'fine'") != "fine" {
		t.Error("the next start does not answer")
	}
}

func TestServer_Exited(t *testing.T) {
	dir := newDir(t)
	s := start(t, dir)
	pid, err := s.cluster.pid()
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.Exited():
		if err == nil {
			t.Error("Exited gives no reason")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("Exited stays silent")
	}
	if s := start(t, dir); query(t, s, "select 'fine'") != "fine" {
		t.Error("the next start does not answer")
	}
}

func TestStart_closedDirectory(t *testing.T) {
	parent := newDir(t)
	if err := os.Chmod(parent, 0o700); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(parent, "data")
	s := start(t, dir)
	elsewhere := strings.HasPrefix(s.cluster.data, "/var/lib/plotwise/")
	if elsewhere {
		defer os.RemoveAll(filepath.Dir(s.cluster.data))
	}
	if root := os.Getuid() == 0; root != elsewhere {
		t.Errorf("the cluster is in %s (root: %v)", s.cluster.data, root)
	}
	stop(t, s)
}

func TestStart_foreignSocketDirectory(t *testing.T) {
	dir := newDir(t)
	socket := "/tmp/plotwise-" + digest(filepath.Join(dir, "postgres"))
	if err := os.Symlink("/tmp", socket); err != nil {
		t.Fatal(err)
	}
	defer os.Remove(socket)
	if _, err := Start(t.Context(), options(dir)); err == nil || !strings.Contains(err.Error(), socket) {
		t.Errorf("Start = %v, want the directory refused", err)
	}
}

func TestBinaries_notInstalled(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	defer func(kept []string) { places = kept }(places)
	places = nil
	if _, err := binaries(t.TempDir()); !errors.Is(err, ErrNotInstalled) || !strings.Contains(err.Error(), "apt-get install postgresql") {
		t.Errorf("binaries = %v, want ErrNotInstalled with the command", err)
	}
}
