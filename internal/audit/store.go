package audit

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed audit.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	insertSQL  = statements.Get("insert")
)

func insert(ctx context.Context, q postgres.Querier, id uuid.UUID, e Entry, at time.Time) error {
	_, err := q.ExecContext(ctx, insertSQL, e.OrganizationID, id, e.KeyID, e.MemberID, e.Operation, e.Method, e.Path, e.Status, e.RequestID, at)
	if err != nil {
		return fmt.Errorf("record %s in the audit log: %w", e.Operation, err)
	}
	return nil
}
