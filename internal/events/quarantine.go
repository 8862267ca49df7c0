package events

import (
	"context"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/plotwise/plotwise/internal/postgres"
)

const (
	countedFor   = 24 * time.Hour // so that an alert ends by itself
	countTimeout = 5 * time.Second
)

// NewQuarantineGauge returns a metric of how many events were quarantined lately. It asks the database: most events come of
// imports, which end before anybody could ask them.
func NewQuarantineGauge(db *postgres.DB, log *slog.Logger, now func() time.Time) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "plotwise_events_quarantined", Help: "Events of the last 24 hours that broke their schema, and were told to nobody, of all processes.",
	}, func() float64 {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout) //nolint:forbidigo // a collector is given no context
		defer cancel()
		n, err := countQuarantined(ctx, db, now().Add(-countedFor))
		if err != nil {
			log.Warn("quarantined events cannot be counted", slog.Any("error", err))
			return math.NaN()
		}
		return float64(n)
	})
}
