package deliveries

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

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
	{
		"disabled without its history", "update webhooks set state = 'disabled', disabled_reason = 'x' where id = {good}",
		[]string{"subscription 1 [good: a span is open, of a webhook that is disabled or deleted]"},
	},
	{
		"deleted without its history", "delete from webhooks where id = {good}",
		[]string{"subscription 1 [good: a span is open, of a webhook that is disabled or deleted]"},
	},
	{
		"other types without its history", "update webhooks set event_types = '{permit.fee_changed,permit.status_changed}' where id = {good}",
		[]string{"subscription 1 [good: the open span has other event types]"},
	},
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
	{
		"never tried", "update deliveries set state = 'exhausted', next_attempt_at = null, finished_at = created_at where id = {paused 3}",
		[]string{"exhausted_without_failure 1 [event 3, paused, paused 3: 0 attempts]"},
	},
	{"a failure was none", "update attempts set status = 204 where delivery_id = {bad 1}", []string{"exhausted_without_failure 1 [event 1, bad, bad 1: 1 attempts]"}},
	{"no reason", "update deliveries set reason = '' where id = {deleted 2}", []string{"cancelled_without_reason 1 [event 2, deleted, deleted 2: ]"}},
	{
		"an attempt too many is counted", "update deliveries set attempts = 1 where id = {paused 2}",
		[]string{"attempts_miscounted 1 [event 2, paused, paused 2: 1 attempts, 0 of them logged]"},
	},
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
	k.exec(t, k.resolve("insert into leases (organization_id, delivery_id, webhook_id, until) select organization_id, id, webhook_id, $1 from deliveries where id = {paused 3}"), k.clock.now().Add(time.Minute))
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
