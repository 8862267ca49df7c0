package accounts

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

//go:embed accounts.sql
var sqlText string

var (
	statements       = postgres.ParseStatements(sqlText)
	membershipsSQL   = statements.Get("memberships")
	passwordOfSQL    = statements.Get("passwordOf")
	setPasswordSQL   = statements.Get("setPassword")
	changedSQL       = statements.Get("changed")
	insertLinkSQL    = statements.Get("insertLink")
	linkOfSQL        = statements.Get("linkOf")
	useLinkSQL       = statements.Get("useLink")
	pruneLinksSQL    = statements.Get("pruneLinks")
	pruneSessionsSQL = statements.Get("pruneSessions")
	lockAddressSQL   = statements.Get("lockAddress")
	isElsewhereSQL   = statements.Get("isElsewhere")
	findSessionSQL   = statements.Get("findSession")
	commitSessionSQL = statements.Get("commitSession")
	endSessionSQL    = statements.Get("endSession")
)

func memberships(ctx context.Context, q postgres.Querier, email string) ([]Membership, error) {
	var found []Membership
	if err := q.SelectContext(ctx, &found, membershipsSQL, email); err != nil {
		return nil, fmt.Errorf("list the memberships of an account: %w", err)
	}
	return found, nil
}

// passwordOf returns the hash; "" for somebody without a password.
func passwordOf(ctx context.Context, q postgres.Querier, email string) (hash string, err error) {
	err = q.GetContext(ctx, &hash, passwordOfSQL, email)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("look an account up: %w", err)
	}
	return hash, nil
}

func setPassword(ctx context.Context, q postgres.Querier, email, hash string, at time.Time) error {
	if _, err := q.ExecContext(ctx, setPasswordSQL, email, hash, at); err != nil {
		return fmt.Errorf("set the password of an account: %w", err)
	}
	return nil
}

func changed(ctx context.Context, q postgres.Querier, email string) (at time.Time, err error) {
	err = q.GetContext(ctx, &at, changedSQL, email)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return at, fmt.Errorf("look up when a password was set: %w", err)
	}
	return at, nil
}

func insertLink(ctx context.Context, q postgres.Querier, hash []byte, email string, at, expires time.Time) error {
	if _, err := q.ExecContext(ctx, insertLinkSQL, hash, email, at, expires); err != nil {
		return fmt.Errorf("make a link to sign in: %w", err)
	}
	return nil
}

func linkOf(ctx context.Context, q postgres.Querier, hash []byte, at time.Time) (string, error) {
	return link(ctx, q, linkOfSQL, hash, at)
}

func useLink(ctx context.Context, q postgres.Querier, hash []byte, at time.Time) (string, error) {
	return link(ctx, q, useLinkSQL, hash, at)
}

func link(ctx context.Context, q postgres.Querier, statement string, hash []byte, at time.Time) (email string, err error) {
	switch err := q.GetContext(ctx, &email, statement, hash, at); {
	case errors.Is(err, sql.ErrNoRows):
		return "", problem.New(problem.Gone, "link_over", "This link was used already, or its time is over. Ask for another one.")
	case err != nil:
		return "", fmt.Errorf("look a link up: %w", err)
	}
	return email, nil
}

func prune(ctx context.Context, q postgres.Querier, before time.Time) error {
	for _, statement := range []string{pruneLinksSQL, pruneSessionsSQL} {
		if _, err := q.ExecContext(ctx, statement, before); err != nil {
			return fmt.Errorf("delete old links and sessions: %w", err)
		}
	}
	return nil
}

func lockAddress(ctx context.Context, tx *postgres.Tx, email string) error {
	if _, err := tx.ExecContext(ctx, lockAddressSQL, email); err != nil {
		return fmt.Errorf("keep others from inviting an address: %w", err)
	}
	return nil
}

func isElsewhere(ctx context.Context, q postgres.Querier, email string, organization uuid.UUID) (found bool, err error) {
	if err := q.GetContext(ctx, &found, isElsewhereSQL, email, organization); err != nil {
		return false, fmt.Errorf("look for an address in other organizations: %w", err)
	}
	return found, nil
}

func findSession(ctx context.Context, q postgres.Querier, token string, at time.Time) (data []byte, found bool, err error) {
	switch err := q.GetContext(ctx, &data, findSessionSQL, token, at); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, false, nil
	case err != nil:
		return nil, false, fmt.Errorf("find a session: %w", err)
	}
	return data, true, nil
}

func commitSession(ctx context.Context, q postgres.Querier, token string, data []byte, expiry, at time.Time) error {
	if _, err := q.ExecContext(ctx, commitSessionSQL, token, data, expiry, at); err != nil {
		return fmt.Errorf("keep a session: %w", err)
	}
	return nil
}

func endSession(ctx context.Context, q postgres.Querier, token string, at time.Time) error {
	if _, err := q.ExecContext(ctx, endSessionSQL, token, at); err != nil {
		return fmt.Errorf("end a session: %w", err)
	}
	return nil
}
