package watchlist

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

func TestService_Add(t *testing.T) {
	w := newWorld(t)
	tampa, naples := w.permit(t, "S-1"), w.permitIn(t, "naples", "S-1")
	newest := int64(0)
	for name, c := range map[string]struct {
		create Create
		want   Item
	}{
		"by uuid": {
			Create{PermitUUID: &naples},
			Item{PermitUUID: naples, PermitNumber: "S-1", JurisdictionSlug: "naples", JurisdictionName: "City of naples", Priority: "none", Tags: []string{}},
		},
		"by number and jurisdiction": {
			Create{PermitNumber: "S-1", Jurisdiction: "tampa", Tags: []string{"b", "a"}},
			Item{PermitUUID: tampa, PermitNumber: "S-1", JurisdictionSlug: "tampa", JurisdictionName: "City of tampa", Priority: "none", Tags: []string{"b", "a"}},
		},
		"by number": {
			Create{PermitNumber: "A-1", Priority: "high"},
			Item{PermitUUID: w.permit(t, "A-1"), PermitNumber: "A-1", JurisdictionSlug: "tampa", JurisdictionName: "City of tampa", Priority: "high", Tags: []string{}},
		},
	} {
		before := time.Now()
		got, created, err := w.Add(t.Context(), w.organization, c.create)
		if err != nil || !created {
			t.Errorf("%s: Add(%+v) = created %t, %v; want it created", name, c.create, created, err)
			continue
		}
		c.want.Status, c.want.Address = "In Review", "1 Palm Ave, FL 33601"
		if diff := cmp.Diff(c.want, got, cmpopts.IgnoreFields(Item{}, "AddedAt", "UpdatedAt", "Version")); diff != "" {
			t.Errorf("%s: Add(%+v) (-want +got):\n%s", name, c.create, diff)
		}
		if got.Version <= newest {
			t.Errorf("%s: version %d, want more than the %d of the one before", name, got.Version, newest)
		}
		newest = got.Version
		if !got.AddedAt.Equal(got.UpdatedAt) || got.AddedAt.Before(before.Add(-time.Second)) || got.AddedAt.After(time.Now().Add(time.Second)) {
			t.Errorf("%s: added_at %s, updated_at %s; want both now", name, got.AddedAt, got.UpdatedAt)
		}
		again, err := w.Get(t.Context(), w.organization, got.PermitUUID)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(got, again); diff != "" {
			t.Errorf("%s: Get (-added +got):\n%s", name, diff)
		}
	}
	want := []call{{w.organization, []uuid.UUID{tampa}}, {w.organization, []uuid.UUID{naples}}, {w.organization, []uuid.UUID{w.permit(t, "A-1")}}}
	byPermit := cmpopts.SortSlices(func(a, b call) bool { return a.Permits[0].String() < b.Permits[0].String() })
	if diff := cmp.Diff(want, w.calls, byPermit); diff != "" {
		t.Errorf("tracked (-want +got):\n%s", diff)
	}
}

func TestService_Add_rules(t *testing.T) {
	w := newWorld(t)
	known := w.permit(t, "A-1")
	for name, c := range map[string]struct {
		create  Create
		message string
		detail  problem.Detail
	}{
		"neither": {
			Create{},
			"/permit_uuid must be given, or else permit_number.",
			problem.Detail{Pointer: "/permit_uuid", Code: "required", Message: "must be given, or else permit_number"},
		},
		"jurisdiction alone": {
			Create{Jurisdiction: "tampa"},
			"/permit_uuid must be given, or else permit_number.",
			problem.Detail{Pointer: "/permit_uuid", Code: "required", Message: "must be given, or else permit_number"},
		},
		"both": {
			Create{PermitUUID: &known, PermitNumber: "A-1"},
			"/permit_uuid cannot be combined with permit_number; send one of them.",
			problem.Detail{Pointer: "/permit_uuid", Code: "exclusive", Message: "cannot be combined with permit_number; send one of them"},
		},
		"jurisdiction with uuid": {
			Create{PermitUUID: &known, Jurisdiction: "tampa"},
			"/jurisdiction belongs to permit_number, not to permit_uuid.",
			problem.Detail{Pointer: "/jurisdiction", Code: "requires", Message: "belongs to permit_number, not to permit_uuid"},
		},
	} {
		c.detail.In = "body"
		_, created, err := w.Add(t.Context(), w.organization, c.create)
		checkProblem(t, name, err, &problem.Error{
			Kind: problem.Unprocessable, Code: "invalid_body", Message: c.message, Details: []problem.Detail{c.detail},
		})
		if created {
			t.Errorf("%s: Add(%+v) = created, want not", name, c.create)
		}
	}
	if got := w.numbers(t, w.organization); len(got) != 0 || len(w.calls) != 0 {
		t.Errorf("after refusals the watchlist is %q, and tracked was called %d times; want neither", got, len(w.calls))
	}
}

