package apikeys

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

// names returns the names of keys, in order.
func names(keys []Key) string {
	found := make([]string, len(keys))
	for i, k := range keys {
		found[i] = k.Name
	}
	return strings.Join(found, " ")
}

// crowd makes two keys in each state, at noon, and lets an hour pass.
func (w *world) crowd(t *testing.T) {
	t.Helper()
	soon, late := noon.Add(time.Hour), noon.Add(2*time.Hour)
	w.create(t, Key{Name: "forever"})
	w.create(t, Key{Name: "over", ExpiresAt: &soon})
	revoked, _ := w.create(t, Key{Name: "revoked"})
	w.create(t, Key{Name: "later", ExpiresAt: &late})
	w.create(t, Key{Name: "over-too", ExpiresAt: &soon})
	both, _ := w.create(t, Key{Name: "revoked-and-over", ExpiresAt: &soon})
	w.create(t, Key{Name: "theirs", OrganizationID: otherID})
	w.exec(t, "update api_keys set revoked_at = $1 where id in ($2, $3)", noon, revoked.ID, both.ID)
	w.clock.set(soon)
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	w.crowd(t)
	for _, c := range []struct {
		organization uuid.UUID
		state, want  string
		total        int
	}{
		{organizationID, "", "revoked-and-over over-too later revoked over forever", 6},
		{organizationID, Active, "later forever", 2},
		{organizationID, Expired, "over-too over", 2},
		{organizationID, Revoked, "revoked-and-over revoked", 2},
		{otherID, "", "theirs", 1},
		{otherID, Active, "theirs", 1},
		{otherID, Expired, "", 0},
		{otherID, Revoked, "", 0},
		{keyID, "", "", 0},
	} {
		keys, meta, err := w.List(t.Context(), c.organization, c.state, page.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(keys); got != c.want || meta.Total != c.total || meta.Number != 1 || meta.PerPage != 25 || meta.NextCursor != "" {
			t.Errorf("%s in state %q = %q, %+v; want %q, %d in all", c.organization, c.state, got, meta, c.want, c.total)
		}
		for _, k := range keys {
			if c.state != "" && k.State(noon.Add(time.Hour)) != c.state {
				t.Errorf("%s in state %q is %s", k.Name, c.state, k.State(noon.Add(time.Hour)))
			}
		}
	}
}

func TestService_List_pages(t *testing.T) {
	w := newWorld(t)
	w.crowd(t)
	for number, want := range map[int32]string{1: "revoked-and-over over-too", 2: "later revoked", 3: "over forever", 4: ""} {
		keys, meta, err := w.List(t.Context(), organizationID, "", page.Query{Page: &number, PerPage: pointer[int32](2)})
		if err != nil {
			t.Fatal(err)
		}
		if got := names(keys); got != want || meta.Total != 6 || (meta.NextCursor != "") != (number < 3) {
			t.Errorf("page %d = %q, %+v; want %q of 6", number, got, meta, want)
		}
	}
}

func TestService_List_cursor(t *testing.T) {
	w := newWorld(t)
	w.crowd(t)
	for state, want := range map[string]string{
		"": "revoked-and-over over-too later revoked over forever", Active: "later forever", Expired: "over-too over", Revoked: "revoked-and-over revoked",
	} {
		var got []Key
		q := page.Query{PerPage: pointer[int32](1)}
		for range 7 {
			keys, meta, err := w.List(t.Context(), organizationID, state, q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, keys...)
			if meta.NextCursor == "" {
				break
			}
			if len(got) == 1 { // what is made meanwhile is newer, and does not move the rest
				w.create(t, Key{Name: fmt.Sprintf("new-%s", state)})
			}
			q.Cursor = &meta.NextCursor
		}
		if names(got) != want {
			t.Errorf("state %q by cursor = %q, want %q", state, names(got), want)
		}
		w.exec(t, "delete from api_keys where name like 'new-%'")
	}
}

func TestService_List_cursorOfAnother(t *testing.T) {
	w := newWorld(t)
	w.crowd(t)
	_, meta, err := w.List(t.Context(), organizationID, Active, page.Query{PerPage: pointer[int32](1)})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		organization uuid.UUID
		state        string
	}{
		{organizationID, ""}, {organizationID, Expired}, {organizationID, Revoked}, {otherID, Active},
	} {
		_, _, err := w.List(t.Context(), c.organization, c.state, page.Query{Cursor: &meta.NextCursor})
		if !isCode(err, "invalid_cursor") {
			t.Errorf("%s in state %q with the cursor of another = %v, want invalid_cursor", c.organization, c.state, err)
		}
	}
}

func TestService_List_refuses(t *testing.T) {
	w := newWorld(t)
	for code, q := range map[string]page.Query{
		"page_too_deep":     {Page: pointer[int32](101), PerPage: pointer[int32](100)},
		"invalid_parameter": {Page: pointer[int32](1), Cursor: pointer("eyJ2IjoxfQ")},
		"invalid_cursor":    {Cursor: pointer("eyJ2IjoxfQ")},
	} {
		if _, _, err := w.List(t.Context(), organizationID, "", q); !isCode(err, code) {
			t.Errorf("List = %v, want %s", err, code)
		}
	}
}

func TestService_Get_missing(t *testing.T) {
	w := newWorld(t)
	theirs, _ := w.create(t, Key{OrganizationID: otherID})
	for name, key := range map[string]uuid.UUID{"of another organization": theirs.ID, "unknown": nthID(99)} {
		_, err := w.Get(t.Context(), organizationID, key)
		checkProblem(t, name, err, errMissing)
	}
}

func TestService_Find(t *testing.T) {
	w := newWorld(t)
	want, _ := w.create(t, Key{OrganizationID: otherID})
	got, err := w.Find(t.Context(), want.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Find (-want +got):\n%s", diff)
	}
	_, err = w.Find(t.Context(), nthID(99))
	checkProblem(t, "unknown", err, errMissing)
}

func TestKey_State(t *testing.T) {
	end := noon.Add(time.Hour)
	for _, c := range []struct {
		name string
		k    Key
		at   time.Time
		want string
	}{
		{"without an end", Key{}, end, Active},
		{"before its end", Key{ExpiresAt: &end}, end.Add(-time.Nanosecond), Active},
		{"at its end", Key{ExpiresAt: &end}, end, Expired},
		{"revoked", Key{RevokedAt: &noon}, noon, Revoked},
		{"revoked and past its end", Key{RevokedAt: &noon, ExpiresAt: &end}, end, Revoked},
	} {
		if got := c.k.State(c.at); got != c.want {
			t.Errorf("%s: State = %s, want %s", c.name, got, c.want)
		}
	}
}

// isCode reports whether an error is the problem of that code.
func isCode(err error, code string) bool {
	var p *problem.Error
	return errors.As(err, &p) && p.Code == code
}
