package portal

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/signature"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// webhookPage is all of one webhook.
type webhookPage struct {
	webhookItem
	GivenUp time.Time // when it will be disabled, if it goes on failing
	Types   []events.Type
	Secrets []string // in clear, the newest first; nil unless they are revealed
	Rotated bool     // just now
	Tested  *attemptPage
	Newest  []deliveryRow
}

func (p *portal) webhook(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	shown, err := p.webhookPage(v, w)
	if err != nil {
		return err
	}
	if text := v.r.URL.Query().Get("tested"); text != "" {
		d, err := p.Deliveries.Get(v.ctx(), v.organizationID(), id.UUID(id.Delivery, text))
		if err != nil {
			return err
		}
		if shown.Tested, err = newAttemptPage(d, 0); err != nil {
			return err
		}
	}
	return p.show(v, "webhook", p.viewOf(shown))
}

// viewOf is the page of a webhook. Its forms start with what is most likely wanted.
func (p *portal) viewOf(shown webhookPage) view {
	since := p.Now().Add(-24 * time.Hour)
	if shown.FailingSince != nil {
		since = *shown.FailingSince
	}
	form := url.Values{"since": {since.UTC().Format(localInstant)}}
	if shown.Tested != nil {
		form.Set("event_type", shown.Tested.Delivery.EventType)
	}
	return view{Title: called(shown.Webhook), Tab: tabWebhooks, Body: shown, Form: form}
}

func (p *portal) webhookPage(v *visit, w webhooks.Webhook) (webhookPage, error) {
	shown := webhookPage{Types: p.EventTypes}
	items, err := p.withHealth(v, w)
	if err != nil {
		return shown, err
	}
	shown.webhookItem = items[0]
	if w.FailingSince != nil {
		shown.GivenUp = w.FailingSince.Add(webhooks.DisableAfter)
	}
	found, _, err := p.Deliveries.List(v.ctx(), v.organizationID(), deliveries.Filter{WebhookID: &w.ID}, few())
	if err != nil {
		return shown, err
	}
	shown.Newest, err = p.rows(v, found, []webhooks.Webhook{w})
	return shown, err
}

// webhookAs shows a webhook's page after one of its forms failed.
func (p *portal) webhookAs(v *visit, w webhooks.Webhook, failed error) error {
	shown, err := p.webhookPage(v, w)
	if err != nil {
		return err
	}
	return p.again(v, failed, "webhook", p.viewOf(shown))
}

// revealSecret shows the live secrets, and keeps who saw them.
func (p *portal) revealSecret(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	return p.showSecrets(v, w, "revealWebhookSecret", func(context.Context) error { return nil })
}

// showSecrets carries an operation out and shows the secrets that are live then.
func (p *portal) showSecrets(v *visit, w webhooks.Webhook, operation string, do func(ctx context.Context) error) error {
	var target webhooks.Target
	err := p.write(v, operation, func(ctx context.Context) (err error) {
		if err := do(ctx); err != nil {
			return err
		}
		target, err = p.Webhooks.Target(ctx, v.organizationID(), w.ID)
		return err
	})
	if err != nil {
		return err
	}
	if w, err = p.pathWebhook(v); err != nil {
		return err
	}
	shown, err := p.webhookPage(v, w)
	if err != nil {
		return err
	}
	for _, s := range target.Secrets {
		shown.Secrets = append(shown.Secrets, s.String())
	}
	shown.Rotated = operation == "rotateWebhookSecret"
	return p.show(v, "webhook", p.viewOf(shown))
}

func (p *portal) confirmRotate(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	return p.show(v, "webhook-rotate", view{Title: "Rotate the secret", Tab: tabWebhooks, Body: w})
}

