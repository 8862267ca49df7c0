package httpapi_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/dunglas/httpsfv"
	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/identity"
)

// limit is what an answer's headers say of a limit.
type limit struct {
	Policy           string
	Limit, Remaining int64
	Reset            int64 // seconds until all of it is there again
}

// limit reads the headers of an answer, in both their forms, which have to say the same.
func (a answer) limit(t *testing.T) limit {
	t.Helper()
	policy, quota, window := a.field(t, "RateLimit-Policy", "q", "w")
	state, remaining, reset := a.field(t, "RateLimit", "r", "t")
	if policy != state || window != 60 || remaining < 0 || remaining > quota || reset < 0 || reset > 60 {
		t.Errorf("RateLimit-Policy %q and RateLimit %q do not go together", a.header.Get("RateLimit-Policy"), a.header.Get("RateLimit"))
	}
	for name, want := range map[string]int64{"X-RateLimit-Limit": quota, "X-RateLimit-Remaining": remaining} {
		if got := a.header.Get(name); got != strconv.FormatInt(want, 10) {
			t.Errorf("%s = %q, want %d", name, got, want)
		}
	}
	at, err := strconv.ParseInt(a.header.Get("X-RateLimit-Reset"), 10, 64)
	if off := time.Until(time.Unix(at, 0)) - time.Duration(reset)*time.Second; err != nil || off > time.Second || off < -30*time.Second {
		t.Errorf("X-RateLimit-Reset = %q, want the Unix second in %d s", a.header.Get("X-RateLimit-Reset"), reset)
	}
	return limit{policy, quota, remaining, reset}
}

// field reads a structured field (RFC 9651): a list of one string with two integer parameters.
func (a answer) field(t *testing.T, header, first, second string) (name string, one, two int64) {
	t.Helper()
	list, err := httpsfv.UnmarshalList(a.header.Values(header))
	if err != nil || len(list) != 1 {
		t.Fatalf("%s = %q, %v, want a list of one", header, a.header.Values(header), err)
	}
	item, isItem := list[0].(httpsfv.Item)
	name, isString := item.Value.(string)
	if !isItem || !isString || strings.Join(item.Params.Names(), " ") != first+" "+second {
		t.Fatalf("%s = %q, want a string with %s and %s", header, a.header.Values(header), first, second)
	}
	one, oneIs := parameter(item, first)
	two, twoIs := parameter(item, second)
	if !oneIs || !twoIs {
		t.Fatalf("%s = %q, want integers for %s and %s", header, a.header.Values(header), first, second)
	}
	return name, one, two
}

func parameter(item httpsfv.Item, name string) (value int64, isInteger bool) {
	v, _ := item.Params.Get(name)
	value, isInteger = v.(int64)
	return value, isInteger
}

// as sends a request with a key, and a JSON body unless that is empty; more headers come as name, value, ….
func (w *world) as(t *testing.T, key, method, path, body string, more ...string) answer {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + key}
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	for i := 0; i < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	return w.do(t, method, path, header, strings.NewReader(body))
}

// checkFailure fails the test unless an answer has that status and code.
func checkFailure(t *testing.T, name string, a answer, status int, code string) {
	t.Helper()
	if a.status != status || a.failure(t).Error.Code != code {
		t.Errorf("%s = %d %.300s, want %d %s", name, a.status, a.body, status, code)
	}
}

// checkLimited fails the test unless an answer is a 429 of rate_limited that says when to come again.
func checkLimited(t *testing.T, name string, a answer, policy string) {
	t.Helper()
	checkFailure(t, name, a, http.StatusTooManyRequests, "rate_limited")
	wait, err := strconv.Atoi(a.header.Get("Retry-After"))
	if l := a.limit(t); err != nil || wait < 1 || wait > 60 || l.Policy != policy || l.Remaining != 0 {
		t.Errorf("%s: Retry-After %q, limit %+v; want 1 to 60 seconds, and nothing left for the %s", name, a.header.Get("Retry-After"), l, policy)
	}
	if message := a.failure(t).Error.Message; !strings.Contains(message, " requests a minute; send this one again in "+strconv.Itoa(wait)+" second") {
		t.Errorf("%s: message %q, want it to say to wait %d seconds", name, message, wait)
	}
}

