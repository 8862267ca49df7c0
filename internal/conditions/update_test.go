package conditions_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	errMissing = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such condition."}
	errStale   = &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{In: "header", Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer"}},
	}
)

func TestService_Update_criteria(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	for name, c := range map[string]struct {
		condition    conditions.Condition
		update       conditions.Update
		want, change []string
	}{
		"company": {
			conditions.Condition{Type: conditions.Company, Company: "DR Horton"},
			conditions.Update{Company: ptr("Smith & Sons")},
			[]string{"C-4", "C-5"},
			[]string{"C-1", "C-2", "C-3", "C-4", "C-5"},
		},
		"license": {
			conditions.Condition{Type: conditions.License, License: "CBC001234"},
			conditions.Update{License: ptr(" 001234 ")},
			[]string{"C-2"},
			[]string{"C-1", "C-2", "C-4"},
		},
		"person": {
			conditions.Condition{Type: conditions.Person, Person: "Maria Lopez"},
			conditions.Update{Person: ptr("Maria")},
			[]string{"C-1", "C-2", "C-3", "C-4"},
			[]string{"C-4"},
		},
		"to nothing": {
			conditions.Condition{Type: conditions.Person, Person: "Maria"},
			conditions.Update{Person: ptr("Nobody")},
			[]string{},
			[]string{"C-1", "C-2", "C-3", "C-4"},
		},
		"another spelling": {
			conditions.Condition{Type: conditions.Company, Company: "DR Horton"},
			conditions.Update{Company: ptr("D.R. Horton, Inc."), Name: ptr("Horton")},
			[]string{"C-1", "C-2", "C-3"},
			[]string{},
		},
	} {
		organization := w.newOrganization(t, "starter")
		created := w.create(t, organization, c.condition)
		before := w.matchedAt(t, created.ID)
		w.told = nil
		got, err := w.Update(t.Context(), organization, created.ID, nil, c.update)
		if err != nil {
			t.Fatalf("%s: Update = %v", name, err)
		}
		if diff := cmp.Diff(c.want, w.matches(t, organization, created.ID)); diff != "" {
			t.Errorf("%s: matches (-want +got):\n%s", name, diff)
		}
		if got.MatchCount != int64(len(c.want)) || got.Version != 2 {
			t.Errorf("%s: match_count %d of version %d, want %d of version 2", name, got.MatchCount, got.Version, len(c.want))
		}
		if diff := cmp.Diff(c.change, w.toldNumbers(t), cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s: tracked was told (-want +got):\n%s", name, diff)
		}
		for number, at := range w.matchedAt(t, created.ID) {
			if was, stayed := before[number]; stayed && !was.Equal(at) {
				t.Errorf("%s: %s matches since %s, want %s: it stayed", name, number, at, was)
			}
		}
	}
}

func TestService_Update_circle(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, places)
	c := w.create(t, w.organization, location(27.95, -82.46, 1000))
	before := w.matchedAt(t, c.ID)
	for _, u := range []struct {
		update conditions.Update
		want   []string
	}{
		{conditions.Update{RadiusM: ptr(int32(1002))}, []string{"L-1", "L-2", "L-3", "L-4", "L-5", "L-6"}},
		{conditions.Update{Latitude: ptr(27.941017)}, []string{"L-1", "L-6"}},
		{conditions.Update{Latitude: ptr(52.0), Longitude: ptr(180.0), RadiusM: ptr(int32(100))}, []string{"L-9", "M-1", "M-2", "M-3"}},
		{conditions.Update{Latitude: ptr(0.0), Longitude: ptr(0.0)}, []string{}},
	} {
		got, err := w.Update(t.Context(), w.organization, c.ID, nil, u.update)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(u.want, w.matches(t, w.organization, c.ID)); diff != "" {
			t.Errorf("Update to %+v (-want +got):\n%s", got, diff)
		}
		if at, ok := w.matchedAt(t, c.ID)["L-1"]; ok && !at.Equal(before["L-1"]) {
			t.Errorf("Update to %+v: L-1 matches since %s, want %s: it stayed", got, at, before["L-1"])
		}
	}
}

func TestService_Update_onlyTheName(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	want := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	before := w.matchedAt(t, want.ID)
	w.told = nil
	for i, u := range []conditions.Update{
		{Name: ptr("Competitor")},
		{Name: ptr(" Rival\t"), Company: ptr("DR Horton")}, // the same company as before
	} {
		w.now = noon.Add(time.Duration(i+1) * time.Minute)
		want.Name, want.Version, want.UpdatedAt = strings.TrimSpace(*u.Name), int64(i+2), w.now
		got, err := w.Update(t.Context(), w.organization, want.ID, nil, u)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Update to %q (-want +got):\n%s", want.Name, diff)
		}
	}
	if got := w.toldNumbers(t); len(got) != 0 {
		t.Errorf("tracked was told %q, want nothing: no permit came or went", got)
	}
	if diff := cmp.Diff(before, w.matchedAt(t, want.ID)); diff != "" {
		t.Errorf("matched_at (-before +after):\n%s", diff)
	}
}

