package ratelimit

import (
	"context"
	"crypto/rand"
	_ "embed"
	"slices"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed beat.lua
var beatLua string

const (
	processesKey = "plotwise:limit-processes"
	beatEvery    = time.Second
	goneAfter    = 5 // seconds without a beat
	beatsHeeded  = 5
)

// processes counts the processes that share the limits: each beats into Redis every second.
type processes struct {
	client *redis.Client
	beat   *redis.Script
	id     string

	recent []int64 // of the last beats; only Run's
	live   atomic.Int64
}

func newProcesses(client *redis.Client) *processes {
	p := &processes{client: client, beat: redis.NewScript(beatLua), id: rand.Text()}
	p.live.Store(1)
	return p
}

// count beats, and remembers how many processes there are. The highest of the last counts holds: a Redis that lost its
// memory hears of the others only within a second, and a share too small does less harm than one too large.
func (p *processes) count(ctx context.Context) error {
	live, err := p.beat.Run(ctx, p.client, []string{processesKey}, p.id, goneAfter).Int64()
	if err != nil {
		return err
	}
	p.recent = append(p.recent, live)
	if len(p.recent) > beatsHeeded {
		p.recent = p.recent[1:]
	}
	p.live.Store(slices.Max(p.recent))
	return nil
}

// leave takes this process out of the count.
func (p *processes) leave(ctx context.Context) error {
	return p.client.ZRem(ctx, processesKey, p.id).Err()
}

// share returns this process's part of a limit, at least one request a minute.
func (p *processes) share(l limit) limit {
	return limitOf(max(1, l.perMinute/int(p.live.Load())))
}
