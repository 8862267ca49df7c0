// Package deliveries sends events to webhooks: a queue in Postgres, workers that empty it, and a log of every attempt.
package deliveries

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
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
	State         string     `db:"state"`
	Reason        string     `db:"reason"` // of Cancelled
	Attempts      int        `db:"attempts"`
	NextAttemptAt *time.Time `db:"next_attempt_at"` // nil when there will be none
	CreatedAt     time.Time  `db:"created_at"`
	FinishedAt    *time.Time `db:"finished_at"`
}

func (d Delivery) position() page.Key { return page.Key{ID: d.ID} }

// Attempt is a request that was made for a delivery. Times are in milliseconds; 0 for what an open connection spared.
type Attempt struct {
	ID              uuid.UUID `db:"id"`
	Number          int       `db:"number"`
	StartedAt       time.Time `db:"started_at"`
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
	WebhookID *uuid.UUID
	State     string
}

// Service reads the log, and sends again by hand. It is safe for concurrent use.
type Service struct {
	db  *postgres.DB
	now func() time.Time
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time) *Service {
	return &Service{db: db, now: now}
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
	return page.List(p, fmt.Sprintf("deliveries %s %v %s", organization, f.WebhookID, f.State), Delivery.position,
		func(r page.Request) ([]Delivery, error) { return list(ctx, q, organization, f, r) },
		func() (int, error) { return count(ctx, q, organization, f, page.MaxDepth+1) })
}

// Get returns a delivery with its attempts, the first one first, or NotFound.
func (s *Service) Get(ctx context.Context, organization, delivery uuid.UUID) (Delivery, []Attempt, error) {
	q := postgres.From(ctx, s.db)
	d, err := get(ctx, q, organization, delivery)
	if err != nil {
		return d, nil, err
	}
	attempts, err := listAttempts(ctx, q, organization, delivery)
	return d, attempts, err
}

// Retry has a delivery sent once more, now. One that is pending is only sent sooner. It returns NotFound, and
// webhook_not_active when the webhook is deleted or disabled; one that is paused has to be resumed first.
func (s *Service) Retry(ctx context.Context, organization, delivery uuid.UUID) (d Delivery, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if d, err = get(ctx, tx, organization, delivery); err != nil {
			return err
		}
		active, err := isActive(ctx, tx, organization, d.WebhookID)
		if err != nil {
			return err
		}
		if !active {
			return problem.New(problem.Conflict, "webhook_not_active", "The delivery's webhook is deleted or disabled; nothing is sent to it.")
		}
		if err := retry(ctx, tx, organization, delivery, s.now()); err != nil {
			return err
		}
		d, err = get(ctx, tx, organization, delivery)
		return err
	})
	return d, err
}
