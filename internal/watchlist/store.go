package watchlist

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed watchlist.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	addSQL     = statements.Get("add")
	pickSQL    = statements.Get("pick")
)

func pick(ctx context.Context, q postgres.Querier, permitNumber string, n int) ([]uuid.UUID, error) {
	var permits []uuid.UUID
	if err := q.SelectContext(ctx, &permits, pickSQL, permitNumber, n); err != nil {
		return nil, fmt.Errorf("pick %d permits: %w", n, err)
	}
	return permits, nil
}

func add(ctx context.Context, q postgres.Querier, organization uuid.UUID, permits []uuid.UUID) error {
	if _, err := q.ExecContext(ctx, addSQL, organization, pq.Array(permits)); err != nil {
		return fmt.Errorf("add %d permits to the watchlist of %s: %w", len(permits), organization, err)
	}
	return nil
}
