package portal

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/webhooks"
)

const eventsPath = "/settings/developers/events"

var permitID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")

// tell writes events.
func (w *world) tell(t *testing.T, told ...events.Event) {
	t.Helper()
	outbox := events.NewOutbox(slog.New(slog.DiscardHandler), w.Now, newID)
	w.inTx(t, func(tx *postgres.Tx) error { outbox.Append(tx, told...); return nil })
}

func permit(organization uuid.UUID) events.Permit {
	return events.Permit{OrganizationID: organization, UUID: permitID, Number: "BLD-26-0521670"}
}

func (w *world) webhook(t *testing.T, url string) uuid.UUID {
	t.Helper()
	made, _, err := w.Webhooks.Create(t.Context(), w.palmetto, webhooks.Create{URL: url, EventTypes: []string{events.StatusChanged}})
	if err != nil {
		t.Fatal(err)
	}
	return made.ID
}

// newest returns the organization's newest event.
func (w *world) newest(t *testing.T, organization uuid.UUID) events.Stored {
	t.Helper()
	found, _, err := w.Events.Newest(t.Context(), organization, "", nil, 1)
	if err != nil || len(found) != 1 {
		t.Fatalf("Newest = %v, %v; want one", found, err)
	}
	return found[0]
}

func TestEventLog(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, member)
	b.get(t, eventsPath).has(t, 200, "No events yet")
	amount, fee := "477.00", events.Fee{Name: "Building Permit Fee"}
	fee.NewAmount = &amount
	p := permit(w.palmetto)
	w.tell(t, events.NewAdded(context.WithoutCancel(t.Context()), p), events.NewStatusChanged(p, "Pending", "In <b>Review</b>"), events.NewFeeChanged(p, fee),
		events.NewInspectionScheduled(p, events.Inspection{ID: "1", Type: "Footing", ScheduledDate: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)}),
		events.NewRemoved(t.Context(), p), events.NewStatusChanged(permit(w.liveOak), "Theirs", "Secret"))
	a := b.get(t, eventsPath)
	a.has(t, 200, "BLD-26-0521670", "Pending → In &lt;b&gt;Review&lt;/b&gt;", "Building Permit Fee: none → 477.00 USD", "Footing on 2026-02-03", "Tracked from now on", "Not tracked any more")
	a.lacks(t, "<b>", "Theirs", "Older events")
	if newest, oldest := strings.Index(a.Body, "removed_from_watchlist</code>"), strings.Index(a.Body, "added_to_watchlist</code>"); newest > oldest {
		t.Error("the oldest is first")
	}
	a = b.get(t, eventsPath+"?type=permit.fee_changed")
	a.has(t, 200, "Building Permit Fee", "<option selected>permit.fee_changed</option>")
	a.lacks(t, "Footing")
	b.get(t, eventsPath+"?type=permit.nothing").has(t, 200, "No such event in the last 30 days", "permit.nothing")
	b.get(t, eventsPath+"?before=x").has(t, 400, "must be the number of an event")
	b.get(t, eventsPath+"?before=1").has(t, 200, "No older events")
}

// The log is read to its end, every event once.
func TestEventLog_pages(t *testing.T) {
	w := newWorld(t)
	for i := range 60 {
		w.tell(t, events.NewStatusChanged(permit(w.palmetto), "Pending", fmt.Sprintf("Status-%d.", i)))
	}
	b, path, seen := w.as(t, owner), eventsPath+"?type=permit.status_changed", ""
	for range 3 {
		a := b.get(t, path)
		a.has(t, 200)
		seen += a.Body
		_, rest, _ := strings.Cut(a.Body, `href="/settings/developers/events?before=`)
		to, _, _ := strings.Cut(rest, `"`)
		path = eventsPath + "?before=" + strings.ReplaceAll(to, "&amp;", "&")
	}
	if path != eventsPath+"?before=" {
		t.Errorf("the third page leads on to %s, want that it is the last", path)
	}
	for i := range 60 {
		if n := strings.Count(seen, fmt.Sprintf("→ Status-%d.", i)); n != 1 {
			t.Errorf("event %d is shown %d times, want once", i, n)
		}
	}
}

func TestEvent(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, "https://hooks.example.com/T0/token")
	w.tell(t, events.NewStatusChanged(permit(w.palmetto), "Pending", "</code><script>alert(1)</script>"))
	e := w.newest(t, w.palmetto)
	path := eventsPath + "/" + id.Format(id.Event, e.ID)
	var delivery uuid.UUID
	if err := w.DB.GetContext(t.Context(), &delivery, "select id from deliveries"); err != nil {
		t.Fatal(err)
	}
	w.exec(t, `insert into attempts (organization_id, id, delivery_id, number, started_at, url, request_headers, status, response_headers, response_body, truncated, error, address,
			dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
		values ($1, $2, $3, 1, $4, 'https://hooks.example.com/T0/token', '{}', 503, '{}', '', false, '', '', 0, 0, 0, 0, 0)`, w.palmetto, newID(), delivery, w.now)
	w.exec(t, "update deliveries set attempts = 1")

	a := w.as(t, owner).get(t, path)
	a.has(t, 200, "permit.status_changed", id.Format(id.Event, e.ID), "BLD-26-0521670", permitID.String(),
		`<a href="/settings/developers/webhooks/`+id.Format(id.Webhook, hook)+`">https://hooks.example.com/T0/token</a>`,
		`<a href="/settings/developers/deliveries/`+id.Format(id.Delivery, delivery)+`">`, `<span class="tag pending">pending</span>`, `<span class="status s5">503</span>`,
		"{\n  &#34;event&#34;: &#34;permit.status_changed&#34;,\n", "    &#34;previous_status&#34;: &#34;Pending&#34;")
	a.lacks(t, "<script>alert")
	a = w.as(t, member).get(t, path)
	a.has(t, 200, ">https://hooks.example.com/…</a>")
	a.lacks(t, "token")
	for _, at := range []string{path, eventsPath + "/evt_00000000000000000000000000", eventsPath + "/nonsense"} {
		w.as(t, other).get(t, at).has(t, 404, "There is no such event.")
	}

	w.exec(t, "delete from webhooks")
	w.exec(t, "update deliveries set state = 'cancelled', reason = 'the webhook was deleted', next_attempt_at = null, finished_at = $1", w.now)
	w.now = w.now.Add(time.Minute)
	w.as(t, owner).get(t, path).has(t, 200, "A webhook that was deleted", "the webhook was deleted")
	w.tell(t, events.NewAdded(t.Context(), permit(w.palmetto)))
	w.as(t, owner).get(t, eventsPath+"/"+id.Format(id.Event, w.newest(t, w.palmetto).ID)).has(t, 200, "no webhook was subscribed to <code>permit.added_to_watchlist</code>")
}
