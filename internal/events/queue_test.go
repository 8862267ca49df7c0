package events

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// note has the number noted that an organization is at when the transaction commits.
func note(tx *postgres.Tx, organization uuid.UUID, at *[]int64) {
	AtBoundary(tx, organization, func(_ context.Context, last int64) error {
		*at = append(*at, last)
		return nil
	})
}

func TestAtBoundary(t *testing.T) {
	w := newWorld(t)
	var ours, theirs []int64
	inTx := func(do func(tx *postgres.Tx)) {
		t.Helper()
		if err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error { do(tx); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	inTx(func(tx *postgres.Tx) {
		note(tx, w.organization, &ours)
		if len(ours) != 0 {
			t.Error("it was called before the commit")
		}
	})
	check(t, "before the first event", []int64{0}, ours)
	check(t, "counters", []string{"0 0"}, w.query(t, "select last || ' ' || pruned from event_counters"))
	inTx(func(tx *postgres.Tx) {
		w.Append(tx, changed(w.organization, "1"))
		note(tx, w.organization, &ours)
		note(tx, w.other, &theirs)
		w.Append(tx, changed(w.organization, "2"), changed(w.other, "3"))
		note(tx, w.organization, &ours)
	})
	inTx(func(tx *postgres.Tx) { note(tx, w.organization, &ours); note(tx, w.other, &theirs) })
	check(t, "the numbers before the events of the transaction, and after them", []int64{0, 0, 0, 2}, ours)
	check(t, "the other organization's", []int64{0, 1}, theirs)
	check(t, "events", []string{"1 permit.status_changed 1", "2 permit.status_changed 2"}, w.told(t, w.organization))
	if b := w.list(t, w.organization, Query{Limit: 10}); b.NextAfter != 2 {
		t.Errorf("next_after = %d, want 2", b.NextAfter)
	}
}

// What is done at the boundary is seen by the transaction's own events, and undone with it.
func TestAtBoundary_fails(t *testing.T) {
	w := newWorld(t)
	refused := errors.New("refused")
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.Append(tx, changed(w.organization, "1"))
		AtBoundary(tx, w.organization, func(ctx context.Context, _ int64) error {
			_, err := tx.ExecContext(ctx, "update organizations set name = 'changed'")
			return errors.Join(err, refused)
		})
		return nil
	})
	if !errors.Is(err, refused) {
		t.Errorf("InTx = %v, want %v", err, refused)
	}
	check(t, "what is left", []string{"0 0"}, w.query(t,
		"select concat_ws(' ', (select count(*) from events), (select count(*) from organizations where name = 'changed'))"))
}

// TestAtBoundary_concurrent: whoever stands between events sees all of those before, and none after.
func TestAtBoundary_concurrent(t *testing.T) {
	w := newWorld(t)
	const each = 40
	var running sync.WaitGroup
	for _, order := range [][]uuid.UUID{{w.organization, w.other}, {w.other, w.organization}} {
		running.Go(func() {
			for range each {
				if err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
					w.Append(tx, changed(order[0], "Issued"), changed(order[1], "Issued"), changed(order[0], "Issued"))
					return nil
				}); err != nil {
					t.Errorf("InTx = %v", err)
				}
			}
		})
		running.Go(func() {
			for range each {
				if err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
					for _, o := range order {
						AtBoundary(tx, o, func(ctx context.Context, last int64) error {
							var seen int64
							if err := tx.GetContext(ctx, &seen, "select count(*) from events where organization_id = $1", o); err != nil {
								return err
							}
							if seen != last {
								t.Errorf("at %d of %s there are %d events", last, o, seen)
							}
							return nil
						})
					}
					return nil
				}); err != nil {
					t.Errorf("InTx = %v", err)
				}
			}
		})
	}
	running.Wait()
	check(t, "counters", []string{fmt.Sprint(3 * each), fmt.Sprint(3 * each)}, w.query(t, "select cast(last as text) from event_counters"))
}

func TestCheck(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "1"))
	var e struct {
		Type       string
		SchemaHash []byte `db:"schema_hash"`
		Body       string
	}
	if err := w.db.GetContext(t.Context(), &e, "select type, schema_hash, body from events"); err != nil {
		t.Fatal(err)
	}
	broken := strings.Replace(e.Body, "BLD-26-0521670", strings.Repeat("9", 101), 1)
	for _, c := range []struct {
		name, kind string
		hash       []byte
		body       string
		current    bool
		broken     string // what the failure names
	}{
		{"as it was written", StatusChanged, e.SchemaHash, e.Body, true, ""},
		{"broken", StatusChanged, e.SchemaHash, broken, true, "maxLength"},
		{"no JSON", StatusChanged, e.SchemaHash, "{", true, "EOF"},
		{"of another schema", StatusChanged, []byte("older"), broken, false, ""},
		{"of another type's schema", Added, e.SchemaHash, e.Body, false, ""},
		{"of a type that there is no more", "permit.painted", e.SchemaHash, e.Body, false, ""},
		{"of no schema", "permit.painted", nil, e.Body, false, ""},
	} {
		current, err := Check(c.kind, c.hash, c.body)
		if current != c.current || (err == nil) != (c.broken == "") || err != nil && !strings.Contains(err.Error(), c.broken) {
			t.Errorf("%s: Check = %t, %v; want %t and a failure that names %q", c.name, current, err, c.current, c.broken)
		}
	}
}
