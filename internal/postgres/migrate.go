package postgres

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/plotwise/plotwise/migrations"
)

// Migrate brings the schema to the newest version. Any number of processes may call it at once: one of them migrates
// under a session lock, and the others wait.
func Migrate(ctx context.Context, db *sql.DB) error {
	provider, err := newProvider(db)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Versions returns the schema's version in the database (0 when empty) and the newest one, which this program needs.
func Versions(ctx context.Context, db *sql.DB) (current, newest int64, err error) {
	provider, err := newProvider(db)
	if err != nil {
		return 0, 0, err
	}
	sources := provider.ListSources()
	newest = sources[len(sources)-1].Version
	var table sql.NullString
	if err := db.QueryRowContext(ctx, "select to_regclass('goose_db_version')").Scan(&table); err != nil {
		return 0, newest, fmt.Errorf("read the schema's version: %w", err)
	}
	if !table.Valid {
		return 0, newest, nil
	}
	err = db.QueryRowContext(ctx, "select coalesce(max(version_id), 0) from goose_db_version where is_applied").Scan(&current)
	if err != nil {
		return 0, newest, fmt.Errorf("read the schema's version: %w", err)
	}
	return current, newest, nil
}

func newProvider(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // seconds, tries
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker))
	if err != nil {
		return nil, fmt.Errorf("prepare the migrations: %w", err)
	}
	return provider, nil
}
