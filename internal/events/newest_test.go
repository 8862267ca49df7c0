package events

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

func TestFeed_Newest(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "One"), NewAdded(t.Context(), permit(w.organization)), changed(w.organization, "Three"), changed(w.other, "Theirs"))
	three := int64(3)
	for _, c := range []struct {
		name   string
		kind   string
		before *int64
		limit  int
		want   []int64
		more   bool
	}{
		{name: "all", limit: 3, want: []int64{3, 2, 1}},
		{name: "the first two", limit: 2, want: []int64{3, 2}, more: true},
		{name: "of a type", kind: StatusChanged, limit: 3, want: []int64{3, 1}},
		{name: "before one", before: &three, limit: 1, want: []int64{2}, more: true},
		{name: "of a type before one", kind: StatusChanged, before: &three, limit: 1, want: []int64{1}},
		{name: "of a type that there is none of", kind: FeeChanged, limit: 3},
	} {
		found, more, err := w.feed.Newest(t.Context(), w.organization, c.kind, c.before, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		var got []int64
		for _, e := range found {
			got = append(got, e.Number)
		}
		if !slices.Equal(got, c.want) || more != c.more {
			t.Errorf("%s: %v, more %t; want %v, %t", c.name, got, more, c.want, c.more)
		}
	}
}

func TestFeed_Get(t *testing.T) {
	w := newWorld(t)
	w.tell(t, changed(w.organization, "Issued"))
	found, _, err := w.feed.Newest(t.Context(), w.organization, "", nil, 1)
	if err != nil || len(found) != 1 {
		t.Fatalf("Newest = %v, %v; want one", found, err)
	}
	got, err := w.feed.Get(t.Context(), w.organization, found[0].ID)
	if err != nil || got != found[0] || got.Type != StatusChanged || got.PermitUUID != permitID || !got.CreatedAt.Equal(noon) {
		t.Errorf("Get = %+v, %v; want %+v", got, err, found[0])
	}
	for organization, event := range map[uuid.UUID]uuid.UUID{w.other: found[0].ID, w.organization: uuid.Nil} {
		_, err := w.feed.Get(t.Context(), organization, event)
		var p *problem.Error
		if !errors.As(err, &p) || p.Kind != problem.NotFound {
			t.Errorf("Get(%s) of %s = %v, want NotFound", event, organization, err)
		}
	}
}

// A test event has no number: the log leaves it out, and it can be looked at.
func TestFeed_Get_test(t *testing.T) {
	w := newWorld(t)
	example := Type{Name: StatusChanged, Example: []byte(`{"data": {"permit_uuid": "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10",
		"permit_number": "BLD-26-0521670", "previous_status": "Pending", "new_status": "In Review"}}`)}
	var made uuid.UUID
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) (err error) {
		made, err = w.AddTest(t.Context(), tx, w.organization, example)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if found, _, err := w.feed.Newest(t.Context(), w.organization, "", nil, 10); err != nil || len(found) > 0 {
		t.Errorf("Newest = %v, %v; want none", found, err)
	}
	if got, err := w.feed.Get(t.Context(), w.organization, made); err != nil || got.ID != made || got.Number != 0 {
		t.Errorf("Get = %+v, %v; want it, without a number", got, err)
	}
}
