package contacts_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

func TestService_Track_whoIsOne(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct {
		name, one, two string // the columns after the status
		want           int
	}{
		{"license", ",Acme Roofing,CBC1,813-555-0100,a@acme.example,,", "Maria Lopez,,CBC1,,,,", 1},
		{"license, other case", ",Acme,cbc1,,,,", ",Bolt,CBC1,,,,", 1},
		{"license, leading zero", ",Acme,0123,,,,", ",Acme,123,,,,", 2},
		{"e-mail", ",Acme,,,a@acme.example,,", ",Bolt,,,a@acme.example,,", 1},
		{"e-mail, other case", ",Acme,,,A@Acme.Example,,", "Maria Lopez,,,813-555-0100,a@acme.example,,", 1},
		{"other e-mail", ",Acme,,,a@acme.example,,", ",Acme,,,b@acme.example,,", 2},
		{"company and phone, other spelling", ",\"Acme & Sons, Inc.\",,(813) 555-0100,,,", ",ACME AND SONS LLC,,813.555.0100,,,", 1},
		{"company and phone, country code", ",Acme,,+1 813 555 0100,,,", ",Acme Inc,,8135550100,,,", 1},
		{"company and phone, other person", "Maria Lopez,Acme,,8135550100,,,", "Juan Diaz,Acme,,8135550100,,,", 1},
		{"person and phone, other order", "Maria Lopez,,,8135550100,,,", "\"LOPEZ, MARÍA\",,,813-555-0100,,,", 1},
		{"company, other phone", ",Acme,,8135550100,,,", ",Acme,,8135550101,,,", 2},
		{"phone, other company", ",Acme,,8135550100,,,", ",Bolt,,8135550100,,,", 2},
		{"a person and a company of one name", "Acme,,,8135550100,,,", ",Acme,,8135550100,,,", 2},
		{"company alone", ",Acme Inc,,,,,", ",ACME LLC,,,,,", 1},
		{"company alone, in two roles", ",Acme Inc,,,,,", ",,,,,,Acme", 1},
		{"person alone", "Maria Lopez,,,,,,", ",,,,,Lopez Maria,", 1},
		{"other person", "Maria Lopez,,,,,,", ",,,,,Maria Lopes,", 2},
		{"company alone and with a phone", ",Acme,,,,,", ",Acme,,8135550100,,,", 2},
		{"a person and a company, names alone", "Acme,,,,,,", ",Acme,,,,,", 2},
		{"in one permit", ",Acme,,,,,Acme Inc", ",,,,,,", 1},
		{"two in one permit", ",Acme,,,,Maria Lopez,", ",,,,,,", 2},
		{"nobody", ",,,,,,", ",,,,,,", 0},
		{"no license", ",Acme,N/A,,,,", ",Bolt,N/A,,,,", 2},
		{"no license, one company", ",Acme,N/A,,,,", ",Acme Inc,n/a,,,,", 1},
		{"no license, one phone", ",Acme,N/A,(813) 555-0142,,,", ",Acme,none,813-555-0142,,,", 1},
		{"no e-mail", ",Acme,,,none,,", ",Bolt,,,none,,", 2},
		{"no e-mail, one license", ",Acme,CBC1,,none,,", ",Bolt,CBC1,,n/a,,", 1},
		{"e-mail without a domain", ",Acme,,,office@,,", ",Bolt,,,office@,,", 2},
		{"no phone", ",Acme,,000-0000,,,", ",Bolt,,000-0000,,,", 2},
		{"no phone, other company alone", ",Acme,,000-0000,,,", "Maria Lopez,,,000-0000,,,", 2},
		{"no phone, one e-mail", ",Acme,,000-0000,a@acme.example,,", ",Bolt,,999-9999,a@acme.example,,", 1},
		{"no name, license, phone or e-mail alike", ",,N/A,,,,", ",,,,none,,", 2},
	} {
		w.importRows(t, fmt.Sprintf("D-%d-1,Issued,%s\nD-%d-2,Issued,%s\n", i, c.one, i, c.two))
		organization := w.newOrganization(t)
		w.watch(t, organization, fmt.Sprintf("D-%d-1", i), fmt.Sprintf("D-%d-2", i))
		if got := w.summaries(t, organization); len(got) != c.want {
			t.Errorf("%s: %q and %q are %d contacts, want %d: %q", c.name, c.one, c.two, len(got), c.want, got)
		}
	}
	w.checkLinks(t)
}

