package apikeys

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
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
	otherID        = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e20")
	keyID          = nthID(0)
	noon           = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

	errMissing = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such API key."}
)

// nthID returns the id of the key that a test makes after n others.
func nthID(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("01980a3c-5e00-7d21-8f4e-2b6f1c9a%04x", 0x7e11+n))
}

func pointer[T any](v T) *T { return &v }

// clock is what a test sets it to, and steps on whenever it is read.
type clock struct {
	mu    sync.Mutex
	now   time.Time
	step  time.Duration
	reads int
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	read := c.now
	c.now = c.now.Add(c.step)
	c.reads++
	return read
}

func (c *clock) set(now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = now
}

func (c *clock) readings() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reads
}

// world is a service on a database with two organizations.
type world struct {
	*Service
	db    *postgres.DB
	url   string
	clock *clock
	made  int // keys
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{url: pgtest.New(t), clock: &clock{now: noon}}
	w.db = pgtest.OpenURL(t, w.url)
	w.Service = NewService(w.db, w.clock.read, func() uuid.UUID {
		w.made++
		return nthID(w.made - 1)
	})
	w.exec(t, "insert into plans (name, requests_per_minute) values ('test', 1)")
	for _, id := range []uuid.UUID{organizationID, otherID} {
		w.exec(t, "insert into organizations (id, name, plan, created_at) values ($1, 'Palmetto Builders', 'test', $2)", id, noon)
	}
	return w
}

func (w *world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// create makes a key: of the organization, for the CRM, with the read permission, unless k says otherwise.
func (w *world) create(t *testing.T, k Key) (made Key, clear string) {
	t.Helper()
	if k.OrganizationID == uuid.Nil {
		k.OrganizationID = organizationID
	}
	if k.Name == "" {
		k.Name = "CRM"
	}
	if k.Permissions == nil {
		k.Permissions = []identity.Permission{identity.Read}
	}
	made, clear, err := w.Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return made, clear
}

func (w *world) get(t *testing.T, key uuid.UUID) Key {
	t.Helper()
	k, err := w.Get(t.Context(), organizationID, key)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// authenticate sends a key from an address.
func (w *world) authenticate(t *testing.T, clear, from string) (identity.Identity, error) {
	t.Helper()
	var address netip.Addr
	if from != "" {
		address = netip.MustParseAddr(from)
	}
	return w.Authenticate(t.Context(), clear, address)
}

// checkGood fails the test when a key is refused.
func (w *world) checkGood(t *testing.T, name, clear string) {
	t.Helper()
	if _, err := w.authenticate(t, clear, ""); err != nil {
		t.Errorf("%s: Authenticate = %v, want no error", name, err)
	}
}

// checkRefused fails the test when a key is not refused with 401 and that code.
func (w *world) checkRefused(t *testing.T, name, clear, code string) {
	t.Helper()
	var p *problem.Error
	if _, err := w.authenticate(t, clear, ""); !errors.As(err, &p) || p.Kind != problem.Unauthenticated || p.Code != code {
		t.Errorf("%s: Authenticate = %v, want %s", name, err, code)
	}
}

func checkProblem(t *testing.T, name string, err error, want *problem.Error) {
	t.Helper()
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s: error %v, want %v", name, err, want)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: problem (-want +got):\n%s", name, diff)
	}
}

func TestService_Create(t *testing.T) {
	w := newWorld(t)
	console, _ := w.create(t, Key{Name: "Console"})
	expires := noon.Add(time.Hour)
	got, clear := w.create(t, Key{
		CreatedBy: &console.ID, ExpiresAt: &expires, AllowedNetworks: []string{"203.0.113.0/24"},
		Permissions: []identity.Permission{identity.Write, identity.Admin, identity.Write},
	})
	want := Key{
		OrganizationID: organizationID, ID: nthID(1), Name: "CRM", Permissions: []identity.Permission{identity.Admin, identity.Write},
		Prefix: "pw_live_", LastFour: clear[40:], AllowedNetworks: []string{"203.0.113.0/24"}, CreatedAt: noon, CreatedBy: &console.ID,
		CreatorName: "Console", ExpiresAt: &expires, Version: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Create (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, w.get(t, nthID(1))); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
}

func TestService_Create_byOperator(t *testing.T) {
	w := newWorld(t)
	got, clear := w.create(t, Key{})
	want := Key{
		OrganizationID: organizationID, ID: keyID, Name: "CRM", Permissions: []identity.Permission{identity.Read},
		Prefix: "pw_live_", LastFour: clear[40:], AllowedNetworks: []string{}, CreatedAt: noon, Version: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Create (-want +got):\n%s", diff)
	}
}

func TestService_Create_networks(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name        string
		texts, want []string
	}{
		{"none", []string{}, []string{}},
		{"IPv4 address", []string{"203.0.113.7"}, []string{"203.0.113.7/32"}},
		{"IPv6 address", []string{"2001:DB8:0::1"}, []string{"2001:db8::1/128"}},
		{"bits of hosts", []string{"203.0.113.77/24", "2001:db8::77/32"}, []string{"2001:db8::/32", "203.0.113.0/24"}},
		{"one network three times", []string{"203.0.113.0/24", "203.0.113.9/24", "203.0.113.0/24"}, []string{"203.0.113.0/24"}},
		{"address and its network", []string{"203.0.113.7", "203.0.113.7/32"}, []string{"203.0.113.7/32"}},
		{"anywhere", []string{"::/0", "0.0.0.0/0"}, []string{"0.0.0.0/0", "::/0"}},
		{"IPv4-mapped address", []string{"::ffff:203.0.113.7"}, []string{"203.0.113.7/32"}},
		{"IPv4-mapped network", []string{"::ffff:203.0.113.7/120", "::ffff:0:0/96"}, []string{"0.0.0.0/0", "203.0.113.0/24"}},
	} {
		got, _ := w.create(t, Key{AllowedNetworks: c.texts})
		if diff := cmp.Diff(c.want, got.AllowedNetworks); diff != "" {
			t.Errorf("%s: networks of %q (-want +got):\n%s", c.name, c.texts, diff)
		}
	}
}

