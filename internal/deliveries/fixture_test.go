package deliveries

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/webhooks"
)

var (
	noon           = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
	permitID       = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	organizationID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
	otherID        = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e13")
	discard        = slog.New(slog.DiscardHandler)
	loopback       = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
)

// exampleTypes are the types that test events are made of.
var exampleTypes = []events.Type{{
	Name: events.StatusChanged,
	Example: []byte(`{"event": "permit.status_changed", "timestamp": "2020-01-01T00:00:00Z", "organization_id": "org_01k0n5v8e1f7tbqzr6m4c3x9wd",
		"data": {"permit_uuid": "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10", "permit_number": "BLD-26-0521670", "previous_status": "Pending", "new_status": "In Review"}}`),
}}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// clock goes on from noon, and further when it is told.
type clock struct {
	start time.Time
	ahead atomic.Int64
}

func (c *clock) now() time.Time          { return noon.Add(time.Since(c.start) + time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// world is a service on its own database, with two organizations, an outbox whose events are of noon, and workers.
type world struct {
	*Service
	*clock
	db       *postgres.DB
	webhooks *webhooks.Service
	outbox   *events.Outbox
	hub      *events.Hub
	workers  []*Worker
}

func newWorld(t *testing.T) *world {
	t.Helper()
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{db: pgtest.Open(t), clock: &clock{start: time.Now()}}
	w.webhooks = webhooks.NewService(w.db, secret.NewBox(key), loopback, w.clock.now, newID)
	w.outbox = events.NewOutbox(discard, func() time.Time { return noon }, newID)
	w.hub = events.NewHub()
	w.Service = NewService(w.db, w.outbox, w.hub, exampleTypes, time.Minute, w.clock.now)
	for _, id := range []uuid.UUID{organizationID, otherID} {
		if _, err := organizations.NewService(w.db, w.clock.now, func() uuid.UUID { return id }).Create(t.Context(), "Palmetto Builders", "starter"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// webhook adds one that is told of changes of status.
func (w *world) webhook(t *testing.T, organization uuid.UUID, url string) uuid.UUID {
	t.Helper()
	made, _, err := w.webhooks.Create(t.Context(), organization, webhooks.Create{URL: url, EventTypes: []string{events.StatusChanged}})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func (w *world) setState(t *testing.T, webhook uuid.UUID, state string) {
	t.Helper()
	if _, err := w.webhooks.Update(t.Context(), organizationID, webhook, nil, webhooks.Update{State: &state}); err != nil {
		t.Fatal(err)
	}
}

// changed is an event that can be told from others by its new status.
func changed(organization uuid.UUID, status string) events.Event {
	p := events.Permit{OrganizationID: organization, UUID: permitID, Number: "BLD-26-0521670"}
	return events.NewStatusChanged(p, "Pending", status)
}

// tell writes events in one transaction.
func (w *world) tell(t *testing.T, told ...events.Event) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.outbox.Append(tx, told...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// usual has two retries; all of a worker's requests may go to one webhook.
var usual = Options{Schedule: []time.Duration{30 * time.Second, 150 * time.Second}, AtOnce: 10, PerWebhook: 10, Lease: time.Minute}

// worker returns one whose requests end with the test.
func (w *world) worker(t *testing.T, o Options) *Worker {
	t.Helper()
	client := outbound.NewClient(loopback, 20*time.Second, nil, w.clock.now)
	notices := notifications.NewService(w.db, "https://api.example.com", w.clock.now, newID)
	o.DB, o.Client, o.Webhooks, o.Notices, o.Log = w.db, client, w.webhooks, notices, discard
	o.Now, o.NewID, o.Random = w.clock.now, newID, func() float64 { return 0.5 }
	k := NewWorker(o)
	w.workers = append(w.workers, k)
	t.Cleanup(func() { k.sending.Wait(); client.Close() })
	return k
}

// run runs a worker until the function that it returns is called or the test ends.
func (w *world) run(t *testing.T, o Options) (end func()) {
	t.Helper()
	k := w.worker(t, o)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { k.Run(ctx) })
	end = func() { cancel(); running.Wait() }
	t.Cleanup(end)
	return end
}

// begin has a worker take what there is room for, and begin to send it.
func begin(t *testing.T, k *Worker) {
	t.Helper()
	if err := cancel(t.Context(), k.db, k.now()); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end() // or the senders would wait for more
	if _, err := k.round(ctx); err != nil {
		t.Fatal(err)
	}
}

// send is a begin whose requests are waited for.
func send(t *testing.T, k *Worker) {
	t.Helper()
	begin(t, k)
	k.sending.Wait()
}

// await wakes the workers until something is so.
func (w *world) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !so(); {
		if time.Now().After(deadline) {
			t.Fatalf("never %s; the deliveries are %q", what, w.states(t))
		}
		for _, k := range w.workers {
			k.rouse()
		}
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

func (w *world) exec(t *testing.T, text string, args ...any) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), text, args...); err != nil {
		t.Fatal(err)
	}
}

// states lists the deliveries in the order of their events: the event's new status, the state, the attempts, the reason.
func (w *world) states(t *testing.T) []string {
	t.Helper()
	return w.query(t, `select concat_ws(' ', cast(e.body as jsonb) #>> '{data,new_status}', d.state, d.attempts, nullif(d.reason, ''))
		from deliveries d join events e on e.organization_id = d.organization_id and e.id = d.event_id order by d.organization_id, e.number, d.webhook_id`)
}

// newest returns an organization's deliveries, the newest first.
func (w *world) newest(t *testing.T, organization uuid.UUID) []Delivery {
	t.Helper()
	found, err := list(t.Context(), w.db, organization, Filter{}, pageOf(100))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// only returns the one delivery that there is, with its attempts.
func (w *world) only(t *testing.T) (Delivery, []Attempt) {
	t.Helper()
	found := w.newest(t, organizationID)
	if len(found) != 1 {
		t.Fatalf("there are %d deliveries, want 1", len(found))
	}
	d, err := w.Get(t.Context(), organizationID, found[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	return d.Delivery, d.Log
}

// request is what a receiver was sent.
type request struct {
	header http.Header
	body   string
}

// receiver notes what it is sent.
type receiver struct {
	*httptest.Server
	mu  sync.Mutex
	got []request
}

// receive starts a receiver that answers its nth request, counted from 0.
func receive(t *testing.T, answer func(n int, w http.ResponseWriter)) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, sent *http.Request) {
		body, err := io.ReadAll(sent.Body)
		if err != nil {
			t.Error(err)
		}
		r.mu.Lock()
		r.got = append(r.got, request{sent.Header.Clone(), string(body)})
		n := len(r.got) - 1
		r.mu.Unlock()
		answer(n, w)
	}))
	t.Cleanup(r.Close)
	return r
}

// answering gives one answer after the other, and the last one again and again.
func answering(statuses ...int) func(int, http.ResponseWriter) {
	return func(n int, w http.ResponseWriter) { w.WriteHeader(statuses[min(n, len(statuses)-1)]) }
}

func (r *receiver) requests() []request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]request{}, r.got...)
}

func check(t *testing.T, what string, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
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
	check(t, what, want, got)
}

func ptr[T any](v T) *T { return &v }
