package deliveries

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// Options say how a Worker works.
type Options struct {
	Schedule   []time.Duration // the waits before the retries
	AtOnce     int             // requests of this worker
	PerWebhook int             // requests to one webhook, of all workers together
	Lease      time.Duration   // longer than a request may take
}

// Worker sends what is due. Any number of workers may share a database. It is for one Run.
type Worker struct {
	db       *postgres.DB
	client   *outbound.Client
	webhooks *webhooks.Service
	options  Options
	log      *slog.Logger
	now      func() time.Time
	newID    func() uuid.UUID
	random   func() float64 // 0 up to 1
	metrics  *Metrics
	recorder recorder
	slots    chan struct{}
	wake     chan struct{}
	sending  sync.WaitGroup

	settled time.Time // when it last cancelled what has no webhook any more
}

// NewWorker returns a Worker that sends by the client, and counts in the metrics.
func NewWorker(db *postgres.DB, client *outbound.Client, kept *webhooks.Service, o Options, metrics *Metrics, log *slog.Logger, now func() time.Time, newID func() uuid.UUID, random func() float64) *Worker {
	return &Worker{
		db: db, client: client, webhooks: kept, options: o, log: log, now: now, newID: newID, random: random, metrics: metrics,
		recorder: recorder{db: db, now: now}, slots: make(chan struct{}, o.AtOnce), wake: make(chan struct{}, 1),
	}
}

const (
	lookEvery  = time.Second          // how often a worker looks for what is due, should it not be woken
	claimEvery = 5 * time.Millisecond // how often it claims at most: a few at once cost little more than one
)

// Run sends until the context ends, and then finishes the requests that are under way.
func (w *Worker) Run(ctx context.Context) {
	defer w.sending.Wait()
	listening, stop := context.WithCancel(ctx)
	defer stop()
	w.sending.Go(func() { w.db.Listen(listening, events.Channel, w.log, func(string) { w.rouse() }) })
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	pace := time.NewTicker(claimEvery)
	defer pace.Stop()
	for ctx.Err() == nil {
		err := w.settle(ctx)
		more := false
		if err == nil {
			more, err = w.round(ctx)
		}
		if err != nil && ctx.Err() == nil {
			w.log.LogAttrs(ctx, slog.LevelWarn, "deliveries wait", slog.Any("error", err))
		}
		if !more || err != nil {
			select {
			case <-ctx.Done():
			case <-w.wake:
			case <-look.C:
			}
		}
		<-pace.C
	}
}

// rouse makes the worker look now.
func (w *Worker) rouse() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake
	}
}

// settle cancels what has no webhook any more, now and then.
func (w *Worker) settle(ctx context.Context) error {
	now := w.now()
	if now.Sub(w.settled) < lookEvery {
		return nil
	}
	w.settled = now
	return cancel(ctx, w.db, now)
}

// round claims as much as there is room for, and every test, and begins to send it. It reports whether to go on at once.
func (w *Worker) round(ctx context.Context) (more bool, err error) {
	room := cap(w.slots) - len(w.slots)
	jobs, err := claim(ctx, w.db, w.now(), w.options.Lease, w.options.PerWebhook, room)
	if err != nil {
		return false, err
	}
	claimed := 0
	for _, j := range jobs {
		release := func() {}
		if !j.Test { // somebody waits for a test: it needs no slot
			claimed++
			w.slots <- struct{}{}
			release = func() { <-w.slots; w.rouse() }
		}
		w.sending.Go(func() {
			defer release()
			w.work(context.WithoutCancel(ctx), j)
		})
	}
	return claimed > 0 && claimed == room, nil
}
