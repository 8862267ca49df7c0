package events

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

func TestOutbox_Append(t *testing.T) {
	w := newWorld(t)
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.Append(tx)
		w.Append(tx, changed(w.organization, "1"), changed(w.other, "2"), changed(w.organization, "3"))
		w.Append(tx, NewAdded(t.Context(), permit(w.other)))
		err := postgres.InTx(postgres.WithTx(t.Context(), tx), w.db, func(tx *postgres.Tx) error {
			w.Append(tx, changed(w.organization, "4"))
			return nil
		})
		var written int
		if err := errors.Join(err, tx.GetContext(t.Context(), &written, "select count(*) from events")); err != nil {
			return err
		}
		if written != 0 {
			t.Errorf("before the commit %d events are written, want 0", written)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	w.tell(t, changed(w.organization, "5"))
	check(t, "events", []string{
		"1 permit.status_changed 1", "2 permit.status_changed 3", "3 permit.status_changed 4", "4 permit.status_changed 5",
	}, w.told(t, w.organization))
	check(t, "the other organization's events", []string{"1 permit.status_changed 2", "2 permit.added_to_watchlist"}, w.told(t, w.other))
	check(t, "what stands beside", []string{"t 32 2026-01-23 12:00:00 " + permitID.String()}, w.query(t,
		"select distinct concat_ws(' ', created_at = $1, length(schema_hash), created_at at time zone 'UTC', permit_uuid) from events", noon))
}

func TestOutbox_Append_rolledBack(t *testing.T) {
	w := newWorld(t)
	refused := errors.New("refused")
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.Append(tx, changed(w.organization, "1"))
		return refused
	})
	if !errors.Is(err, refused) {
		t.Errorf("InTx = %v, want %v", err, refused)
	}
	err = postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.Append(tx, changed(w.organization, "2"), Event{OrganizationID: w.organization, Type: "permit.painted"})
		return nil
	})
	if want := `there is no event type "permit.painted"`; err == nil || err.Error() != want {
		t.Errorf("InTx = %v, want %s", err, want)
	}
	w.tell(t, changed(w.organization, "3"))
	check(t, "events", []string{"1 permit.status_changed 3"}, w.told(t, w.organization))
}

func TestOutbox_Append_quarantine(t *testing.T) {
	w := newWorld(t)
	var log strings.Builder
	w.Outbox = NewOutbox(slog.New(slog.NewTextHandler(&log, nil)), w.clock.now, newID)
	long := permit(w.organization)
	long.Number = strings.Repeat("9", 101)
	w.tell(t, changed(w.organization, "1"), NewStatusChanged(long, "Pending", "2"), changed(w.organization, "3"))
	check(t, "events", []string{"1 permit.status_changed 1", "2 permit.status_changed 3"}, w.told(t, w.organization))
	check(t, "quarantined events", []string{"t permit.status_changed " + permitID.String() + " 2 2026-01-23 12:00:00"}, w.query(t,
		`select concat_ws(' ', organization_id = $1, type, permit_uuid, cast(body as jsonb) #>> '{data,new_status}', created_at at time zone 'UTC')
		from quarantined_events`, w.organization))
	reason := w.query(t, "select reason from quarantined_events")
	if len(reason) != 1 || !strings.Contains(reason[0], "/data/permit_number") || !strings.Contains(reason[0], "maxLength") {
		t.Errorf("reason = %q, want it to name /data/permit_number and maxLength", reason)
	}
	if !strings.Contains(log.String(), `level=ERROR msg="an event breaks its schema and is quarantined" type=permit.status_changed event_id=`) {
		t.Errorf("the log holds %q, want the quarantine", log.String())
	}
	b := w.list(t, w.organization, Query{Limit: 10})
	check(t, "numbers", []int64{1, 2}, numbers(b))
}

// TestOutbox_Append_otherOrder: transactions that tell the same organizations in another order do not block each other
// for good.
func TestOutbox_Append_otherOrder(t *testing.T) {
	w := newWorld(t)
	const each = 50
	var running sync.WaitGroup
	for _, order := range [][]uuid.UUID{{w.organization, w.other}, {w.other, w.organization}} {
		running.Go(func() {
			for range each {
				err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
					for _, o := range order {
						w.Append(tx, changed(o, "Issued"))
					}
					return nil
				})
				if err != nil {
					t.Errorf("InTx = %v", err)
				}
			}
		})
	}
	running.Wait()
	for _, o := range []uuid.UUID{w.organization, w.other} {
		if got := len(w.told(t, o)); got != 2*each {
			t.Errorf("%s has %d events, want %d", o, got, 2*each)
		}
	}
}

