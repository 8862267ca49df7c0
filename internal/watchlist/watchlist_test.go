package watchlist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	errMissing = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such watchlist item."}
	errStale   = &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{In: "header", Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer"}},
	}
)

func TestService_Update(t *testing.T) {
	w := newWorld(t)
	want := w.add(t, Create{PermitNumber: "A-1", Tags: []string{"pool", "north"}, Priority: "high"})
	for _, c := range []struct {
		update   Update
		tags     []string
		priority string
	}{
		{Update{Tags: []string{"roof"}}, []string{"roof"}, "high"},
		{Update{Priority: ptr("low")}, []string{"roof"}, "low"},
		{Update{Tags: []string{}}, []string{}, "low"},
		{Update{Priority: ptr("none")}, []string{}, "none"},
		{Update{Tags: []string{"a", "b"}, Priority: ptr("medium")}, []string{"a", "b"}, "medium"},
	} {
		want.Tags, want.Priority, want.UpdatedAt = c.tags, c.priority, noon
		got, err := w.Update(t.Context(), w.organization, want.PermitUUID, nil, c.update)
		if err != nil {
			t.Fatalf("Update(%+v) = %v", c.update, err)
		}
		if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(Item{}, "Version")); diff != "" {
			t.Errorf("Update(%+v) (-want +got):\n%s", c.update, diff)
		}
		if got.Version <= want.Version {
			t.Errorf("Update(%+v) = version %d, want more than %d", c.update, got.Version, want.Version)
		}
		want.Version = got.Version
	}
}

