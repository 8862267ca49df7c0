package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/plotwise/plotwise/internal/accounts"
	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/config"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/demo"
	"github.com/plotwise/plotwise/internal/docs"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/mails"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/memory"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/portal"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/webhooks"
)

type serveCommand struct {
	Addr      string `help:"Address to listen on; overrides PLOTWISE_ADDR." placeholder:"HOST:PORT"`
	AdminAddr string `help:"Address of /metrics and pprof; overrides PLOTWISE_ADMIN_ADDR." placeholder:"HOST:PORT"`
	Workers   bool   `default:"true" negatable:"" help:"Send to webhooks in this process too; --no-workers leaves that to plotwise work."`
	DataDir   string `help:"Directory of the embedded Postgres and the demo key; overrides PLOTWISE_DATA_DIR." placeholder:"DIR"`
}

// Help tells what the one-line help leaves out.
func (serveCommand) Help() string {
	return `Without PLOTWISE_DATABASE_URL this starts an embedded Postgres, makes a demo organization on the first start, and
writes its API key and the server's URL to demo.env in the data directory, for shells to read (. .plotwise/demo.env).
With it, that database is used as it is: run plotwise migrate first. SIGTERM or Ctrl-C lets running requests finish.

A second copy beside the first:
  plotwise serve --addr 127.0.0.1:8090 --admin-addr 127.0.0.1:8091 --data-dir /tmp/second`
}

// Run serves until it is told to stop.
func (c *serveCommand) Run(ctx context.Context, g *globals) error {
	c.override(g)
	return g.useDatabase(ctx, func(db *database) error { return g.listen(ctx, db, c.Workers) })
}

// listen makes the servers, says where to look first, and serves.
func (g *globals) listen(ctx context.Context, db *database, workers bool) error {
	listener, err := net.Listen("tcp", g.config.Addr) //nolint:noctx // listens until the end
	if err != nil {
		return fmt.Errorf("listen on %s: %w", g.config.Addr, err)
	}
	if g.config.PublicURL == "" {
		g.config.PublicURL = localURL(listener.Addr().String())
	}
	s, err := g.services(db, workers) //nolint:contextcheck // each request brings its own
	if err != nil {
		return err
	}
	if db.server != nil {
		key, err := g.demoKey(ctx, db, g.config.DataDir)
		if err != nil {
			return err
		}
		link, err := signInLink(ctx, db, g.config.PublicURL, demo.OwnerEmail, 24*time.Hour)
		if err != nil {
			return err
		}
		defer announce(g.config.PublicURL, g.config.DataDir, key, link)()
	}
	memory.Settle()
	return g.serve(ctx, db, listener, s)
}

func (c *serveCommand) override(g *globals) {
	for _, o := range []struct {
		value string
		into  *string
	}{{c.Addr, &g.config.Addr}, {c.AdminAddr, &g.config.AdminAddr}, {c.DataDir, &g.config.DataDir}} {
		if o.value != "" {
			*o.into = o.value
		}
	}
}

// services are what a server consists of.
type services struct {
	handler http.Handler
	metrics *httpapi.Metrics
	meter   *usage.Meter
	hub     *events.Hub
	worker  *deliveries.Worker // nil: others send
	mailer  *mails.Mailer      // nil with it
	limiter limiter
}

func (g *globals) services(db *database, workers bool) (services, error) {
	outbox := g.outbox()
	s := services{metrics: httpapi.NewMetrics(db.DB), meter: usage.NewMeter(db.DB, apikeys.NewService(db.DB, now, newID).Touch, now, newID()), hub: events.NewHub()}
	s.metrics.Register(events.NewQuarantineGauge(db.DB, g.log, now))
	reference, err := docs.New(g.config.PublicURL)
	if err != nil {
		return s, err
	}
	if s.limiter, err = g.limiter(); err != nil {
		return s, err
	}
	if s.limiter.redis != nil {
		s.metrics.LimitedLocally(s.limiter.redis.Local)
	}
	box, err := g.box(db)
	if err != nil {
		return s, err
	}
	if workers {
		s.worker = g.worker(db, box, s.metrics)
		if s.mailer, err = g.mailer(db); err != nil {
			return s, err
		}
	}
	settings, err := g.portal(db, box, outbox, s.hub)
	if err != nil {
		return s, err
	}
	s.handler, err = httpapi.New(httpapi.Options{
		DB: db.DB, Keys: db.keys, Log: g.log, Metrics: s.metrics, PublicURL: g.config.PublicURL, ValidateResponses: g.config.ValidateResponses, Engine: validation.Engine(g.config.Validator),
		Limits: httpapi.Limits{
			Organizations: s.limiter, PerAddress: g.config.AddressRequests, InFlight: g.config.MaxInFlight, TrustedProxies: g.config.TrustedProxies,
		},
		TestWait: g.testWait(),
		Box:      box, AllowNets: g.config.WebhookAllowNets, Outbox: outbox, Hub: s.hub, Meter: s.meter, Docs: reference, Portal: settings, Now: now, NewID: newID,
	})
	return s, err
}

