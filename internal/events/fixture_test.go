package events

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

var (
	noon     = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
	permitID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	discard  = slog.New(slog.DiscardHandler)
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// clock stands still until it is moved.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = at
}

// world is an outbox and a feed on their own database, with two organizations.
type world struct {
	*Outbox
	feed                *Feed
	hub                 *Hub
	db                  *postgres.DB
	clock               *clock // it is noon
	organization, other uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), clock: &clock{at: noon}, hub: NewHub()}
	w.Outbox = NewOutbox(discard, w.clock.now, newID)
	w.feed = NewFeed(w.db, w.hub, w.clock.now)
	w.organization, w.other = w.newOrganization(t, newID()), w.newOrganization(t, newID())
	return w
}

func (w *world) newOrganization(t *testing.T, id uuid.UUID) uuid.UUID {
	t.Helper()
	created, err := organizations.NewService(w.db, w.clock.now, func() uuid.UUID { return id }).Create(t.Context(), "Palmetto Builders", "starter")
	if err != nil {
		t.Fatal(err)
	}
	return created
}

// permit is what the organization is told of.
func permit(organization uuid.UUID) Permit {
	return Permit{OrganizationID: organization, UUID: permitID, Number: "BLD-26-0521670"}
}

// changed is an event that can be told from others by its new status.
func changed(organization uuid.UUID, status string) Event {
	return NewStatusChanged(permit(organization), "Pending", status)
}

// tell writes events in one transaction.
func (w *world) tell(t *testing.T, events ...Event) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.Append(tx, events...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// query returns one column of text.
func (w *world) query(t *testing.T, text string, args ...any) []string {
	t.Helper()
	found := []string{}
	if err := w.db.SelectContext(t.Context(), &found, text, args...); err != nil {
		t.Fatal(err)
	}
	return found
}

// told lists an organization's events.
func (w *world) told(t *testing.T, organization uuid.UUID) []string {
	t.Helper()
	return w.query(t, `select concat_ws(' ', number, type, cast(body as jsonb) #>> '{data,new_status}') from events
		where organization_id = $1 order by number`, organization)
}

func (w *world) list(t *testing.T, organization uuid.UUID, q Query) Batch {
	t.Helper()
	b, err := w.feed.List(t.Context(), organization, q)
	if err != nil {
		t.Fatalf("List(%+v) = %v", q, err)
	}
	return b
}

func numbers(b Batch) []int64 {
	found := []int64{}
	for _, e := range b.Entries {
		found = append(found, e.Number)
	}
	return found
}

// listening runs the hub until the function that it returns is called or the test ends; the hub listens already.
func (w *world) listening(t *testing.T) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx, w.db, discard) })
	end = func() { cancel(); running.Wait() }
	t.Cleanup(end)
	const listens = "select 'yes' from pg_stat_activity where datname = current_database() and query like 'LISTEN %' and state = 'idle'"
	for deadline := time.Now().Add(30 * time.Second); len(w.query(t, listens)) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("the hub never listened")
		}
	}
	return end
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func ptr[T any](v T) *T { return &v }
