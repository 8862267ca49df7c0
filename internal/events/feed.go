package events

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/inflight"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Entry is an event as the feed shows it.
type Entry struct {
	ID     uuid.UUID
	Number int64
	Body   string // JSON
}

// Query says which events to read.
type Query struct {
	After *int64   // the number after which to begin; nil for the oldest that is kept
	Types []string // any when empty
	Limit int
	Wait  time.Duration // for one, when there is none
}

// Batch is a part of the feed.
type Batch struct {
	Entries   []Entry
	NextAfter int64
	HasMore   bool
}

// Feed reads events in their order. It is safe for concurrent use.
type Feed struct {
	db  *postgres.DB
	hub *Hub
	now func() time.Time
}

// NewFeed returns a Feed on the database whose waiting readers the hub wakes.
func NewFeed(db *postgres.DB, hub *Hub, now func() time.Time) *Feed {
	return &Feed{db: db, hub: hub, now: now}
}

// lookEvery is how often a waiting reader looks, should it not be woken.
const lookEvery = time.Second

// List returns the next events. With a time to wait it returns as soon as there is one. It returns cursor_expired when
// events after that number were deleted, and invalid_parameter when there is no event of that number yet: it is another
// organization's, or the database was set back.
func (f *Feed) List(ctx context.Context, organization uuid.UUID, q Query) (Batch, error) {
	deadline := f.now().Add(q.Wait)
	woken, forget := f.hub.Subscribe(organization)
	defer forget()
	for {
		b, err := f.next(ctx, organization, q)
		left := deadline.Sub(f.now())
		if err != nil || len(b.Entries) > 0 || left <= 0 {
			return b, err
		}
		q.After = &b.NextAfter
		inflight.Leave(ctx)
		look := time.NewTimer(min(left, lookEvery))
		select {
		case <-woken:
		case <-look.C:
		case <-ctx.Done():
			look.Stop()
			return b, ctx.Err()
		case <-f.hub.done:
			look.Stop()
			return b, nil
		}
		look.Stop()
	}
}

// next reads up to the newest number that is committed: what lies below it is committed too.
func (f *Feed) next(ctx context.Context, organization uuid.UUID, q Query) (Batch, error) {
	entries, last, pruned, err := list(ctx, f.db, organization, q.After, q.Types, q.Limit+1)
	if err != nil {
		return Batch{}, err
	}
	after := pruned
	if q.After != nil {
		after = *q.After
	}
	if after < pruned {
		return Batch{}, expired(pruned)
	}
	if after > last {
		return Batch{}, beyond(last)
	}
	if len(entries) > q.Limit {
		entries = entries[:q.Limit]
		return Batch{entries, entries[q.Limit-1].Number, true}, nil
	}
	return Batch{entries, last, false}, nil
}

func expired(pruned int64) error {
	return &problem.Error{
		Kind: problem.Gone, Code: "cursor_expired",
		Message: fmt.Sprintf("The events up to number %d were deleted, as all are after 30 days. Read the permits as they are; then leave out the "+
			"parameter after, to go on with the oldest event that is kept.", pruned),
		Details: []problem.Detail{{In: problem.InQuery, Pointer: "after", Code: "cursor_expired", Message: fmt.Sprintf("must be %d or more", pruned)}},
	}
}

func beyond(last int64) error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "invalid_parameter",
		Message: fmt.Sprintf("after must be at most %d, the number of the newest event.", last),
		Details: []problem.Detail{{In: problem.InQuery, Pointer: "after", Code: "maximum", Message: fmt.Sprintf("must be at most %d, the number of the newest event", last)}},
	}
}

// Stored is an event as people look at it.
type Stored struct {
	ID         uuid.UUID `db:"id"`
	Number     int64     `db:"number"` // 0 of a test event
	Type       string    `db:"type"`
	PermitUUID uuid.UUID `db:"permit_uuid"`
	Body       string    `db:"body"` // JSON
	CreatedAt  time.Time `db:"created_at"`
}

// Newest returns the newest events of a type ("" for any), limit of them at most, and whether there are older ones. With
// before it begins below that number.
func (f *Feed) Newest(ctx context.Context, organization uuid.UUID, kind string, before *int64, limit int) (found []Stored, more bool, err error) {
	found, err = listNewest(ctx, postgres.From(ctx, f.db), organization, kind, before, limit+1)
	if len(found) > limit {
		return found[:limit], true, err
	}
	return found, false, err
}

// Get returns an event, also one that was made to test a webhook, or NotFound.
func (f *Feed) Get(ctx context.Context, organization, event uuid.UUID) (Stored, error) {
	return get(ctx, postgres.From(ctx, f.db), organization, event)
}

// keep is how long events are kept.
const keep = 30 * 24 * time.Hour

// Prune deletes the events of all organizations that have had their time, the quarantined ones too.
func (f *Feed) Prune(ctx context.Context) error {
	before := f.now().Add(-keep)
	if err := pruneQuarantined(ctx, f.db, before); err != nil {
		return err
	}
	for {
		deleted, err := prune(ctx, f.db, before)
		if err != nil || deleted == 0 {
			return err
		}
	}
}