// testWait is how long a test event may take.
func (g *globals) testWait() time.Duration {
	return min(g.config.WebhookTimeout+testSlack, g.config.WriteTimeout*9/10)
}

// portal returns the settings in the browser.
func (g *globals) portal(db *database, box *secret.Box, outbox *events.Outbox, hub *events.Hub) (http.Handler, error) {
	types, err := httpapi.EventTypes()
	if err != nil {
		return nil, err
	}
	return portal.New(portal.Options{
		DB: db.DB, PublicURL: g.config.PublicURL, Accounts: accounts.NewService(db.DB, now), Keys: apikeys.NewService(db.DB, now, newID),
		Members: members.NewService(db.DB, now, newID), Organizations: organizations.NewService(db.DB, now, newID), Log: g.log, Now: now, NewID: newID,
		Usage:         usage.NewService(db.DB, now),
		Events:        events.NewFeed(db.DB, nil, now),
		Notifications: notifications.NewService(db.DB, g.config.PublicURL, now, newID),
		Webhooks:      webhooks.NewService(db.DB, box, g.config.WebhookAllowNets, now, newID),
		Deliveries:    deliveries.NewService(db.DB, outbox, hub, types, g.testWait(), now),
		EventTypes:    types,
	})
}

// flush adds the last counts of usage, when no request is under way any more.
func (s services) flush(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushTimeout)
	defer cancel()
	return s.meter.Flush(ctx)
}

// localURL returns the URL that reaches what listens on an address from this machine.
func localURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

const (
	contactsEvery = time.Second      // contacts of an import wait so long at most for being found
	flushTimeout  = 10 * time.Second // for the last counts of usage
	testSlack     = 5 * time.Second  // that a worker has for a test event besides sending it
)

// box returns what secrets are encrypted in: under the configured key, or one that is kept beside an embedded Postgres.
func (g *globals) box(db *database) (*secret.Box, error) {
	text := g.config.SecretKey
	if text == "" {
		if db.server == nil {
			return nil, errors.New("PLOTWISE_SECRET_KEY is not set: want base64 of 32 random bytes, as openssl rand -base64 32 prints; every server of a database needs the same")
		}
		var err error
		if text, err = secret.LoadOrCreate(filepath.Join(g.config.DataDir, "secret.key")); err != nil {
			return nil, err
		}
	}
	key, err := secret.Parse(text)
	if err != nil { // checked with the configuration, or on loading
		return nil, fmt.Errorf("PLOTWISE_SECRET_KEY: %w", err)
	}
	return secret.NewBox(key), nil
}

// limiter is what limits organizations, in memory or in Redis.
type limiter struct {
	ratelimit.Limiter
	redis *ratelimit.Redis // nil: in memory
}

func (g *globals) limiter() (limiter, error) {
	if g.config.RedisURL == "" {
		return limiter{Limiter: ratelimit.NewMemory(now)}, nil
	}
	redis, err := ratelimit.NewRedis(g.config.RedisURL, now, g.log)
	if err != nil {
		return limiter{}, fmt.Errorf("PLOTWISE_REDIS_URL: %w", err)
	}
	return limiter{redis, redis}, nil
}

func (l limiter) run(ctx context.Context) {
	if l.redis != nil {
		l.redis.Run(ctx)
	}
}

func (l limiter) close() error {
	if l.redis != nil {
		return l.redis.Close()
	}
	return nil
}

// serve runs the servers until the context ends, then lets running requests finish and flushes their usage.
func (g *globals) serve(ctx context.Context, db *database, listener net.Listener, s services) (err error) {
	background, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { contacts.NewService(db.DB, newID).Run(background, contactsEvery, g.log) })
	running.Go(func() { s.meter.Run(background, g.config.UsageFlush, g.log) })
	running.Go(func() { s.meter.RunTidy(background, g.log) })
	running.Go(func() { s.limiter.run(background) })
	if s.worker != nil {
		running.Go(func() { s.worker.Run(background) })
		running.Go(func() { s.mailer.Run(background) })
	}
	running.Go(func() { s.hub.Run(background, db.DB, g.log) })
	running.Go(func() { g.prune(background, db) })
	defer func() { err = errors.Join(err, s.flush(ctx), s.limiter.close()) }()
	defer running.Wait()
	defer cancel()
	failed := make(chan error, 2)
	api := g.server(s.handler)
	go func() { failed <- api.Serve(listener) }()
	g.log.InfoContext(ctx, "serving", slog.String("url", localURL(listener.Addr().String())))
	admin := g.server(s.metrics.Admin())
	if err := g.listenAdmin(admin, failed); err != nil {
		return errors.Join(err, api.Close())
	}
	var exited <-chan error
	if db.server != nil {
		exited = db.server.Exited()
	}
	select {
	case <-ctx.Done():
		g.log.InfoContext(ctx, "stopping: running requests may finish", slog.Duration("within", g.config.ShutdownTimeout))
	case err = <-failed:
	case err = <-exited:
	}
	shutdown, stop := context.WithTimeout(context.WithoutCancel(ctx), g.config.ShutdownTimeout)
	defer stop()
	return errors.Join(err, api.Shutdown(shutdown), admin.Shutdown(shutdown))
}

