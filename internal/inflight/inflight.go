// Package inflight counts the requests of each organization that are under way.
package inflight

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/problem"
)

// Gate lets so many requests of one organization in at once. It is safe for concurrent use.
type Gate struct {
	most  int
	mu    sync.Mutex
	count map[uuid.UUID]int
}

// NewGate returns a Gate that lets in as many as most.
func NewGate(most int) *Gate { return &Gate{most: most, count: map[uuid.UUID]int{}} }

// Enter lets a request in, or returns too_many_in_flight. Leaving twice is leaving once.
func (g *Gate) Enter(organization uuid.UUID) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count[organization] >= g.most {
		p := problem.New(problem.TooMany, "too_many_in_flight",
			fmt.Sprintf("%d requests of this organization are under way; send this one again when one of them is answered.", g.most))
		p.RetryAfter = time.Second
		return nil, p
	}
	g.count[organization]++
	return sync.OnceFunc(func() { g.leave(organization) }), nil
}

func (g *Gate) leave(organization uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count[organization]--; g.count[organization] == 0 {
		delete(g.count, organization)
	}
}

type contextKey struct{}

// With returns a context that carries how the request leaves.
func With(ctx context.Context, leave func()) context.Context {
	return context.WithValue(ctx, contextKey{}, leave)
}

// Leave lets another request in while this one only waits.
func Leave(ctx context.Context) {
	if leave, ok := ctx.Value(contextKey{}).(func()); ok {
		leave()
	}
}
