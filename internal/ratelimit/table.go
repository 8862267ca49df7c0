package ratelimit

import (
	"hash/maphash"
	"maps"
	"sync"
	"time"
)

const (
	shardCount = 64
	sweepEvery = time.Minute
	sweepLeast = 64 // entries of a shard; fewer are not worth a sweep
)

// entry is what a table keeps of a name. The zero entry is over.
type entry interface {
	// over reports whether the entry says no more than none would.
	over(now time.Duration) bool
}

// table keeps an entry a name until it is over. It is safe for concurrent use.
type table[E entry] struct {
	seed   maphash.Seed
	shards [shardCount]shard[E]
}

type shard[E entry] struct {
	mutex   sync.Mutex
	entries map[string]E
	sweepAt time.Duration
	sweepOf int // entries that are too many without a sweep
}

func newTable[E entry]() *table[E] {
	t := &table[E]{seed: maphash.MakeSeed()}
	for i := range t.shards {
		t.shards[i].sweep(0)
	}
	return t
}

// change replaces the entry of a name. Nobody else has the entry meanwhile.
func (t *table[E]) change(name string, now time.Duration, replace func(E) E) {
	s := &t.shards[maphash.String(t.seed, name)%shardCount]
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if e := replace(s.entries[name]); e.over(now) {
		delete(s.entries, name)
	} else {
		s.entries[name] = e
	}
	if now >= s.sweepAt || len(s.entries) >= s.sweepOf {
		s.sweep(now)
	}
}

// all returns the entries by name.
func (t *table[E]) all() map[string]E {
	found := make(map[string]E)
	for i := range t.shards {
		s := &t.shards[i]
		s.mutex.Lock()
		maps.Copy(found, s.entries)
		s.mutex.Unlock()
	}
	return found
}

// sweep drops what is over. The map is made anew because one that was emptied keeps its memory. Waiting until there are
// twice as many entries as were left makes it cost each entry little.
func (s *shard[E]) sweep(now time.Duration) {
	left := make(map[string]E)
	for name, e := range s.entries {
		if !e.over(now) {
			left[name] = e
		}
	}
	s.entries, s.sweepAt, s.sweepOf = left, now+sweepEvery, max(sweepLeast, 2*len(left))
}

// clock reads the time since it was started, which no change of the machine's clock disturbs.
type clock struct {
	now   func() time.Time
	start time.Time
}

func startClock(now func() time.Time) clock { return clock{now: now, start: now()} }

func (c clock) read() time.Duration { return c.now().Sub(c.start) }
