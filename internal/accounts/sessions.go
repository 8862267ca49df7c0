package accounts

import (
	"context"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Sessions keeps what browsers' sessions hold, under the hash of their tokens. One that was ended stays so: a request that was
// under way meanwhile does not bring it back. It is safe for concurrent use.
type Sessions struct {
	db  *postgres.DB
	now func() time.Time
}

// NewSessions returns Sessions on the database.
func NewSessions(db *postgres.DB, now func() time.Time) *Sessions {
	return &Sessions{db: db, now: now}
}

// FindCtx returns what a session holds, and whether there is one.
func (s *Sessions) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	return findSession(ctx, s.db, token, s.now())
}

// CommitCtx keeps what a session holds until it expires, unless it was ended.
func (s *Sessions) CommitCtx(ctx context.Context, token string, data []byte, expiry time.Time) error {
	return commitSession(ctx, s.db, token, data, expiry, s.now())
}

// DeleteCtx ends a session.
func (s *Sessions) DeleteCtx(ctx context.Context, token string) error {
	return endSession(ctx, s.db, token, s.now())
}
