package ratelimit

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/plotwise/plotwise/internal/ratelimit/redistest"
)

const twenty = 20 // a minute: one comes back every 3 s, which no test takes

// outage is two processes by a clock that the test sets, which have used 4 and then 3 of an organization's twenty when
// Redis does not answer any more. The clock of Redis goes on, but not by 3 s.
type outage struct {
	server *redistest.Server
	client *redis.Client
	two    [2]*process
	now    time.Time
}

func newOutage(t *testing.T, begin func(*redistest.Server)) *outage {
	t.Helper()
	o := &outage{server: redistest.Start(t), now: time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)}
	o.client = open(t, o.server)
	o.two = newTwo(t, o.server.URL(), func() time.Time { return o.now })
	o.take(t, 4, 3)
	begin(o.server)
	for _, p := range o.two {
		p.link.report(t.Context(), p.clock.read(), p.clock.read(), errors.New("i/o timeout"))
	}
	return o
}

// take has the processes take so often, and checks that all were allowed.
func (o *outage) take(t *testing.T, first, second int) {
	t.Helper()
	if got := [2]int{o.two[0].take(t, first, twenty), o.two[1].take(t, second, twenty)}; got != [2]int{first, second} {
		t.Fatalf("%d allowed, want %d and %d", got, first, second)
	}
}

// step lets the time pass, and the processes do their next steps.
func (o *outage) step(t *testing.T, pass time.Duration, processes ...int) {
	t.Helper()
	o.now = o.now.Add(pass)
	for _, i := range processes {
		o.two[i].relink(t.Context())
	}
}

// used returns how many requests are used of a limit with that time between them, as Redis has it.
func (o *outage) used(t *testing.T, name string, interval time.Duration) int {
	t.Helper()
	full, err := o.client.Get(t.Context(), "rate:plotwise:limit:"+name).Float64()
	if errors.Is(err, redis.Nil) {
		return 0
	}
	if err != nil {
		t.Fatal(err)
	}
	now, err := o.client.Time(t.Context()).Result()
	if err != nil {
		t.Fatal(err)
	}
	const redisRateEpoch = 1483228800
	return int(math.Round((full + redisRateEpoch - float64(now.UnixMicro())/1e6) / interval.Seconds()))
}

func (o *outage) check(t *testing.T, when string, wantUsed int, wantPhases ...phase) {
	t.Helper()
	if got := o.used(t, organization, 3*time.Second); got != wantUsed {
		t.Errorf("%s: %d are used, want %d", when, got, wantUsed)
	}
	for i, want := range wantPhases {
		if got := o.two[i].link.current(); got != want {
			t.Errorf("%s: process %d is in phase %d, want %d", when, i, got, want)
		}
	}
}

func TestRedis_relink_empty(t *testing.T) {
	t.Parallel()
	o := newOutage(t, (*redistest.Server).Kill)
	o.take(t, 2, 3)
	o.step(t, 3*time.Second, 0, 1)
	o.server.Restart()
	o.check(t, "Redis is back", 0, away, away)
	o.step(t, 0, 0)
	o.check(t, "the first told what it had heard", 4-1, settling, away)
	o.step(t, probeEvery, 1)
	o.check(t, "the second did", 7-1, settling, settling)
	o.take(t, 1, 0)
	o.check(t, "a request of the share", 6, settling, settling)
	o.step(t, probeEvery, 0, 1)
	o.check(t, "the first told what it owes", 6+3, settling, settling)
	o.step(t, probeEvery, 0, 1)
	o.check(t, "the second did", 6+3+3, settling, settling)
	o.step(t, probeEvery, 0, 1)
	o.check(t, "the first has settled", 12, linked, settling)
	o.take(t, 1, 1)
	o.check(t, "a request of each", 12+1, linked, settling)
	o.step(t, probeEvery, 0, 1)
	o.check(t, "both have settled", 14, linked, linked)
	if got := o.two[0].take(t, 10, twenty) + o.two[1].take(t, 10, twenty); got != 6 {
		t.Errorf("%d of 20 allowed at last, want the 6 that are left", got)
	}
	if first, second := o.two[0].Local(), o.two[1].Local(); first != 3 || second != 4 {
		t.Errorf("%d and %d decisions were made by the shares, want 3 and 4", first, second)
	}
}

// settle lets both processes do their steps until both have settled.
func (o *outage) settle(t *testing.T) {
	t.Helper()
	for range 5 {
		o.step(t, probeEvery, 0, 1)
	}
	for i, p := range o.two {
		if got := p.link.current(); got != linked {
			t.Fatalf("process %d is in phase %d, want %d", i, got, linked)
		}
	}
}

func TestRedis_relink_notForgotten(t *testing.T) {
	t.Parallel()
	o := newOutage(t, (*redistest.Server).Pause)
	o.take(t, 2, 3)
	o.step(t, 3*time.Second, 0, 1)
	o.server.Resume()
	o.step(t, 0, 0, 1)
	o.check(t, "Redis is back", 7, settling, settling)
	o.settle(t)
	o.check(t, "both have settled", 7+2+3)
}

