package main

import (
	"bufio"
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
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/secret"
)

// build builds the program, once.
func (b *bench) build(ctx context.Context) error {
	if b.binary != "" {
		return nil
	}
	file := filepath.Join(b.dir, "plotwise")
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", file, "github.com/plotwise/plotwise/cmd/plotwise").CombinedOutput(); err != nil {
		return fmt.Errorf("build plotwise: %w: %s", err, out)
	}
	b.binary = file
	return nil
}

// environ returns the environment of the program on a database: this process's own without settings of Plotwise, and the given ones.
func (b *bench) environ(database string, settings ...string) []string {
	var found []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, "PLOTWISE_") {
			found = append(found, pair)
		}
	}
	found = append(found, "PLOTWISE_DATABASE_URL="+b.server.URL(database), "PLOTWISE_SECRET_KEY="+secret.Generate(), "PLOTWISE_LOG_FORMAT=json")
	return append(found, settings...)
}

// imported returns the database that holds the files' permits. The program itself imports them, the first time, and what memory that
// took at most is a row of the table.
func (b *bench) imported(ctx context.Context) (*postgres.DB, error) {
	if b.served != nil {
		return b.served, nil
	}
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	files, err := b.files()
	if err != nil {
		return nil, err
	}
	args := []string{"import", "--source", "austin", "--rejects", filepath.Join(b.dir, "rejects.csv")}
	for i, text := range files {
		name := filepath.Join(b.dir, "permits-"+strconv.Itoa(i)+".csv.gz")
		if err := os.WriteFile(name, text, 0o600); err != nil {
			return nil, err
		}
		args = append(args, name)
	}
	if b.served, err = b.create(ctx, importedDatabase); err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, b.binary, args...)
	cmd.Env = b.environ(importedDatabase)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("import the files: %w: %s", err, out)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		b.add(row{what: "memory of an import, at most", values: []float64{float64(usage.Maxrss) / 1000}, unit: "MB", bar: 200, most: true})
	}
	_, err = b.served.ExecContext(ctx, "vacuum analyze") // as autovacuum does sooner or later, in the middle of what is measured
	return b.served, err
}

// program is a plotwise serve in a process of its own.
type program struct {
	cmd            *exec.Cmd
	log            string // a file
	address, admin string
	ended          chan error
}

// serve starts the program on a database, as people run it, and waits until it serves.
func (b *bench) serve(ctx context.Context, database string) (*program, error) {
	if err := b.build(ctx); err != nil {
		return nil, err
	}
	p := &program{log: filepath.Join(b.dir, "serve.log"), ended: make(chan error, 1)}
	file, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p.cmd = exec.Command(b.binary, "serve")
	p.cmd.Stderr = file
	p.cmd.Env = b.environ(database, "PLOTWISE_ADDR=127.0.0.1:0", "PLOTWISE_ADMIN_ADDR=127.0.0.1:0")
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { p.ended <- p.cmd.Wait() }()
	for p.address == "" || p.admin == "" {
		select {
		case err := <-p.ended:
			text, _ := os.ReadFile(p.log)
			return nil, fmt.Errorf("plotwise serve ended: %w: %s", errors.Join(err), text)
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.stop())
		case <-time.After(20 * time.Millisecond):
		}
		if err := p.read(); err != nil {
			return nil, errors.Join(err, p.stop())
		}
	}
	return p, nil
}

// read takes from the log where the program serves.
func (p *program) read() error {
	file, err := os.Open(p.log)
	if err != nil {
		return err
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var line struct{ Msg, URL string }
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // is being written
		}
		switch line.Msg {
		case "serving":
			p.address = addressOf(line.URL)
		case "metrics and pprof":
			p.admin = strings.TrimSuffix(addressOf(line.URL), "/metrics")
		}
	}
	return nil
}

func (p *program) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	return <-p.ended
}

// memory returns how much memory the program has now, and had at most, in MB of 1,000,000 bytes: all that is resident, with the
// program's own text.
func (p *program) memory() (now, most float64, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, 0, err
	}
	return statusOf(text, "VmRSS:"), statusOf(text, "VmHWM:"), nil
}

func statusOf(text []byte, name string) float64 {
	_, rest, _ := bytes.Cut(text, []byte(name))
	fields := bytes.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, _ := strconv.ParseFloat(string(fields[0]), 64)
	return kilobytes * 1024 / 1e6
}

// goroutines returns how many there are in the program.
func (p *program) goroutines(ctx context.Context) (int, error) {
	text, err := get(ctx, "http://"+p.admin+"/metrics", "")
	if err != nil {
		return 0, err
	}
	_, rest, found := strings.Cut(string(text), "\ngo_goroutines ")
	if !found {
		return 0, errors.New("the metrics do not tell go_goroutines")
	}
	line, _, _ := strings.Cut(rest, "\n")
	return strconv.Atoi(line)
}

// get returns what a URL answers.
func get(ctx context.Context, url, key string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d %s", url, response.StatusCode, body)
	}
	return body, err
}
