package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/webhooks"
)

type workCommand struct{}

// Help tells what the one-line help leaves out.
func (workCommand) Help() string {
	return `Any number of them may run beside servers that have --no-workers or do not: each takes what is due and nobody else has. When
one is killed, others go on with what it had after a minute at most. SIGTERM or Ctrl-C lets running requests finish.`
}

// Run sends until it is told to stop.
func (workCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		box, err := g.box(db)
		if err != nil {
			return err
		}
		g.log.InfoContext(ctx, "sending to webhooks", slog.Int("at_once", g.config.WebhooksAtOnce))
		g.worker(db, box).Run(ctx)
		return nil
	})
}

// leaseSlack is how much longer than a request a worker holds a delivery: the rest is for recording what came of it.
const leaseSlack = 30 * time.Second

// worker returns what sends to webhooks.
func (g *globals) worker(db *database, box *secret.Box) *deliveries.Worker {
	c := g.config
	kept := webhooks.NewService(db.DB, box, c.WebhookAllowNets, now, newID)
	client := outbound.NewClient(c.WebhookAllowNets, c.WebhookTimeout, nil, now)
	return deliveries.NewWorker(db.DB, client, kept, deliveries.Options{
		Schedule: c.WebhookSchedule, AtOnce: c.WebhooksAtOnce, PerWebhook: c.WebhookAtOnce, Lease: c.WebhookTimeout + leaseSlack,
	}, g.log, now, newID, rand.Float64)
}
