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
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed apikeys.sql
var sqlText string

var (
	statements      = postgres.ParseStatements(sqlText)
	authenticateSQL = statements.Get("authenticate")
	insertSQL       = statements.Get("insert")
	rotateSQL       = statements.Get("rotate")
	revokeSQL       = statements.Get("revoke")
	touchSQL        = statements.Get("touch")
)

// row is a key as the statements select it.
type row struct {
	OrganizationID    uuid.UUID      `db:"organization_id"`
	ID                uuid.UUID      `db:"id"`
	Name              string         `db:"name"`
	Permissions       pq.StringArray `db:"permissions"`
	Prefix            string         `db:"prefix"`
	LastFour          string         `db:"last_four"`
	AllowedNetworks   pq.StringArray `db:"allowed_networks"`
	CreatedAt         time.Time      `db:"created_at"`
	CreatedBy         *uuid.UUID     `db:"created_by"`
	CreatorName       string         `db:"creator_name"`
	LastUsedAt        *time.Time     `db:"last_used_at"`
	ExpiresAt         *time.Time     `db:"expires_at"`
	RevokedAt         *time.Time     `db:"revoked_at"`
	RotatedAt         *time.Time     `db:"rotated_at"`
	PreviousExpiresAt *time.Time     `db:"previous_expires_at"`
	RequestsPerMinute int            `db:"requests_per_minute"`
	Superseded        bool           `db:"superseded"`
	Version           int64          `db:"version"`
}

func (r row) permissions() []identity.Permission {
	found := make([]identity.Permission, len(r.Permissions))
	for i, p := range r.Permissions {
		found[i] = identity.Permission(p)
	}
	return found
}

func (r row) key() Key {
	return Key{
		OrganizationID: r.OrganizationID, ID: r.ID, Name: r.Name, Permissions: r.permissions(), Prefix: r.Prefix, LastFour: r.LastFour,
		AllowedNetworks: r.AllowedNetworks, CreatedAt: r.CreatedAt, CreatedBy: r.CreatedBy, CreatorName: r.CreatorName,
		LastUsedAt: r.LastUsedAt, ExpiresAt: r.ExpiresAt, RevokedAt: r.RevokedAt, RotatedAt: r.RotatedAt,
		PreviousExpiresAt: r.PreviousExpiresAt, Version: r.Version,
	}
}

// authenticate returns what is known of the key with that hash.
func authenticate(ctx context.Context, q postgres.Querier, h digest) (knowledge, error) {
	var r row
	switch err := q.GetContext(ctx, &r, authenticateSQL, h[:]); {
	case errors.Is(err, sql.ErrNoRows):
		return knowledge{}, nil
	case err != nil:
		return knowledge{}, fmt.Errorf("look an API key up: %w", err)
	}
	networks, err := parsed(r.AllowedNetworks)
	return knowledge{
		exists: true, networks: networks, expiresAt: r.ExpiresAt, revoked: r.RevokedAt != nil,
		identity: identity.Identity{
			OrganizationID: r.OrganizationID, KeyID: r.ID, KeyName: r.Name, Permissions: r.permissions(), RequestsPerMinute: r.RequestsPerMinute,
			Superseded: r.Superseded,
		},
	}, err
}

// inState joins the condition of a state to a query; "" is none.
func inState(b *postgres.Query, state string, at time.Time) {
	switch state {
	case "":
	case Revoked:
		b.Add(statements.Part("revoked"))
	default:
		b.Add(statements.Part(state), at)
	}
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, state string, at time.Time, p page.Request) ([]Key, error) {
	var b postgres.Query
	b.Add(statements.Part("list")).Add(statements.Part("of"), organization)
	inState(&b, state, at)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	b.Add(statements.Part("limit"), p.PerPage+1, p.Offset())
	return selectKeys(ctx, q, &b)
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, state string, at time.Time, most int) (int, error) {
	var b postgres.Query
	b.Add(statements.Part("counted")).Add(statements.Part("list")).Add(statements.Part("of"), organization)
	inState(&b, state, at)
	text, args := b.Add(statements.Part("end_counted"), most).SQL()
	var n int
	if err := q.GetContext(ctx, &n, text, args...); err != nil {
		return 0, fmt.Errorf("count the API keys of organization %s: %w", organization, err)
	}
	return n, nil
}

