package conditions_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/permits"
)

func TestService_Match_changedParties(t *testing.T) {
	w := newWorld(t)
	horton := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	lennar := w.create(t, w.other, conditions.Condition{Type: conditions.Company, Company: "Lennar"})
	for i, c := range []struct {
		rows           string
		horton, lennar []string
	}{
		{"I-1,Issued,,,,DR Horton,,,\nI-2,Issued,,,,Lennar,,,\nI-3,Issued,,,,DR Horton,,,\n", []string{"I-1", "I-3"}, []string{"I-2"}},
		{"I-4,Issued,,,,D.R. Horton,,,\n", []string{"I-1", "I-3", "I-4"}, []string{"I-2"}},            // new
		{"I-1,Issued,,,,Lennar Inc,,,\n", []string{"I-3", "I-4"}, []string{"I-1", "I-2"}},             // from one to the other
		{"I-2,Issued,,,,,,,\n", []string{"I-3", "I-4"}, []string{"I-1"}},                              // to nobody
		{"I-2,Issued,,,,,,,Lennar\n", []string{"I-3", "I-4"}, []string{"I-1", "I-2"}},                 // from nobody
		{"I-3,Issued,,,,Lennar,,,DR Horton\n", []string{"I-3", "I-4"}, []string{"I-1", "I-2", "I-3"}}, // on both sides
		{"I-3,Final,,,,Lennar,,,DR Horton\n", []string{"I-3", "I-4"}, []string{"I-1", "I-2", "I-3"}},
	} {
		w.importRows(t, c.rows)
		if diff := cmp.Diff(c.horton, w.matches(t, w.organization, horton.ID)); diff != "" {
			t.Errorf("after import %d Horton has (-want +got):\n%s", i+1, diff)
		}
		if diff := cmp.Diff(c.lennar, w.matches(t, w.other, lennar.ID)); diff != "" {
			t.Errorf("after import %d Lennar has (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestService_Match_movedValue(t *testing.T) {
	w := newWorld(t)
	company := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "Acme"})
	person := w.create(t, w.organization, conditions.Condition{Type: conditions.Person, Person: "Acme"})
	w.importRows(t, "I-1,Issued,,,Acme,,,,\nI-2,Issued,,,Acme,,,,\n")
	w.importRows(t, "I-1,Issued,,,,Acme,,,\nI-2,Final,,,,Acme,,,\n") // the city corrects the column
	if diff := cmp.Diff([]string{"I-1", "I-2"}, w.matches(t, w.organization, company.ID)); diff != "" {
		t.Errorf("the company Acme has (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{}, w.matches(t, w.organization, person.ID)); diff != "" {
		t.Errorf("the person Acme has (-want +got):\n%s", diff)
	}
}

// TestService_Match_persons holds the permits that an import finds for a person against those that are found when the condition is created.
func TestService_Match_persons(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		person string
		want   []string
	}{
		{"Maria Lopez", []string{"P-1", "P-2", "P-3", "P-7"}},
		{"LOPEZ, Maria", []string{"P-1", "P-2", "P-3", "P-7"}},
		{"Lopez", []string{"P-1", "P-2", "P-3", "P-4", "P-7"}},
		{"Maria G Lopez", []string{"P-3"}},
		{"Maria Lopez Garcia Ortiz", []string{"P-7"}},
		{"Lopez Lopez", []string{"P-1", "P-2", "P-3", "P-4", "P-7"}},
		{"Maria Roe", []string{"P-5"}},
		{"Ana Lo", []string{"P-6"}},
		{"Émile Müller", []string{"P-8"}},
		{"Maria Smith", []string{}},
	} {
		organization := w.newOrganization(t, "starter")
		condition := w.create(t, organization, conditions.Condition{Type: conditions.Person, Person: c.person})
		w.importRows(t, "P-1,Issued,,,Somebody Else,,,,\nP-9,Issued,,,Maria Lopez,,,,\n")
		w.importRows(t, "P-1,Issued,,,Maria Lopez,,,,\nP-2,Issued,,,LOPEZ MARIA,,,,\nP-3,Issued,,,Maria G. Lopez,,,,\nP-4,Issued,,,Ana Lopez Lopez,,,,\n"+
			"P-5,Issued,,,Roe Maria,,,,\nP-6,Issued,,,Ana Lo,,,,\nP-7,Issued,,,Maria Ortiz Garcia Lopez,,,,\nP-8,Issued,,,Mueller,,,,\nP-9,Issued,,,Somebody,,,,\n")
		w.importRows(t, "P-8,Issued,,,Emile MÜLLER,,,,\n")
		if diff := cmp.Diff(c.want, w.matches(t, organization, condition.ID)); diff != "" {
			t.Errorf("imports find of %q (-want +got):\n%s", c.person, diff)
		}
		fresh := w.create(t, organization, conditions.Condition{Type: conditions.Person, Person: c.person})
		if diff := cmp.Diff(c.want, w.matches(t, organization, fresh.ID)); diff != "" {
			t.Errorf("a new condition on %q finds (-want +got):\n%s", c.person, diff)
		}
	}
}

func TestService_Match_movedPermit(t *testing.T) {
	w := newWorld(t)
	c := w.create(t, w.organization, location(27.95, -82.46, 1000))
	for i, step := range []struct {
		rows string
		want []string
	}{
		{"I-1,Issued,27.951,-82.461,,,,,\nI-2,Issued,28.95,-82.461,,,,,\nI-3,Issued,,,,,,,\n", []string{"I-1"}},
		{"I-2,Issued,27.952,-82.461,,,,,\n", []string{"I-1", "I-2"}}, // into the circle
		{"I-1,Issued,27.951,-82.471,,,,,\n", []string{"I-2"}},        // out of it
		{"I-3,Issued,27.949,-82.459,,,,,\n", []string{"I-2", "I-3"}}, // a place at last
		{"I-2,Issued,,,,,,,\n", []string{"I-3"}},                     // no place any more
		{"I-3,Final,27.949,-82.4595,,,,,\n", []string{"I-3"}},        // within it
	} {
		w.importRows(t, step.rows)
		if diff := cmp.Diff(step.want, w.matches(t, w.organization, c.ID)); diff != "" {
			t.Errorf("after import %d (-want +got):\n%s", i+1, diff)
		}
	}
}

func TestService_Match_keepsMatchedAt(t *testing.T) {
	w := newWorld(t)
	c := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	w.importRows(t, "I-1,Issued,,,,DR Horton,,,\nI-2,Issued,,,,DR Horton,,,\nI-3,Issued,,,,DR Horton,,,\n")
	before := w.matchedAt(t, c.ID)
	w.importRows(t, "I-1,Issued,,,,DR Horton,,,\nI-2,Final,,,,DR Horton,,,\nI-3,Issued,27,-82,,D R Horton Inc,CBC1,Jane Roe,\n")
	if diff := cmp.Diff(before, w.matchedAt(t, c.ID)); diff != "" {
		t.Errorf("permits that stay match since (-before +after):\n%s", diff)
	}
	w.importRows(t, "I-1,Issued,,,,Lennar,,,\n")
	w.importRows(t, "I-1,Issued,,,,DR Horton,,,\n")
	if after := w.matchedAt(t, c.ID)["I-1"]; !after.After(before["I-1"]) {
		t.Errorf("what left and came back matches since %s, want later than %s", after, before["I-1"])
	}
}

func TestService_Match_isItsImport(t *testing.T) {
	w := newWorld(t)
	c := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	w.importRows(t, "I-1,Issued,,,,DR Horton,,,\n")
	var same bool
	err := w.db.GetContext(t.Context(), &same, "select matched_at = updated_at from condition_matches join permits on uuid = permit_uuid where condition_id = $1", c.ID)
	if err != nil || !same {
		t.Errorf("matched_at is the import's stamp: %t, %v; want true", same, err)
	}
}

// since returns the numbers of an organization's portfolio that changed or joined since, in order.
func (w *world) since(t *testing.T, at time.Time) []string {
	t.Helper()
	return w.list(t, w.organization, permits.Filter{Scope: permits.ScopePortfolio, UpdatedSince: &at})
}

// clock returns the time of the database.
func (w *world) clock(t *testing.T) time.Time {
	t.Helper()
	var at time.Time
	if err := w.db.GetContext(t.Context(), &at, "select clock_timestamp()"); err != nil {
		t.Fatal(err)
	}
	return at
}

func TestPortfolio_updatedSince(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "P-1,Issued,,,,DR Horton,,,\nP-2,Issued,,,,DR Horton,,,\nP-3,Issued,,,,Lennar,,,\n")
	imported := w.clock(t)
	w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	if diff := cmp.Diff([]string{"P-1", "P-2"}, w.since(t, imported)); diff != "" {
		t.Errorf("since before the condition (-want +got):\n%s", diff)
	}
	joined := w.clock(t)
	if got := w.since(t, joined); len(got) != 0 {
		t.Errorf("since the condition = %q, want nothing", got)
	}
	w.importRows(t, "P-2,Final,,,,DR Horton,,,\nP-3,Final,,,,Lennar,,,\n")
	if diff := cmp.Diff([]string{"P-2"}, w.since(t, joined)); diff != "" {
		t.Errorf("since before a change (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"P-1", "P-2"}, w.since(t, imported)); diff != "" {
		t.Errorf("since before both, by change (-want +got):\n%s", diff)
	}
	w.importRows(t, "P-1,Final,,,,DR Horton,,,\n")
	if diff := cmp.Diff([]string{"P-2", "P-1"}, w.since(t, imported)); diff != "" {
		t.Errorf("since before all, by change (-want +got):\n%s", diff)
	}
	changed := w.clock(t)
	w.importRows(t, "P-3,Final,,,,DR Horton,,,\nP-4,Issued,,,,DR Horton,,,\n")
	if diff := cmp.Diff([]string{"P-3", "P-4"}, w.since(t, changed)); diff != "" {
		t.Errorf("since before two joined (-want +got):\n%s", diff)
	}
}

func TestPortfolio_twoConditions(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "P-1,Issued,27.95,-82.46,,DR Horton,CBC1,,\nP-2,Issued,27.95,-82.46,,Lennar,CBC2,,\n")
	company := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	w.create(t, w.organization, location(27.95, -82.46, 100))
	w.create(t, w.organization, conditions.Condition{Type: conditions.License, License: "CBC1"})
	long := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, f := range map[string]permits.Filter{"by uuid": {}, "by change": {UpdatedSince: &long}, "latest first": {Sort: "-updated_at"}} {
		f.Scope = permits.ScopePortfolio
		found, meta, err := w.permits.List(t.Context(), w.organization, f, page.Query{})
		if err != nil {
			t.Fatal(err)
		}
		got := numbersOf(t, found)
		if slices.Sort(got); !slices.Equal(got, []string{"P-1", "P-2"}) || meta.Total != 2 {
			t.Errorf("%s = %q of %d, want each permit once", name, got, meta.Total)
		}
	}
	if err := w.Delete(t.Context(), w.organization, company.ID, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"P-1", "P-2"}, w.portfolio(t, w.organization)); diff != "" {
		t.Errorf("without one of the conditions (-want +got):\n%s", diff)
	}
}

