package members

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a service on its own database, with two organizations on the starter plan, which has two seats.
type world struct {
	*Service
	db                  *postgres.DB
	organizations       *organizations.Service
	organization, other uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t)}
	w.Service = NewService(w.db, func() time.Time { return noon }, newID)
	w.organizations = organizations.NewService(w.db, time.Now, newID)
	for _, organization := range []*uuid.UUID{&w.organization, &w.other} {
		var err error
		if *organization, err = w.organizations.Create(t.Context(), "Palmetto Builders", "starter"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// named returns a member to add.
func named(name string) Member {
	return Member{Email: name + "@example.com", Name: name, Role: Admin}
}

func (w *world) add(t *testing.T, organization uuid.UUID, m Member) Member {
	t.Helper()
	added, err := w.Add(t.Context(), organization, m)
	if err != nil {
		t.Fatal(err)
	}
	return added
}

func (w *world) check(t *testing.T, what string, organization uuid.UUID, want ...Member) {
	t.Helper()
	got, err := w.List(t.Context(), organization)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: members (-want +got):\n%s", what, diff)
	}
	o, err := w.organizations.Get(t.Context(), organization)
	if err != nil || int(o.UsedSeats) != len(want) {
		t.Errorf("%s: %d seats are used, %v; want %d", what, o.UsedSeats, err, len(want))
	}
}

func checkProblem(t *testing.T, what string, err error, want *problem.Error) {
	t.Helper()
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s = %v, want %v", what, err, want)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

var (
	errExists = &problem.Error{Kind: problem.Conflict, Code: "member_exists", Message: "The organization has a member with this e-mail address already."}
	errFull   = &problem.Error{Kind: problem.Conflict, Code: "seat_limit_reached", Message: "2 of 2 seats of the starter plan are used; change the plan to add members."}
)

func TestService_Add(t *testing.T) {
	w := newWorld(t)
	w.check(t, "at first", w.organization)
	got := w.add(t, w.organization, Member{Email: " Zoe@Example.com ", Name: " Permits desk ", Role: Owner})
	want := Member{ID: got.ID, Email: "Zoe@Example.com", Name: "Permits desk", Role: "owner", CreatedAt: noon}
	if diff := cmp.Diff(want, got); diff != "" || got.ID == uuid.Nil {
		t.Errorf("Add = id %s (-want +got):\n%s", got.ID, diff)
	}
	second := w.add(t, w.organization, Member{Email: "other@example.com", Name: "Other", Role: Plain})
	w.check(t, "then", w.organization, want, second)
	w.check(t, "another organization", w.other)
}

// An address is once in an organization, in upper or lower case, and may be in several.
func TestService_Add_twice(t *testing.T) {
	w := newWorld(t)
	first := w.add(t, w.organization, named("zoe"))
	for _, email := range []string{"zoe@example.com", "ZOE@Example.COM"} {
		m := named("zoe")
		m.Email = email
		_, err := w.Add(t.Context(), w.organization, m)
		checkProblem(t, "Add of "+email, err, errExists)
	}
	w.check(t, "after the refusals", w.organization, first)
	w.check(t, "another organization", w.other, w.add(t, w.other, named("zoe")))
}

func TestService_Add_seats(t *testing.T) {
	w := newWorld(t)
	first, second := w.add(t, w.organization, named("a")), w.add(t, w.organization, named("b"))
	_, err := w.Add(t.Context(), w.organization, named("c"))
	checkProblem(t, "Add to a full plan", err, errFull)
	w.check(t, "full", w.organization, first, second)
	if err := w.organizations.SetPlan(t.Context(), w.organization, "enterprise", nil); err != nil {
		t.Fatal(err)
	}
	w.check(t, "on a plan without limit", w.organization, first, second, w.add(t, w.organization, named("c")))
}

func TestService_Add_manyAtOnce(t *testing.T) {
	w := newWorld(t)
	var mutex sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for i := range 20 {
		wait.Go(func() {
			_, err := w.Add(t.Context(), w.organization, named(fmt.Sprint(i)))
			code := ""
			if p := (*problem.Error)(nil); errors.As(err, &p) {
				code = p.Code
			} else if err != nil {
				t.Error(err)
			}
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[code]++
		})
	}
	wait.Wait()
	if diff := cmp.Diff(map[string]int{"": 2, "seat_limit_reached": 18}, outcomes); diff != "" {
		t.Errorf("20 adds at once for 2 seats (-want +got):\n%s", diff)
	}
}

func TestService_Add_refuses(t *testing.T) {
	w := newWorld(t)
	email := problem.Detail{In: "body", Pointer: "/email", Code: "email", Message: "must be an e-mail address such as name@example.com"}
	name := problem.Detail{In: "body", Pointer: "/name", Code: "name", Message: "must have 1 to 200 characters, in one line"}
	for _, c := range []struct {
		email, name string
		want        problem.Detail
	}{
		{"", "A", email},
		{"zoe", "A", email},
		{"@example.com", "A", email},
		{"Zoe <zoe@example.com>", "A", email},
		{"a@example.com, b@example.com", "A", email},
		{"zoe@example.com\nBcc: x@example.com", "A", email},
		{strings.Repeat("a", 243) + "@example.com", "A", email},
		{"\u212aevin@example.com", "A", email}, // Kelvin's sign, whose small letter is k
		{"É@example.com", "A", email},
		{"zoe@example.com", "", name},
		{"zoe@example.com", " \t", name},
		{"zoe@example.com", "Zoe\nBcc: x@example.com", name},
		{"zoe@example.com", strings.Repeat("é", 201), name},
	} {
		_, err := w.Add(t.Context(), w.organization, Member{Email: c.email, Name: c.name, Role: Plain})
		checkProblem(t, fmt.Sprintf("Add of %q, %q", c.email, c.name), err, &problem.Error{
			Kind: problem.Unprocessable, Code: "invalid_body", Message: c.want.Pointer + " " + c.want.Message + ".", Details: []problem.Detail{c.want},
		})
	}
	_, err := w.Add(t.Context(), newID(), named("a"))
	checkProblem(t, "Add to no organization", err, problem.Missing("organization"))
	w.check(t, "after the refusals", w.organization)
	long := named("a")
	long.Email, long.Name = strings.Repeat("a", 240)+"é@example.com", strings.Repeat("é", 200)
	w.check(t, "the longest", w.organization, w.add(t, w.organization, long))
}
