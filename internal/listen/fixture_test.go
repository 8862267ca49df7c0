package listen_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/listen"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/webhooks"
)

const patience = 30 * time.Second // with what is to happen soon

var (
	permitID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	discard  = slog.New(slog.DiscardHandler)
	loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
)

func now() time.Time { return time.Now().UTC() }

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is the API with an organization, and a receiver on the developer's machine.
type world struct {
	*receiver
	db           *postgres.DB
	api          *httptest.Server
	front        atomic.Pointer[http.HandlerFunc] // what answers instead of the API, if anything
	box          *secret.Box
	outbox       *events.Outbox
	organization uuid.UUID
	cursorFile   string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	sealing, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		receiver: newReceiver(t), db: pgtest.Open(t), box: secret.NewBox(sealing), outbox: events.NewOutbox(discard, now, newID),
		cursorFile: filepath.Join(t.TempDir(), "cursor.json"),
	}
	o := organizations.NewService(w.db, now, newID)
	if w.organization, err = o.Create(t.Context(), "Palmetto Builders", "starter"); err != nil {
		t.Fatal(err)
	}
	agreed := int32(1_000_000)
	if err := o.SetPlan(t.Context(), w.organization, "starter", &agreed); err != nil {
		t.Fatal(err)
	}
	handler := w.handler(t)
	w.api = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if front := w.front.Load(); front != nil {
			(*front)(rw, r)
			return
		}
		handler.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.api.Close)
	return w
}

// handler returns the API, with a worker that sends to webhooks.
func (w *world) handler(t *testing.T) http.Handler {
	t.Helper()
	hub := events.NewHub()
	handler, err := httpapi.New(httpapi.Options{
		DB: w.db, Log: discard, Metrics: httpapi.NewMetrics(w.db), PublicURL: "http://api.test", ValidateResponses: "enforce", Docs: http.NotFoundHandler(),
		Limits: httpapi.Limits{Organizations: ratelimit.NewMemory(time.Now), PerAddress: 1000, InFlight: 1000},
		Meter:  usage.NewMeter(w.db, apikeys.NewService(w.db, now, newID).Touch, now, newID()), Outbox: w.outbox, Hub: hub, Box: w.box,
		AllowNets: loopback, TestWait: patience, Now: now, NewID: newID,
	})
	if err != nil {
		t.Fatal(err)
	}
	client := outbound.NewClient(loopback, patience, nil, now)
	worker := deliveries.NewWorker(deliveries.Options{
		DB: w.db, Client: client, Webhooks: webhooks.NewService(w.db, w.box, loopback, now, newID), Notices: notifications.NewService(w.db, "http://api.test", now, newID),
		Schedule: []time.Duration{time.Hour}, AtOnce: 10, PerWebhook: 5, Lease: time.Minute,
		Log: discard, Now: now, NewID: newID,
	})
	var running sync.WaitGroup
	running.Go(func() { hub.Run(t.Context(), w.db, discard) })
	running.Go(func() { worker.Run(t.Context()) })
	t.Cleanup(func() { running.Wait(); client.Close() })
	return handler
}

