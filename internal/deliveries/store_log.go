package deliveries

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/postgres"
)

var (
	hoursSQL               = statements.Get("hours")
	listLastAttemptsSQL    = statements.Get("listLastAttempts")
	listWebhookAttemptsSQL = statements.Get("listWebhookAttempts")
	getBodySQL             = statements.Get("getBody")
)

// hours counts the attempts since a full hour; of hours without any there is none.
func hours(ctx context.Context, q postgres.Querier, organization uuid.UUID, webhooks []uuid.UUID, since time.Time) ([]Hour, error) {
	var found []Hour
	if err := q.SelectContext(ctx, &found, hoursSQL, organization, pq.Array(webhooks), since); err != nil {
		return nil, fmt.Errorf("count the attempts of organization %s by the hour: %w", organization, err)
	}
	return found, nil
}

// last is the last attempt at a delivery, or at a webhook.
type last struct {
	Attempt
	DeliveryID uuid.UUID `db:"delivery_id"`
	WebhookID  uuid.UUID `db:"webhook_id"`
}

func listLast(ctx context.Context, q postgres.Querier, statement string, organization uuid.UUID, of []uuid.UUID) ([]last, error) {
	var found []last
	if err := q.SelectContext(ctx, &found, statement, organization, pq.Array(of)); err != nil {
		return nil, fmt.Errorf("list the last attempts of organization %s: %w", organization, err)
	}
	return found, nil
}

func getBody(ctx context.Context, q postgres.Querier, organization, event uuid.UUID) (body string, err error) {
	err = q.GetContext(ctx, &body, getBodySQL, organization, event)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", fmt.Errorf("get the body of event %s: %w", event, err)
	}
	return body, nil
}
