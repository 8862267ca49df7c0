package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// read reads an answer's JSON.
func (a answer) read(t *testing.T, into any) {
	t.Helper()
	if err := json.Unmarshal(a.body, into); err != nil {
		t.Fatalf("the body %q is no JSON: %v", a.body, err)
	}
}

func (w *world) flush(t *testing.T) {
	t.Helper()
	if err := w.meter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// counted returns how often what was counted: "operation status code" of a key.
func (w *world) counted(t *testing.T, keyID string) map[string]int {
	t.Helper()
	w.flush(t)
	var rows []struct {
		What     string `db:"what"`
		Requests int    `db:"requests"`
	}
	err := w.db.SelectContext(t.Context(), &rows, `
		select rtrim(operation || ' ' || status || ' ' || code) as what, sum(requests) as requests from usage_days where api_key_id = $1 group by 1`, id.UUID(id.APIKey, keyID))
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	for _, row := range rows {
		found[row.What] = row.Requests
	}
	return found
}

func TestMetering_counts(t *testing.T) {
	w := newWorld(t)
	key, keyID := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read, identity.Write}})
	tag := w.as(t, key, http.MethodGet, "/v1/me", "").header.Get("ETag")
	w.as(t, key, http.MethodGet, "/v1/me", "", "If-None-Match", tag)
	w.as(t, key, http.MethodHead, "/v1/me", "")
	w.as(t, key, http.MethodGet, "/v1/permits/"+examplePermit, "")
	w.as(t, key, http.MethodGet, "/v1/permits?colour=red", "")
	w.as(t, key, http.MethodGet, "/v1/permits/export?format=csv", "")
	w.as(t, key, http.MethodGet, "/v1/api-keys", "")
	w.as(t, key, http.MethodPost, "/v1/watchlist", `{}`)
	w.as(t, key, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`, "Idempotency-Key", "k")
	w.as(t, key, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`, "Idempotency-Key", "k")
	w.as(t, key, http.MethodGet, "/v1/nothing", "") // no operation
	w.as(t, key, http.MethodPut, "/v1/me", "")
	w.as(t, w.key, http.MethodGet, "/v1/me", "") // another key
	want := map[string]int{
		"getMe 200": 2, "getMe 304": 1, "getPermit 404 not_found": 1, "listPermits 400 invalid_parameter": 1, "exportPermits 200": 1,
		"listAPIKeys 403 permission_denied": 1, "addWatchlistItem 422 invalid_body": 1, "addWatchlistItem 201": 2,
	}
	if diff := cmp.Diff(want, w.counted(t, keyID)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// What is refused is counted too, as far as the key is known.
func TestMetering_refused(t *testing.T) {
	w := newWorld(t)
	read := []identity.Permission{identity.Read}
	end := time.Now().Add(time.Hour)
	expired, expiredID := w.namedKey(t, apikeys.Key{Permissions: read, ExpiresAt: &end})
	revoked, revokedID := w.namedKey(t, apikeys.Key{Permissions: read})
	restricted, restrictedID := w.namedKey(t, apikeys.Key{Permissions: read, AllowedNetworks: []string{"203.0.113.0/24"}})
	if _, err := w.db.ExecContext(t.Context(), "update api_keys set expires_at = now() where expires_at is not null"); err != nil {
		t.Fatal(err)
	}
	if a := w.as(t, w.key, http.MethodDelete, "/v1/api-keys/"+revokedID, ""); a.status != http.StatusNoContent {
		t.Fatalf("DELETE = %d %s", a.status, a.body)
	}
	for _, key := range []string{expired, revoked, restricted, w.unknownKey(t), "", "pw_live_"} {
		w.as(t, key, http.MethodGet, "/v1/me", "")
	}
	for keyID, want := range map[string]map[string]int{
		expiredID: {"getMe 401 expired_api_key": 1}, revokedID: {"getMe 401 revoked_api_key": 1}, restrictedID: {"getMe 403 address_not_allowed": 1},
	} {
		if diff := cmp.Diff(want, w.counted(t, keyID)); diff != "" {
			t.Errorf("counted (-want +got):\n%s", diff)
		}
		last := data(t, w.get(t, "/v1/api-keys/"+keyID))["last_used_at"]
		if last != nil {
			t.Errorf("key of %v: last used at %v, want never: it was refused", want, last)
		}
	}
	if got := w.count(t, "select sum(requests) from usage_days where operation = 'getMe'"); got != 3 {
		t.Errorf("%d requests for getMe are counted, want the 3 whose key is known", got)
	}
}

func TestMetering_limited(t *testing.T) {
	w := newWorld(t)
	w.allow(t, 2)
	key, keyID := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}})
	for range 5 {
		w.as(t, key, http.MethodGet, "/v1/me", "")
	}
	want := map[string]int{"getMe 200": 2, "getMe 429 rate_limited": 3}
	if diff := cmp.Diff(want, w.counted(t, keyID)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

func TestMetering_failureOfOurs(t *testing.T) {
	w := newWorld(t)
	key, keyID := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}})
	if _, err := w.db.ExecContext(t.Context(), "alter table contacts rename to contacts_away"); err != nil {
		t.Fatal(err)
	}
	w.as(t, key, http.MethodGet, "/v1/contacts", "")
	want := map[string]int{"listContacts 500 internal_error": 1}
	if diff := cmp.Diff(want, w.counted(t, keyID)); diff != "" {
		t.Errorf("counted (-want +got):\n%s", diff)
	}
}

