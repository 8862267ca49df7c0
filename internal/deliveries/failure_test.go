package deliveries

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/signature"
)

// A retry is the same message: the same id and body, at another time.
func TestWorker_retries(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500, 200))
	w.webhook(t, organizationID, r.URL)
	w.run(t, Options{Schedule: []time.Duration{time.Millisecond}, AtOnce: 4, PerWebhook: 4, Lease: time.Minute})
	w.tell(t, changed(organizationID, "Issued"))
	w.await(t, "sent", func() bool { d, _ := w.only(t); return d.State == Succeeded })
	got := r.requests()
	if len(got) != 2 || got[0].body != got[1].body || got[0].header.Get(signature.HeaderID) != got[1].header.Get(signature.HeaderID) {
		t.Errorf("requests = %+v, want the same twice", got)
	}
	d, attempts := w.only(t)
	if d.Attempts != 2 || d.NextAttemptAt != nil || len(attempts) != 2 {
		t.Fatalf("delivery = %+v with attempts %+v, want two", d, attempts)
	}
	for i, want := range []int{500, 200} {
		if a := attempts[i]; a.Number != i+1 || a.Status == nil || *a.Status != want {
			t.Errorf("attempt %d = %+v, want number %d with status %d", i, a, i+1, want)
		}
	}
}

// A worker that nobody wakes looks for itself.
func TestWorker_retries_unwoken(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500, 500, 200))
	w.webhook(t, organizationID, r.URL)
	w.run(t, Options{Schedule: []time.Duration{200 * time.Millisecond, time.Millisecond}, AtOnce: 4, PerWebhook: 4, Lease: time.Minute})
	w.workers = nil // await wakes none
	w.tell(t, changed(organizationID, "Issued"))
	w.await(t, "sent", func() bool { d, _ := w.only(t); return d.State == Succeeded && d.Attempts == 3 })
}

func TestWorker_exhausts(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(503))
	w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "Issued"))
	k := w.worker(t, usual)
	for i, step := range []time.Duration{30 * time.Second, 150 * time.Second} {
		before := w.clock.now()
		send(t, k)
		send(t, k) // which is too soon
		after := w.clock.now()
		d, _ := w.only(t)
		if d.State != Pending || d.Attempts != i+1 || d.NextAttemptAt == nil || d.FinishedAt != nil {
			t.Fatalf("after attempt %d: %+v, want the next one in %s", i+1, d, step)
		}
		if next := *d.NextAttemptAt; next.Before(before.Add(step).Truncate(time.Microsecond)) || next.After(after.Add(step)) {
			t.Errorf("after attempt %d between %s and %s the next one is at %s, want it %s later", i+1, before, after, next, step)
		}
		w.advance(step)
	}
	send(t, k)
	w.advance(24 * time.Hour)
	send(t, k)
	d, attempts := w.only(t)
	if d.State != Exhausted || d.Attempts != 3 || d.NextAttemptAt != nil || d.FinishedAt == nil || len(attempts) != 3 || len(r.requests()) != 3 {
		t.Errorf("at last: %+v after %d attempts and %d requests, want it exhausted after 3", d, len(attempts), len(r.requests()))
	}
}

func TestWorker_noAnswer(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200))
	w.webhook(t, organizationID, r.URL)
	r.Close()
	w.tell(t, changed(organizationID, "Issued"))
	send(t, w.worker(t, usual))
	d, attempts := w.only(t)
	if d.State != Pending || len(attempts) != 1 {
		t.Fatalf("%+v with attempts %+v, want it pending after one", d, attempts)
	}
	if a := attempts[0]; a.Status != nil || a.Error != "connect" || a.Address != strings.TrimPrefix(r.URL, "http://") || string(a.ResponseHeaders) != "{}" {
		t.Errorf("attempt = %+v, want no answer but the error connect", a)
	}
}

func TestWorker_longAnswer(t *testing.T) {
	w := newWorld(t)
	r := receive(t, func(_ int, w http.ResponseWriter) { _, _ = w.Write([]byte(strings.Repeat("x", 64<<10+1))) })
	w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "Issued"))
	send(t, w.worker(t, usual))
	if d, attempts := w.only(t); d.State != Succeeded || len(attempts) != 1 || len(attempts[0].ResponseBody) != 65536 || !attempts[0].Truncated {
		t.Errorf("%+v with attempts %.200v, want 64 KiB of the answer", d, attempts)
	}
}

