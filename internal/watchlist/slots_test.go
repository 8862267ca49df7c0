package watchlist

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// fill imports the permits F-1 to F-n, and returns their numbers.
func (w *world) fill(t *testing.T, n int) []string {
	t.Helper()
	numbers := make([]string, n)
	for i := range numbers {
		numbers[i] = fmt.Sprintf("F-%d", i+1)
	}
	w.importNumbers(t, "filled", numbers...)
	return numbers
}

func TestService_Add_slotLimit(t *testing.T) {
	w := newWorld(t)
	var all []Create
	for _, n := range w.fill(t, 26) {
		all = append(all, Create{PermitNumber: n})
	}
	results, err := w.AddAll(t.Context(), w.organization, all)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results[:25] {
		if !r.Created {
			t.Errorf("permit %d of 25 = %+v, want it created", i+1, r)
		}
	}
	full := &problem.Error{
		Kind: problem.Conflict, Code: "slot_limit_reached",
		Message: "25 of 25 permit slots of the starter plan are used; remove a permit from the watchlist, or change the plan.",
	}
	if diff := cmp.Diff(full, results[25].Problem); diff != "" {
		t.Errorf("permit 26 (-want +got):\n%s", diff)
	}
	_, _, err = w.Add(t.Context(), w.organization, Create{PermitNumber: "A-1"})
	checkProblem(t, "Add with all slots used", err, full)
	if _, created, err := w.Add(t.Context(), w.organization, all[0]); created || err != nil {
		t.Errorf("Add of what is there = created %t, %v; want neither: it takes no slot", created, err)
	}
	if _, _, err := w.Add(t.Context(), w.other, Create{PermitNumber: "A-1"}); err != nil {
		t.Errorf("Add by another organization = %v, want no error", err)
	}
	if err := w.Remove(t.Context(), w.organization, results[0].Item.PermitUUID, nil); err != nil {
		t.Fatal(err)
	}
	w.add(t, Create{PermitNumber: "A-1"})
}

func TestService_Add_planChanges(t *testing.T) {
	w := newWorld(t)
	w.newPlan(t, "small", 1)
	w.add(t, Create{PermitNumber: "A-1"})
	w.add(t, Create{PermitNumber: "A-2"})
	plans := organizations.NewService(w.db, nil, nil)
	if err := plans.SetPlan(t.Context(), w.organization, "small", nil); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.Add(t.Context(), w.organization, Create{PermitNumber: "A-3"})
	checkProblem(t, "Add on a plan with fewer slots than are used", err, &problem.Error{
		Kind: problem.Conflict, Code: "slot_limit_reached",
		Message: "2 of 1 permit slots of the small plan are used; remove a permit from the watchlist, or change the plan.",
	})
	if diff := cmp.Diff([]string{"A-1", "A-2"}, w.numbers(t, w.organization)); diff != "" {
		t.Errorf("the watchlist (-want +got):\n%s", diff)
	}
	if err := plans.SetPlan(t.Context(), w.organization, "enterprise", nil); err != nil {
		t.Fatal(err)
	}
	w.add(t, Create{PermitNumber: "A-3"})
}

func TestService_Add_manyAtOnce(t *testing.T) {
	w := newWorld(t)
	w.tracked = func(context.Context, *postgres.Tx, uuid.UUID, []uuid.UUID) error { return nil }
	var mutex sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for _, number := range w.fill(t, 200) {
		wait.Go(func() {
			_, created, err := w.Add(t.Context(), w.organization, Create{PermitNumber: number})
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[fmt.Sprintf("created %t %s", created, codeOf(err))]++
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string]int{"created true ": 25, "created false slot_limit_reached": 175}, outcomes); diff != "" {
		t.Errorf("200 adds at once for 25 slots (-want +got):\n%s", diff)
	}
	if got := len(w.numbers(t, w.organization)); got != 25 {
		t.Errorf("the watchlist has %d items, want 25", got)
	}
}

func TestService_Add_oneManyTimesAtOnce(t *testing.T) {
	w := newWorld(t)
	w.tracked = func(context.Context, *postgres.Tx, uuid.UUID, []uuid.UUID) error { return nil }
	var mutex sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for range 50 {
		wait.Go(func() {
			item, created, err := w.Add(t.Context(), w.organization, Create{PermitNumber: "A-1"})
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[fmt.Sprintf("%s created %t %s", item.PermitNumber, created, codeOf(err))]++
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string]int{"A-1 created true ": 1, "A-1 created false ": 49}, outcomes); diff != "" {
		t.Errorf("50 adds of one permit at once (-want +got):\n%s", diff)
	}
}

func TestService_Add_raceForTheLastSlot(t *testing.T) {
	w := newWorld(t)
	w.newPlan(t, "small", 1)
	refused := errors.New("refused")
	for name, c := range map[string]struct {
		first error // how the first one's transaction ends
		want  string
	}{
		"the first commits": {nil, "slot_limit_reached"}, "the first rolls back": {refused, ""},
	} {
		organization := w.newOrganization(t, "small")
		second := make(chan error, 1)
		err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
			if _, _, err := w.Add(postgres.WithTx(t.Context(), tx), organization, Create{PermitNumber: "A-1"}); err != nil {
				return err
			}
			go func() {
				_, _, err := w.Add(t.Context(), organization, Create{PermitNumber: "A-2"})
				second <- err
			}()
			w.waitForLock(t)
			return c.first
		})
		if !errors.Is(err, c.first) {
			t.Fatalf("%s: InTx = %v, want %v", name, err, c.first)
		}
		if got := codeOf(<-second); got != c.want {
			t.Errorf("%s: the second gets %q, want %q", name, got, c.want)
		}
		if got := w.numbers(t, organization); len(got) != 1 {
			t.Errorf("%s: the watchlist is %q, want one permit", name, got)
		}
	}
}
