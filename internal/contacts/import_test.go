package contacts_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/postgres"
)

func TestService_Changed(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "C-1,Issued,,Acme,CBC1,,,,\nC-2,Issued,,Acme,CBC1,,,,\n")
	w.watch(t, w.organization, "C-1", "C-2")
	for _, c := range []struct {
		rows string
		want []string
	}{
		{"C-1,Final,,Acme,CBC1,,,,\n", []string{"company Acme [contractor] [CBC1] 2"}},
		{"C-1,Final,,Bolt,CBC2,,,,\n", []string{"company Acme [contractor] [CBC1] 1", "company Bolt [contractor] [CBC2] 1"}},
		{"C-2,Final,,Acme Inc,CBC1,,a@acme.example,Maria Lopez,\n", []string{
			"company Acme Inc [contractor] [CBC1] 1", "company Bolt [contractor] [CBC2] 1", "person Maria Lopez [owner] [] 1",
		}},
		{"C-2,Final,,,,,,,\n", []string{
			"company Acme Inc [contractor] [CBC1] 0", "company Bolt [contractor] [CBC2] 1", "person Maria Lopez [owner] [] 0",
		}},
		{"C-1,Final,,Acme,CBC2,,A@acme.example,,\n", []string{"company Acme [contractor] [CBC2] 1", "person Maria Lopez [owner] [] 0"}},
		{"C-3,Final,,Other,CBC2,,,,\n", []string{"company Acme [contractor] [CBC2] 1", "person Maria Lopez [owner] [] 0"}}, // not tracked
	} {
		w.importRows(t, c.rows)
		if diff := cmp.Diff(c.want, w.summaries(t, w.organization)); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", c.rows, diff)
		}
	}
	w.checkLinks(t)
}

func TestService_Changed_unchanged(t *testing.T) {
	w := newWorld(t)
	const rows = "C-1,Issued,,Acme,CBC1,,,Maria Lopez,\n"
	w.importRows(t, rows)
	w.watch(t, w.organization, "C-1")
	before := w.summaries(t, w.organization)
	stamps := func() (found []string) {
		if err := w.db.SelectContext(t.Context(), &found, "select cast(updated_at as text) from contacts order by id"); err != nil {
			t.Fatal(err)
		}
		return found
	}
	was := stamps()
	w.importRows(t, rows)
	w.importRows(t, strings.Replace(rows, "Issued", "Final", 1))
	w.importRows(t, rows+"C-2,Issued,,Acme,CBC1,,,Maria Lopez,\n")
	if diff := cmp.Diff(was, stamps()); diff != "" {
		t.Errorf("updated_at (-before +after):\n%s", diff)
	}
	if diff := cmp.Diff(before, w.summaries(t, w.organization)); diff != "" {
		t.Errorf("contacts (-before +after):\n%s", diff)
	}
}

func TestService_Changed_otherOrder(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "C-1,Issued,,Acme,CBC1,,,,\nC-1,Issued,,Bolt,CBC2,,,,\n")
	w.watch(t, w.organization, "C-1")
	want := []string{"company Acme [contractor] [CBC1] 1", "company Bolt [contractor] [CBC2] 1"}
	if diff := cmp.Diff(want, w.summaries(t, w.organization)); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}
	w.importRows(t, "C-1,Final,,Bolt,CBC2,,,,\nC-1,Final,,Acme,CBC1,,,,\n") // the same parties
	w.importRows(t, "C-2,Issued,,Acme,CBC1,,,,\n")
	w.watch(t, w.organization, "C-2")
	want[0] = "company Acme [contractor] [CBC1] 2"
	if diff := cmp.Diff(want, w.summaries(t, w.organization)); diff != "" {
		t.Errorf("after the parties changed places (-want +got):\n%s", diff)
	}
}

func TestService_Changed_portfolio(t *testing.T) {
	w := newWorld(t)
	if _, err := w.conditions.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "Acme"}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rows string
		want []string
	}{
		{"C-1,Issued,,Acme,,,,Maria Lopez,\nC-2,Issued,,Bolt,,,,Juan Diaz,\n", []string{
			"company Acme [contractor] [] 1", "person Maria Lopez [owner] [] 1",
		}},
		{"C-2,Issued,,Acme,,,,Maria Lopez,\n", []string{"company Acme [contractor] [] 2", "person Maria Lopez [owner] [] 2"}}, // joins
		{"C-1,Issued,,Bolt,,,,Maria Lopez,\n", []string{"company Acme [contractor] [] 1", "person Maria Lopez [owner] [] 1"}}, // leaves
	} {
		w.importRows(t, c.rows)
		if diff := cmp.Diff(c.want, w.summaries(t, w.organization)); diff != "" {
			t.Errorf("after %q (-want +got):\n%s", c.rows, diff)
		}
	}
	w.checkLinks(t)
}

