package idempotency

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	organizationID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	otherID        = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e20")
	noon           = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
)

// world is the keys of a database with two organizations; the test sets the clock.
type world struct {
	*Keys
	db  *postgres.DB
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon}
	w.Keys = NewKeys(func() time.Time { return w.now })
	_, err := w.db.ExecContext(t.Context(), "insert into organizations (id, name, plan, created_at) select unnest(cast($1 as uuid[])), 'Palmetto Builders', 'starter', $2",
		fmt.Sprintf("{%s,%s}", organizationID, otherID), noon)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func request() Request {
	return Request{OrganizationID: organizationID, Method: "POST", Path: "/v1/watchlist", Key: "k-1", Body: []byte(`{"permit_number":"B-1"}`)}
}

var created = Answer{Status: 201, Location: "/v1/watchlist/x", ETag: `"1"`, Body: []byte(`{"data":{}}`)}

// do carries a request out, and keeps the answer, unless there is one to give again, which it returns.
func (w *world) do(ctx context.Context, r Request, a Answer) (kept *Answer, err error) {
	err = postgres.InTx(ctx, w.db, func(tx *postgres.Tx) error {
		kept, err = w.Claim(ctx, tx, r)
		if err != nil || kept != nil {
			return err
		}
		return w.Keep(ctx, tx, r, a)
	})
	return kept, err
}

// carryOut fails the test when the request is not carried out.
func (w *world) carryOut(t *testing.T, r Request, a Answer) {
	t.Helper()
	if kept, err := w.do(t.Context(), r, a); kept != nil || err != nil {
		t.Fatalf("%+v = %+v, %v; want it carried out", r, kept, err)
	}
}

// count returns how many answers are kept for an organization.
func (w *world) count(t *testing.T, organization uuid.UUID) int {
	t.Helper()
	var n int
	if err := w.db.GetContext(t.Context(), &n, "select count(*) from idempotency_keys where organization_id = $1", organization); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestKeys_Claim_repeat(t *testing.T) {
	w := newWorld(t)
	w.carryOut(t, request(), created)
	for range 2 {
		got, err := w.do(t.Context(), request(), Answer{Status: 200, Body: []byte("another")})
		if err != nil {
			t.Fatal(err)
		}
		want := &Answer{Status: 201, Location: "/v1/watchlist/x", ETag: `"1"`, Body: []byte(`{"data":{}}`)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the same request again (-want +got):\n%s", diff)
		}
	}
}

func TestKeys_Keep_storesOnlyTheHash(t *testing.T) {
	w := newWorld(t)
	w.carryOut(t, request(), created)
	var got string
	if err := w.db.GetContext(t.Context(), &got, "select key from idempotency_keys"); err != nil {
		t.Fatal(err)
	}
	if want := "7c35c5a1785d20704e44d5de4beb81c1fce91b6fe48ed7c3159af6f7f832078b"; got != want {
		t.Errorf("the key %q is stored as %q, want %q", request().Key, got, want)
	}
}

func TestKeys_Claim_otherBody(t *testing.T) {
	w := newWorld(t)
	w.carryOut(t, request(), created)
	r := request()
	r.Body = []byte(`{"permit_number":"B-2"}`)
	_, err := w.do(t.Context(), r, created)
	want := &problem.Error{
		Kind: problem.Unprocessable, Code: "idempotency_key_reused",
		Message: "This Idempotency-Key was sent before with another body; use a new key for each new request.",
		Details: []problem.Detail{{In: "header", Pointer: "Idempotency-Key", Code: "idempotency_key_reused", Message: "must be new for a new body"}},
	}
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Fatalf("Claim(%+v) = %v, want %v", r, err, want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Claim(%+v) (-want +got):\n%s", r, diff)
	}
	if kept, err := w.do(t.Context(), request(), created); err != nil || kept == nil {
		t.Errorf("the first request again = %+v, %v; want its answer", kept, err)
	}
}

func TestKeys_Claim_apart(t *testing.T) {
	w := newWorld(t)
	w.carryOut(t, request(), created)
	for name, change := range map[string]func(r *Request){
		"key":          func(r *Request) { r.Key = "k-2" },
		"case of key":  func(r *Request) { r.Key = "K-1" },
		"method":       func(r *Request) { r.Method = "PUT" },
		"path":         func(r *Request) { r.Path = "/v1/watchlist/batch" },
		"organization": func(r *Request) { r.OrganizationID = otherID },
	} {
		r := request()
		change(&r)
		r.Body = []byte("another")
		if kept, err := w.do(t.Context(), r, created); kept != nil || err != nil {
			t.Errorf("another %s = %+v, %v; want it carried out", name, kept, err)
		}
	}
}

func TestKeys_Claim_inUse(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	err := postgres.InTx(ctx, w.db, func(tx *postgres.Tx) error {
		if kept, err := w.Claim(ctx, tx, request()); kept != nil || err != nil {
			return fmt.Errorf("the first Claim = %+v, %w", kept, err)
		}
		// That it returns while this transaction is open shows that it does not wait for it.
		_, err := w.do(ctx, request(), created)
		want := &problem.Error{
			Kind: problem.Conflict, Code: "idempotency_key_in_use",
			Message: "A request with this Idempotency-Key is being carried out; send this one again in a moment.",
			Details: []problem.Detail{{In: "header", Pointer: "Idempotency-Key", Code: "idempotency_key_in_use", Message: "must not be in use by a request under way"}},
		}
		var got *problem.Error
		if !errors.As(err, &got) {
			return fmt.Errorf("the second Claim = %w, want %w", err, want)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the second Claim (-want +got):\n%s", diff)
		}
		r := request()
		r.Key = "k-2"
		if kept, err := w.do(ctx, r, created); kept != nil || err != nil {
			t.Errorf("another key = %+v, %v; want it carried out", kept, err)
		}
		return w.Keep(ctx, tx, request(), created)
	})
	if err != nil {
		t.Fatal(err)
	}
	if kept, err := w.do(t.Context(), request(), created); err != nil || kept == nil {
		t.Errorf("after the first = %+v, %v; want its answer", kept, err)
	}
}

func TestKeys_Claim_rolledBack(t *testing.T) {
	w := newWorld(t)
	refused := errors.New("refused")
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if kept, err := w.Claim(t.Context(), tx, request()); kept != nil || err != nil {
			return fmt.Errorf("Claim = %+v, %w", kept, err)
		}
		return errors.Join(w.Keep(t.Context(), tx, request(), created), refused)
	})
	if !errors.Is(err, refused) {
		t.Fatalf("InTx = %v, want %v", err, refused)
	}
	r := request()
	r.Body = []byte("another")
	w.carryOut(t, r, created)
}

