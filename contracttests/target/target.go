// Package target starts the server of this tree for the contract suite.
package target

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/contract"
	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/demo"
	"github.com/plotwise/plotwise/internal/docs"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/webhooks"
)

func now() time.Time { return time.Now().UTC() }

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Target is a server with the demo's permits and organization.
type Target struct {
	Handler http.Handler // what answers; a test may put something in front of it
	Options contract.Options
}

// New starts a server on a database of its own, until the test ends. It lets an address send so many requests a minute
// without a valid key.
func New(t *testing.T, perAddress int) *Target {
	t.Helper()
	db := pgtest.Open(t)
	sealing, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	key, err := demo.NewSeeder(db, events.NewOutbox(slog.New(slog.DiscardHandler), now, newID), secret.NewBox(sealing), now, newID).Seed(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	x := &Target{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { x.Handler.ServeHTTP(w, r) }))
	t.Cleanup(server.Close)
	reference, err := docs.New(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	meter := usage.NewMeter(db, apikeys.NewService(db, now, newID).Touch, now, newID())
	var running sync.WaitGroup
	running.Go(func() { meter.Run(t.Context(), time.Second, slog.New(slog.DiscardHandler)) })
	t.Cleanup(running.Wait)
	hub := events.NewHub()
	running.Go(func() { hub.Run(t.Context(), db, slog.New(slog.DiscardHandler)) })
	x.Handler, err = httpapi.New(httpapi.Options{
		DB: db, Log: slog.New(slog.DiscardHandler), Metrics: httpapi.NewMetrics(db), PublicURL: server.URL,
		ValidateResponses: "enforce", Engine: validation.Both, Docs: reference, Now: now, NewID: newID,
		Limits: httpapi.Limits{Organizations: ratelimit.NewMemory(now), PerAddress: perAddress, InFlight: 100}, Meter: meter,
		Outbox: events.NewOutbox(slog.New(slog.DiscardHandler), now, newID), Hub: hub, Box: secret.NewBox(sealing), AllowNets: loopback, TestWait: testWait,
	})
	if err != nil {
		t.Fatal(err)
	}
	worker := newWorker(t, db, secret.NewBox(sealing))
	running.Go(func() { worker.Run(t.Context()) })
	x.Options = contract.Options{
		BaseURL: server.URL, Key: key, AllowWrites: true, ServedAt: "/docs/openapi.json", Now: time.Now,
		OtherKey: newKey(t, db, newOrganization(t, db), identity.Admin),
	}
	widen(t, db)
	return x
}

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

const testWait = 20 * time.Second

// newWorker returns what sends to webhooks on this machine: no other host has a name.
func newWorker(t *testing.T, db *postgres.DB, box *secret.Box) *deliveries.Worker {
	t.Helper()
	nowhere := &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		return nil, errors.New("names are not looked up in this test")
	}}
	client := outbound.NewClient(loopback, 5*time.Second, nowhere, now)
	t.Cleanup(client.Close)
	return deliveries.NewWorker(deliveries.Options{
		DB: db, Client: client, Webhooks: webhooks.NewService(db, box, loopback, now, newID), Notices: notifications.NewService(db, "http://contract.test", now, newID),
		Schedule: []time.Duration{time.Hour}, AtOnce: 10, PerWebhook: 5, Lease: time.Minute,
		Log: slog.New(slog.DiscardHandler), Now: now, NewID: newID,
	})
}

// widen lets the demo organization send as many requests as the suite likes.
func widen(t *testing.T, db *postgres.DB) {
	t.Helper()
	s := organizations.NewService(db, now, newID)
	mine, err := s.GetByName(t.Context(), demo.Organization)
	if err != nil {
		t.Fatal(err)
	}
	agreed := int32(1_000_000)
	if err := s.SetPlan(t.Context(), mine, "professional", &agreed); err != nil {
		t.Fatal(err)
	}
}

func newOrganization(t *testing.T, db *postgres.DB) uuid.UUID {
	t.Helper()
	organization, err := organizations.NewService(db, now, newID).Create(t.Context(), "Another", "starter")
	if err != nil {
		t.Fatal(err)
	}
	return organization
}

func newKey(t *testing.T, db *postgres.DB, organization uuid.UUID, permission identity.Permission) string {
	t.Helper()
	_, key, err := apikeys.NewService(db, now, newID).Create(t.Context(), apikeys.Key{
		OrganizationID: organization, Name: string(permission), Permissions: []identity.Permission{permission},
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}
