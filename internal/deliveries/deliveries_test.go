package deliveries

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/webhooks"
)

var (
	errMissing        = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such delivery."}
	errMissingWebhook = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such webhook."}
	errDisabled       = &problem.Error{
		Kind: problem.Conflict, Code: "webhook_not_active",
		Message: "The webhook is deleted or disabled; nothing is sent to it.",
	}
)

func ids(found []Delivery) []uuid.UUID {
	all := []uuid.UUID{}
	for _, d := range found {
		all = append(all, d.ID)
	}
	return all
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200, 500))
	hook := w.webhook(t, organizationID, r.URL)
	w.webhook(t, otherID, r.URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, usual)
	send(t, k)
	w.tell(t, changed(organizationID, "2"))
	send(t, k)
	second := w.webhook(t, organizationID, r.URL)
	w.setState(t, second, "paused")
	w.tell(t, changed(organizationID, "3"), changed(otherID, "4"))
	for _, c := range []struct {
		name         string
		organization uuid.UUID
		filter       Filter
		want         []string // event types are all one; the webhook, the state and the attempts
	}{
		{"all", organizationID, Filter{}, []string{"first pending 0", "first pending 1", "first succeeded 1", "second pending 0"}},
		{"of a webhook", organizationID, Filter{WebhookID: &second}, []string{"second pending 0"}},
		{"in a state", organizationID, Filter{State: Pending}, []string{"first pending 0", "first pending 1", "second pending 0"}},
		{"of a webhook in a state", organizationID, Filter{WebhookID: &hook, State: Succeeded}, []string{"first succeeded 1"}},
		{"in a state that none is in", organizationID, Filter{State: Cancelled}, []string{}},
		{"of the other organization", otherID, Filter{}, []string{"theirs pending 0"}},
	} {
		found, meta, err := w.List(t.Context(), c.organization, c.filter, page.Query{})
		if err != nil || meta.Total != len(c.want) {
			t.Errorf("%s: List = %d in total, %v; want %d", c.name, meta.Total, err, len(c.want))
		}
		names, got := map[uuid.UUID]string{hook: "first", second: "second"}, []string{}
		for _, d := range found {
			name, ours := names[d.WebhookID]
			if !ours {
				name = "theirs"
			}
			got = append(got, fmt.Sprintf("%s %s %d", name, d.State, d.Attempts))
			if d.EventType != "permit.status_changed" {
				t.Errorf("%s: %+v has another type", c.name, d)
			}
		}
		slices.Sort(got)
		check(t, c.name, c.want, got)
	}
	for name, id := range map[string]uuid.UUID{"another's": hook, "unknown": newID()} {
		_, _, err := w.List(t.Context(), otherID, Filter{WebhookID: &id}, page.Query{})
		checkProblem(t, "List of a webhook "+name, err, errMissingWebhook)
	}
}

func TestService_List_pages(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	for i := range 5 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	want := ids(w.newest(t, organizationID))
	q, got := page.Query{PerPage: ptr(int32(2))}, []uuid.UUID{}
	for {
		filter := Filter{WebhookID: ptr(hook)} // another pointer each time
		found, meta, err := w.List(t.Context(), organizationID, filter, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, ids(found)...)
		if q.Cursor == nil && meta.Total != 5 {
			t.Errorf("total = %d, want 5", meta.Total)
		}
		if meta.NextCursor == "" {
			break
		}
		q.Cursor = &meta.NextCursor
		w.tell(t, changed(organizationID, "meanwhile"))
	}
	if !slices.Equal(got, want) || len(want) != 5 {
		t.Errorf("the walk = %v, want %v", got, want)
	}
	if q.Cursor == nil {
		t.Fatal("there was no cursor")
	}
	if _, _, err := w.List(t.Context(), organizationID, Filter{}, q); err == nil {
		t.Error("a cursor of one webhook's list was taken for the list of all")
	}
}

func TestService_Get_otherOrganization(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, receive(t, answering(200)).URL)
	w.tell(t, changed(organizationID, "1"))
	d, attempts := w.only(t)
	if len(attempts) != 0 {
		t.Errorf("attempts = %+v, want none yet", attempts)
	}
	for name, id := range map[string]uuid.UUID{"another's": d.ID, "unknown": newID()} {
		_, err := w.Get(t.Context(), otherID, id)
		checkProblem(t, "Get of one "+name, err, errMissing)
		_, err = w.Retry(t.Context(), otherID, id)
		checkProblem(t, "Retry of one "+name, err, errMissing)
	}
	check(t, "deliveries", []string{"1 pending 0"}, w.states(t))
}

