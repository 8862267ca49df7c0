package usage

import (
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) { pgtest.Prepare(t, statements.All()) }

// TestStatements_parts runs every way in which parts are put together.
func TestStatements_parts(t *testing.T) {
	w := newWorld(t)
	r := Range{From: date2026(1, 1), To: date2026(1, 31)}
	for name, key := range map[string]*uuid.UUID{"of all keys": nil, "of one": &keyID} {
		for _, i := range []Interval{Day, Week, Month} {
			if _, _, err := listPeriods(t.Context(), w.db, organizationID, i, r, key); err != nil {
				t.Errorf("%s: list by %s: %v", name, i, err)
			}
		}
		if _, err := listEndpoints(t.Context(), w.db, organizationID, r, key, 1); err != nil {
			t.Errorf("%s: endpoints: %v", name, err)
		}
		if _, err := listFailures(t.Context(), w.db, organizationID, r, key, 1); err != nil {
			t.Errorf("%s: failures: %v", name, err)
		}
	}
}
