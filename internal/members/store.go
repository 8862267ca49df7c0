package members

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed members.sql
var sqlText string

var (
	statements   = postgres.ParseStatements(sqlText)
	listSQL      = statements.Get("list")
	lockSeatsSQL = statements.Get("lockSeats")
	countSQL     = statements.Get("count")
	insertSQL    = statements.Get("insert")
)

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID) ([]Member, error) {
	var found []Member
	if err := q.SelectContext(ctx, &found, listSQL, organization); err != nil {
		return nil, fmt.Errorf("list the members of organization %s: %w", organization, err)
	}
	return found, nil
}

// lockSeats returns the organization's plan and how many seats it allows; nil for any number.
func lockSeats(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (plan string, allowed *int, err error) {
	var limit struct {
		Plan    string `db:"plan"`
		Allowed *int   `db:"allowed"`
	}
	switch err := tx.GetContext(ctx, &limit, lockSeatsSQL, organization); {
	case errors.Is(err, sql.ErrNoRows):
		return "", nil, problem.Missing("organization")
	case err != nil:
		return "", nil, fmt.Errorf("lock the seats of organization %s: %w", organization, err)
	}
	return limit.Plan, limit.Allowed, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countSQL, organization); err != nil {
		return 0, fmt.Errorf("count the members of organization %s: %w", organization, err)
	}
	return n, nil
}

func insert(ctx context.Context, q postgres.Querier, organization uuid.UUID, m Member) error {
	_, err := q.ExecContext(ctx, insertSQL, organization, m.ID, m.Email, m.Name, m.Role, m.CreatedAt)
	if postgres.IsUniqueViolation(err, "members_email_key") {
		return problem.New(problem.Conflict, "member_exists", "The organization has a member with this e-mail address already.")
	}
	if err != nil {
		return fmt.Errorf("add a member to organization %s: %w", organization, err)
	}
	return nil
}