func TestAdmission_headers(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	reader, note := w.newKey(t, identity.Read), "/v1/notes/"+ids["note_id"]
	tag := w.get(t, note).header.Get("ETag")
	for _, c := range []struct {
		name, key, method, path, body string
		header                        []string
		status                        int
		policy                        string
	}{
		{name: "200", path: "/v1/permits", status: 200, policy: "organization"},
		{name: "200 of HEAD", method: "HEAD", path: "/v1/permits", status: 200, policy: "organization"},
		{name: "200 of a stream", path: "/v1/permits/export?format=csv", status: 200, policy: "organization"},
		{name: "201", method: "POST", path: "/v1/watchlist", body: `{"permit_number": "B-4"}`, status: 201, policy: "organization"},
		{name: "204", method: "DELETE", path: "/v1/conditions/" + ids["condition_id"], status: 204, policy: "organization"},
		{name: "304", path: note, header: []string{"If-None-Match", tag}, status: 304, policy: "organization"},
		{name: "400", path: "/v1/permits?colour=red", status: 400, policy: "organization"},
		{name: "403", key: reader, method: "POST", path: "/v1/watchlist", body: `{"permit_number": "B-4"}`, status: 403, policy: "organization"},
		{name: "404 of a thing", path: "/v1/permits/" + examplePermit, status: 404, policy: "organization"},
		{name: "409", method: "POST", path: "/v1/permits/" + w.permit(t, "B-3") + "/notes", body: `{"body": "x"}`, status: 409, policy: "organization"},
		{name: "412", method: "DELETE", path: note, header: []string{"If-Match", `"0.none"`}, status: 412, policy: "organization"},
		{name: "413", method: "POST", path: "/v1/watchlist", body: strings.Repeat(" ", 1<<20+1), status: 413, policy: "organization"},
		{name: "415", method: "POST", path: "/v1/watchlist", body: "{}", header: []string{"Content-Type", "text/plain"}, status: 415, policy: "organization"},
		{name: "422", method: "POST", path: "/v1/watchlist", body: "{}", status: 422, policy: "organization"},
		{name: "401", key: "pw_live_", path: "/v1/permits", status: 401, policy: "address"},
		{name: "404 of a path", path: "/v1/nothing", status: 404, policy: "organization"},
		{name: "405", method: "PUT", path: "/v1/permits", body: "{}", status: 405, policy: "organization"},
	} {
		t.Run(c.name, func(t *testing.T) {
			key, method := c.key, c.method
			if key == "" {
				key = w.key
			}
			if method == "" {
				method = http.MethodGet
			}
			a := w.as(t, key, method, c.path, c.body, c.header...)
			if a.status != c.status {
				t.Fatalf("%s %s = %d %.300s, want %d", method, c.path, a.status, a.body, c.status)
			}
			want := map[string]limit{"organization": {"organization", 1_000_000, 0, 1}, "address": {"address", 1000, 0, 1}}[c.policy]
			got := a.limit(t)
			if got.Remaining < want.Limit-100 || got.Remaining >= want.Limit {
				t.Errorf("%d remain of %d, want nearly all", got.Remaining, got.Limit)
			}
			want.Remaining, want.Reset = got.Remaining, got.Reset
			if diff := cmp.Diff(want, got); diff != "" || got.Reset > 10 {
				t.Errorf("limit, all of it in %d s (-want +got):\n%s", got.Reset, diff)
			}
		})
	}
	for _, path := range []string{"/healthz", "/readyz", "/docs/openapi.json", "/nothing"} { // no part of the API
		if a := w.get(t, path); a.header.Get("RateLimit") != "" || a.header.Get("X-RateLimit-Limit") != "" {
			t.Errorf("GET %s = %d with %v, want no limit", path, a.status, a.header)
		}
	}
}

