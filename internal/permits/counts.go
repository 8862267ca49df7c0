package permits

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

const (
	manyCounted = 1000 // up to so many are counted as fast as it is found out whether that is needed
	manyFilters = 1000 // whose counts are remembered
)

// counts remembers how many of all permits pass a filter, until a permit changes: to count 10,000 takes longer than all else that a page
// needs. What it tells is exact. Each change of what a filter can ask for has a later stamp than all before it, in the order of commits,
// and no permit is ever removed. It is safe for concurrent use, and its zero value knows nothing.
type counts struct {
	mutex sync.Mutex
	known map[string]counted // by filter
}

// counted is a count, and the newest stamp of a permit when it was taken.
type counted struct {
	N      int    `db:"n"`
	Newest string `db:"newest"`
}

// of returns how many of all permits pass the filter, up to one more than pages reach.
func (c *counts) of(ctx context.Context, q postgres.Querier, f Filter) (int, error) {
	text, err := json.Marshal(f)
	if err != nil { // plain data always marshals
		panic(err)
	}
	c.mutex.Lock()
	known, ok := c.known[string(text)]
	c.mutex.Unlock()
	if ok && (f.plain() && known.N > page.MaxDepth) { // they only grow
		return known.N, nil
	}
	if ok {
		newest, err := newest(ctx, q)
		if err != nil || newest == known.Newest {
			return known.N, err
		}
	}
	found, err := count(ctx, q, uuid.Nil, f, page.MaxDepth+1)
	if err != nil {
		return 0, err
	}
	if ok || found.N > manyCounted {
		c.remember(string(text), found)
	}
	return found.N, nil
}

func (c *counts) remember(filter string, found counted) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.known == nil || len(c.known) >= manyFilters {
		c.known = map[string]counted{}
	}
	c.known[filter] = found
}

func newest(ctx context.Context, q postgres.Querier) (at string, err error) {
	if err := q.GetContext(ctx, &at, newestSQL); err != nil {
		return "", fmt.Errorf("get the newest change of a permit: %w", err)
	}
	return at, nil
}
