package drills

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/identity"
)

const (
	halfTries   = 50
	triesAtOnce = 10
	askEvery    = 20 * time.Millisecond
	mayBeGood   = time.Second             // after a key was revoked
	askFor      = 1200 * time.Millisecond // likewise
)

// revocation is two processes on one database: keys are revoked through a, and asked for at b.
type revocation struct {
	*world
	a, b  *process
	role  string // of b's connections
	admin string
}

// TestRevocation shows that a key that one process revoked is refused by another within a second, every time, also while
// that one's connections to the database break all the time.
func TestRevocation(t *testing.T) {
	t.Parallel()
	d := &revocation{world: newWorld(t)}
	var url string
	d.role, url = d.world.role(t)
	d.a, d.b = serve(t, "a", d.url), serve(t, "b", url)
	d.admin, _ = d.key(t, d.organization(t, "Palmetto Builders", unlimited), identity.Admin)
	t.Run("undisturbed", func(t *testing.T) {
		d.drill(t, false)
		d.b.checkStatuses(t)
	})
	t.Run("connections killed", func(t *testing.T) {
		over := make(chan struct{})
		var disturbers sync.WaitGroup
		disturbers.Go(func() { d.killConnections(t, over) })
		disturbers.Go(func() { d.write(t, over) })
		d.drill(t, true)
		close(over)
		disturbers.Wait()
		d.b.checkStatuses(t, http.StatusServiceUnavailable)
	})
	d.a.checkStatuses(t)
}

// outcome is how a try went.
type outcome struct {
	refusedAfter time.Duration // 0: never
	unavailable  int           // answers
	asked        int
}

func (d *revocation) drill(t *testing.T, disturbed bool) {
	t.Helper()
	var mu sync.Mutex
	var outcomes []outcome
	var running sync.WaitGroup
	for range triesAtOnce {
		running.Go(func() {
			for range halfTries / triesAtOnce {
				o, err := d.try(t.Context(), disturbed)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				outcomes = append(outcomes, o)
				mu.Unlock()
			}
		})
	}
	running.Wait()
	slices.SortFunc(outcomes, func(a, b outcome) int { return int(a.refusedAfter - b.refusedAfter) })
	asked, unavailable, never := 0, 0, 0
	for _, o := range outcomes {
		asked, unavailable = asked+o.asked, unavailable+o.unavailable
		if o.refusedAfter == 0 {
			never++
		}
	}
	t.Logf("%d keys were refused after %s in the median and %s at most; of %d answers %d were 503; %d keys met nothing but 503",
		len(outcomes), outcomes[len(outcomes)/2].refusedAfter.Round(time.Millisecond), outcomes[len(outcomes)-1].refusedAfter.Round(time.Millisecond),
		asked, unavailable, never)
}

// try makes a key, uses it everywhere, revokes it through a, and asks b until it may not be good any longer.
func (d *revocation) try(ctx context.Context, disturbed bool) (outcome, error) {
	made, err := d.a.want(ctx, http.StatusCreated, request{
		method: http.MethodPost, path: "/v1/api-keys", key: d.admin, body: `{"name":"Soon revoked","permissions":["read"]}`,
	})
	if err != nil {
		return outcome{}, err
	}
	name, key := made.made()
	me := request{method: http.MethodGet, path: "/v1/me", key: key}
	if _, err := d.a.want(ctx, http.StatusOK, me); err != nil {
		return outcome{}, err
	}
	var first answer
	err = until(ctx, patience, func() bool {
		first, err = d.b.do(ctx, me)
		return err != nil || first.status != http.StatusServiceUnavailable || !disturbed
	})
	if err != nil || first.status != http.StatusOK {
		return outcome{}, fmt.Errorf("a new key %s is answered with %d, %w", name, first.status, err)
	}
	if _, err := d.a.want(ctx, http.StatusNoContent, request{method: http.MethodDelete, path: "/v1/api-keys/" + name, key: d.admin}); err != nil {
		return outcome{}, err
	}
	o, err := d.ask(ctx, name, me, disturbed)
	refused, errA := d.a.want(ctx, http.StatusUnauthorized, me)
	if errA == nil && refused.code != "revoked_api_key" {
		errA = fmt.Errorf("a refuses %s with %s, want revoked_api_key", name, refused.code)
	}
	return o, errors.Join(err, errA)
}

// ask asks b with a key that was revoked just now, the last time when it may not be good any longer.
func (d *revocation) ask(ctx context.Context, name string, me request, disturbed bool) (outcome, error) {
	var o outcome
	revoked, ticker := time.Now(), time.NewTicker(askEvery)
	defer ticker.Stop()
	for asked := time.Duration(0); asked < askFor; <-ticker.C {
		asked = time.Since(revoked)
		a, err := d.b.do(ctx, me)
		if err != nil {
			return o, err
		}
		o.asked++
		switch {
		case a.status == http.StatusOK && asked >= mayBeGood:
			return o, fmt.Errorf("%s is good %s after it was revoked", name, asked)
		case a.status == http.StatusOK && o.refusedAfter > 0:
			return o, fmt.Errorf("%s is good again %s after it was revoked, and was refused after %s", name, asked, o.refusedAfter)
		case a.status == http.StatusOK:
		case a.status == http.StatusUnauthorized && a.code == "revoked_api_key":
			if o.refusedAfter == 0 {
				o.refusedAfter = time.Since(revoked)
			}
		case a.status == http.StatusServiceUnavailable && disturbed:
			o.unavailable++
		default:
			return o, fmt.Errorf("%s is answered with %d %s %s after it was revoked", name, a.status, a.code, asked)
		}
	}
	return o, nil
}

// killConnections kills b's connections to the database, all the time.
func (d *revocation) killConnections(t *testing.T, over <-chan struct{}) {
	t.Helper()
	killed := 0
	err := repeat(over, func() error {
		var n int
		err := d.db.GetContext(t.Context(), &n, "select count(*) filter (where pg_terminate_backend(pid)) from pg_stat_activity where usename = $1", d.role)
		killed += n
		return err
	})
	if err != nil || killed < halfTries {
		t.Errorf("%d connections of b were killed, %v; want some for every try", killed, err)
	}
	t.Logf("%d connections of b were killed", killed)
}

// write makes keys through b and asks a all the time: b may be unavailable, and a must not care.
func (d *revocation) write(t *testing.T, over <-chan struct{}) {
	t.Helper()
	made := map[int]int{}
	err := repeat(over, func() error {
		b, err := d.b.do(t.Context(), request{
			method: http.MethodPost, path: "/v1/api-keys", key: d.admin, body: `{"name":"Made meanwhile","permissions":["read"]}`,
		})
		if err != nil {
			return err
		}
		made[b.status]++
		_, err = d.a.want(t.Context(), http.StatusOK, request{method: http.MethodGet, path: "/v1/me", key: d.admin})
		return err
	})
	if err != nil {
		t.Error(err)
	}
	for status := range made {
		if status != http.StatusCreated && status != http.StatusServiceUnavailable {
			t.Errorf("b answers the making of keys with %v, want 201 and 503 alone", made)
			break
		}
	}
	t.Logf("b answered the making of keys with %v", made)
}

// repeat does something every askEvery, until that is over or fails.
func repeat(over <-chan struct{}, do func() error) error {
	ticker := time.NewTicker(askEvery)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-ticker.C:
			if err := do(); err != nil {
				return err
			}
		}
	}
}
