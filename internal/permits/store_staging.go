package permits

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed staging.sql
var stagingText string

var staging = postgres.ParseStatements(stagingText)

// ErrImportRunning says that another import of the same jurisdiction is running.
var ErrImportRunning = errors.New("another import of this jurisdiction is running; wait for its end")

// lockJurisdiction keeps every other import of the jurisdiction out until the session ends.
func lockJurisdiction(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID) error {
	// An import that was cut off a moment ago may not have let go yet.
	if err := run(ctx, conn, "waitShortly"); err != nil {
		return err
	}
	switch err := run(ctx, conn, "lock", jurisdiction.String()); {
	case postgres.IsLockTimeout(err):
		return ErrImportRunning
	case err != nil:
		return err
	}
	return run(ctx, conn, "waitAsUsual")
}

func createStaging(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID) error {
	if err := lockJurisdiction(ctx, conn, jurisdiction); err != nil {
		return err
	}
	if _, err := conn.ExecContext(ctx, staging.Part("createTables")); err != nil {
		return fmt.Errorf("create the staging tables: %w", err)
	}
	return nil
}

func startCopy(ctx context.Context, conn *postgres.Conn) (*postgres.Copy, error) {
	rows, err := postgres.StartCopy(ctx, conn, staging.Part("copy"))
	if err != nil {
		return nil, fmt.Errorf("begin staging: %w", err)
	}
	return rows, nil
}

func stage(ctx context.Context, rows *postgres.Copy, position int64, r *Record, parties []byte, hash uuid.UUID) error {
	rows.Int(position)
	for _, text := range []string{
		r.PermitNumber, hash.String(), r.Status, r.Stage, r.Type, r.Description, r.Street, r.City, r.Region, r.PostalCode,
	} {
		rows.Text(text)
	}
	rows.FloatOrNull(r.Latitude)
	rows.FloatOrNull(r.Longitude)
	for _, text := range []string{r.FiledDate, r.IssuedDate, r.ExpiresDate, r.CompletedDate, r.Valuation} {
		rows.TextOrNull(text)
	}
	rows.Text(string(parties))
	if err := rows.Next(ctx); err != nil {
		return fmt.Errorf("stage permit %q: %w", r.PermitNumber, err)
	}
	return nil
}

func finishCopy(ctx context.Context, rows *postgres.Copy) error {
	if err := rows.Finish(ctx); err != nil {
		return fmt.Errorf("end staging: %w", err)
	}
	return nil
}

func group(ctx context.Context, q postgres.Querier, jurisdiction uuid.UUID) error {
	text := strings.ReplaceAll(staging.Part("group"), "{{jurisdiction}}", jurisdiction.String()) // several statements take no parameters
	if _, err := q.ExecContext(ctx, text); err != nil {
		return fmt.Errorf("group the staged rows: %w", err)
	}
	return nil
}

// unite readies the staged rows for batches.
func unite(ctx context.Context, q postgres.Querier) error { return run(ctx, q, "unite") }

func summarize(ctx context.Context, q postgres.Querier) (Summary, error) {
	var sum Summary
	if err := q.GetContext(ctx, &sum, staging.Part("summarize")); err != nil {
		return sum, fmt.Errorf("count the staged rows: %w", err)
	}
	return sum, nil
}

// stamp sets the instant of a batch's changes. From here on every other import waits, so that the stamps come in the
// order of the commits.
func stamp(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	if err := tx.GetContext(ctx, &o.At, staging.Part("stamp")); err != nil {
		return fmt.Errorf("stamp a change: %w", err)
	}
	return nil
}

func fillBatch(ctx context.Context, tx *postgres.Tx, fields []string, after, to int64) error {
	return run(ctx, tx, "fillBatch", pq.Array(fields), after, to)
}

// mergeBatch writes a batch: what changed into the history, then the permits and their parties.
func mergeBatch(ctx context.Context, tx *postgres.Tx, jurisdiction uuid.UUID, at time.Time) error {
	steps := []struct {
		part string
		args []any
	}{
		{"recordChanges", []any{at}},
		{"recordPartyChanges", []any{at, at}},
		{"markChanged", []any{at}},
		{"updatePermits", []any{at}},
		{"touchPermits", nil},
		{"insertPermits", []any{jurisdiction, at}},
		{"deleteParties", nil},
		{"insertParties", nil},
	}
	for _, s := range steps {
		if err := run(ctx, tx, s.part, s.args...); err != nil {
			return err
		}
	}
	return nil
}

func run(ctx context.Context, q postgres.Querier, part string, args ...any) error {
	var b postgres.Query
	text, args := b.Add(staging.Part(part), args...).SQL()
	if _, err := q.ExecContext(ctx, text, args...); err != nil {
		return fmt.Errorf("merge permits, %s: %w", part, err)
	}
	return nil
}

func listMoved(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	var b postgres.Query
	text, args := b.Add(staging.Part("listMoved"), o.At).SQL()
	if err := tx.SelectContext(ctx, &o.Moved, text, args...); err != nil {
		return fmt.Errorf("list the permits that moved: %w", err)
	}
	return nil
}

func countBatch(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	if err := tx.GetContext(ctx, o, staging.Part("countBatch")); err != nil {
		return fmt.Errorf("count a batch: %w", err)
	}
	return run(ctx, tx, "truncateBatch")
}

func analyze(ctx context.Context, q postgres.Querier) error {
	if _, err := q.ExecContext(ctx, staging.Part("analyze")); err != nil {
		return fmt.Errorf("bring the statistics of permits up to date: %w", err)
	}
	return nil
}

// listStatusEvents adds the events of a batch's permits that have another status now.
func listStatusEvents(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	var b postgres.Query
	text, args := b.Add(staging.Part("listStatusEvents"), o.At).SQL()
	var rows []struct {
		events.Permit
		Previous string `db:"previous"`
		New      string `db:"new"`
	}
	if err := tx.SelectContext(ctx, &rows, text, args...); err != nil {
		return fmt.Errorf("list the permits with another status: %w", err)
	}
	for _, r := range rows {
		o.Events = append(o.Events, events.NewStatusChanged(r.Permit, r.Previous, r.New))
	}
	return nil
}
