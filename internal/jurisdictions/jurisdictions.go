// Package jurisdictions keeps the cities and counties whose permits are read, and how fresh they are.
package jurisdictions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

// Jurisdiction is a city or county that issues permits.
type Jurisdiction struct {
	ID            uuid.UUID  `db:"id"`
	Slug          string     `db:"slug"`
	Name          string     `db:"name"`
	Region        string     `db:"region"`
	Permits       int64      `db:"permits"`
	LastCheckedAt *time.Time `db:"last_checked_at"` // nil before a source was first read to its end
	LastChangedAt *time.Time `db:"last_changed_at"`
}

func (j Jurisdiction) key() page.Key { return page.Key{Value: j.Slug, ID: j.ID} }

// Service keeps jurisdictions. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, newID func() uuid.UUID) *Service {
	return &Service{db: db, newID: newID}
}

// List returns a page of all jurisdictions by slug, or a problem of page.List.
func (s *Service) List(ctx context.Context, p page.Query) ([]Jurisdiction, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	return page.List(p, "jurisdictions", Jurisdiction.key,
		func(r page.Request) ([]Jurisdiction, error) { return list(ctx, q, r) },
		func() (int, error) { return count(ctx, q) })
}

// Ensure returns the id of the jurisdiction with that slug, which it creates or renames as needed.
func (s *Service) Ensure(ctx context.Context, slug, name, region string) (uuid.UUID, error) {
	return ensure(ctx, postgres.From(ctx, s.db), Jurisdiction{ID: s.newID(), Slug: slug, Name: name, Region: region})
}

// Changed records, in the transaction that made it so, that permits of the jurisdiction appeared or changed.
func (s *Service) Changed(ctx context.Context, tx *postgres.Tx, id uuid.UUID, added int, at time.Time) error {
	return recordChange(ctx, tx, id, added, at)
}

// Checked records that the jurisdiction's source was read to its end.
func (s *Service) Checked(ctx context.Context, id uuid.UUID, at time.Time) error {
	return recordCheck(ctx, postgres.From(ctx, s.db), id, at)
}
