package ratelimit

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/plotwise/plotwise/internal/ratelimit/redistest"
)

const (
	slowest  = 150 * time.Millisecond // that a decision may be: the timeout, and what a busy machine adds
	patience = 20 * time.Second
)

// process is a Redis as a process has it, with what it logged.
type process struct {
	*Redis
	log syncBuffer
}

type syncBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) count(part string) int {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return strings.Count(b.text.String(), part)
}

// newProcess returns a process that counts no others.
func newProcess(t *testing.T, url string, now func() time.Time) *process {
	t.Helper()
	p := &process{}
	var err error
	if p.Redis, err = NewRedis(url, now, slog.New(slog.NewTextHandler(&p.log, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	return p
}

// newTwo returns two processes that know of each other.
func newTwo(t *testing.T, url string, now func() time.Time) [2]*process {
	t.Helper()
	two := [2]*process{newProcess(t, url, now), newProcess(t, url, now)}
	for _, p := range []*process{two[0], two[1], two[0]} { // the first sees the second when it beats again
		if err := p.call(t.Context(), p.processes.count); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range two {
		if got := p.processes.live.Load(); got != 2 {
			t.Fatalf("%d processes are counted, want 2", got)
		}
	}
	return two
}

// startTwo returns two processes that know of each other, and run.
func startTwo(t *testing.T, url string) [2]*process {
	t.Helper()
	two := newTwo(t, url, time.Now)
	for _, p := range two {
		run(t, p)
	}
	return two
}

// run has the process count the others until the test ends.
func run(t *testing.T, p *process) {
	t.Helper()
	var wait sync.WaitGroup
	wait.Go(func() { p.Run(t.Context()) })
	t.Cleanup(wait.Wait)
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for ; !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, patience)
		}
	}
}

// take takes n times, and returns how many were allowed.
func (p *process) take(t *testing.T, n, perMinute int) int {
	t.Helper()
	allowed := 0
	for range n {
		if p.Take(t.Context(), organization, perMinute).Allowed {
			allowed++
		}
	}
	return allowed
}

// overload has each process take once a millisecond for the time, and returns how many requests each was allowed. It
// fails the test for a decision that was slow.
func overload(t *testing.T, two [2]*process, perMinute int, over time.Duration) (allowed [2]int) {
	t.Helper()
	var wait sync.WaitGroup
	for i, p := range two {
		wait.Go(func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for end := time.Now().Add(over); time.Now().Before(end); <-tick.C {
				begun := time.Now()
				allowed[i] += p.take(t, 1, perMinute)
				if took := time.Since(begun); took > slowest {
					t.Errorf("a decision took %s, want %s at most", took, slowest)
				}
			}
		})
	}
	wait.Wait()
	return allowed
}

// checkTotal checks that the burst and the rate were allowed, within 2 %.
func checkTotal(t *testing.T, perMinute, got int, over time.Duration) {
	t.Helper()
	want := float64(perMinute) * (1 + over.Minutes())
	if off := float64(got)/want - 1; off < -0.02 || off > 0.02 {
		t.Errorf("%d allowed in %s under %d a minute, want %.0f ± 2 %%", got, over.Round(time.Millisecond), perMinute, want)
	}
}

// checkShares checks that each process allowed its half of the rate, and nothing of a burst.
func checkShares(t *testing.T, perMinute int, got [2]int, over time.Duration) {
	t.Helper()
	half := float64(perMinute) / 2 * over.Minutes()
	for _, n := range got {
		if float64(n) < half-3 || float64(n) > half+2 {
			t.Errorf("%v allowed in %s without Redis, want %.1f by each", got, over.Round(time.Millisecond), half)
		}
	}
}

func TestRedis_Take_twoProcesses(t *testing.T) {
	t.Parallel()
	two := startTwo(t, redistest.Start(t).URL())
	begun := time.Now()
	got := overload(t, two, 600, 2*time.Second)
	checkTotal(t, 600, got[0]+got[1], time.Since(begun))
	if two[0].Local() != 0 || two[1].Local() != 0 {
		t.Errorf("%d and %d decisions were made by the shares, want none", two[0].Local(), two[1].Local())
	}
}

