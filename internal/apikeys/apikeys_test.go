package apikeys

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	organizationID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	keyID          = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
	noon           = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
)

func TestChecksum(t *testing.T) {
	for text, want := range map[string]string{
		"": "000000", "123456789": "3jZRME", "pw_live_000000000000000000000000000000": "4WKB5w",
	} {
		if got := checksum(text); got != want {
			t.Errorf("checksum(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	form := regexp.MustCompile(`^pw_live_[0-9A-Za-z]{36}$`)
	seen := map[string]bool{}
	for range 1000 {
		key := generate()
		if !form.MatchString(key) || !wellFormed(key) {
			t.Errorf("generate = %q, want pw_live_, 30 digits and their checksum", key)
		}
		if seen[key] {
			t.Errorf("generate = %q twice", key)
		}
		seen[key] = true
	}
}

func TestWellFormed(t *testing.T) {
	const good = "pw_live_000000000000000000000000000000" + "4WKB5w"
	if !wellFormed(good) {
		t.Errorf("wellFormed(%q) = false, want true", good)
	}
	for name, key := range map[string]string{
		"empty": "", "prefix only": "pw_live_", "cut": good[:43], "longer": good + "0", "space before": " " + good[:43], "space after": good + " ",
		"other prefix": "pw_test_" + good[8:], "lower-case sum": "pw_live_00000000000000000000000000000A" + "4WKB5w",
	} {
		if wellFormed(key) {
			t.Errorf("%s: wellFormed(%q) = true, want false", name, key)
		}
	}
	for i := range len(good) {
		for _, digit := range alphabet {
			if typo := good[:i] + string(digit) + good[i+1:]; typo != good && wellFormed(typo) {
				t.Errorf("wellFormed(%q) = true, want false for a mistyped digit", typo)
			}
		}
	}
}

func TestHash(t *testing.T) { // FIPS 180-4's example
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	h := hash("abc")
	if got := hex.EncodeToString(h[:]); got != want {
		t.Errorf("hash = %s, want %s", got, want)
	}
}

// world is a service on its own database, whose clock the test sets.
type world struct {
	*Service
	db  *postgres.DB
	now time.Time
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon}
	w.Service = NewService(w.db, func() time.Time { return w.now }, func() uuid.UUID { return keyID })
	_, err := w.db.ExecContext(t.Context(), "insert into plans (name, requests_per_minute) values ('test', 1)")
	if err == nil {
		_, err = w.db.ExecContext(t.Context(), "insert into organizations (id, name, plan, created_at) values ($1, 'Palmetto Builders', 'test', $2)", organizationID, noon)
	}
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) create(t *testing.T, expires *time.Time) string {
	t.Helper()
	_, clear, err := w.Create(t.Context(), Key{
		OrganizationID: organizationID, Name: "CRM", ExpiresAt: expires,
		Permissions: []identity.Permission{identity.Write, identity.Admin, identity.Write},
	})
	if err != nil {
		t.Fatal(err)
	}
	return clear
}

func TestService_Create(t *testing.T) {
	w := newWorld(t)
	clear := w.create(t, nil)
	got, err := w.Authenticate(t.Context(), clear, netip.Addr{})
	if err != nil {
		t.Fatalf("Authenticate(%q) = %v, want no error", clear, err)
	}
	want := identity.Identity{
		OrganizationID: organizationID, KeyID: keyID, KeyName: "CRM", Permissions: []identity.Permission{identity.Admin, identity.Write},
		RequestsPerMinute: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Authenticate (-want +got):\n%s", diff)
	}
}

func TestService_Create_storesOnlyTheHash(t *testing.T) {
	w := newWorld(t)
	clear := w.create(t, nil)
	var row struct {
		Hash      []byte    `db:"key_hash"`
		Prefix    string    `db:"prefix"`
		LastFour  string    `db:"last_four"`
		CreatedAt time.Time `db:"created_at"`
		Text      string    `db:"row_text"`
	}
	err := w.db.GetContext(t.Context(), &row, "select key_hash, prefix, last_four, created_at, k::text as row_text from api_keys k")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(row.Hash), fmt.Sprintf("%x", hash(clear)); got != want {
		t.Errorf("key_hash = %s, want %s", got, want)
	}
	if row.Prefix != "pw_live_" || row.LastFour != clear[40:] || !row.CreatedAt.Equal(noon) {
		t.Errorf("prefix %q, last_four %q, created_at %s, want pw_live_, %q and %s", row.Prefix, row.LastFour, row.CreatedAt, clear[40:], noon)
	}
	if secret := clear[8:40]; strings.Contains(row.Text, secret) || strings.Contains(row.Text, hex.EncodeToString([]byte(secret))) {
		t.Errorf("the row %s holds the key %s", row.Text, clear)
	}
}

func TestService_Create_inTransaction(t *testing.T) {
	w := newWorld(t)
	refused := errors.New("refused")
	var clear string
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		ctx := postgres.WithTx(t.Context(), tx)
		var err error
		if _, clear, err = w.Create(ctx, Key{OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{identity.Read}}); err != nil {
			return err
		}
		return refused
	})
	if !errors.Is(err, refused) {
		t.Fatalf("InTx = %v, want %v", err, refused)
	}
	_, err = w.Authenticate(t.Context(), clear, netip.Addr{})
	assertProblem(t, "rolled back", err, "invalid_api_key", "There is no such API key; check that it was copied whole.")
}

