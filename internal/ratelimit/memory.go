package ratelimit

import (
	"context"
	"time"
)

// Memory is the Limiter of one process. It is exact: of a name it allows the limit at once and then one request an
// interval. It keeps only names of which a part of the limit is used, so at most those of the last minute.
type Memory struct {
	clock clock
	fulls *table[full]
}

// NewMemory returns a Memory that goes by that clock.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{clock: startClock(now), fulls: newTable[full]()}
}

// full is when all of a name's limit is there again.
type full time.Duration

func (f full) over(now time.Duration) bool { return time.Duration(f) <= now }

// Take counts a request of the name, unless it is refused. It never waits.
func (m *Memory) Take(_ context.Context, name string, perMinute int) Result {
	return m.decide(name, perMinute, 1)
}

// Peek says whether Take would allow a request, and counts nothing.
func (m *Memory) Peek(_ context.Context, name string, perMinute int) Result {
	return m.decide(name, perMinute, 0)
}

func (m *Memory) decide(name string, perMinute, requests int) (r Result) {
	if perMinute <= 0 {
		return nothing
	}
	now := m.clock.read()
	m.fulls.change(name, now, func(f full) full {
		var used time.Duration
		used, r = limitOf(perMinute).take(max(0, time.Duration(f)-now), requests)
		return full(now + used)
	})
	return r
}
