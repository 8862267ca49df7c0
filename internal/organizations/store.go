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
	statements    = postgres.ParseStatements(sqlText)
	listByNameSQL = statements.Get("listByName")
	createSQL     = statements.Get("create")
	setPlanSQL    = statements.Get("setPlan")
	setZoneSQL    = statements.Get("setTimeZone")
	knowsZoneSQL  = statements.Get("knowsZone")
)

func get(ctx context.Context, q postgres.Querier, id uuid.UUID) (Organization, error) {
	var b postgres.Query
	text, args := b.Add(statements.Part("list")).Add(statements.Part("is"), id).SQL()
	var o Organization
	switch err := q.GetContext(ctx, &o, text, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return o, problem.Missing("organization")
	case err != nil:
		return o, fmt.Errorf("get organization %s: %w", id, err)
	}
	return o, nil
}

func list(ctx context.Context, q postgres.Querier) ([]Organization, error) {
	var b postgres.Query
	text, _ := b.Add(statements.Part("list")).Add(statements.Part("by_id")).SQL()
	var found []Organization
	if err := q.SelectContext(ctx, &found, text); err != nil {
		return nil, fmt.Errorf("list organizations: %w", err)
	}
	return found, nil
}

func listByName(ctx context.Context, q postgres.Querier, name string) ([]uuid.UUID, error) {
	var found []uuid.UUID
	if err := q.SelectContext(ctx, &found, listByNameSQL, name); err != nil {
		return nil, fmt.Errorf("get organization %q: %w", name, err)
	}
	return found, nil
}

func create(ctx context.Context, q postgres.Querier, o Organization, at time.Time) error {
	if _, err := q.ExecContext(ctx, createSQL, o.ID, o.Name, o.Plan, at); err != nil {
		return fmt.Errorf("create organization %q: %w", o.Name, err)
	}
	return nil
}

func setPlan(ctx context.Context, q postgres.Querier, id uuid.UUID, plan string, requestsPerMinute *int32) error {
	if err := change(ctx, q, setPlanSQL, id, plan, requestsPerMinute); err != nil {
		return fmt.Errorf("put organization %s on the %s plan: %w", id, plan, err)
	}
	return nil
}

func knowsZone(ctx context.Context, q postgres.Querier, zone string) (bool, error) {
	var known bool
	if err := q.GetContext(ctx, &known, knowsZoneSQL, zone); err != nil {
		return false, fmt.Errorf("look the time zone %q up: %w", zone, err)
	}
	return known, nil
}

func setTimeZone(ctx context.Context, q postgres.Querier, id uuid.UUID, zone string) error {
	if err := change(ctx, q, setZoneSQL, id, zone); err != nil {
		return fmt.Errorf("set the time zone of organization %s: %w", id, err)
	}
	return nil
}

// change changes an organization, or returns NotFound.
func change(ctx context.Context, q postgres.Querier, statement string, args ...any) error {
	result, err := q.ExecContext(ctx, statement, args...)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return problem.Missing("organization")
}
