package webhooks

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

//go:embed webhooks.sql
var sqlText string

var (
	statements      = postgres.ParseStatements(sqlText)
	countSQL        = statements.Get("count")
	insertSQL       = statements.Get("insert")
	updateSQL       = statements.Get("update")
	removeSQL       = statements.Get("remove")
	updateHealthSQL = statements.Get("updateHealth")
	endEpisodeSQL   = statements.Get("endEpisode")

	dropSpanSQL  = statements.Get("dropSpan")
	closeSpanSQL = statements.Get("closeSpan")
	openSpanSQL  = statements.Get("openSpan")
)

// row is a webhook as the statements select it.
type row struct {
	ID             uuid.UUID      `db:"id"`
	URL            string         `db:"url"`
	Description    string         `db:"description"`
	EventTypes     pq.StringArray `db:"event_types"`
	State          string         `db:"state"`
	DisabledReason *string        `db:"disabled_reason"`
	FailingSince   *time.Time     `db:"failing_since"`
	HeaderNames    pq.StringArray `db:"header_names"`
	Sealed         []byte         `db:"sealed"`
	Version        int64          `db:"version"`
	CreatedAt      time.Time      `db:"created_at"`
	UpdatedAt      time.Time      `db:"updated_at"`
}

func (r row) webhook() Webhook {
	return Webhook{
		ID: r.ID, URL: r.URL, Description: r.Description, EventTypes: r.EventTypes, State: r.State, DisabledReason: r.DisabledReason,
		FailingSince: r.FailingSince, HeaderNames: r.HeaderNames, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version, sealed: r.Sealed,
	}
}

func selectAll(ctx context.Context, q postgres.Querier, b *postgres.Query) ([]Webhook, error) {
	text, args := b.SQL()
	var rows []row
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("select webhooks: %w", err)
	}
	found := make([]Webhook, len(rows))
	for i, r := range rows {
		found[i] = r.webhook()
	}
	return found, nil
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, p page.Request) ([]Webhook, error) {
	var b postgres.Query
	b.Add(statements.Part("list"), organization)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	return selectAll(ctx, q, b.Add(statements.Part("limit"), p.PerPage+1, p.Offset()))
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, most int) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countSQL, organization, most); err != nil {
		return 0, fmt.Errorf("count the webhooks of organization %s: %w", organization, err)
	}
	return n, nil
}

func get(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID) (Webhook, error) {
	var b postgres.Query
	return one(ctx, q, b.Add(statements.Part("list"), organization).Add(statements.Part("is"), webhook))
}

func lock(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID) (Webhook, error) {
	var b postgres.Query
	return one(ctx, tx, b.Add(statements.Part("list"), organization).Add(statements.Part("is"), webhook).Add(statements.Part("lock")))
}

func one(ctx context.Context, q postgres.Querier, b *postgres.Query) (Webhook, error) {
	found, err := selectAll(ctx, q, b)
	if err != nil {
		return Webhook{}, err
	}
	if len(found) == 0 {
		return Webhook{}, problem.Missing("webhook")
	}
	return found[0], nil
}

func insert(ctx context.Context, q postgres.Querier, organization uuid.UUID, w Webhook) error {
	_, err := q.ExecContext(ctx, insertSQL, organization, w.ID, w.URL, w.Description, pq.Array(w.EventTypes), pq.Array(append([]string{}, w.HeaderNames...)),
		w.sealed, w.CreatedAt)
	if err != nil {
		return fmt.Errorf("create a webhook: %w", err)
	}
	return nil
}

func update(ctx context.Context, q postgres.Querier, organization uuid.UUID, w Webhook, at time.Time) error {
	_, err := q.ExecContext(ctx, updateSQL, organization, w.ID, w.URL, w.Description, pq.Array(w.EventTypes), w.State, w.DisabledReason,
		pq.Array(append([]string{}, w.HeaderNames...)), w.sealed, at)
	if err != nil {
		return fmt.Errorf("update webhook %s: %w", w.ID, err)
	}
	return nil
}

func remove(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID) error {
	if _, err := q.ExecContext(ctx, removeSQL, organization, webhook); err != nil {
		return fmt.Errorf("delete webhook %s: %w", webhook, err)
	}
	return nil
}

// keepSpan ends a webhook's span with the event of that number, and begins another one unless it is disabled or deleted.
func keepSpan(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID, last int64) error {
	for _, statement := range []string{dropSpanSQL, closeSpanSQL, openSpanSQL} {
		if _, err := q.ExecContext(ctx, statement, organization, webhook, last); err != nil {
			return fmt.Errorf("note what webhook %s is subscribed to after event %d: %w", webhook, last, err)
		}
	}
	return nil
}

// getHealth returns how a webhook answered lately; the zero health, which nothing changes, of one that is not there.
func getHealth(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID) (health, error) {
	var b postgres.Query
	return selectHealth(ctx, q, b.Add(statements.Part("health"), organization, webhook))
}

// lockHealth is a getHealth after which nobody else changes the webhook until the transaction ends.
func lockHealth(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID) (health, error) {
	var b postgres.Query
	return selectHealth(ctx, tx, b.Add(statements.Part("health"), organization, webhook).Add(statements.Part("lock")))
}

func selectHealth(ctx context.Context, q postgres.Querier, b *postgres.Query) (health, error) {
	text, args := b.SQL()
	var h health
	if err := q.GetContext(ctx, &h, text, args...); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return h, fmt.Errorf("get the health of a webhook: %w", err)
	}
	return h, nil
}

func updateHealth(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID, h health, at time.Time) error {
	_, err := tx.ExecContext(ctx, updateHealthSQL, organization, webhook, h.FailingSince, h.Exhausted, h.NotifiedAt, h.State, h.DisabledReason, at)
	if err != nil {
		return fmt.Errorf("record that webhook %s fails: %w", webhook, err)
	}
	return nil
}

func endEpisode(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID) error {
	if _, err := tx.ExecContext(ctx, endEpisodeSQL, organization, webhook); err != nil {
		return fmt.Errorf("record that webhook %s does not fail any more: %w", webhook, err)
	}
	return nil
}
