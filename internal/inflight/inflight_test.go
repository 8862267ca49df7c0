package inflight

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/problem"
)

var (
	organization = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	other        = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
)

func enter(t *testing.T, g *Gate, organization uuid.UUID) (leave func()) {
	t.Helper()
	leave, err := g.Enter(organization)
	if err != nil {
		t.Fatalf("Enter = %v, want no error", err)
	}
	return leave
}

func TestGate_Enter(t *testing.T) {
	g := NewGate(2)
	first := enter(t, g, organization)
	second := enter(t, g, organization)
	_, err := g.Enter(organization)
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Fatalf("Enter of a third = %v, want a problem", err)
	}
	want := &problem.Error{
		Kind: problem.TooMany, Code: "too_many_in_flight", RetryAfter: time.Second,
		Message: "2 requests of this organization are under way; send this one again when one of them is answered.",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Enter of a third (-want +got):\n%s", diff)
	}
	enter(t, g, other)()
	first()
	first() // once is enough
	third := enter(t, g, organization)
	if _, err := g.Enter(organization); err == nil {
		t.Error("Enter = no error, want leaving twice to be leaving once")
	}
	second()
	third()
	if len(g.count) != 0 {
		t.Errorf("counts = %v, want none when all have left", g.count)
	}
}

func TestGate_Enter_many(t *testing.T) {
	const most = 3
	g := NewGate(most)
	var running sync.WaitGroup
	var inside, entered atomic.Int64
	for range 50 {
		running.Go(func() {
			for range 100 {
				leave, err := g.Enter(organization)
				if err != nil {
					continue
				}
				if n := inside.Add(1); n > most {
					t.Errorf("%d are inside at once, want at most %d", n, most)
				}
				entered.Add(1)
				inside.Add(-1)
				leave()
			}
		})
	}
	running.Wait()
	if entered.Load() == 0 || len(g.count) != 0 {
		t.Errorf("%d entered, counts = %v; want some, and none left", entered.Load(), g.count)
	}
}

func TestLeave(t *testing.T) {
	Leave(t.Context()) // nobody has to
	g := NewGate(1)
	leave := enter(t, g, organization)
	ctx := With(t.Context(), leave)
	Leave(ctx)
	next := enter(t, g, organization)
	Leave(ctx)
	leave()
	if _, err := g.Enter(organization); err == nil {
		t.Error("Enter = no error, want the next one to have its place still")
	}
	next()
}