// TestRedis_relink_hanging checks that a Redis that hangs is sent nothing that is out of date when it wakes.
func TestRedis_relink_hanging(t *testing.T) {
	t.Parallel()
	o := newOutage(t, func(s *redistest.Server) {
		client := open(t, s)
		if err := errors.Join(client.FlushAll(t.Context()).Err(), redis.NewScript(restoreLua).Load(t.Context(), client).Err()); err != nil {
			t.Fatal(err)
		}
		s.Pause()
	})
	o.step(t, probeEvery, 0, 1)
	o.server.Resume()
	o.check(t, "Redis wakes, and has forgotten all", 0, away, away)
	o.step(t, time.Minute, 0, 1)
	o.check(t, "what was used has come back", 0, settling, settling)
}

// TestRedis_relink_unanswered checks that what Redis took but did not answer counts twice rather than not at all.
func TestRedis_relink_unanswered(t *testing.T) {
	t.Parallel()
	o := newOutage(t, (*redistest.Server).Kill)
	o.take(t, 2, 3)
	o.step(t, time.Second, 0, 1)
	o.server.Restart()
	o.step(t, 0, 0, 1)
	o.step(t, 2*probeEvery)
	o.server.Pause()
	o.step(t, 0, 0)
	o.server.Resume()
	o.check(t, "the first told what it owes, and Redis did not answer", 7+2, away, settling)
	o.settle(t)
	o.check(t, "both have settled", 7+2+2+3)
}

func TestRedis_relink_lostAgain(t *testing.T) {
	t.Parallel()
	o := newOutage(t, (*redistest.Server).Kill)
	o.take(t, 2, 3)
	o.step(t, time.Second, 0, 1)
	o.server.Restart()
	o.step(t, 0, 0, 1)
	o.step(t, 2*probeEvery, 0)
	o.check(t, "the first told what it owes", 7+2, settling, settling)
	o.server.Kill()
	o.take(t, 1, 0)
	o.step(t, 0, 0, 1)
	o.server.Restart()
	o.check(t, "Redis is back again, empty", 0, away, away)
	o.step(t, 0, 0, 1)
	o.check(t, "both told what they had heard", 7+2, settling, settling)
	o.step(t, probeEvery, 0, 1)
	o.check(t, "it was away for a moment, but before for longer", 9, settling, settling)
	o.settle(t)
	o.check(t, "both have settled", 9+1+3)
}

// TestRedis_relink_names checks that Redis is told of names for which no request comes any more.
func TestRedis_relink_names(t *testing.T) {
	t.Parallel()
	o := newOutage(t, (*redistest.Server).Kill)
	const names, six = 2*batchSize + 50, 6
	name := func(i int) string { return fmt.Sprint(organization, "_", i) }
	for i := range names {
		for _, p := range o.two[:1+i%2] {
			p.Take(t.Context(), name(i), six)
		}
	}
	o.server.Restart()
	o.step(t, 0, 0, 1)
	o.settle(t)
	o.check(t, "both have settled", 7)
	for i := range names {
		if got, want := o.used(t, name(i), 10*time.Second), 1+i%2; got != want {
			t.Errorf("name %d: %d are used, want %d", i, got, want)
		}
	}
	for i, p := range o.two {
		if got := p.accounts.owing(p.clock.read()); len(got) != 0 {
			t.Errorf("process %d owes %v, want nothing", i, got)
		}
	}
}

// TestRedis_relink_alone checks a process that Redis did not answer for a moment, as when the machine was busy.
func TestRedis_relink_alone(t *testing.T) {
	t.Parallel()
	o := newOutage(t, (*redistest.Server).Pause)
	o.server.Resume()
	o.step(t, 200*time.Millisecond, 0)
	o.take(t, 1, 0)
	o.check(t, "Redis is back", 7, settling)
	o.step(t, 200*time.Millisecond, 0)
	o.check(t, "it was away for no longer than this", 8, linked)
}

func TestLink_report(t *testing.T) {
	l := &link{log: slog.New(slog.DiscardHandler)}
	failed := errors.New("i/o timeout")
	for _, step := range []struct {
		asked, now time.Duration
		err        error
		want       phase
	}{
		{1, 2, nil, linked},
		{1, 3, failed, away},
		{2, 4, nil, away}, // begun before
	} {
		if l.report(t.Context(), step.asked, step.now, step.err); l.current() != step.want {
			t.Errorf("asked at %d, at %d %v: phase %d, want %d", step.asked, step.now, step.err, l.current(), step.want)
		}
	}
	l.settle(10)
	if l.report(t.Context(), 9, 11, failed); l.current() != settling {
		t.Errorf("phase %d after a failure of before Redis was back, want %d", l.current(), settling)
	}
	if l.report(t.Context(), 10, 12, failed); l.current() != away {
		t.Errorf("phase %d after a failure, want %d", l.current(), away)
	}
}