func (w *world) key(t *testing.T, permissions ...identity.Permission) string {
	t.Helper()
	_, key, err := apikeys.NewService(w.db, now, newID).Create(t.Context(), apikeys.Key{OrganizationID: w.organization, Name: "test", Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// tell has permits change to these statuses, one after another.
func (w *world) tell(t *testing.T, statuses ...string) {
	t.Helper()
	for _, status := range statuses {
		w.append(t, events.NewStatusChanged(w.permit(), "Pending", status))
	}
}

func (w *world) permit() events.Permit {
	return events.Permit{OrganizationID: w.organization, UUID: permitID, Number: "BLD-26-0521670"}
}

func (w *world) append(t *testing.T, told ...events.Event) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		w.outbox.Append(tx, told...)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// call makes a request with a key that may do anything, and reads what it is answered with.
func (w *world) call(t *testing.T, method, path, body string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.api.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key(t, identity.Admin))
	r.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode > 299 {
		t.Fatalf("%s %s = %d %s, %v", method, path, response.StatusCode, text, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatal(err)
	}
}

// message is what a receiver got.
type message struct {
	header http.Header
	body   []byte
}

// status is the new status of the permit, by which a test tells events apart.
func (m message) status() string {
	var b struct {
		Data struct {
			NewStatus string `json:"new_status"`
		}
	}
	_ = json.Unmarshal(m.body, &b) // which then has none
	return b.Data.NewStatus
}

// receiver is a developer's server, which can be stopped and started.
type receiver struct {
	address string
	server  *httptest.Server
	answer  atomic.Int32 // the status
	got     chan message // what it got; it answers once somebody took it
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{address: "127.0.0.1:0", got: make(chan message)}
	r.answer.Store(http.StatusNoContent)
	r.start(t)
	t.Cleanup(func() { r.server.Close() })
	return r
}

func (r *receiver) start(t *testing.T) {
	t.Helper()
	listener, err := net.Listen("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	r.address = listener.Addr().String()
	r.server = &httptest.Server{Listener: listener, Config: &http.Server{Handler: r}}
	r.server.Start()
}

// ServeHTTP hands on what it gets.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body) // a test would see what is missing
	select {
	case r.got <- message{request.Header, body}:
	case <-request.Context().Done():
	}
	w.Header().Set("Location", "/elsewhere")
	w.WriteHeader(int(r.answer.Load()))
}

// next returns what it gets next.
func (r *receiver) next(t *testing.T) message {
	t.Helper()
	select {
	case m := <-r.got:
		return m
	case <-time.After(patience):
		t.Fatal("nothing came")
		return message{}
	}
}

// awaitStatuses fails the test unless these events come next.
func (r *receiver) awaitStatuses(t *testing.T, want ...string) {
	t.Helper()
	for _, status := range want {
		if got := r.next(t).status(); got != status {
			t.Fatalf("the receiver got %q, want %q of %q", got, status, want)
		}
	}
}

// run is a listener that runs.
type run struct {
	out, notes *screen
	waits      chan time.Duration // every wait, which ends when it is taken
	looks      chan time.Duration // the same of those between looks for tests and retries
	cancel     func()
	ended      chan error
}

// listen runs a listener with a key that may do anything, until the test ends.
func (w *world) listen(t *testing.T, change func(o *listen.Options)) *run {
	t.Helper()
	r := &run{out: newScreen(), notes: newScreen(), waits: make(chan time.Duration), looks: make(chan time.Duration), ended: make(chan error, 1)}
	o := listen.Options{
		BaseURL: w.api.URL, APIKey: w.key(t, identity.Admin, identity.Read), ForwardTo: "http://" + w.address + "/hook", CursorFile: w.cursorFile,
		Out: r.out, Notes: r.notes, Now: time.Now, Random: func() float64 { return 0.5 }, Sleep: r.sleep,
	}
	change(&o)
	l, err := listen.New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.ended <- l.Run(ctx)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return r
}

// resume runs one as usual, and returns when it forwards.
func (w *world) resume(t *testing.T) *run {
	t.Helper()
	r := w.listen(t, func(*listen.Options) {})
	r.notes.await(t, "Test events")
	return r
}

// sleep waits until the test takes the wait.
func (r *run) sleep(ctx context.Context, d time.Duration) error {
	to := r.waits
	if d == 3*time.Second {
		to = r.looks
	}
	select {
	case to <- d:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait takes a wait, and returns how long it would have been.
func (r *run) wait(t *testing.T) time.Duration {
	t.Helper()
	return r.take(t, r.waits)
}

// look has it look for tests and retries.
func (r *run) look(t *testing.T) {
	t.Helper()
	r.take(t, r.looks)
}

func (r *run) take(t *testing.T, from chan time.Duration) time.Duration {
	t.Helper()
	select {
	case d := <-from:
		return d
	case <-time.After(patience):
		t.Fatalf("it does not wait; it said:\n%s%s", r.notes, r.out)
		return 0
	}
}

// end ends it as Ctrl-C does.
func (r *run) end(t *testing.T) {
	t.Helper()
	r.cancel()
	if err := r.err(t); err != nil {
		t.Errorf("Run = %v, want nil", err)
	}
}

// err returns what it ended with.
func (r *run) err(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		return err
	case <-time.After(patience):
		t.Fatalf("it does not end; it said:\n%s%s", r.notes, r.out)
		return nil
	}
}

// screen is what is printed.
type screen struct {
	mu      sync.Mutex
	text    bytes.Buffer
	changed chan struct{}
}

func newScreen() *screen { return &screen{changed: make(chan struct{}, 1)} }

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default: // it is told already
	}
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// await returns when the text is there.
func (s *screen) await(t *testing.T, text string) {
	t.Helper()
	deadline := time.After(patience)
	for !strings.Contains(s.String(), text) {
		select {
		case <-s.changed:
		case <-deadline:
			t.Fatalf("it says\n%swant %q", s, text)
		}
	}
}

// count returns how often a text is there.
func (s *screen) count(text string) int { return strings.Count(s.String(), text) }
