package main

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/mails"
	"github.com/plotwise/plotwise/internal/memory"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/smtp"
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
	return g.useDatabase(ctx, func(db *database) error {
		box, err := g.box(db)
		if err != nil {
			return err
		}
		mailer, err := g.mailer(db)
		if err != nil {
			return err
		}
		if g.config.PublicURL == "" {
			g.config.PublicURL = localURL(g.config.Addr)
		}
		metrics := httpapi.NewMetrics(db.DB)
		metrics.Register(events.NewQuarantineGauge(db.DB, g.log, now)) //nolint:contextcheck // each scrape has its own
		worker := g.worker(db, box, metrics)
		failed := make(chan error, 1)
		admin := g.server(metrics.Admin())
		if err := g.listenAdmin(admin, failed); err != nil {
			return err
		}
		defer func() { _ = admin.Close() }()
		ctx, cancel := context.WithCancel(ctx)
		var running sync.WaitGroup
		defer func() { cancel(); running.Wait() }()
		memory.Settle()
		running.Go(func() { worker.Run(ctx) })
		running.Go(func() { mailer.Run(ctx) })
		g.log.InfoContext(ctx, "sending to webhooks", slog.Int("at_once", g.config.WebhooksAtOnce))
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		}
	})
}

// mailer returns what sends mails.
func (g *globals) mailer(db *database) (*mails.Mailer, error) {
	if g.config.SMTPURL == "" {
		return mails.NewMailer(db.DB, nil, nil, g.log, now), nil
	}
	server, err := smtp.ParseServer(g.config.SMTPURL)
	if err != nil { // checked with the configuration
		return nil, fmt.Errorf("PLOTWISE_SMTP_URL: %w", err)
	}
	from, err := smtp.ParseFrom(g.config.MailFrom)
	if err != nil { // checked with the configuration
		return nil, fmt.Errorf("PLOTWISE_MAIL_FROM: %w", err)
	}
	return mails.NewMailer(db.DB, server, from, g.log, now), nil
}

// leaseSlack is how much longer than a request a worker holds a delivery: the rest is for recording what came of it.
const leaseSlack = 30 * time.Second

// worker returns what sends to webhooks.
func (g *globals) worker(db *database, box *secret.Box, metrics *httpapi.Metrics) *deliveries.Worker {
	c := g.config
	w := deliveries.NewWorker(deliveries.Options{
		DB: db.DB, Client: outbound.NewClient(c.WebhookAllowNets, c.WebhookTimeout, nil, now), Webhooks: webhooks.NewService(db.DB, box, c.WebhookAllowNets, now, newID),
		Notices:  notifications.NewService(db.DB, c.PublicURL, now, newID),
		Schedule: c.WebhookSchedule, AtOnce: c.WebhooksAtOnce, PerWebhook: c.WebhookAtOnce, Lease: c.WebhookTimeout + leaseSlack,
		Log: g.log, Now: now, NewID: newID,
	})
	metrics.Register(w.Metrics)
	return w
}
