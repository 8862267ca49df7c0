package notifications

import (
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) { pgtest.Prepare(t, statements.All()) }

// Every combination of the parts of a query runs.
func TestList_everyFilter(t *testing.T) {
	w := newWorld(t)
	w.add(t, failing())
	for state, want := range map[string]int{"": 1, Unread: 1, Read: 0} {
		if n, err := count(t.Context(), w.db, w.organization, state, 10); err != nil || n != want {
			t.Errorf("count(%q) = %d, %v; want %d", state, n, err, want)
		}
		for _, after := range []*page.Key{nil, {ID: uuid.Max}} {
			found, err := list(t.Context(), w.db, w.organization, state, page.Request{PerPage: 10, After: after})
			if err != nil || len(found) != want {
				t.Errorf("list(%q, %v) = %+v, %v; want %d", state, after, found, err, want)
			}
		}
	}
}