// TestService_Track_states has licenses of one number in two states, each of which numbers its own.
func TestService_Track_states(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "T-1,Issued,,Acme,CBC1,,,,\nT-2,Issued,,Acme Roofing,cbc1,,,,\n")
	for slug, name := range map[string]string{"atlanta": "GA", "naples": "FL"} {
		err := w.tryImportOf(t.Context(), "jurisdiction: {slug: "+slug+", name: City of "+slug+", region: "+name+"}",
			"PermitNum,StatusCurrent,ContractorCompanyName,ContractorLicNum\n"+slug+",Issued,Bolt "+name+",CBC1\n")
		if err != nil {
			t.Fatal(err)
		}
	}
	w.watch(t, w.organization, "T-1", "T-2", "naples", "atlanta")
	want := []string{"company Bolt FL [contractor] [CBC1] 3", "company Bolt GA [contractor] [CBC1] 1"}
	if diff := cmp.Diff(want, w.summaries(t, w.organization), cmpopts.SortSlices(strings.Compare)); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}
	w.checkLinks(t)
}

func TestService_Track_values(t *testing.T) {
	w := newWorld(t)
	w.importFile(t, `PermitNum,ContractorFullName,ContractorCompanyName,ContractorLicNum,ContractorPhone,ContractorEmail,ContractorAddress1,ContractorCity,ContractorState,ContractorZip,Owner,Applicant
V-1,Maria Lopez,Acme Roofing,CBC2,813-555-0100,office@acme.example,1 Palm Ave,Tampa,FL,33601,,
V-2,,Acme Roofing Inc,CBC1,(813) 555-0100,Office@Acme.example,2 Palm Ave,,,,,
V-3,,,cbc2,,,,Naples,FL,,,Acme Roofing
`)
	w.watch(t, w.organization, "V-1", "V-2", "V-3")
	all := w.all(t, w.organization, contacts.Filter{})
	want := []contacts.Contact{
		{
			EntityType: "company", Name: "Acme Roofing Inc", Person: "Maria Lopez", Company: "Acme Roofing Inc", Phone: "(813) 555-0100",
			Email: "Office@Acme.example", Address: "Naples, FL", Roles: []string{"contractor"}, Licenses: []string{"CBC1", "CBC2"},
			PermitCount: 3, MergedIDs: []uuid.UUID{},
		},
		{
			EntityType: "company", Name: "Acme Roofing", Company: "Acme Roofing", Roles: []string{"applicant"}, Licenses: []string{},
			PermitCount: 1, MergedIDs: []uuid.UUID{},
		},
	}
	if diff := cmp.Diff(want, all, cmpopts.IgnoreFields(contacts.Contact{}, "ID", "CreatedAt", "UpdatedAt")); diff != "" {
		t.Errorf("contacts (-want +got):\n%s", diff)
	}
	for _, c := range all {
		if diff := cmp.Diff(c, w.get(t, w.organization, c.ID)); diff != "" {
			t.Errorf("Get (-listed +got):\n%s", diff)
		}
		if c.UpdatedAt.Before(c.CreatedAt) {
			t.Errorf("%s was created at %s and updated at %s", c.Name, c.CreatedAt, c.UpdatedAt)
		}
	}
}