func TestService_Add_unknownPermit(t *testing.T) {
	w := newWorld(t)
	unknown := uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	byNumber := problem.Detail{Pointer: "/permit_number", Message: "must be the number of a permit, exactly as its city writes it"}
	for name, c := range map[string]struct {
		create Create
		detail problem.Detail
	}{
		"uuid":    {Create{PermitUUID: &unknown}, problem.Detail{Pointer: "/permit_uuid", Message: "must be the uuid of a permit"}},
		"number":  {Create{PermitNumber: "A-9"}, byNumber},
		"case":    {Create{PermitNumber: "a-1"}, byNumber},
		"part":    {Create{PermitNumber: "A-"}, byNumber},
		"pattern": {Create{PermitNumber: "A-%"}, byNumber},
		"jurisdiction without it": {
			Create{PermitNumber: "A-1", Jurisdiction: "naples"},
			problem.Detail{Pointer: "/permit_number", Message: "must be the number of a permit of the jurisdiction naples"},
		},
		"unknown jurisdiction": {
			Create{PermitNumber: "A-1", Jurisdiction: "miami"},
			problem.Detail{Pointer: "/permit_number", Message: "must be the number of a permit of the jurisdiction miami"},
		},
	} {
		c.detail.In, c.detail.Code = "body", "not_found"
		_, _, err := w.Add(t.Context(), w.organization, c.create)
		checkProblem(t, name, err, &problem.Error{
			Kind: problem.NotFound, Code: "not_found", Message: "There is no such permit.", Details: []problem.Detail{c.detail},
		})
	}
}

func TestService_Add_ambiguous(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.Add(t.Context(), w.organization, Create{PermitNumber: "S-1"})
	checkProblem(t, "Add of a number in two jurisdictions", err, &problem.Error{
		Kind: problem.Conflict, Code: "ambiguous_permit_number",
		Message: "2 jurisdictions have a permit of that number; send jurisdiction as well.",
		Details: []problem.Detail{
			{In: "body", Pointer: "/jurisdiction", Code: "candidate", Value: "naples", Message: "naples has it as " + w.permitIn(t, "naples", "S-1").String()},
			{In: "body", Pointer: "/jurisdiction", Code: "candidate", Value: "tampa", Message: "tampa has it as " + w.permit(t, "S-1").String()},
		},
	})
}

func TestService_Add_twice(t *testing.T) {
	w := newWorld(t)
	first := w.add(t, Create{PermitNumber: "A-1", Tags: []string{"pool"}, Priority: "high"})
	again, created, err := w.Add(t.Context(), w.organization, Create{PermitUUID: &first.PermitUUID, Tags: []string{"roof"}, Priority: "low"})
	if err != nil || created {
		t.Errorf("Add of what is there = created %t, %v; want neither", created, err)
	}
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("Add of what is there (-first +second):\n%s", diff)
	}
	if len(w.calls) != 1 {
		t.Errorf("tracked was called %d times, want once", len(w.calls))
	}
}

func TestService_Add_anotherOrganization(t *testing.T) {
	w := newWorld(t)
	w.add(t, Create{PermitNumber: "A-1", Tags: []string{"pool"}})
	got, created, err := w.Add(t.Context(), w.other, Create{PermitNumber: "A-1", Tags: []string{"roof"}})
	if err != nil || !created || !cmp.Equal(got.Tags, []string{"roof"}) {
		t.Errorf("Add of what another organization watches = %+v, created %t, %v; want it created with the tag roof", got, created, err)
	}
}

