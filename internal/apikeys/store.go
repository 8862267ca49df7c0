package apikeys

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed apikeys.sql
var sqlText string

var (
	statements   = postgres.ParseStatements(sqlText)
	getByHashSQL = statements.Get("getByHash")
	createSQL    = statements.Get("create")
)

type row struct {
	OrganizationID uuid.UUID      `db:"organization_id"`
	ID             uuid.UUID      `db:"id"`
	Name           string         `db:"name"`
	Permissions    pq.StringArray `db:"permissions"`
	ExpiresAt      *time.Time     `db:"expires_at"`
	RevokedAt      *time.Time     `db:"revoked_at"`
}

func (r row) identity() identity.Identity {
	i := identity.Identity{OrganizationID: r.OrganizationID, KeyID: r.ID, KeyName: r.Name}
	for _, p := range r.Permissions {
		i.Permissions = append(i.Permissions, identity.Permission(p))
	}
	return i
}

func getByHash(ctx context.Context, q postgres.Querier, hash []byte) (row, error) {
	var r row
	switch err := q.GetContext(ctx, &r, getByHashSQL, hash); {
	case errors.Is(err, sql.ErrNoRows):
		return r, errInvalid()
	case err != nil:
		return r, fmt.Errorf("look an API key up: %w", err)
	}
	return r, nil
}

func create(ctx context.Context, q postgres.Querier, k Key, clear string, at time.Time) error {
	_, err := q.ExecContext(ctx, createSQL, k.OrganizationID, k.ID, k.Name, pq.Array(k.Permissions), hash(clear),
		Prefix, clear[len(clear)-4:], at, k.ExpiresAt)
	if err != nil {
		return fmt.Errorf("create API key %q: %w", k.Name, err)
	}
	return nil
}
