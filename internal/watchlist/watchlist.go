// Package watchlist keeps the permits that organizations watch.
package watchlist

import (
	"context"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Service keeps watchlists. It is safe for concurrent use.
type Service struct {
	db *postgres.DB
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB) *Service {
	return &Service{db: db}
}

// AddFirst puts the oldest permits, so many of them, and the one of that number on an organization's watchlist.
func (s *Service) AddFirst(ctx context.Context, organization uuid.UUID, n int, permitNumber string) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		permits, err := pick(ctx, tx, permitNumber, n)
		if err != nil {
			return err
		}
		return add(ctx, tx, organization, permits)
	})
}