// permit returns the uuid of the permit of that number.
func (w *world) permit(t *testing.T, number string) string {
	t.Helper()
	l, _ := w.list(t, "/v1/permits?scope=all&q="+number)
	return l.Data[0].UUID
}

func TestAdmission_organization(t *testing.T) {
	w := newWorld(t)
	w.allow(t, 3)
	second, stranger := w.newKey(t, identity.Read), w.stranger(t)
	for i, key := range []string{w.key, second, w.key} {
		a := w.as(t, key, http.MethodGet, "/v1/me", "")
		got, reset := a.limit(t), int64(20*(i+1))
		if a.status != http.StatusOK || got.Reset > reset || got.Reset < reset-15 {
			t.Errorf("request %d = %d with all of the limit in %d s, want 200 and %d s", i+1, a.status, got.Reset, reset)
		}
		if diff := cmp.Diff(limit{"organization", 3, int64(2 - i), got.Reset}, got); diff != "" {
			t.Errorf("request %d (-want +got):\n%s", i+1, diff)
		}
	}
	for name, a := range map[string]answer{
		"one more":                   w.get(t, "/v1/me"),
		"with the other key":         w.as(t, second, http.MethodGet, "/v1/me", ""),
		"with a bad body":            w.as(t, w.key, http.MethodPost, "/v1/watchlist", `{"permit`),
		"with a large body":          w.as(t, w.key, http.MethodPost, "/v1/watchlist", strings.Repeat(" ", 1<<20+1)),
		"with a bad parameter":       w.get(t, "/v1/permits?colour=red"),
		"without the permission":     w.as(t, second, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`),
		"for what does not exist":    w.get(t, "/v1/permits/"+examplePermit),
		"for an export":              w.get(t, "/v1/permits/export?format=csv"),
		"with a tag that it has":     w.as(t, w.key, http.MethodGet, "/v1/me", "", "If-None-Match", "*"),
		"with an idempotency key":    w.as(t, w.key, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`, "Idempotency-Key", "k"),
		"of HEAD, which has no body": {},
	} {
		if a.header == nil {
			if a = w.as(t, w.key, http.MethodHead, "/v1/me", ""); a.status != http.StatusTooManyRequests {
				t.Errorf("HEAD = %d, want 429", a.status)
			}
			continue
		}
		checkLimited(t, name, a, "organization")
	}
	if a := w.as(t, stranger, http.MethodGet, "/v1/me", ""); a.status != http.StatusOK || a.limit(t).Remaining != 99 {
		t.Errorf("another organization's request = %d with %+v, want 200 with 99 left", a.status, a.limit(t))
	}
	if got := w.count(t, "select count(*) from watchlist_items where permit_uuid in (select uuid from permits where permit_number = 'B-4')"); got != 0 {
		t.Errorf("a refused request changed the watchlist")
	}
}

