// Package events is the outbox of what happens to permits, and the feed of it. An event is written in the transaction
// that makes it true, under the organization's next number.
package events

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/validation"
)

// The types of events.
const (
	StatusChanged       = "permit.status_changed"
	FeeChanged          = "permit.fee_changed"
	InspectionScheduled = "permit.inspection_scheduled"
	Added               = "permit.added_to_watchlist"
	Removed             = "permit.removed_from_watchlist"
)

// Event is something that happened, for one organization.
type Event struct {
	OrganizationID uuid.UUID
	Type           string
	PermitUUID     uuid.UUID
	data           any // as the specification has it
}

// Outbox writes events. It is safe for concurrent use.
type Outbox struct {
	schemas map[string]schema
	log     *slog.Logger
	now     func() time.Time
	newID   func() uuid.UUID
}

// NewOutbox returns an Outbox.
func NewOutbox(log *slog.Logger, now func() time.Time, newID func() uuid.UUID) *Outbox {
	return &Outbox{schemas: schemas(), log: log, now: now, newID: newID}
}

// schema is what the bodies of one type are held against.
type schema struct {
	check func(body []byte) error // returns why a body breaks it
	hash  []byte                  // SHA-256 of its text
}

// schemas returns those of the specification's webhooks by type. They are compiled once a process.
var schemas = sync.OnceValue(func() map[string]schema {
	found := map[string]schema{}
	document, err := validation.Served()
	if err != nil { // the tests of the specification would have found it
		panic(err)
	}
	for _, w := range document.Webhooks {
		sum := sha256.Sum256(w.Body.Text)
		found[w.Name] = schema{w.Body.Check, sum[:]}
	}
	return found
})

// Check returns why a body breaks the schema of its type. One that was held against another schema than today's, which its
// hash tells, is not checked: current is false.
func Check(kind string, hash []byte, body string) (current bool, err error) {
	s, known := schemas()[kind]
	if !known || !bytes.Equal(s.hash, hash) {
		return false, nil
	}
	return true, s.check([]byte(body))
}

// Append puts events into the transaction: they are written right before its commit, all together.
func (o *Outbox) Append(tx *postgres.Tx, events ...Event) {
	if len(events) == 0 {
		return
	}
	q := queueOf(tx)
	if n := len(q.told); n > 0 && q.told[n-1].outbox == o {
		q.told[n-1].events = append(q.told[n-1].events, events...)
		return
	}
	q.told = append(q.told, told{o, slices.Clone(events)})
}

// AddTest writes a test event, the example of its type, for the transaction's caller to queue a delivery of. It has no
// number, so the feed does not show it.
func (o *Outbox) AddTest(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, t Type) (uuid.UUID, error) {
	var example struct{ Data json.RawMessage }
	if err := json.Unmarshal(t.Example, &example); err != nil {
		return uuid.Nil, fmt.Errorf("read the example of %s: %w", t.Name, err)
	}
	var about struct {
		PermitUUID uuid.UUID `json:"permit_uuid"`
	}
	if err := json.Unmarshal(example.Data, &about); err != nil {
		return uuid.Nil, fmt.Errorf("read the permit of the example of %s: %w", t.Name, err)
	}
	w, err := o.write(Event{OrganizationID: organization, Type: t.Name, PermitUUID: about.PermitUUID, data: example.Data}, o.now())
	if err == nil && w.reason != "" {
		err = fmt.Errorf("the example of %s breaks its schema: %s", t.Name, w.reason)
	}
	if err != nil {
		return uuid.Nil, err
	}
	return w.ID, insertTest(ctx, tx, w)
}

// written is an event as it is stored.
type written struct {
	Event
	ID         uuid.UUID
	Number     int64
	Body       string
	SchemaHash []byte
	CreatedAt  time.Time
	reason     string // why it is quarantined
}

// render returns the events with their bodies, and apart from them those whose bodies break their schema.
func (o *Outbox) render(events []Event) (sound, broken []written, err error) {
	at := o.now()
	for _, e := range events {
		w, err := o.write(e, at)
		if err != nil {
			return nil, nil, err
		}
		if w.reason != "" {
			broken = append(broken, w)
			continue
		}
		sound = append(sound, w)
	}
	return sound, broken, nil
}

// write renders an event's body and holds it against its schema.
func (o *Outbox) write(e Event, at time.Time) (written, error) {
	s, known := o.schemas[e.Type]
	if !known {
		return written{}, fmt.Errorf("there is no event type %q", e.Type)
	}
	body, err := document(e, at)
	if err != nil {
		return written{}, err
	}
	w := written{Event: e, ID: o.newID(), Body: string(body), SchemaHash: s.hash, CreatedAt: at}
	if err := s.check(body); err != nil {
		w.reason = err.Error()
	}
	return w, nil
}
