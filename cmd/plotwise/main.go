// Command plotwise serves the Plotwise API and looks after its data.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // for machines that lack it

	"github.com/alecthomas/kong"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/config"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/listen"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/organizations"
)

type cli struct {
	Serve   serveCommand   `cmd:"" help:"Serve the API and its documentation."`
	Work    workCommand    `cmd:"" help:"Send events to webhooks."`
	Migrate migrateCommand `cmd:"" help:"Bring the database's schema to this program's version."`
	Seed    seedCommand    `cmd:"" help:"Fill the database with the demo organization, and print a key of it."`
	Import  importCommand  `cmd:"" help:"Import permits, inspections or fees from a city's files."`
	Sync    syncCommand    `cmd:"" help:"Pull what changed from cities' open-data portals."`
	Audit   auditCommand   `cmd:"" help:"Prove that every event has its deliveries, and look for what is wrong with them."`
	Listen  listenCommand  `cmd:"" help:"Forward events to a URL of your own machine, for developing a webhook."`
	Keys    keysCommand    `cmd:"" help:"Make, list and revoke API keys."`
	Org     orgCommand     `cmd:"" help:"Make organizations and set their plans."`
}

// globals is what every command gets.
type globals struct {
	config config.Config
	log    *slog.Logger
}

// outbox returns what writes events.
func (g *globals) outbox() *events.Outbox { return events.NewOutbox(g.log, now, newID) }

const description = `Plotwise tracks building permits and serves them as an API.

Settings are environment variables that start with PLOTWISE_; /docs/guides/configuration of a running server lists them.
Without PLOTWISE_DATABASE_URL, commands use a Postgres that is started for this program alone, with its data in .plotwise/
of the directory that you are in (PLOTWISE_DATA_DIR names another).`

func main() {
	var c cli
	parsed := kong.Parse(&c, kong.Name("plotwise"), kong.Description(description), kong.ShortUsageOnError(), kong.Vars{
		"sources": sources(), "portals": portals(), "plans": strings.Join(organizations.Plans(), ","), "roles": strings.Join(members.Roles(), ","),
		"baseURL": listen.DefaultBaseURL, "eventTypes": strings.Join(listen.EventTypes(), ", "),
	},
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}))
	cfg, err := config.Load(os.Environ())
	if err != nil {
		fmt.Fprintf(os.Stderr, "plotwise: the configuration is not right:\n%v\n", err)
		os.Exit(notDone(parsed.Command()))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	parsed.BindTo(ctx, (*context.Context)(nil))
	switch err := parsed.Run(&globals{config: cfg, log: newLog(cfg)}); {
	case errors.Is(err, errFound):
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	case err != nil:
		fmt.Fprintf(os.Stderr, "plotwise: %v\n", err)
		stop()
		os.Exit(notDone(parsed.Command()))
	}
}

func newLog(c config.Config) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.LogLevel)); err != nil { // checked with the configuration
		panic(err)
	}
	options := &slog.HandlerOptions{Level: level, ReplaceAttr: maskKeys}
	if c.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(os.Stderr, options))
	}
	return slog.New(slog.NewTextHandler(os.Stderr, options))
}

// maskKeys keeps API keys out of the log, wherever a client sends one: in a path, say, or as its X-Request-Id.
func maskKeys(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(apikeys.Mask(a.Value.String()))
	case slog.KindAny:
		if err, ok := a.Value.Any().(error); ok {
			a.Value = slog.StringValue(apikeys.Mask(err.Error()))
		}
	default:
	}
	return a
}

// now is the clock of this program, in UTC.
func now() time.Time { return time.Now().UTC() }

// newID returns a UUID of version 7, which sorts by its time.
func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }
