package watchlist

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed watchlist.sql
var sqlText string

var (
	statements      = postgres.ParseStatements(sqlText)
	findByUUIDSQL   = statements.Get("findByUUID")
	findByNumberSQL = statements.Get("findByNumber")
	lockSlotsSQL    = statements.Get("lockSlots")
	countUsedSQL    = statements.Get("countUsed")
	insertSQL       = statements.Get("insert")
	lockVersionSQL  = statements.Get("lockVersion")
	updateSQL       = statements.Get("update")
	removeSQL       = statements.Get("remove")
)

type row struct {
	Item
	Tags pq.StringArray `db:"tags"`
}

func (r row) item() Item {
	r.Item.Tags = r.Tags
	return r.Item
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, p page.Request) ([]Item, error) {
	var b postgres.Query
	b.Add(statements.Part("list"), organization)
	filter(&b, f)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	text, args := b.Add(statements.Part("limit"), p.PerPage+1, p.Offset()).SQL()
	var rows []row
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("list the watchlist: %w", err)
	}
	items := make([]Item, len(rows))
	for i, r := range rows {
		items[i] = r.item()
	}
	return items, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, most int) (int, error) {
	var b postgres.Query
	b.Add(statements.Part("count"), organization)
	filter(&b, f)
	text, args := b.Add(statements.Part("count_limit"), most).SQL()
	var n int
	if err := q.GetContext(ctx, &n, text, args...); err != nil {
		return 0, fmt.Errorf("count the watchlist: %w", err)
	}
	return n, nil
}

func filter(b *postgres.Query, f Filter) {
	if f.Tags != nil {
		b.Add(statements.Part("tagged"), pq.Array(f.Tags))
	}
	if f.Priorities != nil {
		b.Add(statements.Part("priority"), pq.Array(f.Priorities))
	}
}

func get(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID) (Item, error) {
	var b postgres.Query
	text, args := b.Add(statements.Part("list"), organization).Add(statements.Part("is"), permit).SQL()
	var r row
	switch err := q.GetContext(ctx, &r, text, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return Item{}, problem.Missing("watchlist item")
	case err != nil:
		return Item{}, fmt.Errorf("get the watchlist's item of permit %s: %w", permit, err)
	}
	return r.item(), nil
}

// find returns the permit that a creation names.
func find(ctx context.Context, q postgres.Querier, c Create) (uuid.UUID, error) {
	var found []struct {
		UUID uuid.UUID `db:"uuid"`
		Slug string    `db:"slug"`
	}
	var err error
	if c.PermitUUID != nil {
		err = q.SelectContext(ctx, &found, findByUUIDSQL, *c.PermitUUID)
	} else {
		err = q.SelectContext(ctx, &found, findByNumberSQL, c.PermitNumber, c.Jurisdiction)
	}
	switch {
	case err != nil:
		return uuid.Nil, fmt.Errorf("find a permit to watch: %w", err)
	case len(found) == 0:
		return uuid.Nil, c.unknown()
	case len(found) == 1:
		return found[0].UUID, nil
	}
	ambiguous := problem.New(problem.Conflict, "ambiguous_permit_number",
		fmt.Sprintf("%d jurisdictions have a permit of that number; send jurisdiction as well.", len(found)))
	for _, f := range found[:min(len(found), 100)] {
		ambiguous.Details = append(ambiguous.Details, problem.Detail{
			In: problem.InBody, Pointer: "/jurisdiction", Code: "candidate", Value: f.Slug, Message: fmt.Sprintf("%s has it as %s", f.Slug, f.UUID),
		})
	}
	return uuid.Nil, ambiguous
}

// slots are an organization's permit slots; nil allows any number.
type slots struct {
	Plan    string `db:"plan"`
	Allowed *int   `db:"allowed"`
	Used    int    `db:"-"` // counted only where it matters
}

// lockSlots keeps others from taking a slot until the transaction ends.
func lockSlots(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (slots, error) {
	var s slots
	if err := tx.GetContext(ctx, &s, lockSlotsSQL, organization); err != nil {
		return s, fmt.Errorf("lock the slots of organization %s: %w", organization, err)
	}
	if s.Allowed == nil {
		return s, nil
	}
	if err := tx.GetContext(ctx, &s.Used, countUsedSQL, organization); err != nil {
		return s, fmt.Errorf("count the slots of organization %s: %w", organization, err)
	}
	return s, nil
}

func insert(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID, c Create) error {
	priority := c.Priority
	if priority == "" {
		priority = "none"
	}
	if _, err := q.ExecContext(ctx, insertSQL, organization, permit, pq.Array(append([]string{}, c.Tags...)), priority); err != nil {
		return fmt.Errorf("add permit %s to the watchlist: %w", permit, err)
	}
	return nil
}

func lockVersion(ctx context.Context, tx *postgres.Tx, organization, permit uuid.UUID) (int64, error) {
	var version int64
	switch err := tx.GetContext(ctx, &version, lockVersionSQL, organization, permit); {
	case errors.Is(err, sql.ErrNoRows):
		return 0, problem.Missing("watchlist item")
	case err != nil:
		return 0, fmt.Errorf("lock the watchlist's item of permit %s: %w", permit, err)
	}
	return version, nil
}

func update(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID, u Update, at time.Time) error {
	if _, err := q.ExecContext(ctx, updateSQL, organization, permit, pq.Array(u.Tags), u.Priority, at); err != nil {
		return fmt.Errorf("update the watchlist's item of permit %s: %w", permit, err)
	}
	return nil
}

func remove(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID) error {
	if _, err := q.ExecContext(ctx, removeSQL, organization, permit); err != nil {
		return fmt.Errorf("remove permit %s from the watchlist: %w", permit, err)
	}
	return nil
}