// A delivery and its attempts are of the same moment, also when an attempt is recorded between the one and the other.
func TestService_Get_whileRecorded(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, receive(t, answering(200)).URL)
	w.tell(t, changed(organizationID, "1"))
	jobs, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("claim = %+v, %v; want one", jobs, err)
	}
	ended := w.clock.now()
	done := &finished{job: jobs[0], outcome: outcome{state: Succeeded, endedAt: &ended}, attempt: Attempt{
		ID: newID(), Number: 1, StartedAt: noon, RequestHeaders: []byte("{}"), ResponseHeaders: []byte("{}"), Status: ptr(200),
	}}
	var got Detail
	var reading sync.WaitGroup
	err = postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if _, err := tx.ExecContext(t.Context(), "lock table attempts in access exclusive mode"); err != nil {
			return err
		}
		reading.Go(func() {
			var err error
			if got, err = w.Get(t.Context(), organizationID, jobs[0].ID); err != nil {
				t.Error(err)
			}
		})
		w.await(t, "waiting for the attempts", func() bool {
			return len(w.query(t, "select 'yes' from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")) > 0
		})
		if err := insertAttempts(t.Context(), tx, []*finished{done}); err != nil {
			return err
		}
		_, err := finish(t.Context(), tx, []*finished{done})
		return err
	})
	reading.Wait()
	if err != nil || got.State != Pending || got.Attempts != 0 || len(got.Log) != 0 {
		t.Errorf("Get = %s after %d attempts, with %d (%v); want it as it was before", got.State, got.Attempts, len(got.Log), err)
	}
	if d, attempts := w.only(t); d.State != Succeeded || d.Attempts != 1 || len(attempts) != 1 {
		t.Errorf("Get = %+v with %d attempts, want it as it is after", d, len(attempts))
	}
}

// What is over is sent once more, and counts on.
func TestService_Retry(t *testing.T) {
	for _, c := range []struct {
		name          string
		statuses      []int
		before, after string
	}{
		{"succeeded", []int{200, 200}, "1 succeeded 1", "1 succeeded 2"},
		{"exhausted", []int{500, 200}, "1 exhausted 1", "1 succeeded 2"},
		{"exhausted again", []int{500, 500}, "1 exhausted 1", "1 exhausted 2"},
	} {
		w := newWorld(t)
		r := receive(t, answering(c.statuses...))
		w.webhook(t, organizationID, r.URL)
		w.tell(t, changed(organizationID, "1"))
		k := w.worker(t, Options{AtOnce: 1, PerWebhook: 1, Lease: time.Minute})
		send(t, k)
		check(t, c.name, []string{c.before}, w.states(t))
		d, _ := w.only(t)
		got, err := w.Retry(t.Context(), organizationID, d.ID)
		if err != nil || got.State != "pending" || got.Attempts != 1 || got.FinishedAt != nil || got.NextAttemptAt == nil || got.NextAttemptAt.After(w.clock.now()) {
			t.Errorf("%s: Retry = %+v, %v; want it due", c.name, got, err)
		}
		send(t, k)
		send(t, k)
		check(t, c.name+", retried", []string{c.after}, w.states(t))
		if _, attempts := w.only(t); len(attempts) != 2 || attempts[1].Number != 2 || len(r.requests()) != 2 {
			t.Errorf("%s: %d requests with attempts %+v, want two", c.name, len(r.requests()), attempts)
		}
	}
}

// What is pending is sent sooner, and its schedule goes on.
func TestService_Retry_pending(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500))
	w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, usual)
	send(t, k)
	d, _ := w.only(t)
	if _, err := w.Retry(t.Context(), organizationID, d.ID); err != nil {
		t.Fatal(err)
	}
	retried := w.clock.now()
	send(t, k)
	if d, _ = w.only(t); d.State != Pending || d.Attempts != 2 || d.NextAttemptAt == nil || d.NextAttemptAt.Before(retried.Add(150*time.Second).Truncate(time.Microsecond)) {
		t.Errorf("after Retry at %s: %+v, want the second attempt, and the third one 150 s later", retried, d)
	}
}

// A retry while a request is under way is no second request, unless that one fails: then it does not wait for the schedule.
func TestService_Retry_underWay(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses []int
		schedule []time.Duration
		want     string
		requests int
	}{
		{"succeeds", []int{200}, usual.Schedule, "1 succeeded 1", 1},
		{"fails", []int{500, 200}, usual.Schedule, "1 succeeded 2", 2},
		{"fails twice", []int{500}, usual.Schedule, "1 pending 2", 2},
		{"is the last one", []int{500, 200}, nil, "1 succeeded 2", 2},
	} {
		w := newWorld(t)
		arrived, out := make(chan struct{}, 1), make(chan struct{})
		r := receive(t, func(n int, rw http.ResponseWriter) {
			if n == 0 {
				arrived <- struct{}{}
				<-out
			}
			answering(c.statuses...)(n, rw)
		})
		w.webhook(t, organizationID, r.URL)
		w.tell(t, changed(organizationID, "1"))
		k := w.worker(t, Options{Schedule: c.schedule, AtOnce: 10, PerWebhook: 10, Lease: time.Minute})
		begin(t, k)
		arrivals(t, arrived, 1)
		d, _ := w.only(t)
		if _, err := w.Retry(t.Context(), organizationID, d.ID); err != nil {
			t.Fatal(err)
		}
		begin(t, k) // finds nothing
		close(out)
		k.sending.Wait()
		send(t, k)
		send(t, k)
		check(t, c.name, []string{c.want}, w.states(t))
		if n := len(r.requests()); n != c.requests {
			t.Errorf("%s: %d requests, want %d", c.name, n, c.requests)
		}
	}
}