func TestRedis_Take_killed(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	two := startTwo(t, server.URL())
	begun := time.Now()
	with := overload(t, two, 600, 1500*time.Millisecond)
	killed := time.Now()
	server.Kill()
	without := overload(t, two, 600, 1500*time.Millisecond)
	checkShares(t, 600, without, time.Since(killed))
	server.Restart()
	again := overload(t, two, 600, 2*time.Second)
	checkTotal(t, 600, with[0]+with[1]+without[0]+without[1]+again[0]+again[1], time.Since(begun))
	for i, p := range two {
		if p.processes.live.Load() != 2 {
			t.Errorf("%d processes are counted after the restart, want 2", p.processes.live.Load())
		}
		eventually(t, "Redis decides again", func() bool { return p.log.count("answers again") == 1 })
		if got := p.log.count("does not answer"); got != 1 {
			t.Errorf("process %d logged %d times that Redis is away, want once", i, got)
		}
		local := p.Local()
		if p.take(t, 5, 600); p.Local() != local {
			t.Errorf("process %d decides by its share after the restart", i)
		}
	}
}

func TestRedis_Take_hanging(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	two := startTwo(t, server.URL())
	begun := time.Now()
	with := overload(t, two, 600, time.Second)
	paused := time.Now()
	server.Pause()
	without := overload(t, two, 600, 1500*time.Millisecond)
	checkShares(t, 600, without, time.Since(paused))
	server.Resume()
	again := overload(t, two, 600, 2*time.Second)
	checkTotal(t, 600, with[0]+with[1]+without[0]+without[1]+again[0]+again[1], time.Since(begun))
}

func TestRedis_Take_forgotten(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProcess(t, server.URL(), time.Now)
	if got := p.take(t, 120, 100); got < 100 || got > 102 {
		t.Errorf("%d of 120 allowed, want 100", got)
	}
	client := open(t, server)
	if err := client.FlushAll(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	if got := p.take(t, 20, 100); got > 2 {
		t.Errorf("%d of 20 allowed after Redis forgot all, want none", got)
	}
	if got := p.Local(); got != 0 {
		t.Errorf("%d decisions were made by the share, want none", got)
	}
}

func TestRedis_Take_startsWithoutRedis(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	server.Kill()
	p := newProcess(t, server.URL(), time.Now)
	run(t, p)
	begun := time.Now()
	want := Result{Allowed: true, Limit: 100, Remaining: 99, ResetAfter: 600 * time.Millisecond}
	if diff := cmp.Diff(want, p.Take(t.Context(), organization, 100)); diff != "" {
		t.Errorf("the first (-want +got):\n%s", diff)
	}
	if got := p.take(t, 120, 100); got < 99 || got > 100 {
		t.Errorf("%d more allowed, want 99: it is alone", got)
	}
	server.Restart()
	eventually(t, "Redis answers", func() bool { return p.log.count("answers again") == 1 })
	got := p.take(t, 120, 100)
	if back := int(time.Since(begun) * 100 / time.Minute); got > back+1 {
		t.Errorf("%d allowed once Redis is there, want the %d that came back: all was used", got, back)
	}
	if got := p.log.count("does not answer"); got != 1 {
		t.Errorf("logged %d times that Redis is away, want once", got)
	}
}

func TestRedis_Take_share(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	two := startTwo(t, server.URL())
	server.Kill()
	want := Result{Allowed: true, Limit: 100, Remaining: 49, ResetAfter: 1200 * time.Millisecond}
	if diff := cmp.Diff(want, two[0].Take(t.Context(), organization, 100)); diff != "" {
		t.Errorf("half of 100 (-want +got):\n%s", diff)
	}
	want = Result{Allowed: true, Limit: 1, Remaining: 0, ResetAfter: time.Minute}
	if diff := cmp.Diff(want, two[0].Take(t.Context(), "org_2", 1)); diff != "" {
		t.Errorf("the least share (-want +got):\n%s", diff)
	}
}

func TestRedis_Take_cancelled(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProcess(t, server.URL(), time.Now)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if got := p.Take(ctx, organization, 100); !got.Allowed {
			t.Errorf("Take = %+v, want it allowed", got)
		}
	}
	if got := p.Take(t.Context(), organization, 100).Remaining; got != 96 {
		t.Errorf("%d remain after another, want 96: Redis has counted 3", got)
	}
	if local, logged := p.Local(), p.log.count("\n"); local != 0 || logged != 0 {
		t.Errorf("%d decisions were made by the share and %d lines logged, want none", local, logged)
	}
}

