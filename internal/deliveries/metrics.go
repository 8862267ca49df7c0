package deliveries

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
)

// Metrics counts what this process sends, and looks at the queue of all when it is asked (Prometheus).
type Metrics struct {
	db  *postgres.DB
	log *slog.Logger
	now func() time.Time

	attempts *prometheus.CounterVec
	duration prometheus.Histogram
	latency  prometheus.Histogram

	mu    sync.Mutex
	seen  queue
	until time.Time // when seen is too old
}

// NewMetrics returns the metrics of a process on the database.
func NewMetrics(db *postgres.DB, log *slog.Logger, now func() time.Time) *Metrics {
	m := &Metrics{
		db: db, log: log, now: now,
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "plotwise_delivery_attempts_total", Help: "Attempts by outcome: succeeded, the class of another status, or why there was no answer.",
		}, []string{"outcome"}),
		duration: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plotwise_delivery_attempt_duration_seconds", Help: "Time that an attempt takes.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 15},
		}),
		latency: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "plotwise_delivery_first_attempt_delay_seconds", Help: "Time from an event to its first attempt.",
			Buckets: []float64{.005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 15, 60, 300, 1800},
		}),
	}
	m.attempts.WithLabelValues("succeeded") // a rate of nothing is 0, not absent
	return m
}

// observe counts an attempt that began at a time.
func (m *Metrics) observe(j job, at time.Time, r outbound.Result) {
	outcome := string(r.Reason)
	switch {
	case r.Succeeded():
		outcome = "succeeded"
	case outcome == "":
		outcome = [...]string{"1xx", "2xx", "3xx", "4xx", "5xx"}[min(max(r.Status/100, 1), 5)-1]
	}
	m.attempts.WithLabelValues(outcome).Inc()
	m.duration.Observe(r.Total.Seconds())
	if j.Attempts == 0 && !j.Test {
		m.latency.Observe(at.Sub(j.CreatedAt).Seconds())
	}
}

// queue is what waits, over all processes.
type queue struct {
	Due       int     `db:"due"`
	Scheduled int     `db:"scheduled"`
	Sending   int     `db:"sending"`
	Oldest    float64 `db:"oldest"` // seconds that the one that is due for longest has waited
}

var (
	depth  = prometheus.NewDesc("plotwise_delivery_queue", "Deliveries that are due, scheduled for later, or being sent, over all processes.", []string{"state"}, nil)
	oldest = prometheus.NewDesc("plotwise_delivery_oldest_due_seconds", "For how long the delivery that is due for longest has waited, over all processes; 0 for none.", nil, nil)
)

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(out chan<- *prometheus.Desc) {
	m.attempts.Describe(out)
	m.duration.Describe(out)
	m.latency.Describe(out)
	out <- depth
	out <- oldest
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(out chan<- prometheus.Metric) {
	m.attempts.Collect(out)
	m.duration.Collect(out)
	m.latency.Collect(out)
	q, err := m.look()
	if err != nil {
		m.log.Warn("the queue of deliveries cannot be measured", slog.Any("error", err))
		return
	}
	for state, n := range map[string]int{"due": q.Due, "scheduled": q.Scheduled, "sending": q.Sending} {
		out <- prometheus.MustNewConstMetric(depth, prometheus.GaugeValue, float64(n), state)
	}
	out <- prometheus.MustNewConstMetric(oldest, prometheus.GaugeValue, q.Oldest)
}

const (
	lookAgain   = 5 * time.Second // however often it is asked
	lookTimeout = 5 * time.Second
)

// look returns what waits, as it was some seconds ago at most.
func (m *Metrics) look() (queue, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	if now.Before(m.until) {
		return m.seen, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookTimeout) //nolint:forbidigo // a collector is given no context
	defer cancel()
	q, err := measure(ctx, m.db, now)
	if err == nil {
		m.seen, m.until = q, now.Add(lookAgain)
	}
	return q, err
}
