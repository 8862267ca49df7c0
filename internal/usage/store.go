package usage

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed usage.sql
var sqlText string

var (
	statements         = postgres.ParseStatements(sqlText)
	insertFlushSQL     = statements.Get("insertFlush")
	addMinutesSQL      = statements.Get("addMinutes")
	addDaysSQL         = statements.Get("addDays")
	deleteMinutesSQL   = statements.Get("deleteMinutes")
	deleteFlushesSQL   = statements.Get("deleteFlushes")
	getOrganizationSQL = statements.Get("getOrganization")
	peaksSQL           = statements.Get("peaks")
)

// insertFlush reports whether a process's batch of that number was not there yet.
func insertFlush(ctx context.Context, q postgres.Querier, replica uuid.UUID, number int64, at time.Time) (bool, error) {
	result, err := q.ExecContext(ctx, insertFlushSQL, replica, number, at)
	if err != nil {
		return false, fmt.Errorf("number a batch of usage: %w", err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

func addCounts(ctx context.Context, q postgres.Querier, batch counts) error {
	var c columns
	for s, t := range batch {
		c.add(s, t)
	}
	args := []any{
		pq.Array(c.organizations), pq.Array(c.minutes), pq.Array(c.keys), pq.Array(c.operations), pq.Array(c.statuses), pq.Array(c.codes),
		pq.Array(c.requests), pq.Array(c.milliseconds), pq.Array(c.maxMilliseconds),
	}
	for _, statement := range []string{addMinutesSQL, addDaysSQL} {
		if _, err := q.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("add %d counts of usage: %w", len(batch), err)
		}
	}
	return nil
}

// columns are counts as the statements take them.
type columns struct {
	organizations, keys           []string
	minutes                       []time.Time
	operations, codes             []string
	statuses, requests            []int64
	milliseconds, maxMilliseconds []float64
}

func (c *columns) add(s series, t *tally) {
	c.organizations = append(c.organizations, s.OrganizationID.String())
	c.keys = append(c.keys, s.KeyID.String())
	c.minutes = append(c.minutes, s.Minute)
	c.operations = append(c.operations, s.Operation)
	c.codes = append(c.codes, s.Code)
	c.statuses = append(c.statuses, int64(s.Status))
	c.requests = append(c.requests, t.requests)
	c.milliseconds = append(c.milliseconds, t.milliseconds)
	c.maxMilliseconds = append(c.maxMilliseconds, t.maxMilliseconds)
}

func deleteMinutes(ctx context.Context, q postgres.Querier, before time.Time) (int64, error) {
	result, err := q.ExecContext(ctx, deleteMinutesSQL, before)
	if err != nil {
		return 0, fmt.Errorf("delete old usage: %w", err)
	}
	return result.RowsAffected()
}

func deleteFlushes(ctx context.Context, q postgres.Querier, before time.Time) error {
	if _, err := q.ExecContext(ctx, deleteFlushesSQL, before); err != nil {
		return fmt.Errorf("delete the numbers of old batches of usage: %w", err)
	}
	return nil
}

// of says whose usage it is.
type of struct {
	TimeZone string `db:"time_zone"`
	HasKey   bool   `db:"has_key"` // or no key was named
}

func getOrganization(ctx context.Context, q postgres.Querier, organization uuid.UUID, key *uuid.UUID) (of, error) {
	var found of
	if err := q.GetContext(ctx, &found, getOrganizationSQL, organization, key); err != nil {
		return found, fmt.Errorf("get the time zone of organization %s: %w", organization, err)
	}
	return found, nil
}

// addRange joins what the rows of a range are to a query.
func addRange(b *postgres.Query, organization uuid.UUID, r Range, key *uuid.UUID) {
	b.Add(statements.Part("in_range"), organization, r.From, r.To)
	if key != nil {
		b.Add(statements.Part("of_key"), *key)
	}
}

// listPeriods returns the counts of the periods that have some by their first day, and of all of them together.
func listPeriods(ctx context.Context, q postgres.Querier, organization uuid.UUID, i Interval, r Range, key *uuid.UUID) (map[time.Time]Counts, Counts, error) {
	var b postgres.Query
	b.Add(statements.Part("period"), string(i)).Add(statements.Part("counts"))
	addRange(&b, organization, r, key)
	text, args := b.Add(statements.Part("by_period")).SQL()
	var rows []struct {
		Start *time.Time `db:"start"`
		Counts
	}
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, Counts{}, fmt.Errorf("list the usage of organization %s: %w", organization, err)
	}
	counted, total := map[time.Time]Counts{}, Counts{}
	for _, row := range rows {
		if row.Start == nil {
			total = row.Counts
			continue
		}
		counted[day(*row.Start)] = row.Counts
	}
	return counted, total, nil
}

func listEndpoints(ctx context.Context, q postgres.Querier, organization uuid.UUID, r Range, key *uuid.UUID, limit int) ([]Endpoint, error) {
	var b postgres.Query
	b.Add(statements.Part("operation")).Add(statements.Part("counts"))
	addRange(&b, organization, r, key)
	text, args := b.Add(statements.Part("by_operation"), limit).SQL()
	var found []Endpoint
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the operations that organization %s called: %w", organization, err)
	}
	return found, nil
}

func listFailures(ctx context.Context, q postgres.Querier, organization uuid.UUID, r Range, key *uuid.UUID, limit int) ([]Failure, error) {
	var b postgres.Query
	b.Add(statements.Part("failure"))
	addRange(&b, organization, r, key)
	text, args := b.Add(statements.Part("failed"), limit).SQL()
	var found []Failure
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the failures of organization %s: %w", organization, err)
	}
	return found, nil
}

// listPeaks returns the busiest minutes from one instant to another, by the first day of their periods.
func listPeaks(ctx context.Context, q postgres.Querier, organization uuid.UUID, i Interval, from, to time.Time, zone string) (map[time.Time]Peak, error) {
	var rows []struct {
		Start time.Time `db:"start"`
		Peak
	}
	if err := q.SelectContext(ctx, &rows, peaksSQL, organization, from, to, string(i), zone); err != nil {
		return nil, fmt.Errorf("find the busiest minutes of organization %s: %w", organization, err)
	}
	found := map[time.Time]Peak{}
	for _, row := range rows {
		found[day(row.Start)] = row.Peak
	}
	return found, nil
}