// A retry and a worker that records a failure of the same delivery do not each wait for the other.
func TestService_Retry_whileRecorded(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, "http://127.0.0.1:1")
	w.tell(t, changed(organizationID, "1"))
	jobs, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil)
	if err != nil || len(jobs) != 1 {
		t.Fatalf("claim = %+v, %v; want one", jobs, err)
	}
	j := jobs[0]
	var retried error
	var retrying sync.WaitGroup
	err = postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if _, err := finish(t.Context(), tx, []*finished{{job: j, outcome: outcome{state: Pending, next: ptr(noon.Add(time.Hour))}}}); err != nil {
			return err
		}
		retrying.Go(func() { _, retried = w.Retry(t.Context(), organizationID, j.ID) })
		w.await(t, "waiting for the row", func() bool {
			return len(w.query(t, "select 'yes' from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")) > 0
		})
		_, _, err := w.webhooks.Fail(t.Context(), tx, organizationID, j.WebhookID, webhooks.Failure{At: noon})
		return err
	})
	retrying.Wait()
	if err != nil || retried != nil {
		t.Errorf("recording: %v, Retry: %v; want both to be done", err, retried)
	}
	if d, _ := w.only(t); d.Attempts != 1 || d.NextAttemptAt.After(w.clock.now()) {
		t.Errorf("the delivery is %+v, want one attempt, and it due", d)
	}
}

// What was cancelled is sent again once its webhook is back.
func TestService_Retry_cancelled(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(410, 200)).URL)
	w.tell(t, changed(organizationID, "1"))
	w.exec(t, "update webhooks set state = 'disabled', disabled_reason = 'x' where id = $1", hook)
	k := w.worker(t, usual)
	send(t, k)
	check(t, "disabled", []string{"1 cancelled 0 the webhook was disabled"}, w.states(t))
	d, _ := w.only(t)
	_, err := w.Retry(t.Context(), organizationID, d.ID)
	checkProblem(t, "Retry to a disabled webhook", err, errDisabled)
	w.setState(t, hook, "paused")
	if got, err := w.Retry(t.Context(), organizationID, d.ID); err != nil || got.State != "pending" || got.Reason != "" {
		t.Errorf("Retry to a paused webhook = %+v, %v; want it pending without a reason", got, err)
	}
	send(t, k)
	check(t, "paused", []string{"1 pending 0"}, w.states(t))
	if err := w.webhooks.Delete(t.Context(), organizationID, hook, nil); err != nil {
		t.Fatal(err)
	}
	_, err = w.Retry(t.Context(), organizationID, d.ID)
	checkProblem(t, "Retry to a deleted webhook", err, errDisabled)
	send(t, k)
	check(t, "deleted", []string{"1 cancelled 0 the webhook was deleted"}, w.states(t))
}

// A retry tells every worker.
func TestService_Retry_wakes(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, receive(t, answering(200)).URL)
	w.tell(t, changed(organizationID, "1"))
	send(t, w.worker(t, usual))
	d, _ := w.only(t)
	heard, listening := make(chan string, 10), make(chan struct{})
	go func() {
		defer close(listening)
		w.db.Listen(t.Context(), events.Channel, discard, func(payload string) { heard <- payload })
	}()
	t.Cleanup(func() { <-listening })
	check(t, "heard once it listens", "", <-heard)
	if _, err := w.Retry(t.Context(), organizationID, d.ID); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-heard:
		check(t, "heard", organizationID.String(), got)
	case <-time.After(30 * time.Second):
		t.Error("nobody was told")
	}
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, receive(t, answering(500)).URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, usual)
	send(t, k)
	_, before := w.only(t)
	w.advance(time.Hour)
	send(t, k)
	if err := Prune(t.Context(), w.db, before[0].StartedAt.Add(30*24*time.Hour+time.Minute)); err != nil {
		t.Fatal(err)
	}
	if _, after := w.only(t); len(before) != 1 || len(after) != 1 || after[0].Number != 2 {
		t.Errorf("attempts = %+v, want the second one alone", after)
	}
}
