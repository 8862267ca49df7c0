package ratelimit

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

const (
	prefix     = "plotwise:limit:"
	ratePrefix = "rate:" // which redis_rate puts before the keys that it is given

	timeout  = 100 * time.Millisecond
	poolSize = 64
	rounding = 5 * time.Microsecond  // what Redis may be off by: it reckons in floating point
	drift    = 20 * time.Millisecond // what clocks that do not run alike may be apart in a minute
)

// Redis is the Limiter of several processes, exact over all of them while Redis answers. While it does not, each process
// allows its share: the limit divided by the processes alive when Redis was last heard, and at least one request a
// minute. The share begins as exhausted as the whole limit was. When Redis answers again the shares decide for another
// second, in which every process tells it what it may have forgotten of the time before and what the share allowed: so no
// limit begins anew. Only a process that starts meanwhile knows nothing of the time before, nor of the others.
type Redis struct {
	client    *redis.Client
	limiter   *redis_rate.Limiter
	restore   *redis.Script
	clock     clock
	link      *link
	accounts  accounts
	processes *processes
	local     atomic.Uint64
}

// NewRedis returns a Redis on the server of the URL: redis://, rediss:// (TLS) or unix://. It does not connect, so the
// error is always the URL's.
func NewRedis(url string, now func() time.Time, log *slog.Logger) (*Redis, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("read the URL of Redis: %w", err)
	}
	// One attempt, within the timeout that each call's context sets.
	options.MaxRetries, options.DialerRetries = -1, 1
	options.DialTimeout, options.ReadTimeout, options.WriteTimeout, options.PoolTimeout = timeout, timeout, timeout, timeout
	options.ContextTimeoutEnabled = true
	options.PoolSize = poolSize
	options.DisableIdentity = true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	logging.Disable() // the client's own log, a line for every failed connection: link says it once
	client := redis.NewClient(options)
	return &Redis{
		client: client, limiter: redis_rate.NewLimiter(client), restore: redis.NewScript(restoreLua),
		clock: startClock(now), link: &link{log: log}, accounts: accounts{newTable[account]()}, processes: newProcesses(client),
	}, nil
}

// Run counts the processes alive, now and every second until the context ends, and lets Redis decide again when it is
// back. Without Run this process counts itself alone, and decides by itself for ever once Redis does not answer.
func (r *Redis) Run(ctx context.Context) {
	beat, probe := time.NewTicker(beatEvery), time.NewTicker(probeEvery)
	defer beat.Stop()
	defer probe.Stop()
	_ = r.call(ctx, r.processes.count) // the link has logged it
	for {
		select {
		case <-ctx.Done():
			_ = r.call(ctx, r.processes.leave) // it would be forgotten in some seconds
			return
		case <-beat.C:
			_ = r.call(ctx, r.processes.count)
		case <-probe.C:
			r.relink(ctx)
		}
	}
}

// Close gives up the connections. A Take after it goes by the share.
func (r *Redis) Close() error { return r.client.Close() }

// Local returns how many decisions were made by the share, since the start.
func (r *Redis) Local() uint64 { return r.local.Load() }

// Take counts a request of the name, unless it is refused. It waits for Redis no longer than 100 ms, whatever the context
// says: a request that its client gave up counts like any other. A decision by the share has the full limit, and what
// remains of the share. A request that Redis took but did not answer in time may count twice.
func (r *Redis) Take(ctx context.Context, name string, perMinute int) Result {
	if perMinute <= 0 {
		return nothing
	}
	l := limitOf(perMinute)
	if r.link.current() == linked {
		if result, err := r.ask(ctx, name, l); err == nil {
			return result
		}
	}
	r.local.Add(1)
	return r.accounts.take(name, r.clock.read(), l, r.processes.share(l))
}

// ask lets Redis decide. When the answer shows that Redis has forgotten what it said before, it is told that, and asked
// again.
func (r *Redis) ask(ctx context.Context, name string, l limit) (Result, error) {
	asked := r.clock.read()
	heard := r.accounts.heard(name, asked)
	var answer *redis_rate.Result
	err := r.call(ctx, func(ctx context.Context) (err error) {
		rate := redis_rate.PerMinute(l.perMinute)
		if answer, err = r.limiter.Allow(ctx, prefix+name, rate); err != nil || r.clock.read()+answer.ResetAfter+drift >= heard {
			return err
		}
		if err := r.tell(ctx, debt{name, account{heard: heard}}); err != nil {
			return err
		}
		answer, err = r.limiter.Allow(ctx, prefix+name, rate)
		return err
	})
	if err != nil {
		return Result{}, err
	}
	// Counted from before the call, the time is never later than the true one, so that the latest heard is the best.
	r.accounts.hear(name, r.clock.read(), asked+answer.ResetAfter)
	return l.resultOf(answer), nil
}

// call makes a call to Redis within the timeout, and notes whether it answered. The caller's context cannot cut it short:
// it would cost the connection, and leave open whether a request was counted.
func (r *Redis) call(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), timeout)
	defer cancel()
	asked := r.clock.read()
	err := do(ctx)
	r.link.report(ctx, asked, r.clock.read(), err)
	return err
}

// resultOf returns what Redis answered. Remaining and RetryAfter follow from the time until all is there again, because
// redis_rate rounds the one and has the other only where it refused.
func (l limit) resultOf(answer *redis_rate.Result) Result {
	result := l.result(max(0, answer.ResetAfter-rounding), answer.Allowed == 1)
	if !result.Allowed {
		result.RetryAfter = max(0, result.RetryAfter) + 2*rounding
	}
	return result
}
