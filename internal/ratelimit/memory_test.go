package ratelimit

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const organization = "org_1"

// world is a Memory whose clock the test sets.
type world struct {
	*Memory
	now time.Time
}

func newWorld() *world {
	w := &world{now: time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)}
	w.Memory = NewMemory(func() time.Time { return w.now })
	return w
}

func (w *world) pass(d time.Duration) { w.now = w.now.Add(d) }

// takeAll takes until one is refused, and returns how many were allowed.
func (w *world) takeAll(t *testing.T, name string, perMinute int) int {
	t.Helper()
	n := 0
	for w.Take(t.Context(), name, perMinute).Allowed {
		n++
	}
	return n
}

// overload takes so often, evenly spread over the time, and returns how many were allowed.
func (w *world) overload(t *testing.T, perMinute int, every, over time.Duration) int {
	t.Helper()
	n := 0
	for range int(over / every) {
		if w.Take(t.Context(), organization, perMinute).Allowed {
			n++
		}
		w.pass(every)
	}
	return n
}

func TestMemory_Take_overload(t *testing.T) {
	for _, test := range []struct {
		perMinute   int
		every, over time.Duration
		want        int // the burst, then the rate
	}{
		{100, 20 * time.Millisecond, 10 * time.Minute, 100 + 999},
		{100, 20 * time.Millisecond, time.Minute, 100 + 99},
		{7, time.Second, 10 * time.Minute, 7 + 69},
		{13, time.Second, 10 * time.Minute, 13 + 129},
		{1000, 7 * time.Millisecond, time.Minute, 1000 + 999},
		{10_000, time.Millisecond, time.Minute, 10_000 + 9_999},
		{1_000_000, 10 * time.Microsecond, 12 * time.Second, 1_000_000 + 199_999},
	} {
		w := newWorld()
		if got := w.overload(t, test.perMinute, test.every, test.over); got != test.want {
			t.Errorf("%d a minute, one every %s for %s: %d allowed, want %d", test.perMinute, test.every, test.over, got, test.want)
		}
	}
}

func TestMemory_Take_burst(t *testing.T) {
	for _, perMinute := range []int{1, 7, 13, 100, 10_000, 1_000_000} {
		w := newWorld()
		if got := w.takeAll(t, organization, perMinute); got != perMinute {
			t.Errorf("%d a minute: %d allowed at once, want all", perMinute, got)
		}
		w.pass(time.Hour)
		if got := w.takeAll(t, organization, perMinute); got != perMinute {
			t.Errorf("%d a minute: %d allowed at once after an idle hour, want all, and no more", perMinute, got)
		}
	}
}

func TestMemory_Take_result(t *testing.T) {
	w := newWorld()
	for _, step := range []struct {
		pass  time.Duration
		takes int // without looking
		want  Result
	}{
		{0, 0, Result{Allowed: true, Limit: 100, Remaining: 99, ResetAfter: 600 * time.Millisecond}},
		{0, 0, Result{Allowed: true, Limit: 100, Remaining: 98, ResetAfter: 1200 * time.Millisecond}},
		{0, 97, Result{Allowed: true, Limit: 100, Remaining: 0, ResetAfter: time.Minute}},
		{0, 0, Result{Limit: 100, RetryAfter: 600 * time.Millisecond, ResetAfter: time.Minute}},
		{100 * time.Millisecond, 0, Result{Limit: 100, RetryAfter: 500 * time.Millisecond, ResetAfter: 59900 * time.Millisecond}},
		{500 * time.Millisecond, 0, Result{Allowed: true, Limit: 100, Remaining: 0, ResetAfter: time.Minute}},
		{30 * time.Second, 0, Result{Allowed: true, Limit: 100, Remaining: 49, ResetAfter: 30600 * time.Millisecond}},
		{time.Hour, 0, Result{Allowed: true, Limit: 100, Remaining: 99, ResetAfter: 600 * time.Millisecond}},
	} {
		w.pass(step.pass)
		for range step.takes {
			w.Take(t.Context(), organization, 100)
		}
		got := w.Take(t.Context(), organization, 100)
		if diff := cmp.Diff(step.want, got); diff != "" {
			t.Errorf("%s later, after %d more (-want +got):\n%s", step.pass, step.takes, diff)
		}
	}
}

func TestMemory_Take_retryAfter(t *testing.T) {
	for _, perMinute := range []int{1, 7, 13, 100, 10_000, 1_000_000} {
		w := newWorld()
		w.takeAll(t, organization, perMinute)
		w.pass(3 * time.Microsecond)
		wait := w.Take(t.Context(), organization, perMinute).RetryAfter
		w.pass(wait - time.Nanosecond)
		if w.Take(t.Context(), organization, perMinute).Allowed {
			t.Errorf("%d a minute: allowed a nanosecond before RetryAfter, %s", perMinute, wait)
		}
		w.pass(time.Nanosecond)
		if !w.Take(t.Context(), organization, perMinute).Allowed {
			t.Errorf("%d a minute: refused after RetryAfter, %s", perMinute, wait)
		}
	}
}

