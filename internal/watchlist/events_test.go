package watchlist

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
)

// told lists an organization's events, each with its permit and its actor.
func (w *world) told(t *testing.T, organization uuid.UUID) []string {
	t.Helper()
	found := []string{}
	err := w.db.SelectContext(t.Context(), &found, `select concat_ws(' ', e.number, e.type, p.permit_number, d ->> 'permit_number', d ->> 'actor')
		from events e join permits p on p.uuid = e.permit_uuid cross join lateral (select cast(body as jsonb) -> 'data' as d) b
		where e.organization_id = $1 and d ->> 'permit_uuid' = cast(p.uuid as text) order by e.number`, organization)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (w *world) checkTold(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), w.told(t, w.organization)); diff != "" {
		t.Errorf("%s: events (-want +got):\n%s", what, diff)
	}
	if got := w.told(t, w.other); len(got) != 0 {
		t.Errorf("%s: the other organization has the events %q, want none", what, got)
	}
}

// byKey returns the context of a request with a key of the organization.
func (w *world) byKey(t *testing.T) context.Context {
	t.Helper()
	return identity.With(t.Context(), identity.Identity{OrganizationID: w.organization, KeyID: uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e12")})
}

const byKey = ` {"id": "key_01k053rqg0fmgrykhbdwe9mzgj", "type": "api_key"}`

func TestService_Add_tells(t *testing.T) {
	w := newWorld(t)
	for range 2 { // the second time it is there already
		if _, _, err := w.Add(w.byKey(t), w.organization, Create{PermitNumber: "A-1"}); err != nil {
			t.Fatal(err)
		}
	}
	w.checkTold(t, "by a key", "1 permit.added_to_watchlist A-1 A-1"+byKey)
	w.add(t, Create{PermitNumber: "S-1", Jurisdiction: "naples"})
	w.checkTold(t, "by the operator", "1 permit.added_to_watchlist A-1 A-1"+byKey, `2 permit.added_to_watchlist S-1 S-1 {"type": "operator"}`)
}

func TestService_AddAll_tells(t *testing.T) {
	w := newWorld(t)
	w.add(t, Create{PermitNumber: "A-2"})
	unknown := newID()
	results, err := w.AddAll(w.byKey(t), w.organization, []Create{
		{PermitNumber: "A-3"}, {PermitNumber: "A-2"}, {PermitUUID: &unknown}, {PermitNumber: "A-1"}, {PermitNumber: "A-3"}, {PermitNumber: "S-1"}, {},
	})
	if err != nil {
		t.Fatal(err)
	}
	created := []bool{}
	for _, r := range results {
		created = append(created, r.Created)
	}
	if want := []bool{true, false, false, true, false, false, false}; !cmp.Equal(created, want) {
		t.Errorf("created = %v, want %v", created, want)
	}
	w.checkTold(t, "a batch",
		`1 permit.added_to_watchlist A-2 A-2 {"type": "operator"}`,
		"2 permit.added_to_watchlist A-3 A-3"+byKey,
		"3 permit.added_to_watchlist A-1 A-1"+byKey,
	)
}

func TestService_Remove_tells(t *testing.T) {
	w := newWorld(t)
	permit := w.add(t, Create{PermitNumber: "A-1"}).PermitUUID
	if err := w.Remove(w.byKey(t), w.other, permit, nil); codeOf(err) != "not_found" {
		t.Errorf("Remove from another watchlist = %v, want not_found", err)
	}
	if err := w.Remove(w.byKey(t), w.organization, permit, ptr(`"0"`)); codeOf(err) != "precondition_failed" {
		t.Errorf("Remove of another version = %v, want precondition_failed", err)
	}
	want := []string{`1 permit.added_to_watchlist A-1 A-1 {"type": "operator"}`}
	w.checkTold(t, "refused", want...)
	if err := w.Remove(w.byKey(t), w.organization, permit, nil); err != nil {
		t.Fatal(err)
	}
	want = append(want, "2 permit.removed_from_watchlist A-1 A-1"+byKey)
	w.checkTold(t, "removed", want...)
	if err := w.Remove(w.byKey(t), w.organization, permit, nil); codeOf(err) != "not_found" {
		t.Errorf("Remove again = %v, want not_found", err)
	}
	w.checkTold(t, "removed again", want...)
	w.add(t, Create{PermitNumber: "A-1"})
	if err := w.Remove(t.Context(), w.organization, permit, nil); err != nil {
		t.Fatal(err)
	}
	w.checkTold(t, "by the operator",
		append(want, `3 permit.added_to_watchlist A-1 A-1 {"type": "operator"}`, `4 permit.removed_from_watchlist A-1 A-1 {"type": "operator"}`)...)
}

func TestService_Update_tellsNothing(t *testing.T) {
	w := newWorld(t)
	permit := w.add(t, Create{PermitNumber: "A-1"}).PermitUUID
	if _, err := w.Update(w.byKey(t), w.organization, permit, nil, Update{Priority: ptr("high")}); err != nil {
		t.Fatal(err)
	}
	w.checkTold(t, "updated", `1 permit.added_to_watchlist A-1 A-1 {"type": "operator"}`)
}

func TestService_Add_refusedTellsNothing(t *testing.T) {
	w := newWorld(t)
	w.newPlan(t, "none", 0)
	w.organization = w.newOrganization(t, "none")
	if _, _, err := w.Add(w.byKey(t), w.organization, Create{PermitNumber: "A-1"}); codeOf(err) != "slot_limit_reached" {
		t.Errorf("Add = %v, want slot_limit_reached", err)
	}
	w.organization = w.newOrganization(t, "starter")
	broken := errors.New("broken")
	w.tracked = func(context.Context, *postgres.Tx, uuid.UUID, []uuid.UUID) error { return broken }
	if _, _, err := w.Add(w.byKey(t), w.organization, Create{PermitNumber: "A-1"}); !errors.Is(err, broken) {
		t.Errorf("Add = %v, want %v", err, broken)
	}
	w.checkTold(t, "refused")
}
