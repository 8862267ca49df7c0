package events

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/inflight"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

func TestFeed_List(t *testing.T) {
	w := newWorld(t)
	w.tell(t, NewAdded(t.Context(), permit(w.organization)), changed(w.organization, "2"), changed(w.other, "of another"))
	w.tell(t, changed(w.organization, "3"), NewRemoved(t.Context(), permit(w.organization)), changed(w.organization, "5"))
	for name, c := range map[string]struct {
		query Query
		want  []int64
		next  int64
		more  bool
	}{
		"from the oldest":        {Query{Limit: 10}, []int64{1, 2, 3, 4, 5}, 5, false},
		"from 0":                 {Query{After: ptr(int64(0)), Limit: 10}, []int64{1, 2, 3, 4, 5}, 5, false},
		"from within":            {Query{After: ptr(int64(2)), Limit: 10}, []int64{3, 4, 5}, 5, false},
		"from the newest":        {Query{After: ptr(int64(5)), Limit: 10}, []int64{}, 5, false},
		"limited":                {Query{Limit: 2}, []int64{1, 2}, 2, true},
		"limited, all":           {Query{Limit: 5}, []int64{1, 2, 3, 4, 5}, 5, false},
		"limited, from within":   {Query{After: ptr(int64(3)), Limit: 1}, []int64{4}, 4, true},
		"of a type":              {Query{Types: []string{Added}, Limit: 10}, []int64{1}, 5, false},
		"of a type, limited":     {Query{Types: []string{StatusChanged}, Limit: 2}, []int64{2, 3}, 3, true},
		"of a type, the rest":    {Query{After: ptr(int64(3)), Types: []string{StatusChanged}, Limit: 2}, []int64{5}, 5, false},
		"of types":               {Query{Types: []string{Added, Removed}, Limit: 10}, []int64{1, 4}, 5, false},
		"of types that are none": {Query{Types: []string{FeeChanged}, Limit: 10}, []int64{}, 5, false},
	} {
		b := w.list(t, w.organization, c.query)
		if !cmp.Equal(numbers(b), c.want) || b.NextAfter != c.next || b.HasMore != c.more {
			t.Errorf("%s: List = %v, next after %d, more %t; want %v, %d, %t", name, numbers(b), b.NextAfter, b.HasMore, c.want, c.next, c.more)
		}
	}
	_, err := w.feed.List(t.Context(), w.organization, Query{After: ptr(int64(6)), Limit: 10, Wait: time.Hour})
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != "invalid_parameter" || p.Message != "after must be at most 5, the number of the newest event." {
		t.Errorf("List from beyond the newest = %v, want invalid_parameter that names number 5", err)
	}
	if b := w.list(t, w.newOrganization(t, newID()), Query{Limit: 10}); len(b.Entries) != 0 || b.NextAfter != 0 || b.HasMore {
		t.Errorf("List of an organization without events = %+v, want nothing", b)
	}
}

// TestFeed_List_body: what the feed shows is what was rendered, byte by byte.
func TestFeed_List_body(t *testing.T) {
	w := newWorld(t)
	id := newID()
	w.Outbox = NewOutbox(discard, w.clock.now, func() uuid.UUID { return id })
	w.tell(t, changed(w.newOrganization(t, organizationID), "Issued"))
	check(t, "entries", []Entry{{ID: id, Number: 1, Body: `{"event":"permit.status_changed","timestamp":"2026-01-23T12:00:00Z",` +
		`"organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"new_status":"Issued","permit_number":"BLD-26-0521670",` +
		`"permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_status":"Pending"}}`}}, w.list(t, organizationID, Query{Limit: 1}).Entries)
}

// answer is what List returned.
type answer struct {
	batch Batch
	err   error
}

// waiting starts a List that waits, and returns once it found nothing.
func (w *world) waiting(t *testing.T, ctx context.Context, q Query) <-chan answer {
	t.Helper()
	waits, answered := make(chan struct{}, 1), make(chan answer, 1)
	leave := func() {
		inflight.Leave(ctx)
		select {
		case waits <- struct{}{}:
		default:
		}
	}
	go func() {
		b, err := w.feed.List(inflight.With(ctx, leave), w.organization, q)
		answered <- answer{b, err}
	}()
	select {
	case <-waits:
	case a := <-answered:
		t.Fatalf("List(%+v) = %+v, %v; want it to wait", q, a.batch, a.err)
	}
	return answered
}

func TestFeed_List_waitsForNothing(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "1"))
	ctx := inflight.With(t.Context(), func() { t.Error("a request left that had no need to wait") })
	b, err := w.feed.List(ctx, w.organization, Query{Limit: 10, Wait: time.Hour})
	if err != nil || !cmp.Equal(numbers(b), []int64{1}) {
		t.Errorf("List = %v, %v; want 1 at once", numbers(b), err)
	}
	if b, err = w.feed.List(ctx, w.organization, Query{After: ptr(int64(1)), Limit: 10}); err != nil || len(b.Entries) != 0 {
		t.Errorf("List = %v, %v; want nothing at once", numbers(b), err)
	}
}