func TestService_Create_badNetworks(t *testing.T) {
	w := newWorld(t)
	_, _, err := w.Create(t.Context(), Key{
		OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{identity.Read},
		AllowedNetworks: []string{"203.0.113.0/99", "203.0.113.0/24", "203.0.113", "::/129", "fe80::1%eth0/64", "", "203.0.113.0/24 "},
	})
	const message = "must be an IP address or network, such as 203.0.113.0/24"
	want := &problem.Error{
		Kind: problem.Unprocessable, Code: "invalid_body", Message: "/allowed_networks/0 " + message + ". 5 more details follow.",
	}
	for _, i := range []string{"0", "2", "3", "4", "5", "6"} {
		want.Details = append(want.Details, problem.Detail{In: "body", Pointer: "/allowed_networks/" + i, Code: "network", Message: message})
	}
	checkProblem(t, "Create", err, want)
	w.checkCount(t, 0)
}

func TestService_Create_past(t *testing.T) {
	w := newWorld(t)
	want := &problem.Error{
		Kind: problem.Unprocessable, Code: "invalid_body", Message: "/expires_at must be in the future, and before the year 3000.",
		Details: []problem.Detail{{In: "body", Pointer: "/expires_at", Code: "future", Message: "must be in the future, and before the year 3000"}},
	}
	for _, expires := range []time.Time{noon.Add(-time.Hour), noon} {
		_, _, err := w.Create(t.Context(), Key{
			OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{identity.Read}, ExpiresAt: &expires,
		})
		checkProblem(t, expires.String(), err, want)
	}
	w.checkCount(t, 0)
}

func TestService_Create_storesOnlyTheHash(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	var row struct {
		Hash []byte `db:"key_hash"`
		Text string `db:"row_text"`
	}
	if err := w.db.GetContext(t.Context(), &row, "select key_hash, k::text as row_text from api_keys k"); err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(row.Hash), fmt.Sprintf("%x", hash(clear)); got != want {
		t.Errorf("key_hash = %s, want %s", got, want)
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
	w.checkRefused(t, "rolled back", clear, "invalid_api_key")
}

func TestService_Create_refuses(t *testing.T) {
	w := newWorld(t)
	theirs, _ := w.create(t, Key{OrganizationID: otherID})
	for name, k := range map[string]Key{
		"unknown organization":       {OrganizationID: keyID, Name: "CRM", Permissions: []identity.Permission{identity.Read}},
		"no name":                    {OrganizationID: organizationID, Permissions: []identity.Permission{identity.Read}},
		"no permission":              {OrganizationID: organizationID, Name: "CRM"},
		"unknown permission":         {OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{"root"}},
		"creator of another's":       {OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{identity.Read}, CreatedBy: &theirs.ID},
		"more networks than allowed": {OrganizationID: organizationID, Name: "CRM", Permissions: []identity.Permission{identity.Read}, AllowedNetworks: addresses(21)},
	} {
		if _, _, err := w.Create(t.Context(), k); err == nil {
			t.Errorf("%s: Create = no error, want one", name)
		}
	}
	w.checkCount(t, 1)
}

func addresses(n int) []string {
	found := make([]string, n)
	for i := range found {
		found[i] = fmt.Sprintf("203.0.113.%d", i)
	}
	return found
}

// checkCount fails the test unless there are so many keys.
func (w *world) checkCount(t *testing.T, want int) {
	t.Helper()
	var got int
	if err := w.db.GetContext(t.Context(), &got, "select count(*) from api_keys"); err != nil || got != want {
		t.Errorf("%d keys, %v, want %d", got, err, want)
	}
}
