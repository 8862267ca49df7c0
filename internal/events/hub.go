package events

import (
	"context"
	"log/slog"
	"sync"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Channel is where Postgres tells that an organization has new events, or that more of them are due to webhooks; the payload
// is its UUID.
const Channel = "plotwise_events"

// Notify wakes, when the transaction commits, the workers and who waits for news of the organization.
func Notify(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) error {
	return notify(ctx, tx, []string{organization.String()})
}

// Hub wakes the readers of this process that wait for events.
type Hub struct {
	mu      sync.Mutex
	waiting map[uuid.UUID]map[chan struct{}]bool
	done    chan struct{}
}

// NewHub returns a Hub. Until Run wakes them, readers look by themselves.
func NewHub() *Hub {
	return &Hub{waiting: map[uuid.UUID]map[chan struct{}]bool{}, done: make(chan struct{})}
}

// Run wakes readers until the context ends, and then sends all of them home.
func (h *Hub) Run(ctx context.Context, db *postgres.DB, log *slog.Logger) {
	defer close(h.done)
	db.Listen(ctx, Channel, log, func(payload string) {
		if payload == "" { // some may have been missed
			h.wakeAll()
		} else if organization, err := uuid.Parse(payload); err == nil {
			h.wake(organization)
		}
	})
}

func (h *Hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, waiting := range h.waiting {
		rouse(waiting)
	}
}

func (h *Hub) wake(organization uuid.UUID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	rouse(h.waiting[organization])
}

func rouse(waiting map[chan struct{}]bool) {
	for c := range waiting {
		select {
		case c <- struct{}{}:
		default: // it is awake
		}
	}
}

// Subscribe returns a channel that gets something whenever there is news of the organization, until it is forgotten.
func (h *Hub) Subscribe(organization uuid.UUID) (woken <-chan struct{}, forget func()) {
	c := make(chan struct{}, 1)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting[organization] == nil {
		h.waiting[organization] = map[chan struct{}]bool{}
	}
	h.waiting[organization][c] = true
	return c, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.waiting[organization], c)
		if len(h.waiting[organization]) == 0 {
			delete(h.waiting, organization)
		}
	}
}