func TestMemory_Take_names(t *testing.T) {
	w := newWorld()
	w.takeAll(t, organization, 7)
	if got := w.takeAll(t, "org_2", 7); got != 7 {
		t.Errorf("another name: %d allowed, want 7", got)
	}
}

func TestMemory_Take_otherPlan(t *testing.T) {
	for _, test := range []struct {
		before, taken, after, want int
	}{
		{before: 100, taken: 50, after: 1000, want: 500},
		{before: 1000, taken: 500, after: 100, want: 50},
		{before: 100, taken: 100, after: 1000, want: 0},
		{before: 100, taken: 0, after: 1000, want: 1000},
	} {
		w := newWorld()
		for range test.taken {
			w.Take(t.Context(), organization, test.before)
		}
		if got := w.takeAll(t, organization, test.after); got != test.want {
			t.Errorf("%d of %d taken, then under %d: %d allowed, want %d", test.taken, test.before, test.after, got, test.want)
		}
	}
}

func TestMemory_Take_noLimit(t *testing.T) {
	w := newWorld()
	for _, perMinute := range []int{0, -1} {
		want := Result{RetryAfter: time.Minute}
		if diff := cmp.Diff(want, w.Take(t.Context(), organization, perMinute)); diff != "" {
			t.Errorf("%d a minute (-want +got):\n%s", perMinute, diff)
		}
	}
	got := w.Take(t.Context(), organization, 5_000_000_000)
	want := Result{Allowed: true, Limit: 1_000_000_000, Remaining: 999_999_999, ResetAfter: 60}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("5,000,000,000 a minute (-want +got):\n%s", diff)
	}
}

func TestMemory_Peek(t *testing.T) {
	w := newWorld()
	for range 3 {
		want := Result{Allowed: true, Limit: 100, Remaining: 100}
		if diff := cmp.Diff(want, w.Peek(t.Context(), organization, 100)); diff != "" {
			t.Errorf("before any (-want +got):\n%s", diff)
		}
	}
	if got := w.takeAll(t, organization, 100); got != 100 {
		t.Errorf("%d allowed after Peek, want 100: it counts nothing", got)
	}
	want := Result{Limit: 100, RetryAfter: 600 * time.Millisecond, ResetAfter: time.Minute}
	if diff := cmp.Diff(want, w.Peek(t.Context(), organization, 100)); diff != "" {
		t.Errorf("after all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Result{RetryAfter: time.Minute}, w.Peek(t.Context(), organization, 0)); diff != "" {
		t.Errorf("0 a minute (-want +got):\n%s", diff)
	}
}

func TestMemory_Take_parallel(t *testing.T) {
	w := newWorld()
	var allowed atomic.Int64
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			for range 100 {
				if w.Take(t.Context(), organization, 1000).Allowed {
					allowed.Add(1)
				}
			}
		})
	}
	wait.Wait()
	if got := allowed.Load(); got != 1000 {
		t.Errorf("2000 at once: %d allowed, want 1000", got)
	}
}

// size returns how many entries a table has, over or not.
func (t *table[E]) size() int {
	n := 0
	for i := range t.shards {
		n += len(t.shards[i].entries)
	}
	return n
}

func TestMemory_Take_forgets(t *testing.T) {
	w := newWorld()
	// One request of 100 a minute is forgotten after 600 ms, so 600 of these are remembered.
	most := 0
	for i := range 200_000 {
		w.Take(t.Context(), fmt.Sprint("192.0.2.", i), 100)
		w.pass(time.Millisecond)
		most = max(most, w.fulls.size())
	}
	if most > shardCount*sweepLeast {
		t.Errorf("%d names were kept at once, want %d at most", most, shardCount*sweepLeast)
	}

	w = newWorld()
	for i := range 50_000 {
		w.Take(t.Context(), fmt.Sprint("192.0.2.", i), 1)
	}
	if got := w.fulls.size(); got != 50_000 {
		t.Errorf("%d names are kept, want all 50000 of the last minute", got)
	}
	w.pass(time.Minute)
	for i := range 1000 { // some in every shard
		w.Take(t.Context(), fmt.Sprint("198.51.100.", i), 1)
	}
	if got := w.fulls.size(); got != 1000 {
		t.Errorf("a minute later %d names are kept, want the new 1000", got)
	}
}

func TestMemory_Peek_keepsNothing(t *testing.T) {
	w := newWorld()
	w.Peek(t.Context(), organization, 100)
	if got := w.fulls.size(); got != 0 {
		t.Errorf("%d names are kept after Peek, want none", got)
	}
}

func BenchmarkMemory_Take(b *testing.B) {
	names := make([]string, 1000)
	for i := range names {
		names[i] = fmt.Sprint("org_01980a3c5e007d218f4e2b6f1c9a7e", i)
	}
	m := NewMemory(time.Now)
	b.Run("one goroutine", func(b *testing.B) {
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Take(b.Context(), names[i%len(names)], 1000)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				m.Take(ctx, names[i%len(names)], 1000)
			}
		})
	})
	b.Run("one name", func(b *testing.B) {
		ctx := b.Context()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				m.Take(ctx, organization, 1000)
			}
		})
	})
}
