package postgres_test

import (
	"context"
	"errors"
	"strconv"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestInTx(t *testing.T) {
	db, ctx := pgtest.Open(t), t.Context()
	insert := func(tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, "insert into plans (name, requests_per_minute) values ('test', 1)")
		return err
	}
	count := func() (n int) {
		if err := db.GetContext(ctx, &n, "select count(*) from plans where name = 'test'"); err != nil {
			t.Fatal(err)
		}
		return n
	}
	refused := errors.New("refused")
	if err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error { return errors.Join(insert(tx), refused) }); !errors.Is(err, refused) {
		t.Errorf("InTx = %v, want the function's error", err)
	}
	if got := count(); got != 0 {
		t.Errorf("%d rows after an error, want 0", got)
	}
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		return postgres.InTx(postgres.WithTx(ctx, tx), db, insert) // joins: still open after it
	})
	if err != nil || count() != 1 {
		t.Errorf("InTx = %v with %d rows, want 1 row", err, count())
	}
	if err := postgres.InTx(ctx, db, insert); !postgres.IsUniqueViolation(err, "plans_pkey") {
		t.Errorf("InTx = %v, want a breach of plans_pkey", err)
	}
}

func TestInSnapshot(t *testing.T) {
	url := pgtest.New(t)
	db, err := postgres.Open(postgres.Options{URL: url, MaxConnections: 3, StatementTimeout: time.Minute, TransactionTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	other, ctx := pgtest.OpenURL(t, url), t.Context()
	refused := errors.New("refused")
	err = postgres.InSnapshot(ctx, db, func(tx *postgres.Tx) error {
		count := func() (n int) {
			if err := tx.GetContext(ctx, &n, "select count(*) from plans where name = 'test'"); err != nil {
				t.Error(err)
			}
			return n
		}
		before := count()
		if _, err := other.ExecContext(ctx, "insert into plans (name, requests_per_minute) values ('test', 1)"); err != nil {
			return err
		}
		if after := count(); before != 0 || after != 0 {
			t.Errorf("it sees %d rows and then %d, want none that came later", before, after)
		}
		var limits []string
		err := tx.SelectContext(ctx, &limits, "select current_setting(name) from unnest(array['statement_timeout', 'idle_in_transaction_session_timeout']) name")
		if err != nil || len(limits) != 2 || limits[0] != "0" || limits[1] != "0" {
			t.Errorf("the limits are %q, %v; want none", limits, err)
		}
		if _, err := tx.ExecContext(ctx, "delete from plans"); err == nil {
			t.Error("it wrote")
		}
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("InSnapshot = %v, want the function's error", err)
	}
}

func TestInBriefSnapshot(t *testing.T) {
	url := pgtest.New(t)
	db, err := postgres.Open(postgres.Options{URL: url, MaxConnections: 1, StatementTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	other, ctx, refused := pgtest.OpenURL(t, url), t.Context(), errors.New("refused")
	var backends [2]int
	for i := range backends {
		err := postgres.InBriefSnapshot(ctx, db, func(tx *postgres.Tx) error {
			count := func() (n int) {
				if err := tx.GetContext(ctx, &n, "select count(*) from plans where name like 'test%'"); err != nil {
					t.Error(err)
				}
				return n
			}
			before := count()
			if _, err := other.ExecContext(ctx, "insert into plans (name, requests_per_minute) values ('test' || $1, 1)", strconv.Itoa(i)); err != nil {
				return err
			}
			if after := count(); before != i || after != i {
				t.Errorf("it sees %d rows and then %d, want %d and none that came later", before, after, i)
			}
			var limit string
			if err := tx.GetContext(ctx, &limit, "select current_setting('statement_timeout')"); err != nil || limit != "1min" {
				t.Errorf("a statement may take %s, %v; want the limit of the pool", limit, err)
			}
			if err := tx.GetContext(ctx, &backends[i], "select pg_backend_pid()"); err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, "delete from plans"); err == nil {
				t.Error("it wrote")
			}
			return refused
		})
		if !errors.Is(err, refused) {
			t.Errorf("InBriefSnapshot = %v, want the function's error", err)
		}
	}
	if backends[0] != backends[1] {
		t.Errorf("two of them had connections %v, want the same one", backends)
	}
}

func TestMigrate_manyStarters(t *testing.T) {
	url := pgtest.Empty(t)
	errs := make(chan error)
	const starters = 5
	for range starters {
		go func() { errs <- postgres.Migrate(context.WithoutCancel(t.Context()), pgtest.OpenURL(t, url).DB.DB) }()
	}
	for range starters {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	current, newest, err := postgres.Versions(t.Context(), pgtest.OpenURL(t, url).DB.DB)
	if err != nil || current != newest || newest == 0 {
		t.Errorf("Versions = %d, %d, %v; want the newest", current, newest, err)
	}
}

func TestVersions_empty(t *testing.T) {
	current, newest, err := postgres.Versions(t.Context(), pgtest.OpenURL(t, pgtest.Empty(t)).DB.DB)
	if err != nil || current != 0 || newest < 1 {
		t.Errorf("Versions = %d, %d, %v; want 0 and the newest", current, newest, err)
	}
}
