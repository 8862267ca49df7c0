package conditions_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a service on its own database with two organizations. It notes which permits its callback is told.
type world struct {
	*conditions.Service
	db                  *postgres.DB
	permits             *permits.Service
	now                 time.Time
	organization, other uuid.UUID // on the enterprise plan
	told                []uuid.UUID
	broken              error // what the callback returns
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon}
	w.permits = permits.NewService(w.db)
	found := contacts.NewService(w.db, newID)
	w.Service = conditions.NewService(w.db, func(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (func([]uuid.UUID) error, error) {
		then, err := found.Track(ctx, tx, organization)
		return func(all []uuid.UUID) error {
			w.told = append(w.told, all...)
			if w.broken != nil {
				return w.broken
			}
			return then(all)
		}, err
	}, func() time.Time { return w.now }, newID)
	w.organization = w.newOrganization(t, "enterprise")
	w.other = w.newOrganization(t, "enterprise")
	return w
}

// quiet returns a service whose callback does nothing, for use by several at once.
func (w *world) quiet() *conditions.Service {
	ignore := func(context.Context, *postgres.Tx, uuid.UUID) (func([]uuid.UUID) error, error) {
		return func([]uuid.UUID) error { return nil }, nil
	}
	return conditions.NewService(w.db, ignore, time.Now, newID)
}

func (w *world) newOrganization(t *testing.T, plan string) uuid.UUID {
	t.Helper()
	id, err := organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", plan)
	if err != nil {
		t.Fatal(err)
	}
	return id
}

const (
	source = `
jurisdiction: {slug: tampa, name: City of Tampa, region: FL}
columns: {owner_person: Owner, applicant_company: Applicant}
`
	header = "PermitNum,StatusCurrent,Latitude,Longitude,ContractorFullName,ContractorCompanyName,ContractorLicNum,Owner,Applicant\n"
)

// importRows imports the rows; header names their columns.
func (w *world) importRows(t *testing.T, rows string) {
	t.Helper()
	if err := w.tryImport(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
}

func (w *world) tryImport(ctx context.Context, rows string) error {
	s, err := ingest.ParseSource(strings.NewReader(source), "tampa")
	if err != nil {
		return err
	}
	files := []ingest.File{{Name: "tampa.csv", Reader: strings.NewReader(header + rows)}}
	_, err = ingest.NewImporter(w.db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(ctx, s, files, ingest.Progress{})
	return err
}

func (w *world) create(t *testing.T, organization uuid.UUID, c conditions.Condition) conditions.Condition {
	t.Helper()
	created, err := w.Create(t.Context(), organization, c)
	if err != nil {
		t.Fatalf("Create(%+v) = %v", c, err)
	}
	return created
}

// matches returns the numbers of the permits that match an organization's condition, sorted.
func (w *world) matches(t *testing.T, organization, condition uuid.UUID) []string {
	t.Helper()
	return w.list(t, organization, permits.Filter{Scope: permits.ScopeCondition, Condition: condition})
}

// portfolio returns the numbers of the permits of an organization's portfolio, in the order of the list.
func (w *world) portfolio(t *testing.T, organization uuid.UUID) []string {
	t.Helper()
	return w.list(t, organization, permits.Filter{Scope: permits.ScopePortfolio})
}

func (w *world) list(t *testing.T, organization uuid.UUID, f permits.Filter) []string {
	t.Helper()
	found, _, err := w.permits.List(t.Context(), organization, f, page.Query{PerPage: ptr(int32(100))})
	if err != nil {
		t.Fatal(err)
	}
	return numbersOf(t, found)
}

func numbersOf(t *testing.T, found []permits.Shown) []string {
	t.Helper()
	numbers := []string{}
	for _, p := range found {
		var shown struct {
			Number string `json:"permit_number"`
		}
		if err := json.Unmarshal(p.Document, &shown); err != nil {
			t.Fatal(err)
		}
		numbers = append(numbers, shown.Number)
	}
	return numbers
}

// matchedAt returns since when the permits of a condition match it.
func (w *world) matchedAt(t *testing.T, condition uuid.UUID) map[string]time.Time {
	t.Helper()
	var rows []struct {
		Number    string    `db:"permit_number"`
		MatchedAt time.Time `db:"matched_at"`
	}
	err := w.db.SelectContext(t.Context(), &rows,
		"select permit_number, matched_at from condition_matches join permits on uuid = permit_uuid where condition_id = $1", condition)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]time.Time{}
	for _, r := range rows {
		found[r.Number] = r.MatchedAt
	}
	return found
}

// toldNumbers returns the numbers of the permits that the callback was told since the last call, sorted.
func (w *world) toldNumbers(t *testing.T) []string {
	t.Helper()
	found := []string{}
	for _, id := range w.told {
		var number string
		if err := w.db.GetContext(t.Context(), &number, "select permit_number from permits where uuid = $1", id); err != nil {
			t.Fatal(err)
		}
		found = append(found, number)
	}
	w.told = nil
	return found
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

func codeOf(err error) string {
	var p *problem.Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &p):
		return p.Code
	}
	return err.Error()
}

func ptr[T any](v T) *T { return &v }
