// Package webhooks keeps the addresses that organizations want to be told of events at.
package webhooks

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/signature"
)

// Webhook is an address with what it is told of, without its secrets.
type Webhook struct {
	ID             uuid.UUID
	URL            string
	Description    string
	EventTypes     []string
	State          string     // active, paused or disabled
	DisabledReason *string    // nil when it is not disabled
	FailingSince   *time.Time // of the first failed attempt since the last success; nil when it is not failing
	HeaderNames    []string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	Version        int64
	sealed         []byte
}

func (w Webhook) position() page.Key { return page.Key{ID: w.ID} }

// Create is a webhook to make. The secret "" has one made.
type Create struct {
	URL         string
	Description string
	EventTypes  []string
	Secret      string
	Headers     map[string]string
}

// Update is what is to change of a webhook; nil leaves it.
type Update struct {
	URL         *string
	Description *string
	EventTypes  []string
	State       *string // active or paused
	Headers     map[string]string
}

// Service keeps webhooks. It is safe for concurrent use.
type Service struct {
	db      *postgres.DB
	box     *secret.Box
	allowed []netip.Prefix
	now     func() time.Time
	newID   func() uuid.UUID
}

// NewService returns a Service on the database, which encrypts secrets in the box. In the allowed networks webhooks may be
// at any port, and without TLS.
func NewService(db *postgres.DB, box *secret.Box, allowed []netip.Prefix, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, box: box, allowed: allowed, now: now, newID: newID}
}

// List returns a page of an organization's webhooks, the newest first, or a problem of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, p page.Query) ([]Webhook, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	return page.List(p, fmt.Sprintf("webhooks %s", organization), Webhook.position,
		func(r page.Request) ([]Webhook, error) { return list(ctx, q, organization, r) },
		func() (int, error) { return count(ctx, q, organization, page.MaxDepth+1) })
}

// Get returns a webhook, or NotFound.
func (s *Service) Get(ctx context.Context, organization, webhook uuid.UUID) (Webhook, error) {
	return get(ctx, postgres.From(ctx, s.db), organization, webhook)
}

// Create makes a webhook and returns it with its secret, which no operation shows again. It returns invalid_body for a URL
// that nothing is sent to, a secret that is none, and headers that are not the caller's to set.
func (s *Service) Create(ctx context.Context, organization uuid.UUID, c Create) (made Webhook, shown signature.Secret, err error) {
	var details []problem.Detail
	details = append(details, checkURL(c.URL, s.allowed)...)
	details = append(details, checkHeaders(c.Headers)...)
	shown, wrong := secretOf(c.Secret)
	if details = append(details, wrong...); len(details) > 0 {
		return made, shown, problem.Body(details...)
	}
	w := Webhook{
		ID: s.newID(), URL: c.URL, Description: c.Description, EventTypes: c.EventTypes, State: "active",
		HeaderNames: slices.Sorted(maps.Keys(c.Headers)), CreatedAt: s.now(),
	}
	if w.sealed, err = s.seal(w.ID, contents{Secret: shown.String(), Headers: c.Headers}); err != nil {
		return made, shown, err
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := insert(ctx, tx, organization, w); err != nil {
			return err
		}
		resubscribe(tx, organization, w.ID)
		made, err = get(ctx, tx, organization, w.ID)
		return err
	})
	return made, shown, err
}

// Update changes a webhook. Its state active also ends that it is disabled, and that it is failing, and has sent what waits.
// The request's If-Match is ifMatch. It returns NotFound, precondition_failed and invalid_body.
func (s *Service) Update(ctx context.Context, organization, webhook uuid.UUID, ifMatch *string, u Update) (changed Webhook, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		w, err := s.lock(ctx, tx, organization, webhook, ifMatch)
		if err != nil {
			return err
		}
		before := w
		if err := s.apply(&w, u); err != nil {
			return err
		}
		if !slices.Equal(subscription(before), subscription(w)) {
			resubscribe(tx, organization, webhook)
		}
		if err := update(ctx, tx, organization, w, s.now()); err != nil {
			return err
		}
		if before.State != "active" && w.State == "active" {
			if err := resume(ctx, tx, organization, webhook); err != nil {
				return err
			}
		}
		changed, err = get(ctx, tx, organization, webhook)
		return err
	})
	return changed, err
}

// resume begins with a webhook anew: it is failing no more, and the workers look for what waits for it.
func resume(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID) error {
	if err := endEpisode(ctx, tx, organization, webhook); err != nil {
		return err
	}
	return events.Notify(ctx, tx, organization)
}

// apply puts a change into a webhook.
func (s *Service) apply(w *Webhook, u Update) error {
	var details []problem.Detail
	if u.URL != nil {
		w.URL = *u.URL
		details = append(details, checkURL(w.URL, s.allowed)...)
	}
	if details = append(details, checkHeaders(u.Headers)...); len(details) > 0 {
		return problem.Body(details...)
	}
	if u.Description != nil {
		w.Description = *u.Description
	}
	if u.EventTypes != nil {
		w.EventTypes = u.EventTypes
	}
	if u.State != nil {
		w.State, w.DisabledReason = *u.State, nil
	}
	if u.Headers == nil {
		return nil
	}
	c, err := s.open(*w)
	if err != nil {
		return err
	}
	c.Headers, w.HeaderNames = u.Headers, slices.Sorted(maps.Keys(u.Headers))
	w.sealed, err = s.seal(w.ID, c)
	return err
}

// Overlap is how long what is sent carries the secret before a rotation too.
const Overlap = 24 * time.Hour

// RotateSecret gives a webhook another secret, the given one or one that is made, and returns it. It returns NotFound and
// invalid_body.
func (s *Service) RotateSecret(ctx context.Context, organization, webhook uuid.UUID, given string) (rotated Webhook, shown signature.Secret, err error) {
	shown, wrong := secretOf(given)
	if len(wrong) > 0 {
		return rotated, shown, problem.Body(wrong...)
	}
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		w, err := s.lock(ctx, tx, organization, webhook, nil)
		if err != nil {
			return err
		}
		c, err := s.open(w)
		if err != nil {
			return err
		}
		if c.Secret != shown.String() { // else it was rotated to before, and what went before that stays
			c.Previous, c.PreviousUntil, c.Secret = c.Secret, s.now().Add(Overlap), shown.String()
		}
		if w.sealed, err = s.seal(w.ID, c); err != nil {
			return err
		}
		if err := update(ctx, tx, organization, w, s.now()); err != nil {
			return err
		}
		rotated, err = get(ctx, tx, organization, webhook)
		return err
	})
	return rotated, shown, err
}

// Delete deletes a webhook. The request's If-Match is ifMatch. It returns NotFound and precondition_failed.
func (s *Service) Delete(ctx context.Context, organization, webhook uuid.UUID, ifMatch *string) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if _, err := s.lock(ctx, tx, organization, webhook, ifMatch); err != nil {
			return err
		}
		resubscribe(tx, organization, webhook)
		return remove(ctx, tx, organization, webhook)
	})
}

// lock returns the webhook, which nobody else changes until the transaction ends, if it has the version that ifMatch wants.
func (s *Service) lock(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID, ifMatch *string) (Webhook, error) {
	w, err := lock(ctx, tx, organization, webhook)
	if err != nil {
		return w, err
	}
	return w, etag.Check(ifMatch, w.Version)
}

func checkURL(url string, allowed []netip.Prefix) []problem.Detail {
	d := outbound.CheckURL(url, allowed)
	if d == nil {
		return nil
	}
	d.Pointer = "/url"
	return []problem.Detail{*d}
}
