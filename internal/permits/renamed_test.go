package permits

import (
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/documents"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const (
	rename   = "update jurisdictions set name = 'New' where slug = 'south'"
	waitsSQL = `select exists (select from pg_locks l join pg_database d on d.oid = l.database
		where d.datname = current_database() and l.locktype = 'advisory' and not l.granted)`
)

// shown returns the permit as the list and as the details show it.
func shown(t *testing.T, s *Service) (list, details string) {
	t.Helper()
	rows, _, err := s.List(t.Context(), uuid.Nil, Filter{Scope: ScopeAll}, page.Query{})
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d permits, %v, want one", len(rows), err)
	}
	body, err := s.Get(t.Context(), uuid.Nil, rows[0].UUID)
	if err != nil {
		t.Fatal(err)
	}
	return string(rows[0].Document), string(body)
}

func TestService_List_whileRenamed(t *testing.T) {
	db := pgtest.Open(t)
	fill(t, db, 1)
	s := NewService(db)
	renaming, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := renaming.ExecContext(t.Context(), rename); err != nil {
		t.Fatal(err)
	}
	if list, details := shown(t, s); !strings.Contains(list, `"South"`) || !strings.Contains(details, `"South"`) {
		t.Errorf("before the new name is committed: %s, %s, want South", list, details)
	}
	if err := renaming.Commit(); err != nil {
		t.Fatal(err)
	}
	if list, details := shown(t, s); !strings.Contains(list, `"New"`) || !strings.Contains(details, `"New"`) {
		t.Errorf("after it is committed: %s, %s, want New", list, details)
	}
}

func TestService_List_renamedWhileRendering(t *testing.T) {
	db, ctx := pgtest.Open(t), t.Context()
	fill(t, db, 1)
	s, renamed := NewService(db), make(chan error, 1)
	err := s.kinds.permit.Make(ctx, db, func(q postgres.Querier) ([]documents.Document, error) {
		var id uuid.UUID
		if err := q.GetContext(ctx, &id, "select uuid from permits"); err != nil {
			return nil, err
		}
		found, err := listByUUID(ctx, q, []uuid.UUID{id})
		if err != nil {
			return nil, err
		}
		go func() {
			_, err := db.ExecContext(ctx, rename)
			renamed <- err
		}()
		for waits := false; !waits && len(renamed) == 0; {
			if err := db.GetContext(ctx, &waits, waitsSQL); err != nil {
				return nil, err
			}
		}
		document, err := s.kinds.render(found[0])
		return []documents.Document{document}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-renamed; err != nil {
		t.Fatal(err)
	}
	if list, _ := shown(t, s); !strings.Contains(list, `"New"`) {
		t.Errorf("what was rendered when the name changed is still shown: %s", list)
	}
}
