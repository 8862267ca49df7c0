package contacts_test

import (
	"context"
	"errors"
	"fmt"
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
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/watchlist"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a service on its own database with two organizations that may track as much as they like.
type world struct {
	*contacts.Service
	db                  *postgres.DB
	watchlist           *watchlist.Service
	conditions          *conditions.Service
	organization, other uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t)}
	w.Service = contacts.NewService(w.db, newID)
	w.watchlist = watchlist.NewService(w.db, w.Track, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now)
	w.conditions = conditions.NewService(w.db, w.Track, time.Now, newID)
	w.organization, w.other = w.newOrganization(t), w.newOrganization(t)
	return w
}

func (w *world) newOrganization(t *testing.T) uuid.UUID {
	t.Helper()
	id, err := organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", "enterprise")
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
	header = "PermitNum,StatusCurrent,ContractorFullName,ContractorCompanyName,ContractorLicNum,ContractorPhone,ContractorEmail,Owner,Applicant\n"
)

// importRows imports the rows, whose columns header names, and has the contacts found.
func (w *world) importRows(t *testing.T, rows string) {
	t.Helper()
	w.importFile(t, header+rows)
}

func (w *world) importFile(t *testing.T, text string) {
	t.Helper()
	if err := w.tryImport(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	w.drain(t)
}

func (w *world) tryImport(ctx context.Context, text string) error {
	return w.tryImportOf(ctx, source, text)
}

// tryImportOf imports the text of a source, and leaves the contacts to Drain.
func (w *world) tryImportOf(ctx context.Context, source, text string) error {
	s, err := ingest.ParseSource(strings.NewReader(source), "source")
	if err != nil {
		return err
	}
	files := []ingest.File{{Name: "source.csv", Reader: strings.NewReader(text)}}
	_, err = ingest.NewImporter(w.db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(ctx, s, files, ingest.Progress{})
	return err
}

// watch puts the permits of those numbers on an organization's watchlist, one after another.
func (w *world) watch(t *testing.T, organization uuid.UUID, numbers ...string) {
	t.Helper()
	for _, n := range numbers {
		if _, _, err := w.watchlist.Add(t.Context(), organization, watchlist.Create{PermitNumber: n}); err != nil {
			t.Fatalf("watch %s: %v", n, err)
		}
	}
}

func (w *world) unwatch(t *testing.T, organization uuid.UUID, number string) {
	t.Helper()
	if err := w.watchlist.Remove(t.Context(), organization, w.permit(t, number), nil); err != nil {
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

func (w *world) drain(t *testing.T) {
	t.Helper()
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.backlog(t); n != 0 {
		t.Fatalf("after Drain the backlog has %d rows", n)
	}
}

// backlog returns how much Drain has to do.
func (w *world) backlog(t *testing.T) int {
	t.Helper()
	var n int
	if err := w.db.GetContext(t.Context(), &n, "select count(*) from contact_backlog"); err != nil {
		t.Fatal(err)
	}
	return n
}

// all returns all contacts of an organization that pass the filter, read by cursor.
func (w *world) all(t *testing.T, organization uuid.UUID, f contacts.Filter) []contacts.Contact {
	t.Helper()
	found, err := w.walk(t.Context(), organization, f, 100)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (w *world) walk(ctx context.Context, organization uuid.UUID, f contacts.Filter, perPage int32) ([]contacts.Contact, error) {
	q := page.Query{PerPage: &perPage}
	var all []contacts.Contact
	for {
		found, meta, err := w.List(ctx, organization, f, q)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
		if meta.NextCursor == "" {
			return all, nil
		}
		q.Cursor = &meta.NextCursor
	}
}

// summaries says of each contact of an organization what it is called, its roles, licenses and permits.
func (w *world) summaries(t *testing.T, organization uuid.UUID) []string {
	t.Helper()
	found := []string{}
	for _, c := range w.all(t, organization, contacts.Filter{}) {
		found = append(found, fmt.Sprintf("%s %s %v %v %d", c.EntityType, c.Name, c.Roles, c.Licenses, c.PermitCount))
	}
	return found
}

// only returns an organization's only contact.
func (w *world) only(t *testing.T, organization uuid.UUID) contacts.Contact {
	t.Helper()
	all := w.all(t, organization, contacts.Filter{})
	if len(all) != 1 {
		t.Fatalf("there are %d contacts, want one: %+v", len(all), all)
	}
	return all[0]
}

func (w *world) get(t *testing.T, organization, contact uuid.UUID) contacts.Contact {
	t.Helper()
	c, err := w.Get(t.Context(), organization, contact)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkLinks fails the test unless each party of a permit that an organization tracks has one contact, nothing else has
// one, and finding all of them anew changes nothing.
func (w *world) checkLinks(t *testing.T) {
	t.Helper()
	var odd []string
	err := w.db.SelectContext(t.Context(), &odd, `
		with tracked as (
			select organization_id, permit_uuid from watchlist_items union select organization_id, permit_uuid from condition_matches
		), wanted as (
			select t.organization_id, s.permit_uuid, s.position from tracked t join permit_parties s using (permit_uuid)
		)
		select concat_ws(' ', case when l.contact_id is null then 'no contact for' else 'a contact without' end, p.permit_number, position)
		from wanted w full join contact_parties l using (organization_id, permit_uuid, position) join permits p on p.uuid = permit_uuid
		where l.contact_id is null or w.organization_id is null
		union all
		select 'merged but linked ' || c.id from contacts c join contact_parties l on l.organization_id = c.organization_id and l.contact_id = c.id
		where c.merged_into is not null`)
	if err != nil {
		t.Fatal(err)
	}
	if len(odd) != 0 {
		t.Errorf("parties and contacts differ:\n%s", strings.Join(odd, "\n"))
	}
	for _, organization := range []uuid.UUID{w.organization, w.other} {
		before := w.all(t, organization, contacts.Filter{})
		var permits []uuid.UUID
		if err := w.db.SelectContext(t.Context(), &permits, "select uuid from permits"); err != nil {
			t.Fatal(err)
		}
		for len(permits) > 0 {
			n := min(200, len(permits))
			err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
				then, err := w.Track(t.Context(), tx, organization)
				if err != nil {
					return err
				}
				return then(permits[:n])
			})
			if err != nil {
				t.Fatal(err)
			}
			permits = permits[n:]
		}
		if diff := cmp.Diff(before, w.all(t, organization, contacts.Filter{})); diff != "" {
			t.Errorf("finding all contacts anew changes (-before +after):\n%s", diff)
		}
	}
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
