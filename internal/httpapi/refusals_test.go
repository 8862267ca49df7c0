package httpapi_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestNew_refuses(t *testing.T) {
	w := newWorld(t)
	first, _ := w.list(t, "/v1/permits?scope=all&per_page=1")
	cursor := *first.Meta.NextCursor
	forged := cursor[:len(cursor)-4] + "AAAA"
	const unknown = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"
	big := strings.Repeat("x", 2<<20)
	for _, c := range []struct {
		name, method, path, body string
		header                   map[string]string
		status                   int
		code, in, pointer, rule  string
	}{
		{name: "unknown parameter", path: "/v1/permits?colour=red", status: 400, code: "invalid_parameter", in: "query", pointer: "colour", rule: "unknown"},
		{name: "per_page over the maximum", path: "/v1/permits?per_page=101", status: 400, code: "invalid_parameter", in: "query", pointer: "per_page", rule: "maximum"},
		{name: "per_page zero", path: "/v1/permits?per_page=0", status: 400, code: "invalid_parameter", in: "query", pointer: "per_page", rule: "minimum"},
		{name: "per_page no number", path: "/v1/permits?per_page=ten", status: 400, code: "invalid_parameter", in: "query", pointer: "per_page", rule: "type"},
		{name: "page empty", path: "/v1/permits?page=", status: 400, code: "invalid_parameter", in: "query", pointer: "page", rule: "type"},
		{name: "page with cursor", path: "/v1/permits?scope=all&per_page=1&page=1&cursor=" + cursor, status: 400, code: "invalid_parameter", in: "query", pointer: "page", rule: "exclusive"},
		{name: "page too deep", path: "/v1/permits?page=101&per_page=100", status: 400, code: "page_too_deep", in: "query", pointer: "page", rule: "page_too_deep"},
		{name: "page beyond integers", path: "/v1/permits?page=99999999999999999999", status: 400, code: "invalid_parameter", in: "query", pointer: "page", rule: "maximum"},
		{name: "largest page", path: "/v1/permits?page=2147483647&per_page=100", status: 400, code: "page_too_deep", in: "query", pointer: "page", rule: "page_too_deep"},
		{name: "forged cursor", path: "/v1/permits?scope=all&cursor=" + forged, status: 400, code: "invalid_cursor", in: "query", pointer: "cursor", rule: "invalid_cursor"},
		{name: "cursor of another filter", path: "/v1/permits?scope=all&state=closed&cursor=" + cursor, status: 400, code: "invalid_cursor", in: "query", pointer: "cursor", rule: "invalid_cursor"},
		{name: "cursor of another list", path: "/v1/jurisdictions?cursor=" + cursor, status: 400, code: "invalid_cursor", in: "query", pointer: "cursor", rule: "invalid_cursor"},
		{name: "cursor of other characters", path: "/v1/permits?cursor=%2B%2F", status: 400, code: "invalid_parameter", in: "query", pointer: "cursor", rule: "pattern"},
		{name: "bad date", path: "/v1/permits?filed_after=2026-02-30", status: 400, code: "invalid_parameter", in: "query", pointer: "filed_after", rule: "format"},
		{name: "bad instant", path: "/v1/permits?updated_since=2026-01-01T00:00:00+02", status: 400, code: "invalid_parameter", in: "query", pointer: "updated_since", rule: "format"},
		{name: "leap second", path: "/v1/permits?updated_since=2016-12-31T23:59:60Z", status: 400, code: "invalid_parameter", in: "query", pointer: "updated_since", rule: "format"},
		{name: "dates turned round", path: "/v1/permits?filed_after=2026-02-01&filed_before=2026-01-01", status: 400, code: "invalid_parameter", in: "query", pointer: "filed_after", rule: "order"},
		{name: "repeated parameter", path: "/v1/permits?per_page=1&per_page=2", status: 400, code: "invalid_parameter", in: "query", pointer: "per_page", rule: "repeated"},
		{name: "unknown stage", path: "/v1/permits?stage=in_review&stage=done", status: 400, code: "invalid_parameter", in: "query", pointer: "stage", rule: "enum"},
		{name: "pattern of a repeated parameter", path: "/v1/permits?jurisdiction=Austin", status: 400, code: "invalid_parameter", in: "query", pointer: "jurisdiction", rule: "pattern"},
		{name: "unknown jurisdiction", path: "/v1/permits?jurisdiction=test&jurisdiction=elsewhere", status: 400, code: "invalid_parameter", in: "query", pointer: "jurisdiction", rule: "not_found"},
		{name: "unknown jurisdiction of an export", path: "/v1/permits/export?format=csv&jurisdiction=elsewhere", status: 400, code: "invalid_parameter", in: "query", pointer: "jurisdiction", rule: "not_found"},
		{name: "too many values", path: "/v1/permits?" + strings.Repeat("status=a&", 21), status: 400, code: "invalid_parameter", in: "query", pointer: "status", rule: "maxItems"},
		{name: "point out of range", path: "/v1/permits?near=91,0", status: 400, code: "invalid_parameter", in: "query", pointer: "near", rule: "pattern"},
		{name: "radius without point", path: "/v1/permits?radius_m=10", status: 400, code: "invalid_parameter", in: "query", pointer: "radius_m", rule: "requires"},
		{name: "sort beside updated_since", path: "/v1/permits?updated_since=2026-01-01T00:00:00Z&sort=filed_date", status: 400, code: "invalid_parameter", in: "query", pointer: "sort", rule: "exclusive"},
		{name: "status against state", path: "/v1/permits?status=active&state=closed", status: 400, code: "invalid_parameter", in: "query", pointer: "status", rule: "exclusive"},
		{name: "NUL", path: "/v1/permits?q=a%00b", status: 400, code: "invalid_parameter", in: "query", pointer: "q", rule: "encoding"},
		{name: "invalid UTF-8", path: "/v1/permits?q=%ff%fe", status: 400, code: "invalid_parameter", in: "query", pointer: "q", rule: "encoding"},
		{name: "invalid UTF-8 in a name", path: "/v1/permits?%ff=1", status: 400, code: "invalid_parameter", in: "query", rule: "unknown"},
		{name: "broken percent-encoding", path: "/v1/permits?q=%zz", status: 400, code: "invalid_parameter", in: "query", rule: "encoding"},
		{name: "8 KB of q", path: "/v1/permits?q=" + strings.Repeat("a", 8<<10), status: 400, code: "invalid_parameter", in: "query", pointer: "q", rule: "maxLength"},
		{name: "malformed UUID", path: "/v1/permits/42", status: 400, code: "invalid_parameter", in: "path", pointer: "permit_uuid", rule: "format"},
		{name: "UUID with NUL", path: "/v1/permits/%00", status: 400, code: "invalid_parameter", in: "path", pointer: "permit_uuid", rule: "encoding"},
		{name: "malformed UUID of a history", path: "/v1/permits/01980a3c-5e00-7d21-8f4e-2b6f1c9a7e1g/history", status: 400, code: "invalid_parameter", in: "path", pointer: "permit_uuid", rule: "format"},
		{name: "unknown permit", path: "/v1/permits/" + unknown, status: 404, code: "not_found"},
		{name: "unknown permit's history", path: "/v1/permits/" + unknown + "/history", status: 404, code: "not_found"},
		{name: "unknown route", path: "/v1/nothing", status: 404, code: "not_found"},
		{name: "wrong method", method: http.MethodDelete, path: "/v1/permits", status: 405, code: "method_not_allowed"},
		{name: "a body", path: "/v1/permits", body: "{}", header: map[string]string{"Content-Type": "text/plain"}, status: 400, code: "unexpected_body", in: "body", rule: "unexpected_body"},
		{name: "2 MB body", path: "/v1/permits", body: big, status: 413, code: "body_too_large"},
		{name: "no key", path: "/v1/permits", header: map[string]string{"Authorization": ""}, status: 401, code: "missing_api_key"},
		{name: "another scheme", path: "/v1/me", header: map[string]string{"Authorization": "Basic YTpi"}, status: 401, code: "missing_api_key"},
		{name: "mistyped key", path: "/v1/me", header: map[string]string{"Authorization": "Bearer " + w.key[:len(w.key)-1] + "_"}, status: 401, code: "invalid_api_key"},
		{name: "key without the permission", path: "/v1/permits", header: map[string]string{"Authorization": "Bearer " + w.newKey(t, identity.Write)}, status: 403, code: "permission_denied"},
	} {
		t.Run(c.name, func(t *testing.T) {
			method := c.method
			if method == "" {
				method = http.MethodGet
			}
			a := w.do(t, method, c.path, c.header, strings.NewReader(c.body))
			if a.status != c.status {
				t.Fatalf("status = %d, want %d: %.300s", a.status, c.status, a.body)
			}
			if got := a.header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type = %q, want application/json", got)
			}
			e := a.failure(t).Error
			if e.Code != c.code || e.Message == "" || e.RequestID != a.header.Get("X-Request-Id") || e.DocURL != "http://api.test/docs/errors#"+c.code {
				t.Errorf("error = %+v, want %s with message, request id and documentation", e, c.code)
			}
			if c.rule == "" {
				return
			}
			if len(e.Details) == 0 {
				t.Fatalf("no details, want %s", c.rule)
			}
			if d := e.Details[0]; d.In != c.in || d.Pointer != c.pointer || d.Code != c.rule || d.Message == "" {
				t.Errorf("detail = %+v, want in %s, pointer %q, code %s", d, c.in, c.pointer, c.rule)
			}
		})
	}
}

