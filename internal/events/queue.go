package events

import (
	"context"
	"log/slog"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// AtBoundary has do called right before the commit, between two events of an organization: of those with numbers up to last
// nobody sees what the transaction does, of later ones everybody, and so do the events of the transaction itself. Until the
// commit the organization gets no other event.
func AtBoundary(tx *postgres.Tx, organization uuid.UUID, do func(ctx context.Context, last int64) error) {
	q := queueOf(tx)
	q.boundaries = append(q.boundaries, boundary{organization, do})
}

type boundary struct {
	organization uuid.UUID
	do           func(ctx context.Context, last int64) error
}

// told is what an outbox was given.
type told struct {
	outbox *Outbox
	events []Event
}

// queue is what a transaction has of events. There is one, so that the counters of all organizations are locked in order.
type queue struct {
	told       []told
	boundaries []boundary
}

type queueKey struct{}

func queueOf(tx *postgres.Tx) *queue {
	return tx.Last(queueKey{}, func() postgres.Last { return &queue{} }).(*queue)
}

// Flush numbers the events of each organization and writes them, after what is to be done at the boundary before them.
func (q *queue) Flush(ctx context.Context, tx *postgres.Tx) error {
	var batch []written
	for _, t := range q.told {
		sound, broken, err := t.outbox.render(t.events)
		if err != nil {
			return err
		}
		if err := t.outbox.quarantine(ctx, tx, broken); err != nil {
			return err
		}
		batch = append(batch, sound...)
	}
	if len(batch)+len(q.boundaries) == 0 {
		return nil
	}
	before, err := number(ctx, tx, batch, q.boundaries)
	if err != nil {
		return err
	}
	for _, b := range q.boundaries {
		if err := b.do(ctx, before[b.organization]); err != nil {
			return err
		}
	}
	if len(batch) == 0 {
		return nil
	}
	return insert(ctx, tx, batch)
}

// quarantine puts aside what breaks its schema, and alarms.
func (o *Outbox) quarantine(ctx context.Context, tx *postgres.Tx, broken []written) error {
	for _, b := range broken {
		if err := quarantine(ctx, tx, b); err != nil {
			return err
		}
		o.log.LogAttrs(ctx, slog.LevelError, "an event breaks its schema and is quarantined",
			slog.String("type", b.Type), slog.String("event_id", b.ID.String()), slog.String("reason", b.reason))
	}
	return nil
}
