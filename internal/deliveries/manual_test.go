package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/signature"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// wake runs the hub, which tells who waits.
func (w *world) wake(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx, w.db, discard) })
	t.Cleanup(func() { cancel(); running.Wait() })
}

func TestService_Test(t *testing.T) {
	for _, c := range []struct {
		name, state string // of the webhook
		status      int
		want        string // the delivery's state
	}{
		{"taken", "active", 204, Succeeded},
		{"refused", "active", 500, Exhausted},
		{"gone", "active", 410, Exhausted},
		{"paused", "paused", 200, Succeeded},
	} {
		w := newWorld(t)
		w.wake(t)
		r := receive(t, answering(c.status))
		made, secret, err := w.webhooks.Create(t.Context(), organizationID, webhooks.Create{URL: r.URL, EventTypes: []string{events.Added}, Headers: map[string]string{"X-Token": "hush"}})
		if err != nil {
			t.Fatal(err)
		}
		w.setState(t, made.ID, c.state)
		w.run(t, usual)
		d, err := w.Test(t.Context(), organizationID, made.ID, events.StatusChanged)
		if err != nil || d.State != c.want || !d.Test || d.EventType != events.StatusChanged || d.RequestedAt == nil || d.FinishedAt == nil || len(d.Log) != 1 || *d.Log[0].Status != c.status {
			t.Fatalf("%s: Test = %+v, %v; want it %s after one attempt", c.name, d, err, c.want)
		}
		got := r.requests()
		if len(got) != 1 {
			t.Fatalf("%s: %d requests, want 1", c.name, len(got))
		}
		if err := signature.Verify([]signature.Secret{secret}, got[0].header, []byte(got[0].body), w.clock.now(), time.Minute); err != nil || got[0].header.Get("Plotwise-Test") != "true" {
			t.Errorf("%s: sent %v, Verify = %v; want it signed and marked", c.name, got[0].header, err)
		}
		const want = `{"event":"permit.status_changed","timestamp":"2026-01-23T12:00:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh",` +
			`"data":{"permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","permit_number":"BLD-26-0521670","previous_status":"Pending","new_status":"In Review"}}`
		check(t, c.name+": body", want, got[0].body)
		check(t, c.name+": body in the log", want, d.Body)
		if hook, err := w.webhooks.Get(t.Context(), organizationID, made.ID); err != nil || hook.State != c.state {
			t.Errorf("%s: the webhook is %q afterwards (%v), want %q", c.name, hook.State, err, c.state)
		}
		check(t, c.name+": numbers", []string{}, w.query(t, "select cast(number as text) from events where number is not null"))
	}
}

func TestService_Test_refused(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	for name, webhook := range map[string]uuid.UUID{"unknown": newID(), "another's": w.webhook(t, otherID, "http://127.0.0.1:1")} {
		_, err := w.Test(t.Context(), organizationID, webhook, events.StatusChanged)
		checkProblem(t, "Test of one "+name, err, errMissingWebhook)
	}
	w.exec(t, "update webhooks set state = 'disabled', disabled_reason = 'x' where id = $1", hook)
	_, err := w.Test(t.Context(), organizationID, hook, events.StatusChanged)
	checkProblem(t, "Test of a disabled one", err, errDisabled)
	check(t, "deliveries", []string{}, w.states(t))
	check(t, "events", []string{}, w.query(t, "select type from events"))
}

var errNoWorker = &problem.Error{
	Kind: problem.Unavailable, Code: "service_unavailable", Message: "No worker has sent the test event in time; try again in a few seconds.",
}

// Where nobody sends, the caller is told, and nobody sends it later.
func TestService_Test_noWorker(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200))
	hook := w.webhook(t, organizationID, r.URL)
	w.wait = 20 * time.Millisecond
	_, err := w.Test(t.Context(), organizationID, hook, events.StatusChanged)
	checkProblem(t, "Test", err, errNoWorker)
	send(t, w.worker(t, usual))
	check(t, "deliveries", []string{"In Review cancelled 0 no worker sent it in time"}, w.states(t))
	if n := len(r.requests()); n != 0 {
		t.Errorf("%d requests, want none", n)
	}
}

// A test that a worker took and died with is not sent later either, once the caller is told so.
func TestService_Test_deadWorker(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, "http://127.0.0.1:1")
	test, err := w.addTest(t.Context(), organizationID, hook, events.StatusChanged)
	if err != nil {
		t.Fatal(err)
	}
	if jobs, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil); err != nil || len(jobs) != 1 {
		t.Fatalf("claim = %+v, %v; want one", jobs, err)
	}
	checkProblem(t, "giveUp during the lease", w.giveUp(t.Context(), organizationID, test), errNoWorker)
	check(t, "during the lease", []string{"In Review pending 0"}, w.states(t))
	w.advance(time.Minute)
	checkProblem(t, "giveUp after the lease", w.giveUp(t.Context(), organizationID, test), errNoWorker)
	check(t, "after the lease", []string{"In Review cancelled 0 no worker sent it in time"}, w.states(t))
}

// A test waits neither for the webhook's other requests nor for the worker's.
func TestService_Test_busy(t *testing.T) {
	w := newWorld(t)
	w.wake(t)
	out := make(chan struct{})
	arrived := make(chan struct{}, 1)
	r := receive(t, func(n int, _ http.ResponseWriter) {
		if n == 0 {
			arrived <- struct{}{}
			<-out
		}
	})
	hook := w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "1"))
	defer w.run(t, Options{Schedule: usual.Schedule, AtOnce: 1, PerWebhook: 1, Lease: time.Minute})()
	defer close(out)
	arrivals(t, arrived, 1)
	if d, err := w.Test(t.Context(), organizationID, hook, events.StatusChanged); err != nil || d.State != Succeeded {
		t.Errorf("Test = %+v, %v; want it to succeed", d, err)
	}
}

