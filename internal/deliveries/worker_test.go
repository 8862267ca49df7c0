package deliveries

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/signature"
	"github.com/plotwise/plotwise/internal/webhooks"
)

const body = `{"event":"permit.status_changed","timestamp":"2026-01-23T12:00:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"new_status":"Issued","permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_status":"Pending"}}`

// An event is sent as it is stored, signed and with the webhook's own headers, and all of it is logged but their values.
func TestWorker(t *testing.T) {
	w := newWorld(t)
	w.outbox = events.NewOutbox(discard, func() time.Time { return noon }, func() uuid.UUID { return uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e12") })
	r := receive(t, func(_ int, w http.ResponseWriter) {
		w.Header()["X-Two"] = []string{"a", "b"}
		w.Header()["Date"] = nil
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thank you\x00\xff")
	})
	made, secret, err := w.webhooks.Create(t.Context(), organizationID, webhooks.Create{
		URL: r.URL + "/hooks?from=plotwise", EventTypes: []string{events.StatusChanged}, Headers: map[string]string{"x-token": "hush"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.run(t, usual)
	w.tell(t, changed(organizationID, "Issued"))
	w.await(t, "sent", func() bool { d, _ := w.only(t); return d.State == Succeeded })
	got := r.requests()
	if len(got) != 1 {
		t.Fatalf("%d requests, want 1", len(got))
	}
	header := got[0].header
	if err := signature.Verify([]signature.Secret{secret}, header, []byte(got[0].body), noon, time.Minute); err != nil || got[0].body != body {
		t.Errorf("sent %v\n%s\nVerify = %v; want\n%s", header, got[0].body, err, body)
	}
	stamp, signed := header.Get(signature.HeaderTimestamp), header.Get(signature.HeaderSignature)
	check(t, "sent headers", http.Header{
		"Content-Length": {"264"}, "Content-Type": {"application/json"}, "User-Agent": {"Plotwise-Webhooks/1"},
		"Webhook-Id": {"evt_01k053rqg0fmgrykhbdwe9mzgj"}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signed}, "X-Token": {"hush"},
	}, header)

	d, attempts := w.only(t)
	check(t, "delivery", Delivery{
		ID: d.ID, WebhookID: made.ID, EventID: uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e12"), EventType: "permit.status_changed", State: "succeeded",
		Attempts: 1, CreatedAt: noon, FinishedAt: d.FinishedAt,
	}, utc(d))
	if len(attempts) != 1 {
		t.Fatalf("%d attempts, want 1", len(attempts))
	}
	a := attempts[0]
	var sent, answered map[string]string
	for text, into := range map[*[]byte]*map[string]string{&a.RequestHeaders: &sent, &a.ResponseHeaders: &answered} {
		if err := json.Unmarshal(*text, into); err != nil {
			t.Fatal(err)
		}
	}
	check(t, "logged request headers", map[string]string{
		"Content-Type": "application/json", "User-Agent": "Plotwise-Webhooks/1", "Webhook-Id": "evt_01k053rqg0fmgrykhbdwe9mzgj",
		"Webhook-Timestamp": stamp, "Webhook-Signature": signed, "X-Token": "[hidden]",
	}, sent)
	check(t, "logged response headers", map[string]string{"Content-Length": "11", "Content-Type": answered["Content-Type"], "X-Two": "a, b"}, answered)
	check(t, "attempt", Attempt{
		ID: a.ID, Number: 1, StartedAt: a.StartedAt, URL: r.URL + "/hooks?from=plotwise", RequestHeaders: a.RequestHeaders, RequestBody: body, Status: ptr(202), ResponseHeaders: a.ResponseHeaders,
		ResponseBody: "thank you\ufffd\ufffd", Address: strings.TrimPrefix(r.URL, "http://"), Connect: a.Connect, Wait: a.Wait, Total: a.Total,
	}, a)
	if a.Connect <= 0 || a.Wait <= 0 || a.Total < a.Connect+a.Wait || strconv.FormatInt(a.StartedAt.Unix(), 10) != stamp || d.FinishedAt.Before(a.StartedAt) {
		t.Errorf("started at %s (header: %s), ended at %s, connected in %v ms, waited %v ms, took %v ms", a.StartedAt, stamp, d.FinishedAt, a.Connect, a.Wait, a.Total)
	}
}

func utc(d Delivery) Delivery {
	d.CreatedAt = d.CreatedAt.UTC()
	return d
}

// A webhook gets the types that it asked for, of its own organization.
func TestWorker_onlyWhatWasAskedFor(t *testing.T) {
	w := newWorld(t)
	ours, theirs, added := receive(t, answering(200)), receive(t, answering(200)), receive(t, answering(200))
	w.webhook(t, organizationID, ours.URL)
	w.webhook(t, otherID, theirs.URL)
	if _, _, err := w.webhooks.Create(t.Context(), organizationID, webhooks.Create{URL: added.URL, EventTypes: []string{events.Added, events.Removed}}); err != nil {
		t.Fatal(err)
	}
	disabled := w.webhook(t, organizationID, ours.URL)
	w.exec(t, "update webhooks set state = 'disabled', disabled_reason = 'x' where id = $1", disabled)
	permit := events.Permit{OrganizationID: organizationID, UUID: permitID, Number: "BLD-26-0521670"}
	w.tell(t, changed(organizationID, "1"), changed(organizationID, "2"), events.NewAdded(t.Context(), permit), changed(otherID, "3"))
	send(t, w.worker(t, usual))
	for name, c := range map[string]struct {
		*receiver
		want int
	}{"ours": {ours, 2}, "theirs": {theirs, 1}, "added": {added, 1}} {
		if got := c.requests(); len(got) != c.want {
			t.Errorf("%s got %d requests, want %d: %+v", name, len(got), c.want, got)
		}
	}
	check(t, "deliveries", []string{"1 succeeded 1", "2 succeeded 1", "succeeded 1", "3 succeeded 1"}, w.states(t))
}

// While a secret is rotated, both of them sign.
func TestWorker_rotation(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200))
	made, before, err := w.webhooks.Create(t.Context(), organizationID, webhooks.Create{URL: r.URL, EventTypes: []string{events.StatusChanged}})
	if err != nil {
		t.Fatal(err)
	}
	_, after, err := w.webhooks.RotateSecret(t.Context(), organizationID, made.ID, "")
	if err != nil {
		t.Fatal(err)
	}
	k := w.worker(t, usual)
	for i, c := range []struct {
		later  time.Duration
		signed int
		old    error
	}{{0, 2, nil}, {23 * time.Hour, 2, nil}, {2 * time.Hour, 1, signature.ErrNoMatch}} {
		w.advance(c.later)
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
		send(t, k)
		got := r.requests()[i]
		if n := len(strings.Fields(got.header.Get(signature.HeaderSignature))); n != c.signed {
			t.Errorf("%d: %d signatures, want %d", i, n, c.signed)
		}
		if err := signature.Verify([]signature.Secret{after}, got.header, []byte(got.body), w.clock.now(), time.Minute); err != nil {
			t.Errorf("%d: Verify by the new secret = %v, want no error", i, err)
		}
		if err := signature.Verify([]signature.Secret{before}, got.header, []byte(got.body), w.clock.now(), time.Minute); !errors.Is(err, c.old) {
			t.Errorf("%d: Verify by the old secret = %v, want %v", i, err, c.old)
		}
	}
}
