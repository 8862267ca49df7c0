package deliveries

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pressly/goose/v3"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/webhooks"
	"github.com/plotwise/plotwise/migrations"
)

func TestAuditor_statements(t *testing.T) { pgtest.Prepare(t, auditorStatements.All()) }

func (w *world) audit(t *testing.T, o AuditOptions) Audit {
	t.Helper()
	a, err := NewAuditor(w.db, w.clock.now).Audit(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// usualAudit is what the command asks for.
var usualAudit = AuditOptions{Overdue: 10 * time.Minute, Examples: 5}

// checkProven fails the test unless an audit found nothing and proved so much.
func (w *world) checkProven(t *testing.T, what string, want Audit) {
	t.Helper()
	got := w.audit(t, usualAudit)
	want.At = got.At
	check(t, what, want, got)
}

// counts are deliveries by their state.
func counts(pending, succeeded, exhausted, cancelled int64) map[string]int64 {
	return map[string]int64{"pending": pending, "succeeded": succeeded, "exhausted": exhausted, "cancelled": cancelled}
}

func TestAuditor_Audit(t *testing.T) {
	k := newKnown(t)
	k.checkProven(t, "before any damage", Audit{Organizations: 2, Events: 3, Webhooks: 4, Pairs: 11, Deliveries: counts(3, 3, 3, 2), Bodies: 3})
	a := k.audit(t, AuditOptions{Organization: ptr(otherID)})
	check(t, "the other organization", Audit{At: a.At, Organizations: 1, Deliveries: counts(0, 0, 0, 0)}, a)
	if !a.Clean(true) {
		t.Error("the other organization is not clean")
	}
}

func TestAuditor_Audit_quarantined(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, "https://example.com/hook")
	long := events.Permit{OrganizationID: organizationID, UUID: permitID, Number: strings.Repeat("9", 101)}
	w.tell(t, events.NewStatusChanged(long, "Pending", "Issued"), changed(organizationID, "1"))
	a := w.audit(t, usualAudit)
	if len(a.Findings) != 1 || len(a.Findings[0].Examples) != 1 || !a.Clean(false) || a.Clean(true) || a.Pairs != 1 || a.Events != 1 {
		t.Fatalf("Audit = %+v, want one warning beside one event", a)
	}
	f := a.Findings[0]
	id := w.query(t, "select cast(id as text) from quarantined_events")
	if f.Kind != "quarantined" || f.Count != 1 || f.Examples[0].EventID.String() != id[0] || !strings.Contains(f.Examples[0].Detail, "maxLength") {
		t.Errorf("finding = %+v, want the quarantined event %s with its reason", f, id[0])
	}
}

// The first examples are kept over all steps, and as many as were asked for.
func TestAuditor_Audit_examples(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, "https://example.com/hook")
	var told []events.Event
	for i := range stepEvents + 10 {
		told = append(told, changed(organizationID, fmt.Sprint(i)))
	}
	w.tell(t, told...)
	w.exec(t, "delete from deliveries d using events e where e.id = d.event_id and number in (7, 8, 5000, 5001)")
	var numbers, of []int64
	for limit, want := range map[int][]string{0: nil, 3: {"number 7", "number 8", "number 5000"}, 9: {"number 7", "number 8", "number 5000", "number 5001"}} {
		numbers, of = nil, nil
		a := w.audit(t, AuditOptions{Overdue: time.Hour, Examples: limit, Progress: func(n, total int64) { numbers, of = append(numbers, n), append(of, total) }})
		if len(a.Findings) != 1 || a.Findings[0].Count != 4 || a.Pairs != 5010 || a.Events != 5010 || a.Deliveries[Pending] != 5006 {
			t.Fatalf("Audit = %+v, want four of 5010 missing", a)
		}
		var got []string
		for _, e := range a.Findings[0].Examples {
			if e.WebhookID != hook {
				t.Errorf("example %+v is of another webhook than %s", e, hook)
			}
			got = append(got, e.Detail)
		}
		check(t, fmt.Sprintf("%d examples", limit), want, got)
	}
	check(t, "progress", [][]int64{{5000, 10}, {5010, 5010}}, [][]int64{numbers, of})
}

