package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
)

const (
	admissionSlices = 20                     // of each server, in turns
	sliceLength     = 500 * time.Millisecond // long against a flush of usage
	callers         = 4
)

// admissionCost measures how many lists of 25 permits a second the server answers with authentication, limits and metering,
// and without them. The requests are given to the handlers in this process, so that no client's work hides the difference.
func (b *bench) admissionCost(ctx context.Context, db *postgres.DB) error {
	key, caller, err := newCaller(ctx, db)
	if err != nil {
		return err
	}
	now := func() time.Time { return time.Now().UTC() }
	meter := usage.NewMeter(db, apikeys.NewService(db, now, newID).Touch, now, newID())
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { meter.Run(ctx, time.Second, slog.New(slog.DiscardHandler)) })
	defer running.Wait()
	defer cancel()
	log := slog.New(slog.NewJSONHandler(io.Discard, nil)) //nolint:sloglint // writing the line belongs to the cost
	sealing, err := secret.Parse(secret.Generate())
	if err != nil {
		return err
	}
	options := httpapi.Options{
		DB: db, Log: log, Metrics: httpapi.NewMetrics(db), PublicURL: "http://bench.test",
		ValidateResponses: "enforce", Docs: http.NotFoundHandler(), Now: now, NewID: newID, Meter: meter,
		Outbox: events.NewOutbox(slog.New(slog.DiscardHandler), now, newID), Hub: events.NewHub(), Box: secret.NewBox(sealing),
		Limits: httpapi.Limits{Organizations: ratelimit.NewMemory(now), PerAddress: 300, InFlight: 100},
	}
	with, err := httpapi.New(options)
	if err != nil {
		return err
	}
	options.Caller, options.Meter = &caller, nil
	without, err := httpapi.New(options)
	if err != nil {
		return err
	}
	for range admissionSlices {
		for _, side := range []struct {
			handler http.Handler
			count   *atomic.Int64
		}{{with, &b.admitted}, {without, &b.waved}} {
			if err := list(ctx, side.handler, key, side.count); err != nil {
				return err
			}
		}
	}
	return nil
}

// list asks for lists, callers of them at once, for the length of a slice.
func list(ctx context.Context, handler http.Handler, key string, count *atomic.Int64) error {
	end := time.Now().Add(sliceLength)
	failed := make(chan error, callers)
	var running sync.WaitGroup
	for range callers {
		running.Go(func() {
			for time.Now().Before(end) {
				r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/permits?scope=all&per_page=25", nil)
				r.Header.Set("Authorization", "Bearer "+key)
				w := httptest.NewRecorder()
				handler.ServeHTTP(w, r)
				if w.Code != http.StatusOK {
					failed <- fmt.Errorf("list permits: %d %s", w.Code, w.Body)
					return
				}
				count.Add(1)
			}
		})
	}
	running.Wait()
	close(failed)
	return <-failed
}

// newCaller makes an organization that may send as much as it likes, and a key of it.
func newCaller(ctx context.Context, db *postgres.DB) (string, identity.Identity, error) {
	s := organizations.NewService(db, time.Now, newID)
	o, err := s.Create(ctx, "Bench", "enterprise")
	if err != nil {
		return "", identity.Identity{}, err
	}
	agreed := int32(1_000_000)
	if err := s.SetPlan(ctx, o, "enterprise", &agreed); err != nil {
		return "", identity.Identity{}, err
	}
	permissions := []identity.Permission{identity.Read}
	k, key, err := apikeys.NewService(db, time.Now, newID).Create(ctx, apikeys.Key{OrganizationID: o, Name: "Bench", Permissions: permissions})
	return key, identity.Identity{OrganizationID: o, KeyID: k.ID, Permissions: permissions, RequestsPerMinute: int(agreed)}, err
}