// importMany imports permits L-0 to L-n-1, all of Acme and each of an owner of its own.
func (w *world) importMany(t *testing.T, n int) {
	t.Helper()
	var rows strings.Builder
	for i := range n {
		fmt.Fprintf(&rows, "L-%d,Issued,,Acme,CBC1,,,Owner %d,\n", i, i)
	}
	w.importRows(t, rows.String())
}

func TestService_Drain(t *testing.T) {
	w := newWorld(t)
	w.importMany(t, 450)
	c, err := w.conditions.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	if got, before := w.backlog(t), w.summaries(t, w.organization); got != 450 || len(before) != 0 {
		t.Errorf("a large portfolio leaves %d permits for Drain, with %d contacts; want 450 and none", got, len(before))
	}
	w.drain(t)
	counts := w.counts(t)
	if diff := cmp.Diff(map[string]int{"company 450": 1, "person 1": 450}, counts); diff != "" {
		t.Errorf("contacts by type and permits (-want +got):\n%s", diff)
	}
	w.checkLinks(t)
	if err := w.conditions.Delete(t.Context(), w.organization, c.ID, nil); err != nil {
		t.Fatal(err)
	}
	w.drain(t)
	if diff := cmp.Diff(map[string]int{"company 0": 1, "person 0": 450}, w.counts(t)); diff != "" {
		t.Errorf("contacts by type and permits without the condition (-want +got):\n%s", diff)
	}
	w.checkLinks(t)
}

// counts counts the organization's contacts by their type and their number of permits.
func (w *world) counts(t *testing.T) map[string]int {
	t.Helper()
	var rows []struct {
		Kind string `db:"kind"`
		N    int    `db:"n"`
	}
	err := w.db.SelectContext(t.Context(), &rows,
		"select entity_type || ' ' || permit_count as kind, count(*) as n from contacts where organization_id = $1 and merged_into is null group by 1", w.organization)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, r := range rows {
		found[r.Kind] = r.N
	}
	return found
}

func TestService_Drain_parallel(t *testing.T) {
	w := newWorld(t)
	w.importMany(t, 450)
	for _, c := range []conditions.Condition{{Type: conditions.Company, Company: "Acme"}, {Type: conditions.Person, Person: "Owner"}} {
		if _, err := w.conditions.Create(t.Context(), w.organization, c); err != nil {
			t.Fatal(err)
		}
		if _, err := w.conditions.Create(t.Context(), w.other, c); err != nil {
			t.Fatal(err)
		}
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := w.Drain(t.Context()); err != nil {
				t.Errorf("Drain = %v, want no error", err)
			}
		})
	}
	wait.Wait()
	w.drain(t)
	if diff := cmp.Diff(map[string]int{"company 450": 1, "person 1": 450}, w.counts(t)); diff != "" {
		t.Errorf("contacts by type and permits (-want +got):\n%s", diff)
	}
	w.checkLinks(t)
}

// TestService_Drain_oneFails has the database refuse one organization's contacts: the others get theirs.
func TestService_Drain_oneFails(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "E-1,Issued,,Acme,CBC1,,,,\n")
	w.watch(t, w.organization, "E-1")
	w.watch(t, w.other, "E-1")
	for i, c := range []struct{ failing, healthy uuid.UUID }{{w.organization, w.other}, {w.other, w.organization}} {
		license := fmt.Sprint("CBC", i+2)
		before := w.summaries(t, c.failing)
		if err := w.tryImport(t.Context(), header+"E-1,Issued,,Firm "+license+","+license+",,,,\n"); err != nil {
			t.Fatal(err)
		}
		w.refuse(t, c.failing)
		if err := w.Drain(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") || !strings.Contains(err.Error(), c.failing.String()) {
			t.Errorf("Drain = %v, want what was refused and of which organization", err)
		}
		summary := "company Firm " + license + " [contractor] [" + license + "] 1"
		if got := w.summaries(t, c.healthy); !slices.Contains(got, summary) {
			t.Errorf("the healthy organization's contacts are %q, want %q among them", got, summary)
		}
		if diff := cmp.Diff(before, w.summaries(t, c.failing)); diff != "" {
			t.Errorf("the failing organization's contacts (-before +after):\n%s", diff)
		}
		if got := w.backlog(t); got != 1 {
			t.Errorf("the backlog has %d rows, want the failing organization's one", got)
		}
		w.exec(t, "drop trigger refuse on contact_parties")
		w.drain(t)
		if got := w.summaries(t, c.failing); !slices.Contains(got, summary) {
			t.Errorf("after it recovered the organization's contacts are %q, want %q among them", got, summary)
		}
	}
	w.checkLinks(t)
}