func TestKeys_Claim_afterADay(t *testing.T) {
	w := newWorld(t)
	w.carryOut(t, request(), created)
	w.now = noon.Add(24*time.Hour - time.Microsecond)
	if kept, err := w.do(t.Context(), request(), created); err != nil || kept == nil {
		t.Errorf("just before a day is over = %+v, %v; want the answer", kept, err)
	}
	w.now = noon.Add(24 * time.Hour)
	r := request()
	r.Body = []byte("another")
	w.carryOut(t, r, Answer{Status: 200, Body: []byte("second")})
	got, err := w.do(t.Context(), r, created)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Answer{Status: 200, Body: []byte("second")}, got); diff != "" {
		t.Errorf("the second request again (-want +got):\n%s", diff)
	}
}

func TestKeys_Claim_parallel(t *testing.T) {
	w := newWorld(t)
	const callers = 50
	var mutex sync.Mutex
	var wait sync.WaitGroup
	outcomes := map[string]int{}
	for range callers {
		wait.Go(func() {
			kept, err := w.do(t.Context(), request(), created)
			outcome := "carried out"
			var p *problem.Error
			switch {
			case errors.As(err, &p):
				outcome = p.Code
			case err != nil:
				outcome = err.Error()
			case kept != nil:
				outcome = "given again"
			}
			mutex.Lock()
			defer mutex.Unlock()
			outcomes[outcome]++
		})
	}
	wait.Wait()
	if outcomes["carried out"] != 1 || outcomes["given again"]+outcomes["idempotency_key_in_use"] != callers-1 {
		t.Errorf("%d requests at once = %v, want one carried out, the others given again or in use", callers, outcomes)
	}
}

func TestKeys_Keep_withoutABody(t *testing.T) {
	w := newWorld(t)
	r := request()
	r.Body = nil
	w.carryOut(t, r, Answer{Status: 204})
	got, err := w.do(t.Context(), r, created)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&Answer{Status: 204, Body: []byte{}}, got); diff != "" {
		t.Errorf("the same request again (-want +got):\n%s", diff)
	}
}

func TestKeys_Keep_forgets(t *testing.T) {
	w := newWorld(t)
	for i := range 15 {
		r := request()
		r.Key = fmt.Sprint("old ", i)
		w.carryOut(t, r, created)
	}
	other := request()
	other.OrganizationID = otherID
	w.carryOut(t, other, created)
	w.now = noon.Add(time.Hour)
	fresh := request()
	fresh.Key = "fresh"
	w.carryOut(t, fresh, created)
	w.now = noon.Add(24*time.Hour + time.Minute)
	for i := range 2 {
		r := request()
		r.Key = fmt.Sprint("new ", i)
		w.carryOut(t, r, created)
	}
	if got := w.count(t, organizationID); got != 3 {
		t.Errorf("%d answers are kept, want 3: those of the last day", got)
	}
	if got := w.count(t, otherID); got != 1 {
		t.Errorf("%d answers of the other organization are kept, want 1: it forgets its own", got)
	}
	if kept, err := w.do(t.Context(), fresh, created); err != nil || kept == nil {
		t.Errorf("a request of the last day again = %+v, %v; want its answer", kept, err)
	}
}

// begin claims a request and marks it.
func (w *world) begin(t *testing.T, r Request) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if kept, err := w.Claim(t.Context(), tx, r); kept != nil || err != nil {
			return fmt.Errorf("Claim = %+v, %w; want it carried out", kept, err)
		}
		return w.Begin(t.Context(), tx, r)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// What is marked as under way is in use until its answer is kept, it is dropped, or its server must have died.
func TestKeys_Begin(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *world, tx *postgres.Tx) error
		kept *Answer // afterwards
	}{
		"kept":    {func(w *world, tx *postgres.Tx) error { return w.Keep(t.Context(), tx, request(), created) }, &created},
		"dropped": {func(w *world, tx *postgres.Tx) error { return w.Drop(t.Context(), tx, request()) }, nil},
		"died":    {func(w *world, _ *postgres.Tx) error { w.now = noon.Add(time.Minute); return nil }, nil},
	} {
		w := newWorld(t)
		w.begin(t, request())
		var p *problem.Error
		if _, err := w.do(t.Context(), request(), created); !errors.As(err, &p) || p.Code != "idempotency_key_in_use" {
			t.Errorf("%s: Claim meanwhile = %v, want idempotency_key_in_use", name, err)
		}
		if err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error { return c.end(w, tx) }); err != nil {
			t.Fatal(err)
		}
		got, err := w.do(t.Context(), request(), created)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.kept, got); diff != "" {
			t.Errorf("%s: Claim afterwards (-want +got):\n%s", name, diff)
		}
	}
}
