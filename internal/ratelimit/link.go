package ratelimit

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// holdOff is how long Redis is left alone after it did not answer.
const holdOff = 250 * time.Millisecond

// link knows whether Redis answers, and logs when that changes.
type link struct {
	log *slog.Logger

	mutex sync.Mutex
	away  bool
	since time.Duration // when it was found away
	again time.Duration // when to ask again
}

// try reports whether to ask Redis now. While it is away one caller may, every holdOff, and it should probe first.
func (l *link) try(now time.Duration) (ask, probe bool) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	if l.away && now < l.again {
		return false, false
	}
	if l.away {
		l.again = now + holdOff
	}
	return true, l.away
}

// report notes how a call ended that was begun at asked. What was begun before Redis was found away says nothing of now.
func (l *link) report(ctx context.Context, asked, now time.Duration, err error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	switch {
	case err != nil && !l.away:
		l.away, l.since = true, now
		l.again = now + holdOff
		l.log.WarnContext(ctx, "Redis does not answer; limits go by this process's share", slog.Any("error", err))
	case err == nil && l.away && asked >= l.since:
		l.away = false
		l.log.InfoContext(ctx, "Redis answers again; limits hold over all processes", slog.Duration("away", now-l.since))
	}
}
