package contacts_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/watchlist"
)

// poller keeps a copy of an organization's contacts as an integrator does: it asks for what changed since the newest
// change that it knows, and drops the contacts that were merged into others.
type poller struct {
	world        *world
	organization uuid.UUID
	newest       time.Time
	copied       map[uuid.UUID]contacts.Contact
	polls        int
}

func (p *poller) poll(ctx context.Context) error {
	since := p.newest
	changed, err := p.world.walk(ctx, p.organization, contacts.Filter{UpdatedSince: &since}, 7)
	if err != nil {
		return err
	}
	for _, c := range changed {
		if c.UpdatedAt.Before(p.newest) {
			return fmt.Errorf("contact %s of %s comes after one of %s", c.ID, c.UpdatedAt, p.newest)
		}
		p.newest = c.UpdatedAt
		p.copied[c.ID] = c
		for _, merged := range c.MergedIDs {
			delete(p.copied, merged)
		}
	}
	p.polls++
	return nil
}

// until polls until all writers are done, and then once more.
func (p *poller) until(ctx context.Context, done <-chan struct{}) error {
	for {
		last := false
		select {
		case <-done:
			last = true
		default:
		}
		if err := p.poll(ctx); err != nil || last {
			return err
		}
	}
}

// everyone makes rows of permits K-0 to K-39 whose parties share licenses, e-mail addresses and phones at random, so that
// contacts come, go and merge.
func everyone(random *rand.Rand) string {
	some := func(format string, n int) string {
		if random.IntN(3) == 0 {
			return ""
		}
		return fmt.Sprintf(format, random.IntN(n))
	}
	var b strings.Builder
	b.WriteString(header)
	for range 15 {
		fmt.Fprintf(&b, "K-%d,Issued,%s,%s,%s,%s,%s,%s,%s\n", random.IntN(40), some("Person %d", 9), some("Firm %d", 9), some("CBC%d", 60),
			some("(813) 555-01%02d", 60), some("mail%d@x.example", 60), some("Owner %d", 30), some("Firm %d", 9))
	}
	return b.String()
}

// watchAtRandom adds permits to the watchlist and removes them.
func (w *world) watchAtRandom(ctx context.Context, random *rand.Rand, rounds int) error {
	var expected *problem.Error
	for range rounds {
		number := fmt.Sprint("K-", random.IntN(40))
		item, _, err := w.watchlist.Add(ctx, w.organization, watchlist.Create{PermitNumber: number})
		if err == nil && random.IntN(2) == 0 {
			err = w.watchlist.Remove(ctx, w.organization, item.PermitUUID, nil)
		}
		if err != nil && (!errors.As(err, &expected) || expected.Kind != problem.NotFound) { // not imported yet, or removed by another one
			return err
		}
	}
	return nil
}

// matchAtRandom changes what a condition looks for.
func (w *world) matchAtRandom(ctx context.Context, random *rand.Rand, rounds int) error {
	c, err := w.conditions.Create(ctx, w.organization, conditions.Condition{Type: conditions.Company, Company: "Firm 0"})
	if err != nil {
		return err
	}
	for range rounds {
		u := conditions.Update{Company: ptr(fmt.Sprint("Firm ", random.IntN(9)))}
		if _, err := w.conditions.Update(ctx, w.organization, c.ID, nil, u); err != nil {
			return err
		}
	}
	return nil
}

func TestService_List_missesNothing(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	writers := map[string]func(random *rand.Rand) error{
		"watch 1":   func(random *rand.Rand) error { return w.watchAtRandom(ctx, random, 45) },
		"watch 2":   func(random *rand.Rand) error { return w.watchAtRandom(ctx, random, 45) },
		"condition": func(random *rand.Rand) error { return w.matchAtRandom(ctx, random, 20) },
		"import": func(random *rand.Rand) error {
			for range 18 {
				if err := w.tryImport(ctx, everyone(random)); err != nil {
					return err
				}
			}
			return nil
		},
		"drain": func(*rand.Rand) error {
			for range 100 {
				if err := w.Drain(ctx); err != nil {
					return err
				}
			}
			return nil
		},
	}
	if err := w.tryImport(ctx, everyone(rand.New(rand.NewPCG(3, 4)))); err != nil {
		t.Fatal(err)
	}
	p := &poller{world: w, organization: w.organization, copied: map[uuid.UUID]contacts.Contact{}}
	done, polled := make(chan struct{}), make(chan error, 1)
	go func() { polled <- p.until(ctx, done) }()
	var wait sync.WaitGroup
	for i, name := range slices.Sorted(maps.Keys(writers)) {
		wait.Go(func() {
			if err := writers[name](rand.New(rand.NewPCG(5, uint64(i)))); err != nil {
				t.Errorf("%s = %v", name, err)
			}
		})
	}
	wait.Wait()
	w.drain(t)
	close(done)
	if err := <-polled; err != nil {
		t.Fatal(err)
	}
	want := map[uuid.UUID]contacts.Contact{}
	merged := 0
	for _, c := range w.all(t, w.organization, contacts.Filter{}) {
		want[c.ID] = c
		merged += len(c.MergedIDs)
	}
	if diff := cmp.Diff(want, p.copied); diff != "" {
		t.Errorf("after %d polls the copy differs from the list (-list +copy):\n%s", p.polls, diff)
	}
	if len(want) < 20 || merged < 5 || p.polls < 5 {
		t.Errorf("%d contacts, %d merged, %d polls: too few to show anything", len(want), merged, p.polls)
	}
	w.checkLinks(t)
}
