// Package pgtest gives tests databases: one server for all of them, a template with the schema, a clone for each test.
package pgtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/embedded"
	"github.com/plotwise/plotwise/migrations"
)

const (
	timeout = time.Minute
	// The templateLock is held while the template is made or cloned: Postgres clones only what nobody is connected to.
	templateLock = 7305210002
)

// Dir returns the directory of the test server, one for each user of the machine.
func Dir() string {
	return filepath.Join(os.TempDir(), fmt.Sprintf("plotwise-test-%d", os.Getuid()))
}

// Options are how the test server runs: fast rather than safe.
func Options() embedded.Options {
	return embedded.Options{
		Dir: Dir(), Detached: true, Log: slog.New(slog.DiscardHandler),
		Settings: map[string]string{
			"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "300", "shared_buffers": "256MB",
		},
	}
}

// server starts the test server, or returns the one that PLOTWISE_TEST_DATABASE_URL names (a superuser's).
var server = sync.OnceValues(func() (func(database string) string, error) {
	if named := os.Getenv("PLOTWISE_TEST_DATABASE_URL"); named != "" {
		u, err := url.Parse(named)
		if err != nil {
			return nil, fmt.Errorf("read PLOTWISE_TEST_DATABASE_URL: %w", err)
		}
		return func(database string) string {
			other := *u
			other.Path = "/" + database
			return other.String()
		}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	s, err := embedded.Start(ctx, Options())
	if err != nil {
		return nil, err
	}
	return s.URL, nil
})

// New returns the URL of a database with every migration applied, which is dropped when the test ends. Without a
// Postgres the test fails.
func New(tb testing.TB) string {
	tb.Helper()
	return create(tb, ensureTemplate)
}

// Copy returns the URL of a database with all that another one of this package holds, which is dropped when the test ends.
// Nobody may be connected to the other one meanwhile.
func Copy(tb testing.TB, of string) string {
	tb.Helper()
	u, err := url.Parse(of)
	if err != nil {
		tb.Fatal(err)
	}
	return create(tb, func(context.Context, *postgres.Conn, func(string) string) (string, error) {
		return strings.TrimPrefix(u.Path, "/"), nil
	})
}

// Empty returns the URL of a database without a schema, which is dropped when the test ends.
func Empty(tb testing.TB) string {
	tb.Helper()
	return create(tb, nil)
}

// Open returns a pool on a database of New, closed when the test ends.
func Open(tb testing.TB) *postgres.DB {
	tb.Helper()
	return OpenURL(tb, New(tb))
}

// OpenURL returns a pool on a database, closed when the test ends.
func OpenURL(tb testing.TB, url string) *postgres.DB {
	tb.Helper()
	db, err := postgres.Open(postgres.Options{URL: url, MaxConnections: 10})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

// create makes a database, a copy of the template unless that is nil.
func create(tb testing.TB, template func(context.Context, *postgres.Conn, func(string) string) (string, error)) string {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	urlOf, err := server()
	if err != nil {
		tb.Fatalf("start the test Postgres: %v", err)
	}
	admin, err := postgres.Open(postgres.Options{URL: urlOf("postgres"), MaxConnections: 2})
	if err != nil {
		tb.Fatal(err)
	}
	name := "test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	tb.Cleanup(func() {
		_, _ = admin.ExecContext(context.Background(), "drop database if exists "+name+" with (force)")
		_ = admin.Close()
	})
	err = postgres.WithConn(ctx, admin, func(conn *postgres.Conn) error {
		if _, err := conn.ExecContext(ctx, "select pg_advisory_lock($1)", templateLock); err != nil {
			return err
		}
		statement := "create database " + name
		if template != nil {
			of, err := template(ctx, conn, urlOf)
			if err != nil {
				return err
			}
			statement += " template " + of
		}
		_, err := conn.ExecContext(ctx, statement)
		return err
	})
	if err != nil {
		tb.Fatalf("create a test database: %v", err)
	}
	return urlOf(name)
}

// ensureTemplate returns the name of the database with the schema, which it makes when there is none. It is made under
// another name first, so that a killed test leaves nothing that looks whole.
func ensureTemplate(ctx context.Context, conn *postgres.Conn, urlOf func(string) string) (string, error) {
	hash, err := migrationsHash()
	if err != nil {
		return "", err
	}
	name := "template_" + hash
	var found bool
	if err := conn.GetContext(ctx, &found, "select exists (select from pg_database where datname = $1)", name); err != nil || found {
		return name, err
	}
	unfinished := "unfinished_" + hash
	for _, statement := range []string{"drop database if exists " + unfinished + " with (force)", "create database " + unfinished} {
		if _, err := conn.ExecContext(ctx, statement); err != nil {
			return "", err
		}
	}
	db, err := postgres.Open(postgres.Options{URL: urlOf(unfinished), MaxConnections: 2})
	if err != nil {
		return "", err
	}
	if err := postgres.Migrate(ctx, db.DB.DB); err != nil {
		return "", err
	}
	if err := db.Close(); err != nil {
		return "", err
	}
	_, err = conn.ExecContext(ctx, "alter database "+unfinished+" rename to "+name)
	return name, err
}

func migrationsHash() (string, error) {
	h := sha256.New()
	names, err := fs.Glob(migrations.FS, "*.sql")
	if err != nil {
		return "", err
	}
	for _, name := range names {
		text, err := fs.ReadFile(migrations.FS, name)
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%s %d\n%s", name, len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:6]), nil
}

// Prepare fails the test for every statement that Postgres does not prepare: names and types are checked, nothing runs.
func Prepare(tb testing.TB, statements map[string]string) {
	tb.Helper()
	db := Open(tb)
	for name, text := range statements {
		stmt, err := db.PrepareContext(context.Background(), text)
		if err != nil {
			tb.Errorf("statement %s: %v", name, err)
			continue
		}
		_ = stmt.Close()
	}
}
