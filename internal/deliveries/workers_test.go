package deliveries

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/signature"
)

// Two workers share the work: each event is sent once.
func TestWorker_two(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(204))
	w.webhook(t, organizationID, r.URL+"/one")
	w.webhook(t, organizationID, r.URL+"/two")
	w.webhook(t, otherID, r.URL+"/three")
	o := Options{Schedule: usual.Schedule, AtOnce: 20, PerWebhook: 8, Lease: time.Minute}
	w.run(t, o)
	w.run(t, o)
	const transactions, size = 20, 5
	for i := range transactions {
		var told []events.Event
		for j := range size {
			told = append(told, changed(organizationID, fmt.Sprint(i*size+j)), changed(otherID, fmt.Sprint(i*size+j)))
		}
		w.tell(t, told...)
	}
	w.await(t, "all sent", func() bool {
		return len(w.query(t, "select 'one' from deliveries where state = 'succeeded'")) == 300
	})
	sent := map[string]int{}
	for _, got := range r.requests() {
		sent[got.header.Get(signature.HeaderID)]++
	}
	ours, theirs := 0, 0
	for event, n := range sent {
		switch n {
		case 1:
			theirs++
		case 2:
			ours++
		default:
			t.Errorf("%s was sent %d times", event, n)
		}
	}
	if ours != 100 || theirs != 100 {
		t.Errorf("%d events were sent to two webhooks and %d to one, want 100 and 100", ours, theirs)
	}
	if n := w.query(t, "select cast(count(*) as text) from attempts"); n[0] != "300" {
		t.Errorf("%s attempts, want 300", n[0])
	}
}

// held is a receiver that keeps requests until it is let go, which the test has to do.
func held(t *testing.T) (r *receiver, arrived <-chan struct{}, letGo func()) {
	t.Helper()
	in, out := make(chan struct{}, 1000), make(chan struct{})
	r = receive(t, func(int, http.ResponseWriter) {
		in <- struct{}{}
		<-out
	})
	return r, in, sync.OnceFunc(func() { close(out) })
}

// arrivals waits for so many requests.
func arrivals(t *testing.T, arrived <-chan struct{}, n int) {
	t.Helper()
	for i := range n {
		select {
		case <-arrived:
		case <-time.After(30 * time.Second):
			t.Fatalf("%d requests arrived, want %d", i, n)
		}
	}
}

// All workers together make no more requests at once to a webhook than it has room for.
func TestWorker_perWebhook(t *testing.T) {
	w := newWorld(t)
	r, arrived, letGo := held(t)
	defer letGo()
	w.webhook(t, organizationID, r.URL)
	for i := range 20 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	o := Options{Schedule: usual.Schedule, AtOnce: 2, PerWebhook: 3, Lease: time.Minute}
	first, second := w.worker(t, o), w.worker(t, o)
	for range 3 {
		begin(t, first)
		begin(t, second)
	}
	arrivals(t, arrived, 3)
	const leased = "select 'one' from leases"
	if n := len(w.query(t, leased)); n != 3 || len(r.requests()) != 3 {
		t.Errorf("%d leases and %d requests, want 3", n, len(r.requests()))
	}
	letGo()
	first.sending.Wait()
	second.sending.Wait()
	for range 3 {
		send(t, first)
	}
	if n := len(r.requests()); n != 9 {
		t.Errorf("%d requests after three more rounds of two, want 9", n)
	}
}

// A receiver that hangs takes the room of its own webhook alone.
func TestWorker_hangs(t *testing.T) {
	w := newWorld(t)
	slow, arrived, letGo := held(t)
	defer letGo()
	quick := receive(t, answering(200))
	stuck := w.webhook(t, organizationID, slow.URL)
	for i := range 50 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	w.webhook(t, organizationID, quick.URL)
	defer w.run(t, Options{Schedule: usual.Schedule, AtOnce: 4, PerWebhook: 2, Lease: time.Minute})()
	defer letGo() // before the worker ends
	arrivals(t, arrived, 2)
	for i := range 50 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	w.await(t, "sent to the other webhook", func() bool {
		return len(w.query(t, "select 'one' from deliveries where state = 'succeeded' and webhook_id <> $1", stuck)) == 50
	})
	if n := len(slow.requests()); n != 2 {
		t.Errorf("%d requests to the receiver that hangs, want 2", n)
	}
}

