package events

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// The gauge counts what any process quarantined in the last 24 hours; the rows are kept as long as other events are.
func TestNewQuarantineGauge(t *testing.T) {
	w := newWorld(t)
	long := permit(w.organization)
	long.Number = strings.Repeat("9", 101)
	registry := prometheus.NewRegistry()
	registry.MustRegister(NewQuarantineGauge(w.db, discard, w.clock.now))
	for _, c := range []struct {
		after      time.Duration // noon
		told       []Event
		want, kept int
	}{
		{0, nil, 0, 0},
		{0, []Event{NewStatusChanged(long, "Pending", "1"), changed(w.organization, "2")}, 1, 1},
		{time.Hour, []Event{NewStatusChanged(long, "Pending", "3")}, 2, 2},
		{24 * time.Hour, nil, 1, 2},
		{25 * time.Hour, nil, 0, 2},
		{30 * 24 * time.Hour, nil, 0, 2},
		{30*24*time.Hour + time.Hour, nil, 0, 1},
		{31 * 24 * time.Hour, nil, 0, 0},
	} {
		w.clock.set(noon.Add(c.after))
		w.tell(t, c.told...)
		w.prune(t, c.after)
		found, err := registry.Gather()
		if err != nil || len(found) != 1 {
			t.Fatalf("Gather = %v, %v; want one metric", found, err)
		}
		if got := found[0].GetMetric()[0].GetGauge().GetValue(); got != float64(c.want) {
			t.Errorf("after %s: the gauge is %v, want %d", c.after, got, c.want)
		}
		if kept := w.query(t, "select reason from quarantined_events"); len(kept) != c.kept {
			t.Errorf("after %s: %d are kept, want %d", c.after, len(kept), c.kept)
		}
	}
}
