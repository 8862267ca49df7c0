package ratelimit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// settleTime is how long the shares still decide when Redis is back. In half of it every process finds Redis, which takes
// it a probe and a timeout at most.
const settleTime = 4 * probeEvery

// phase says who decides: Redis when it is linked, else the shares.
type phase int

const (
	linked   phase = iota
	away           // Redis does not answer
	settling       // Redis answers, but other processes may have to tell it what they know
)

// link knows whether Redis decides, and logs when that changes.
type link struct {
	log *slog.Logger

	mutex sync.Mutex
	phase phase
	lost  time.Duration // when Redis was found away, having decided until then
	back  time.Duration // when it answered again
}

func (l *link) current() phase {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.phase
}

// report notes how a call ended that was begun at asked. What was begun before Redis was back says nothing of now.
func (l *link) report(ctx context.Context, asked, now time.Duration, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if err == nil || asked < l.back {
		return
	}
	if l.phase == linked {
		l.lost = now
		l.log.WarnContext(ctx, "Redis does not answer; limits go by this process's share", slog.Any("error", err))
	}
	l.phase = away
}

// settle begins to settle.
func (l *link) settle(now time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.phase, l.back = settling, now
}

// settled reports whether half and all of the time to settle is over. It is no longer than Redis was away: when that was a
// moment, most likely no other process has noticed, and the others have the whole limit while this one has its share too.
func (l *link) settled(now time.Duration) (half, all bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	wait := min(settleTime, l.back-l.lost)
	return now-l.back >= wait/2, now-l.back >= wait
}

// decide lets Redis decide again.
func (l *link) decide(ctx context.Context, now time.Duration) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.phase = linked
	l.log.InfoContext(ctx, "Redis answers again; limits hold over all processes", slog.Duration("away", now-l.lost))
}