// usageBody is what the operations on usage answer.
type usageBody struct {
	Data []struct {
		Period, Operation, Method, Path, Code string
		Status, Requests                      int
	}
	Meta struct {
		FromDate string `json:"from_date"`
		ToDate   string `json:"to_date"`
		TimeZone string `json:"time_zone"`
		Total    struct {
			Requests     int
			ClientErrors int      `json:"client_errors"`
			RateLimited  int      `json:"rate_limited"`
			Average      *float64 `json:"average_milliseconds"`
		}
	}
}

func (w *world) usage(t *testing.T, path string) usageBody {
	t.Helper()
	a := w.get(t, path)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s = %d %s", path, a.status, a.body)
	}
	var u usageBody
	a.read(t, &u)
	return u
}

func TestMetering_shown(t *testing.T) {
	w := newWorld(t)
	key, keyID := w.namedKey(t, apikeys.Key{Permissions: []identity.Permission{identity.Read}})
	stranger := w.stranger(t)
	before := time.Now().UTC()
	for range 3 {
		w.as(t, key, http.MethodGet, "/v1/me", "")
		w.as(t, stranger, http.MethodGet, "/v1/me", "")
	}
	w.as(t, key, http.MethodGet, "/v1/permits/"+examplePermit, "")
	w.flush(t)
	of := fmt.Sprintf("from=%s&api_key_id=%s", before.Format(time.DateOnly), keyID)
	got := w.usage(t, "/v1/usage?"+of)
	sum := 0
	for _, d := range got.Data {
		sum += d.Requests
	}
	if got.Meta.Total.Requests != 4 || got.Meta.Total.ClientErrors != 1 || got.Meta.Total.Average == nil || sum != 4 || got.Meta.TimeZone != "UTC" {
		t.Errorf("usage = %+v, want 4 requests with 1 error", got)
	}
	var lines []string
	for _, path := range []string{"/v1/usage/endpoints?", "/v1/usage/errors?"} {
		for _, d := range w.usage(t, path+of).Data {
			lines = append(lines, fmt.Sprint(d.Operation, " ", d.Method, " ", d.Path, " ", d.Status, d.Code, " ", d.Requests))
		}
	}
	want := []string{
		"getMe GET /v1/me 0 3", "getPermit GET /v1/permits/{permit_uuid} 0 1", "getPermit GET /v1/permits/{permit_uuid} 404not_found 1",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("endpoints and errors (-want +got):\n%s", diff)
	}
	if all := w.usage(t, "/v1/usage?from="+before.Format(time.DateOnly)); all.Meta.Total.Requests != 4 {
		t.Errorf("usage of all keys = %+v, want the 4 requests of this organization", all.Meta)
	}
}

// Days at the ends of the calendar are refused or answered, and never a failure of ours.
func TestMetering_farDays(t *testing.T) {
	w := newWorld(t)
	for _, day := range []string{"0000-01-01", "0001-01-01", "0001-01-02", "0001-12-31", "1970-01-01", "9999-01-01", "9999-12-31"} {
		for _, interval := range []string{"day", "week", "month"} {
			for _, query := range []string{"to=" + day, "from=" + day + "&to=" + day, "from=" + day} {
				a := w.get(t, "/v1/usage?interval="+interval+"&"+query)
				if a.status != http.StatusOK && a.status != http.StatusBadRequest {
					t.Errorf("%s by %s = %d %s, want 200 or 400", query, interval, a.status, a.body)
				}
			}
		}
		if a := w.get(t, "/v1/usage/errors?to="+day); a.status != http.StatusOK && a.status != http.StatusBadRequest {
			t.Errorf("errors to %s = %d %s, want 200 or 400", day, a.status, a.body)
		}
	}
}
