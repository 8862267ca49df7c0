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
	putSQL     = statements.Get("put")
)

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
