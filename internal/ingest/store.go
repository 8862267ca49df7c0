package ingest

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed ingest.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	tryLockSQL = statements.Get("tryLock")
	getSQL     = statements.Get("get")
	putSQL     = statements.Get("put")
)

// syncKey names what one sync pulls.
type syncKey struct {
	jurisdiction  uuid.UUID
	dataset       string
	portalDataset string
}

// synced is how far a portal's dataset was merged.
type synced struct {
	SourceHash []byte `db:"source_hash"`
	mark
}

// mark is the newest :updated_at of some rows, as the portal writes it, and how many of them have it.
type mark struct {
	UpdatedAt string `db:"watermark"` // empty before the first row
	Rows      int64  `db:"watermark_rows"`
}

// tryLock locks the key until the session ends, and reports whether it could: nobody else may hold it.
func tryLock(ctx context.Context, q postgres.Querier, k syncKey) (bool, error) {
	var locked bool
	if err := q.GetContext(ctx, &locked, tryLockSQL, k.jurisdiction, k.dataset, k.portalDataset); err != nil {
		return false, fmt.Errorf("lock the sync of %s: %w", k.portalDataset, err)
	}
	return locked, nil
}

// get returns nothing synced where there is no row.
func get(ctx context.Context, q postgres.Querier, k syncKey) (synced, error) {
	var s synced
	err := q.GetContext(ctx, &s, getSQL, k.jurisdiction, k.dataset, k.portalDataset)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return s, fmt.Errorf("get how far %s was synced: %w", k.portalDataset, err)
	}
	return s, nil
}

func put(ctx context.Context, q postgres.Querier, k syncKey, s synced, r Result, at time.Time) error {
	_, err := q.ExecContext(ctx, putSQL, k.jurisdiction, k.dataset, k.portalDataset, s.SourceHash, s.UpdatedAt, s.Rows, at,
		r.Rows, r.Rejected, r.New, r.Changed, r.Unchanged)
	if err != nil {
		return fmt.Errorf("put how far %s was synced: %w", k.portalDataset, err)
	}
	return nil
}
