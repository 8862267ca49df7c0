package jurisdictions

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed jurisdictions.sql
var sqlText string

var (
	statements = postgres.ParseStatements(sqlText)
	countSQL   = statements.Get("count")
	ensureSQL  = statements.Get("ensure")
	changedSQL = statements.Get("changed")
	checkedSQL = statements.Get("checked")
)

func list(ctx context.Context, q postgres.Querier, p page.Request) ([]Jurisdiction, error) {
	var b postgres.Query
	b.Add(statements.Part("list"))
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.Value)
	}
	b.Add(statements.Part("limit"), p.PerPage+1, p.Offset())
	text, args := b.SQL()
	var found []Jurisdiction
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list jurisdictions: %w", err)
	}
	return found, nil
}

func count(ctx context.Context, q postgres.Querier) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countSQL); err != nil {
		return 0, fmt.Errorf("count jurisdictions: %w", err)
	}
	return n, nil
}

func ensure(ctx context.Context, q postgres.Querier, j Jurisdiction) (uuid.UUID, error) {
	var id uuid.UUID
	if err := q.GetContext(ctx, &id, ensureSQL, j.ID, j.Slug, j.Name, j.Region); err != nil {
		return id, fmt.Errorf("ensure jurisdiction %q: %w", j.Slug, err)
	}
	return id, nil
}

func recordChange(ctx context.Context, q postgres.Querier, id uuid.UUID, added int, at time.Time) error {
	if _, err := q.ExecContext(ctx, changedSQL, id, added, at); err != nil {
		return fmt.Errorf("record a change of jurisdiction %s: %w", id, err)
	}
	return nil
}

func recordCheck(ctx context.Context, q postgres.Querier, id uuid.UUID, at time.Time) error {
	if _, err := q.ExecContext(ctx, checkedSQL, id, at); err != nil {
		return fmt.Errorf("record a check of jurisdiction %s: %w", id, err)
	}
	return nil
}
