package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/validation"
)

// flushEvery is how often counted requests go to the database, as the program does it.
const flushEvery = 5 * time.Second

// newService returns the API with all that stands around it, as the program serves it, and what ends it. Its log is written as the
// program writes it, to nowhere.
func newService(ctx context.Context, db *postgres.DB, change func(o *httpapi.Options)) (http.Handler, func(), error) {
	sealing, err := secret.Parse(secret.Generate())
	if err != nil {
		return nil, nil, err
	}
	nowhere, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return nil, nil, err
	}
	meter := usage.NewMeter(db, apikeys.NewService(db, utcNow, newID).Touch, utcNow, newID())
	o := httpapi.Options{
		DB: db, Log: slog.New(slog.NewTextHandler(nowhere, &slog.HandlerOptions{ReplaceAttr: maskKeys})), Metrics: httpapi.NewMetrics(db),
		PublicURL: "http://bench.test", ValidateResponses: "enforce", Docs: http.NotFoundHandler(), Portal: http.NotFoundHandler(),
		Limits: httpapi.Limits{Organizations: ratelimit.NewMemory(utcNow), PerAddress: 300, InFlight: 100},
		Box:    secret.NewBox(sealing), Outbox: events.NewOutbox(slog.New(slog.DiscardHandler), utcNow, newID), Hub: events.NewHub(),
		Meter: meter, Now: utcNow, NewID: newID,
	}
	if change != nil {
		change(&o)
	}
	handler, err := httpapi.New(o)
	if err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { meter.Run(ctx, flushEvery, slog.New(slog.DiscardHandler)) })
	return handler, func() {
		cancel()
		running.Wait()
		_ = nowhere.Close()
	}, nil
}

// maskKeys does to each attribute of a line what the program does.
func maskKeys(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindString {
		a.Value = slog.StringValue(apikeys.Mask(a.Value.String()))
	}
	return a
}

// listen serves a handler on a port of its own of the loopback, until it is closed.
func listen(handler http.Handler) (address string, end func(), err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), func() { _ = server.Close() }, nil
}

// listenService serves the API with one engine of validation.
func listenService(ctx context.Context, db *postgres.DB, engine validation.Engine) (address string, end func(), err error) {
	handler, endService, err := newService(ctx, db, func(o *httpapi.Options) { o.Engine = engine })
	if err != nil {
		return "", nil, err
	}
	address, endServer, err := listen(handler)
	if err != nil {
		endService()
		return "", nil, err
	}
	return address, func() {
		endServer()
		endService()
	}, nil
}

// tenant is an organization with a key that may do everything, as often as it likes.
type tenant struct {
	identity.Identity
	key string
}

func newTenant(ctx context.Context, db *postgres.DB) (tenant, error) {
	s := organizations.NewService(db, time.Now, newID)
	o, err := s.Create(ctx, "Bench", "enterprise")
	if err != nil {
		return tenant{}, err
	}
	agreed := int32(1_000_000) // the most that answers may tell
	if err := s.SetPlan(ctx, o, "enterprise", &agreed); err != nil {
		return tenant{}, err
	}
	return tenant{Identity: identity.Identity{OrganizationID: o, RequestsPerMinute: int(agreed)}}.another(ctx, db)
}

// another returns the tenant with one more key.
func (t tenant) another(ctx context.Context, db *postgres.DB) (tenant, error) {
	t.Permissions = []identity.Permission{identity.Admin, identity.Read, identity.Write}
	k, key, err := apikeys.NewService(db, time.Now, newID).Create(ctx, apikeys.Key{OrganizationID: t.OrganizationID, Name: "Bench", Permissions: t.Permissions})
	t.KeyID, t.key = k.ID, key
	return t, err
}

func (t tenant) get(path string) request { return newRequest("GET", path, t.key, "", http.StatusOK) }

// watch puts the first permits, that have no note and match no condition, on the tenant's watchlist.
func (t tenant) watch(ctx context.Context, db *postgres.DB, n int) ([]uuid.UUID, error) {
	var watched []uuid.UUID
	err := db.SelectContext(ctx, &watched, `insert into watchlist_items (organization_id, permit_uuid, tags, priority, added_at, updated_at)
		select $1, uuid, '{downtown,priority}', 'high', now(), now() from (select uuid from permits order by uuid limit $2) p
		returning permit_uuid`, t.OrganizationID, n)
	return watched, err
}

// listPath is the list that figures are about: 25 permits, which are there as documents.
const listPath = "/v1/permits?scope=all&per_page=25"

// address returns the address of a URL without a path.
func addressOf(url string) string { return strings.TrimPrefix(url, "http://") }
