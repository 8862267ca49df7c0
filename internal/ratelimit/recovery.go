package ratelimit

import (
	"context"
	_ "embed"
	"slices"
	"time"
)

//go:embed restore.lua
var restoreLua string

const (
	probeEvery = 250 * time.Millisecond
	batchSize  = 200 // names that Redis is told of in one call
)

// relink takes the next step to let Redis decide again. A Redis that answers is told what it had said of each name, lest
// it has forgotten. When the other processes have had the time to do so too, it is told what the share has allowed since:
// the latest of what was said counts, and all that is owed on top of it. When they have had the time for that too, it
// decides. A process that asked it sooner would be let use what others have used. After a step that fails all begin anew.
func (r *Redis) relink(ctx context.Context) {
	now := r.clock.read()
	switch r.link.current() {
	case linked:
	case away:
		if r.call(ctx, r.ping) == nil && r.tellAll(ctx, r.accounts.known(now)) == nil {
			r.link.settle(now)
		}
	case settling:
		half, all := r.link.settled(now)
		if half && r.tellAll(ctx, r.accounts.owing(now)) == nil && all {
			r.link.decide(ctx, now)
		}
	}
}

// ping asks for nothing. A Redis that hangs does all that it was sent once it wakes, so what counts is only sent to one
// that is awake.
func (r *Redis) ping(ctx context.Context) error { return r.client.Ping(ctx).Err() }

func (r *Redis) tellAll(ctx context.Context, debts []debt) error {
	for batch := range slices.Chunk(debts, batchSize) {
		if err := r.call(ctx, func(ctx context.Context) error { return r.tell(ctx, batch...) }); err != nil {
			return err
		}
	}
	return nil
}

// tell tells Redis of debts. What it takes but does not answer it will be told again: it counts twice rather than not at
// all.
func (r *Redis) tell(ctx context.Context, debts ...debt) error {
	asked := r.clock.read()
	var keys []string
	var times []any
	for _, d := range debts {
		keys = append(keys, ratePrefix+prefix+d.name)
		times = append(times, max(0, d.heard-asked).Seconds(), d.owed.Seconds()*d.part)
	}
	left, err := r.restore.Run(ctx, r.client, keys, times...).Float64Slice()
	if err != nil {
		return err
	}
	for i, d := range debts {
		r.accounts.pay(d, r.clock.read(), asked+time.Duration(left[i]*float64(time.Second)))
	}
	return nil
}
