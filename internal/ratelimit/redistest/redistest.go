// Package redistest gives tests a Redis of their own, which they may kill.
package redistest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

const timeout = 10 * time.Second

// Server is a redis-server on a unix socket that keeps nothing on disk. Its methods are the test's alone: they fail it.
type Server struct {
	tb     testing.TB
	socket string
	cmd    *exec.Cmd // nil while it is not running
}

// Start starts a Redis, which ends with the test. Without redis-server installed the test fails.
func Start(tb testing.TB) *Server {
	tb.Helper()
	dir, err := os.MkdirTemp("", "redis") //nolint:usetesting // a socket's path has hardly room for a test's name
	if err != nil {
		tb.Fatal(err)
	}
	s := &Server{tb: tb, socket: filepath.Join(dir, "redis.sock")}
	tb.Cleanup(func() {
		if s.cmd != nil {
			s.Kill()
		}
		_ = os.RemoveAll(dir)
	})
	s.Restart()
	return s
}

// URL returns the server's URL, the same after Restart.
func (s *Server) URL() string { return "unix://" + s.socket }

// Kill ends the server at once, and with it all that it knew. It returns when the process is gone.
func (s *Server) Kill() {
	s.tb.Helper()
	if err := s.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		s.tb.Fatalf("kill redis-server: %v", err)
	}
	_ = s.cmd.Wait() // it says that the process was killed
	s.cmd = nil
}

// Pause makes the server hang: connections are taken, and nothing is answered until Resume.
func (s *Server) Pause() {
	s.tb.Helper()
	s.signal(syscall.SIGSTOP)
}

// Resume ends Pause. The server still knows everything.
func (s *Server) Resume() {
	s.tb.Helper()
	s.signal(syscall.SIGCONT)
}

// Restart starts a killed server again, empty, at the same URL. It returns when the server answers.
func (s *Server) Restart() {
	s.tb.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		s.tb.Fatal("redis-server is not installed: run `apt-get install redis-server` (Debian, Ubuntu) or `brew install redis` (macOS)")
	}
	s.cmd = exec.CommandContext(s.tb.Context(), path, //nolint:gosec // the path is the system's
		"--port", "0", "--unixsocket", s.socket, "--dir", filepath.Dir(s.socket), "--save", "", "--appendonly", "no")
	if err := s.cmd.Start(); err != nil {
		s.cmd = nil
		s.tb.Fatal(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	end := time.After(timeout)
	for err = s.ping(); err != nil; err = s.ping() {
		select {
		case <-end:
			s.tb.Fatalf("redis-server does not answer: %v", err)
		case <-tick.C:
		}
	}
}

func (s *Server) ping() error {
	ctx, cancel := context.WithTimeout(s.tb.Context(), time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", s.socket)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return err
	}
	answer := make([]byte, 64)
	n, err := conn.Read(answer)
	if err == nil && string(answer[:n]) != "+PONG\r\n" {
		return fmt.Errorf("answered %q to PING", answer[:n])
	}
	return err
}

func (s *Server) signal(sig syscall.Signal) {
	s.tb.Helper()
	if err := s.cmd.Process.Signal(sig); err != nil {
		s.tb.Fatalf("send %s to redis-server: %v", sig, err)
	}
}
