// Package organizations keeps the organizations, their plans and what these allow.
package organizations

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Organization is a tenant, with the limits of its plan; a nil limit is none.
type Organization struct {
	ID                uuid.UUID `db:"id"`
	Name              string    `db:"name"`
	Plan              string    `db:"plan"` // starter, professional or enterprise
	RequestsPerMinute int32     `db:"requests_per_minute"`
	PermitSlots       *int32    `db:"permit_slots"`
	Seats             *int32    `db:"seats"`
	Conditions        *int32    `db:"conditions"`
}

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
func (s *Service) Get(ctx context.Context, id uuid.UUID) (Organization, error) {
	return get(ctx, postgres.From(ctx, s.db), id)
}

// GetByName returns the id of the oldest organization of that name, or NotFound.
func (s *Service) GetByName(ctx context.Context, name string) (uuid.UUID, error) {
	return getByName(ctx, postgres.From(ctx, s.db), name)
}

// Create adds an organization on a plan, one of starter, professional and enterprise, and returns its id.
func (s *Service) Create(ctx context.Context, name, plan string) (uuid.UUID, error) {
	o := Organization{ID: s.newID(), Name: name, Plan: plan}
	return o.ID, create(ctx, postgres.From(ctx, s.db), o, s.now())
}
