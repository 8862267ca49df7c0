// Package audit keeps who changed what: one entry for each successful write, in the transaction of the write.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Entry is one write.
type Entry struct {
	OrganizationID uuid.UUID
	KeyID          uuid.UUID // and MemberID, of who did it; both uuid.Nil: the operator, by the command line
	MemberID       uuid.UUID
	Operation      string // the specification's operationId, or a verb and a noun for what the API does not offer
	Method         string // and what follows: "" and 0 for the operator
	Path           string
	Status         int // of the answer
	RequestID      string
}

// Log keeps entries. It is safe for concurrent use.
type Log struct {
	now   func() time.Time
	newID func() uuid.UUID
}

// NewLog returns a Log.
func NewLog(now func() time.Time, newID func() uuid.UUID) *Log {
	return &Log{now: now, newID: newID}
}

// Record adds an entry to the transaction of the write.
func (l *Log) Record(ctx context.Context, tx *postgres.Tx, e Entry) error {
	return insert(ctx, tx, l.newID(), e, l.now())
}
