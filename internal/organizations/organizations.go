// Package organizations keeps the organizations, their plans and what these allow.
package organizations

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Organization is a tenant, with the limits of its plan (a nil limit is none) and what is used of them.
type Organization struct {
	ID                uuid.UUID `db:"id"`
	Name              string    `db:"name"`
	Plan              string    `db:"plan"` // one of Plans
	RequestsPerMinute int32     `db:"requests_per_minute"`
	PermitSlots       *int32    `db:"permit_slots"`
	Seats             *int32    `db:"seats"`
	Conditions        *int32    `db:"conditions"`
	UsedPermitSlots   int32     `db:"used_permit_slots"`
	UsedSeats         int32     `db:"used_seats"`
	UsedConditions    int32     `db:"used_conditions"`
	TimeZone          string    `db:"time_zone"` // IANA; days of usage begin at midnight there
	CreatedAt         time.Time `db:"created_at"`
}

// Plans are the plans that an organization can be on, the smallest first. What each allows stands in the database.
func Plans() []string { return []string{"starter", "professional", "enterprise"} }

// Service keeps organizations. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	now   func() time.Time
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, now: now, newID: newID}
}

// Get returns an organization, or NotFound.
func (s *Service) Get(ctx context.Context, organization uuid.UUID) (Organization, error) {
	return get(ctx, postgres.From(ctx, s.db), organization)
}

// GetByName returns the id of the organization of that name. It returns NotFound, and ErrAmbiguous when several have it.
func (s *Service) GetByName(ctx context.Context, name string) (uuid.UUID, error) {
	found, err := listByName(ctx, postgres.From(ctx, s.db), name)
	switch {
	case err != nil:
		return uuid.Nil, err
	case len(found) == 0:
		return uuid.Nil, problem.Missing("organization")
	case len(found) > 1:
		texts := make([]string, len(found))
		for i, o := range found {
			texts[i] = id.Format(id.Organization, o)
		}
		return uuid.Nil, fmt.Errorf("%w: use the id, one of %s", ErrAmbiguous, strings.Join(texts, ", "))
	}
	return found[0], nil
}

// ErrAmbiguous says that several organizations have a name.
var ErrAmbiguous = errors.New("several organizations have this name")

// List returns every organization, the oldest first.
func (s *Service) List(ctx context.Context) ([]Organization, error) {
	return list(ctx, postgres.From(ctx, s.db))
}

// Create adds an organization on a plan, one of Plans, and returns its id.
func (s *Service) Create(ctx context.Context, name, plan string) (uuid.UUID, error) {
	o := Organization{ID: s.newID(), Name: name, Plan: plan}
	return o.ID, create(ctx, postgres.From(ctx, s.db), o, s.now())
}

// SetTimeZone sets where the organization's days begin, a name of the IANA database, or returns NotFound. Usage that was
// counted before stays with its days.
// It returns an error for a name that Go or Postgres does not know, and for abbreviations, of which they think otherwise.
func (s *Service) SetTimeZone(ctx context.Context, organization uuid.UUID, zone string) error {
	q := postgres.From(ctx, s.db)
	_, err := time.LoadLocation(zone)
	known, queryErr := knowsZone(ctx, q, zone)
	switch {
	case queryErr != nil:
		return queryErr
	case err != nil, !known, zone != "UTC" && !strings.Contains(zone, "/"):
		return fmt.Errorf("time zone %q: want a name of the IANA database, such as America/New_York, or UTC", zone)
	}
	return setTimeZone(ctx, postgres.From(ctx, s.db), organization, zone)
}

// SetPlan puts an organization on a plan, one of Plans, or returns NotFound. What was agreed with it is
// requestsPerMinute; nil is the plan's own limit. What it uses beyond the new plan stays; it cannot add to it.
func (s *Service) SetPlan(ctx context.Context, organization uuid.UUID, plan string, requestsPerMinute *int32) error {
	return setPlan(ctx, postgres.From(ctx, s.db), organization, plan, requestsPerMinute)
}
