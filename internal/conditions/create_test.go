package conditions_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/problem"
)

// parties are permits with people and firms on them.
const parties = `C-1,Issued,,,Maria Lopez,D.R. Horton Inc.,CBC001234,,
C-2,Issued,,,,DR HORTON,001234,"LOPEZ, MARÍA",
C-3,Issued,,,J. Smith,Horton Homes,1234,Jose Maria García Lopez,The D R Horton Company
C-4,Issued,,,Maria Smith,Smith & Sons LLC,cbc001234,Juan Lopez,
C-5,Issued,,,Marianne Lopez,Smith and Sons,C-BC001234,,
C-6,Issued,,,,,,,
C-7,Issued,,,D R Horton,,,,Horton
`

// byCriteria are conditions on parties, and the permits that match them.
var byCriteria = map[string]struct {
	condition conditions.Condition
	want      []string
}{
	"company":              {conditions.Condition{Type: conditions.Company, Company: "d.r. horton, llc"}, []string{"C-1", "C-2", "C-3"}},
	"company with &":       {conditions.Condition{Type: conditions.Company, Company: "The Smith and Sons Co."}, []string{"C-4", "C-5"}},
	"company, a part":      {conditions.Condition{Type: conditions.Company, Company: "Horton"}, []string{"C-7"}},
	"unknown company":      {conditions.Condition{Type: conditions.Company, Company: "Lennar"}, []string{}},
	"license":              {conditions.Condition{Type: conditions.License, License: "CBC001234"}, []string{"C-1", "C-4"}},
	"license, other case":  {conditions.Condition{Type: conditions.License, License: "cbc001234"}, []string{"C-1", "C-4"}},
	"license with zeros":   {conditions.Condition{Type: conditions.License, License: "001234"}, []string{"C-2"}},
	"license without them": {conditions.Condition{Type: conditions.License, License: "1234"}, []string{"C-3"}},
	"unknown license":      {conditions.Condition{Type: conditions.License, License: "01234"}, []string{}},
	"person":               {conditions.Condition{Type: conditions.Person, Person: "Maria Lopez"}, []string{"C-1", "C-2", "C-3"}},
	"person, other order":  {conditions.Condition{Type: conditions.Person, Person: "lopez, maria"}, []string{"C-1", "C-2", "C-3"}},
	"person, more words":   {conditions.Condition{Type: conditions.Person, Person: "GARCIA, JOSÉ Maria"}, []string{"C-3"}},
	"person, one word":     {conditions.Condition{Type: conditions.Person, Person: "Lopez"}, []string{"C-1", "C-2", "C-3", "C-4", "C-5"}},
	"person, a part":       {conditions.Condition{Type: conditions.Person, Person: "Mari Lopez"}, []string{}},
	"person, a company":    {conditions.Condition{Type: conditions.Person, Person: "Sons Smith"}, []string{}},
	"person without words": {conditions.Condition{Type: conditions.Person, Person: "ʼ"}, []string{}}, // a letter, but an apostrophe
	"company without any":  {conditions.Condition{Type: conditions.Company, Company: "ʼ"}, []string{}},
	"person twice a word":  {conditions.Condition{Type: conditions.Person, Person: "Smith Smith"}, []string{"C-3", "C-4"}},
}

func TestService_Create_findsPermits(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	for name, c := range byCriteria {
		w.told = nil
		created := w.create(t, w.newOrganization(t, "starter"), c.condition)
		if created.MatchCount != int64(len(c.want)) {
			t.Errorf("%s: match_count = %d, want %d", name, created.MatchCount, len(c.want))
		}
		if diff := cmp.Diff(c.want, w.toldNumbers(t), cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s: tracked was told (-want +got):\n%s", name, diff)
		}
	}
}

func TestService_Match_likeCreate(t *testing.T) {
	w := newWorld(t)
	made := map[string]conditions.Condition{}
	for name, c := range byCriteria {
		made[name] = w.create(t, w.newOrganization(t, "starter"), c.condition)
	}
	w.importRows(t, parties)
	for name, c := range byCriteria {
		got := []string{}
		for number := range w.matchedAt(t, made[name].ID) {
			got = append(got, number)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.SortSlices(strings.Compare)); diff != "" {
			t.Errorf("%s: an import after the condition matches (-want +got):\n%s", name, diff)
		}
	}
}

func TestService_Create(t *testing.T) {
	w := newWorld(t)
	for name, want := range map[string]conditions.Condition{
		"company":  {Type: conditions.Company, Name: "Competitor", Company: "D.R. Horton"},
		"license":  {Type: conditions.License, Name: "Ours", License: "CBC001234"},
		"person":   {Type: conditions.Person, Name: "Boss", Person: "Maria Lopez"},
		"location": {Type: conditions.Location, Name: "Downtown", Latitude: -27.9478, Longitude: 180, RadiusM: 50_000},
	} {
		got := w.create(t, w.organization, want)
		want.ID, want.CreatedAt, want.UpdatedAt, want.Version = got.ID, noon, noon, 1
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: Create (-want +got):\n%s", name, diff)
		}
		again, err := w.Get(t.Context(), w.organization, got.ID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, again); diff != "" {
			t.Errorf("%s: Get (-want +got):\n%s", name, diff)
		}
	}
}

