// Package embedded launches an installed Postgres for one program: a cluster in a directory of its own, reached by a
// private unix socket alone.
package embedded

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lib/pq"
)

const (
	superuser    = "plotwise"
	database     = "plotwise"
	startTimeout = 30 * time.Second
	port         = "5432" // only names the socket: nothing listens on TCP
)

// Options says where the server lives and how it runs.
type Options struct {
	Dir      string            // the cluster is Dir/postgres, or below /var/lib/plotwise where its user cannot reach Dir
	Settings map[string]string // of postgresql.conf, such as fsync: off
	Detached bool              // the server outlives this process; else it ends with it, even by kill -9 on Linux
	Log      *slog.Logger
}

// Server is a running Postgres.
type Server struct {
	cluster cluster
	owned   bool
	created bool
	exited  chan error
	stopped chan struct{}
	process *os.Process
}

// cluster is where a server keeps its files and who runs it.
type cluster struct {
	data     string
	socket   string
	log      string
	bin      string
	account  *account // nil: the current user
	detached bool
}

// Start starts the cluster of the directory, which it creates when there is none, or joins the server that runs there
// already. It returns ErrNotInstalled when there is no Postgres to launch.
func Start(ctx context.Context, o Options) (*Server, error) {
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("find the data directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // the server's own user has to pass through it
		return nil, fmt.Errorf("create the data directory: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "postgres.lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	c, err := locate(dir, o)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	s, err := c.joinOrStart(ctx, o.Settings)
	if err != nil {
		return nil, err
	}
	if err := s.createDatabase(ctx); err != nil {
		return nil, errors.Join(err, s.Stop(ctx))
	}
	return s, nil
}

// locate decides on directories, user and binaries, and creates the cluster when it is new.
func locate(dir string, o Options) (cluster, error) {
	c := cluster{data: filepath.Join(dir, "postgres"), detached: o.Detached}
	var err error
	if c.account, err = unprivileged(); err != nil {
		return c, err
	}
	if c.account != nil && !c.account.reaches(dir) {
		c.data = filepath.Join("/var/lib/plotwise", digest(dir), "postgres")
		o.Log.Info("the data directory is closed to the user that Postgres runs as; the cluster lives elsewhere",
			slog.String("user", c.account.name), slog.String("cluster", c.data))
		if err := os.MkdirAll(filepath.Dir(c.data), 0o755); err != nil { //nolint:gosec // as above
			return c, fmt.Errorf("create the cluster's directory: %w", err)
		}
	}
	c.log = filepath.Join(filepath.Dir(c.data), "postgres.log")
	c.socket = filepath.Join("/tmp", "plotwise-"+digest(c.data)) // short: a socket's path may have 107 bytes
	if c.bin, err = binaries(c.data); err != nil {
		return c, err
	}
	if err := c.createSocketDir(); err != nil {
		return c, err
	}
	return c, c.initialize()
}

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:5])
}

// createSocketDir makes the socket's directory, closed to others, and trusts none that somebody else made.
func (c cluster) createSocketDir() error {
	if err := os.Mkdir(c.socket, 0o700); err == nil {
		return c.account.own(c.socket)
	} else if !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("create the socket's directory: %w", err)
	}
	info, err := os.Lstat(c.socket)
	if err != nil {
		return fmt.Errorf("look at the socket's directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || !info.IsDir() || info.Mode().Perm() != 0o700 || int(stat.Uid) != c.account.uid() {
		return fmt.Errorf("%s belongs to somebody else; remove it", c.socket)
	}
	return nil
}

// initialize creates the cluster beside its place and moves it there, so that a killed initdb leaves nothing that
// looks whole.
func (c cluster) initialize() error {
	if _, err := os.Stat(filepath.Join(c.data, "PG_VERSION")); err == nil {
		return nil
	}
	if entries, err := os.ReadDir(c.data); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s holds files but no Postgres cluster; move it away", c.data)
	}
	unfinished := c.data + ".new"
	if err := os.RemoveAll(unfinished); err != nil {
		return fmt.Errorf("remove an unfinished cluster: %w", err)
	}
	if err := os.Mkdir(unfinished, 0o700); err != nil {
		return fmt.Errorf("create the cluster's directory: %w", err)
	}
	if err := c.account.own(unfinished); err != nil {
		return err
	}
	if err := c.initdb(unfinished, "C.UTF-8"); err != nil {
		if err := c.initdb(unfinished, "C"); err != nil { // where there is no C.UTF-8
			return err
		}
	}
	if err := os.Rename(unfinished, c.data); err != nil {
		return fmt.Errorf("put the cluster in its place: %w", err)
	}
	return nil
}

func (c cluster) initdb(dir, locale string) error {
	cmd := c.command("initdb", "--pgdata="+dir, "--username="+superuser, "--auth=trust", "--encoding=UTF8",
		"--locale="+locale, "--data-checksums", "--no-instructions")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

func (c cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...) //nolint:gosec,noctx // our own arguments; stopped by Stop
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: c.account.credential()}
	return cmd
}

