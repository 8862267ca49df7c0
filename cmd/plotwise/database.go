package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/embedded"
)

// database is the database of a command: one that is configured, or the embedded one.
type database struct {
	*postgres.DB
	keys   *postgres.DB     // for looking API keys up, which must not wait for what keeps the others busy
	server *embedded.Server // nil when it is configured
	log    *slog.Logger
}

// openDatabase connects to the configured database, or else starts (or joins) the embedded one and migrates it.
func (g *globals) openDatabase(ctx context.Context) (*database, error) {
	d := &database{log: g.log}
	url := g.config.DatabaseURL
	if url == "" {
		var err error
		if d.server, err = embedded.Start(ctx, embedded.Options{Dir: g.config.DataDir, Log: g.log}); err != nil {
			return nil, err
		}
		url = d.server.URL("plotwise")
	}
	if err := d.connect(ctx, g, url); err != nil {
		return nil, errors.Join(err, d.stop(ctx))
	}
	return d, nil
}

// withDatabase does what useDatabase does, for commands that people type: it says first which database that is.
func (g *globals) withDatabase(ctx context.Context, do func(db *database) error) error {
	return g.useDatabase(ctx, func(db *database) error {
		fmt.Fprintln(os.Stderr, g.which(db))
		return do(db)
	})
}

// which says which database that is, without its password.
func (g *globals) which(db *database) string {
	if db.server == nil {
		u, err := url.Parse(g.config.DatabaseURL)
		if err != nil || u.Scheme == "" {
			return "Using the database of PLOTWISE_DATABASE_URL."
		}
		return fmt.Sprintf("Using the database %s at %s (PLOTWISE_DATABASE_URL).", strings.TrimPrefix(u.Path, "/"), cmp.Or(u.Host, u.Query().Get("host"), "the usual socket"))
	}
	dir, err := filepath.Abs(g.config.DataDir)
	if err != nil { // it was found when the server started
		dir = g.config.DataDir
	}
	if db.server.Created() {
		return fmt.Sprintf(`Warning: there was no database in %s, so a NEW, EMPTY one was made just now.
To use that of a server, run this in the directory in which the server was started, or set PLOTWISE_DATA_DIR or PLOTWISE_DATABASE_URL.`, dir)
	}
	return fmt.Sprintf("Using the database in %s.", dir)
}

// useDatabase calls do with a database whose schema is new enough, and closes it afterwards.
func (g *globals) useDatabase(ctx context.Context, do func(db *database) error) (err error) {
	db, err := g.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(ctx)) }()
	if err := db.checkSchema(ctx); err != nil {
		return err
	}
	return do(db)
}

const (
	keyConnections = 4 // one query of them takes a fraction of a millisecond
	keyTimeout     = 2 * time.Second
)

func (d *database) connect(ctx context.Context, g *globals, url string) error {
	c := g.config
	var err error
	d.DB, err = postgres.Open(postgres.Options{
		URL: url, MaxConnections: c.MaxConnections, StatementTimeout: c.StatementTimeout, LockTimeout: c.LockTimeout,
		TransactionTimeout: c.TransactionIdle,
	})
	if err != nil {
		return err
	}
	if d.keys, err = postgres.Open(postgres.Options{URL: url, MaxConnections: keyConnections, StatementTimeout: keyTimeout}); err != nil {
		return err
	}
	if err := d.PingContext(ctx); err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	if d.server == nil {
		return nil
	}
	return d.migrate(ctx)
}

// migrate migrates on connections without time limits.
func (d *database) migrate(ctx context.Context) error {
	_, newest, err := postgres.Versions(ctx, d.DB.DB.DB)
	if err != nil {
		return err
	}
	if err := postgres.Migrate(ctx, d.DB.DB.DB); err != nil {
		return err
	}
	d.log.DebugContext(ctx, "the schema is up to date", slog.Int64("version", newest))
	return nil
}

// checkSchema refuses a schema that is older than this program needs.
func (d *database) checkSchema(ctx context.Context) error {
	current, newest, err := postgres.Versions(ctx, d.DB.DB.DB)
	if err != nil {
		return err
	}
	if current < newest {
		return fmt.Errorf("the database's schema has version %d, this program needs %d: run plotwise migrate", current, newest)
	}
	return nil
}

// close closes the pool and stops an embedded server that this process started.
func (d *database) close(ctx context.Context) error {
	return errors.Join(d.keys.Close(), d.Close(), d.stop(ctx))
}

func (d *database) stop(ctx context.Context) error {
	if d.server == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return d.server.Stop(ctx)
}
