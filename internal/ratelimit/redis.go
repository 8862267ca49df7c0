package ratelimit

import (
	"context"
	_ "embed"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/go-redis/redis_rate/v10"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
)

//go:embed restore.lua
var restoreLua string

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
// minute. The share begins as exhausted as the whole limit was. When Redis answers again it is first told what the shares
// allowed, and what it has forgotten of the time before, so that no limit begins anew. Only a process that starts while
// Redis is away knows nothing of the time before, nor of the others.
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

// Run counts the processes alive, now and every second until the context ends. Without it this process counts itself
// alone.
func (r *Redis) Run(ctx context.Context) {
	tick := time.NewTicker(beatEvery)
	defer tick.Stop()
	for {
		_ = r.call(ctx, r.processes.count) // the link has logged it
		select {
		case <-ctx.Done():
			_ = r.call(ctx, r.processes.leave) // it would be forgotten in some seconds
			return
		case <-tick.C:
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
	return r.decide(ctx, name, perMinute, 1)
}

// Peek says whether Take would allow a request, and counts nothing. It waits like Take.
func (r *Redis) Peek(ctx context.Context, name string, perMinute int) Result {
	return r.decide(ctx, name, perMinute, 0)
}

func (r *Redis) decide(ctx context.Context, name string, perMinute, requests int) Result {
	if perMinute <= 0 {
		return nothing
	}
	l := limitOf(perMinute)
	if result, ok := r.ask(ctx, name, l, requests); ok {
		return result
	}
	r.local.Add(1)
	result := r.accounts.take(name, r.clock.read(), r.processes.share(l), requests)
	result.Limit = l.perMinute
	return result
}

// ask lets Redis decide, and returns false when it does not.
func (r *Redis) ask(ctx context.Context, name string, l limit, requests int) (Result, bool) {
	asked := r.clock.read()
	try, probe := r.link.try(asked)
	if !try {
		return Result{}, false
	}
	claimed, ok := r.accounts.claim(name, asked)
	if !ok {
		return Result{}, false
	}
	var answer *redis_rate.Result
	err := r.call(ctx, func(ctx context.Context) (err error) {
		if probe {
			if err := r.ping(ctx); err != nil {
				return err
			}
		}
		answer, err = r.exchange(ctx, name, l, requests, claimed, asked)
		return err
	})
	if err != nil {
		r.accounts.release(name, r.clock.read(), claimed)
		return Result{}, false
	}
	// Counted from before the call, the time is never later than the true one, so that the latest heard is the best.
	r.accounts.hear(name, r.clock.read(), asked+answer.ResetAfter, claimed)
	return l.resultOf(answer, requests), true
}

// exchange tells Redis what the account owes, and asks. When the answer shows that Redis has forgotten what it said
// before, it is told that, and asked again.
func (r *Redis) exchange(ctx context.Context, name string, l limit, requests int, claimed account, asked time.Duration) (*redis_rate.Result, error) {
	if claimed.owed() > 0 {
		part := float64(r.processes.share(l).perMinute) / float64(l.perMinute)
		if err := r.tell(ctx, name, claimed.heard-asked, time.Duration(float64(claimed.owed())*part)); err != nil {
			return nil, err
		}
	}
	rate := redis_rate.PerMinute(l.perMinute)
	answer, err := r.limiter.AllowN(ctx, prefix+name, rate, requests)
	if err != nil || r.clock.read()+answer.ResetAfter+drift >= claimed.heard {
		return answer, err
	}
	if err := r.tell(ctx, name, claimed.heard-asked, 0); err != nil {
		return nil, err
	}
	return r.limiter.AllowN(ctx, prefix+name, rate, requests)
}

// ping asks for nothing. A Redis that hangs does all that it was sent once it wakes, so what counts is only sent to one
// that is awake.
func (r *Redis) ping(ctx context.Context) error { return r.client.Ping(ctx).Err() }

func (r *Redis) tell(ctx context.Context, name string, heard, owed time.Duration) error {
	return r.restore.Run(ctx, r.client, []string{ratePrefix + prefix + name}, heard.Seconds(), owed.Seconds()).Err()
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
func (l limit) resultOf(answer *redis_rate.Result, requests int) Result {
	used := max(0, answer.ResetAfter-rounding)
	allowed := answer.Allowed == 1
	if requests == 0 {
		allowed = l.allows(used)
	}
	result := l.result(used, allowed)
	if !allowed {
		result.RetryAfter = max(0, result.RetryAfter) + 2*rounding
	}
	return result
}
