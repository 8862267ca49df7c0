package httpapi_test

import (
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// behindProxy returns a world that lets so many requests a minute in from an address, which the test's own may say in
// X-Forwarded-For.
func behindProxy(t *testing.T, perAddress int) *world {
	t.Helper()
	return newWorldWith(t, func(w *world) {
		w.limits.PerAddress = perAddress
		w.limits.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	})
}

// from sends a GET with a key from an address, as a proxy says.
func (w *world) from(t *testing.T, address, key, path string) answer {
	t.Helper()
	return w.as(t, key, http.MethodGet, path, "", "X-Forwarded-For", address)
}

// unknownKey returns a key that is well-formed, and no more.
func (w *world) unknownKey(t *testing.T) string {
	t.Helper()
	clear, _ := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}})
	if _, err := w.db.ExecContext(t.Context(), "delete from api_keys where last_four = $1", clear[40:]); err != nil {
		t.Fatal(err)
	}
	return clear
}

func TestAdmission_address(t *testing.T) {
	w := behindProxy(t, 2)
	for _, network := range [][]string{
		{"203.0.113.1", "203.0.113.254", "203.0.113.1", "::ffff:203.0.113.7"},
		{"203.0.114.1", "203.0.114.2", "203.0.114.3"},
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::1", "2001:db8:0:1::2"},
		{"2001:db8:0:2::1", "2001:db8:0:2::1", "[2001:db8:0:2::1]"},
		{"somewhere", "203.0.113.1, ", "127.0.0.1"},                                   // what is no address is the proxy's own
		{"198.51.100.1, 192.0.2.1", "203.0.113.1, 192.0.2.2", "192.0.2.3, 127.0.0.1"}, // the last that is no proxy
	} {
		for i, address := range network {
			a := w.from(t, address, "", "/v1/me")
			if i >= 2 {
				checkLimited(t, address, a, "address")
				continue
			}
			checkFailure(t, address, a, http.StatusUnauthorized, "missing_api_key")
			if got := a.limit(t); got.Policy != "address" || got.Limit != 2 || got.Remaining != int64(1-i) {
				t.Errorf("%s: limit %+v, want the address's with %d of 2 left", address, got, 1-i)
			}
		}
	}
}

// Whatever has no good key counts, and only that.
func TestAdmission_address_counts(t *testing.T) {
	w := behindProxy(t, 1)
	revoked, revokedID := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}})
	restricted, _ := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}, AllowedNetworks: []string{"192.0.2.0/24"}})
	if a := w.as(t, w.key, http.MethodDelete, "/v1/api-keys/"+revokedID, ""); a.status != http.StatusNoContent {
		t.Fatalf("DELETE = %d %s", a.status, a.body)
	}
	unknown := w.unknownKey(t)
	for name, send := range map[string]func(address string) answer{
		"no key":              func(address string) answer { return w.from(t, address, "", "/v1/me") },
		"mistyped key":        func(address string) answer { return w.from(t, address, "pw_live_", "/v1/me") },
		"unknown key":         func(address string) answer { return w.from(t, address, unknown, "/v1/me") },
		"revoked key":         func(address string) answer { return w.from(t, address, revoked, "/v1/me") },
		"address not allowed": func(address string) answer { return w.from(t, address, restricted, "/v1/me") },
		"unknown path":        func(address string) answer { return w.from(t, address, "", "/v1/nothing") },
		"unknown method": func(address string) answer {
			return w.as(t, "", http.MethodPut, "/v1/me", "", "X-Forwarded-For", address)
		},
	} {
		address := map[string]string{
			"no key": "10.0.1.1", "mistyped key": "10.0.2.1", "unknown key": "10.0.3.1", "revoked key": "10.0.4.1",
			"address not allowed": "10.0.5.1", "unknown path": "10.0.6.1", "unknown method": "10.0.7.1",
		}[name]
		if a := send(address); a.status < 400 || a.status == http.StatusTooManyRequests || a.limit(t).Remaining != 0 {
			t.Errorf("%s = %d %s with %+v, want it refused and counted", name, a.status, a.body, a.limit(t))
		}
		checkLimited(t, name+", once more", send(address), "address")
	}
	if a := w.from(t, "10.0.8.1", w.key, "/v1/nothing"); a.status != http.StatusNotFound || a.limit(t).Policy != "organization" {
		t.Errorf("an unknown path with a good key = %d with %+v, want 404 with the organization's limit", a.status, a.limit(t))
	}
	for range 3 {
		if a := w.from(t, "10.0.8.1", w.key, "/v1/permits/"+examplePermit); a.status != http.StatusNotFound || a.limit(t).Policy != "organization" {
			t.Errorf("a good key's failure = %d with %+v, want 404 with the organization's limit", a.status, a.limit(t))
		}
	}
	checkFailure(t, "after a good key's failures", w.from(t, "10.0.8.1", "", "/v1/me"), http.StatusUnauthorized, "missing_api_key")
}