func TestService_Update_nothing(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	place := location(27.95, -82.46, 1000)
	for name, c := range map[string]struct {
		condition conditions.Condition
		updates   []conditions.Update
	}{
		"company": {
			conditions.Condition{Type: conditions.Company, Company: "DR Horton", Name: "Competitor"},
			[]conditions.Update{{}, {Name: ptr("Competitor")}, {Name: ptr(" Competitor "), Company: ptr("\tDR Horton ")}},
		},
		"license":  {conditions.Condition{Type: conditions.License, License: "001234"}, []conditions.Update{{License: ptr("001234 ")}, {Name: ptr("License 001234")}}},
		"person":   {conditions.Condition{Type: conditions.Person, Person: "Maria Lopez"}, []conditions.Update{{Person: ptr(" Maria Lopez")}}},
		"location": {place, []conditions.Update{{Latitude: ptr(27.95), Longitude: ptr(-82.46), RadiusM: ptr(int32(1000))}}},
	} {
		w.now = noon
		want := w.create(t, w.organization, c.condition)
		w.now, w.told = noon.Add(time.Minute), nil
		for i, u := range c.updates {
			got, err := w.Update(t.Context(), w.organization, want.ID, nil, u)
			if err != nil {
				t.Fatalf("%s: Update %d = %v", name, i+1, err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: Update %d to what it is (-want +got):\n%s", name, i+1, diff)
			}
		}
		if got, err := w.Get(t.Context(), w.organization, want.ID); err != nil || got != want {
			t.Errorf("%s: Get = %+v, %v; want %+v", name, got, err, want)
		}
		if got := w.toldNumbers(t); len(got) != 0 {
			t.Errorf("%s: tracked was told %q, want nothing", name, got)
		}
	}
}

// TestService_Update_madeName changes what a condition looks for: a name that was made of it follows.
func TestService_Update_madeName(t *testing.T) {
	w := newWorld(t)
	long := strings.Repeat("ü", 101)
	for name, c := range map[string]struct {
		condition conditions.Condition
		update    conditions.Update
		want      string
	}{
		"company":         {conditions.Condition{Type: conditions.Company, Company: "Acme"}, conditions.Update{Company: ptr(" Bolt ")}, "Bolt"},
		"license":         {conditions.Condition{Type: conditions.License, License: "CBC1"}, conditions.Update{License: ptr("CBC2")}, "License CBC2"},
		"person":          {conditions.Condition{Type: conditions.Person, Person: "Maria"}, conditions.Update{Person: ptr("Juan")}, "Juan"},
		"location":        {location(27.95, -82.46, 1000), conditions.Update{RadiusM: ptr(int32(500))}, "Within 500 m of 27.95, -82.46"},
		"cut":             {conditions.Condition{Type: conditions.Company, Company: long}, conditions.Update{Company: ptr("Acme")}, "Acme"},
		"given":           {conditions.Condition{Type: conditions.Company, Company: "Acme", Name: "Rival"}, conditions.Update{Company: ptr("Bolt")}, "Rival"},
		"given with it":   {conditions.Condition{Type: conditions.Company, Company: "Acme"}, conditions.Update{Company: ptr("Bolt"), Name: ptr("Rival")}, "Rival"},
		"given as it was": {conditions.Condition{Type: conditions.Company, Company: "Acme"}, conditions.Update{Company: ptr("Bolt"), Name: ptr("Acme")}, "Acme"},
	} {
		created := w.create(t, w.organization, c.condition)
		got, err := w.Update(t.Context(), w.organization, created.ID, nil, c.update)
		if err != nil || got.Name != c.want || got.Version != 2 {
			t.Errorf("%s: Update of %q = %q of version %d, %v; want %q of version 2", name, created.Name, got.Name, got.Version, err, c.want)
		}
	}
}

func TestService_Update_notApplicable(t *testing.T) {
	w := newWorld(t)
	text, number, metres := ptr("x"), ptr(1.0), ptr(int32(1))
	for kind, c := range map[string]struct {
		condition conditions.Condition
		update    conditions.Update
		want      []string // pointers
	}{
		conditions.Company: {
			conditions.Condition{Company: "x"},
			conditions.Update{Company: text, License: text, Person: text, Latitude: number, Longitude: number, RadiusM: metres},
			[]string{"/license", "/person", "/latitude", "/longitude", "/radius_m"},
		},
		conditions.License:  {conditions.Condition{License: "x"}, conditions.Update{Name: text, License: text, Company: text}, []string{"/company"}},
		conditions.Person:   {conditions.Condition{Person: "x"}, conditions.Update{RadiusM: metres}, []string{"/radius_m"}},
		conditions.Location: {location(1, 1, 1), conditions.Update{RadiusM: metres, Person: text, License: text}, []string{"/license", "/person"}},
	} {
		c.condition.Type = kind
		created := w.create(t, w.organization, c.condition)
		_, err := w.Update(t.Context(), w.organization, created.ID, nil, c.update)
		want := &problem.Error{Kind: problem.Unprocessable, Code: "invalid_body"}
		for _, pointer := range c.want {
			want.Details = append(want.Details, problem.Detail{
				In: "body", Pointer: pointer, Code: "not_applicable", Message: "is not a field of a " + kind + " condition",
			})
		}
		want.Message = problem.Summary(want.Details)
		checkProblem(t, "Update of a "+kind+" condition", err, want)
		if got, err := w.Get(t.Context(), w.organization, created.ID); err != nil || got != created {
			t.Errorf("after a refused Update: %+v, %v; want %+v", got, err, created)
		}
	}
}

// preconditions are values of If-Match, with the version in the place of %d, and whether they hold.
var preconditions = map[string]bool{
	`"%d"`: true, `"%d.ungWv48Bz-pBQUDeXa4iIw"`: true, `*`: true, `"0", "%d"`: true,
	`"0"`: false, `W/"%d"`: false, `"0", "99"`: false, ``: false,
}

func TestService_Update_ifMatch(t *testing.T) {
	w := newWorld(t)
	c := w.create(t, w.organization, conditions.Condition{Type: conditions.License, License: "CBC1"})
	for form, holds := range preconditions {
		header := strings.Replace(form, "%d", fmt.Sprint(c.Version), 1)
		got, err := w.Update(t.Context(), w.organization, c.ID, &header, conditions.Update{Name: ptr("by " + form)})
		if holds {
			if err != nil || got.Version != c.Version+1 {
				t.Errorf("Update of version %d with If-Match %s = version %d, %v; want the next one", c.Version, header, got.Version, err)
			}
			c = got
			continue
		}
		checkProblem(t, "Update with If-Match "+header, err, errStale)
		if got, err := w.Get(t.Context(), w.organization, c.ID); err != nil || got != c {
			t.Errorf("after a refused Update with If-Match %s: %+v, %v; want %+v", header, got, err, c)
		}
	}
}

func TestService_Delete(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	c := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	w.create(t, w.organization, conditions.Condition{Type: conditions.License, License: "001234"})
	w.told = nil
	checkProblem(t, "Delete with another version", w.Delete(t.Context(), w.organization, c.ID, ptr(`"2"`)), errStale)
	if err := w.Delete(t.Context(), w.organization, c.ID, ptr(`"1"`)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"C-1", "C-2", "C-3"}, w.toldNumbers(t), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("tracked was told (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"C-2"}, w.portfolio(t, w.organization)); diff != "" {
		t.Errorf("the portfolio (-want +got):\n%s", diff)
	}
	checkProblem(t, "Delete again", w.Delete(t.Context(), w.organization, c.ID, nil), errMissing)
	_, err := w.Get(t.Context(), w.organization, c.ID)
	checkProblem(t, "Get of what was deleted", err, errMissing)
	w.importRows(t, "C-8,Issued,,,,DR Horton,,,\n")
	if got := w.matchedAt(t, c.ID); len(got) != 0 {
		t.Errorf("an import after the deletion matches %v, want nothing", got)
	}
}

func TestService_otherOrganization(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	c := w.create(t, w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"})
	for name, id := range map[string]uuid.UUID{"another's": c.ID, "unknown": newID()} {
		_, err := w.Get(t.Context(), w.other, id)
		checkProblem(t, "Get of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, id, nil, conditions.Update{Name: ptr("theirs")})
		checkProblem(t, "Update of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, id, ptr(`"99"`), conditions.Update{Person: ptr("theirs")})
		checkProblem(t, "Update with If-Match of one "+name, err, errMissing)
		checkProblem(t, "Delete of one "+name, w.Delete(t.Context(), w.other, id, nil), errMissing)
	}
	if got, err := w.Get(t.Context(), w.organization, c.ID); err != nil || got != c {
		t.Errorf("Get = %+v, %v; want %+v as it was", got, err, c)
	}
	if got := w.portfolio(t, w.other); len(got) != 0 {
		t.Errorf("the other organization's portfolio is %q, want nothing", got)
	}
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	w.create(t, w.other, conditions.Condition{Type: conditions.License, License: "theirs"})
	var want []conditions.Condition
	for i := range 5 {
		want = append(want, w.create(t, w.organization, conditions.Condition{Type: conditions.License, License: fmt.Sprint("CBC00123", i)}))
	}
	q := page.Query{PerPage: ptr(int32(2))}
	var got []conditions.Condition
	for {
		found, meta, err := w.List(t.Context(), w.organization, q)
		if err != nil {
			t.Fatal(err)
		}
		if q.Cursor == nil && meta.Total != 5 {
			t.Errorf("total = %d, want 5", meta.Total)
		}
		got = append(got, found...)
		if meta.NextCursor == "" {
			break
		}
		q.Cursor = &meta.NextCursor
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the walk (-want +got):\n%s", diff)
	}
	if _, _, err := w.List(t.Context(), w.other, q); codeOf(err) != "invalid_cursor" {
		t.Errorf("the cursor in another organization's list = %v, want invalid_cursor", err)
	}
}
