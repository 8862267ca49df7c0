package webhooks

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
)

// resubscribe has the history of subscriptions follow a webhook that the transaction made, changed or deleted. Whatever
// changes its event types, or whether it is disabled, has to call it: the deliveries are audited against that history.
func resubscribe(tx *postgres.Tx, organization, webhook uuid.UUID) {
	events.AtBoundary(tx, organization, func(ctx context.Context, last int64) error {
		return keepSpan(ctx, tx, organization, webhook, last)
	})
}

// subscription returns the types of events that a webhook gets, in order. One that is paused collects them.
func subscription(w Webhook) []string {
	if w.State == "disabled" {
		return nil
	}
	return slices.Sorted(slices.Values(w.EventTypes))
}
