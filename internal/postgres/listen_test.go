package postgres_test

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const listener = `from pg_stat_activity where datname = current_database() and query like 'LISTEN %' and state = 'idle'`

// listenerOf waits for a connection that listens, other than the one given, and returns its process.
func listenerOf(t *testing.T, db *postgres.DB, other int) int {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); {
		var found []int
		if err := db.SelectContext(t.Context(), &found, "select pid "+listener+" and pid <> $1", other); err != nil {
			t.Fatal(err)
		}
		if len(found) > 0 {
			return found[0]
		}
	}
	t.Fatal("nobody listened")
	return 0
}

func notify(t *testing.T, db *postgres.DB, channel, payload string) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), "select pg_notify($1, $2)", channel, payload); err != nil {
		t.Fatal(err)
	}
}

func TestDB_Listen(t *testing.T) {
	db := pgtest.Open(t)
	ctx, cancel := context.WithCancel(t.Context())
	var log strings.Builder
	heard, ended := make(chan string, 10), make(chan struct{})
	go func() {
		defer close(ended)
		db.Listen(ctx, "test", slog.New(slog.NewTextHandler(&log, nil)), func(payload string) { heard <- payload })
	}()
	first := listenerOf(t, db, 0)
	if got := <-heard; got != "" {
		t.Errorf("heard %q first, want that it listens", got)
	}
	notify(t, db, "another", "0")
	notify(t, db, "test", "1")
	notify(t, db, "test", "2")
	for _, want := range []string{"1", "2"} {
		if got := <-heard; got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}
	if _, err := db.ExecContext(t.Context(), "select pg_terminate_backend($1, 10000)", first); err != nil {
		t.Fatal(err)
	}
	listenerOf(t, db, first)
	if got := <-heard; got != "" {
		t.Errorf("after its connection broke it heard %q, want that it listens again", got)
	}
	notify(t, db, "test", "3")
	if got := <-heard; got != "3" {
		t.Errorf("after its connection broke it heard %q, want 3", got)
	}
	cancel()
	<-ended
	for deadline := time.Now().Add(30 * time.Second); ; {
		var n int
		if err := db.GetContext(t.Context(), &n, "select count(*) "+listener); err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d connections listen after the end, want 0", n)
		}
	}
	if got := strings.Count(log.String(), "listening is interrupted"); got != 1 {
		t.Errorf("the log holds %q, want the interruption once", log.String())
	}
}

// TestDB_Listen_noDatabase: it ends with its context, though it never had a connection.
func TestDB_Listen_noDatabase(t *testing.T) {
	db := pgtest.OpenURL(t, "postgres://nobody@127.0.0.1:1/none?sslmode=disable")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		db.Listen(ctx, "test", slog.New(slog.DiscardHandler), func(string) {})
	}()
	cancel()
	<-ended
}