func TestService_Track_names(t *testing.T) {
	w := newWorld(t)
	for i, c := range []struct{ party, want string }{
		{"Maria Lopez,Acme,CBC1,(813) 555-0142,a@x.example,,", "company Acme [contractor] [CBC1] 1"},
		{"Maria Lopez,,CBC1,(813) 555-0142,a@x.example,,", "person Maria Lopez [contractor] [CBC1] 1"},
		{",,CBC1,(813) 555-0142,a@x.example,,", "person a@x.example [contractor] [CBC1] 1"},
		{",,CBC1,(813) 555-0142,,,", "person CBC1 [contractor] [CBC1] 1"},
		{",,,(813) 555-0142,,,", "person (813) 555-0142 [contractor] [] 1"},
		{",,,,,Maria Lopez,", "person Maria Lopez [owner] [] 1"},
		{",Acme,,,,,Acme", "company Acme [applicant contractor] [] 1"},
	} {
		number := fmt.Sprint("N-", i)
		w.importRows(t, number+",Issued,"+c.party+"\n")
		organization := w.newOrganization(t)
		w.watch(t, organization, number)
		if diff := cmp.Diff([]string{c.want}, w.summaries(t, organization)); diff != "" {
			t.Errorf("the contact of %q (-want +got):\n%s", c.party, diff)
		}
	}
}

func TestService_Track_merges(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, `M-1,Issued,,Acme Works,CBC1,,,,
M-2,Issued,,Acme,,,a@acme.example,,
M-3,Issued,,Acme Group,,8135550100,,,
M-4,Issued,,Acme,CBC1,,A@acme.example,,
M-5,Issued,,Acme Group,CBC1,8135550100,,,
`)
	w.watch(t, w.organization, "M-3", "M-1", "M-2")
	ids := map[string]uuid.UUID{}
	for _, c := range w.all(t, w.organization, contacts.Filter{}) {
		ids[c.Name] = c.ID
	}
	oldest, middle, newest := ids["Acme Group"], ids["Acme Works"], ids["Acme"]
	w.watch(t, w.organization, "M-4") // the middle one and the newest are one
	for name, id := range map[string]uuid.UUID{"its own id": middle, "the merged id": newest} {
		c := w.get(t, w.organization, id)
		if c.ID != middle || c.PermitCount != 3 || !slices.Equal(c.MergedIDs, []uuid.UUID{newest}) {
			t.Errorf("Get by %s = %+v; want the id %s, 3 permits and %s merged", name, c, middle, newest)
		}
	}
	w.watch(t, w.organization, "M-5") // and both are the oldest one
	want := w.get(t, w.organization, oldest)
	if want.ID != oldest || want.PermitCount != 5 || !slices.Equal(want.MergedIDs, []uuid.UUID{middle, newest}) {
		t.Errorf("Get = %+v; want the id %s, 5 permits, and %s and %s merged", want, oldest, middle, newest)
	}
	for _, id := range []uuid.UUID{middle, newest} {
		if diff := cmp.Diff(want, w.get(t, w.organization, id)); diff != "" {
			t.Errorf("Get by the merged id %s (-want +got):\n%s", id, diff)
		}
	}
	if diff := cmp.Diff([]contacts.Contact{want}, w.all(t, w.organization, contacts.Filter{})); diff != "" {
		t.Errorf("List (-want +got):\n%s", diff)
	}
	for _, n := range []string{"M-1", "M-2", "M-3", "M-4", "M-5"} {
		w.unwatch(t, w.organization, n)
	}
	w.watch(t, w.organization, "M-2") // what was one stays one
	if got := w.only(t, w.organization); got.ID != oldest || got.PermitCount != 1 {
		t.Errorf("tracked again = %+v, want the id %s with one permit", got, oldest)
	}
	w.checkLinks(t)
}

