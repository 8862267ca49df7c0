package embedded

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"

	"github.com/lib/pq"
)

// state is what a cluster's server does.
type state int

const (
	absent    state = iota // no process
	busy                   // starting or shutting down
	accepting              // takes connections
)

// state looks for the server that the lock file postmaster.pid names. A lock file without a living Postgres behind it
// is removed: its process is gone, or its number belongs to another program by now.
func (c cluster) state(ctx context.Context) (state, error) {
	pid, err := c.pid()
	if err != nil || pid == 0 {
		return absent, err
	}
	if !isPostgres(pid) {
		if err := os.Remove(filepath.Join(c.data, "postmaster.pid")); err != nil && !errors.Is(err, os.ErrNotExist) {
			return absent, fmt.Errorf("remove a stale lock file: %w", err)
		}
		return absent, nil
	}
	connector, err := pq.NewConnector(c.url("postgres"))
	if err != nil {
		return absent, fmt.Errorf("connect to Postgres: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	if db.PingContext(ctx) != nil {
		return busy, nil
	}
	return accepting, nil
}

// pid returns the process that the lock file names, 0 when there is no lock file.
func (c cluster) pid() (int, error) {
	text, err := os.ReadFile(filepath.Join(c.data, "postmaster.pid"))
	if errors.Is(err, os.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the lock file of Postgres: %w", err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(strings.TrimSpace(first))
	if err != nil {
		return 0, nil //nolint:nilerr // it is being written just now
	}
	return pid, nil
}

// isPostgres reports whether the process lives and runs a program of that name.
func isPostgres(pid int) bool {
	name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) //nolint:gosec // a number
	if errors.Is(err, os.ErrNotExist) && !executableProc() {
		name, err = exec.Command("ps", "-p", strconv.Itoa(pid), "-o", "comm=").Output() //nolint:gosec,noctx // a number
	}
	return err == nil && strings.HasPrefix(filepath.Base(strings.TrimSpace(string(name))), "postgres")
}

func executableProc() bool {
	_, err := os.Stat("/proc/self")
	return err == nil
}

// launch starts the server and watches it. The goroutine keeps its thread: on Linux the server is told when that thread
// ends, which is when this process ends.
func (s *Server) launch(cmd *exec.Cmd) error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		close(s.stopped)
		s.exited <- fmt.Errorf("Postgres ended: %v", err) //nolint:errorlint,staticcheck // err is nil after a clean end; a name
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start Postgres: %w", err)
	}
	s.process = cmd.Process
	return nil
}

// stop ends the server that the lock file names, and waits.
func (c cluster) stop(ctx context.Context) error {
	pid, err := c.pid()
	if err != nil || pid == 0 || !isPostgres(pid) {
		return err
	}
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil {
		return fmt.Errorf("stop Postgres: %w", err)
	}
	for isPostgres(pid) {
		if err := pause(ctx); err != nil {
			return fmt.Errorf("wait for Postgres to stop: %w", err)
		}
	}
	return nil
}

// lock holds a file's lock, so that two processes never start the same cluster at once.
func lock(file string) (unlock func(), err error) {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // our own file
	if err != nil {
		return nil, fmt.Errorf("open the lock of the data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock the data directory: %w", err), f.Close())
	}
	return func() { _ = f.Close() }, nil
}