// joinOrStart joins a live server, waits for one that is shutting down, and clears what a dead one left.
func (c cluster) joinOrStart(ctx context.Context, settings map[string]string) (*Server, error) {
	for {
		state, err := c.state(ctx)
		switch {
		case err != nil:
			return nil, err
		case state == accepting:
			return &Server{cluster: c}, nil
		case state == absent:
			s, err := c.start(ctx, settings)
			if err == nil || !strings.Contains(err.Error(), heldByChildren) {
				return s, err
			}
		}
		if err := pause(ctx); err != nil {
			return nil, fmt.Errorf("wait for the Postgres in %s, which neither answers nor ends: %w", c.data, err)
		}
	}
}

// heldByChildren is what Postgres says while the children of a killed server have not noticed its end yet.
const heldByChildren = "pre-existing shared memory block"

func (c cluster) start(ctx context.Context, settings map[string]string) (*Server, error) {
	log, err := os.OpenFile(c.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of Postgres: %w", err)
	}
	defer func() { _ = log.Close() }()
	written, err := log.Seek(0, 2)
	if err != nil {
		return nil, fmt.Errorf("open the log of Postgres: %w", err)
	}
	args := []string{"-D", c.data, "-k", c.socket, "-p", port, "-c", "listen_addresses=", "-c", "unix_socket_permissions=0700"}
	for name, value := range settings {
		args = append(args, "-c", name+"="+value)
	}
	cmd := c.command("postgres", args...)
	cmd.Stdout, cmd.Stderr = log, log
	if c.detached {
		cmd.SysProcAttr.Setsid = true
	} else {
		cmd.SysProcAttr.Setpgid = true // a Ctrl-C of the terminal is ours to pass on
		endWithParent(cmd.SysProcAttr)
	}
	s := &Server{cluster: c, owned: true, exited: make(chan error, 1), stopped: make(chan struct{})}
	if err := s.launch(cmd); err != nil {
		return nil, err
	}
	return s, s.await(ctx, written)
}

// await returns when the server takes connections, or with the end of its log when it does not come up.
func (s *Server) await(ctx context.Context, written int64) error {
	for {
		state, err := s.cluster.state(ctx)
		if err == nil && state == accepting {
			return nil
		}
		select {
		case <-s.stopped:
			return fmt.Errorf("Postgres did not start:\n%s", tail(s.cluster.log, written)) //nolint:staticcheck // a name
		default:
		}
		if err := pause(ctx); err != nil {
			return errors.Join(fmt.Errorf("Postgres does not take connections: %w\n%s", err, tail(s.cluster.log, written)), s.Stop(context.WithoutCancel(ctx))) //nolint:staticcheck // a name
		}
	}
}

func tail(file string, from int64) string {
	text, err := os.ReadFile(file) //nolint:gosec // our own log
	if err != nil || int64(len(text)) < from {
		return "its log cannot be read"
	}
	return strings.TrimSpace(string(text[from:]))
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}

// URL returns what a client connects with to a database of the server.
func (s *Server) URL(name string) string { return s.cluster.url(name) }

func (c cluster) url(name string) string {
	query := url.Values{"host": {c.socket}, "port": {port}, "sslmode": {"disable"}}
	return "postgres://" + superuser + "@/" + name + "?" + query.Encode()
}

// Owned reports whether this process started the server, rather than joined it.
func (s *Server) Owned() bool { return s.owned }

// Created reports whether there was no database before, so that this one is empty.
func (s *Server) Created() bool { return s.created }

// Exited receives the reason when an owned server ends without Stop. It is nil, and never ready, for a joined one.
func (s *Server) Exited() <-chan error { return s.exited }

// Stop ends an owned server (fast shutdown: transactions are rolled back) and waits. It leaves a joined one alone,
// unless that is detached.
func (s *Server) Stop(ctx context.Context) error {
	switch {
	case s.owned:
		_ = s.process.Signal(syscall.SIGINT) // it may have ended by itself
		select {
		case <-s.stopped:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("wait for Postgres to stop: %w", ctx.Err())
		}
	case s.cluster.detached:
		return s.cluster.stop(ctx)
	}
	return nil
}

func (s *Server) createDatabase(ctx context.Context) error {
	connector, err := pq.NewConnector(s.URL("postgres"))
	if err != nil {
		return fmt.Errorf("connect to Postgres: %w", err)
	}
	db := sql.OpenDB(connector)
	defer func() { _ = db.Close() }()
	var found bool
	if err := db.QueryRowContext(ctx, "select exists (select from pg_database where datname = $1)", database).Scan(&found); err != nil {
		return fmt.Errorf("look for the database: %w", err)
	}
	if found {
		return nil
	}
	if _, err := db.ExecContext(ctx, "create database "+database); err != nil {
		return fmt.Errorf("create the database: %w", err)
	}
	s.created = true
	return nil
}
