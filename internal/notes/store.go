package notes

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed notes.sql
var sqlText string

var (
	statements     = postgres.ParseStatements(sqlText)
	countSQL       = statements.Get("count")
	trackedSQL     = statements.Get("tracked")
	insertSQL      = statements.Get("insert")
	lockVersionSQL = statements.Get("lockVersion")
	updateSQL      = statements.Get("update")
	removeSQL      = statements.Get("remove")
)

func list(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID, p page.Request) ([]Note, error) {
	var b postgres.Query
	b.Add(statements.Part("list"), organization).Add(statements.Part("on_permit"), permit)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	text, args := b.Add(statements.Part("limit"), p.PerPage+1, p.Offset()).SQL()
	var found []Note
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the notes on permit %s: %w", permit, err)
	}
	return found, nil
}

func count(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID, most int) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countSQL, organization, permit, most); err != nil {
		return 0, fmt.Errorf("count the notes on permit %s: %w", permit, err)
	}
	return n, nil
}

func get(ctx context.Context, q postgres.Querier, organization, note uuid.UUID) (Note, error) {
	var b postgres.Query
	text, args := b.Add(statements.Part("list"), organization).Add(statements.Part("is"), note).SQL()
	var n Note
	switch err := q.GetContext(ctx, &n, text, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return n, problem.Missing("note")
	case err != nil:
		return n, fmt.Errorf("get note %s: %w", note, err)
	}
	return n, nil
}

// tracked reports whether the organization tracks the permit; it returns NotFound for an unknown one.
func tracked(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID) (bool, error) {
	var is bool
	switch err := q.GetContext(ctx, &is, trackedSQL, organization, permit); {
	case errors.Is(err, sql.ErrNoRows):
		return false, problem.Missing("permit")
	case err != nil:
		return false, fmt.Errorf("look whether permit %s is tracked: %w", permit, err)
	}
	return is, nil
}

func insert(ctx context.Context, q postgres.Querier, organization uuid.UUID, n Note) error {
	if _, err := q.ExecContext(ctx, insertSQL, organization, n.ID, n.PermitUUID, n.Body, n.APIKeyID, n.CreatedAt); err != nil {
		return fmt.Errorf("create a note on permit %s: %w", n.PermitUUID, err)
	}
	return nil
}

func lockVersion(ctx context.Context, tx *postgres.Tx, organization, note uuid.UUID) (int64, error) {
	var version int64
	switch err := tx.GetContext(ctx, &version, lockVersionSQL, organization, note); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, problem.Missing("note")
	case err != nil:
		return 0, fmt.Errorf("lock note %s: %w", note, err)
	}
	return version, nil
}

func update(ctx context.Context, q postgres.Querier, organization, note uuid.UUID, body *string, at time.Time) error {
	if _, err := q.ExecContext(ctx, updateSQL, organization, note, body, at); err != nil {
		return fmt.Errorf("update note %s: %w", note, err)
	}
	return nil
}

func remove(ctx context.Context, q postgres.Querier, organization, note uuid.UUID) error {
	if _, err := q.ExecContext(ctx, removeSQL, organization, note); err != nil {
		return fmt.Errorf("delete note %s: %w", note, err)
	}
	return nil
}
