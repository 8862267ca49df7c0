package conditions

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/geo"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed conditions.sql
var sqlText string

var (
	statements       = postgres.ParseStatements(sqlText)
	lockLimitSQL     = statements.Get("lockLimit")
	countSQL         = statements.Get("count")
	lockSQL          = statements.Get("lock")
	stampSQL         = statements.Get("stamp")
	insertSQL        = statements.Get("insert")
	updateSQL        = statements.Get("update")
	removeSQL        = statements.Get("remove")
	removeMatchesSQL = statements.Get("removeMatches")
	existSQL         = statements.Get("exist")
	matchSQL         = statements.Get("match")
)

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, p page.Request) ([]Condition, error) {
	var b postgres.Query
	b.Add(statements.Part("list"), organization)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	text, args := b.Add(statements.Part("limit"), p.PerPage+1, p.Offset()).SQL()
	var found []Condition
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list conditions: %w", err)
	}
	return found, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countSQL, organization); err != nil {
		return 0, fmt.Errorf("count conditions: %w", err)
	}
	return n, nil
}

func get(ctx context.Context, q postgres.Querier, organization, condition uuid.UUID) (Condition, error) {
	var b postgres.Query
	text, args := b.Add(statements.Part("list"), organization).Add(statements.Part("is"), condition).SQL()
	var c Condition
	switch err := q.GetContext(ctx, &c, text, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return c, problem.Missing("condition")
	case err != nil:
		return c, fmt.Errorf("get condition %s: %w", condition, err)
	}
	return c, nil
}

// lockLimit returns the organization's plan and how many conditions it allows; nil for any number.
func lockLimit(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (plan string, allowed *int, err error) {
	var limit struct {
		Plan    string `db:"plan"`
		Allowed *int   `db:"allowed"`
	}
	if err := tx.GetContext(ctx, &limit, lockLimitSQL, organization); err != nil {
		return "", nil, fmt.Errorf("lock the conditions of organization %s: %w", organization, err)
	}
	return limit.Plan, limit.Allowed, nil
}

func lock(ctx context.Context, tx *postgres.Tx, organization, condition uuid.UUID) error {
	var version int64
	switch err := tx.GetContext(ctx, &version, lockSQL, organization, condition); {
	case errors.Is(err, sql.ErrNoRows):
		return problem.Missing("condition")
	case err != nil:
		return fmt.Errorf("lock condition %s: %w", condition, err)
	}
	return nil
}

func stamp(ctx context.Context, tx *postgres.Tx) (time.Time, error) {
	var at time.Time
	if err := tx.GetContext(ctx, &at, stampSQL); err != nil {
		return at, fmt.Errorf("stamp a change of matches: %w", err)
	}
	return at, nil
}

// place returns a location's columns, and nils for every other type.
func place(c Condition) []any {
	if c.Type != Location {
		return []any{nil, nil, nil, nil, nil}
	}
	area, other := geo.Circle{Latitude: c.Latitude, Longitude: c.Longitude, RadiusM: c.RadiusM}.Boxes()
	if other == area {
		return []any{c.Latitude, c.Longitude, c.RadiusM, area, nil}
	}
	return []any{c.Latitude, c.Longitude, c.RadiusM, area, other}
}

func insert(ctx context.Context, q postgres.Querier, organization uuid.UUID, c Condition, at time.Time) error {
	args := append([]any{organization, c.ID, c.Type, c.Name, c.Company, c.License, c.Person}, place(c)...)
	if _, err := q.ExecContext(ctx, insertSQL, append(args, at)...); err != nil {
		return fmt.Errorf("create a %s condition: %w", c.Type, err)
	}
	return nil
}

func update(ctx context.Context, q postgres.Querier, organization uuid.UUID, c Condition, at time.Time) error {
	args := append([]any{organization, c.ID, c.Name, c.Company, c.License, c.Person}, place(c)...)
	if _, err := q.ExecContext(ctx, updateSQL, append(args, at)...); err != nil {
		return fmt.Errorf("update condition %s: %w", c.ID, err)
	}
	return nil
}

// replaceMatches puts the permits that match now in the place of those that did, and returns those that came or went.
func replaceMatches(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, c Condition, at time.Time) ([]uuid.UUID, error) {
	var b postgres.Query
	b.Add(statements.Part("find_"+c.Type), organization, c.ID)
	b.Add(statements.Part("replace"), organization, c.ID, organization, c.ID, at)
	text, args := b.SQL()
	var permits []uuid.UUID
	if err := tx.SelectContext(ctx, &permits, text, args...); err != nil {
		return nil, fmt.Errorf("find the permits of condition %s: %w", c.ID, err)
	}
	return permits, nil
}

// remove deletes a condition and returns the permits that matched it.
func remove(ctx context.Context, tx *postgres.Tx, organization, condition uuid.UUID) ([]uuid.UUID, error) {
	var permits []uuid.UUID
	if err := tx.SelectContext(ctx, &permits, removeMatchesSQL, organization, condition); err != nil {
		return nil, fmt.Errorf("delete the matches of condition %s: %w", condition, err)
	}
	if _, err := tx.ExecContext(ctx, removeSQL, organization, condition); err != nil {
		return nil, fmt.Errorf("delete condition %s: %w", condition, err)
	}
	return permits, nil
}

func exist(ctx context.Context, q postgres.Querier) (bool, error) {
	var some bool
	if err := q.GetContext(ctx, &some, existSQL); err != nil {
		return false, fmt.Errorf("look for conditions: %w", err)
	}
	return some, nil
}

func match(ctx context.Context, tx *postgres.Tx, permits []uuid.UUID, at time.Time) error {
	if _, err := tx.ExecContext(ctx, matchSQL, pq.Array(permits), at); err != nil {
		return fmt.Errorf("match %d permits with conditions: %w", len(permits), err)
	}
	return nil
}
