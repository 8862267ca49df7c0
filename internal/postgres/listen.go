package postgres

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/lib/pq"
)

const (
	reconnectSoon = 100 * time.Millisecond
	reconnectLate = 5 * time.Second
	pingEvery     = 30 * time.Second // a connection that broke silently is found so
)

// Listen calls hear for every notification on a channel, until the context ends. Notifications that come while there is no
// connection are missed: once there is one, and whenever there is one again, it calls hear with "".
func (d *DB) Listen(ctx context.Context, channel string, log *slog.Logger, hear func(payload string)) {
	listener := pq.NewListener(d.dsn, reconnectSoon, reconnectLate, func(_ pq.ListenerEventType, err error) {
		if err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelWarn, "listening is interrupted", slog.String("channel", channel), slog.Any("error", err))
		}
	})
	var running sync.WaitGroup
	defer running.Wait()
	defer func() { _ = listener.Close() }() // which ends what runs below
	connected := make(chan struct{})
	running.Go(func() { // it waits until there is a connection
		defer close(connected)
		if err := listener.Listen(channel); err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelWarn, "cannot listen", slog.String("channel", channel), slog.Any("error", err))
		}
	})
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-connected:
			connected = nil
			hear("")
		case <-ping.C:
			running.Go(func() { _ = listener.Ping() })
		case n := <-listener.Notify:
			if n == nil { // after a new connection
				n = &pq.Notification{}
			}
			hear(n.Extra)
		}
	}
}
