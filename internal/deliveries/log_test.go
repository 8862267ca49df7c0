package deliveries

import (
	"testing"
	"time"

	"github.com/google/uuid"
)

// byHour returns how many attempts of the last day succeeded and failed, by how many hours ago that was.
func byHour(t *testing.T, w *world, hook uuid.UUID) map[int][2]int {
	t.Helper()
	days, err := w.Day(t.Context(), organizationID, hook)
	if err != nil {
		t.Fatal(err)
	}
	day := days[hook]
	if len(day) != 24 || !day[23].Start.Equal(w.clock.now().Truncate(time.Hour)) || !day[0].Start.Equal(day[23].Start.Add(-23*time.Hour)) {
		t.Fatalf("Day = %+v, want the 24 hours until now", day)
	}
	found := map[int][2]int{}
	for i, h := range day {
		if h.Succeeded+h.Failed > 0 {
			found[23-i] = [2]int{h.Succeeded, h.Failed}
		}
	}
	return found
}

func TestService_Day(t *testing.T) {
	w := newWorld(t)
	r := receive(t, answering(500, 200, 204, 200, 302))
	hook := w.webhook(t, organizationID, r.URL)
	k := w.worker(t, usual)
	check(t, "of one that nothing was sent to", map[int][2]int{}, byHour(t, w, hook))

	w.tell(t, changed(organizationID, "1"))
	send(t, k) // 500
	check(t, "while it is pending", map[int][2]int{0: {0, 1}}, byHour(t, w, hook))
	w.advance(time.Hour)
	send(t, k) // 200
	check(t, "an hour later", map[int][2]int{1: {0, 1}, 0: {1, 0}}, byHour(t, w, hook))
	w.advance(21 * time.Hour)
	w.tell(t, changed(organizationID, "2"), changed(organizationID, "3"))
	send(t, k) // 204, 200
	check(t, "a day later", map[int][2]int{22: {0, 1}, 21: {1, 0}, 0: {2, 0}}, byHour(t, w, hook))
	w.advance(2 * time.Hour)
	first := w.newest(t, organizationID)[2]
	if _, err := w.Retry(t.Context(), organizationID, first.ID); err != nil {
		t.Fatal(err)
	}
	send(t, k) // 302, at one that is older than a day
	check(t, "after one was retried by hand", map[int][2]int{23: {1, 0}, 2: {2, 0}, 0: {0, 1}}, byHour(t, w, hook))

	last, err := w.LastOfWebhooks(t.Context(), organizationID, hook, newID())
	if a := last[hook]; err != nil || len(last) != 1 || *a.Status != 302 || a.Number != 3 || a.Succeeded() {
		t.Errorf("LastOfWebhooks = %+v, %v; want the third attempt at the first delivery, 302", last, err)
	}
	byDelivery, err := w.LastAttempts(t.Context(), organizationID, first.ID, newID())
	if a := byDelivery[first.ID]; err != nil || len(byDelivery) != 1 || *a.Status != 302 || a.Number != 3 {
		t.Errorf("LastAttempts = %+v, %v; want the third one, 302", byDelivery, err)
	}
	for what, found := range map[string]func() (int, error){
		"Day": func() (int, error) {
			d, err := w.Day(t.Context(), otherID, hook)
			return d[hook][0].Failed + d[hook][23].Failed, err
		},
		"LastOfWebhooks": func() (int, error) { l, err := w.LastOfWebhooks(t.Context(), otherID, hook); return len(l), err },
		"LastAttempts":   func() (int, error) { l, err := w.LastAttempts(t.Context(), otherID, first.ID); return len(l), err },
	} {
		if n, err := found(); err != nil || n != 0 {
			t.Errorf("%s of another organization finds %d, %v; want nothing", what, n, err)
		}
	}
}

// What a test came to is no health of the webhook.
func TestService_Day_tests(t *testing.T) {
	w := newWorld(t)
	w.wake(t)
	hook := w.webhook(t, organizationID, receive(t, answering(500)).URL)
	w.run(t, usual)
	d, err := w.Test(t.Context(), organizationID, hook, "permit.status_changed")
	if err != nil {
		t.Fatal(err)
	}
	check(t, "hours", map[int][2]int{}, byHour(t, w, hook))
	if last, err := w.LastOfWebhooks(t.Context(), organizationID, hook); err != nil || *last[hook].Status != 500 {
		t.Errorf("LastOfWebhooks = %+v, %v; want the test, 500", last, err)
	}
	if body, err := w.Body(t.Context(), organizationID, d.EventID); err != nil || body != d.Body {
		t.Errorf("Body = %s, %v; want %s", body, err, d.Body)
	}
	if body, err := w.Body(t.Context(), otherID, d.EventID); err != nil || body != "" {
		t.Errorf("Body of another's event = %s, %v; want none", body, err)
	}
}