func TestService_Update_nothing(t *testing.T) {
	w := newWorld(t)
	want := w.add(t, Create{PermitNumber: "A-1", Tags: []string{"pool", "north"}, Priority: "high"})
	for _, u := range []Update{
		{}, {Tags: []string{"pool", "north"}}, {Priority: ptr("high")}, {Tags: []string{"pool", "north"}, Priority: ptr("high")},
	} {
		got, err := w.Update(t.Context(), w.organization, want.PermitUUID, nil, u)
		if err != nil {
			t.Fatalf("Update(%+v) = %v", u, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Update(%+v) to what it is (-want +got):\n%s", u, diff)
		}
	}
}

// preconditions are values of If-Match, with the version in the place of %d, and whether they hold.
var preconditions = map[string]bool{
	`"%d"`: true, `"%d.ungWv48Bz-pBQUDeXa4iIw"`: true, `*`: true, `"0", "%d"`: true,
	`"0"`: false, `"%d0"`: false, `W/"%d"`: false, `"0", "99"`: false, ``: false,
}

func TestService_Update_ifMatch(t *testing.T) {
	w := newWorld(t)
	item := w.add(t, Create{PermitNumber: "A-1"})
	for form, holds := range preconditions {
		header := strings.Replace(form, "%d", fmt.Sprint(item.Version), 1)
		got, err := w.Update(t.Context(), w.organization, item.PermitUUID, &header, Update{Tags: []string{form}})
		if holds {
			if err != nil || got.Version <= item.Version {
				t.Errorf("Update of version %d with If-Match %s = version %d, %v; want a later one", item.Version, header, got.Version, err)
			}
			item = got
			continue
		}
		checkProblem(t, "Update with If-Match "+header, err, errStale)
		if got, err := w.Get(t.Context(), w.organization, item.PermitUUID); err != nil || !cmp.Equal(got, item) {
			t.Errorf("after a refused Update with If-Match %s: %+v, %v; want %+v", header, got, err, item)
		}
	}
}

func TestService_Update_atOnce(t *testing.T) {
	w := newWorld(t)
	item := w.add(t, Create{PermitNumber: "A-1"})
	var mutex sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for range 20 {
		wait.Go(func() {
			_, err := w.Update(t.Context(), w.organization, item.PermitUUID, ifMatch(item), Update{Priority: ptr("high")})
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[codeOf(err)]++
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string]int{"": 1, "precondition_failed": 19}, outcomes); diff != "" {
		t.Errorf("20 updates of one version at once (-want +got):\n%s", diff)
	}
}

func TestService_Remove(t *testing.T) {
	w := newWorld(t)
	item := w.add(t, Create{PermitNumber: "A-1"})
	w.add(t, Create{PermitNumber: "A-2"})
	w.calls = nil
	if err := w.Remove(t.Context(), w.organization, item.PermitUUID, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"A-2"}, w.numbers(t, w.organization)); diff != "" {
		t.Errorf("the watchlist (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]call{{w.organization, []uuid.UUID{item.PermitUUID}}}, w.calls); diff != "" {
		t.Errorf("tracked (-want +got):\n%s", diff)
	}
	checkProblem(t, "Remove again", w.Remove(t.Context(), w.organization, item.PermitUUID, nil), errMissing)
	_, err := w.Get(t.Context(), w.organization, item.PermitUUID)
	checkProblem(t, "Get of what was removed", err, errMissing)
	if again := w.add(t, Create{PermitNumber: "A-1"}); again.Version <= item.Version || !again.AddedAt.After(item.AddedAt) {
		t.Errorf("added again at %s as version %d; want a new item, later than %s and version %d", again.AddedAt, again.Version, item.AddedAt, item.Version)
	}
}

func TestService_Remove_staleIfMatch(t *testing.T) {
	w := newWorld(t)
	before := w.add(t, Create{PermitNumber: "A-1"})
	if err := w.Remove(t.Context(), w.organization, before.PermitUUID, nil); err != nil {
		t.Fatal(err)
	}
	again := w.add(t, Create{PermitNumber: "A-1"})
	_, err := w.Update(t.Context(), w.organization, again.PermitUUID, ifMatch(before), Update{Priority: ptr("high")})
	checkProblem(t, "Update with the If-Match of before the removal", err, errStale)
	checkProblem(t, "Remove with the If-Match of before the removal", w.Remove(t.Context(), w.organization, again.PermitUUID, ifMatch(before)), errStale)
	got, err := w.Get(t.Context(), w.organization, again.PermitUUID)
	if diff := cmp.Diff(again, got); diff != "" || err != nil {
		t.Errorf("after refusals Get = %v (-want +got):\n%s", err, diff)
	}
	if err := w.Remove(t.Context(), w.organization, again.PermitUUID, ifMatch(again)); err != nil {
		t.Errorf("Remove with the If-Match of now = %v, want no error", err)
	}
}

func TestService_Remove_ifMatch(t *testing.T) {
	w := newWorld(t)
	for form, holds := range preconditions {
		item := w.add(t, Create{PermitNumber: "A-1"})
		header := strings.Replace(form, "%d", fmt.Sprint(item.Version), 1)
		err := w.Remove(t.Context(), w.organization, item.PermitUUID, &header)
		if holds {
			if err != nil {
				t.Errorf("Remove with If-Match %s = %v, want no error", header, err)
			}
			continue
		}
		checkProblem(t, "Remove with If-Match "+header, err, errStale)
		if err := w.Remove(t.Context(), w.organization, item.PermitUUID, nil); err != nil {
			t.Errorf("after a refused Remove with If-Match %s: %v, want the item still there", header, err)
		}
	}
}

func TestService_Remove_trackedFails(t *testing.T) {
	w := newWorld(t)
	item := w.add(t, Create{PermitNumber: "A-1"})
	broken := errors.New("broken")
	w.tracked = func(context.Context, *postgres.Tx, uuid.UUID, []uuid.UUID) error { return broken }
	if err := w.Remove(t.Context(), w.organization, item.PermitUUID, nil); !errors.Is(err, broken) {
		t.Errorf("Remove = %v, want %v", err, broken)
	}
	if got, err := w.Get(t.Context(), w.organization, item.PermitUUID); err != nil || !cmp.Equal(got, item) {
		t.Errorf("Get = %+v, %v; want %+v: what failed is rolled back", got, err, item)
	}
}

func TestService_otherOrganization(t *testing.T) {
	w := newWorld(t)
	item := w.add(t, Create{PermitNumber: "A-1"})
	for name, permit := range map[string]uuid.UUID{"another's": item.PermitUUID, "not watched": w.permit(t, "A-2"), "unknown": newID()} {
		_, err := w.Get(t.Context(), w.other, permit)
		checkProblem(t, "Get of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, permit, nil, Update{Priority: ptr("low")})
		checkProblem(t, "Update of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, permit, ptr(`"99"`), Update{Priority: ptr("low")})
		checkProblem(t, "Update with If-Match of one "+name, err, errMissing)
		checkProblem(t, "Remove of one "+name, w.Remove(t.Context(), w.other, permit, nil), errMissing)
	}
	if got, err := w.Get(t.Context(), w.organization, item.PermitUUID); err != nil || !cmp.Equal(got, item) {
		t.Errorf("Get = %+v, %v; want %+v as it was", got, err, item)
	}
	if got := w.numbers(t, w.other); len(got) != 0 {
		t.Errorf("the other organization's watchlist is %q, want nothing", got)
	}
}

// addTagged watches with tags and priorities.
func (w *world) addTagged(t *testing.T) {
	t.Helper()
	for _, c := range []Create{
		{PermitNumber: "A-4", Priority: "low"},
		{PermitNumber: "A-1", Tags: []string{"pool", "north"}, Priority: "high"},
		{PermitNumber: "A-5", Tags: []string{"Pool"}, Priority: "medium"},
		{PermitNumber: "A-3", Tags: []string{"roof"}},
		{PermitNumber: "A-2", Tags: []string{"north"}, Priority: "low"},
	} {
		w.add(t, c)
	}
}

func TestService_List_filters(t *testing.T) {
	w := newWorld(t)
	w.addTagged(t)
	for name, c := range map[string]struct {
		filter Filter
		want   []string
	}{
		"none":               {Filter{}, []string{"A-1", "A-2", "A-3", "A-4", "A-5"}},
		"a tag":              {Filter{Tags: []string{"pool"}}, []string{"A-1"}},
		"any of two tags":    {Filter{Tags: []string{"north", "roof"}}, []string{"A-1", "A-2", "A-3"}},
		"an unknown tag":     {Filter{Tags: []string{"po"}}, []string{}},
		"a priority":         {Filter{Priorities: []string{"low"}}, []string{"A-2", "A-4"}},
		"two priorities":     {Filter{Priorities: []string{"none", "high"}}, []string{"A-1", "A-3"}},
		"a tag and priority": {Filter{Tags: []string{"north"}, Priorities: []string{"low", "medium"}}, []string{"A-2"}},
	} {
		items, meta, err := w.List(t.Context(), w.organization, c.filter, page.Query{})
		if err != nil {
			t.Fatalf("%s: List(%+v) = %v", name, c.filter, err)
		}
		if diff := cmp.Diff(c.want, numbersOf(items)); diff != "" {
			t.Errorf("%s: List(%+v) (-want +got):\n%s", name, c.filter, diff)
		}
		if want := (page.Meta{Number: 1, PerPage: 25, Total: len(c.want)}); meta != want {
			t.Errorf("%s: meta = %+v, want %+v", name, meta, want)
		}
	}
}

func TestService_List_pages(t *testing.T) {
	w := newWorld(t)
	w.addTagged(t)
	for number, want := range map[int32][]string{1: {"A-1", "A-2"}, 2: {"A-3", "A-4"}, 3: {"A-5"}, 4: {}} {
		items, meta, err := w.List(t.Context(), w.organization, Filter{}, page.Query{Page: &number, PerPage: ptr(int32(2))})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, numbersOf(items)); diff != "" || meta.Total != 5 || (meta.NextCursor != "") != (number < 3) {
			t.Errorf("page %d has meta %+v, want a total of 5 and a cursor before the end (-want +got):\n%s", number, meta, diff)
		}
	}
}

func TestService_List_cursor(t *testing.T) {
	w := newWorld(t)
	w.addTagged(t)
	f := Filter{Tags: []string{"pool", "north", "roof"}}
	q := page.Query{PerPage: ptr(int32(1))}
	var got []string
	for {
		items, meta, err := w.List(t.Context(), w.organization, f, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, numbersOf(items)...)
		if meta.NextCursor == "" {
			break
		}
		q.Cursor = &meta.NextCursor
	}
	if want := []string{"A-1", "A-2", "A-3"}; !slices.Equal(got, want) {
		t.Errorf("the walk = %q, want %q", got, want)
	}
	for name, list := range map[string]func() error{
		"another filter": func() error {
			_, _, err := w.List(t.Context(), w.organization, Filter{}, q)
			return err
		},
		"another organization": func() error {
			_, _, err := w.List(t.Context(), w.other, f, q)
			return err
		},
	} {
		if got := codeOf(list()); got != "invalid_cursor" {
			t.Errorf("the cursor in the list of %s = %q, want invalid_cursor", name, got)
		}
	}
}