// inside counts an organization's items as a transaction sees them.
func inside(ctx context.Context, q postgres.Querier, organization uuid.UUID) (n int, err error) {
	err = q.GetContext(ctx, &n, "select count(*) from watchlist_items where organization_id = $1", organization)
	return n, err
}

func TestService_Add_tracksInItsTransaction(t *testing.T) {
	w := newWorld(t)
	called := false
	w.tracked = func(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, _ []uuid.UUID) error {
		called = true
		in, err := inside(ctx, tx, organization)
		if err != nil {
			return err
		}
		out, err := inside(ctx, w.db, organization)
		if in != 1 || out != 0 {
			t.Errorf("tracked sees %d items in its transaction and %d outside, want 1 and 0", in, out)
		}
		return err
	}
	w.add(t, Create{PermitNumber: "A-1"})
	if !called {
		t.Error("tracked was not called")
	}
}

func TestService_Add_trackedFails(t *testing.T) {
	w := newWorld(t)
	broken := errors.New("broken")
	w.tracked = func(context.Context, *postgres.Tx, uuid.UUID, []uuid.UUID) error { return broken }
	if _, _, err := w.Add(t.Context(), w.organization, Create{PermitNumber: "A-1"}); !errors.Is(err, broken) {
		t.Errorf("Add = %v, want %v", err, broken)
	}
	if _, err := w.AddAll(t.Context(), w.organization, []Create{{PermitNumber: "A-1"}, {PermitNumber: "A-2"}}); !errors.Is(err, broken) {
		t.Errorf("AddAll = %v, want %v", err, broken)
	}
	if got := w.numbers(t, w.organization); len(got) != 0 {
		t.Errorf("the watchlist is %q, want nothing: what failed is rolled back", got)
	}
}

// outcome is a result of AddAll without the item's other values.
type outcome struct {
	Number  string
	Created bool
	Code    string
}

func TestService_AddAll(t *testing.T) {
	w := newWorld(t)
	w.newPlan(t, "small", 3)
	w.organization = w.newOrganization(t, "small")
	w.add(t, Create{PermitNumber: "A-1"})
	known, unknown := w.permit(t, "A-2"), newID()
	results, err := w.AddAll(t.Context(), w.organization, []Create{
		{PermitUUID: &known, Tags: []string{"pool"}},
		{PermitUUID: &unknown},
		{PermitNumber: "A-1"},
		{PermitNumber: "S-1"},
		{},
		{PermitNumber: "A-2", Tags: []string{"roof"}},
		{PermitNumber: "S-1", Jurisdiction: "naples"},
		{PermitNumber: "A-3"},
		{PermitNumber: "A-1"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []outcome
	for _, r := range results {
		o := outcome{Number: r.Item.PermitNumber, Created: r.Created}
		if r.Problem != nil {
			o.Code = r.Problem.Code
		}
		got = append(got, o)
	}
	want := []outcome{
		{"A-2", true, ""},
		{"", false, "not_found"},
		{"A-1", false, ""},
		{"", false, "ambiguous_permit_number"},
		{"", false, "invalid_body"},
		{"A-2", false, ""},
		{"S-1", true, ""},
		{"", false, "slot_limit_reached"},
		{"A-1", false, ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("AddAll (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"pool"}, results[5].Item.Tags); diff != "" {
		t.Errorf("the tags of the second A-2 (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A-1", "A-2", "S-1"}, w.numbers(t, w.organization)); diff != "" {
		t.Errorf("the watchlist (-want +got):\n%s", diff)
	}
}

func TestService_AddAll_tracksOnce(t *testing.T) {
	w := newWorld(t)
	w.add(t, Create{PermitNumber: "A-2"})
	w.calls = nil
	before := w.began.Load()
	_, err := w.AddAll(t.Context(), w.organization, []Create{{PermitNumber: "A-3"}, {PermitNumber: "A-2"}, {PermitNumber: "A-9"}, {PermitNumber: "A-1"}})
	if err != nil {
		t.Fatal(err)
	}
	if got := w.began.Load() - before; got != 1 {
		t.Errorf("AddAll took the locks %d times, want once", got)
	}
	want := []call{{w.organization, []uuid.UUID{w.permit(t, "A-3"), w.permit(t, "A-1")}}}
	if diff := cmp.Diff(want, w.calls); diff != "" {
		t.Errorf("tracked (-want +got):\n%s", diff)
	}
}