func TestFeed_List_woken(t *testing.T) {
	w := newWorld(t)
	w.listening(t)
	soonest := time.Hour
	for n := range int64(5) {
		answered := w.waiting(t, t.Context(), Query{After: &n, Limit: 10, Wait: time.Minute})
		w.tell(t, changed(w.other, "of another"))
		start := time.Now()
		w.tell(t, changed(w.organization, "Issued"))
		a := <-answered
		soonest = min(soonest, time.Since(start))
		if a.err != nil || !cmp.Equal(numbers(a.batch), []int64{n + 1}) || a.batch.NextAfter != n+1 {
			t.Errorf("List after %d = %+v, %v; want %d", n, a.batch, a.err, n+1)
		}
	}
	if soonest > lookEvery/2 {
		t.Errorf("after a commit it took at least %s, want it woken long before it looks by itself", soonest)
	}
}

// TestFeed_List_unheard: without a hub that runs, a reader that waits looks by itself.
func TestFeed_List_unheard(t *testing.T) {
	w := newWorld(t)
	answered := w.waiting(t, t.Context(), Query{Types: []string{Added}, Limit: 10, Wait: time.Minute})
	w.tell(t, changed(w.organization, "1"), NewAdded(t.Context(), permit(w.organization)))
	if a := <-answered; a.err != nil || !cmp.Equal(numbers(a.batch), []int64{2}) {
		t.Errorf("List = %+v, %v; want 2", a.batch, a.err)
	}
}

func TestFeed_List_waitEnds(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "1"))
	q := Query{Types: []string{Added}, Limit: 10, Wait: time.Minute}
	answered := w.waiting(t, t.Context(), q)
	w.clock.set(noon.Add(q.Wait))
	w.hub.wake(w.organization)
	if a := <-answered; a.err != nil || len(a.batch.Entries) != 0 || a.batch.NextAfter != 1 || a.batch.HasMore {
		t.Errorf("List = %+v, %v; want nothing, next after 1", a.batch, a.err)
	}
	w.feed.now = time.Now
	q.Wait = time.Millisecond
	if b := w.list(t, w.organization, q); len(b.Entries) != 0 || b.NextAfter != 1 {
		t.Errorf("List = %+v, want nothing, next after 1", b)
	}
	if len(w.hub.waiting) != 0 {
		t.Errorf("%d organizations wait still, want none", len(w.hub.waiting))
	}
}

func TestFeed_List_hubEnds(t *testing.T) {
	w := newWorld(t)
	end := w.listening(t)
	answered := w.waiting(t, t.Context(), Query{Limit: 10, Wait: time.Hour})
	end()
	if a := <-answered; a.err != nil || len(a.batch.Entries) != 0 || a.batch.NextAfter != 0 {
		t.Errorf("List = %+v, %v; want nothing", a.batch, a.err)
	}
}

func TestFeed_List_callerGoes(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	answered := w.waiting(t, ctx, Query{Limit: 10, Wait: time.Hour})
	cancel()
	if a := <-answered; !errors.Is(a.err, context.Canceled) {
		t.Errorf("List = %+v, %v; want %v", a.batch, a.err, context.Canceled)
	}
}

// TestFeed_List_leaves: who waits holds no place among the requests under way.
func TestFeed_List_leaves(t *testing.T) {
	w := newWorld(t)
	gate := inflight.NewGate(1)
	leave, err := gate.Enter(w.organization)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(inflight.With(t.Context(), leave))
	answered := w.waiting(t, ctx, Query{Limit: 10, Wait: time.Hour})
	if _, err := gate.Enter(w.organization); err != nil {
		t.Errorf("Enter = %v, want another request let in", err)
	}
	cancel()
	<-answered
	leave()
	if _, err := gate.Enter(w.organization); err == nil {
		t.Error("Enter = no error, want the other request to have its place still")
	}
}

