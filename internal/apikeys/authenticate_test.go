package apikeys

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/problem"
)

const unknownMessage = "There is no such API key; check that it was copied whole."

func refusal(code, message string) *problem.Error {
	return &problem.Error{Kind: problem.Unauthenticated, Code: code, Message: message}
}

// caller is who sends the key that a test makes first.
func caller() identity.Identity {
	return identity.Identity{
		OrganizationID: organizationID, KeyID: keyID, KeyName: "CRM", Permissions: []identity.Permission{identity.Read}, RequestsPerMinute: 1,
	}
}

// checkCaller fails the test unless the identity is that of the first key.
func checkCaller(t *testing.T, name string, got identity.Identity) {
	t.Helper()
	if diff := cmp.Diff(caller(), got); diff != "" {
		t.Errorf("%s: identity (-want +got):\n%s", name, diff)
	}
}

func TestService_Authenticate(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	got, err := w.authenticate(t, clear, "203.0.113.7")
	if err != nil {
		t.Fatalf("Authenticate(%q) = %v, want no error", clear, err)
	}
	checkCaller(t, "Authenticate", got)
}

func TestService_Authenticate_ownLimit(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.exec(t, "update organizations set requests_per_minute = 7 where id = $1", organizationID)
	got, err := w.authenticate(t, clear, "")
	if err != nil || got.RequestsPerMinute != 7 {
		t.Errorf("Authenticate = %+v, %v, want the organization's own 7 requests a minute", got, err)
	}
}

func TestService_Authenticate_expired(t *testing.T) {
	w := newWorld(t)
	expires := noon.Add(time.Hour)
	_, clear := w.create(t, Key{ExpiresAt: &expires})
	for _, c := range []struct {
		name string
		now  time.Time
		code string
	}{
		{"before", expires.Add(-time.Nanosecond), ""},
		{"at the instant", expires, "expired_api_key"},
		{"after", expires.AddDate(1, 0, 0), "expired_api_key"},
	} {
		w.clock.set(c.now)
		got, err := w.authenticate(t, clear, "")
		checkCaller(t, c.name, got)
		if c.code == "" {
			if err != nil {
				t.Errorf("%s: Authenticate = %v, want no error", c.name, err)
			}
			continue
		}
		checkProblem(t, c.name, err, refusal(c.code, "This API key expired at 2026-01-23T13:00:00Z; create another."))
	}
}

func TestService_Authenticate_revoked(t *testing.T) {
	w := newWorld(t)
	expires := noon.Add(time.Hour)
	_, clear := w.create(t, Key{ExpiresAt: &expires, AllowedNetworks: []string{"203.0.113.0/24"}})
	w.exec(t, "update api_keys set revoked_at = $1", noon)
	for _, now := range []time.Time{noon, expires} { // revoked says more than expired, and than the address
		w.clock.set(now)
		got, err := w.authenticate(t, clear, "198.51.100.1")
		checkCaller(t, now.String(), got)
		checkProblem(t, now.String(), err, refusal("revoked_api_key", "This API key was revoked; create another."))
	}
}

func TestService_Authenticate_unknown(t *testing.T) {
	w := newWorld(t)
	w.create(t, Key{})
	got, err := w.authenticate(t, generate(), "")
	checkProblem(t, "never created", err, refusal("invalid_api_key", unknownMessage))
	if diff := cmp.Diff(identity.Identity{}, got); diff != "" {
		t.Errorf("identity (-want +got):\n%s", diff)
	}
}

func TestService_Authenticate_missing(t *testing.T) {
	w := newWorld(t)
	_, err := w.authenticate(t, "", "")
	checkProblem(t, "no key", err, refusal("missing_api_key", `Send an API key: "Authorization: Bearer pw_live_…".`))
}

func TestService_Authenticate_address(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{AllowedNetworks: []string{"203.0.113.0/24", "2001:db8::/32", "198.51.100.7", "::ffff:192.0.2.0/120"}})
	for from, shown := range map[string]string{ // "" where it may be used
		"203.0.113.0": "", "203.0.113.255": "", "198.51.100.7": "", "2001:db8::1": "", "2001:db8:ffff::1": "", "192.0.2.9": "",
		"::ffff:203.0.113.9": "", "::ffff:198.51.100.7": "", "::ffff:192.0.2.9": "", "2001:db8::1%eth0": "",
		"203.0.114.0": "203.0.114.0", "198.51.100.8": "198.51.100.8", "2001:db9::1": "2001:db9::1", "::1": "::1",
		"::ffff:203.0.114.0": "203.0.114.0", "": "invalid IP",
	} {
		got, err := w.authenticate(t, clear, from)
		checkCaller(t, from, got)
		if shown == "" {
			if err != nil {
				t.Errorf("from %s: Authenticate = %v, want no error", from, err)
			}
			continue
		}
		checkProblem(t, "from "+from, err, &problem.Error{
			Kind: problem.Forbidden, Code: "address_not_allowed", Message: "This API key may not be used from " + shown + ".",
		})
	}
}

// A mistyped key gets its answer from a service whose database is closed; a well-formed one does not.
func TestService_Authenticate_withoutQuery(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.close(t)
	typo := clear[:20] + string(alphabet[(strings.IndexByte(alphabet, clear[20])+1)%62]) + clear[21:]
	for name, key := range map[string]string{"typo": typo, "cut": clear[:43], "quoted": "'" + clear + "'", "NUL": clear + "\x00"} {
		_, err := w.authenticate(t, key, "")
		checkProblem(t, name, err, refusal("invalid_api_key", unknownMessage))
	}
	w.checkAsks(t, "well-formed", clear)
}

func TestService_Authenticate_canceled(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := w.Authenticate(ctx, clear, netip.Addr{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Authenticate = %v, want %v", err, context.Canceled)
	}
}

// close closes the database: what is answered after it was known before.
func (w *world) close(t *testing.T) {
	t.Helper()
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
}

// checkAsks fails the test unless a key is asked for at the database, which was closed.
func (w *world) checkAsks(t *testing.T, name, clear string) {
	t.Helper()
	var p *problem.Error
	if got, err := w.authenticate(t, clear, ""); err == nil || errors.As(err, &p) || got.KeyID != (identity.Identity{}).KeyID {
		t.Errorf("%s: Authenticate without a database = %+v, %v; want an error that is no problem", name, got, err)
	}
}
