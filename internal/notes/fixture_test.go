package notes

import (
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/watchlist"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

const rows = `PermitNum,StatusCurrent,ContractorCompanyName
N-1,In Review,
N-2,In Review,Bayline Roofing Inc
N-3,In Review,
N-4,In Review,
`

// world is a service on its own database, whose clock the test sets. The organization watches N-1 and N-4, and has N-2 in
// its portfolio; the other one watches N-1. Nobody tracks N-3.
type world struct {
	*Service
	db                  *postgres.DB
	now                 time.Time
	organization, other uuid.UUID
	key                 uuid.UUID // of the organization
	condition           uuid.UUID // which N-2 matches
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon}
	w.Service = NewService(w.db, func() time.Time { return w.now }, newID)
	s, err := ingest.ParseSource(strings.NewReader("jurisdiction: {slug: tampa, name: City of Tampa, region: FL}"), "tampa")
	if err != nil {
		t.Fatal(err)
	}
	files := []ingest.File{{Name: "tampa.csv", Reader: strings.NewReader(rows)}}
	if _, err := ingest.NewImporter(w.db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(t.Context(), s, files, ingest.Progress{}); err != nil {
		t.Fatal(err)
	}
	w.organization, w.key = w.newOrganization(t)
	w.other, _ = w.newOrganization(t)
	w.watch(t, w.organization, "N-1")
	w.watch(t, w.organization, "N-4")
	w.watch(t, w.other, "N-1")
	created, err := w.conditions().Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "Bayline Roofing"})
	if err != nil {
		t.Fatal(err)
	}
	w.condition = created.ID
	return w
}

// newOrganization adds an organization with an API key named CRM.
func (w *world) newOrganization(t *testing.T) (organization, key uuid.UUID) {
	t.Helper()
	organization, err := organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", "starter")
	if err != nil {
		t.Fatal(err)
	}
	key = newID()
	_, _, err = apikeys.NewService(w.db, time.Now, func() uuid.UUID { return key }).Create(t.Context(), apikeys.Key{
		OrganizationID: organization, Name: "CRM", Permissions: []identity.Permission{identity.Write},
	})
	if err != nil {
		t.Fatal(err)
	}
	return organization, key
}

func (w *world) conditions() *conditions.Service {
	return conditions.NewService(w.db, contacts.NewService(w.db, newID).Track, time.Now, newID)
}

func (w *world) watchlist() *watchlist.Service {
	return watchlist.NewService(w.db, contacts.NewService(w.db, newID).Track, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now)
}

func (w *world) watch(t *testing.T, organization uuid.UUID, number string) {
	t.Helper()
	if _, _, err := w.watchlist().Add(t.Context(), organization, watchlist.Create{PermitNumber: number}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) permit(t *testing.T, number string) uuid.UUID {
	t.Helper()
	var id uuid.UUID
	if err := w.db.GetContext(t.Context(), &id, "select uuid from permits where permit_number = $1", number); err != nil {
		t.Fatal(err)
	}
	return id
}

func (w *world) create(t *testing.T, number, body string) Note {
	t.Helper()
	n, err := w.Create(t.Context(), w.organization, w.permit(t, number), w.key, body)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// checkProblem fails the test unless err is the problem.
func checkProblem(t *testing.T, what string, err error, want *problem.Error) {
	t.Helper()
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s = %v, want %v", what, err, want)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func ptr[T any](v T) *T { return &v }
