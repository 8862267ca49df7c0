package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

// plans adds a plan for each of its names when it is flushed.
type plans struct {
	names   []string
	flushed *int
	err     error
}

func (p *plans) Flush(ctx context.Context, tx *postgres.Tx) error {
	*p.flushed++
	for _, n := range p.names {
		if _, err := tx.ExecContext(ctx, "insert into plans (name, requests_per_minute) values ($1, 1)", n); err != nil {
			return err
		}
	}
	return p.err
}

func TestTx_Last(t *testing.T) {
	db, ctx := pgtest.Open(t), t.Context()
	flushed, made := 0, 0
	later := func(tx *postgres.Tx, key any, name string) {
		p := tx.Last(key, func() postgres.Last { made++; return &plans{flushed: &flushed} }).(*plans)
		p.names = append(p.names, name)
	}
	stored := func(q postgres.Querier) []string {
		found := []string{}
		if err := q.SelectContext(ctx, &found, "select name from plans where name like 'test %' order by name"); err != nil {
			t.Fatal(err)
		}
		return found
	}
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		later(tx, "a", "test 1")
		err := postgres.InTx(postgres.WithTx(ctx, tx), db, func(tx *postgres.Tx) error {
			later(tx, "a", "test 2")
			return nil
		})
		if got := stored(tx); err != nil || len(got) != 0 || flushed != 0 {
			t.Errorf("after the inner InTx: %v, plans %q, flushed %d times; want it to wait for the commit", err, got, flushed)
		}
		later(tx, "b", "test 3")
		later(tx, "a", "test 4")
		return nil
	})
	if diff := cmp.Diff([]string{"test 1", "test 2", "test 3", "test 4"}, stored(db)); err != nil || diff != "" {
		t.Errorf("InTx = %v, plans (-want +got):\n%s", err, diff)
	}
	if made != 2 || flushed != 2 {
		t.Errorf("made %d, flushed %d times; want once a key", made, flushed)
	}
	if err := postgres.InTx(ctx, db, func(*postgres.Tx) error { return nil }); err != nil || flushed != 2 {
		t.Errorf("the next InTx = %v, flushed %d times; want nothing of the one before", err, flushed)
	}
}

func TestTx_Last_failures(t *testing.T) {
	db, ctx := pgtest.Open(t), t.Context()
	refused := errors.New("refused")
	for name, c := range map[string]struct{ do, flush error }{
		"function": {do: refused},
		"flush":    {flush: refused},
	} {
		flushed := 0
		err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
			tx.Last("key", func() postgres.Last { return &plans{names: []string{"test"}, flushed: &flushed, err: c.flush} })
			_, err := tx.ExecContext(ctx, "insert into plans (name, requests_per_minute) values ('tested', 1)")
			return errors.Join(err, c.do)
		})
		var n int
		if err := db.GetContext(ctx, &n, "select count(*) from plans where name like 'test%'"); err != nil {
			t.Fatal(err)
		}
		want := 0
		if c.flush != nil {
			want = 1
		}
		if !errors.Is(err, refused) || n != 0 || flushed != want {
			t.Errorf("%s refused: InTx = %v, %d plans, flushed %d times; want %v, 0, %d", name, err, n, flushed, refused, want)
		}
	}
}

func TestTx_Last_panic(t *testing.T) {
	db := pgtest.Open(t)
	flushed := 0
	func() {
		defer func() {
			if got := fmt.Sprint(recover()); got != "oh" {
				t.Errorf("recovered %s, want oh", got)
			}
		}()
		_ = postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error {
			tx.Last("key", func() postgres.Last { return &plans{flushed: &flushed} })
			panic("oh")
		})
	}()
	if flushed != 0 {
		t.Errorf("flushed %d times, want not", flushed)
	}
}
