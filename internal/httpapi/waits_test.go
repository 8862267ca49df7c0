package httpapi_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// newTestingWorld is a world whose webhooks on this machine are sent to, once there is a worker.
func newTestingWorld(t *testing.T) *world {
	t.Helper()
	return newAllowingWorld(t, netip.MustParsePrefix("127.0.0.0/8"))
}

// newAllowingWorld is a newTestingWorld with these allowed networks and no others.
func newAllowingWorld(t *testing.T, networks ...netip.Prefix) *world {
	t.Helper()
	w := newWorldWith(t, func(w *world) { w.testWait, w.allowNets = time.Minute, networks })
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() { w.hub.Run(ctx, w.db, slog.New(slog.DiscardHandler)) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return w
}

// work runs a worker until the test ends.
func (w *world) work(t *testing.T) {
	t.Helper()
	w.workWith(t, outbound.NewClient(w.allowNets, time.Minute, nil, time.Now))
}

// workWith runs a worker that sends by the client, with those waits before retries.
func (w *world) workWith(t *testing.T, client *outbound.Client, schedule ...time.Duration) {
	t.Helper()
	worker := deliveries.NewWorker(deliveries.Options{
		DB: w.db, Client: client, Webhooks: webhooks.NewService(w.db, w.box, w.allowNets, nowUTC, newID), Notices: notifications.NewService(w.db, "http://api.test", nowUTC, newID),
		Schedule: schedule, AtOnce: 10, PerWebhook: 10, Lease: 2 * time.Minute,
		Log: slog.New(slog.DiscardHandler), Now: nowUTC, NewID: newID,
	})
	var running sync.WaitGroup
	ctx, cancel := context.WithCancel(t.Context())
	running.Go(func() { worker.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait(); client.Close() })
}

func (w *world) testWebhook(t *testing.T, webhook, key string) answer {
	t.Helper()
	header := map[string]string{"Content-Type": "application/json"}
	if key != "" {
		header["Idempotency-Key"] = key
	}
	return w.do(t, http.MethodPost, "/v1/webhooks/"+webhook+"/test", header, strings.NewReader(`{"event_type": "permit.fee_changed"}`))
}

func (w *world) rows(t *testing.T, query string) int {
	t.Helper()
	var n int
	if err := w.db.GetContext(t.Context(), &n, "select count(*) from "+query); err != nil {
		t.Fatal(err)
	}
	return n
}

// A test event that is asked for twice with one key is sent once, and the second answer is the first one.
func TestNew_waits(t *testing.T) {
	w := newTestingWorld(t)
	arrived, out := make(chan struct{}, 10), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		arrived <- struct{}{}
		<-out
		a.WriteHeader(http.StatusAccepted)
	}))
	defer receiver.Close()
	w.work(t)
	webhook := w.post(t, "/v1/webhooks", fmt.Sprintf(`{"url": %q, "event_types": ["permit.fee_changed"]}`, receiver.URL))["id"].(string)
	var first answer
	var asking sync.WaitGroup
	asking.Go(func() { first = w.testWebhook(t, webhook, "once") })
	<-arrived
	if a := w.testWebhook(t, webhook, "once"); a.status != http.StatusConflict || a.failure(t).Error.Code != "idempotency_key_in_use" {
		t.Errorf("the same key meanwhile = %d %s, want 409 idempotency_key_in_use", a.status, a.body)
	}
	const open = "pg_stat_activity where datname = current_database() and state = 'idle in transaction'"
	for end := time.Now().Add(10 * time.Second); w.rows(t, open) != 0; { // the worker's are over soon
		if time.Now().After(end) {
			t.Fatal("a transaction is open while the receiver takes its time")
		}
	}
	close(out)
	asking.Wait()
	if first.status != http.StatusOK || data(t, first)["state"] != "succeeded" || data(t, first)["test"] != true {
		t.Fatalf("the first = %d %s, want 200, succeeded", first.status, first.body)
	}
	again := w.testWebhook(t, webhook, "once")
	if again.status != http.StatusOK || string(again.body) != string(first.body) || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("again = %d %v %s, want %s, replayed", again.status, again.header, again.body, first.body)
	}
	if n := w.rows(t, "attempts"); n != 1 || len(arrived) != 0 {
		t.Errorf("%d attempts, want 1", n)
	}
	if n := w.rows(t, "audit_log where operation = 'testWebhook' and status = 200"); n != 1 {
		t.Errorf("%d entries in the audit log, want 1", n)
	}
	if a := w.testWebhook(t, webhook, ""); a.status != http.StatusOK || w.rows(t, "attempts") != 2 {
		t.Errorf("without a key = %d %s, want another attempt", a.status, a.body)
	}
}

// One that failed may be sent again with its key.
func TestNew_waits_inVain(t *testing.T) {
	w := newTestingWorld(t)
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	webhook := w.post(t, "/v1/webhooks", fmt.Sprintf(`{"url": %q, "event_types": ["permit.fee_changed"]}`, receiver.URL))["id"].(string)
	other := newWorld(t)
	unsent := other.post(t, "/v1/webhooks", `{"url": "https://example.com/hook", "event_types": ["permit.fee_changed"]}`)["id"].(string)
	a := other.testWebhook(t, unsent, "again")
	if a.status != http.StatusServiceUnavailable || a.failure(t).Error.Code != "service_unavailable" || a.header.Get("Retry-After") == "" {
		t.Errorf("without a worker = %d %v %s, want 503 with Retry-After", a.status, a.header, a.body)
	}
	if n := other.rows(t, "idempotency_keys"); n != 0 {
		t.Errorf("%d idempotency keys are kept, want none", n)
	}
	if a := w.testWebhook(t, "whk_01k0n5v8e6b7tbqzr6m4c3x9wd", "again"); a.status != http.StatusNotFound {
		t.Errorf("of an unknown webhook = %d %s, want 404", a.status, a.body)
	}
	w.work(t)
	if a := w.testWebhook(t, webhook, "again"); a.status != http.StatusOK {
		t.Errorf("the same key = %d %s, want 200", a.status, a.body)
	}
}
