package drills

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
)

const (
	// What was taken in so long before a kill or a crash was recorded by then: it may wait for the transaction before, and a
	// commit that does not wait for the disk is written within three rounds of Postgres' writer, 600 ms.
	recordedWithin = 2 * time.Second
	// The receiver may notice so late that a process is gone, on a machine that has much to do.
	noticedWithin = time.Second
)

// tried is a logged attempt.
type tried struct {
	Event     uuid.UUID `db:"event_id"`
	StartedAt time.Time `db:"started_at"`
	Total     float64   `db:"total_ms"`
	Error     string    `db:"error"`
	Receipt   int64     `db:"receipt"` // 0 when there is none
}

// spans reports whether the attempt was being made then.
func (a tried) spans(at time.Time) bool {
	const rounding = time.Millisecond
	end := a.StartedAt.Add(time.Duration(a.Total * float64(time.Millisecond)))
	return !at.Before(a.StartedAt.Add(-rounding)) && !at.After(end.Add(rounding))
}

// judge fails the test for every event that did not come, or not as it was committed, and for every one that came twice
// without a reason.
func (s *soak) judge(t *testing.T, took time.Duration) {
	t.Helper()
	var log []tried
	if err := s.db.SelectContext(t.Context(), &log, `select d.event_id, a.started_at, a.total_ms, a.error, coalesce(cast(a.response_headers->>$1 as bigint), 0) as receipt
		from attempts a join deliveries d on d.organization_id = a.organization_id and d.id = a.delivery_id`, receiptHeader); err != nil {
		t.Fatal(err)
	}
	attempts, taken := map[uuid.UUID][]tried{}, map[uuid.UUID][]acceptance{}
	for _, a := range log {
		attempts[a.Event] = append(attempts[a.Event], a)
	}
	s.receiver.mu.Lock()
	defer s.receiver.mu.Unlock()
	for _, a := range s.receiver.taken {
		taken[a.event] = append(taken[a.event], a)
	}
	failures := slices.Clone(s.receiver.wrong)
	failures = append(failures, s.compare(t)...)
	reasons := map[string]int{}
	for event := range s.committed {
		failures = append(failures, s.explainAll(taken[event], attempts[event], event, reasons)...)
	}
	for _, p := range s.started {
		for _, l := range p.lines(t) {
			if l.Message == "an attempt is not recorded, and will be made again" {
				failures = append(failures, p.name+" could not record an attempt")
			}
		}
	}
	for _, f := range failures[:min(20, len(failures))] {
		t.Error(f)
	}
	if len(failures) > 20 {
		t.Errorf("and %d more", len(failures)-20)
	}
	if s.recovered == 0 {
		t.Error("nothing was exhausted, want something to recover")
	}
	s.summarize(t, took, len(log), reasons)
}

func (s *soak) summarize(t *testing.T, took time.Duration, attempts int, reasons map[string]int) {
	t.Helper()
	t.Logf("%d events to %d webhooks in %s: %.0f deliveries a second", s.scale.events, len(s.orgs)*len(soakTypes), took.Round(100*time.Millisecond),
		float64(s.scale.events)/took.Seconds())
	t.Logf("%d requests, %d attempts logged, %d deliveries recovered; %d kills, %d restarts and %d crashes of Postgres",
		s.receiver.requests.Load(), attempts, s.recovered, len(s.kills), len(s.restarts), len(s.crashes))
	for _, o := range s.outages() {
		t.Logf("Postgres was away for %s", o.up.Sub(o.down).Round(time.Millisecond))
	}
	duplicates := 0
	for _, n := range reasons {
		duplicates += n
	}
	t.Logf("%d duplicates, all but %d explained:", duplicates, reasons[""])
	for _, reason := range slices.Sorted(maps.Keys(reasons)) {
		t.Logf("%6d  %s", reasons[reason], reason)
	}
}

// compare holds what was committed against what is in the database, and what was taken in against both.
func (s *soak) compare(t *testing.T) (failures []string) {
	t.Helper()
	var stored []struct {
		ID   uuid.UUID `db:"id"`
		Body string    `db:"body"`
	}
	if err := s.db.SelectContext(t.Context(), &stored, "select id, body from events"); err != nil {
		t.Fatal(err)
	}
	bodies := map[uuid.UUID][sha256.Size]byte{}
	for _, e := range stored {
		bodies[e.ID] = sha256.Sum256([]byte(e.Body))
	}
	if len(bodies) != len(s.committed) || len(s.committed) != s.scale.events {
		failures = append(failures, fmt.Sprintf("%d events are in the database and %d are known to be committed, want %d", len(bodies), len(s.committed), s.scale.events))
	}
	for _, a := range s.receiver.taken {
		c, known := s.committed[a.event]
		switch name := id.Format(id.Event, a.event); {
		case !known:
			failures = append(failures, fmt.Sprintf("%s came to %s, and was never committed", name, s.name(a.hook)))
		case c.hook != a.hook:
			failures = append(failures, fmt.Sprintf("%s came to %s, want %s", name, s.name(a.hook), s.name(c.hook)))
		case c.permit != a.permit || bodies[a.event] != a.sum:
			failures = append(failures, fmt.Sprintf("%s came with another body, of permit %s, want %s", name, a.permit, c.permit))
		}
	}
	return failures
}