// storm is many transactions at once that tell several organizations, or take back what they told.
type storm struct {
	*world
	organizations []uuid.UUID
	committed     []atomic.Int64 // events by organization
	taken         atomic.Int64
}

var errTaken = errors.New("taken back")

// write runs so many transactions, one after the other; every fourth one or so is taken back.
func (s *storm) write(t *testing.T, seed uint64, transactions int) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	for n := range transactions {
		counts := make([]int64, len(s.organizations))
		err := postgres.InTx(t.Context(), s.db, func(tx *postgres.Tx) error {
			for _, i := range random.Perm(len(s.organizations))[:1+random.IntN(len(s.organizations))] {
				for range 1 + random.IntN(3) {
					s.Append(tx, NewStatusChanged(permit(s.organizations[i]), fmt.Sprintf("%d-%d", seed, n), fmt.Sprint(counts[i])))
					counts[i]++
				}
			}
			if random.IntN(4) == 0 {
				return errTaken
			}
			return nil
		})
		switch {
		case errors.Is(err, errTaken):
			s.taken.Add(1)
		case err != nil:
			t.Errorf("transaction %d-%d = %v", seed, n, err)
		default:
			for i, c := range counts {
				s.committed[i].Add(c)
			}
		}
	}
}

// step is what an event of the storm says: its transaction, and its place among those that the organization is told.
type step struct {
	Transaction string `json:"previous_status"`
	Place       int    `json:"new_status,string"`
}

// read polls until the writers are done and returns the steps that it saw; a gap in the numbers fails the test.
func (s *storm) read(t *testing.T, i int, done <-chan struct{}) []step {
	t.Helper()
	var seen []step
	after := int64(0)
	for last := false; ; {
		b, err := s.feed.List(t.Context(), s.organizations[i], Query{After: &after, Limit: 7})
		if err != nil {
			t.Errorf("List after %d = %v", after, err)
			return seen
		}
		for _, e := range b.Entries {
			if after++; e.Number != after {
				t.Errorf("organization %d: number %d, want %d", i, e.Number, after)
				return seen
			}
			var body struct{ Data step }
			if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
				t.Error(err)
			}
			seen = append(seen, body.Data)
		}
		if b.NextAfter != after {
			t.Errorf("organization %d: next_after = %d, want %d", i, b.NextAfter, after)
			return seen
		}
		if last && !b.HasMore {
			return seen
		}
		select {
		case <-done:
			last = true
		default:
		}
	}
}

// TestOutbox_Append_storm: numbers have no gaps, and who reads meanwhile sees each event once and in order.
func TestOutbox_Append_storm(t *testing.T) {
	s := &storm{world: newWorld(t)}
	s.organizations = []uuid.UUID{s.organization, s.other, s.newOrganization(t, newID()), s.newOrganization(t, newID())}
	s.committed = make([]atomic.Int64, len(s.organizations))
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	seen := make([][]step, len(s.organizations))
	for i := range s.organizations {
		readers.Go(func() { seen[i] = s.read(t, i, done) })
	}
	for seed := range uint64(6) {
		writers.Go(func() { s.write(t, seed, 40) })
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if s.taken.Load() == 0 {
		t.Error("no transaction was taken back")
	}
	for i := range s.organizations {
		want := int(s.committed[i].Load())
		distinct := map[step]bool{}
		for n, at := range seen[i] { // those of a transaction stand together, in their order
			distinct[at] = true
			if at.Place > 0 && seen[i][n-1] != (step{at.Transaction, at.Place - 1}) {
				t.Errorf("organization %d: %v stands after %v", i, at, seen[i][n-1])
			}
		}
		if len(seen[i]) != want || len(distinct) != want || want == 0 {
			t.Errorf("organization %d: saw %d events, %d of them distinct; want the %d committed", i, len(seen[i]), len(distinct), want)
		}
	}
}