func selectKeys(ctx context.Context, q postgres.Querier, b *postgres.Query) ([]Key, error) {
	text, args := b.SQL()
	var rows []row
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("select API keys: %w", err)
	}
	found := make([]Key, len(rows))
	for i, r := range rows {
		found[i] = r.key()
	}
	return found, nil
}

func selectKey(ctx context.Context, q postgres.Querier, b *postgres.Query) (Key, error) {
	found, err := selectKeys(ctx, q, b)
	if err != nil {
		return Key{}, err
	}
	if len(found) == 0 {
		return Key{}, problem.Missing("API key")
	}
	return found[0], nil
}

func get(ctx context.Context, q postgres.Querier, organization, key uuid.UUID) (Key, error) {
	var b postgres.Query
	return selectKey(ctx, q, b.Add(statements.Part("list")).Add(statements.Part("of"), organization).Add(statements.Part("is"), key))
}

func find(ctx context.Context, q postgres.Querier, key uuid.UUID) (Key, error) {
	var b postgres.Query
	return selectKey(ctx, q, b.Add(statements.Part("list")).Add(statements.Part("is"), key))
}

// lock returns a key, which nobody else changes until the transaction ends.
func lock(ctx context.Context, tx *postgres.Tx, organization, key uuid.UUID) (Key, error) {
	var b postgres.Query
	b.Add(statements.Part("list")).Add(statements.Part("of"), organization).Add(statements.Part("is"), key).Add(statements.Part("lock"))
	return selectKey(ctx, tx, &b)
}

// lockAdmins locks a key and the organization's active ones that may make others, and returns them.
func lockAdmins(ctx context.Context, tx *postgres.Tx, organization, key uuid.UUID, at time.Time) ([]Key, error) {
	var b postgres.Query
	b.Add(statements.Part("list")).Add(statements.Part("of"), organization).Add(statements.Part("or_admin"), key, at)
	return selectKeys(ctx, tx, &b)
}

func insert(ctx context.Context, q postgres.Querier, k Key, clear string) error {
	h := hash(clear)
	_, err := q.ExecContext(ctx, insertSQL, k.OrganizationID, k.ID, k.Name, pq.Array(k.Permissions), h[:], Prefix, lastFour(clear),
		pq.Array(k.AllowedNetworks), k.CreatedAt, k.CreatedBy, k.ExpiresAt)
	if err != nil {
		return fmt.Errorf("create API key %q: %w", k.Name, err)
	}
	return nil
}

func rotate(ctx context.Context, q postgres.Querier, k Key, clear string, at, previousExpiresAt time.Time) error {
	h := hash(clear)
	if _, err := q.ExecContext(ctx, rotateSQL, k.OrganizationID, k.ID, h[:], lastFour(clear), at, previousExpiresAt); err != nil {
		return fmt.Errorf("rotate API key %s: %w", k.ID, err)
	}
	return nil
}

func revoke(ctx context.Context, q postgres.Querier, organization, key uuid.UUID, at time.Time) error {
	if _, err := q.ExecContext(ctx, revokeSQL, organization, key, at); err != nil {
		return fmt.Errorf("revoke API key %s: %w", key, err)
	}
	return nil
}

func touch(ctx context.Context, q postgres.Querier, uses []identity.Use) error {
	var organizations, keys []string
	var times []time.Time
	for _, u := range uses {
		organizations, keys, times = append(organizations, u.OrganizationID.String()), append(keys, u.KeyID.String()), append(times, u.At)
	}
	if _, err := q.ExecContext(ctx, touchSQL, pq.Array(organizations), pq.Array(keys), pq.Array(times)); err != nil {
		return fmt.Errorf("note when %d API keys were used: %w", len(keys), err)
	}
	return nil
}
