package deliveries

import (
	"context"
	"sync"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
)

// finished is an attempt that was made, with what it makes of its delivery.
type finished struct {
	job
	attempt Attempt
	outcome outcome

	recorded bool
	err      error
}

// recorder writes what comes of attempts. Those that end while a transaction is under way share the next one: a commit
// waits for the disk, and there would be one for every attempt.
type recorder struct {
	db    *postgres.DB
	now   func() time.Time
	judge func(ctx context.Context, tx *postgres.Tx, f *finished, failing bool) error // takes an attempt into account in its transaction

	turn    sync.Mutex // of the transaction
	mu      sync.Mutex
	waiting []*finished
}

// recordAgain is how long to wait before another try: a database that is started again needs some seconds.
const recordAgain = 500 * time.Millisecond

// record returns when the attempt is committed. While the database is away it tries again until the lease is over, or the
// context ends: an attempt that is not recorded is made again.
func (r *recorder) record(ctx context.Context, f *finished, lease time.Time) error {
	for {
		err := r.join(ctx, f)
		if err == nil || !postgres.IsUnavailable(err) || r.now().Add(recordAgain).After(lease) {
			return err
		}
		again := time.NewTimer(recordAgain)
		select {
		case <-again.C:
		case <-ctx.Done():
			again.Stop()
			return err
		}
	}
}

// join adds the attempt to the next transaction and waits for it.
func (r *recorder) join(ctx context.Context, f *finished) error {
	f.recorded, f.err = false, nil
	r.mu.Lock()
	r.waiting = append(r.waiting, f)
	r.mu.Unlock()
	r.turn.Lock()
	defer r.turn.Unlock()
	if f.recorded {
		return f.err
	}
	r.mu.Lock()
	batch := r.waiting
	r.waiting = nil
	r.mu.Unlock()
	r.write(ctx, batch)
	return f.err
}

// write records a batch, and when that fails each alone, so that none is in the way of others.
func (r *recorder) write(ctx context.Context, batch []*finished) {
	err := record(ctx, r.db, batch, r.judge)
	for _, f := range batch {
		f.recorded, f.err = true, err
		if err != nil && len(batch) > 1 && !postgres.IsUnavailable(err) {
			f.err = record(ctx, r.db, []*finished{f}, r.judge)
		}
	}
}
