package idempotency

import (
	"context"
	"database/sql"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed idempotency.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	tryLockSQL = statements.Get("tryLock")
	getSQL     = statements.Get("get")
	putSQL     = statements.Get("put")
	dropSQL    = statements.Get("drop")
	forgetSQL  = statements.Get("forget")
)

type kept struct {
	Answer
	BodyHash  []byte    `db:"body_hash"`
	CreatedAt time.Time `db:"created_at"`
}

// keyHash returns what stands for an idempotency key in the database: a client may send a secret as one.
func keyHash(key string) string { return hex.EncodeToString(hash([]byte(key))) }

func tryLock(ctx context.Context, q postgres.Querier, r Request) (bool, error) {
	var locked bool
	if err := q.GetContext(ctx, &locked, tryLockSQL, r.OrganizationID, r.Method, r.Path, keyHash(r.Key)); err != nil {
		return false, fmt.Errorf("claim an idempotency key: %w", err)
	}
	return locked, nil
}

func get(ctx context.Context, q postgres.Querier, r Request, after time.Time) (*kept, error) {
	var k kept
	switch err := q.GetContext(ctx, &k, getSQL, r.OrganizationID, r.Method, r.Path, keyHash(r.Key), after); {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("get the answer of an idempotency key: %w", err)
	}
	return &k, nil
}

func put(ctx context.Context, q postgres.Querier, r Request, a Answer, at time.Time) error {
	_, err := q.ExecContext(ctx, putSQL, r.OrganizationID, r.Method, r.Path, keyHash(r.Key), hash(r.Body), a.Status, a.Location, a.ETag, a.Body, at, a.SecretOf)
	if err != nil {
		return fmt.Errorf("keep the answer of an idempotency key: %w", err)
	}
	return nil
}

func drop(ctx context.Context, q postgres.Querier, r Request) error {
	if _, err := q.ExecContext(ctx, dropSQL, r.OrganizationID, r.Method, r.Path, keyHash(r.Key)); err != nil {
		return fmt.Errorf("drop an idempotency key: %w", err)
	}
	return nil
}

func forget(ctx context.Context, q postgres.Querier, organization uuid.UUID, before time.Time) error {
	if _, err := q.ExecContext(ctx, forgetSQL, organization, before); err != nil {
		return fmt.Errorf("forget old idempotency keys: %w", err)
	}
	return nil
}
