package permits

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/geo"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestStatements(t *testing.T) {
	pgtest.Prepare(t, statements.All())
	pgtest.Prepare(t, stagingEntries.All())
}

// everyFilter sets everything that a list can be asked for.
func everyFilter() Filter {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	return Filter{
		Statuses: []string{"a", "b"}, State: "active", Stages: []string{"expired"}, Types: []string{"x"}, Jurisdictions: []string{"a", "b"},
		Words: "pool", UpdatedSince: &at, FiledAfter: &at, FiledBefore: &at, Near: &geo.Circle{Latitude: 27, Longitude: -82, RadiusM: 100},
	}
}

func TestListQuery_everyCombination(t *testing.T) {
	all := map[string]string{}
	for _, scope := range []string{ScopeAll, ScopeWatchlist} {
		for _, sort := range []string{"", "updated_at", "-updated_at", "filed_date", "-filed_date", "issued_date", "-issued_date"} {
			for _, after := range []*page.Key{nil, {Value: "2026-01-01", ID: uuid.New()}} {
				one := Filter{Scope: scope, Sort: sort, Statuses: []string{"a"}, Jurisdictions: []string{"a"}}
				f := everyFilter()
				f.Scope, f.Sort = scope, sort
				for name, f := range map[string]Filter{"one": one, "every": f} {
					key := fmt.Sprint(scope, sort, after != nil, name)
					all["list "+key], _ = listQuery(uuid.New(), f, served().permit, page.Request{PerPage: 25, After: after}).SQL()
					all["count "+key], _ = countQuery(uuid.New(), f, 10).SQL()
				}
			}
		}
	}
	pgtest.Prepare(t, all)
}