// However many receivers of an organization hang, there is room left for another one.
func TestWorker_manyHang(t *testing.T) {
	w := newWorld(t)
	slow, arrived, letGo := held(t)
	defer letGo()
	quick := receive(t, answering(200))
	for range 20 {
		w.webhook(t, organizationID, slow.URL)
	}
	w.webhook(t, otherID, quick.URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, Options{Schedule: usual.Schedule, AtOnce: 10, PerWebhook: 2, Lease: time.Minute})
	for range 3 {
		begin(t, k)
	}
	arrivals(t, arrived, 8)
	for i := range 4 {
		w.tell(t, changed(otherID, fmt.Sprint(i)))
	}
	for range 4 {
		begin(t, k)
		w.await(t, "room again", func() bool { // for the webhook too, whose leases end when it is recorded
			free, _ := k.slots.look()
			return free == 2 && len(w.query(t, "select 'one' from leases where organization_id = $1", otherID)) == 0
		})
	}
	if n, hung := len(quick.requests()), len(slow.requests()); n != 4 || hung != 8 {
		t.Errorf("%d requests to the receiver that answers and %d to those that hang, want 4 and 8", n, hung)
	}
	letGo()
	k.sending.Wait()
	if free, busy := k.slots.look(); free != 10 || len(busy) != 0 {
		t.Errorf("%d are free at last, and of %v some are not; want 10 and none", free, busy)
	}
}

// What a worker has room for is shared among the organizations, however much is due for one of them.
func TestClaim_turns(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200))
	w.webhook(t, organizationID, r.URL)
	w.webhook(t, organizationID, r.URL)
	w.webhook(t, otherID, r.URL)
	for i := range 10 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	w.tell(t, changed(otherID, "1"), changed(otherID, "2"), changed(otherID, "3"))
	jobs, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 6, nil)
	if err != nil {
		t.Fatal(err)
	}
	got := map[uuid.UUID]int{}
	for _, j := range jobs {
		got[j.OrganizationID]++
	}
	check(t, "jobs of each organization", map[uuid.UUID]int{organizationID: 3, otherID: 3}, got)
}

// Webhooks that have nothing due yet, or are paused, take no part of the room from one that has.
func TestClaim_othersWait(t *testing.T) {
	w := newWorld(t)
	url := receive(t, answering(200)).URL
	for range 30 {
		w.webhook(t, otherID, url)
	}
	for range 10 {
		w.setState(t, w.webhook(t, organizationID, url), "paused")
	}
	w.tell(t, changed(organizationID, "waits"), changed(otherID, "waits"))
	w.exec(t, "update deliveries set next_attempt_at = $1 where organization_id = $2", noon.Add(time.Hour), otherID)
	busy := w.webhook(t, organizationID, url)
	for i := range 10 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)))
	}
	jobs, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 5, 10, nil)
	if err != nil || len(jobs) != 5 {
		t.Errorf("claim = %d jobs, %v; want the 5 that one webhook has room for", len(jobs), err)
	}
	for _, j := range jobs {
		if j.WebhookID != busy {
			t.Errorf("a job is of webhook %s, want %s", j.WebhookID, busy)
		}
	}
}

// A worker that has room for one at a time leaves no organization to wait until another has nothing due.
func TestClaim_turns_oneAtATime(t *testing.T) {
	w := newWorld(t)
	for _, organization := range []uuid.UUID{organizationID, otherID} {
		w.webhook(t, organization, receive(t, answering(200)).URL)
		for i := range 40 {
			w.tell(t, changed(organization, fmt.Sprint(i)))
		}
	}
	k := w.worker(t, Options{Schedule: usual.Schedule, AtOnce: 1, PerWebhook: 1, Lease: time.Minute})
	for range 40 {
		send(t, k)
	}
	for _, organization := range []uuid.UUID{organizationID, otherID} {
		n := len(w.query(t, "select 'one' from deliveries where state = 'succeeded' and organization_id = $1", organization))
		if n < 4 {
			t.Errorf("%d of 40 requests were for organization %s, want about 20", n, organization)
		}
	}
}

// A worker that ends finishes what it began.
func TestWorker_Run_ends(t *testing.T) {
	w := newWorld(t)
	r, arrived, letGo := held(t)
	defer letGo()
	w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "1"))
	k := w.worker(t, usual)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); k.Run(ctx) }()
	arrivals(t, arrived, 1)
	cancel()
	select {
	case <-ended:
		t.Error("Run ended before its request")
	default:
	}
	letGo()
	<-ended
	check(t, "deliveries", []string{"1 succeeded 1"}, w.states(t))
}

