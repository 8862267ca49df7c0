package contacts

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) { pgtest.Prepare(t, statements.All()) }

func TestList_everyFilter(t *testing.T) {
	db := pgtest.Open(t)
	since := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	after := &page.Key{Value: "2026-01-01 00:00:00+00", ID: uuid.New()}
	for _, f := range []Filter{
		{},
		{UpdatedSince: &since},
		{Words: "a", Role: "owner", EntityType: "person"},
		{Words: "a", Role: "owner", EntityType: "person", UpdatedSince: &since},
	} {
		for _, r := range []page.Request{{PerPage: 25, Number: 2}, {PerPage: 25, After: after}} {
			if rows, err := list(t.Context(), db, uuid.New(), f, r); err != nil || len(rows) != 0 {
				t.Errorf("list with %+v, %+v = %v, %v; want nothing", f, r, rows, err)
			}
		}
		if n, err := count(t.Context(), db, uuid.New(), f, 10); err != nil || n != 0 {
			t.Errorf("count with %+v = %d, %v; want 0", f, n, err)
		}
	}
}
