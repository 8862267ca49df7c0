// Package notifications tells organizations about their own affairs: by API, and by mail to their owners and admins.
package notifications

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/mails"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

// The types of notifications.
const (
	WebhookFailing  = "webhook.failing"
	WebhookDisabled = "webhook.disabled"
)

// The states that a list can be limited to.
const (
	Read   = "read"
	Unread = "unread"
)

// Notification is something that an organization is told.
type Notification struct {
	ID        uuid.UUID  `db:"id"`
	Type      string     `db:"type"`
	Title     string     `db:"title"`
	Message   string     `db:"message"`
	WebhookID uuid.UUID  `db:"webhook_id"`
	CreatedAt time.Time  `db:"created_at"`
	ReadAt    *time.Time `db:"read_at"` // nil while it is unread
}

func (n Notification) position() page.Key { return page.Key{ID: n.ID} }

// Service keeps notifications. It is safe for concurrent use.
type Service struct {
	db        *postgres.DB
	publicURL string
	now       func() time.Time
	newID     func() uuid.UUID
}

// NewService returns a Service on the database, whose mails link to the documentation below publicURL.
func NewService(db *postgres.DB, publicURL string, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, publicURL: publicURL, now: now, newID: newID}
}

// List returns a page of an organization's notifications, the newest first, in a state (Read or Unread; "" for any). It
// returns the problems of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, state string, p page.Query) ([]Notification, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	return page.List(p, fmt.Sprintf("notifications %s %s", organization, state), Notification.position,
		func(r page.Request) ([]Notification, error) { return list(ctx, q, organization, state, r) },
		func() (int, error) { return count(ctx, q, organization, state, page.MaxDepth+1) })
}

// Unread returns how many of an organization's notifications are unread, up to most.
func (s *Service) Unread(ctx context.Context, organization uuid.UUID, most int) (int, error) {
	return count(ctx, postgres.From(ctx, s.db), organization, Unread, most)
}

// Read marks a notification as read, and returns it, or NotFound. One that was read before keeps its time.
func (s *Service) Read(ctx context.Context, organization, notification uuid.UUID) (Notification, error) {
	q := postgres.From(ctx, s.db)
	if err := markRead(ctx, q, organization, notification, s.now()); err != nil {
		return Notification{}, err
	}
	return get(ctx, q, organization, notification)
}

// Add tells an organization of something, in the transaction that makes it true: with mails to its owners and admins.
func (s *Service) Add(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, n Notice) error {
	added := Notification{ID: s.newID(), Type: n.kind, Title: n.title, Message: n.message, WebhookID: n.webhook, CreatedAt: s.now()}
	if err := insert(ctx, tx, organization, added); err != nil {
		return err
	}
	to, err := listRecipients(ctx, tx, organization)
	if err != nil {
		return err
	}
	for _, r := range to {
		err := mails.Add(ctx, tx, mails.Mail{
			OrganizationID: organization, ID: s.newID(), NotificationID: added.ID, Email: r.Email, Name: r.Name,
			Subject: n.subject(r.Organization), Body: n.body(r.Organization, s.publicURL), CreatedAt: added.CreatedAt,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// recipient is who gets a mail.
type recipient struct {
	Email        string `db:"email"`
	Name         string `db:"name"`
	Organization string `db:"organization"` // its name
}

// keep is how long notifications are kept, with their mails.
const keep = 30 * 24 * time.Hour

// Prune deletes the notifications of all organizations that have had their time.
func (s *Service) Prune(ctx context.Context) error {
	for {
		deleted, err := prune(ctx, s.db, s.now().Add(-keep))
		if err != nil || deleted == 0 {
			return err
		}
	}
}
