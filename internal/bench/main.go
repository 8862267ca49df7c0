// Command bench measures how fast Plotwise is, and how much memory it takes, on this machine: what is compared takes turns in one run, and
// the table tells ratios. README.md says what each row means. With names of parts as its arguments it measures those alone;
// "profile" and "endure" are what make profile and make endure run. The city's files come from the directory that
// PLOTWISE_BENCH_DATA names (austin/*.csv.gz below it); without it the rows are generated.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/embedded"
)

// part is what can be measured alone.
type part struct {
	name    string
	measure func(b *bench, ctx context.Context) error
}

// The parts, in their order: what leaves much behind in this process's memory comes last.
var parts = []part{
	{"validation", (*bench).validationCost},
	{"bare", (*bench).bareCost},
	{"admission", (*bench).admissionCost},
	{"size", (*bench).sizeCost},
	{"history", (*bench).historyCost},
	{"memory", (*bench).memoryCost},
	{"deliveries", (*bench).deliveryCosts},
	{"imports", (*bench).importCosts},
	{"conditions", (*bench).conditionCosts},
}

// settings are those of a Postgres that has a machine of its own: a database of a million permits is in its memory, and checkpoints are rare.
var settings = map[string]string{"max_wal_size": "4GB", "shared_buffers": "1GB"}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "client" {
		if err := serveOrders(); err != nil {
			fmt.Fprintln(os.Stderr, "client:", err)
			os.Exit(1)
		}
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) (err error) {
	measure, err := chosen(args)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "plotwise-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Settings: settings})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()
	c, err := startClient()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.close()) }()
	b := &bench{dir: dir, server: server, client: c, started: time.Now()}
	defer b.close()
	for _, p := range measure {
		b.say(p.name)
		if err = p.measure(b, ctx); err != nil {
			err = fmt.Errorf("%s: %w", p.name, err)
			break
		}
	}
	if len(b.table) > 0 { // also what was measured before a failure
		write(os.Stdout, b.table)
	}
	return err
}

// chosen returns the parts that the arguments name; all of them when there is none.
func chosen(names []string) ([]part, error) {
	if len(names) == 0 {
		return parts, nil
	}
	var found []part
	known := append(slices.Clone(parts), part{"profile", (*bench).profile}, part{"endure", (*bench).endure})
	for _, name := range names {
		i := slices.IndexFunc(known, func(p part) bool { return p.name == name })
		if i < 0 {
			var all []string
			for _, p := range known {
				all = append(all, p.name)
			}
			return nil, fmt.Errorf("%q is none of %s", name, strings.Join(all, ", "))
		}
		found = append(found, known[i])
	}
	return found, nil
}

// bench is one run.
type bench struct {
	dir     string // for what is gone after the run
	server  *embedded.Server
	client  *distant
	started time.Time
	table   []row
	loaded  [][]byte     // the files to import, once they are asked for
	served  *postgres.DB // of imported, once it is asked for
	binary  string       // the program, once it is asked for
}

func (b *bench) close() {
	if b.served != nil {
		_ = b.served.Close()
	}
}

// say tells those who wait what is going on.
func (b *bench) say(text string) {
	fmt.Fprintf(os.Stderr, "%4.0f s  %s\n", time.Since(b.started).Seconds(), text)
}

func (b *bench) add(r row) {
	b.table = append(b.table, r)
	text := fmt.Sprintf("  %s: %s  %s", strings.TrimSpace(r.what), r.figure(median(r.values)), r.verdict())
	b.say(strings.TrimRight(text, " "))
}

const (
	connections      = 20 // to Postgres, as the program has them
	importedDatabase = "imported"
)

// administer runs a statement on the server.
func (b *bench) administer(ctx context.Context, statement string) error {
	admin, err := postgres.Open(postgres.Options{URL: b.server.URL("postgres"), MaxConnections: 1})
	if err != nil {
		return err
	}
	defer admin.Close()
	_, err = admin.ExecContext(ctx, statement)
	return err
}

func (b *bench) open(name string) (*postgres.DB, error) {
	return postgres.Open(postgres.Options{URL: b.server.URL(name), MaxConnections: connections})
}

// create makes a database with the schema alone.
func (b *bench) create(ctx context.Context, name string) (*postgres.DB, error) {
	if err := b.administer(ctx, "create database "+name); err != nil {
		return nil, err
	}
	db, err := b.open(name)
	if err != nil {
		return nil, err
	}
	return db, postgres.Migrate(ctx, db.DB.DB)
}

// copyOfImported makes a database with what imported holds.
func (b *bench) copyOfImported(ctx context.Context, name string) (*postgres.DB, error) {
	if _, err := b.imported(ctx); err != nil {
		return nil, err
	}
	if err := b.served.Close(); err != nil { // nobody may be connected to it
		return nil, err
	}
	if err := b.administer(ctx, "create database "+name+" template "+importedDatabase); err != nil {
		return nil, err
	}
	var err error
	if b.served, err = b.open(importedDatabase); err != nil {
		return nil, err
	}
	return b.open(name)
}

// drop drops a database that is not needed any more.
func (b *bench) drop(ctx context.Context, name string, db *postgres.DB) error {
	return errors.Join(db.Close(), b.administer(ctx, "drop database "+name+" with (force)"))
}
