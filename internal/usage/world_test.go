package usage

import (
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

var (
	organizationID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	otherID        = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e20")
	keyID          = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
	secondKeyID    = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e12")
	theirKeyID     = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e21")
	noon           = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
)

func pointer[T any](v T) *T { return &v }

func date2026(month time.Month, day int) time.Time {
	return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC)
}

// world is a meter and a service on a database with two organizations: one with two keys, the other with one.
type world struct {
	*Meter
	*Service
	db *postgres.DB

	mu    sync.Mutex
	clock time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), clock: noon}
	w.Meter, w.Service = w.newMeter(), NewService(w.db, w.read)
	for _, o := range []uuid.UUID{organizationID, otherID} {
		w.exec(t, "insert into organizations (id, name, plan, created_at) values ($1, 'Palmetto Builders', 'starter', $2)", o, noon)
	}
	for key, organization := range map[uuid.UUID]uuid.UUID{keyID: organizationID, secondKeyID: organizationID, theirKeyID: otherID} {
		w.exec(t, `
			insert into api_keys (organization_id, id, name, permissions, key_hash, prefix, last_four, created_at)
			values ($1, $2, 'CRM', '{read}', $3, 'pw_live_', '0000', $4)`, organization, key, key[:], noon)
	}
	return w
}

// newMeter returns the meter of another process.
func (w *world) newMeter() *Meter {
	return NewMeter(w.db, apikeys.NewService(w.db, w.read, uuid.New).Touch, w.read, uuid.New())
}

func (w *world) read() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.clock
}

func (w *world) set(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.clock = now
}

func (w *world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) zone(t *testing.T, organization uuid.UUID, name string) {
	t.Helper()
	w.exec(t, "update organizations set time_zone = $2 where id = $1", organization, name)
}

// request returns a request as most are: of the organization's first key, at noon, good, and answered in 10 ms.
func request(change func(r *Request)) Request {
	r := Request{OrganizationID: organizationID, KeyID: keyID, Operation: "listPermits", Status: 200, At: noon, Took: 10 * time.Millisecond, Admitted: true}
	if change != nil {
		change(&r)
	}
	return r
}

// count counts the same request n times.
func (w *world) count(n int, change func(r *Request)) {
	for range n {
		w.Count(request(change))
	}
}

func (w *world) flush(t *testing.T) {
	t.Helper()
	if err := w.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// counted is a row of usage_days or usage_minutes.
type counted struct {
	OrganizationID  uuid.UUID `db:"organization_id"`
	At              time.Time `db:"at"`
	KeyID           uuid.UUID `db:"api_key_id"`
	Operation       string    `db:"operation"`
	Status          int       `db:"status"`
	Code            string    `db:"code"`
	Requests        int64     `db:"requests"`
	Milliseconds    float64   `db:"milliseconds"`
	MaxMilliseconds float64   `db:"max_milliseconds"`
}

func (w *world) rows(t *testing.T, table, at string) []counted {
	t.Helper()
	var rows []counted
	err := w.db.SelectContext(t.Context(), &rows, `
		select organization_id, `+at+` as at, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds
		from `+table+` order by 1, 2, 3, 4, 5, 6`)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

func (w *world) days(t *testing.T) []counted {
	t.Helper()
	return w.rows(t, "usage_days", "day")
}

func (w *world) minutes(t *testing.T) []counted {
	t.Helper()
	return w.rows(t, "usage_minutes", "minute")
}

// checkSum fails the test unless so many requests are counted, by the minute and by the day, in so many batches.
func (w *world) checkSum(t *testing.T, name string, requests, batches int64) {
	t.Helper()
	var got struct{ Minutes, Days, Batches int64 }
	err := w.db.GetContext(t.Context(), &got, `
		select (select coalesce(sum(requests), 0) from usage_minutes) as minutes, (select coalesce(sum(requests), 0) from usage_days) as days,
		       (select count(*) from usage_flushes) as batches`)
	if err != nil {
		t.Fatal(err)
	}
	if got.Minutes != requests || got.Days != requests || got.Batches != batches {
		t.Errorf("%s: %+v, want %d requests by both in %d batches", name, got, requests, batches)
	}
}