func TestRedis_Take_result(t *testing.T) {
	t.Parallel()
	p := newProcess(t, redistest.Start(t).URL(), time.Now)
	for _, perMinute := range []int{1, 7, 13, 100} {
		name := organization + strings.Repeat("1", perMinute)
		check := func(want Result, got Result) {
			t.Helper()
			const near = 200 * time.Millisecond
			if got.ResetAfter < want.ResetAfter-near || got.ResetAfter > want.ResetAfter {
				t.Errorf("%d a minute: ResetAfter %s, want %s", perMinute, got.ResetAfter, want.ResetAfter)
			}
			if got.RetryAfter < want.RetryAfter-near || got.RetryAfter > want.RetryAfter+time.Millisecond {
				t.Errorf("%d a minute: RetryAfter %s, want %s", perMinute, got.RetryAfter, want.RetryAfter)
			}
			got.ResetAfter, got.RetryAfter = want.ResetAfter, want.RetryAfter
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%d a minute (-want +got):\n%s", perMinute, diff)
			}
		}
		interval := time.Minute / time.Duration(perMinute)
		for i := range perMinute {
			want := Result{Allowed: true, Limit: perMinute, Remaining: perMinute - i - 1, ResetAfter: interval * time.Duration(i+1)}
			check(want, p.Take(t.Context(), name, perMinute))
		}
		want := Result{Limit: perMinute, RetryAfter: interval, ResetAfter: time.Minute}
		check(want, p.Take(t.Context(), name, perMinute))
	}
	if diff := cmp.Diff(Result{RetryAfter: time.Minute}, p.Take(t.Context(), organization, 0)); diff != "" {
		t.Errorf("0 a minute (-want +got):\n%s", diff)
	}
}

func TestRedis_Take_retryAfter(t *testing.T) {
	t.Parallel()
	p := newProcess(t, redistest.Start(t).URL(), time.Now)
	for range 20 {
		r := p.Take(t.Context(), organization, 600)
		for ; r.Allowed; r = p.Take(t.Context(), organization, 600) {
		}
		<-time.After(r.RetryAfter)
		if got := p.Take(t.Context(), organization, 600); !got.Allowed {
			t.Errorf("%+v after waiting for %s, want it allowed", got, r.RetryAfter)
		}
	}
}

func TestRedis_Take_otherPlan(t *testing.T) {
	t.Parallel()
	p := newProcess(t, redistest.Start(t).URL(), time.Now)
	p.take(t, 50, 100)
	if got := p.Take(t.Context(), organization, 1000).Remaining; got < 499 || got > 519 {
		t.Errorf("%d of 1000 remain after 50 of 100 and one more, want 499", got)
	}
}

func TestRedis_Take_expires(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProcess(t, server.URL(), time.Now)
	run(t, p)
	p.take(t, 1, 100)
	client := open(t, server)
	eventually(t, "there are the keys of the name and of the processes", func() bool { return len(keys(t, client)) == 2 })
	want := []string{"plotwise:limit-processes", "rate:plotwise:limit:org_1"}
	for _, key := range want {
		ttl, err := client.TTL(t.Context(), key).Result()
		if err != nil || ttl <= 0 || ttl > time.Minute {
			t.Errorf("%s expires in %s, %v; want a minute at most (there are %q)", key, ttl, err, keys(t, client))
		}
	}
}

func TestRedis_Run_leaves(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t)
	p := newProcess(t, server.URL(), time.Now)
	client := open(t, server)
	alive := func() int64 { return client.ZCard(t.Context(), "plotwise:limit-processes").Val() }
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { p.Run(ctx) })
	eventually(t, "the process is counted", func() bool { return alive() == 1 })
	cancel()
	wait.Wait()
	if got := alive(); got != 0 {
		t.Errorf("%d processes are counted after Run, want none", got)
	}
}

func TestRedis_Close(t *testing.T) {
	t.Parallel()
	p := newProcess(t, redistest.Start(t).URL(), time.Now)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if got := p.Take(t.Context(), organization, 100); !got.Allowed {
		t.Errorf("Take = %+v after Close, want it allowed by the share", got)
	}
}

func TestNewRedis_url(t *testing.T) {
	_, err := NewRedis("http://127.0.0.1", time.Now, slog.New(slog.DiscardHandler))
	want := "read the URL of Redis: redis: invalid URL scheme: http"
	if err == nil || err.Error() != want {
		t.Errorf("NewRedis(http) = %v, want %q", err, want)
	}
}

// open returns a client of the test's own.
func open(t *testing.T, server *redistest.Server) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func keys(t *testing.T, client *redis.Client) []string {
	t.Helper()
	found, err := client.Keys(t.Context(), "*").Result()
	if err != nil {
		t.Fatal(err)
	}
	return found
}
