// Package deliveries sends events to webhooks: a queue in Postgres, workers that empty it, and a log of every attempt.
package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

// The states of a delivery.
const (
	Pending   = "pending"   // there will be an attempt, or is one
	Succeeded = "succeeded" // the webhook answered with 2xx
	Exhausted = "exhausted" // every attempt failed
	Cancelled = "cancelled" // the webhook was deleted or disabled before it succeeded
)

// Delivery is an event that is to be sent to a webhook.
type Delivery struct {
	ID            uuid.UUID  `db:"id"`
	WebhookID     uuid.UUID  `db:"webhook_id"`
	EventID       uuid.UUID  `db:"event_id"`
	EventType     string     `db:"event_type"`
	Test          bool       `db:"test"`
	State         string     `db:"state"`
	Reason        string     `db:"reason"` // of Cancelled
	Attempts      int        `db:"attempts"`
	NextAttemptAt *time.Time `db:"next_attempt_at"` // nil when there will be none
	RequestedAt   *time.Time `db:"requested_at"`    // when a person last asked for it; nil if never
	CreatedAt     time.Time  `db:"created_at"`
	FinishedAt    *time.Time `db:"finished_at"`
}

func (d Delivery) position() page.Key { return page.Key{ID: d.ID} }

// Attempt is a request that was made for a delivery. Times are in milliseconds; 0 for what an open connection spared.
type Attempt struct {
	ID              uuid.UUID `db:"id"`
	Number          int       `db:"number"`
	StartedAt       time.Time `db:"started_at"`
	URL             string    `db:"url"`
	RequestHeaders  []byte    `db:"request_headers"` // JSON, without the values of the webhook's own
	RequestBody     string    `db:"request_body"`
	Status          *int      `db:"status"` // nil when there was no answer
	ResponseHeaders []byte    `db:"response_headers"`
	ResponseBody    string    `db:"response_body"` // its first 64 KiB
	Truncated       bool      `db:"truncated"`
	Error           string    `db:"error"` // one of outbound.Reason; "" when there was an answer
	Address         string    `db:"address"`
	DNS             float64   `db:"dns_ms"`
	Connect         float64   `db:"connect_ms"`
	TLS             float64   `db:"tls_ms"`
	Wait            float64   `db:"wait_ms"`
	Total           float64   `db:"total_ms"`
}

// Filter says which deliveries a list holds; nil and "" mean any.
type Filter struct {
	WebhookID      *uuid.UUID
	State          string
	EventType      string
	CreatedSince   *time.Time
	RequestedSince *time.Time
}

// Service reads the log, and sends by hand. It is safe for concurrent use.
type Service struct {
	db     *postgres.DB
	outbox *events.Outbox
	hub    *events.Hub
	types  map[string]events.Type
	wait   time.Duration
	now    func() time.Time
}

// NewService returns a Service on the database, which knows the types' examples. It waits so long for what comes of a
// test event, and the hub wakes it.
func NewService(db *postgres.DB, outbox *events.Outbox, hub *events.Hub, types []events.Type, wait time.Duration, now func() time.Time) *Service {
	s := &Service{db: db, outbox: outbox, hub: hub, types: map[string]events.Type{}, wait: wait, now: now}
	for _, t := range types {
		s.types[t.Name] = t
	}
	return s
}

// List returns a page of an organization's deliveries, the newest first. It returns NotFound for a webhook that is not
// there, and the problems of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, f Filter, p page.Query) ([]Delivery, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	if f.WebhookID != nil {
		if err := checkWebhook(ctx, q, organization, *f.WebhookID); err != nil {
			return nil, page.Meta{}, err
		}
	}
	return page.List(p, fmt.Sprintf("deliveries %s %v %s %s %v %v", organization, f.WebhookID, f.State, f.EventType, f.CreatedSince, f.RequestedSince), Delivery.position,
		func(r page.Request) ([]Delivery, error) { return list(ctx, q, organization, f, r) },
		func() (int, error) { return count(ctx, q, organization, f, page.MaxDepth+1) })
}

// Detail is a delivery with what is sent and every attempt, the first one first.
type Detail struct {
	Delivery
	Body string    `db:"body"`
	Log  []Attempt `db:"-"`
}

// Get returns a delivery with its attempts, or NotFound.
func (s *Service) Get(ctx context.Context, organization, delivery uuid.UUID) (d Detail, err error) {
	err = postgres.InBriefSnapshot(ctx, s.db, func(tx *postgres.Tx) error { // or an attempt could be in one of the two alone
		if d, err = get(ctx, tx, organization, delivery); err != nil {
			return err
		}
		d.Log, err = listAttempts(ctx, tx, organization, delivery)
		return err
	})
	return d, err
}

// Sent is a delivery with where it goes and what came of its last attempt.
type Sent struct {
	Delivery
	URL    string `db:"url"`    // "" when the webhook was deleted
	Status *int   `db:"status"` // nil when there was no attempt, or no answer
	Error  string `db:"error"`  // one of outbound.Reason; "" when there was an answer
}

// OfEvent returns the deliveries of an organization's event: one for each webhook that is told of it.
func (s *Service) OfEvent(ctx context.Context, organization, event uuid.UUID) ([]Sent, error) {
	return listOfEvent(ctx, postgres.From(ctx, s.db), organization, event)
}

// keep is how long attempts are kept. Deliveries go with their events.
const keep = 30 * 24 * time.Hour

// Prune deletes the attempts of all organizations that have had their time.
func Prune(ctx context.Context, db *postgres.DB, now time.Time) error {
	for {
		deleted, err := pruneAttempts(ctx, db, now.Add(-keep))
		if err != nil || deleted == 0 {
			return err
		}
	}
}
