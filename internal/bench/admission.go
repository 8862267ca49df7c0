package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"time"

	"github.com/plotwise/plotwise/internal/httpapi"
)

const (
	admissionTurns = 9
	sliceLength    = 500 * time.Millisecond
	callers        = 4
)

// admissionCost measures how many lists of 25 permits a second the server answers with authentication, limits and metering,
// and without them. The requests are given to the handlers in this process, so that no client's work hides the difference.
func (b *bench) admissionCost(ctx context.Context) error {
	db, err := b.imported(ctx)
	if err != nil {
		return err
	}
	who, err := newTenant(ctx, db)
	if err != nil {
		return err
	}
	with, end, err := newService(ctx, db, nil)
	if err != nil {
		return err
	}
	defer end()
	without, end, err := newService(ctx, db, func(o *httpapi.Options) { o.Caller, o.Meter = &who.Identity, nil })
	if err != nil {
		return err
	}
	defer end()
	figures, err := takeTurns(ctx, admissionTurns, sliceLength, within("with admission", with, who.key), within("without admission", without, who.key))
	if err != nil {
		return err
	}
	b.add(row{
		what: "lists of 25 with keys, limits and metering ÷ without", ours: perSecond(figures[0]), theirs: perSecond(figures[1]),
		values: ratios(figures[0], figures[1]), bar: 0.92,
	})
	return nil
}

// within is a side that is asked for lists in this process, by several callers at once.
func within(name string, handler http.Handler, key string) side {
	return side{name, func(ctx context.Context, length time.Duration) (float64, error) {
		start := time.Now()
		end := start.Add(length)
		var count atomic.Int64
		failed := make(chan error, callers)
		var running sync.WaitGroup
		for range callers {
			running.Go(func() {
				for time.Now().Before(end) {
					r := httptest.NewRequestWithContext(ctx, http.MethodGet, listPath, nil)
					r.Header.Set("Authorization", "Bearer "+key)
					w := httptest.NewRecorder()
					handler.ServeHTTP(w, r)
					if w.Code != http.StatusOK {
						failed <- fmt.Errorf("list permits: %d %s", w.Code, w.Body)
						return
					}
					count.Add(1)
				}
			})
		}
		running.Wait()
		close(failed)
		return float64(count.Load()) / time.Since(start).Seconds(), <-failed
	}}
}
