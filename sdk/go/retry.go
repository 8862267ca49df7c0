package plotwise

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

const (
	firstWait   = 500 * time.Millisecond
	longestWait = 8 * time.Second
	longestTold = time.Minute // of a Retry-After
)

// retryable reports whether a request that ended so may be sent again: a PATCH has no idempotency key, so only when nothing
// can have been done.
func (r *result) retryable(method string) bool {
	switch {
	case r.status == http.StatusTooManyRequests, r.unsent:
		return true
	case r.err != nil, r.status == http.StatusRequestTimeout, r.status >= http.StatusInternalServerError:
		return method != http.MethodPatch
	}
	return false
}

// wait returns the time before retry n (1-based): what the answer says, else 0.5 s × 2ⁿ⁻¹, at most 8 s, times a random
// factor between 0.5 and 1. It is no time at all to wait when the answer says longer than a minute.
func (c *core) wait(n int, header http.Header) (wait time.Duration, ok bool) {
	if told, ok := retryAfter(header.Get("Retry-After"), c.now()); ok {
		return told, told <= longestTold
	}
	wait = longestWait
	if n < 5 { // 0.5 s × 2⁴ are 8 s
		wait = firstWait << (n - 1)
	}
	return time.Duration(float64(wait) * (0.5 + c.random()/2)), true
}

// retryAfter reads a Retry-After: seconds, or a date (RFC 9110 §10.2.3).
func retryAfter(text string, now time.Time) (time.Duration, bool) {
	if seconds, err := strconv.ParseUint(text, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second, true
	}
	at, err := http.ParseTime(text)
	if err != nil {
		return 0, false
	}
	return max(0, at.Sub(now)), true
}

// sleep waits, unless the context ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return cause(ctx, nil)
	case <-timer.C:
		return nil
	}
}

// random returns a number of at least 0 and less than 1.
func random() float64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // which never fails (it ends the program itself)
	return float64(binary.BigEndian.Uint64(b[:])>>11) / (1 << 53)
}

// newUUID returns a random UUID (RFC 9562, version 4).
func newUUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