func TestService_Track_untracked(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "U-1,Issued,Maria Lopez,Acme,CBC1,8135550100,a@acme.example,,\nU-2,Issued,Maria Lopez,Acme,CBC1,8135550100,a@acme.example,,\n")
	w.watch(t, w.organization, "U-1", "U-2")
	want := w.only(t, w.organization)
	w.unwatch(t, w.organization, "U-1")
	got := w.only(t, w.organization)
	want.PermitCount = 1
	if !got.UpdatedAt.After(want.UpdatedAt) {
		t.Errorf("updated_at = %s, want later than %s", got.UpdatedAt, want.UpdatedAt)
	}
	ignore := cmpopts.IgnoreFields(contacts.Contact{}, "UpdatedAt")
	if diff := cmp.Diff(want, got, ignore); diff != "" {
		t.Errorf("with one permit left (-want +got):\n%s", diff)
	}
	before := got.UpdatedAt
	w.unwatch(t, w.organization, "U-2")
	want.PermitCount = 0
	got = w.only(t, w.organization)
	if diff := cmp.Diff(want, got, ignore); diff != "" || !got.UpdatedAt.After(before) {
		t.Errorf("with no permit left, updated at %s, want after %s (-want +got):\n%s", got.UpdatedAt, before, diff)
	}
	w.watch(t, w.organization, "U-1")
	want.PermitCount = 1
	if diff := cmp.Diff(want, w.only(t, w.organization), ignore); diff != "" {
		t.Errorf("tracked again (-want +got):\n%s", diff)
	}
}

func TestService_Track_watchlistAndPortfolio(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "P-1,Issued,,Acme,CBC1,,,,\n")
	w.watch(t, w.organization, "P-1")
	c, err := w.conditions.Create(t.Context(), w.organization, conditions.Condition{Type: conditions.Company, Company: "Acme"})
	if err != nil {
		t.Fatal(err)
	}
	want := w.only(t, w.organization)
	w.unwatch(t, w.organization, "P-1")
	if diff := cmp.Diff(want, w.only(t, w.organization)); diff != "" {
		t.Errorf("in the portfolio alone (-want +got):\n%s", diff)
	}
	if _, err := w.conditions.Update(t.Context(), w.organization, c.ID, nil, conditions.Update{Company: ptr("Bolt")}); err != nil {
		t.Fatal(err)
	}
	if got := w.only(t, w.organization); got.PermitCount != 0 {
		t.Errorf("not tracked: permit_count = %d, want 0", got.PermitCount)
	}
	if _, err := w.conditions.Update(t.Context(), w.organization, c.ID, nil, conditions.Update{Company: ptr("Acme")}); err != nil {
		t.Fatal(err)
	}
	if got := w.only(t, w.organization); got.PermitCount != 1 || got.ID != want.ID {
		t.Errorf("in the portfolio again = %+v, want one permit and the id %s", got, want.ID)
	}
	if err := w.conditions.Delete(t.Context(), w.organization, c.ID, nil); err != nil {
		t.Fatal(err)
	}
	if got := w.only(t, w.organization); got.PermitCount != 0 {
		t.Errorf("without the condition: permit_count = %d, want 0", got.PermitCount)
	}
}

var errMissing = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such contact."}

func TestService_otherOrganization(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, "O-1,Issued,,Acme,CBC1,,,,\nO-2,Issued,,Acme,CBC1,,,,\nO-3,Issued,,Acme,CBC1,,a@acme.example,,\nO-4,Issued,,,,,a@acme.example,,\n")
	w.watch(t, w.organization, "O-1")
	ours := w.only(t, w.organization)
	w.watch(t, w.other, "O-1", "O-2")
	theirs := w.only(t, w.other)
	if ours.ID == theirs.ID || ours.PermitCount != 1 || theirs.PermitCount != 2 {
		t.Errorf("contacts = %+v and %+v; want each organization its own, with 1 and 2 permits", ours, theirs)
	}
	w.watch(t, w.other, "O-4", "O-3")
	merged := w.only(t, w.other).MergedIDs
	if len(merged) != 1 {
		t.Fatalf("merged_ids = %v, want one", merged)
	}
	for name, id := range map[string]uuid.UUID{"another's": theirs.ID, "another's merged": merged[0], "unknown": newID()} {
		_, err := w.Get(t.Context(), w.organization, id)
		checkProblem(t, "Get of one "+name, err, errMissing)
	}
	if diff := cmp.Diff(ours, w.only(t, w.organization)); diff != "" {
		t.Errorf("after the other organization's changes (-before +after):\n%s", diff)
	}
	if got := w.all(t, newID(), contacts.Filter{}); len(got) != 0 {
		t.Errorf("an unknown organization has %+v, want nothing", got)
	}
}

