// Package usage counts what API keys ask for, and tells it by day, week and month.
package usage

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Counts is the usage of a time.
type Counts struct {
	Requests            int64    `db:"requests"`
	ClientErrors        int64    `db:"client_errors"` // answered with 400 to 499
	ServerErrors        int64    `db:"server_errors"` // with 500 and above
	RateLimited         int64    `db:"rate_limited"`  // with 429
	AverageMilliseconds *float64 `db:"average_milliseconds"`
	MaxMilliseconds     *float64 `db:"max_milliseconds"`
}

// Period is the usage of a day, a week or a month.
type Period struct {
	Name       string
	Start, End time.Time // days, both included
	Counts
}

// Endpoint is the usage of an operation.
type Endpoint struct {
	Operation string `db:"operation"`
	Counts
}

// Peak is the busiest minute of a period.
type Peak struct {
	At       time.Time `db:"at"` // its beginning; zero where nothing is known of the period's minutes
	Requests int64     `db:"requests"`
}

// Failure is how often an operation failed in some way.
type Failure struct {
	Status    int    `db:"status"`
	Code      string `db:"code"`
	Operation string `db:"operation"`
	Requests  int64  `db:"requests"`
}

// Filter says what usage to tell: the days from From to To, both included (nil: the usual ones), of one key (nil: of all).
type Filter struct {
	From, To *time.Time
	KeyID    *uuid.UUID
}

// Range is the days that an answer covers, both included.
type Range struct {
	From, To time.Time
	TimeZone string // IANA; days begin at midnight there
}

// Service tells usage. It is safe for concurrent use.
type Service struct {
	db  *postgres.DB
	now func() time.Time
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time) *Service {
	return &Service{db: db, now: now}
}

// List returns the usage by period, an entry for every one in the range, and of all of it. It returns invalid_parameter
// for a range that is upside down or too long, and for a key that the organization does not have.
func (s *Service) List(ctx context.Context, organization uuid.UUID, interval Interval, f Filter) ([]Period, Counts, Range, error) {
	q := postgres.From(ctx, s.db)
	r, err := s.cover(ctx, q, organization, interval, f)
	if err != nil {
		return nil, Counts{}, r, err
	}
	counted, total, err := listPeriods(ctx, q, organization, interval, r, f.KeyID)
	return fill(interval, r, counted), total, r, err
}

// Peaks returns the busiest minute of every period in a range of List, of all keys together as they share the limit. Minutes
// are kept for 35 days: it is the zero Peak for a period that lies before, or has no request.
func (s *Service) Peaks(ctx context.Context, organization uuid.UUID, interval Interval, r Range) ([]Peak, error) {
	zone, err := time.LoadLocation(r.TimeZone)
	if err != nil {
		return nil, err
	}
	midnight := func(d time.Time) time.Time { return time.Date(d.Year(), d.Month(), d.Day(), 0, 0, 0, 0, zone) }
	found, err := listPeaks(ctx, postgres.From(ctx, s.db), organization, interval, midnight(r.From), midnight(r.To.AddDate(0, 0, 1)), r.TimeZone)
	if err != nil {
		return nil, err
	}
	var peaks []Peak
	for _, p := range fill(interval, r, nil) {
		peaks = append(peaks, found[p.Start])
	}
	return peaks, nil
}

// Endpoints returns the operations that were called most, limit of them at most, or the failures of List.
func (s *Service) Endpoints(ctx context.Context, organization uuid.UUID, f Filter, limit int) ([]Endpoint, Range, error) {
	q := postgres.From(ctx, s.db)
	r, err := s.cover(ctx, q, organization, Day, f)
	if err != nil {
		return nil, r, err
	}
	found, err := listEndpoints(ctx, q, organization, r, f.KeyID, limit)
	return found, r, err
}

// Failures returns the most frequent failures, limit of them at most, or the failures of List.
func (s *Service) Failures(ctx context.Context, organization uuid.UUID, f Filter, limit int) ([]Failure, Range, error) {
	q := postgres.From(ctx, s.db)
	r, err := s.cover(ctx, q, organization, Day, f)
	if err != nil {
		return nil, r, err
	}
	found, err := listFailures(ctx, q, organization, r, f.KeyID, limit)
	return found, r, err
}

// cover returns the days that a filter means, in whole periods.
func (s *Service) cover(ctx context.Context, q postgres.Querier, organization uuid.UUID, interval Interval, f Filter) (Range, error) {
	of, err := getOrganization(ctx, q, organization, f.KeyID)
	if err != nil {
		return Range{}, err
	}
	if !of.HasKey {
		return Range{}, problem.Parameter("api_key_id", "unknown", "must be the id of one of your API keys")
	}
	zone, err := time.LoadLocation(of.TimeZone)
	if err != nil {
		return Range{}, err
	}
	r, err := interval.cover(f.From, f.To, day(s.now().In(zone)))
	r.TimeZone = of.TimeZone
	return r, err
}
