package deliveries

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) { pgtest.Prepare(t, statements.All()) }

func pageOf(n int) page.Request { return page.Request{Number: 1, PerPage: n} }

// Every combination of the parts of a query runs.
func TestList_everyFilter(t *testing.T) {
	w := newWorld(t)
	hook := w.webhook(t, organizationID, receive(t, answering(200)).URL)
	w.tell(t, changed(organizationID, "Issued"))
	w.exec(t, "update deliveries set requested_at = $1", noon)
	for set := range 1 << 5 { // a bit for each part
		var f Filter
		if set&1 != 0 {
			f.WebhookID = &hook
		}
		if set&2 != 0 {
			f.State = Pending
		}
		if set&4 != 0 {
			f.EventType = "permit.status_changed"
		}
		if set&8 != 0 {
			f.CreatedSince = &noon
		}
		if set&16 != 0 {
			f.RequestedSince = &noon
		}
		if n, err := count(t.Context(), w.db, organizationID, f, 10); err != nil || n != 1 {
			t.Errorf("count(%+v) = %d, %v; want 1", f, n, err)
		}
		for _, after := range []*page.Key{nil, {ID: uuid.Max}} {
			p := page.Request{PerPage: 10, After: after}
			if found, err := list(t.Context(), w.db, organizationID, f, p); err != nil || len(found) != 1 {
				t.Errorf("list(%+v, %v) = %+v, %v; want 1", f, after, found, err)
			}
		}
	}
	later := noon.Add(time.Second)
	for _, f := range []Filter{{State: Exhausted}, {EventType: "permit.fee_changed"}, {CreatedSince: &later}, {RequestedSince: &later}} {
		if n, err := count(t.Context(), w.db, organizationID, f, 10); err != nil || n != 0 {
			t.Errorf("count(%+v) = %d, %v; want 0", f, n, err)
		}
	}
	d, _ := w.only(t)
	if got, err := get(t.Context(), w.db, organizationID, d.ID); err != nil || got.ID != d.ID {
		t.Errorf("get(%s) = %+v, %v; want it", d.ID, got, err)
	}
}

// What an organization looks at does not take longer for what was delivered long ago.
func TestList_keptPlans(t *testing.T) {
	w := newWorld(t)
	w.webhook(t, organizationID, receive(t, answering(200)).URL)
	w.tell(t, changed(organizationID, "Issued"))
	for _, statement := range []string{
		`insert into events (organization_id, id, number, type, permit_uuid, body, schema_hash, created_at)
		select organization_id, uuid_v7(), number + n, type, permit_uuid, body, schema_hash, created_at from events cross join generate_series(1, 20000) n`,
		`insert into deliveries (organization_id, id, webhook_id, event_id, state, created_at, finished_at)
		select e.organization_id, uuid_v7(), w.id, e.id, case when e.number % 100 = 0 then 'exhausted' else 'succeeded' end, e.created_at, e.created_at
		from events e join webhooks w on w.organization_id = e.organization_id where e.number > 1 order by e.number`,
		"vacuum analyze events",
		"vacuum analyze deliveries",
	} {
		w.exec(t, statement)
	}
	failed := Filter{State: Exhausted}
	pgtest.WantIndex(t, w.db, "deliveries", "deliveries_pkey", listQuery(organizationID, Filter{}, pageOf(25)))
	pgtest.WantIndex(t, w.db, "failed deliveries", "deliveries_unsettled_idx", listQuery(organizationID, failed, pageOf(25)))
	pgtest.WantIndex(t, w.db, "failed deliveries, the page after", "deliveries_unsettled_idx", listQuery(organizationID, failed, page.Request{PerPage: 25, After: &page.Key{ID: uuid.Max}}))
	pgtest.WantIndex(t, w.db, "failed deliveries, counted", "deliveries_unsettled_idx", countQuery(organizationID, failed, page.MaxDepth+1))
}
