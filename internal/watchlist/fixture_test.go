package watchlist

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

type tracked func(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, permits []uuid.UUID) error

// call is one call of the service's callback.
type call struct {
	Organization uuid.UUID
	Permits      []uuid.UUID
}

// world is a service on its own database with two jurisdictions and two organizations. Tampa has the permits
// and S-1, Naples has S-1.
type world struct {
	*Service
	db                  *postgres.DB
	organization, other uuid.UUID    // on the starter plan
	began               atomic.Int32 // how often the service said that it is about to track permits
	calls               []call
	tracked             tracked // instead of the one that notes the calls
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t)}
	w.Service = NewService(w.db, func(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (func([]uuid.UUID) error, error) {
		w.began.Add(1)
		return func(permits []uuid.UUID) error {
			if w.tracked != nil {
				return w.tracked(ctx, tx, organization, permits)
			}
			if len(permits) > 0 {
				w.calls = append(w.calls, call{organization, permits})
			}
			return nil
		}, nil
	}, events.NewOutbox(slog.New(slog.DiscardHandler), func() time.Time { return noon }, newID), func() time.Time { return noon })
	w.importNumbers(t, "tampa", "A-1", "A-2", "A-3", "A-4", "A-5", "S-1")
	w.importNumbers(t, "naples", "S-1")
	w.organization = w.newOrganization(t, "starter")
	w.other = w.newOrganization(t, "starter")
	return w
}

func (w *world) newOrganization(t *testing.T, plan string) uuid.UUID {
	t.Helper()
	id, err := organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", plan)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newPlan adds a plan with so many permit slots.
func (w *world) newPlan(t *testing.T, name string, slots int) {
	t.Helper()
	_, err := w.db.ExecContext(t.Context(), "insert into plans (name, requests_per_minute, permit_slots) values ($1, 1, $2)", name, slots)
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) importNumbers(t *testing.T, slug string, numbers ...string) {
	t.Helper()
	s, err := ingest.ParseSource(strings.NewReader("jurisdiction: {slug: "+slug+", name: City of "+slug+", region: FL}"), slug)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	b.WriteString("PermitNum,StatusCurrent,OriginalAddress1,OriginalCity,OriginalState,OriginalZip\n")
	for _, n := range numbers {
		fmt.Fprintf(&b, "%s,In Review,1 Palm Ave,,FL,33601\n", n)
	}
	files := []ingest.File{{Name: slug + ".csv", Reader: strings.NewReader(b.String())}}
	if _, err := ingest.NewImporter(w.db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(t.Context(), s, files, ingest.Progress{}); err != nil {
		t.Fatal(err)
	}
}

// permit returns the UUID of Tampa's permit of that number.
func (w *world) permit(t *testing.T, number string) uuid.UUID {
	t.Helper()
	return w.permitIn(t, "tampa", number)
}

func (w *world) permitIn(t *testing.T, slug, number string) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	err := w.db.GetContext(t.Context(), &id,
		"select uuid from permits p join jurisdictions j on j.id = p.jurisdiction_id where slug = $1 and permit_number = $2", slug, number)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) add(t *testing.T, c Create) Item {
	t.Helper()
	item, created, err := w.Add(t.Context(), w.organization, c)
	if err != nil || !created {
		t.Fatalf("Add(%+v) = created %t, %v; want it created", c, created, err)
	}
	return item
}

// numbers returns what is on an organization's watchlist, in order.
func (w *world) numbers(t *testing.T, organization uuid.UUID) []string {
	t.Helper()
	items, _, err := w.List(t.Context(), organization, Filter{}, page.Query{PerPage: ptr(int32(100))})
	if err != nil {
		t.Fatal(err)
	}
	return numbersOf(items)
}

func numbersOf(items []Item) []string {
	found := []string{}
	for _, i := range items {
		found = append(found, i.PermitNumber)
	}
	return found
}

// waitForLock returns once a transaction of the database waits for another one's lock.
func (w *world) waitForLock(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var waits bool
		err := w.db.GetContext(t.Context(), &waits,
			"select exists (select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')")
		if err != nil {
			t.Fatal(err)
		}
		if waits {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("nobody waited for a lock")
		}
	}
}

// checkProblem fails the test unless err is the problem.
func checkProblem(t *testing.T, what string, err error, want *problem.Error) {
	t.Helper()
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s = %v, want %v", what, err, want)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// ifMatch returns the If-Match that an item's version answers to.
func ifMatch(i Item) *string { return ptr(fmt.Sprintf("%q", fmt.Sprint(i.Version))) }

func codeOf(err error) string {
	var p *problem.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return p.Code
	}
	return err.Error()
}

func ptr[T any](v T) *T { return &v }