// hold makes every request for permits wait until release is called.
func (w *world) hold(t *testing.T) (release func()) {
	t.Helper()
	tx, err := w.db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(t.Context(), "lock table permits in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	return func() { _ = tx.Rollback() }
}

// await waits until so many queries wait for a lock.
func (w *world) await(t *testing.T, queries int) {
	t.Helper()
	const waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"
	for deadline := time.Now().Add(30 * time.Second); w.count(t, waiting) != queries; {
		if time.Now().After(deadline) {
			t.Fatalf("in 30 s there were not %d queries that wait", queries)
		}
	}
}

func TestAdmission_inFlight(t *testing.T) {
	w := newWorldWith(t, func(w *world) { w.limits.InFlight = 2 })
	stranger := w.stranger(t)
	release, answers := w.hold(t), make(chan answer, 2)
	for range 2 {
		go func() { answers <- w.get(t, "/v1/permits") }()
	}
	w.await(t, 2)
	third := w.get(t, "/v1/me")
	checkFailure(t, "the third at once", third, http.StatusTooManyRequests, "too_many_in_flight")
	if got := third.header.Get("Retry-After"); got != "1" || third.limit(t).Policy != "organization" {
		t.Errorf("Retry-After %q with %+v, want 1 and the organization's limit", got, third.limit(t))
	}
	if a := w.as(t, stranger, http.MethodGet, "/v1/me", ""); a.status != http.StatusOK {
		t.Errorf("another organization's request = %d, want 200", a.status)
	}
	release()
	for range 2 {
		if a := <-answers; a.status != http.StatusOK {
			t.Errorf("a request that waited = %d %s, want 200", a.status, a.body)
		}
	}
	if a := w.get(t, "/v1/me"); a.status != http.StatusOK {
		t.Errorf("after them = %d %s, want 200", a.status, a.body)
	}
}

// However a request ends, its place is free.
func TestAdmission_inFlight_freed(t *testing.T) {
	w := newWorldWith(t, func(w *world) { w.limits.InFlight = 1 })
	reader := w.newKey(t, identity.Read)
	for range 2 {
		w.get(t, "/v1/permits/"+examplePermit)
		w.get(t, "/v1/permits?colour=red")
		w.as(t, reader, http.MethodPost, "/v1/watchlist", `{}`)
		w.as(t, w.key, http.MethodPost, "/v1/watchlist", `{"permit`)
		w.as(t, w.key, http.MethodPost, "/v1/watchlist", strings.Repeat(" ", 1<<20+1))
		w.get(t, "/v1/permits/export?format=csv")
	}
	if a := w.get(t, "/v1/me"); a.status != http.StatusOK {
		t.Errorf("after failures = %d %s, want 200", a.status, a.body)
	}
	w.hangUp(t)
	if a := w.get(t, "/v1/me"); a.status != http.StatusOK {
		t.Errorf("after a client hung up = %d %s, want 200", a.status, a.body)
	}
	w.await(t, 0)
}

// hangUp sends a request that waits, and ends it.
func (w *world) hangUp(t *testing.T) {
	t.Helper()
	w.hold(t)
	ctx, hangUp := context.WithCancel(t.Context())
	served := make(chan struct{})
	go func() { // without a network, so that the end of the request is known
		defer close(served)
		r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/v1/permits", nil)
		r.Header.Set("Authorization", "Bearer "+w.key)
		w.Config.Handler.ServeHTTP(httptest.NewRecorder(), r)
	}()
	w.await(t, 1)
	hangUp()
	<-served
}

// A failure of ours is told as one, whatever the state of the address from which a good key comes.
func TestAdmission_failureOfOurs(t *testing.T) {
	w := newWorldWith(t, func(w *world) { w.limits.PerAddress = 1 })
	if a := w.get(t, "/v1/me"); a.status != http.StatusOK {
		t.Fatalf("GET /v1/me = %d %s", a.status, a.body)
	}
	checkFailure(t, "no key", w.as(t, "", http.MethodGet, "/v1/me", ""), http.StatusUnauthorized, "missing_api_key")
	checkLimited(t, "no key", w.as(t, "", http.MethodGet, "/v1/me", ""), "address")
	if _, err := w.db.ExecContext(t.Context(), "alter table api_keys rename to api_keys_away"); err != nil {
		t.Fatal(err)
	}
	w.forget(t)
	a := w.get(t, "/v1/me")
	checkFailure(t, "GET without the table", a, http.StatusInternalServerError, "internal_error")
	if a.limit(t).Policy != "address" || !strings.Contains(w.log.String(), "request failed") {
		t.Errorf("limit %+v; want that of the address, and the failure in the log:\n%s", a.limit(t), w.log)
	}
}

// forget waits until what is known of the world's key is too old to be believed.
func (w *world) forget(t *testing.T) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); w.get(t, "/v1/me").status == http.StatusOK; {
		if time.Now().After(deadline) {
			t.Fatal("in 30 s the key was not asked for again")
		}
	}
}