func TestPortfolio_cursor(t *testing.T) {
	w := newWorld(t)
	var rows strings.Builder
	var want []string
	for i := range 7 {
		fmt.Fprintf(&rows, "P-%d,Issued,,,,DR Horton,CBC1,,\n", i)
		want = append(want, fmt.Sprint("P-", i))
	}
	w.importRows(t, rows.String())
	w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	w.create(t, w.organization, conditions.Condition{Type: conditions.License, License: "CBC1"})
	long := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, f := range []permits.Filter{{}, {UpdatedSince: &long}, {Sort: "updated_at"}} {
		f.Scope = permits.ScopePortfolio
		q := page.Query{PerPage: ptr(int32(2))}
		var got []string
		for {
			found, meta, err := w.permits.List(t.Context(), w.organization, f, q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, numbersOf(t, found)...)
			if meta.NextCursor == "" {
				break
			}
			q.Cursor = &meta.NextCursor
		}
		if !slices.Equal(got, want) {
			t.Errorf("the walk of %+v = %q, want %q", f, got, want)
		}
	}
}

// TestService_duringImports changes conditions while permits are imported; in the end each condition has what a new one
// with the same criteria finds.
func TestService_duringImports(t *testing.T) {
	w := newWorld(t)
	service := w.quiet()
	names := []string{"DR Horton", "Lennar", "Pulte"}
	imported := make(chan error)
	go func() {
		defer close(imported)
		for round := range 12 {
			var rows strings.Builder
			for i := range 30 {
				fmt.Fprintf(&rows, "D-%d,Issued,,,,%s,,,\n", i+round, names[(i+round*(i+1))%3])
			}
			if err := w.tryImport(t.Context(), rows.String()); err != nil {
				imported <- err
				return
			}
		}
	}()
	kept := map[string]conditions.Condition{}
	var wait sync.WaitGroup
	var mutex sync.Mutex
	for i, name := range names {
		wait.Go(func() {
			c, err := service.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: names[(i+1)%3]})
			if err != nil {
				t.Error(err)
				return
			}
			for j := range 10 {
				if c, err = service.Update(t.Context(), w.organization, c.ID, nil, conditions.Update{Company: &names[(i+j)%3]}); err != nil {
					t.Error(err)
					return
				}
			}
			mutex.Lock()
			defer mutex.Unlock()
			kept[name] = c
		})
	}
	wait.Wait()
	for err := range imported {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(kept)) {
		c := kept[name]
		fresh := w.create(t, w.other, conditions.Condition{Type: conditions.Company, Company: c.Company})
		if diff := cmp.Diff(w.matches(t, w.other, fresh.ID), w.matches(t, w.organization, c.ID)); diff != "" {
			t.Errorf("the condition on %s (-found anew +kept):\n%s", c.Company, diff)
		}
	}
}
