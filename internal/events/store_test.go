package events

import (
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) {
	all := statements.All()
	all["list"], _ = listQuery(uuid.Nil, nil, nil, 10).SQL()
	pgtest.Prepare(t, all)
}

// The feed is found by its index, and not planned anew for each poll, however many events there are.
func TestList_keptPlan(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "Issued"))
	for _, statement := range []string{
		`insert into events (organization_id, id, number, type, permit_uuid, body, schema_hash, created_at)
		select organization_id, uuid_v7(), number + n, type, permit_uuid, body, schema_hash, created_at from events cross join generate_series(1, 30000) n`,
		"update event_counters set last = 30001",
		"vacuum analyze events",
	} {
		if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	pgtest.WantIndex(t, w.db, "feed", "events_number_key", listQuery(w.organization, nil, nil, 26))
	pgtest.WantIndex(t, w.db, "newest", "events_number_key", newestQuery(w.organization, "", nil, 26))
	w.db.SetMaxOpenConns(1)
	for range 10 { // the first five are planned for their values
		if found, _, _, err := list(t.Context(), w.db, w.organization, nil, nil, 26); err != nil || len(found) != 26 {
			t.Fatalf("list = %d events, %v; want 26", len(found), err)
		}
	}
	var kept int
	if err := w.db.GetContext(t.Context(), &kept, "select generic_plans from pg_prepared_statements where statement like '%pruned%'"); err != nil || kept != 5 {
		t.Errorf("of ten lists %d had the plan that is kept, %v; want 5", kept, err)
	}
}