func (p *portal) rotateSecret(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	body, given := map[string]any{}, strings.TrimSpace(v.r.PostFormValue("secret"))
	if given != "" {
		body["secret"] = given
	}
	err = p.check("rotateWebhookSecret", body)
	if err == nil {
		err = p.showSecrets(v, w, "rotateWebhookSecret", func(ctx context.Context) error {
			if err := p.once(ctx, v); err != nil {
				return err
			}
			_, _, err := p.Webhooks.RotateSecret(ctx, v.organizationID(), w.ID, given)
			return err
		})
	}
	if errors.Is(err, errSent) {
		return p.done(v, webhookPath(w.ID), sentBefore+" Reveal the secret to see it.")
	}
	if err != nil {
		return p.again(v, err, "webhook-rotate", view{Title: "Rotate the secret", Tab: tabWebhooks, Body: w})
	}
	return nil
}

// testsPerMinute are those of an organization: each of them keeps a connection waiting.
const testsPerMinute = 30

func (p *portal) testWebhook(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	eventType := v.r.PostFormValue("event_type")
	if err := p.check("testWebhook", map[string]any{"event_type": eventType}); err != nil {
		return p.webhookAs(v, w, err)
	}
	if r := p.attempts.Take(v.ctx(), "test "+v.organizationID().String(), testsPerMinute); !r.Allowed {
		return p.webhookAs(v, w, &problem.Error{Kind: problem.TooMany, Code: "too_many_tests", Message: "That was a lot of test events. Wait a moment and try again.", RetryAfter: r.RetryAfter})
	}
	var d deliveries.Detail
	err = p.wait(v, "testWebhook", func(ctx context.Context) (err error) {
		d, err = p.Deliveries.Test(ctx, v.organizationID(), w.ID, eventType)
		return err
	})
	if err != nil {
		return p.webhookAs(v, w, err)
	}
	return v.redirect(webhookPath(w.ID) + "?tested=" + id.Format(id.Delivery, d.ID) + "#test")
}

func (p *portal) recoverWebhook(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	since, err := instantOf(v.r.PostFormValue("since"))
	if err == nil {
		err = p.check("recoverWebhook", map[string]any{"since": since.Format(time.RFC3339)})
	}
	var r deliveries.Recovery
	if err == nil {
		err = p.write(v, "recoverWebhook", func(ctx context.Context) (err error) {
			r, err = p.Deliveries.Recover(ctx, v.organizationID(), w.ID, since)
			return err
		})
	}
	if err != nil {
		return p.webhookAs(v, w, err)
	}
	return p.done(v, webhookPath(w.ID), recovered(r, since))
}

// recovered says what a recovery came to.
func recovered(r deliveries.Recovery, since time.Time) string {
	switch {
	case r.Queued == 0:
		return "Nothing failed since " + since.Format("15:04 UTC on Jan 2") + ": there is nothing to send again."
	case r.Remaining > 0:
		return fmt.Sprintf("%s deliveries are sent again, 20 a second. %s more remain: recover them when these are through.", number(r.Queued), number(r.Remaining))
	case r.Queued == 1:
		return "One delivery is sent again."
	}
	return number(r.Queued) + " deliveries are sent again, 20 a second at most."
}

// localInstant is how inputs write date and time.
const localInstant = "2006-01-02T15:04"

// instantOf reads a date and time of UTC, as inputs or RFC 3339 write it.
func instantOf(text string) (time.Time, error) {
	for _, layout := range []string{localInstant, "2006-01-02T15:04:05", time.RFC3339} {
		if at, err := time.Parse(layout, strings.TrimSpace(text)); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, problem.Body(problem.Detail{Pointer: "/since", Code: "date-time", Message: "must be a date and a time, such as 2026-01-23T08:00"})
}

// candidates are a webhook's live secrets by name.
func candidates(w webhooks.Webhook, secrets []signature.Secret) []signature.Candidate {
	var found []signature.Candidate
	for i, s := range secrets {
		name := "the secret of “" + called(w) + "”"
		if i > 0 {
			name += " before its rotation"
		}
		found = append(found, signature.Candidate{Name: name, Text: s.String()})
	}
	return found
}
