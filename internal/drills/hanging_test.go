package drills

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/signature"
)

const (
	hangingTimeout = 3 * time.Second
	steadyEvents   = 400 // of each of two organizations
	steadyEvery    = 20 * time.Millisecond
	promised       = 2 * time.Second // from the commit to the first attempt
)

// TestHangingReceiver shows that a receiver that hangs at every request until the sender gives up holds up no other one,
// neither of its own organization nor of another.
func TestHangingReceiver(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	settings := []string{"PLOTWISE_WEBHOOK_TIMEOUT=" + hangingTimeout.String(), "PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8"}
	api := serveAlone(t, "api", w.url, settings...)
	r := newHangingReceiver(t)
	var told []uuid.UUID
	for _, o := range []struct {
		name  string
		paths []string
	}{{"Palmetto Builders", []string{"/hang", "/a/1", "/a/2", "/a/3"}}, {"Other", []string{"/b/1", "/b/2"}}} {
		made := w.organization(t, o.name, unlimited)
		admin, _ := w.key(t, made, identity.Admin)
		for _, path := range o.paths {
			hook(t, api, admin, r.url+path, events.StatusChanged)
		}
		told = append(told, made)
	}
	work(t, "worker", w.url, settings...)

	committed := map[string]time.Time{}
	pace := time.NewTicker(steadyEvery)
	defer pace.Stop()
	for range steadyEvents {
		<-pace.C
		for _, o := range told {
			event := w.statusChanged(t, o)
			committed[id.Format(id.Event, event)] = time.Now()
		}
	}
	const arrivals = steadyEvents * (3 + 2) // but those that hang
	eventually(t, "every event came to every webhook that answers", func() bool { return r.count() >= arrivals })

	for _, path := range []string{"/a/1", "/a/2", "/a/3", "/b/1", "/b/2"} {
		var took []time.Duration
		for event, at := range r.first(path) {
			took = append(took, max(0, at.Sub(committed[event])))
		}
		slices.Sort(took)
		if len(took) != steadyEvents {
			t.Fatalf("%d events came to %s, want %d", len(took), path, steadyEvents)
		}
		p50, p99 := took[len(took)/2], took[len(took)*99/100]
		t.Logf("%s: from the commit to the first attempt p50 %s, p99 %s, at most %s", path, p50, p99, took[len(took)-1])
		if p99 >= promised {
			t.Errorf("%s: p99 from the commit to the first attempt is %s, want less than %s", path, p99, promised)
		}
	}
	hung, most := r.hung.Load(), r.most.Load()
	t.Logf("/hang: %d requests hung, %d at once at most", hung, most)
	if hung < 5 || most != 5 {
		t.Errorf("%d requests hung, %d at once at most; want 5 at once all the time, the limit of one webhook", hung, most)
	}
}

// statusChanged commits an event and returns its id.
func (w *world) statusChanged(t *testing.T, organization uuid.UUID) uuid.UUID {
	t.Helper()
	event := newID()
	outbox := events.NewOutbox(slog.New(slog.DiscardHandler), utcNow, func() uuid.UUID { return event })
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		outbox.Append(tx, events.NewStatusChanged(events.Permit{OrganizationID: organization, UUID: newID(), Number: "BLD-26-1"}, "Pending", "In Review"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return event
}

// hangingReceiver hangs at /hang and answers everywhere else at once.
type hangingReceiver struct {
	url             string
	hung, now, most atomic.Int64

	mu      sync.Mutex
	arrived map[string]map[string]time.Time // by path and event, the first time
	events  int
}

func newHangingReceiver(t *testing.T) *hangingReceiver {
	t.Helper()
	r := &hangingReceiver{arrived: map[string]map[string]time.Time{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

func (r *hangingReceiver) ServeHTTP(_ http.ResponseWriter, request *http.Request) {
	at := time.Now()
	_, _ = io.Copy(io.Discard, request.Body) // only then the server notices that the sender hangs up
	if request.URL.Path == "/hang" {
		r.hang(request)
		return
	}
	event := request.Header.Get(signature.HeaderID)
	r.mu.Lock()
	defer r.mu.Unlock()
	of := r.arrived[request.URL.Path]
	if of == nil {
		of = map[string]time.Time{}
		r.arrived[request.URL.Path] = of
	}
	if _, again := of[event]; !again {
		of[event] = at
		r.events++
	}
}

func (r *hangingReceiver) hang(request *http.Request) {
	r.hung.Add(1)
	for n := r.now.Add(1); ; {
		most := r.most.Load()
		if n <= most || r.most.CompareAndSwap(most, n) {
			break
		}
	}
	<-request.Context().Done()
	r.now.Add(-1)
}

func (r *hangingReceiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.events
}

func (r *hangingReceiver) first(path string) map[string]time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.arrived[path]
}
