package deliveries

import (
	"maps"
	"sync"

	"github.com/google/uuid"
)

// slots counts the requests of a worker that are under way. It is safe for concurrent use.
type slots struct {
	of int // that may be at once

	mu    sync.Mutex
	taken int
	busy  map[uuid.UUID]int // taken of each organization that has any
}

// look returns how many are free, and how many each organization has.
func (s *slots) look() (free int, busy map[uuid.UUID]int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.of - s.taken, maps.Clone(s.busy)
}

func (s *slots) take(organization uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken++
	s.busy[organization]++
}

func (s *slots) give(organization uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken--
	if s.busy[organization]--; s.busy[organization] == 0 {
		delete(s.busy, organization)
	}
}
