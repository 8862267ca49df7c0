// Package mails sends mail: a queue in Postgres, into which a mail goes in the transaction that gives cause for it, and
// mailers that empty it by SMTP.
package mails

import (
	"context"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// The states of a mail.
const (
	pending = "pending" // it will be sent, or is being sent
	sent    = "sent"    // the SMTP server took it
	logged  = "logged"  // there is no SMTP server: it went to the log instead
	failed  = "failed"  // it was refused for good, or every attempt failed
)

// Mail is a text to one recipient.
type Mail struct {
	OrganizationID uuid.UUID `db:"organization_id"`
	ID             uuid.UUID `db:"id"`              // of which its Message-ID is made: the same however often it is sent
	NotificationID uuid.UUID `db:"notification_id"` // which it tells of, and with which it is deleted
	Email          string    `db:"email"`
	Name           string    `db:"name"`
	Subject        string    `db:"subject"`
	Body           string    `db:"body"` // plain text
	CreatedAt      time.Time `db:"created_at"`
}

// Add puts a mail into the queue, in the transaction. Its subject and the recipient's name become one line.
func Add(ctx context.Context, tx *postgres.Tx, m Mail) error {
	m.Subject, m.Name = OneLine(m.Subject), OneLine(m.Name)
	return insert(ctx, tx, m)
}

// OneLine returns a text with a space for everything that would end a line or move a cursor.
func OneLine(text string) string {
	plain := strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
	return strings.Join(strings.Fields(plain), " ")
}