// What a worker took and never sent is sent by another one, once the lease is over.
func TestClaim_lease(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(200))
	w.webhook(t, organizationID, r.URL)
	w.tell(t, changed(organizationID, "1"))
	if jobs, err := claim(t.Context(), w.db, w.clock.now(), time.Hour, 10, 10, nil); err != nil || len(jobs) != 1 {
		t.Fatalf("claim = %+v, %v; want one", jobs, err)
	}
	k := w.worker(t, usual)
	w.advance(59 * time.Minute)
	send(t, k)
	check(t, "during the lease", []string{"1 pending 0"}, w.states(t))
	w.advance(time.Minute)
	send(t, k)
	check(t, "after the lease", []string{"1 succeeded 1"}, w.states(t))
	if n := len(r.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// A worker that is late has its attempt logged, and nothing else, whether the other one is done or not.
func TestWorker_late(t *testing.T) {
	for _, c := range []struct {
		name           string
		statuses       []int // of the late one and the other one
		lateFirst      bool
		between, after string
	}{
		{"fails after the other", []int{500, 200}, false, "1 succeeded 1", "1 succeeded 1"},
		{"succeeds after the other", []int{200, 500}, false, "1 pending 1", "1 pending 1"},
		{"fails before the other", []int{500, 200}, true, "1 pending 0", "1 succeeded 1"},
		{"succeeds before the other", []int{200, 500}, true, "1 pending 0", "1 pending 1"},
	} {
		w := newWorld(t)
		statuses := slices.Clone(c.statuses)
		if !c.lateFirst {
			slices.Reverse(statuses)
		}
		w.webhook(t, organizationID, receive(t, answering(statuses...)).URL)
		w.tell(t, changed(organizationID, "1"))
		k := w.worker(t, usual)
		var jobs []job
		for range 2 {
			found, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil)
			if err != nil || len(found) != 1 {
				t.Fatalf("claim = %+v, %v; want one", found, err)
			}
			jobs = append(jobs, found...)
			w.advance(time.Minute)
		}
		if !c.lateFirst {
			slices.Reverse(jobs)
		}
		k.work(t.Context(), jobs[0], func() {})
		check(t, c.name+", between", []string{c.between}, w.states(t))
		k.work(t.Context(), jobs[1], func() {})
		check(t, c.name+", after", []string{c.after}, w.states(t))
		if _, attempts := w.only(t); len(attempts) != 2 || attempts[0].Number != 1 || attempts[1].Number != 1 {
			t.Errorf("%s: attempts = %+v, want the first one twice", c.name, attempts)
		}
	}
}

// What a worker finishes just as its lease is over is not sent again, nor sooner than it says.
func TestClaim_finishing(t *testing.T) {
	for _, c := range []struct {
		outcome
		want string
	}{
		{outcome{state: Succeeded, endedAt: &noon}, "1 succeeded 1"},
		{outcome{state: Pending, next: ptr(noon.Add(time.Hour))}, "1 pending 1"},
	} {
		w := newWorld(t)
		w.webhook(t, organizationID, receive(t, answering(200)).URL)
		w.tell(t, changed(organizationID, "1"))
		first, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil)
		if err != nil || len(first) != 1 {
			t.Fatalf("claim = %+v, %v; want one", first, err)
		}
		w.advance(time.Minute)
		var second []job
		var claiming sync.WaitGroup
		err = postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
			if held, err := finish(t.Context(), tx, []*finished{{job: first[0], outcome: c.outcome}}); err != nil || len(held) != 1 {
				return fmt.Errorf("finish = %v, %w; want one", held, err)
			}
			claiming.Go(func() {
				var err error
				if second, err = claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil); err != nil {
					t.Error(err)
				}
			})
			w.await(t, "waiting for the row", func() bool {
				return len(w.query(t, "select 'yes' from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")) > 0
			})
			return nil
		})
		claiming.Wait()
		if err != nil || len(second) != 0 {
			t.Errorf("claim of what is %s by then = %d jobs (%v), want none", c.state, len(second), err)
		}
		check(t, "deliveries", []string{c.want}, w.states(t))
	}
}
