package main

import (
	"context"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/listen"
)

type listenCommand struct {
	ForwardTo  string   `required:"" help:"Where to post events, such as http://localhost:3000/hook." placeholder:"URL"`
	APIKey     string   `name:"api-key" env:"PLOTWISE_API_KEY" help:"A key with the read permission; with admin too, tests and retries are forwarded as well." placeholder:"KEY"`
	BaseURL    string   `name:"base-url" env:"PLOTWISE_BASE_URL" default:"${baseURL}" help:"Where the API is; ${default} when left out." placeholder:"URL"`
	Events     []string `help:"Only events of these types, with commas between; all when left out: ${eventTypes}." placeholder:"TYPE"`
	Secret     string   `help:"Secret to sign with, 24 to 64 bytes or whsec_ and base64; another one each time when left out." placeholder:"SECRET"`
	FromStart  bool     `xor:"start" help:"Begin with the oldest event that the API keeps, which it does for 30 days."`
	FromNow    bool     `xor:"start" help:"Begin with what happens now, and pass over what happened since the last run."`
	CursorFile string   `help:"File that holds how far events were forwarded; one in your cache directory when left out." placeholder:"FILE"`
	PrintJSON  bool     `name:"print-json" help:"Print what is posted, too."`
}

// Help tells what the one-line help leaves out.
func (listenCommand) Help() string {
	return `Webhooks cannot reach your own machine. This reads the events of your organization from the API instead, and posts them with
the headers and the signature that a webhook gets: verify them with the secret that is printed at the start. No webhook
has to exist. One post is made after another, in the order of the events, and each is a line:

  14:03:22  permit.status_changed          BLD-26-0521670    evt_01k0n5v8e5a7tbqzr6m4c3x9wd → 200 in 12 ms

While nothing answers at the URL (connection refused, no such host), it waits and goes on when something does, so restart
your server as you like. Any other failure (an answer that is not 2xx, none in 15 seconds, a broken connection) is shown
and passed over, without another try: you are just looking into it. The API is waited for in the same way.

The first time it begins with what happens from then on, and afterwards where it ended, even days later; each API,
organization and URL has a cursor of its own. If it is killed during a post, that event is posted again. With --events,
other events are passed over for good.

What POST /v1/webhooks/{webhook_id}/test and /v1/deliveries/{delivery_id}/retry ask for while this runs is forwarded
within some seconds, tests with the header Plotwise-Test: true. That takes a key with the admin permission.

  plotwise listen --forward-to http://localhost:3000/hook
  plotwise listen --forward-to localhost:3000/hook --events permit.status_changed --secret "$WEBHOOK_SECRET" --print-json`
}

// Run forwards until it is told to stop; being told twice stops it at once.
func (c *listenCommand) Run(ctx context.Context) error {
	start := listen.Resume
	switch {
	case c.FromStart:
		start = listen.FromOldest
	case c.FromNow:
		start = listen.FromNow
	}
	l, err := listen.New(listen.Options{
		BaseURL: c.BaseURL, APIKey: c.APIKey, ForwardTo: c.ForwardTo, Types: c.Events, Secret: c.Secret, Start: start, CursorFile: c.CursorFile,
		PrintBodies: c.PrintJSON, Out: os.Stdout, Notes: os.Stderr, Now: now, Sleep: ingest.Sleep, Random: rand.Float64,
	})
	if err != nil {
		return err
	}
	forget := context.AfterFunc(ctx, func() { signal.Reset(os.Interrupt, syscall.SIGTERM) })
	defer forget()
	return l.Run(ctx)
}
