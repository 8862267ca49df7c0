package webhooks

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// DisableAfter is how long a webhook may fail before it is given up.
const DisableAfter = 5 * 24 * time.Hour

// When an organization is told that its webhook fails: whichever is first.
const (
	tellAfterExhausted = 3 // deliveries in a row
	tellAfter          = 24 * time.Hour
)

// Failure is an attempt that a webhook did not answer with success.
type Failure struct {
	At        time.Time
	Exhausted bool // it was the last attempt at its delivery
	Gone      bool // the webhook answered that it is no more (RFC 9110 §15.5.11)
}

// Trouble is what an organization is to be told of one of its webhooks.
type Trouble struct {
	URL            string
	Since          time.Time // of the first failed attempt since the last success
	DisabledReason string    // "" while it is sent to still
}

// Succeed records in the transaction that an attempt at a webhook succeeded: if it was failing, it is not any more. Else
// nothing is written.
func (s *Service) Succeed(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID) error {
	return endEpisode(ctx, tx, organization, webhook)
}

// Fail records in the transaction that an attempt at a webhook failed, and disables the webhook when it is gone, or has
// failed for DisableAfter. It reports whether its organization is to be told of that now: once an episode that it fails,
// and that it is disabled. Most failures are no news: then nothing is locked or written.
func (s *Service) Fail(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID, f Failure) (t Trouble, tell bool, err error) {
	seen, err := getHealth(ctx, tx, organization, webhook)
	if changed, _ := seen.fail(f); err != nil || !changed {
		return t, false, err
	}
	h, err := lockHealth(ctx, tx, organization, webhook)
	if err != nil {
		return t, false, err
	}
	changed, tell := h.fail(f)
	if !changed { // another worker was first
		return t, false, nil
	}
	if err := updateHealth(ctx, tx, organization, webhook, h, f.At); err != nil || !tell {
		return t, false, err
	}
	if h.State == "disabled" {
		resubscribe(tx, organization, webhook)
	}
	return Trouble{URL: h.URL, Since: *h.FailingSince, DisabledReason: text(h.DisabledReason)}, true, nil
}

// health is how a webhook answered lately. An episode is the time from a failed attempt to the next success, or until
// somebody activates the webhook again.
type health struct {
	URL            string     `db:"url"`
	State          string     `db:"state"`
	DisabledReason *string    `db:"disabled_reason"`
	FailingSince   *time.Time `db:"failing_since"` // nil when it is not failing
	Exhausted      int        `db:"exhausted"`     // deliveries in a row, until the organization is told
	NotifiedAt     *time.Time `db:"notified_at"`   // in this episode
}

// fail takes a failed attempt into account. It reports whether that changed anything, and whether it is to be told of.
func (h *health) fail(f Failure) (changed, tell bool) {
	if h.State != "active" && (h.State != "paused" || !f.Gone) {
		return false, false
	}
	if h.FailingSince == nil {
		h.FailingSince, changed = &f.At, true
	}
	if f.Exhausted && h.NotifiedAt == nil {
		h.Exhausted, changed = h.Exhausted+1, true
	}
	age := f.At.Sub(*h.FailingSince)
	switch {
	case f.Gone:
		h.disable("The endpoint answered 410 Gone.")
	case age >= DisableAfter:
		h.disable("No attempt succeeded for five days.")
	case h.NotifiedAt == nil && (h.Exhausted >= tellAfterExhausted || age >= tellAfter):
	default:
		return changed, false
	}
	h.NotifiedAt = &f.At
	return true, true
}

func (h *health) disable(reason string) {
	h.State, h.DisabledReason = "disabled", &reason
}
