package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

// prepared returns how many statements are prepared on a connection that have a text in them.
func prepared(t *testing.T, q postgres.Querier, text string) (n int) {
	t.Helper()
	if err := q.GetContext(t.Context(), &n, fmt.Sprintf("select count(*) from pg_prepared_statements where statement like '%%%s%%'", text)); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestOpen_preparesOnce(t *testing.T) {
	db, ctx := pgtest.Open(t), t.Context()
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		for i := range 3 {
			var got int
			if err := tx.GetContext(ctx, &got, "select cast($1 as int) + 1 as once", i); err != nil || got != i+1 {
				t.Errorf("%d + 1 = %d, %v", i, got, err)
			}
			if _, err := tx.ExecContext(ctx, "insert into plans (name, requests_per_minute) values ($1, 1)", fmt.Sprint("test", i)); err != nil {
				t.Error(err)
			}
		}
		if n := prepared(t, tx, "as once"); n != 1 {
			t.Errorf("the query is prepared %d times, want once", n)
		}
		if n := prepared(t, tx, "insert into plans"); n != 1 {
			t.Errorf("the command is prepared %d times, want once", n)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpen_preparesFew(t *testing.T) {
	db, ctx := pgtest.Open(t), t.Context()
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		for i := range 300 {
			for _, text := range []string{fmt.Sprintf("select cast($1 as int) as few%d", i), "select cast($1 as int) as few_often"} {
				var got int
				if err := tx.GetContext(ctx, &got, text, i); err != nil || got != i {
					t.Fatalf("%s of %d = %d, %v", text, i, got, err)
				}
			}
		}
		if n := prepared(t, tx, "as few"); n != 200 {
			t.Errorf("%d statements are prepared, want the last 200", n)
		}
		if n := prepared(t, tx, "as few_often"); n != 1 {
			t.Error("the statement that is used all the time made way")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestOpen_preparedBeforeMigration(t *testing.T) {
	url := pgtest.New(t)
	db, other, ctx := pgtest.OpenURL(t, url), pgtest.OpenURL(t, url), t.Context()
	db.SetMaxOpenConns(1)
	if _, err := other.ExecContext(ctx, "create table migrated (value int); insert into migrated values (7)"); err != nil {
		t.Fatal(err)
	}
	for _, change := range []string{"select 1", "alter table migrated alter value type text", "alter table migrated add more int"} {
		if _, err := other.ExecContext(ctx, change); err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.GetContext(ctx, &got, "select value from migrated where $1", true); err != nil || got != "7" {
			t.Errorf("after %q: %q, %v, want 7", change, got, err)
		}
	}
}

func TestOpen_preparedBeforeMigration_inTransaction(t *testing.T) {
	url := pgtest.New(t)
	db, other, ctx := pgtest.OpenURL(t, url), pgtest.OpenURL(t, url), t.Context()
	db.SetMaxOpenConns(1)
	if _, err := other.ExecContext(ctx, "create table migrated (value int); insert into migrated values (7)"); err != nil {
		t.Fatal(err)
	}
	read := func() (got string, err error) {
		err = postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
			return tx.GetContext(ctx, &got, "select value from migrated where $1", true)
		})
		return got, err
	}
	if got, err := read(); err != nil || got != "7" {
		t.Fatalf("before the migration: %q, %v, want 7", got, err)
	}
	if _, err := other.ExecContext(ctx, "alter table migrated alter value type text"); err != nil {
		t.Fatal(err)
	}
	if got, err := read(); !postgres.IsUnavailable(err) {
		t.Errorf("the first transaction after it: %q, %v, want one that may be tried again", got, err)
	}
	if got, err := read(); err != nil || got != "7" {
		t.Errorf("the second transaction after it: %q, %v, want 7", got, err)
	}
}

func TestOpen_timeZones(t *testing.T) {
	db := pgtest.Open(t)
	for text, want := range map[string]string{
		"2026-01-01T00:00:00+23:59": "2025-12-31 00:01:00+00", "2026-01-01T00:00:00-23:59": "2026-01-01 23:59:00+00", "2026-01-01T00:00:00Z": "2026-01-01 00:00:00+00",
	} {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		if err := db.GetContext(t.Context(), &got, "select cast(cast($1 as timestamptz) as text)", at); err != nil || got != want {
			t.Errorf("%s is %s, %v, want %s", text, got, err, want)
		}
	}
}
