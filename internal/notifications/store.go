package notifications

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed notifications.sql
var sqlText string

var (
	statements        = postgres.ParseStatements(sqlText)
	insertSQL         = statements.Get("insert")
	listRecipientsSQL = statements.Get("listRecipients")
	markReadSQL       = statements.Get("markRead")
	pruneSQL          = statements.Get("prune")
)

// inState joins the list of an organization's notifications in a state to a query.
func inState(b *postgres.Query, organization uuid.UUID, state string) *postgres.Query {
	b.Add(statements.Part("list"), organization)
	if state != "" {
		b.Add(statements.Part(state))
	}
	return b
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, state string, p page.Request) ([]Notification, error) {
	var b postgres.Query
	inState(&b, organization, state)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	text, args := b.Add(statements.Part("limit"), p.PerPage+1, p.Offset()).SQL()
	var found []Notification
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the notifications of organization %s: %w", organization, err)
	}
	return found, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, state string, most int) (int, error) {
	var b postgres.Query
	text, args := inState(b.Add(statements.Part("counted")), organization, state).Add(statements.Part("end_counted"), most).SQL()
	var n int
	if err := q.GetContext(ctx, &n, text, args...); err != nil {
		return 0, fmt.Errorf("count the notifications of organization %s: %w", organization, err)
	}
	return n, nil
}

func get(ctx context.Context, q postgres.Querier, organization, notification uuid.UUID) (Notification, error) {
	var b postgres.Query
	text, args := inState(&b, organization, "").Add(statements.Part("is"), notification).SQL()
	var found []Notification
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return Notification{}, fmt.Errorf("get notification %s: %w", notification, err)
	}
	if len(found) == 0 {
		return Notification{}, problem.Missing("notification")
	}
	return found[0], nil
}

func insert(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, n Notification) error {
	if _, err := tx.ExecContext(ctx, insertSQL, organization, n.ID, n.Type, n.Title, n.Message, n.WebhookID, n.CreatedAt); err != nil {
		return fmt.Errorf("notify organization %s: %w", organization, err)
	}
	return nil
}

func listRecipients(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) ([]recipient, error) {
	var found []recipient
	if err := tx.SelectContext(ctx, &found, listRecipientsSQL, organization); err != nil {
		return nil, fmt.Errorf("list whom to mail of organization %s: %w", organization, err)
	}
	return found, nil
}

func markRead(ctx context.Context, q postgres.Querier, organization, notification uuid.UUID, at time.Time) error {
	if _, err := q.ExecContext(ctx, markReadSQL, organization, notification, at); err != nil {
		return fmt.Errorf("mark notification %s as read: %w", notification, err)
	}
	return nil
}

// prune deletes some notifications that are older, with their mails, and returns how many.
func prune(ctx context.Context, q postgres.Querier, before time.Time) (int64, error) {
	var n int64
	if err := q.GetContext(ctx, &n, pruneSQL, before); err != nil {
		return 0, fmt.Errorf("delete old notifications: %w", err)
	}
	return n, nil
}