// prune deletes what has had its time, every hour until the context ends. Any number of servers may.
func (g *globals) prune(ctx context.Context, db *database) {
	hourly := time.NewTicker(time.Hour)
	defer hourly.Stop()
	for {
		for what, prune := range map[string]func(context.Context) error{
			"events":        events.NewFeed(db.DB, nil, now).Prune,
			"attempts":      func(ctx context.Context) error { return deliveries.Prune(ctx, db.DB, now()) },
			"sessions":      accounts.NewService(db.DB, now).Prune,
			"notifications": notifications.NewService(db.DB, g.config.PublicURL, now, newID).Prune,
		} {
			if err := prune(ctx); err != nil && ctx.Err() == nil {
				g.log.LogAttrs(ctx, slog.LevelWarn, "what has had its time is still there", slog.String("what", what), slog.Any("error", err))
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-hourly.C:
		}
	}
}

func (g *globals) server(handler http.Handler) *http.Server {
	return &http.Server{
		Handler: handler, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: g.config.ReadTimeout, WriteTimeout: g.config.WriteTimeout,
		IdleTimeout: g.config.IdleTimeout, MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(g.log.Handler(), slog.LevelWarn),
	}
}

// listenAdmin serves the admin address. When the usual one is taken, by a second copy, it takes any other.
func (g *globals) listenAdmin(admin *http.Server, failed chan<- error) error {
	if g.config.AdminAddr == config.NoAdmin {
		return nil
	}
	listener, err := net.Listen("tcp", g.config.AdminAddr) //nolint:noctx // listens until the end
	if errors.Is(err, syscall.EADDRINUSE) && g.config.AdminAddr == "127.0.0.1:8081" {
		listener, err = net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // as above
	}
	if err != nil {
		return fmt.Errorf("listen on the admin address %s: %w", g.config.AdminAddr, err)
	}
	g.log.Info("metrics and pprof", slog.String("url", "http://"+listener.Addr().String()+"/metrics"))
	go func() { failed <- admin.Serve(listener) }()
	return nil
}

// The lines of demo.env are for shells, whose programs are to see the key and where the server is.
const (
	exportKey = "export PLOTWISE_API_KEY="
	exportURL = "export PLOTWISE_BASE_URL="
)

// demoKey returns the demo key, which it makes when demo.env has none that the database knows, and keeps it there.
func (g *globals) demoKey(ctx context.Context, db *database, dataDir string) (string, error) {
	file := filepath.Join(dataDir, "demo.env")
	text, err := os.ReadFile(file) //nolint:gosec // our own directory
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("read the demo key: %w", err)
	}
	_, key, _ := strings.Cut(string(text), exportKey)
	key, _, _ = strings.Cut(key, "\n")
	if _, err := apikeys.NewService(db.DB, now, newID).Authenticate(ctx, key, netip.Addr{}); err != nil {
		if key, err = g.seed(ctx, db); err != nil {
			return "", err
		}
	}
	lines := exportKey + key + "\n" + exportURL + g.config.PublicURL + "\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil { //nolint:gosec // our own directory
		return "", fmt.Errorf("keep the demo key: %w", err)
	}
	return key, nil
}

// seed makes the demo organization, and returns its key.
func (g *globals) seed(ctx context.Context, db *database) (string, error) {
	box, err := g.box(db)
	if err != nil {
		return "", err
	}
	key, err := demo.NewSeeder(db.DB, g.outbox(), box, now, newID).Seed(ctx)
	if err != nil {
		return "", fmt.Errorf("make the demo organization: %w", err)
	}
	return key, nil
}

// announce says where to look first; it returns a function that says goodbye.
func announce(publicURL, dataDir, key, link string) func() {
	fmt.Printf(`
Plotwise is running.

  Documentation   %[1]s/docs
  Settings        %[4]s (signs you in, once)
  Demo API key    in %[2]s

  curl -H "Authorization: Bearer %[3]s" "%[1]s/v1/permits?per_page=2"

Stop it with Ctrl-C.

`, publicURL, filepath.Join(dataDir, "demo.env"), key, link)
	return func() { fmt.Println("Plotwise has stopped.") }
}