func TestService_Create_withoutAName(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		condition conditions.Condition
		want      string
	}{
		{conditions.Condition{Type: conditions.Company, Company: "D.R. Horton"}, "D.R. Horton"},
		{conditions.Condition{Type: conditions.License, License: "CBC001234"}, "License CBC001234"},
		{conditions.Condition{Type: conditions.Person, Person: "Maria Lopez"}, "Maria Lopez"},
		{conditions.Condition{Type: conditions.Location, Latitude: 27.9478, Longitude: -82.4584, RadiusM: 1500}, "Within 1500 m of 27.9478, -82.4584"},
		{conditions.Condition{Type: conditions.Company, Company: strings.Repeat("ü", 100)}, strings.Repeat("ü", 100)},
		{conditions.Condition{Type: conditions.Company, Company: strings.Repeat("ü", 101)}, strings.Repeat("ü", 99) + "…"},
		{conditions.Condition{Type: conditions.License, License: strings.Repeat("9", 300)}, "License " + strings.Repeat("9", 91) + "…"},
		{conditions.Condition{Type: conditions.Person, Person: " Maria Lopez\t" + strings.Repeat(" ", 100)}, "Maria Lopez"},
	} {
		got := w.create(t, w.organization, c.condition)
		if got.Name != c.want {
			t.Errorf("Create(%+v) is named %q, want %q", c.condition, got.Name, c.want)
		}
		if err := w.Delete(t.Context(), w.organization, got.ID, nil); err != nil {
			t.Fatal(err)
		}
	}
}

func TestService_Create_trims(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ sent, want conditions.Condition }{
		{
			conditions.Condition{Type: conditions.Company, Name: " Rival\n", Company: "\tD.R. Horton "},
			conditions.Condition{Type: conditions.Company, Name: "Rival", Company: "D.R. Horton"},
		},
		{
			conditions.Condition{Type: conditions.License, Name: "\u00a0", License: " CBC001234\u00a0"},
			conditions.Condition{Type: conditions.License, Name: "License CBC001234", License: "CBC001234"},
		},
		{
			conditions.Condition{Type: conditions.Person, Person: "  Maria  Lopez\r\n"},
			conditions.Condition{Type: conditions.Person, Name: "Maria  Lopez", Person: "Maria  Lopez"},
		},
	} {
		got := w.create(t, w.organization, c.sent)
		c.want.ID, c.want.CreatedAt, c.want.UpdatedAt, c.want.Version = got.ID, noon, noon, 1
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("Create(%+v) (-want +got):\n%s", c.sent, diff)
		}
	}
}

func TestService_Create_trackedFails(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, parties)
	w.broken = fmt.Errorf("broken")
	if _, err := w.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "DR Horton"}); codeOf(err) != "broken" {
		t.Errorf("Create = %v, want broken", err)
	}
	if got := w.portfolio(t, w.organization); len(got) != 0 {
		t.Errorf("the portfolio is %q, want nothing: what failed is rolled back", got)
	}
}

func TestService_Create_limits(t *testing.T) {
	w := newWorld(t)
	for plan, allowed := range map[string]int{"starter": 3, "professional": 5, "enterprise": 10} {
		organization := w.newOrganization(t, plan)
		var last conditions.Condition
		for i := range allowed {
			last = w.create(t, organization, conditions.Condition{Type: conditions.License, License: fmt.Sprint("CBC", i)})
		}
		_, err := w.Create(t.Context(), organization, conditions.Condition{Type: conditions.License, License: "CBC99"})
		checkProblem(t, "Create beyond the limit", err, &problem.Error{
			Kind: problem.Conflict, Code: "condition_limit_reached",
			Message: fmt.Sprintf("%d of %d conditions of the %s plan are used; delete one, or change the plan.", allowed, allowed, plan),
		})
		if err := w.Delete(t.Context(), organization, last.ID, nil); err != nil {
			t.Fatal(err)
		}
		w.create(t, organization, conditions.Condition{Type: conditions.License, License: "CBC99"})
	}
}

func TestService_Create_atOnce(t *testing.T) {
	w := newWorld(t)
	organization := w.newOrganization(t, "starter")
	service := w.quiet()
	var mutex sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for i := range 30 {
		wait.Go(func() {
			_, err := service.Create(t.Context(), organization, conditions.Condition{Type: conditions.License, License: fmt.Sprint("CBC", i)})
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[codeOf(err)]++
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string]int{"": 3, "condition_limit_reached": 27}, outcomes); diff != "" {
		t.Errorf("30 creations at once for 3 places (-want +got):\n%s", diff)
	}
}