// Nothing is missing of what a webhook was subscribed to, and nothing more is there, however that changed.
func TestAuditor_Audit_changes(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(410, 200))
	w.tell(t, changed(organizationID, "before any webhook"))
	hook := w.webhook(t, organizationID, r.URL)
	other := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	k := w.worker(t, usual)
	p := events.Permit{OrganizationID: organizationID, UUID: permitID, Number: "BLD-26-0521670"}
	tell := func() {
		w.tell(t, changed(organizationID, "x"), events.NewAdded(t.Context(), p))
	}
	update := func(u webhooks.Update) {
		t.Helper()
		if _, err := w.webhooks.Update(t.Context(), organizationID, hook, nil, u); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range []struct {
		name   string
		change func()
		pairs  int64 // in all, after two more events
		told   int64 // so many deliveries to the webhook
	}{
		{"subscribed to one of two types", func() {}, 2, 1},
		{"to the other one", func() { update(webhooks.Update{EventTypes: []string{events.Added}}) }, 4, 2},
		{"to both", func() { update(webhooks.Update{EventTypes: []string{events.Added, events.StatusChanged}}) }, 7, 4},
		{"paused", func() { w.setState(t, hook, "paused") }, 10, 6},
		{"resumed", func() { w.setState(t, hook, "active") }, 13, 8},
		{"disabled by its answer", func() { send(t, k) }, 14, 8},
		{"still disabled", func() { update(webhooks.Update{EventTypes: []string{events.StatusChanged}}) }, 15, 8},
		{"enabled", func() { w.setState(t, hook, "active") }, 17, 9},
		{"deleted", func() {
			if err := w.webhooks.Delete(t.Context(), organizationID, hook, nil); err != nil {
				t.Fatal(err)
			}
		}, 18, 9},
	} {
		c.change()
		tell()
		a := w.audit(t, AuditOptions{Overdue: time.Hour, Examples: 5})
		if !a.Clean(true) || a.Pairs != c.pairs || a.Events != int64(2*i+3) || a.Webhooks != 2 {
			t.Errorf("%s: Audit = %+v, want it clean with %d pairs", c.name, a, c.pairs)
		}
		if n := len(w.query(t, "select 'one' from deliveries where webhook_id = $1", hook)); int64(n) != c.told {
			t.Errorf("%s: the webhook has %d deliveries, want %d", c.name, n, c.told)
		}
		if n := len(w.query(t, "select 'one' from deliveries where webhook_id = $1", other)); n != i+1 {
			t.Errorf("%s: the other webhook has %d deliveries, want %d", c.name, n, i+1)
		}
	}
	send(t, k)
	if a := w.audit(t, usualAudit); !a.Clean(true) || a.Deliveries[Cancelled] == 0 || a.Deliveries[Exhausted] == 0 || a.Deliveries[Succeeded] == 0 {
		t.Errorf("Audit = %+v, want it clean, with some in every state but pending", a)
	}
}

// What a late worker logged is no fault, nor is a retry by hand.
func TestAuditor_Audit_late(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, receive(t, answering(500, 200, 500)).URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, Options{AtOnce: 1, PerWebhook: 1, Lease: time.Minute})
	var jobs []job
	for range 3 {
		found, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil)
		if err != nil || len(found) != 1 {
			t.Fatalf("claim = %+v, %v; want one", found, err)
		}
		jobs = append(jobs, k.unseal(t.Context(), found)...)
		w.advance(time.Minute)
	}
	for _, c := range []struct {
		what  string
		do    func()
		state string
	}{
		{"the first is late, and fails", func() { k.work(t.Context(), jobs[0], func() {}) }, "1 pending 0"},
		{"the second is late, and succeeds", func() { k.work(t.Context(), jobs[1], func() {}) }, "1 pending 0"},
		{"the third fails", func() { k.work(t.Context(), jobs[2], func() {}) }, "1 exhausted 1"},
		{"it is retried", func() {
			d, _ := w.only(t)
			if _, err := w.Retry(t.Context(), organizationID, d.ID); err != nil {
				t.Fatal(err)
			}
		}, "1 pending 1"},
		{"it fails again", func() { send(t, k) }, "1 exhausted 2"},
	} {
		c.do()
		check(t, c.what, []string{c.state}, w.states(t))
		if a := w.audit(t, usualAudit); !a.Clean(true) {
			t.Errorf("%s: found %+v", c.what, a.Findings)
		}
	}
}

