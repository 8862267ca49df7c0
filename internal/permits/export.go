package permits

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

const (
	exportPage    = 500 // permits read at a time
	exportsAtOnce = 2   // for each organization, in one process
)

// Export is every permit that passes a filter, read a page at a time. It has to be closed.
type Export struct {
	db           *postgres.DB
	organization uuid.UUID
	filter       Filter
	after        *page.Key
	ended        bool
	close        func()
}

// Export begins an export of the permits that pass the filter, seen by the organization. It returns invalid_parameter
// when the filter contradicts itself or names no jurisdiction, and too_many_exports when two of the organization are running.
func (s *Service) Export(ctx context.Context, organization uuid.UUID, f Filter) (*Export, error) {
	if err := f.check(); err != nil {
		return nil, err
	}
	if err := known(ctx, s.db, f.Jurisdictions); err != nil {
		return nil, err
	}
	release, ok := s.exports.acquire(organization)
	if !ok {
		return nil, problem.New(problem.TooMany, "too_many_exports", "Two exports of this organization are running; start the next one when one has ended.")
	}
	return &Export{db: s.db, organization: organization, filter: f, close: release}, nil
}

// Next returns the next permits; none at the end. Each call is a statement of its own, so that no cursor stays open
// however slowly they are taken.
func (e *Export) Next(ctx context.Context) ([]Permit, error) {
	if e.ended {
		return nil, nil
	}
	rows, err := listForExport(ctx, e.db, e.organization, e.filter, page.Request{PerPage: exportPage, After: e.after})
	if err != nil {
		return nil, err
	}
	if len(rows) <= exportPage {
		e.ended = true
	} else {
		rows = rows[:exportPage]
		last := rows[exportPage-1].key()
		e.after = &last
	}
	found := make([]Permit, len(rows))
	for i, r := range rows {
		found[i] = r.Permit
	}
	return found, nil
}

// Close lets the organization begin another export.
func (e *Export) Close() { e.close() }

// exports counts the running exports of each organization. Its zero value is ready.
type exports struct {
	mu      sync.Mutex
	running map[uuid.UUID]int
}

// acquire takes one of the organization's places, and returns what gives it back.
func (x *exports) acquire(organization uuid.UUID) (release func(), ok bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.running[organization] >= exportsAtOnce {
		return nil, false
	}
	if x.running == nil {
		x.running = map[uuid.UUID]int{}
	}
	x.running[organization]++
	return sync.OnceFunc(func() {
		x.mu.Lock()
		defer x.mu.Unlock()
		if x.running[organization]--; x.running[organization] == 0 {
			delete(x.running, organization)
		}
	}), true
}