// explainAll says what is wrong with how an event came, and counts the reasons of its duplicates: that is all of it but the
// last that was answered and logged.
func (s *soak) explainAll(taken []acceptance, log []tried, event uuid.UUID, reasons map[string]int) (failures []string) {
	receipts := map[int64]bool{}
	for _, a := range log {
		if a.Receipt != 0 && a.Error == "" {
			receipts[a.Receipt] = true
		}
	}
	slices.SortFunc(taken, func(a, b acceptance) int { return a.at.Compare(b.at) })
	delivered := -1
	for i, a := range taken {
		if receipts[a.receipt] {
			delivered = i
		}
	}
	if delivered < 0 {
		return []string{fmt.Sprintf("%s was never answered with success that is logged:%s", id.Format(id.Event, event), s.story(taken, log))}
	}
	for i, a := range taken {
		if i == delivered {
			continue
		}
		reason := s.explain(a, log, receipts[a.receipt])
		reasons[reason]++
		if reason == "" {
			failures = append(failures, fmt.Sprintf("%s came twice, the %d. time without a reason:%s", id.Format(id.Event, event), i+1, s.story(taken, log)))
		}
	}
	return failures
}

// explain says why what was taken in was sent again; "" when it should not have been.
func (s *soak) explain(a acceptance, log []tried, recorded bool) string {
	if recorded { // and a success is sent again only where Postgres has forgotten that this attempt had begun
		if s.crashed(a) {
			return "logged, but Postgres crashed and lost the lease"
		}
		return ""
	}
	for _, l := range log {
		if !l.spans(a.at) {
			continue
		}
		if l.Error != "" {
			return "logged as " + l.Error + ", taken in by the receiver (" + string(a.fate) + ")"
		}
		if a.fate == broken {
			return "sent again by the client in the same attempt, after a kept connection broke"
		}
	}
	if s.killed(a) {
		return "not logged: its worker was killed"
	}
	if s.crashed(a) {
		return "not logged: Postgres crashed"
	}
	return ""
}

// killed reports whether it was being sent or recorded when a worker was killed: its connection did not outlive that worker.
func (s *soak) killed(a acceptance) bool {
	closed := a.connection.closed.Load()
	return closed != 0 && slices.ContainsFunc(s.kills, func(kill time.Time) bool {
		gone := kill.Add(noticedWithin)
		return a.at.After(s.recordedBefore(a, kill)) && a.at.Before(gone) && time.Unix(0, closed).Before(gone)
	})
}

// crashed reports whether it was being sent or recorded when Postgres crashed. One that is stopped loses nothing.
func (s *soak) crashed(a acceptance) bool {
	return slices.ContainsFunc(s.crashes, func(o outage) bool { return a.at.After(s.recordedBefore(a, o.down)) && a.at.Before(o.up) })
}

// recordedBefore returns the time before which the like of an acceptance was recorded by then. While Postgres is away nothing is.
func (s *soak) recordedBefore(a acceptance, then time.Time) time.Time {
	within := recordedWithin
	if a.fate == hung {
		within += soakTimeout
	}
	since := then.Add(-within)
	for _, o := range s.outages() {
		if o.down.Before(then) && o.up.After(since) {
			since = o.down.Add(-within)
		}
	}
	return since
}

// outages returns them from the last to the first.
func (s *soak) outages() []outage {
	return slices.SortedFunc(slices.Values(slices.Concat(s.restarts, s.crashes)), func(a, b outage) int { return b.down.Compare(a.down) })
}

// story tells what is known of an event.
func (s *soak) story(taken []acceptance, log []tried) string {
	const clock = "15:04:05.000"
	var b strings.Builder
	for _, a := range taken {
		fmt.Fprintf(&b, "\n  %s taken in, %s, receipt %d", a.at.UTC().Format(clock), a.fate, a.receipt)
	}
	for _, l := range log {
		fmt.Fprintf(&b, "\n  %s attempt, %.0f ms, %q, receipt %d", l.StartedAt.UTC().Format(clock), l.Total, l.Error, l.Receipt)
	}
	for _, k := range s.kills {
		fmt.Fprintf(&b, "\n  %s kill", k.UTC().Format(clock))
	}
	for _, o := range s.outages() {
		fmt.Fprintf(&b, "\n  %s to %s no Postgres", o.down.UTC().Format(clock), o.up.UTC().Format(clock))
	}
	return b.String()
}
