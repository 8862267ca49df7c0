package usage

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
)

// Request is a request as it was answered.
type Request struct {
	OrganizationID uuid.UUID
	KeyID          uuid.UUID
	Operation      string // the specification's operationId
	Status         int
	Code           string // the error code; "" for a success
	At             time.Time
	Took           time.Duration
	Admitted       bool // the key was accepted, whatever became of the request
}

// Meter counts requests in memory and adds the counts to the database in batches, so that no request waits for its being
// counted. A batch is added whole and once, whatever becomes of the connection. It is safe for concurrent use.
type Meter struct {
	db      *postgres.DB
	touch   Touch
	now     func() time.Time
	replica uuid.UUID

	mu     sync.Mutex
	counts counts

	flushing sync.Mutex // held by whoever adds a batch
	frozen   counts     // the batch that is being added; nil when the last one was
	number   int64      // of that batch
}

// Touch notes in a transaction when keys were used.
type Touch func(ctx context.Context, tx *postgres.Tx, uses []identity.Use) error

// NewMeter returns a Meter of the process with that id, which no other one has or had.
func NewMeter(db *postgres.DB, touch Touch, now func() time.Time, replica uuid.UUID) *Meter {
	return &Meter{db: db, touch: touch, now: now, replica: replica, counts: counts{}}
}

// series is what is counted apart.
type series struct {
	OrganizationID uuid.UUID
	KeyID          uuid.UUID
	Minute         time.Time
	Operation      string
	Status         int
	Code           string
}

type tally struct {
	requests        int64
	milliseconds    float64
	maxMilliseconds float64
	last            time.Time // that its key was accepted; zero when it was not
}

type counts map[series]*tally

// uses returns when each key was last accepted.
func (c counts) uses() []identity.Use {
	last := map[identity.Use]time.Time{}
	for s, t := range c {
		if key := (identity.Use{OrganizationID: s.OrganizationID, KeyID: s.KeyID}); last[key].Before(t.last) {
			last[key] = t.last
		}
	}
	uses := make([]identity.Use, 0, len(last))
	for key, at := range last {
		key.At = at
		uses = append(uses, key)
	}
	return uses
}

// Count counts a request.
func (m *Meter) Count(r Request) {
	s := series{r.OrganizationID, r.KeyID, r.At.UTC().Truncate(time.Minute), r.Operation, r.Status, r.Code}
	took := float64(r.Took) / float64(time.Millisecond)
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.counts[s]
	if t == nil {
		t = &tally{}
		m.counts[s] = t
	}
	t.requests++
	t.milliseconds += took
	t.maxMilliseconds = max(t.maxMilliseconds, took)
	if r.Admitted && t.last.Before(r.At) {
		t.last = r.At
	}
}

// Flush adds what was counted so far. When it fails nothing is lost: the next Flush adds the same batch again, under the
// same number, and what was counted since in one of its own.
func (m *Meter) Flush(ctx context.Context) error {
	m.flushing.Lock()
	defer m.flushing.Unlock()
	if err := m.add(ctx); err != nil { // what failed before
		return err
	}
	m.freeze()
	return m.add(ctx)
}

// freeze puts what was counted into a batch.
func (m *Meter) freeze() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.counts) == 0 {
		return
	}
	m.frozen, m.counts = m.counts, counts{}
	m.number++
}

// add adds the frozen batch, if there is one, in one transaction with its number; a number that is there already was added
// before.
func (m *Meter) add(ctx context.Context) error {
	if m.frozen == nil {
		return nil
	}
	err := postgres.InTx(ctx, m.db, func(tx *postgres.Tx) error {
		isNew, err := insertFlush(ctx, tx, m.replica, m.number, m.now())
		if err != nil || !isNew {
			return err
		}
		if err := addCounts(ctx, tx, m.frozen); err != nil {
			return err
		}
		return m.touch(ctx, tx, m.frozen.uses())
	})
	if err == nil {
		m.frozen = nil
	}
	return err
}

// Run flushes as often as that until the context ends. Flush once more when nothing is counted any longer.
func (m *Meter) Run(ctx context.Context, every time.Duration, log *slog.Logger) {
	repeat(ctx, every, func() {
		if err := m.Flush(ctx); err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelWarn, "usage is counted, but not in the database yet", slog.Any("error", err))
		}
	})
}

// RunTidy tidies up now and every hour until the context ends.
func (m *Meter) RunTidy(ctx context.Context, log *slog.Logger) {
	tidy := func() {
		if err := m.Tidy(ctx); err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelWarn, "old usage is still there", slog.Any("error", err))
		}
	}
	tidy()
	repeat(ctx, time.Hour, tidy)
}

func repeat(ctx context.Context, every time.Duration, do func()) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

const (
	keepMinutes = 35 * 24 * time.Hour
	keepFlushes = 7 * 24 * time.Hour // far longer than a process tries to add a batch
)

// Tidy deletes the counts by minute that are older than 35 days, and the numbers of batches that nobody sends any more.
func (m *Meter) Tidy(ctx context.Context) error {
	for deleted := int64(1); deleted > 0; {
		var err error
		if deleted, err = deleteMinutes(ctx, m.db, m.now().Add(-keepMinutes)); err != nil {
			return err
		}
	}
	return deleteFlushes(ctx, m.db, m.now().Add(-keepFlushes))
}
