package permits

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed staging_entries.sql
var stagingEntriesText string

var (
	stagingEntries = postgres.ParseStatements(stagingEntriesText)
	listKnownSQL   = stagingEntries.Get("listKnown")
)

func createEntryStaging(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID, k kind) error {
	if err := lockJurisdiction(ctx, conn, jurisdiction); err != nil {
		return err
	}
	for _, part := range []string{"createTables", k.create} {
		if err := runEntries(ctx, conn, k, part); err != nil {
			return err
		}
	}
	return nil
}

// listKnown returns the permits that the rows name, by number, as far as the jurisdiction has them.
func listKnown(ctx context.Context, q postgres.Querier, jurisdiction uuid.UUID, rows []Entry) (map[string]uuid.UUID, error) {
	numbers := make([]string, len(rows))
	for i, r := range rows {
		numbers[i] = r.permitNumber()
	}
	var found []struct {
		PermitNumber string    `db:"permit_number"`
		UUID         uuid.UUID `db:"uuid"`
	}
	if err := q.SelectContext(ctx, &found, listKnownSQL, jurisdiction, pq.Array(numbers)); err != nil {
		return nil, fmt.Errorf("look for the permits of the rows: %w", err)
	}
	known := make(map[string]uuid.UUID, len(found))
	for _, f := range found {
		known[f.PermitNumber] = f.UUID
	}
	return known, nil
}

func copyEntries(ctx context.Context, tx *postgres.Tx, k kind, rows [][]any) error {
	stmt, err := tx.PrepareContext(ctx, stagingEntries.Part(k.copy))
	if err != nil {
		return fmt.Errorf("begin staging %s: %w", k.name, err)
	}
	defer func() { _ = stmt.Close() }() // after an error, which says more
	for _, row := range rows {
		if _, err := stmt.ExecContext(ctx, row...); err != nil {
			return fmt.Errorf("stage %s: %w", k.name, err)
		}
	}
	if _, err := stmt.ExecContext(ctx); err != nil {
		return fmt.Errorf("end staging %s: %w", k.name, err)
	}
	if err := stmt.Close(); err != nil {
		return fmt.Errorf("end staging %s: %w", k.name, err)
	}
	return nil
}

func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func groupEntries(ctx context.Context, q postgres.Querier, k kind) error {
	return runEntries(ctx, q, k, "group")
}

func summarizeEntries(ctx context.Context, q postgres.Querier) (Summary, error) {
	var sum Summary
	if err := q.GetContext(ctx, &sum, stagingEntries.Part("summarize")); err != nil {
		return sum, fmt.Errorf("count the staged rows: %w", err)
	}
	return sum, nil
}

// mergeEntries writes a batch: what differs into the history, then the rows themselves.
func mergeEntries(ctx context.Context, tx *postgres.Tx, k kind, after int64, o *Outcome) error {
	if err := runEntries(ctx, tx, k, "fillBatch", after, after+o.Looked); err != nil {
		return err
	}
	if err := stamp(ctx, tx, o); err != nil {
		return err
	}
	steps := []struct {
		part string
		args []any
	}{
		{"compare", nil},
		{"markDiffering", nil},
		{"recordChanges", []any{k.scope, o.At}},
		{"deleteEntries", nil},
		{k.insert, nil},
		{"updatePermits", []any{o.At}},
	}
	for _, s := range steps {
		if err := runEntries(ctx, tx, k, s.part, s.args...); err != nil {
			return err
		}
	}
	if err := k.events(ctx, tx, o); err != nil {
		return err
	}
	if err := tx.GetContext(ctx, o, stagingEntries.Part("countBatch")); err != nil {
		return fmt.Errorf("count a batch: %w", err)
	}
	return runEntries(ctx, tx, k, "truncateBatch")
}

func listFeeEvents(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	var rows []struct {
		events.Permit
		Label      string  `db:"label"`
		CityNumber string  `db:"number"`
		WasAmount  *string `db:"was_amount"`
		Amount     *string `db:"amount"`
	}
	if err := tx.SelectContext(ctx, &rows, stagingEntries.Part("listFeeEvents")); err != nil {
		return fmt.Errorf("list the fees that changed: %w", err)
	}
	for _, r := range rows {
		o.Events = append(o.Events, events.NewFeeChanged(r.Permit, events.Fee{Name: r.Label, Number: r.CityNumber, PreviousAmount: r.WasAmount, NewAmount: r.Amount}))
	}
	return nil
}

func listInspectionEvents(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	var rows []struct {
		events.Permit
		Label      string     `db:"label"`
		CityNumber string     `db:"number"`
		WasDay     *time.Time `db:"was_day"`
		Day        time.Time  `db:"day"`
	}
	if err := tx.SelectContext(ctx, &rows, stagingEntries.Part("listInspectionEvents")); err != nil {
		return fmt.Errorf("list the inspections that were scheduled: %w", err)
	}
	for _, r := range rows {
		o.Events = append(o.Events, events.NewInspectionScheduled(r.Permit, events.Inspection{
			ID: r.CityNumber, Type: r.Label, ScheduledDate: r.Day, PreviousDate: r.WasDay,
		}))
	}
	return nil
}

func runEntries(ctx context.Context, q postgres.Querier, k kind, part string, args ...any) error {
	var b postgres.Query
	text, args := b.Add(strings.ReplaceAll(stagingEntries.Part(part), "{{kind}}", k.name), args...).SQL()
	if _, err := q.ExecContext(ctx, text, args...); err != nil {
		return fmt.Errorf("merge %s, %s: %w", k.name, part, err)
	}
	return nil
}