func TestService_List_filters(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, `F-1,Issued,Maria Lopez,Bayline Roofing,CBC1,813-555-0100,office@bayline.example,Juan Diaz,
F-2,Issued,,Gulf Pools,CPC77,,,Maria Lopez,Bayline Roofing
F-3,Issued,,,,,,Ana Ruiz,Gulf Pools
`)
	w.watch(t, w.organization, "F-1", "F-2", "F-3")
	for name, c := range map[string]struct {
		filter contacts.Filter
		want   []string
	}{
		"none":             {contacts.Filter{}, []string{"Ana Ruiz", "Bayline Roofing", "Bayline Roofing", "Gulf Pools", "Gulf Pools", "Juan Diaz", "Maria Lopez"}},
		"a word":           {contacts.Filter{Words: "bayline"}, []string{"Bayline Roofing", "Bayline Roofing"}},
		"two words":        {contacts.Filter{Words: "roofing lopez"}, []string{"Bayline Roofing"}},
		"either word":      {contacts.Filter{Words: "ruiz or diaz"}, []string{"Ana Ruiz", "Juan Diaz"}},
		"a license":        {contacts.Filter{Words: "cpc77"}, []string{"Gulf Pools"}},
		"an e-mail":        {contacts.Filter{Words: "office@bayline.example"}, []string{"Bayline Roofing"}},
		"no word of any":   {contacts.Filter{Words: "bay"}, []string{}},
		"owners":           {contacts.Filter{Role: "owner"}, []string{"Ana Ruiz", "Juan Diaz", "Maria Lopez"}},
		"contractors":      {contacts.Filter{Role: "contractor"}, []string{"Bayline Roofing", "Gulf Pools"}},
		"persons":          {contacts.Filter{EntityType: "person"}, []string{"Ana Ruiz", "Juan Diaz", "Maria Lopez"}},
		"companies, words": {contacts.Filter{EntityType: "company", Words: "gulf", Role: "applicant"}, []string{"Gulf Pools"}},
		"persons, role":    {contacts.Filter{EntityType: "person", Role: "contractor"}, []string{}},
	} {
		found, meta, err := w.List(t.Context(), w.organization, c.filter, page.Query{})
		if err != nil {
			t.Fatal(err)
		}
		got := []string{}
		for _, f := range found {
			got = append(got, f.Name)
		}
		if diff := cmp.Diff(c.want, got, cmpopts.SortSlices(strings.Compare)); diff != "" || meta.Total != len(c.want) {
			t.Errorf("%s: List(%+v) has the total %d (-want +got):\n%s", name, c.filter, meta.Total, diff)
		}
	}
}

func TestService_List_updatedSince(t *testing.T) {
	w := newWorld(t)
	var rows strings.Builder
	for i := range 7 {
		fmt.Fprintf(&rows, "S-%d,Issued,,Firm %d,,,,,\n", i, i)
	}
	w.importRows(t, rows.String())
	for i := range 7 {
		w.watch(t, w.organization, fmt.Sprint("S-", i))
	}
	w.importRows(t, "S-2,Issued,,Firm 2,,,,,\nS-8,Issued,,Firm 2,,,,,\n")
	w.watch(t, w.organization, "S-8") // Firm 2 has another permit
	long := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, perPage := range []int32{1, 3, 100} {
		found, err := w.walk(t.Context(), w.organization, contacts.Filter{UpdatedSince: &long}, perPage)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"Firm 0", "Firm 1", "Firm 3", "Firm 4", "Firm 5", "Firm 6", "Firm 2"}, namesOf(found)); diff != "" {
			t.Errorf("%d a page (-want +got):\n%s", perPage, diff)
		}
		for i, want := range found { // inclusive
			some := w.all(t, w.organization, contacts.Filter{UpdatedSince: &want.UpdatedAt})
			if diff := cmp.Diff(found[i:], some); diff != "" {
				t.Errorf("since %s of %s (-want +got):\n%s", want.UpdatedAt, want.Name, diff)
			}
		}
	}
}

func namesOf(all []contacts.Contact) []string {
	names := []string{}
	for _, c := range all {
		names = append(names, c.Name)
	}
	return names
}