func TestFeed_Prune(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "1"), changed(w.organization, "2"), changed(w.other, "1"))
	w.clock.set(noon.Add(time.Microsecond))
	w.tell(t, changed(w.organization, "3"))
	w.prune(t, 30*24*time.Hour)
	check(t, "events after 30 days", []string{"1 permit.status_changed 1", "2 permit.status_changed 2", "3 permit.status_changed 3"}, w.told(t, w.organization))
	w.prune(t, 30*24*time.Hour+time.Microsecond)
	check(t, "events a moment later", []string{"3 permit.status_changed 3"}, w.told(t, w.organization))
	check(t, "the other organization's", []string{}, w.told(t, w.other))
	for name, c := range map[string]struct {
		after *int64
		want  []int64
	}{
		"from the oldest": {nil, []int64{3}},
		"from the edge":   {ptr(int64(2)), []int64{3}},
		"from the newest": {ptr(int64(3)), []int64{}},
	} {
		b := w.list(t, w.organization, Query{After: c.after, Limit: 10})
		if !cmp.Equal(numbers(b), c.want) || b.NextAfter != 3 {
			t.Errorf("%s: List = %v, next after %d; want %v, 3", name, numbers(b), b.NextAfter, c.want)
		}
	}
	for _, after := range []int64{0, 1} {
		_, err := w.feed.List(t.Context(), w.organization, Query{After: &after, Limit: 10, Wait: time.Hour})
		var got *problem.Error
		if !errors.As(err, &got) {
			t.Fatalf("List after %d = %v, want a problem", after, err)
		}
		check(t, fmt.Sprintf("List after %d", after), &problem.Error{
			Kind: problem.Gone, Code: "cursor_expired", Message: "The events up to number 2 were deleted, as all are after 30 days. Read the permits as they are; then leave out the parameter after, to go on with the oldest event that is kept.",
			Details: []problem.Detail{{In: "query", Pointer: "after", Code: "cursor_expired", Message: "must be 2 or more"}},
		}, got)
	}
	w.tell(t, changed(w.organization, "4"), changed(w.other, "2"))
	check(t, "events after", []string{"3 permit.status_changed 3", "4 permit.status_changed 4"}, w.told(t, w.organization))
	check(t, "the other organization's", []string{"2 permit.status_changed 2"}, w.told(t, w.other))
}

// A reader whom a prune overtakes is told so, and passes over nothing in silence.
func TestFeed_List_whilePruned(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "1"), changed(w.organization, "2"))
	var read error
	var reading sync.WaitGroup
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "lock table events in access exclusive mode"); err != nil {
			return err
		}
		reading.Go(func() { _, read = w.feed.List(t.Context(), w.organization, Query{After: ptr(int64(0)), Limit: 10}) })
		w.awaitLock(t)
		_, err := prune(t.Context(), tx, noon.Add(time.Second))
		return err
	})
	reading.Wait()
	var p *problem.Error
	if err != nil || !errors.As(read, &p) || p.Code != "cursor_expired" {
		t.Errorf("prune: %v, List: %v; want cursor_expired", err, read)
	}
}

// prune prunes so long after noon.
func (w *world) prune(t *testing.T, after time.Duration) {
	t.Helper()
	w.clock.set(noon.Add(after))
	if err := w.feed.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestFeed_Prune_many(t *testing.T) {
	w := newWorld(t)
	many := make([]Event, 5001)
	for i := range many {
		many[i] = changed(w.organization, "Issued")
	}
	w.tell(t, many...)
	w.prune(t, 31*24*time.Hour)
	check(t, "counters", []string{"5001 5001"}, w.query(t, "select last || ' ' || pruned from event_counters"))
	check(t, "events", []string{"0"}, w.query(t, "select count(*)::text from events"))
}

// Counters are locked in the order in which writing events locks them, or a prune and a write could each wait for the other:
// also with the plan that Postgres makes for many organizations, which goes through the table as it lies.
func TestFeed_Prune_order(t *testing.T) {
	w := newWorld(t)
	first, second := newID(), newID() // in the order of their counters
	for _, o := range []uuid.UUID{second, first} {
		w.newOrganization(t, o)
		w.tell(t, changed(o, "1"))
	}
	var pruned error
	var pruning sync.WaitGroup
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "update event_counters set last = 2 where organization_id = $1", first); err != nil {
			return err
		}
		pruning.Go(func() {
			pruned = postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
				if _, err := tx.ExecContext(t.Context(), "set local enable_nestloop = off; set local enable_mergejoin = off"); err != nil {
					return err
				}
				_, err := prune(t.Context(), tx, noon.Add(time.Second))
				return err
			})
		})
		w.awaitLock(t)
		_, err := tx.ExecContext(t.Context(), "select from event_counters where organization_id = $1 for update nowait", second)
		return err
	})
	pruning.Wait()
	if err != nil || pruned != nil {
		t.Errorf("the second counter while a prune waits for the first: %v, and the prune: %v; want it free", err, pruned)
	}
	check(t, "counters", []string{"2 1", "1 1"}, w.query(t, "select last || ' ' || pruned from event_counters order by organization_id"))
}

// Two prunes at once share the events: neither waits for what the other deletes.
func TestFeed_Prune_two(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "1"), changed(w.other, "1"))
	w.clock.set(noon.Add(31 * 24 * time.Hour))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		_, err := tx.ExecContext(t.Context(), "delete from events where organization_id = $1", w.organization)
		if err == nil {
			err = w.feed.Prune(ctx)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	check(t, "the other organization's", []string{}, w.told(t, w.other))
}

// awaitLock waits until a statement waits for a lock.
func (w *world) awaitLock(t *testing.T) {
	t.Helper()
	const waiting = "select 'yes' from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
	for deadline := time.Now().Add(30 * time.Second); len(w.query(t, waiting)) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nothing ever waited for a lock")
		}
	}
}
