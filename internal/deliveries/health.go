package deliveries

import (
	"context"
	"fmt"

	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// judge takes an attempt into account for the health of its webhook, which was failing or not before, and tells the
// organization what is new of that.
func (w *Worker) judge(ctx context.Context, tx *postgres.Tx, f *finished, failing bool) error {
	j, o := f.job, f.outcome
	if o.state == Succeeded {
		if !failing {
			return nil
		}
		return w.webhooks.Succeed(ctx, tx, j.OrganizationID, j.WebhookID)
	}
	t, tell, err := w.webhooks.Fail(ctx, tx, j.OrganizationID, j.WebhookID, webhooks.Failure{
		At:        w.now(),
		Exhausted: o.state == Exhausted && j.Attempts == len(w.options.Schedule), // and not one that was exhausted before
		Gone:      o.gone,
	})
	if err != nil || !tell {
		return err
	}
	told := notifications.Webhook{ID: j.WebhookID, URL: t.URL, Since: t.Since, Last: came(f.attempt), Reason: t.DisabledReason}
	if t.DisabledReason != "" {
		return w.notices.Add(ctx, tx, j.OrganizationID, notifications.NewWebhookDisabled(told))
	}
	told.Disabled = t.Since.Add(webhooks.DisableAfter)
	return w.notices.Add(ctx, tx, j.OrganizationID, notifications.NewWebhookFailing(told))
}

// came says what came of a failed attempt.
func came(a Attempt) string {
	switch {
	case a.Status == nil:
		return fmt.Sprintf("no answer (%s)", a.Error)
	case a.Error != "":
		return fmt.Sprintf("status %d, broken off (%s)", *a.Status, a.Error)
	}
	return fmt.Sprintf("status %d", *a.Status)
}
