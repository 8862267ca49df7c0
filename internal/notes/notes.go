// Package notes keeps what organizations write down about the permits that they track.
package notes

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Note is a note on a permit, with the API key that wrote it.
type Note struct {
	ID         uuid.UUID `db:"id"`
	PermitUUID uuid.UUID `db:"permit_uuid"`
	Body       string    `db:"body"` // Markdown, as it was sent
	APIKeyID   uuid.UUID `db:"api_key_id"`
	APIKeyName string    `db:"api_key_name"`
	CreatedAt  time.Time `db:"created_at"`
	UpdatedAt  time.Time `db:"updated_at"`
	Version    int64     `db:"version"`
}

func (n Note) key() page.Key { return page.Key{ID: n.ID} }

// Service keeps notes. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	now   func() time.Time
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, now: now, newID: newID}
}

// List returns a page of an organization's notes on a permit, the newest first. It returns NotFound and the problems of
// page.List.
func (s *Service) List(ctx context.Context, organization, permit uuid.UUID, p page.Query) ([]Note, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	if _, err := tracked(ctx, q, organization, permit); err != nil {
		return nil, page.Meta{}, err
	}
	return page.List(p, fmt.Sprintf("notes %s %s", organization, permit), Note.key,
		func(r page.Request) ([]Note, error) { return list(ctx, q, organization, permit, r) },
		func() (int, error) { return count(ctx, q, organization, permit, page.MaxDepth+1) })
}

// Get returns a note, or NotFound.
func (s *Service) Get(ctx context.Context, organization, note uuid.UUID) (Note, error) {
	return get(ctx, postgres.From(ctx, s.db), organization, note)
}

// Create writes a note on a permit. It returns NotFound for an unknown permit, and permit_not_tracked for one that is
// neither on the organization's watchlist nor in its portfolio.
func (s *Service) Create(ctx context.Context, organization, permit, key uuid.UUID, body string) (note Note, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		is, err := tracked(ctx, tx, organization, permit)
		if err != nil {
			return err
		}
		if !is {
			return problem.New(problem.Conflict, "permit_not_tracked",
				"The permit is neither on the watchlist nor in the portfolio; add it to the watchlist first.")
		}
		n := Note{ID: s.newID(), PermitUUID: permit, APIKeyID: key, Body: body, CreatedAt: s.now()}
		if err := insert(ctx, tx, organization, n); err != nil {
			return err
		}
		note, err = get(ctx, tx, organization, n.ID)
		return err
	})
	return note, err
}

// Update changes a note's text; nil leaves it. The request's If-Match is ifMatch. It returns NotFound and
// precondition_failed.
func (s *Service) Update(ctx context.Context, organization, note uuid.UUID, ifMatch, body *string) (changed Note, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.lock(ctx, tx, organization, note, ifMatch); err != nil {
			return err
		}
		if err := update(ctx, tx, organization, note, body, s.now()); err != nil {
			return err
		}
		changed, err = get(ctx, tx, organization, note)
		return err
	})
	return changed, err
}

// Delete deletes a note. The request's If-Match is ifMatch. It returns NotFound and precondition_failed.
func (s *Service) Delete(ctx context.Context, organization, note uuid.UUID, ifMatch *string) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.lock(ctx, tx, organization, note, ifMatch); err != nil {
			return err
		}
		return remove(ctx, tx, organization, note)
	})
}

// lock keeps others from changing the note until the transaction ends, if it has the version that ifMatch wants.
func (s *Service) lock(ctx context.Context, tx *postgres.Tx, organization, note uuid.UUID, ifMatch *string) error {
	version, err := lockVersion(ctx, tx, organization, note)
	if err != nil {
		return err
	}
	return etag.Check(ifMatch, version)
}