// fill puts n permits of two jurisdictions into a database, without the detour over files.
func fill(t *testing.T, db *postgres.DB, n int) {
	t.Helper()
	for _, statement := range []string{
		"insert into jurisdictions (id, slug, name) values (uuid_v7(), 'north', 'North'), (uuid_v7(), 'south', 'South')",
		fmt.Sprintf(`insert into permits (uuid, jurisdiction_id, permit_number, status, stage, type, description, latitude, longitude,
				filed_date, issued_date, source_hash, updated_at, search)
			select uuid_v7(), (select id from jurisdictions where slug = case when i %% 10 = 0 then 'north' else 'south' end),
				'N-' || i, (array['Final', 'Active', 'Active', 'Expired'])[i %% 4 + 1],
				(array['permit_finaled', 'permit_issued', 'permit_issued', 'expired'])[i %% 4 + 1], 'Roof', 'work ' || i %% 5000,
				25 + i %% 1000 / 200.0, -82 + i / 1000 / 50.0, date '2020-01-01' + i %% 2000, date '2020-02-01' + i %% 2000,
				gen_random_uuid(), timestamptz '2026-01-01' + i * interval '1 second', to_tsvector('english', 'work w' || i %% 5000)
			from generate_series(1, %d) i`, n),
		"vacuum (analyze) permits",
		"analyze jurisdictions",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

func TestListQuery_usesIndexes(t *testing.T) {
	db := pgtest.Open(t)
	fill(t, db, 144_000)
	since := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	for name, f := range map[string]Filter{
		"none":                  {},
		"q":                     {Words: "w77"},
		"q, a number":           {Words: "n-1437"},
		"q, a frequent word":    {Words: "work"},
		"near":                  {Near: &geo.Circle{Latitude: 27, Longitude: -81, RadiusM: 2000}},
		"updated_since":         {UpdatedSince: &since, Sort: "updated_at"},
		"jurisdiction, status":  {Jurisdictions: []string{"north"}, Statuses: []string{"Expired"}},
		"several of both":       {Jurisdictions: []string{"north", "south"}, Statuses: []string{"Expired", "Final"}},
		"filed_after":           {FiledAfter: &since},
		"sorted by issued_date": {Sort: "-issued_date"},
	} {
		f.Scope = ScopeAll
		for kind, query := range map[string]*postgres.Query{
			"list": listQuery(uuid.Nil, f, served().permit, page.Request{Number: 1, PerPage: 25}), "count": countQuery(uuid.Nil, f, page.MaxDepth+1),
		} {
			text, args := query.SQL()
			var plan []string
			if err := db.SelectContext(t.Context(), &plan, "explain "+text, args...); err != nil {
				t.Fatal(err)
			}
			if whole := strings.Join(plan, "\n"); strings.Contains(whole, "Seq Scan on permits") {
				t.Errorf("%s with %s reads every permit:\n%s", kind, name, whole)
			}
		}
	}
	t.Run("kept", func(t *testing.T) { keptPlans(t, db) })
	t.Run("walk", func(t *testing.T) { walkDuringChanges(t, db, 144_000) })
}

// keptPlans holds the plans of lists that are not planned for their values against what they are to find permits by.
func keptPlans(t *testing.T, db *postgres.DB) {
	t.Helper()
	err := postgres.WithConn(t.Context(), db, func(conn *postgres.Conn) error {
		for _, statement := range []string{
			"set session_replication_role = replica", // there are no such organizations
			`insert into watchlist_items (organization_id, permit_uuid, added_at)
			select cast(md5(cast(o as text)) as uuid), uuid, now() from generate_series(1, 100) o join (select uuid, row_number() over () as n from permits) p on n % 1000 = o`,
			"vacuum analyze watchlist_items",
		} {
			if _, err := conn.ExecContext(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	since, p := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC), page.Request{Number: 1, PerPage: 25}
	for _, c := range []struct {
		name, index string
		filter      Filter
	}{
		{"all", "permits_pkey", Filter{Scope: ScopeAll}},
		{"all, by change", "permits_updated_idx", Filter{Scope: ScopeAll, UpdatedSince: &since, Sort: "updated_at"}},
		{"watchlist", "watchlist_items_pkey", Filter{Scope: ScopeWatchlist}},
		{"watchlist, its permits", "permits_pkey", Filter{Scope: ScopeWatchlist}},
	} {
		pgtest.WantIndex(t, db, c.name, c.index, listQuery(uuid.Nil, c.filter, served().permit, p))
		pgtest.WantIndex(t, db, c.name+", documents", "documents_pkey", listQuery(uuid.Nil, c.filter, served().permit, p))
	}
	pgtest.WantIndex(t, db, "watchlist, counted", "watchlist_items_pkey", countQuery(uuid.Nil, Filter{Scope: ScopeWatchlist}, page.MaxDepth+1))
}

// walkDuringChanges reads every permit by cursor while others are changed and added.
func walkDuringChanges(t *testing.T, db *postgres.DB, n int) {
	t.Helper()
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			_, err := db.ExecContext(t.Context(), "update permits set updated_at = stamp_change(), status = $2 where permit_number = $1",
				fmt.Sprintf("N-%d", i*7919%n+1), fmt.Sprint("changed ", i))
			if err != nil {
				stopped <- err
				return
			}
		}
	}()
	s, perPage := NewService(db), int32(100)
	var cursor *string
	seen := map[uuid.UUID]bool{}
	for {
		rows, meta, err := s.List(t.Context(), uuid.Nil, Filter{Scope: ScopeAll}, page.Query{PerPage: &perPage, Cursor: cursor})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			if seen[r.UUID] {
				t.Fatalf("permit %s came twice", r.UUID)
			}
			seen[r.UUID] = true
		}
		if meta.NextCursor == "" {
			break
		}
		cursor = &meta.NextCursor
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
	if len(seen) != n {
		t.Errorf("the walk saw %d permits, want %d", len(seen), n)
	}
}

func TestService_List_missesNoChange(t *testing.T) {
	db := pgtest.Open(t)
	fill(t, db, 10)
	s, ctx := NewService(db), t.Context()
	change := func(tx *postgres.Tx, number string) {
		if _, err := tx.ExecContext(ctx, "update permits set updated_at = stamp_change() where permit_number = $1", number); err != nil {
			t.Error(err)
		}
	}
	watermark := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seen := map[string]time.Time{}
	poll := func() {
		rows, _, err := s.List(ctx, uuid.Nil, Filter{Scope: ScopeAll, UpdatedSince: &watermark}, page.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range rows {
			var p api.Permit
			if err := json.Unmarshal(r.Document, &p); err != nil {
				t.Fatal(err)
			}
			seen[p.PermitNumber], watermark = p.UpdatedAt, p.UpdatedAt
		}
	}
	poll()
	before := seen["N-1"]
	first, err := db.BeginTxx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	change(&postgres.Tx{Tx: first}, "N-1") // stamped, and open
	second := make(chan error)
	go func() {
		second <- postgres.InTx(ctx, db, func(tx *postgres.Tx) error { change(tx, "N-2"); return nil })
	}()
	poll() // between the first one's stamp and its commit
	if !seen["N-1"].Equal(before) {
		t.Errorf("a change was seen before its commit")
	}
	select {
	case err := <-second:
		t.Fatalf("the second change was committed before the first, which has the older stamp: %v", err)
	default:
	}
	if err := first.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Fatal(err)
	}
	poll()
	if !seen["N-1"].After(before) || !seen["N-2"].After(seen["N-1"]) {
		t.Errorf("after both commits the poll saw N-1 at %s and N-2 at %s, want both changes in the order of commits", seen["N-1"], seen["N-2"])
	}
}