func TestService_Create_refuses(t *testing.T) {
	w := newWorld(t)
	for name, k := range map[string]Key{
		"unknown organization": {OrganizationID: keyID, Name: "CRM", Permissions: []identity.Permission{identity.Read}},
		"no name":              {OrganizationID: organizationID, Permissions: []identity.Permission{identity.Read}},
		"no permission":        {OrganizationID: organizationID, Name: "CRM"},
		"unknown permission":   {OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{"root"}},
	} {
		if _, _, err := w.Create(t.Context(), k); err == nil {
			t.Errorf("%s: Create = no error, want one", name)
		}
	}
	var n int
	if err := w.db.GetContext(t.Context(), &n, "select count(*) from api_keys"); err != nil || n != 0 {
		t.Errorf("%d keys, %v, want none", n, err)
	}
}

func TestService_Authenticate_expired(t *testing.T) {
	w := newWorld(t)
	expires := noon.Add(time.Hour)
	clear := w.create(t, &expires)
	for _, c := range []struct {
		name string
		now  time.Time
		code string
	}{
		{"before", expires.Add(-time.Nanosecond), ""},
		{"at the instant", expires, "expired_api_key"},
		{"after", expires.AddDate(1, 0, 0), "expired_api_key"},
	} {
		w.now = c.now
		_, err := w.Authenticate(t.Context(), clear, netip.Addr{})
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: Authenticate = %v, want no error", c.name, err)
			}
			continue
		}
		assertProblem(t, c.name, err, c.code, "This API key expired at 2026-01-23T13:00:00Z; create another.")
	}
}

func TestService_Authenticate_revoked(t *testing.T) {
	w := newWorld(t)
	expires := noon.Add(time.Hour)
	clear := w.create(t, &expires)
	if _, err := w.db.ExecContext(t.Context(), "update api_keys set revoked_at = $1 where id = $2", noon, keyID); err != nil {
		t.Fatal(err)
	}
	for _, now := range []time.Time{noon, expires} { // revoked says more than expired
		w.now = now
		_, err := w.Authenticate(t.Context(), clear, netip.Addr{})
		assertProblem(t, now.String(), err, "revoked_api_key", "This API key was revoked; create another.")
	}
}

func TestService_Authenticate_unknown(t *testing.T) {
	w := newWorld(t)
	w.create(t, nil)
	_, err := w.Authenticate(t.Context(), generate(), netip.Addr{})
	assertProblem(t, "never created", err, "invalid_api_key", "There is no such API key; check that it was copied whole.")
}

// A mistyped key gets its answer from a service whose database is closed; a well-formed one does not.
func TestService_Authenticate_withoutQuery(t *testing.T) {
	w := newWorld(t)
	clear := w.create(t, nil)
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	typo := clear[:20] + string(alphabet[(strings.IndexByte(alphabet, clear[20])+1)%62]) + clear[21:]
	for name, key := range map[string]string{"typo": typo, "cut": clear[:43], "quoted": "'" + clear + "'", "NUL": clear + "\x00"} {
		_, err := w.Authenticate(t.Context(), key, netip.Addr{})
		assertProblem(t, name, err, "invalid_api_key", "There is no such API key; check that it was copied whole.")
	}
	var p *problem.Error
	if _, err := w.Authenticate(t.Context(), clear, netip.Addr{}); err == nil || errors.As(err, &p) {
		t.Errorf("Authenticate without a database = %v, want an error that is no problem", err)
	}
}

func TestService_Authenticate_canceled(t *testing.T) {
	w := newWorld(t)
	clear := w.create(t, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Authenticate(ctx, clear, netip.Addr{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Authenticate = %v, want %v", err, context.Canceled)
	}
}

func assertProblem(t *testing.T, name string, err error, code, message string) {
	t.Helper()
	var got *problem.Error
	want := problem.New(problem.Unauthenticated, code, message)
	if !errors.As(err, &got) || !cmp.Equal(want, got) {
		t.Errorf("%s: error %v, want %v", name, err, want)
	}
}