// Who answers that it is gone is left alone.
func TestWorker_gone(t *testing.T) {
	w := newWorld(t)
	other := receive(t, answering(200))
	r := receive(t, func(_ int, answer http.ResponseWriter) {
		w.tell(t, changed(organizationID, "2"))
		answer.WriteHeader(410)
	})
	hook := w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, usual)
	send(t, k)
	w.webhook(t, organizationID, other.URL)
	got, err := w.webhooks.Get(t.Context(), organizationID, hook)
	if err != nil {
		t.Fatal(err)
	}
	if got.State != "disabled" || got.DisabledReason == nil || *got.DisabledReason != "The endpoint answered 410 Gone." || got.Version != 2 {
		t.Errorf("webhook = %+v, want it disabled with the reason, at version 2", got)
	}
	send(t, k)
	w.tell(t, changed(organizationID, "3"))
	send(t, k)
	check(t, "deliveries", []string{"1 exhausted 1", "2 cancelled 0 the webhook was disabled", "3 succeeded 1"}, w.states(t))
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
	for _, d := range w.newest(t, organizationID) {
		if d.NextAttemptAt != nil || d.FinishedAt == nil {
			t.Errorf("%+v has another attempt, or no end", d)
		}
	}
}

func TestWorker_deletedWebhook(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500, 200))
	hook := w.webhook(t, organizationID, r.URL)
	k := w.worker(t, usual)
	w.tell(t, changed(organizationID, "1"))
	send(t, k)
	w.tell(t, changed(organizationID, "2"))
	if err := w.webhooks.Delete(t.Context(), organizationID, hook, nil); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Hour)
	send(t, k)
	check(t, "deliveries", []string{"1 cancelled 1 the webhook was deleted", "2 cancelled 0 the webhook was deleted"}, w.states(t))
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// What is under way while the webhook is deleted is logged still.
func TestWorker_deletedWebhook_underWay(t *testing.T) {
	for status, want := range map[int]string{200: "1 succeeded 1", 500: "1 cancelled 1 the webhook was deleted"} {
		w := newWorld(t)
		var hook uuid.UUID
		r := receive(t, func(_ int, answer http.ResponseWriter) {
			if err := w.webhooks.Delete(t.Context(), organizationID, hook, nil); err != nil {
				t.Error(err)
			}
			answer.WriteHeader(status)
		})
		hook = w.webhook(t, organizationID, r.URL)
		w.tell(t, changed(organizationID, "1"))
		k := w.worker(t, usual)
		send(t, k)
		send(t, k)
		check(t, "deliveries", []string{want}, w.states(t))
		if _, attempts := w.only(t); len(attempts) != 1 || attempts[0].Status == nil || *attempts[0].Status != status {
			t.Errorf("attempts = %+v, want one with %d", attempts, status)
		}
	}
}

func TestWorker_pausedWebhook(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500, 200))
	hook := w.webhook(t, organizationID, r.URL)
	k := w.worker(t, usual)
	w.tell(t, changed(organizationID, "1"))
	send(t, k)
	w.setState(t, hook, "paused")
	w.tell(t, changed(organizationID, "2"))
	w.advance(time.Hour)
	send(t, k)
	check(t, "paused", []string{"1 pending 1", "2 pending 0"}, w.states(t))
	w.setState(t, hook, "active")
	send(t, k)
	check(t, "resumed", []string{"1 succeeded 2", "2 succeeded 1"}, w.states(t))
	if n := len(r.requests()); n != 3 {
		t.Errorf("%d requests, want 3", n)
	}
}

// A webhook that is resumed is sent what waits for it at once: the worker here looks when it starts, and then only when it is
// woken.
func TestWorker_pausedWebhook_resumed(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	w.setState(t, hook, "paused")
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, usual)
	k.look = time.Hour
	w.workers = nil // await wakes none
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer func() { cancel(); running.Wait() }()
	lockClaims := func(meanwhile func()) {
		t.Helper()
		err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
			_, err := tx.ExecContext(t.Context(), lockClaimsSQL)
			meanwhile()
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	lockClaims(func() {
		running.Go(func() { k.Run(ctx) })
		<-k.wake // it listens, and would look once more
		w.await(t, "looking", func() bool {
			return len(w.query(t, "select 'yes' from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")) > 0
		})
	})
	lockClaims(func() {}) // by then it has found nothing
	check(t, "paused", []string{"1 pending 0"}, w.states(t))
	w.setState(t, hook, "active")
	w.await(t, "sent", func() bool { d, _ := w.only(t); return d.State == Succeeded })
}
