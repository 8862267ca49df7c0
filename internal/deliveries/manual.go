package deliveries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/inflight"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Retry has a delivery sent once more, now. One that is pending is only sent sooner; and one that is being sent just now, when
// that fails. It returns NotFound, and webhook_not_active when the webhook is deleted or disabled; one that is paused has to be resumed first.
func (s *Service) Retry(ctx context.Context, organization, delivery uuid.UUID) (d Detail, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if d, err = get(ctx, tx, organization, delivery); err != nil {
			return err
		}
		if err := retry(ctx, tx, organization, delivery, s.now()); err != nil { // locked before its webhook, as workers do
			return err
		}
		if err := checkSendable(ctx, tx, organization, d.WebhookID); isNotFound(err) { // the delivery is there
			return errNotActive
		} else if err != nil {
			return err
		}
		d, err = get(ctx, tx, organization, delivery)
		return err
	})
	return d, err
}

func isNotFound(err error) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Kind == problem.NotFound
}

var errNotActive = problem.New(problem.Conflict, "webhook_not_active", "The webhook is deleted or disabled; nothing is sent to it.")

// Recovery is what a Recover queued, and what it left.
type Recovery struct {
	Queued    int `db:"queued"`
	Remaining int `db:"remaining"`
}

const (
	recoverAtMost = 20_000
	recoverEvery  = 50 * time.Millisecond // an endpoint that is just back has to keep up
)

// Recover has sent again what was exhausted or cancelled of what happened since a time, paced, the oldest first. It
// returns NotFound and webhook_not_active.
func (s *Service) Recover(ctx context.Context, organization, webhook uuid.UUID, since time.Time) (r Recovery, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := checkSendable(ctx, tx, organization, webhook); err != nil {
			return err
		}
		r, err = recoverFailed(ctx, tx, organization, webhook, since, s.now(), recoverAtMost)
		return err
	})
	return r, err
}

// Test sends the example of an event type to a webhook, once, and waits for what comes of it. It returns NotFound,
// webhook_not_active, and service_unavailable when no worker has sent it in time: then nobody will.
func (s *Service) Test(ctx context.Context, organization, webhook uuid.UUID, eventType string) (Detail, error) {
	woken, forget := s.hub.Subscribe(organization)
	defer forget()
	delivery, err := s.addTest(ctx, organization, webhook, eventType)
	if err != nil {
		return Detail{}, err
	}
	inflight.Leave(ctx)
	deadline := time.NewTimer(s.wait)
	defer deadline.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		d, err := s.Get(ctx, organization, delivery)
		if err != nil || d.State != Pending {
			return d, err
		}
		select {
		case <-woken:
		case <-look.C:
		case <-deadline.C:
			return d, s.giveUp(ctx, organization, delivery)
		case <-ctx.Done():
			return d, ctx.Err()
		}
	}
}

// addTest queues a test event.
func (s *Service) addTest(ctx context.Context, organization, webhook uuid.UUID, eventType string) (delivery uuid.UUID, err error) {
	t, known := s.types[eventType]
	if !known {
		return delivery, fmt.Errorf("there is no event type %q to test", eventType)
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := checkSendable(ctx, tx, organization, webhook); err != nil {
			return err
		}
		event, err := s.outbox.AddTest(ctx, tx, organization, t)
		if err != nil {
			return err
		}
		delivery, err = insertTest(ctx, tx, organization, webhook, event, s.now())
		return err
	})
	return delivery, err
}

// giveUp cancels a test that no worker has begun to send.
func (s *Service) giveUp(ctx context.Context, organization, delivery uuid.UUID) error {
	if err := cancelTest(ctx, s.db, organization, delivery, s.now()); err != nil {
		return err
	}
	return problem.New(problem.Unavailable, "service_unavailable", "No worker has sent the test event in time; try again in a few seconds.")
}