// refuse has the database refuse new links of an organization's contacts.
func (w *world) refuse(t *testing.T, organization uuid.UUID) {
	t.Helper()
	w.exec(t, "create or replace function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$")
	w.exec(t, "create trigger refuse before insert on contact_parties for each row when (new.organization_id = '"+organization.String()+"') execute function refuse()")
}

func (w *world) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// TestService_Track_beforeDrain tracks a permit while another one of the same contact waits for Drain to see that it is
// somebody else's by now.
func TestService_Track_beforeDrain(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "P-1,Issued,,Acme,CBC1,,a@acme.example,,\nP-2,Issued,,Acme,CBC1,,a@acme.example,,\n")
	w.watch(t, w.organization, "P-2")
	id := w.only(t, w.organization).ID
	if err := w.tryImport(t.Context(), header+"P-2,Issued,Juan Diaz,Bolt,CBC2,(813) 555-0142,b@bolt.example,,\n"); err != nil {
		t.Fatal(err)
	}
	w.watch(t, w.organization, "P-1")
	acme := contacts.Contact{
		ID: id, EntityType: "company", Name: "Acme", Company: "Acme", Email: "a@acme.example", Roles: []string{"contractor"}, Licenses: []string{"CBC1"},
		PermitCount: 1, MergedIDs: []uuid.UUID{},
	}
	ignore := cmpopts.IgnoreFields(contacts.Contact{}, "CreatedAt", "UpdatedAt")
	counted := acme
	counted.PermitCount = 2 // who stands on P-2 by now is found by Drain
	if diff := cmp.Diff([]contacts.Contact{counted}, w.all(t, w.organization, contacts.Filter{}), ignore); diff != "" {
		t.Errorf("before Drain (-want +got):\n%s", diff)
	}
	w.drain(t)
	want := []contacts.Contact{acme, {
		EntityType: "company", Name: "Bolt", Person: "Juan Diaz", Company: "Bolt", Phone: "(813) 555-0142", Email: "b@bolt.example",
		Roles: []string{"contractor"}, Licenses: []string{"CBC2"}, PermitCount: 1, MergedIDs: []uuid.UUID{},
	}}
	got := w.all(t, w.organization, contacts.Filter{})
	if len(got) == 2 {
		want[1].ID = got[1].ID
	}
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("after Drain (-want +got):\n%s", diff)
	}
	w.checkLinks(t)
}

func TestService_Run(t *testing.T) {
	w := newWorld(t)
	w.importMany(t, 201)
	if _, err := w.conditions.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "Acme"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	ended := make(chan struct{})
	go func() {
		w.Run(ctx, time.Millisecond, slog.New(slog.NewTextHandler(&log, nil)))
		close(ended)
	}()
	w.waitFor(t, "select not exists (select from contact_backlog)")
	cancel()
	<-ended
	if diff := cmp.Diff(map[string]int{"company 201": 1, "person 1": 201}, w.counts(t)); diff != "" {
		t.Errorf("contacts by type and permits (-want +got):\n%s", diff)
	}
	if log.Len() > 0 {
		t.Errorf("the log says\n%s", log.String())
	}
}

// TestService_Drain_whilePermitsLeave has an import take a permit out of the portfolio between a Drain's look at it and
// the Drain's end.
func TestService_Drain_whilePermitsLeave(t *testing.T) {
	w := newWorld(t)
	w.importMany(t, 201)
	if _, err := w.conditions.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "Acme"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 2)
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		// Whoever creates a contact waits for the organization's row.
		if _, err := tx.ExecContext(t.Context(), "select from organizations where id = $1 for update", w.organization); err != nil {
			return err
		}
		go func() { done <- w.Drain(t.Context()) }()
		w.waitFor(t, "select "+waiting+" = 1")
		go func() { done <- w.tryImport(t.Context(), header+"L-0,Issued,,Bolt,,,,Owner 0,\n") }()
		// It is done, or waits for the Drain.
		w.waitFor(t, "select exists (select from permit_parties where company = 'Bolt') or "+waiting+" = 2")
		return nil
	})
	if err := errors.Join(err, <-done, <-done); err != nil {
		t.Fatal(err)
	}
	w.drain(t)
	if got := w.counts(t); got["company 200"] != 1 || got["person 1"] != 200 {
		t.Errorf("contacts by type and permits = %v, want a company with 200 permits and 200 persons with one", got)
	}
	w.checkLinks(t)
}

// waiting counts the transactions of the database that wait for another one's lock.
const waiting = "(select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')"

// waitFor returns once the query says true.
func (w *world) waitFor(t *testing.T, query string) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; {
		var is bool
		if err := w.db.GetContext(t.Context(), &is, query); err != nil {
			t.Fatal(err)
		}
		if is {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it never came true: %s", query)
		}
	}
}
