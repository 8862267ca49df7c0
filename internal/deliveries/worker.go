package deliveries

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// Options are what a Worker needs.
type Options struct {
	DB       *postgres.DB
	Client   *outbound.Client
	Webhooks *webhooks.Service
	Notices  *notifications.Service // which tell organizations of their webhooks that fail

	Schedule   []time.Duration // the waits before the retries
	AtOnce     int             // requests of this worker
	PerWebhook int             // requests to one webhook, of all workers together
	Lease      time.Duration   // longer than a request may take

	Log    *slog.Logger
	Now    func() time.Time
	NewID  func() uuid.UUID
	Random func() float64 // 0 up to 1; nil for a usual one
}

// Worker sends what is due. Any number of workers may share a database. It is for one Run.
type Worker struct {
	Metrics *Metrics

	db       *postgres.DB
	client   *outbound.Client
	webhooks *webhooks.Service
	notices  *notifications.Service
	options  Options
	log      *slog.Logger
	now      func() time.Time
	newID    func() uuid.UUID
	random   func() float64
	recorder recorder
	slots    slots
	tasks    chan task // is taken from by senders that have nothing to do
	wake     chan struct{}
	look     time.Duration // how often it looks for what is due, should it not be woken
	sending  sync.WaitGroup

	settled time.Time // when it last cancelled what has no webhook any more
}

// NewWorker returns a Worker.
func NewWorker(o Options) *Worker {
	w := &Worker{
		Metrics: NewMetrics(o.DB, o.Log, o.Now), db: o.DB, client: o.Client, webhooks: o.Webhooks, notices: o.Notices, options: o, log: o.Log,
		now: o.Now, newID: o.NewID, random: o.Random, slots: slots{of: o.AtOnce, busy: map[uuid.UUID]int{}}, tasks: make(chan task), wake: make(chan struct{}, 1), look: lookEvery,
	}
	if w.random == nil {
		w.random = rand.Float64
	}
	w.recorder = recorder{db: o.DB, now: o.Now, judge: w.judge}
	return w
}

const (
	lookEvery = time.Second // how often a worker looks for what is due, should it not be woken

	// How often it claims while there is much to do.
	claimAtMost  = 5 * time.Millisecond
	claimAtLeast = 20 * time.Millisecond
)

// Run sends until the context ends, and then finishes the requests that are under way.
func (w *Worker) Run(ctx context.Context) {
	defer w.sending.Wait()
	listening, stop := context.WithCancel(ctx)
	defer stop()
	w.sending.Go(func() { w.db.Listen(listening, events.Channel, w.log, func(string) { w.rouse() }) })
	look := time.NewTicker(w.look)
	defer look.Stop()
	for ctx.Err() == nil {
		found, err := w.round(ctx)
		if err != nil && ctx.Err() == nil {
			w.log.LogAttrs(ctx, slog.LevelWarn, "deliveries wait", slog.Any("error", err))
		}
		if found > 0 {
			w.pause(ctx)
			continue
		}
		select {
		case <-ctx.Done():
		case <-w.wake:
		case <-look.C:
		}
	}
}

// pause waits a little, and a little more for half of the slots: many deliveries are claimed for the price of a few.
func (w *Worker) pause(ctx context.Context) {
	for waited := time.Duration(0); ctx.Err() == nil && waited < claimAtLeast; waited += claimAtMost {
		time.Sleep(claimAtMost)
		if free, _ := w.slots.look(); 2*free >= w.options.AtOnce {
			return
		}
	}
}

// rouse makes the worker look now.
func (w *Worker) rouse() {
	select {
	case w.wake <- struct{}{}:
	default: // it is awake
	}
}

// round claims as much as there is room for, and every test, and begins to send it. It returns how much that was.
func (w *Worker) round(ctx context.Context) (found int, err error) {
	if now := w.now(); now.Sub(w.settled) >= lookEvery {
		w.settled = now
		if err := cancel(ctx, w.db, now); err != nil {
			return 0, err
		}
	}
	free, busy := w.slots.look()
	jobs, err := claim(ctx, w.db, w.now(), w.options.Lease, w.options.PerWebhook, free, busy)
	if err != nil {
		return 0, err
	}
	for _, j := range w.unseal(ctx, jobs) {
		release := func() {}
		if !j.Test { // somebody waits for a test: it needs no slot
			w.slots.take(j.OrganizationID)
			release = func() { w.slots.give(j.OrganizationID); w.rouse() }
		}
		select {
		case w.tasks <- task{j, release}:
		default: // every sender is busy
			w.sending.Go(func() { w.send(ctx, task{j, release}) })
		}
	}
	return len(jobs), nil
}

// task is a job with what gives back its slot.
type task struct {
	job
	release func()
}

// send works off a task and those that come, until the context ends. Senders stay, since a new one has to grow its stack
// first, and there are never more of them than were busy at once.
func (w *Worker) send(ctx context.Context, t task) {
	for {
		w.work(context.WithoutCancel(ctx), t.job, t.release)
		select {
		case t = <-w.tasks:
		case <-ctx.Done():
			return
		}
	}
}