// namedKey makes a key of the organization and returns its secret and its id.
func (w *world) namedKey(t *testing.T, k apikeys.Key) (clear, keyID string) {
	t.Helper()
	k.OrganizationID, k.Name = w.organization, "test"
	k, clear, err := apikeys.NewService(w.db, nowUTC, newID).Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return clear, id.Format(id.APIKey, k.ID)
}

func TestAdmission_address_untrustedPeer(t *testing.T) {
	for name, proxies := range map[string][]netip.Prefix{"none are trusted": nil, "others are trusted": {netip.MustParsePrefix("192.0.2.0/24")}} {
		w := newWorldWith(t, func(w *world) { w.limits.PerAddress, w.limits.TrustedProxies = 1, proxies })
		clear, _ := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}, AllowedNetworks: []string{"203.0.113.0/24"}})
		a := w.from(t, "203.0.113.1", clear, "/v1/me")
		checkFailure(t, name, a, http.StatusForbidden, "address_not_allowed")
		if message := a.failure(t).Error.Message; !strings.Contains(message, "127.0.0.1") && !strings.Contains(message, "::1") {
			t.Errorf("%s: message %q, want it to name the peer", name, message)
		}
		checkLimited(t, name+", another forged address", w.from(t, "203.0.114.1", "", "/v1/me"), "address")
		checkLimited(t, name+", no forged address", w.as(t, "", http.MethodGet, "/v1/me", ""), "address")
	}
}

func TestAdmission_address_goodKey(t *testing.T) {
	w := behindProxy(t, 1)
	stranger := w.stranger(t)
	if a := w.from(t, "203.0.113.1", w.key, "/v1/me"); a.status != http.StatusOK {
		t.Fatalf("GET /v1/me = %d %s", a.status, a.body)
	}
	checkFailure(t, "no key", w.from(t, "203.0.113.1", "", "/v1/me"), http.StatusUnauthorized, "missing_api_key")
	checkLimited(t, "no key", w.from(t, "203.0.113.1", "", "/v1/me"), "address")
	for range 3 {
		if a := w.from(t, "203.0.113.1", w.key, "/v1/me"); a.status != http.StatusOK || a.limit(t).Policy != "organization" {
			t.Errorf("a good key from the exhausted address = %d %s, want 200 by the organization's limit", a.status, a.body)
		}
	}
	// One that this process has not seen has the spare place, which nobody else wants now.
	if a := w.from(t, "203.0.113.1", stranger, "/v1/me"); a.status != http.StatusOK {
		t.Errorf("a good key that is not remembered = %d %s from the exhausted address, want 200", a.status, a.body)
	}
}

// An address that sends many unknown keys at once has hardly more of them searched for than its limit allows.
func TestAdmission_address_manyUnknown(t *testing.T) {
	w := behindProxy(t, 10)
	var mu sync.Mutex
	statuses := map[int]int{}
	var running sync.WaitGroup
	for range 200 {
		key := w.unknownKey(t)
		running.Go(func() {
			a := w.from(t, "203.0.113.1", key, "/v1/me")
			mu.Lock()
			defer mu.Unlock()
			statuses[a.status]++
		})
	}
	running.Wait()
	if statuses[http.StatusUnauthorized] != 10 || statuses[http.StatusTooManyRequests] != 190 {
		t.Errorf("200 unknown keys at once are answered with %v, want 10 × 401 and 190 × 429", statuses)
	}
}

// An exhausted address that sends no well-formed key makes the database search for nothing.
func TestAdmission_address_withoutQuery(t *testing.T) {
	w := behindProxy(t, 1)
	first, third := w.unknownKey(t), w.unknownKey(t)
	checkFailure(t, "unknown key", w.from(t, "203.0.113.1", first, "/v1/me"), http.StatusUnauthorized, "invalid_api_key")
	if err := w.db.Close(); err != nil {
		t.Fatal(err)
	}
	checkLimited(t, "a mistyped key", w.from(t, "203.0.113.1", "pw_live_mistyped", "/v1/me"), "address")
	checkFailure(t, "from another address", w.from(t, "203.0.114.1", third, "/v1/me"), http.StatusInternalServerError, "internal_error")
}

func TestAdmission_allowedNetworks(t *testing.T) {
	w := behindProxy(t, 100)
	key := w.post(t, "/v1/api-keys", `{"name": "restricted", "permissions": ["read"], "allowed_networks": ["203.0.113.77/24", "2001:db8::1"]}`)
	clear := key["key"].(string)
	for address, status := range map[string]int{
		"203.0.113.1": 200, "::ffff:203.0.113.1": 200, "2001:db8::1": 200, "203.0.114.1": 403, "2001:db8::2": 403,
		"203.0.113.1, 198.51.100.1": 403, "198.51.100.1, 203.0.113.1": 200,
	} {
		a := w.from(t, address, clear, "/v1/permits")
		if a.status != status {
			t.Errorf("from %s = %d %s, want %d", address, a.status, a.body, status)
		}
		if status == http.StatusForbidden {
			checkFailure(t, "from "+address, a, status, "address_not_allowed")
		}
	}
}
