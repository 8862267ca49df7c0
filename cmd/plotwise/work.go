package main

import (
	"cmp"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/webhooks"
)

type workCommand struct {
	AdminAddr string `help:"Address of /metrics and pprof; overrides PLOTWISE_ADMIN_ADDR." placeholder:"HOST:PORT"`
}

// Help tells what the one-line help leaves out.
func (workCommand) Help() string {
	return `Any number of them may run beside servers that have --no-workers or do not: each takes what is due and nobody else has. When
one is killed, others go on with what it had after a minute at most. SIGTERM or Ctrl-C lets running requests finish.

Metrics are on the admin address, as those of serve are: a second process on a machine takes any free port.`
}

// Run sends until it is told to stop.
func (c workCommand) Run(ctx context.Context, g *globals) error {
	g.config.AdminAddr = cmp.Or(c.AdminAddr, g.config.AdminAddr)
	return g.withDatabase(ctx, func(db *database) error {
		box, err := g.box(db)
		if err != nil {
			return err
		}
		metrics := httpapi.NewMetrics(db.DB)
		worker := g.worker(db, box, metrics)
		failed := make(chan error, 1)
		admin := g.server(metrics.Admin())
		if err := g.listenAdmin(admin, failed); err != nil {
			return err
		}
		defer func() { _ = admin.Close() }()
		ctx, cancel := context.WithCancel(ctx)
		ended := make(chan struct{})
		defer func() { cancel(); <-ended }()
		go func() { defer close(ended); worker.Run(ctx) }()
		g.log.InfoContext(ctx, "sending to webhooks", slog.Int("at_once", g.config.WebhooksAtOnce))
		select {
		case <-ended:
			return nil
		case err := <-failed:
			return err
		}
	})
}

// leaseSlack is how much longer than a request a worker holds a delivery: the rest is for recording what came of it.
const leaseSlack = 30 * time.Second

// worker returns what sends to webhooks.
func (g *globals) worker(db *database, box *secret.Box, metrics *httpapi.Metrics) *deliveries.Worker {
	c := g.config
	counted := deliveries.NewMetrics(db.DB, g.log, now)
	metrics.Register(counted)
	kept := webhooks.NewService(db.DB, box, c.WebhookAllowNets, now, newID)
	client := outbound.NewClient(c.WebhookAllowNets, c.WebhookTimeout, nil, now)
	return deliveries.NewWorker(db.DB, client, kept, deliveries.Options{
		Schedule: c.WebhookSchedule, AtOnce: c.WebhooksAtOnce, PerWebhook: c.WebhookAtOnce, Lease: c.WebhookTimeout + leaseSlack,
	}, counted, g.log, now, newID, rand.Float64)
}
