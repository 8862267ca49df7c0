package mails

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed mails.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	insertSQL  = statements.Get("insert")
	claimSQL   = statements.Get("claim")
	finishSQL  = statements.Get("finish")
)

func insert(ctx context.Context, tx *postgres.Tx, m Mail) error {
	_, err := tx.ExecContext(ctx, insertSQL, m.OrganizationID, m.ID, m.NotificationID, m.Email, m.Name, m.Subject, m.Body, m.CreatedAt)
	if err != nil {
		return fmt.Errorf("queue a mail of organization %s: %w", m.OrganizationID, err)
	}
	return nil
}

// claim takes the mail that is due first, so that nobody else does before the time; nil when none is due.
func claim(ctx context.Context, q postgres.Querier, now, until time.Time) (*job, error) {
	var j job
	switch err := q.GetContext(ctx, &j, claimSQL, now, until); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("claim a mail: %w", err)
	}
	return &j, nil
}

// finish records what came of an attempt, unless somebody else has made another one since.
func finish(ctx context.Context, q postgres.Querier, j job, o outcome) error {
	if _, err := q.ExecContext(ctx, finishSQL, j.OrganizationID, j.ID, j.Attempts, o.state, o.err, o.next, o.endedAt); err != nil {
		return fmt.Errorf("record what came of mail %s: %w", j.ID, err)
	}
	return nil
}
