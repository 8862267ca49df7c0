package permits

import (
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

// What is remembered is told until a permit changes, and never afterwards.
func TestService_List_remembersTotals(t *testing.T) {
	db := pgtest.Open(t)
	fill(t, db, 22_000)
	s := NewService(db)
	exec := func(text string) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), text); err != nil {
			t.Fatal(err)
		}
	}
	total := func(f Filter) (int, bool) {
		t.Helper()
		f.Scope = ScopeAll
		_, meta, err := s.List(t.Context(), uuid.Nil, f, page.Query{})
		if err != nil {
			t.Fatal(err)
		}
		return meta.Total, meta.More
	}
	active, rare := Filter{Statuses: []string{"Active"}}, Filter{Jurisdictions: []string{"north"}, Statuses: []string{"Active"}}
	for _, c := range []struct {
		when, change   string
		all, many, few int
		more           bool
	}{
		{"at first", "", 10_000, 10_000, 1100, true},
		{"again", "", 10_000, 10_000, 1100, true},
		{"after a permit of many and few went", "update permits set status = 'Void', updated_at = stamp_change() where permit_number in (select permit_number from permits where status = 'Active' and jurisdiction_id = (select id from jurisdictions where slug = 'north') order by uuid limit 1100)", 10_000, 9900, 0, false},
		{"after one came", "update permits set status = 'Active', updated_at = stamp_change() where permit_number = 'N-20'", 10_000, 9901, 1, false},
	} {
		if c.change != "" {
			exec(c.change)
		}
		if n, more := total(Filter{}); n != c.all || !more {
			t.Errorf("%s: %d of all permits, more: %t; want %d and more", c.when, n, more, c.all)
		}
		if n, more := total(active); n != c.many || more != c.more {
			t.Errorf("%s: %d are active, more: %t; want %d, %t", c.when, n, more, c.many, c.more)
		}
		if n, _ := total(rare); n != c.few {
			t.Errorf("%s: %d are active in the north, want %d", c.when, n, c.few)
		}
	}
	exec("alter table permits disable trigger all")
	exec("update permits set status = 'Active' where status = 'Void'") // without a stamp, as nothing does
	if n, _ := total(active); n != 9901 {
		t.Errorf("without a change of a stamp %d are active, want the 9901 that are remembered", n)
	}
}
