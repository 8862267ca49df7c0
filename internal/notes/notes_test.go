package notes

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	errMissing       = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such note."}
	errMissingPermit = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such permit."}
	errNotTracked    = &problem.Error{
		Kind: problem.Conflict, Code: "permit_not_tracked",
		Message: "The permit is neither on the watchlist nor in the portfolio; add it to the watchlist first.",
	}
	errStale = &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{In: "header", Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer"}},
	}
)

func TestService_Create(t *testing.T) {
	w := newWorld(t)
	for name, number := range map[string]string{"on the watchlist": "N-1", "in the portfolio": "N-2"} {
		got := w.create(t, number, "Call the reviewer.")
		want := Note{
			ID: got.ID, PermitUUID: w.permit(t, number), Body: "Call the reviewer.", APIKeyID: w.key, APIKeyName: "CRM",
			CreatedAt: noon, UpdatedAt: noon, Version: 1,
		}
		if diff := cmp.Diff(want, got); diff != "" || got.ID == uuid.Nil {
			t.Errorf("%s: Create with id %s (-want +got):\n%s", name, got.ID, diff)
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

func TestService_Create_untracked(t *testing.T) {
	w := newWorld(t)
	_, err := w.Create(t.Context(), w.organization, w.permit(t, "N-3"), w.key, "x")
	checkProblem(t, "Create on a permit that nobody tracks", err, errNotTracked)
	_, err = w.Create(t.Context(), w.other, w.permit(t, "N-4"), w.key, "x")
	checkProblem(t, "Create on a permit that another organization watches", err, errNotTracked)
	_, err = w.Create(t.Context(), w.other, w.permit(t, "N-2"), w.key, "x")
	checkProblem(t, "Create on a permit in another organization's portfolio", err, errNotTracked)
	_, err = w.Create(t.Context(), w.organization, newID(), w.key, "x")
	checkProblem(t, "Create on an unknown permit", err, errMissingPermit)
}

func TestService_Create_noLongerTracked(t *testing.T) {
	w := newWorld(t)
	watched, matched := w.create(t, "N-1", "watched"), w.create(t, "N-2", "matched")
	if err := w.watchlist().Remove(t.Context(), w.organization, watched.PermitUUID, nil); err != nil {
		t.Fatal(err)
	}
	if err := w.conditions().Delete(t.Context(), w.organization, w.condition, nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range []Note{watched, matched} {
		_, err := w.Create(t.Context(), w.organization, n.PermitUUID, w.key, "x")
		checkProblem(t, "Create on a permit that was "+n.Body, err, errNotTracked)
		if got, err := w.Get(t.Context(), w.organization, n.ID); err != nil || !cmp.Equal(got, n) {
			t.Errorf("Get of the note on a permit that was %s = %+v, %v; want it kept", n.Body, got, err)
		}
		if got, _, err := w.List(t.Context(), w.organization, n.PermitUUID, page.Query{}); err != nil || !cmp.Equal(got, []Note{n}) {
			t.Errorf("List of the notes on a permit that was %s = %+v, %v; want them kept", n.Body, got, err)
		}
	}
}

func TestService_Create_keepsMarkdown(t *testing.T) {
	w := newWorld(t)
	for _, body := range []string{
		"  # Title  \r\n\r\n* one\n*\ttwo  \n\n```sql\nselect 1; -- '\"\\\n```\n", "<script>alert('x')</script> & &amp; &#39;", "\\n \\\\ \\u0041 %s $1 ?",
		"e\u0301 \u00e9 \u200b\ufeff \U0001f3d7\ufe0f \u202eabc", " ", "\n", strings.Repeat("ü", 10_000),
	} {
		n := w.create(t, "N-1", body)
		if n.Body != body {
			t.Errorf("Create(%.40q) = %.40q, want it byte for byte", body, n.Body)
		}
		n, err := w.Update(t.Context(), w.organization, w.create(t, "N-1", "x").ID, nil, &body)
		if err != nil || n.Body != body {
			t.Errorf("Update(%.40q) = %.40q, %v; want it byte for byte", body, n.Body, err)
		}
	}
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	var want []string
	for i := range 5 {
		w.create(t, "N-1", fmt.Sprint(i))
		want = append([]string{fmt.Sprint(i)}, want...)
	}
	w.create(t, "N-4", "on another permit")
	permit := w.permit(t, "N-1")
	q := page.Query{PerPage: ptr(int32(2))}
	var got []string
	for {
		found, meta, err := w.List(t.Context(), w.organization, permit, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, bodies(found)...)
		if q.Cursor == nil && meta.Total != 5 {
			t.Errorf("total = %d, want 5", meta.Total)
		}
		if meta.NextCursor == "" {
			break
		}
		q.Cursor = &meta.NextCursor
		w.create(t, "N-1", "written meanwhile")
	}
	if !slices.Equal(got, want) {
		t.Errorf("the walk = %q, want %q", got, want)
	}
}

func TestService_List_pages(t *testing.T) {
	w := newWorld(t)
	for i := range 5 {
		w.create(t, "N-1", fmt.Sprint(i))
	}
	for number, want := range map[int32][]string{1: {"4", "3"}, 2: {"2", "1"}, 3: {"0"}, 4: {}} {
		found, meta, err := w.List(t.Context(), w.organization, w.permit(t, "N-1"), page.Query{Page: &number, PerPage: ptr(int32(2))})
		if err != nil || !slices.Equal(bodies(found), want) || meta.Total != 5 {
			t.Errorf("page %d = %q of %d, %v; want %q of 5", number, bodies(found), meta.Total, err, want)
		}
	}
}

func bodies(notes []Note) []string {
	found := []string{}
	for _, n := range notes {
		found = append(found, n.Body)
	}
	return found
}

func TestService_List_none(t *testing.T) {
	w := newWorld(t)
	w.create(t, "N-1", "x")
	for name, c := range map[string]struct {
		organization uuid.UUID
		number       string
	}{
		"no notes": {w.organization, "N-4"}, "not tracked": {w.organization, "N-3"}, "another's notes": {w.other, "N-1"},
	} {
		found, meta, err := w.List(t.Context(), c.organization, w.permit(t, c.number), page.Query{})
		if err != nil || len(found) != 0 || meta.Total != 0 {
			t.Errorf("%s: List of %s = %+v of %d, %v; want none", name, c.number, found, meta.Total, err)
		}
	}
	_, _, err := w.List(t.Context(), w.organization, newID(), page.Query{})
	checkProblem(t, "List on an unknown permit", err, errMissingPermit)
}

func TestService_Update(t *testing.T) {
	w := newWorld(t)
	want := w.create(t, "N-1", "first")
	for i, body := range []string{"second", "third"} {
		w.now = noon.Add(time.Duration(i+1) * time.Minute)
		want.Body, want.Version, want.UpdatedAt = body, int64(i+2), w.now
		got, err := w.Update(t.Context(), w.organization, want.ID, nil, &body)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Update to %q (-want +got):\n%s", want.Body, diff)
		}
	}
}

func TestService_Update_nothing(t *testing.T) {
	w := newWorld(t)
	want := w.create(t, "N-1", "first")
	w.now = noon.Add(time.Minute)
	for name, body := range map[string]*string{"no text": nil, "the same text": ptr("first")} {
		got, err := w.Update(t.Context(), w.organization, want.ID, nil, body)
		if err != nil {
			t.Fatalf("%s: Update = %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Update to %s (-want +got):\n%s", name, diff)
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
	note := w.create(t, "N-1", "first")
	for form, holds := range preconditions {
		header := strings.Replace(form, "%d", fmt.Sprint(note.Version), 1)
		got, err := w.Update(t.Context(), w.organization, note.ID, &header, ptr("by "+form))
		if holds {
			if err != nil || got.Version != note.Version+1 {
				t.Errorf("Update of version %d with If-Match %s = version %d, %v; want the next one", note.Version, header, got.Version, err)
			}
			note = got
			continue
		}
		checkProblem(t, "Update with If-Match "+header, err, errStale)
		if got, err := w.Get(t.Context(), w.organization, note.ID); err != nil || !cmp.Equal(got, note) {
			t.Errorf("after a refused Update with If-Match %s: %+v, %v; want %+v", header, got, err, note)
		}
	}
}

func TestService_Delete(t *testing.T) {
	w := newWorld(t)
	for form, holds := range preconditions {
		note := w.create(t, "N-1", "to delete by "+form)
		header := strings.Replace(form, "%d", fmt.Sprint(note.Version), 1)
		err := w.Delete(t.Context(), w.organization, note.ID, &header)
		if !holds {
			checkProblem(t, "Delete with If-Match "+header, err, errStale)
			if _, err := w.Get(t.Context(), w.organization, note.ID); err != nil {
				t.Errorf("after a refused Delete with If-Match %s: %v, want the note", header, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("Delete with If-Match %s = %v, want no error", header, err)
		}
		checkProblem(t, "Delete again", w.Delete(t.Context(), w.organization, note.ID, nil), errMissing)
		_, err = w.Get(t.Context(), w.organization, note.ID)
		checkProblem(t, "Get of what was deleted", err, errMissing)
	}
}

func TestService_otherOrganization(t *testing.T) {
	w := newWorld(t)
	note := w.create(t, "N-1", "ours")
	for name, id := range map[string]uuid.UUID{"another's": note.ID, "unknown": newID()} {
		_, err := w.Get(t.Context(), w.other, id)
		checkProblem(t, "Get of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, id, nil, ptr("theirs"))
		checkProblem(t, "Update of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, id, ptr(`"99"`), ptr("theirs"))
		checkProblem(t, "Update with If-Match of one "+name, err, errMissing)
		checkProblem(t, "Delete of one "+name, w.Delete(t.Context(), w.other, id, nil), errMissing)
	}
	if got, err := w.Get(t.Context(), w.organization, note.ID); err != nil || !cmp.Equal(got, note) {
		t.Errorf("Get = %+v, %v; want %+v as it was", got, err, note)
	}
}
