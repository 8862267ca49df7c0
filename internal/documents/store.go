package documents

import (
	"context"
	_ "embed"
	"fmt"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed documents.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	lockSQL    = statements.Get("lock")
	putSQL     = statements.Get("put")
)

// lock reports whether what documents have of other tables stays as it is until the transaction ends.
func lock(ctx context.Context, tx *postgres.Tx) (locked bool, err error) {
	if err := tx.GetContext(ctx, &locked, lockSQL); err != nil {
		return false, fmt.Errorf("lock what documents are made of: %w", err)
	}
	return locked, nil
}

func put(ctx context.Context, q postgres.Querier, kind string, schema []byte, documents []Document) error {
	ids, revisions, bodies := make([]uuid.UUID, len(documents)), make([]int32, len(documents)), make([]string, len(documents))
	for i, d := range documents {
		ids[i], revisions[i], bodies[i] = d.ID, d.Revision, string(d.Body)
	}
	if _, err := q.ExecContext(ctx, putSQL, kind, schema, pq.Array(ids), pq.Array(revisions), pq.Array(bodies)); err != nil {
		return fmt.Errorf("keep %d documents of the kind %s: %w", len(documents), kind, err)
	}
	return nil
}