func TestService_Recover(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500, 500, 500, 200))
	hook := w.webhook(t, organizationID, r.URL)
	other := w.webhook(t, organizationID, receive(t, answering(500)).URL)
	w.setState(t, other, "paused")
	k := w.worker(t, Options{Schedule: []time.Duration{time.Second}, AtOnce: 1, PerWebhook: 1, Lease: time.Minute})
	w.tell(t, changed(organizationID, "1"), changed(organizationID, "2"))
	for range 4 {
		send(t, k)
		w.advance(2 * time.Second)
	}
	w.exec(t, `update deliveries set state = 'exhausted', next_attempt_at = null, finished_at = $1, attempts = 6, tries = 6 where webhook_id = $2`, noon, hook)
	before := len(r.requests())
	got, err := w.Recover(t.Context(), organizationID, hook, noon.Add(time.Microsecond))
	if err != nil || got != (Recovery{}) {
		t.Errorf("Recover since later = %+v, %v; want nothing", got, err)
	}
	got, err = w.Recover(t.Context(), organizationID, hook, noon)
	if err != nil || got != (Recovery{Queued: 2}) {
		t.Errorf("Recover = %+v, %v; want 2 queued", got, err)
	}
	check(t, "paced", []string{"0", "50"}, w.query(t, `select cast(round(1000 * extract(epoch from next_attempt_at - min(next_attempt_at) over ())) as text)
		from deliveries where webhook_id = $1 order by next_attempt_at`, hook))
	w.advance(time.Second)
	for range 2 {
		send(t, k)
	}
	if n := len(r.requests()) - before; n != 2 {
		t.Errorf("%d requests, want 2", n)
	}
	check(t, "deliveries", []string{"1 pending 0", "1 succeeded 7", "2 pending 0", "2 succeeded 7"}, slices.Sorted(slices.Values(w.states(t))))
}

// A recovered delivery has its whole schedule again.
func TestService_Recover_schedule(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(500)).URL)
	k := w.worker(t, usual)
	w.tell(t, changed(organizationID, "1"))
	for range 3 {
		send(t, k)
		w.advance(time.Hour)
	}
	check(t, "exhausted", []string{"1 exhausted 3"}, w.states(t))
	if _, err := w.Recover(t.Context(), organizationID, hook, noon); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		send(t, k)
		w.advance(time.Hour)
	}
	check(t, "after two more", []string{"1 pending 5"}, w.states(t))
	send(t, k)
	check(t, "after three more", []string{"1 exhausted 6"}, w.states(t))
}

func TestService_Recover_atMost(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	for i := range 5 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	w.exec(t, "update deliveries set state = 'cancelled', reason = 'x', next_attempt_at = null, finished_at = $1", noon)
	var got Recovery
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) (err error) {
		got, err = recoverFailed(t.Context(), tx, organizationID, hook, noon, noon, 3)
		return err
	})
	if err != nil || got != (Recovery{Queued: 3, Remaining: 2}) {
		t.Errorf("recover at most 3 of 5 = %+v, %v; want 3, and 2 remaining", got, err)
	}
}

func TestService_Recover_refused(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	for name, webhook := range map[string]uuid.UUID{"unknown": newID(), "another's": w.webhook(t, otherID, "http://127.0.0.1:1")} {
		_, err := w.Recover(t.Context(), organizationID, webhook, noon)
		checkProblem(t, "Recover of one "+name, err, errMissingWebhook)
	}
	w.exec(t, "update webhooks set state = 'disabled', disabled_reason = 'x' where id = $1", hook)
	_, err := w.Recover(t.Context(), organizationID, hook, noon)
	checkProblem(t, "Recover of a disabled one", err, errDisabled)
}

// The command that an attempt comes with sends the same again, whatever is in it.
func TestAttemptToAPI_curl(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200))
	_, secret, err := w.webhooks.Create(t.Context(), organizationID, webhooks.Create{
		URL: r.URL + "/it's?a=$HOME&b=%60id%60&c[]=[1-3]", EventTypes: []string{events.StatusChanged}, Headers: map[string]string{"X-Token": "hush"},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.tell(t, changed(organizationID, `it's "$HOME" \ and `+"`id`\n"))
	send(t, w.worker(t, usual))
	_, attempts := w.only(t)
	shown, err := attemptToAPI(attempts[0])
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-c", "exec "+strings.Replace(shown.Curl, "[hidden]", "hush", 1)+" --silent --show-error --noproxy '*'").CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", shown.Curl, err, out)
	}
	got := r.requests()
	if len(got) != 2 {
		t.Fatalf("%d requests, want 2", len(got))
	}
	for _, name := range []string{"Accept", "Accept-Encoding"} { // curl's own
		got[1].header.Del(name)
	}
	check(t, "headers", got[0].header, got[1].header)
	check(t, "body", got[0].body, got[1].body)
	if err := signature.Verify([]signature.Secret{secret}, got[1].header, []byte(got[1].body), w.clock.now(), time.Minute); err != nil {
		t.Errorf("Verify = %v", err)
	}
	if signed := got[0].header.Get("Webhook-Id") + "." + got[0].header.Get("Webhook-Timestamp") + "." + got[0].body; signed != shown.SignedText || !json.Valid([]byte(got[0].body)) {
		t.Errorf("signed text = %q, want %q", shown.SignedText, signed)
	}
}