// Events that were deleted after their time are not missed.
func TestAuditor_Audit_pruned(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, "https://example.com/hook")
	w.tell(t, changed(organizationID, "1"), changed(organizationID, "2"))
	w.outbox = events.NewOutbox(discard, func() time.Time { return noon.AddDate(0, 0, 20) }, newID)
	w.tell(t, changed(organizationID, "3"))
	feed := events.NewFeed(w.db, events.NewHub(), func() time.Time { return noon.AddDate(0, 0, 31) })
	if err := feed.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.checkProven(t, "after the first two were pruned", Audit{Organizations: 2, Events: 1, Webhooks: 1, Pairs: 1, Deliveries: counts(1, 0, 0, 0), Bodies: 1})
}

// On a database from before the history of subscriptions, pairs are proven from the migration on.
func TestAuditor_Audit_migrated(t *testing.T) {
	url := pgtest.Empty(t)
	db, ctx := pgtest.OpenURL(t, url), t.Context()
	migrator, err := goose.NewProvider(goose.DialectPostgres, db.DB.DB, migrations.FS)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := migrator.UpTo(ctx, 10); err != nil {
		t.Fatal(err)
	}
	w := &world{db: db, clock: &clock{start: time.Now()}}
	for _, o := range []uuid.UUID{organizationID, otherID} {
		if _, err := organizations.NewService(db, w.clock.now, func() uuid.UUID { return o }).Create(ctx, "Palmetto Builders", "starter"); err != nil {
			t.Fatal(err)
		}
	}
	w.exec(t, "insert into event_counters (organization_id, last) values ($1, 2)", organizationID)
	for i, types := range []string{"{permit.status_changed}", "{permit.status_changed}", "{permit.added_to_watchlist}"} {
		w.exec(t, `insert into webhooks (organization_id, id, url, event_types, state, disabled_reason, sealed, created_at, updated_at)
			values ($1, $2, 'https://example.com', $3, $4, $5, '', now(), now())`, organizationID, newID(), types,
			[]string{"active", "disabled", "paused"}[i], []*string{nil, ptr("x"), nil}[i])
	}
	w.exec(t, `insert into webhooks (organization_id, id, url, event_types, sealed, created_at, updated_at)
		values ($1, $2, 'https://example.com', '{permit.fee_changed}', '', now(), now())`, otherID, newID())
	for i := range 2 {
		event := newID()
		w.exec(t, `insert into events (organization_id, id, number, type, permit_uuid, body, schema_hash, created_at)
			values ($1, $2, $3, 'permit.status_changed', $2, '{}', 'older', now())`, organizationID, event, i+1)
		w.exec(t, `insert into deliveries (organization_id, id, webhook_id, event_id, state, reason, created_at, finished_at)
			values ($1, $2, $2, $3, 'cancelled', 'the webhook was deleted', now(), now())`, organizationID, newID(), event)
	}
	if err := postgres.Migrate(ctx, db.DB.DB); err != nil {
		t.Fatal(err)
	}
	check(t, "spans", []string{"0 permit.fee_changed", "2 permit.added_to_watchlist", "2 permit.status_changed"}, w.query(t,
		"select after_number || ' ' || array_to_string(event_types, ',') from webhook_subscriptions where until_number is null order by 1"))
	w.checkProven(t, "after the migration", Audit{
		Organizations: 2, Events: 2, Webhooks: 3, Deliveries: counts(0, 0, 0, 2), Unrecorded: 2, OlderBodies: 2,
	})
	w.outbox = events.NewOutbox(discard, func() time.Time { return noon }, newID)
	w.tell(t, changed(organizationID, "3"), changed(otherID, "4"))
	w.checkProven(t, "after more events", Audit{
		Organizations: 2, Events: 4, Webhooks: 3, Pairs: 1, Deliveries: counts(1, 0, 0, 2), Unrecorded: 2, Bodies: 2, OlderBodies: 2,
	})
	w.exec(t, "delete from deliveries where state = 'pending'")
	if a := w.audit(t, usualAudit); len(a.Findings) != 1 || a.Findings[0].Kind != "missing" || a.Findings[0].Count != 1 {
		t.Errorf("found %+v, want one missing", a.Findings)
	}
}

func TestAuditor_Audit_cannot(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(organizationID, "1"))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := NewAuditor(w.db, w.clock.now).Audit(ctx, usualAudit); err == nil {
		t.Error("Audit without a database = no error, want one")
	}
	w.exec(t, "alter table attempts rename to gone")
	a, err := NewAuditor(w.db, w.clock.now).Audit(t.Context(), usualAudit)
	if err == nil || !strings.Contains(err.Error(), "audit the deliveries of organization "+organizationID.String()+" after event 0") {
		t.Errorf("Audit without attempts = %+v, %v; want to hear where it failed", a, err)
	}
}
