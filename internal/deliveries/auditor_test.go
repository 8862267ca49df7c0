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

// known is a world to do damage to: three events and four webhooks. What was sent to good succeeded, to bad is exhausted, to
// paused is pending, and to deleted, which was there until the second event, is cancelled.
type known struct {
	*world
	named map[uuid.UUID]string // good, event 1, good 1 for its delivery to good
}

func newKnown(t *testing.T) *known {
	t.Helper()
	k := &known{newWorld(t), map[uuid.UUID]string{}}
	good, bad := receive(t, answering(200)), receive(t, answering(500))
	hooks := map[string]uuid.UUID{}
	for _, name := range []string{"good", "bad", "paused", "deleted"} {
		r := good
		if name == "bad" {
			r = bad
		}
		hooks[name] = k.webhook(t, organizationID, r.URL)
		k.named[hooks[name]] = name
	}
	k.setState(t, hooks["paused"], "paused")
	k.setState(t, hooks["deleted"], "paused")
	k.tell(t, changed(organizationID, "1"), changed(organizationID, "2"))
	if err := k.webhooks.Delete(t.Context(), organizationID, hooks["deleted"], nil); err != nil {
		t.Fatal(err)
	}
	k.tell(t, changed(organizationID, "3"))
	send(t, k.worker(t, Options{AtOnce: 10, PerWebhook: 10, Lease: time.Minute}))
	var rows []struct {
		ID      uuid.UUID
		Event   uuid.UUID
		Webhook uuid.UUID
		Number  int64
	}
	if err := k.db.SelectContext(t.Context(), &rows, `select d.id, event_id as event, webhook_id as webhook, number
		from deliveries d join events e on e.organization_id = d.organization_id and e.id = d.event_id`); err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		k.named[r.Event] = fmt.Sprintf("event %d", r.Number)
		k.named[r.ID] = fmt.Sprintf("%s %d", k.named[r.Webhook], r.Number)
	}
	return k
}

