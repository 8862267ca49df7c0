package contract

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"sync"
)

// maxFlood is how many requests are sent at most to reach a limit.
const maxFlood = 3000

// exhaustLimits sends requests without a key until those are limited, and wants the operation to answer so then.
func (s *Suite) exhaustLimits(ctx context.Context, op Operation) {
	if !op.Secured || !declares(op, "429") || s.options.SkipLimits || s.unlimited {
		return
	}
	r := s.request(op, binding{path: samplePath(op)})
	r.Key, r.Limited = "", true
	for range 5 {
		e, ok := s.send(ctx, r, "more requests than are allowed")
		if !ok || e.Status == http.StatusTooManyRequests {
			return
		}
		left, err := strconv.Atoi(e.Header.Get("X-RateLimit-Remaining"))
		if err != nil || left > maxFlood { // a limit that cannot be seen, or is too far away
			break
		}
		s.flood(ctx, r, left+1)
	}
	s.unlimited = true
}

// flood sends a request so many times.
func (s *Suite) flood(ctx context.Context, r Request, n int) {
	var running sync.WaitGroup
	for range atOnce {
		running.Go(func() {
			for range n/atOnce + 1 {
				_, _ = s.client.send(ctx, r) // the next request tells what came of it
			}
		})
	}
	running.Wait()
}

// samplePath returns values for an operation's path that need not stand for anything.
func samplePath(op Operation) map[string]string {
	path := map[string]string{}
	for _, p := range op.Parameters {
		if p.In != "path" {
			continue
		}
		path[p.Name] = fmt.Sprint(sample(p.schema))
		if example, ok := p.example.(string); ok {
			path[p.Name] = example
		}
	}
	return path
}