// What is refused for a small mistake says which one it was.
func TestNew_refuses_withWords(t *testing.T) {
	w := newWorld(t)
	none := map[string]string{"Authorization": ""}
	const send = `Send an API key: "Authorization: Bearer pw_live_…". `
	for _, c := range []struct {
		method, path string
		header       map[string]string
		want         string
	}{
		{"GET", "/v1/me", none, send + "There is no Authorization header."},
		{"GET", "/v1/me", map[string]string{"Authorization": w.key}, send + "The Authorization header lacks the word Bearer before the key."},
		{"GET", "/v1/me", map[string]string{"Authorization": "Basic YTpi"}, send + "The Authorization header does not say Bearer and a key."},
		{"GET", "/v1/me", map[string]string{"Authorization": "", "X-API-Key": w.key}, send + "X-API-Key is not read: send the key as Authorization."},
		{"GET", "/v1/me?api_key=" + w.key, none, send + "Keys in the URL are not read, since logs keep those: send it as Authorization."},
		{"PUT", "/v1/permits", nil, "This path does not have that method; it has GET, HEAD."},
		{"PUT", "/v1/watchlist", nil, "This path does not have that method; it has GET, HEAD, POST."},
		{"GET", "/permits", nil, "There is no such path; paths of the API begin with /v1; the documentation is at /docs."},
		{"POST", "/permits/x/", nil, "There is no such path; paths of the API begin with /v1; the documentation is at /docs."},
		{"GET", "/v1/permits/", nil, "There is no such path; leave out the slash at its end; the documentation is at /docs."},
		{"GET", "/v1/nothing/", nil, "There is no such path; the documentation is at /docs."},
		{"GET", "/nothing", nil, "There is no such path; the documentation is at /docs."},
		{"POST", "/v1/watchlist", nil, "The body must be given: this operation needs one, as Content-Type: application/json."},
		{"GET", "/v1/permits?updated_since=2026-01-01T00:00:00+02:00", nil, "updated_since must be an instant such as 2026-01-23T10:45:00Z (RFC 3339); a + has to be sent as %2B, or write the time with Z."},
	} {
		if got := w.do(t, c.method, c.path, c.header, nil).failure(t).Error.Message; got != c.want {
			t.Errorf("%s %s %v is refused with %q, want %q", c.method, c.path, c.header, got, c.want)
		}
	}
}

