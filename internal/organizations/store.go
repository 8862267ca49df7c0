package organizations

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed organizations.sql
var sqlText string

var (
	statements   = postgres.ParseStatements(sqlText)
	getSQL       = statements.Get("get")
	getByNameSQL = statements.Get("getByName")
	createSQL    = statements.Get("create")
)

func get(ctx context.Context, q postgres.Querier, id uuid.UUID) (Organization, error) {
	var o Organization
	switch err := q.GetContext(ctx, &o, getSQL, id); {
	case errors.Is(err, sql.ErrNoRows):
		return o, problem.Missing("organization")
	case err != nil:
		return o, fmt.Errorf("get organization %s: %w", id, err)
	}
	return o, nil
}

func getByName(ctx context.Context, q postgres.Querier, name string) (uuid.UUID, error) {
	var id uuid.UUID
	switch err := q.GetContext(ctx, &id, getByNameSQL, name); {
	case errors.Is(err, sql.ErrNoRows):
		return id, problem.Missing("organization")
	case err != nil:
		return id, fmt.Errorf("get organization %q: %w", name, err)
	}
	return id, nil
}

func create(ctx context.Context, q postgres.Querier, o Organization, at time.Time) error {
	if _, err := q.ExecContext(ctx, createSQL, o.ID, o.Name, o.Plan, at); err != nil {
		return fmt.Errorf("create organization %q: %w", o.Name, err)
	}
	return nil
}