// findings lists what an audit found, with the names of what the examples are about.
func (k *known) findings(a Audit) []string {
	all := []string{}
	for _, f := range a.Findings {
		text := fmt.Sprintf("%s %d", f.Kind, f.Count)
		if f.Warning {
			text = "warning: " + text
		}
		for _, e := range f.Examples {
			parts := []string{}
			for _, id := range []uuid.UUID{e.EventID, e.WebhookID, e.DeliveryID} {
				switch name, known := k.named[id]; {
				case known:
					parts = append(parts, name)
				case id != uuid.Nil:
					parts = append(parts, id.String())
				}
			}
			if e.OrganizationID != organizationID {
				parts = append(parts, "of "+e.OrganizationID.String())
			}
			text += fmt.Sprintf(" [%s: %s]", strings.Join(parts, ", "), e.Detail)
		}
		all = append(all, text)
	}
	return all
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

// damages are statements that damage the known world, with what is found then. They name a webhook by its name in braces,
// and its delivery of an event by that and the number.
var damages = []struct {
	name, damage string
	want         []string
}{
	{"a delivery is lost", "delete from deliveries where id = {good 2}", []string{"missing 1 [event 2, good: number 2]"}},
	{"all deliveries are lost", "delete from deliveries", []string{"missing 11 " +
		"[event 1, good: number 1] [event 1, bad: number 1] [event 1, paused: number 1] [event 1, deleted: number 1] [event 2, good: number 2]"}},
	{"the event has another type", "update events set type = 'permit.fee_changed' where number = 3", []string{"surplus 3 " +
		"[event 3, good, good 3: number 3, succeeded] [event 3, bad, bad 3: number 3, exhausted] [event 3, paused, paused 3: number 3, pending]"}},
	{"a delivery to nobody", "update deliveries set webhook_id = organization_id where id = {paused 1}", []string{
		"missing 1 [event 1, paused: number 1]",
		"surplus 1 [event 1, 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11, paused 1: number 1, pending]",
	}},
	{"a delivery to what was deleted before", "update deliveries set event_id = (select id from events where number = 3) where id = {deleted 1}", []string{
		"missing 1 [event 1, deleted: number 1]", "surplus 1 [event 3, deleted, deleted 1: number 3, cancelled]",
	}},
	{"disabled without its history", "update webhooks set state = 'disabled', disabled_reason = 'x' where id = {good}",
		[]string{"subscription 1 [good: a span is open, of a webhook that is disabled or deleted]"}},
	{"deleted without its history", "delete from webhooks where id = {good}",
		[]string{"subscription 1 [good: a span is open, of a webhook that is disabled or deleted]"}},
	{"other types without its history", "update webhooks set event_types = '{permit.fee_changed,permit.status_changed}' where id = {good}",
		[]string{"subscription 1 [good: the open span has other event types]"}},
	{"the history is lost", "delete from webhook_subscriptions where webhook_id = {paused}", []string{
		"surplus 3 [event 1, paused, paused 1: number 1, pending] [event 2, paused, paused 2: number 2, pending] [event 3, paused, paused 3: number 3, pending]",
		"subscription 1 [paused: no span is open]",
	}},
	{"an event is lost", "delete from events where number = 2", []string{"gap 1 [: number 2]"}},
	{"the first and last events are lost", "delete from events where number <> 2", []string{"gap 2 [: number 1] [: number 3]"}},
	{"several events are lost", "delete from events where number < 3", []string{"gap 2 [: number 1 to 2]"}},
	{"the counter ran ahead", "update event_counters set last = 9000000000000", []string{"gap 8999999999997 [: number 4 to 9000000000000]"}},
	{"the counter went back", "update event_counters set last = 2", []string{"beyond 1 [event 3: number 3 of 2]"}},
	{"the counter is lost", "delete from event_counters", []string{"beyond 3 [event 1: number 1 of 0] [event 2: number 2 of 0] [event 3: number 3 of 0]"}},
	{"pruned too far", "update event_counters set pruned = 4", []string{"beyond 1 [: pruned up to number 4 of 3]"}},
	{"an attempt is lost", "delete from attempts where delivery_id = {good 2}", []string{
		"succeeded_without_2xx 1 [event 2, good, good 2: 1 attempts]", "attempts_miscounted 1 [event 2, good, good 2: 1 attempts, 0 of them logged]",
	}},
	{"a success was none", "update attempts set status = 300 where delivery_id = {good 1}", []string{"succeeded_without_2xx 1 [event 1, good, good 1: 1 attempts]"}},
	{"a success was cut off", "update attempts set error = 'reset' where delivery_id = {good 1}", []string{"succeeded_without_2xx 1 [event 1, good, good 1: 1 attempts]"}},
	{"a success without an answer", "update attempts set status = null where delivery_id = {good 1}", []string{"succeeded_without_2xx 1 [event 1, good, good 1: 1 attempts]"}},
	{"never tried", "update deliveries set state = 'exhausted', next_attempt_at = null, finished_at = created_at where id = {paused 3}",
		[]string{"exhausted_without_failure 1 [event 3, paused, paused 3: 0 attempts]"}},
	{"a failure was none", "update attempts set status = 204 where delivery_id = {bad 1}", []string{"exhausted_without_failure 1 [event 1, bad, bad 1: 1 attempts]"}},
	{"no reason", "update deliveries set reason = '' where id = {deleted 2}", []string{"cancelled_without_reason 1 [event 2, deleted, deleted 2: ]"}},
	{"an attempt too many is counted", "update deliveries set attempts = 1 where id = {paused 2}",
		[]string{"attempts_miscounted 1 [event 2, paused, paused 2: 1 attempts, 0 of them logged]"}},
	{"an attempt too few is counted", "update attempts set number = 3 where delivery_id = {bad 1}", []string{
		"exhausted_without_failure 1 [event 1, bad, bad 1: 1 attempts]", "attempts_miscounted 1 [event 1, bad, bad 1: 1 attempts, 0 of them logged]",
	}},
	{"an attempt of no number", "update attempts set number = 0 where delivery_id = {bad 1}", []string{
		"exhausted_without_failure 1 [event 1, bad, bad 1: 1 attempts]", "attempts_miscounted 1 [event 1, bad, bad 1: 1 attempts, 0 of them logged]",
	}},
}

// resolve puts the ids of the known world into a statement.
func (k *known) resolve(statement string) string {
	for id, name := range k.named {
		statement = strings.ReplaceAll(statement, "{"+name+"}", "'"+id.String()+"'")
	}
	return statement
}

func TestAuditor_Audit_damages(t *testing.T) {
	for _, c := range damages {
		k := newKnown(t)
		k.exec(t, k.resolve(c.damage))
		a := k.audit(t, usualAudit)
		check(t, c.name, c.want, k.findings(a))
		if a.Clean(false) || a.Clean(true) {
			t.Errorf("%s: it is clean", c.name)
		}
		if a := k.audit(t, AuditOptions{Organization: ptr(otherID)}); !a.Clean(true) {
			t.Errorf("%s: the other organization has %+v", c.name, a.Findings)
		}
	}
}

// Bodies are held against today's schemas, but those that were written under another one.
func TestAuditor_Audit_bodies(t *testing.T) {
	k := newKnown(t)
	k.exec(t, "update events set body = replace(body, 'new_status', 'other_status') where number <> 2")
	k.exec(t, "update events set schema_hash = 'x' where number = 3")
	a := k.audit(t, usualAudit)
	if len(a.Findings) != 1 || len(a.Findings[0].Examples) != 1 || a.Bodies != 2 || a.OlderBodies != 1 || a.Clean(false) {
		t.Fatalf("Audit = %+v, want one finding, two bodies and an older one", a)
	}
	detail := &a.Findings[0].Examples[0].Detail
	if !strings.Contains(*detail, "new_status") {
		t.Errorf("detail = %q, want what is wrong", *detail)
	}
	*detail = "x"
	check(t, "findings", []string{"invalid_body 1 [event 1: x]"}, k.findings(a))
}

// Deliveries that are due for long are a warning: but not what a paused webhook collects, nor what a worker has.
func TestAuditor_Audit_overdue(t *testing.T) {
	k := newKnown(t)
	k.exec(t, k.resolve("update webhooks set state = 'active' where id = {paused}"))
	k.advance(10 * time.Minute)
	soon, late := k.clock.now().Add(-9*time.Minute), k.clock.now().Add(-11*time.Minute)
	k.exec(t, k.resolve("update deliveries set next_attempt_at = $1 where id in ({paused 1}, {paused 3})"), late)
	k.exec(t, k.resolve("update deliveries set next_attempt_at = $1 where id = {paused 2}"), soon)
	k.exec(t, k.resolve("update deliveries set leased_until = $1 where id = {paused 3}"), k.clock.now().Add(time.Minute))
	want := []string{"warning: overdue 1 [event 1, paused, paused 1: since " + late.UTC().Format("2006-01-02T15:04:05Z") + "]"}
	a := k.audit(t, usualAudit)
	check(t, "one of them is overdue", want, k.findings(a))
	if !a.Clean(false) || a.Clean(true) {
		t.Errorf("Clean = %t, and %t when it is strict; want true, false", a.Clean(false), a.Clean(true))
	}
	for overdue, want := range map[time.Duration]int64{8 * time.Minute: 2, 12 * time.Minute: 0} {
		var n int64
		for _, f := range k.audit(t, AuditOptions{Overdue: overdue}).Findings {
			n += f.Count
		}
		if n != want {
			t.Errorf("%d are overdue after %s, want %d", n, overdue, want)
		}
	}
	k.advance(2 * time.Minute) // the lease is over
	for _, c := range []struct {
		name, change string
		want         int
	}{
		{"nobody has them any more", "select 1", 1},
		{"paused", "update webhooks set state = 'paused' where id = {paused}", 0},
		{"deleted, and no worker cancels them", "delete from webhooks where id = {paused}", 1},
	} {
		k.exec(t, k.resolve(c.change))
		var got []Finding
		for _, f := range k.audit(t, usualAudit).Findings {
			if f.Kind == "overdue" {
				got = append(got, f)
			}
		}
		if len(got) != c.want || len(got) > 0 && got[0].Count != 3 {
			t.Errorf("%s: %+v, want %d finding of all three", c.name, got, c.want)
		}
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
		found, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10)
		if err != nil || len(found) != 1 {
			t.Fatalf("claim = %+v, %v; want one", found, err)
		}
		jobs = append(jobs, found...)
		w.advance(time.Minute)
	}
	for _, c := range []struct {
		what  string
		do    func()
		state string
	}{
		{"the first is late, and fails", func() { k.work(t.Context(), jobs[0]) }, "1 pending 0"},
		{"the second is late, and succeeds", func() { k.work(t.Context(), jobs[1]) }, "1 pending 0"},
		{"the third fails", func() { k.work(t.Context(), jobs[2]) }, "1 exhausted 1"},
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
