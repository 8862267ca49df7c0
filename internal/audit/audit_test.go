package audit

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

var (
	organizationID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	keyID          = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
	entryID        = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e12")
	noon           = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
)

// stored is an entry as the table has it.
type stored struct {
	OrganizationID uuid.UUID `db:"organization_id"`
	ID             uuid.UUID `db:"id"`
	KeyID          uuid.UUID `db:"api_key_id"`
	Operation      string    `db:"operation"`
	Method         string    `db:"method"`
	Path           string    `db:"path"`
	Status         int       `db:"status"`
	RequestID      string    `db:"request_id"`
	At             time.Time `db:"at"`
}

func newDB(t *testing.T) *postgres.DB {
	t.Helper()
	db := pgtest.Open(t)
	_, err := db.ExecContext(t.Context(), "insert into organizations (id, name, plan, created_at) values ($1, 'Palmetto Builders', 'starter', $2)", organizationID, noon)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func list(t *testing.T, db *postgres.DB) []stored {
	t.Helper()
	found := []stored{}
	err := db.SelectContext(t.Context(), &found,
		"select organization_id, id, api_key_id, operation, method, path, status, request_id, at at time zone 'UTC' as at from audit_log")
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func newLog() *Log {
	return NewLog(func() time.Time { return noon }, func() uuid.UUID { return entryID })
}

var entry = Entry{
	OrganizationID: organizationID, KeyID: keyID, Operation: "addWatchlistItem", Method: "POST", Path: "/v1/watchlist",
	Status: 201, RequestID: "req_01k0n5v8e4f7tbqzr6m4c3x9wd",
}

func TestLog_Record(t *testing.T) {
	db := newDB(t)
	if err := postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error { return newLog().Record(t.Context(), tx, entry) }); err != nil {
		t.Fatal(err)
	}
	want := []stored{{
		OrganizationID: organizationID, ID: entryID, KeyID: keyID, Operation: "addWatchlistItem", Method: "POST", Path: "/v1/watchlist",
		Status: 201, RequestID: "req_01k0n5v8e4f7tbqzr6m4c3x9wd", At: noon,
	}}
	if diff := cmp.Diff(want, list(t, db)); diff != "" {
		t.Errorf("audit_log (-want +got):\n%s", diff)
	}
}

func TestLog_Record_rolledBack(t *testing.T) {
	db := newDB(t)
	refused := errors.New("refused")
	err := postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error {
		return errors.Join(newLog().Record(t.Context(), tx, entry), refused)
	})
	if !errors.Is(err, refused) {
		t.Fatalf("InTx = %v, want %v", err, refused)
	}
	if got := list(t, db); len(got) != 0 {
		t.Errorf("audit_log = %+v, want nothing: the write that it tells of was rolled back", got)
	}
}

func TestLog_Record_unknownOrganization(t *testing.T) {
	db := newDB(t)
	e := entry
	e.OrganizationID = entryID
	err := postgres.InTx(t.Context(), db, func(tx *postgres.Tx) error { return newLog().Record(t.Context(), tx, e) })
	if err == nil {
		t.Errorf("Record(%+v) = nil, want an error: there is no such organization", e)
	}
}
