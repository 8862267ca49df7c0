package events

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed events.sql
var sqlText string

var (
	statements          = postgres.ParseStatements(sqlText)
	numberSQL           = statements.Get("number")
	insertSQL           = statements.Get("insert")
	insertTestSQL       = statements.Get("insertTest")
	deliverSQL          = statements.Get("deliver")
	notifySQL           = statements.Get("notify")
	quarantineSQL       = statements.Get("quarantine")
	countQuarantinedSQL = statements.Get("countQuarantined")
	pruneQuarantinedSQL = statements.Get("pruneQuarantined")
	pruneSQL            = statements.Get("prune")
)

// number gives the events their organizations' next numbers. It returns the numbers before them, of the organizations of the
// boundaries too; all of these stay locked until the transaction ends.
func number(ctx context.Context, tx *postgres.Tx, batch []written, boundaries []boundary) (before map[uuid.UUID]int64, err error) {
	counts := map[uuid.UUID]int64{}
	for _, b := range boundaries {
		counts[b.organization] = 0
	}
	var told []string
	for _, w := range batch {
		if counts[w.OrganizationID]++; counts[w.OrganizationID] == 1 {
			told = append(told, w.OrganizationID.String())
		}
	}
	var organizations []string
	var added []int64
	for o, n := range counts {
		organizations, added = append(organizations, o.String()), append(added, n)
	}
	var rows []struct {
		OrganizationID uuid.UUID `db:"organization_id"`
		Last           int64     `db:"last"`
	}
	if err := tx.SelectContext(ctx, &rows, numberSQL, pq.Array(organizations), pq.Array(added)); err != nil {
		return nil, fmt.Errorf("number the events of %d organizations: %w", len(organizations), err)
	}
	before = map[uuid.UUID]int64{}
	for _, r := range rows {
		before[r.OrganizationID] = r.Last - counts[r.OrganizationID]
	}
	next := maps.Clone(before)
	for i := range batch {
		next[batch[i].OrganizationID]++
		batch[i].Number = next[batch[i].OrganizationID]
	}
	if len(told) == 0 {
		return before, nil
	}
	return before, notify(ctx, tx, told)
}

func notify(ctx context.Context, tx *postgres.Tx, organizations []string) error {
	if _, err := tx.ExecContext(ctx, notifySQL, Channel, pq.Array(organizations)); err != nil {
		return fmt.Errorf("tell of news of %d organizations: %w", len(organizations), err)
	}
	return nil
}

// insert writes events with their deliveries: the one table that another package writes too.
func insert(ctx context.Context, tx *postgres.Tx, batch []written) error {
	var organizations, ids, types, permits, bodies []string
	var numbers []int64
	var hashes [][]byte
	var times []time.Time
	for _, w := range batch {
		organizations, ids, numbers = append(organizations, w.OrganizationID.String()), append(ids, w.ID.String()), append(numbers, w.Number)
		types, permits, bodies = append(types, w.Type), append(permits, w.PermitUUID.String()), append(bodies, w.Body)
		hashes, times = append(hashes, w.SchemaHash), append(times, w.CreatedAt)
	}
	_, err := tx.ExecContext(ctx, insertSQL, pq.Array(organizations), pq.Array(ids), pq.Array(numbers), pq.Array(types), pq.Array(permits),
		pq.Array(bodies), pq.Array(hashes), pq.Array(times))
	if err != nil {
		return fmt.Errorf("write %d events: %w", len(batch), err)
	}
	if _, err := tx.ExecContext(ctx, deliverSQL, pq.Array(organizations), pq.Array(ids), pq.Array(types), pq.Array(times)); err != nil {
		return fmt.Errorf("queue the deliveries of %d events: %w", len(batch), err)
	}
	return nil
}

func insertTest(ctx context.Context, tx *postgres.Tx, w written) error {
	if _, err := tx.ExecContext(ctx, insertTestSQL, w.OrganizationID, w.ID, w.Type, w.PermitUUID, w.Body, w.SchemaHash, w.CreatedAt); err != nil {
		return fmt.Errorf("write a test event: %w", err)
	}
	return nil
}

func quarantine(ctx context.Context, tx *postgres.Tx, w written) error {
	if _, err := tx.ExecContext(ctx, quarantineSQL, w.OrganizationID, w.ID, w.Type, w.PermitUUID, w.Body, w.reason, w.CreatedAt); err != nil {
		return fmt.Errorf("quarantine event %s: %w", w.ID, err)
	}
	return nil
}

func countQuarantined(ctx context.Context, q postgres.Querier, since time.Time) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countQuarantinedSQL, since); err != nil {
		return 0, fmt.Errorf("count the quarantined events: %w", err)
	}
	return n, nil
}

func pruneQuarantined(ctx context.Context, q postgres.Querier, before time.Time) error {
	if _, err := q.ExecContext(ctx, pruneQuarantinedSQL, before); err != nil {
		return fmt.Errorf("delete old quarantined events: %w", err)
	}
	return nil
}

// list returns the events after a number, or the oldest when it is nil; the newest number that is committed, and the one up to
// which events were deleted, 0 for none.
func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, after *int64, types []string, limit int) (found []Entry, last, pruned int64, err error) {
	var rows []struct {
		Last   int64      `db:"last"`
		Pruned int64      `db:"pruned"`
		ID     *uuid.UUID `db:"id"` // nil in the only row, where there is no event
		Number *int64     `db:"number"`
		Body   *string    `db:"body"`
	}
	text, args := listQuery(organization, after, types, limit).SQL()
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, 0, 0, fmt.Errorf("list the events of organization %s: %w", organization, err)
	}
	for _, r := range rows {
		last, pruned = r.Last, r.Pruned
		if r.ID != nil {
			found = append(found, Entry{ID: *r.ID, Number: *r.Number, Body: *r.Body})
		}
	}
	return found, last, pruned, nil
}

func listQuery(organization uuid.UUID, after *int64, types []string, limit int) *postgres.Query {
	b, wanted := &postgres.Query{}, pq.Array(append([]string{}, types...))
	return b.Add(statements.Part("list"), organization, organization, after, wanted, wanted).Limit(limit).Add(statements.Part("end_list"))
}

func listNewest(ctx context.Context, q postgres.Querier, organization uuid.UUID, kind string, before *int64, limit int) ([]Stored, error) {
	text, args := newestQuery(organization, kind, before, limit).SQL()
	var found []Stored
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the newest events of organization %s: %w", organization, err)
	}
	return found, nil
}

func newestQuery(organization uuid.UUID, kind string, before *int64, limit int) *postgres.Query {
	b := &postgres.Query{}
	b.Add(statements.Part("stored"), organization)
	if kind != "" {
		b.Add(statements.Part("of_type"), kind)
	}
	if before != nil {
		b.Add(statements.Part("before"), *before)
	}
	return b.Add(statements.Part("newest"), limit)
}

func get(ctx context.Context, q postgres.Querier, organization, event uuid.UUID) (Stored, error) {
	var b postgres.Query
	text, args := b.Add(statements.Part("stored"), organization).Add(statements.Part("is"), event).SQL()
	var found Stored
	switch err := q.GetContext(ctx, &found, text, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return found, problem.Missing("event")
	case err != nil:
		return found, fmt.Errorf("get event %s: %w", event, err)
	}
	return found, nil
}

// prune deletes some events that are older, and returns how many.
func prune(ctx context.Context, q postgres.Querier, before time.Time) (int64, error) {
	var n int64
	if err := q.GetContext(ctx, &n, pruneSQL, before); err != nil {
		return 0, fmt.Errorf("delete old events: %w", err)
	}
	return n, nil
}