func TestNew_atTheRoot(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{"/": "/docs", "/llms.txt": "/docs/llms.txt", "/favicon.ico": "/docs/assets/logo.svg"} {
		if a := w.do(t, http.MethodGet, path, nil, nil); a.status != http.StatusFound || a.header.Get("Location") != want {
			t.Errorf("GET %s = %d to %q, want 302 to %s", path, a.status, a.header.Get("Location"), want)
		}
	}
	if a := w.do(t, http.MethodGet, "/robots.txt", nil, nil); a.status != http.StatusOK || !strings.HasPrefix(string(a.body), "User-agent: *\nAllow: /docs\n") {
		t.Errorf("GET /robots.txt = %d %q", a.status, a.body)
	}
}

func TestNew_refuses_withHeaders(t *testing.T) {
	w := newWorld(t)
	if got := w.do(t, http.MethodGet, "/v1/me", map[string]string{"Authorization": ""}, nil).header.Get("WWW-Authenticate"); got != `Bearer realm="plotwise"` {
		t.Errorf("WWW-Authenticate = %q", got)
	}
	if got := w.do(t, http.MethodPost, "/v1/permits", nil, nil).header.Get("Allow"); !strings.Contains(got, "GET") || !strings.Contains(got, "HEAD") {
		t.Errorf("Allow = %q, want GET and HEAD", got)
	}
}

func TestNew_databaseAway(t *testing.T) {
	w := newWorld(t)
	w.db = pgtest.OpenURL(t, "postgres://plotwise@/plotwise?host=/nowhere&sslmode=disable")
	w.Config.Handler = w.handler(t, "enforce")
	if a := w.get(t, "/v1/me"); a.status != http.StatusServiceUnavailable || a.failure(t).Error.Code != "service_unavailable" {
		t.Errorf("GET /v1/me = %d %s, want 503 service_unavailable", a.status, a.body)
	}
	if a := w.get(t, "/readyz"); a.status != http.StatusServiceUnavailable {
		t.Errorf("GET /readyz = %d, want 503", a.status)
	}
	if a := w.get(t, "/healthz"); a.status != http.StatusOK {
		t.Errorf("GET /healthz = %d, want 200", a.status)
	}
	if log := w.log.String(); strings.Contains(log, w.key) || !strings.Contains(log, "request failed") {
		t.Errorf("the log has to name the failure, and never the key:\n%s", log)
	}
}
