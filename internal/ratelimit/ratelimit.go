// Package ratelimit says who may send another request now: by memory in one process, by Redis in several.
package ratelimit

import (
	"context"
	"time"
)

// Limiter counts requests by name: an organization, an address. Of perMinute requests a minute all may come at once, and
// used ones come back evenly. When perMinute changes for a name, what was used stays used in proportion: half of the old
// limit is half of the new. With perMinute of 0 or less nothing is allowed; more than 1,000,000,000 counts as that. It is
// safe for concurrent use.
type Limiter interface {
	// Take counts a request of the name, unless it is refused.
	Take(ctx context.Context, name string, perMinute int) Result
}

// Result is what became of a request, and how much of the limit is left after it.
type Result struct {
	Allowed    bool
	Limit      int           // requests a minute
	Remaining  int           // that may be sent at once now
	RetryAfter time.Duration // until one would be allowed; 0 when Allowed
	ResetAfter time.Duration // until all of the limit is there again
}

// most is the highest limit there is: a higher one is no limit any more.
const most = 1_000_000_000

// nothing is the Result under a limit of 0. No request will be allowed, so ask again no sooner than it can change.
var nothing = Result{RetryAfter: time.Minute}

// limit is a limit in the terms of the generic cell rate algorithm (ITU-T I.371), which keeps one number a name: used,
// the time until all of the limit is there again. A request adds the interval to it, and it may not exceed the burst.
// Limits of any size are a minute long, so used stays what it is when the limit changes.
type limit struct {
	perMinute int
	interval  time.Duration // between requests that come evenly
	burst     time.Duration // of all requests together: a minute, less what the division leaves over
}

func limitOf(perMinute int) limit {
	perMinute = min(perMinute, most)
	interval := time.Minute / time.Duration(perMinute)
	return limit{perMinute: perMinute, interval: interval, burst: interval * time.Duration(perMinute)}
}

// take returns used after so many requests: 1, or 0 to look.
func (l limit) take(used time.Duration, requests int) (time.Duration, Result) {
	allowed := l.allows(used)
	if allowed {
		used += l.interval * time.Duration(requests)
	}
	return used, l.result(used, allowed)
}

func (l limit) allows(used time.Duration) bool { return used+l.interval <= l.burst }

func (l limit) result(used time.Duration, allowed bool) Result {
	r := Result{Allowed: allowed, Limit: l.perMinute, Remaining: int(max(0, l.burst-used) / l.interval), ResetAfter: used}
	if !allowed {
		r.RetryAfter = used + l.interval - l.burst
	}
	return r
}
