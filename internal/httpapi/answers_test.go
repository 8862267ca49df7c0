package httpapi_test

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestNew_lists(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ query, want string }{
		{"", "B-1 B-2"},
		{"scope=all", "B-1 B-2 B-3 B-4"},
		{"scope=all&status=In+Review", "B-1"},
		{"scope=all&status=in+review", ""},
		{"scope=all&status=In+Review&status=Final", "B-1 B-3"},
		{"scope=all&status=active", "B-1 B-2 B-4"},
		{"scope=all&status=closed", "B-3"},
		{"scope=all&state=active", "B-1 B-2 B-4"},
		{"scope=all&stage=permit_issued&stage=unknown", "B-2 B-4"},
		{"scope=all&type=Roof", "B-1 B-3"},
		{"scope=all&jurisdiction=test&status=Issued", "B-2"},
		{"scope=all&q=shingle", "B-1"},
		{"scope=all&q=roof", "B-1 B-3"},
		{"scope=all&q=bayline", "B-1"},
		{"scope=all&q=b-", "B-1 B-2 B-3 B-4"},
		{"scope=all&q=%25", ""},
		{"scope=all&q=palm+-pool", "B-1 B-3 B-4"},
		{"scope=all&near=27.95,-82.46", "B-1 B-2"},
		{"scope=all&near=27.95,-82.46&radius_m=10", "B-1"},
		{"scope=all&filed_after=2026-01-06", "B-2 B-3"},
		{"scope=all&filed_before=2026-01-06", "B-1 B-2"},
		{"scope=all&sort=-filed_date", "B-3 B-2 B-1 B-4"},
		{"scope=all&sort=filed_date", "B-4 B-1 B-2 B-3"},
		{"scope=all&page=2&per_page=3", "B-4"},
		{"scope=all&page=9", ""},
	} {
		l, _ := w.list(t, "/v1/permits?"+c.query)
		if got := l.numbers(); got != c.want {
			t.Errorf("GET /v1/permits?%s = %q, want %q", c.query, got, c.want)
		}
	}
}

func TestNew_walksByCursor(t *testing.T) {
	w := newWorld(t)
	for _, sort := range []string{"", "updated_at", "-updated_at", "filed_date", "-filed_date", "issued_date", "-issued_date"} {
		for _, scope := range []string{"all", "watchlist"} {
			query := url.Values{"scope": {scope}, "per_page": {"1"}}
			if sort != "" {
				query.Set("sort", sort)
			}
			want := maps.Clone(query)
			want.Set("per_page", "100")
			whole, _ := w.list(t, "/v1/permits?"+want.Encode())
			var walked []string
			for {
				l, header := w.list(t, "/v1/permits?"+query.Encode())
				walked = append(walked, l.numbers())
				if l.Meta.NextCursor == nil {
					break
				}
				if !strings.Contains(header.Get("Link"), `rel="next"`) {
					t.Errorf("Link = %q, want a next page", header.Get("Link"))
				}
				query.Set("cursor", *l.Meta.NextCursor)
			}
			if got := strings.Join(walked, " "); got != whole.numbers() {
				t.Errorf("sort %q, scope %s: walked %q, want %q", sort, scope, got, whole.numbers())
			}
		}
	}
}

func TestNew_getsPermit(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, strings.Replace(rows, "B-1,In Review", "B-1,Issued", 1))
	l, _ := w.list(t, "/v1/permits?scope=all&q=B-1")
	a := w.get(t, "/v1/permits/"+l.Data[0].UUID)
	var permit struct {
		Data struct {
			Status        string
			Valuation     map[string]string
			Address       string
			Parties       []map[string]string
			StatusHistory []map[string]string `json:"status_history"`
			LastCheckedAt string              `json:"last_checked_at"`
		}
	}
	if err := json.Unmarshal(a.body, &permit); err != nil || a.status != http.StatusOK {
		t.Fatalf("GET = %d %s, %v", a.status, a.body, err)
	}
	d := permit.Data
	if d.Status != "Issued" || d.Valuation["amount"] != "1000.50" || d.Address != "1 Palm Ave, Tampa, FL 33601" || d.LastCheckedAt == "" ||
		len(d.Parties) != 1 || d.Parties[0]["company"] != "Bayline Roofing Inc" || len(d.StatusHistory) != 1 ||
		d.StatusHistory[0]["previous_status"] != "In Review" || d.StatusHistory[0]["new_status"] != "Issued" {
		t.Errorf("permit = %+v", d)
	}
	history := w.get(t, "/v1/permits/"+l.Data[0].UUID+"/history?per_page=1")
	if !strings.Contains(string(history.body), `"total":2`) || !strings.Contains(history.header.Get("Link"), "per_page=1") {
		t.Errorf("history = %s, Link %q: want status and stage", history.body, history.header.Get("Link"))
	}
}

func TestNew_getsFeesAndInspections(t *testing.T) {
	w := newWorld(t)
	const jurisdiction = "jurisdiction: {slug: test, name: Test County, region: FL}\n"
	const fees = "PermitNum,FeeNum,FeeName,FeeAmount,PaidAmount,AssessedDate,PaidDate\nB-1,7,Permit fee,120,120.00,2026-01-05,2026-01-06\n"
	w.importAs(t, jurisdiction+"dataset: fees", fees)
	w.importAs(t, jurisdiction+"dataset: fees", fees+"B-1,,Credit,-20.5,,,\n")
	w.importAs(t, jurisdiction+"dataset: inspections", "PermitNum,InspType,Result,ScheduledDate,InspectedDate,Inspector,InspectionNotes\n"+
		"B-1,Dry-in,Passed,2026-02-03,2026-02-04,R. Mercer,Fine\nB-1,Final,,,,,\n")
	l, _ := w.list(t, "/v1/permits?scope=all&q=B-1")
	a := w.get(t, "/v1/permits/"+l.Data[0].UUID)
	var permit struct {
		Data struct{ Fees, Inspections []map[string]any }
	}
	if err := json.Unmarshal(a.body, &permit); err != nil || a.status != http.StatusOK {
		t.Fatalf("GET = %d %s, %v", a.status, a.body, err)
	}
	paid := map[string]any{"amount": "120.00", "currency": "USD"}
	wantFees := []map[string]any{
		{"number": "7", "name": "Permit fee", "amount": paid, "paid_amount": paid, "assessed_date": "2026-01-05", "paid_date": "2026-01-06"},
		{
			"number": "", "name": "Credit", "amount": map[string]any{"amount": "-20.50", "currency": "USD"}, "paid_amount": nil,
			"assessed_date": nil, "paid_date": nil,
		},
	}
	if diff := cmp.Diff(wantFees, permit.Data.Fees); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
	wantInspections := []map[string]any{
		{
			"number": "", "type": "Dry-in", "description": "", "result": "Passed", "scheduled_date": "2026-02-03",
			"inspected_date": "2026-02-04", "inspector": "R. Mercer", "notes": "Fine",
		},
		{
			"number": "", "type": "Final", "description": "", "result": "", "scheduled_date": nil, "inspected_date": nil,
			"inspector": "", "notes": "",
		},
	}
	if diff := cmp.Diff(wantInspections, permit.Data.Inspections); diff != "" {
		t.Errorf("inspections (-want +got):\n%s", diff)
	}
	history := w.get(t, "/v1/permits/"+l.Data[0].UUID+"/history")
	if !strings.Contains(string(history.body), `"field":"Credit","new":"-20.50","previous":null,"scope":"fee"`) {
		t.Errorf("history = %s, want the credit", history.body)
	}
}

func TestNew_getsOwn(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	permit := data(t, w.get(t, "/v1/permits/"+ids["permit_uuid"]))
	watchlist, _ := permit["watchlist"].(map[string]any)
	notes, _ := permit["notes"].([]any)
	if len(watchlist["tags"].([]any)) != 1 || watchlist["priority"] != "none" || len(notes) != 1 || notes[0].(map[string]any)["body"] != "hush note" {
		t.Errorf("watchlist = %v, notes = %v; want one tag and one note", watchlist, notes)
	}
	if got := permit["condition_ids"].([]any); len(got) != 1 || got[0] != ids["condition_id"] {
		t.Errorf("condition_ids = %v, want %s", got, ids["condition_id"])
	}
	l, _ := w.list(t, "/v1/permits?scope=all&q=B-4")
	if other := data(t, w.get(t, "/v1/permits/"+l.Data[0].UUID)); other["watchlist"] != nil || len(other["notes"].([]any))+len(other["condition_ids"].([]any)) != 0 {
		t.Errorf("a permit that is not tracked has %v", other)
	}
}

func TestNew_pollsOn(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/permits?", "/v1/permits?scope=all&", "/v1/contacts?"} {
		next := "2020-01-01T00:00:00Z"
		for round, want := range []bool{true, true, true} {
			a := w.get(t, path+"per_page=100&updated_since="+url.QueryEscape(next))
			var l struct {
				Data []any
				Meta struct {
					NextUpdatedSince string `json:"next_updated_since"`
				}
			}
			if err := json.Unmarshal(a.body, &l); err != nil || l.Meta.NextUpdatedSince == "" {
				t.Fatalf("GET %s = %d %s, %v", path, a.status, a.body, err)
			}
			if got := len(l.Data) > 0; got != want {
				t.Errorf("%s: poll %d since %s has %d items", path, round, next, len(l.Data))
			}
			if round > 0 && l.Meta.NextUpdatedSince != next {
				t.Errorf("%s: poll %d goes on at %s, want %s: nothing changed", path, round, l.Meta.NextUpdatedSince, next)
			}
			next = l.Meta.NextUpdatedSince
		}
		quiet := w.get(t, path+"updated_since=2999-01-01T00:00:00Z")
		if !strings.Contains(string(quiet.body), `"next_updated_since":"2999-01-01T00:00:00Z"`) {
			t.Errorf("%s: a poll that finds nothing goes on with %s", path, quiet.body)
		}
	}
}

func TestNew_entityTag(t *testing.T) {
	w := newWorld(t)
	first := w.get(t, "/v1/me")
	tag := first.header.Get("ETag")
	for header, want := range map[string]int{tag: 304, "W/" + tag: 304, `"other", ` + tag: 304, "*": 304, `"other"`: 200} {
		a := w.do(t, http.MethodGet, "/v1/me", map[string]string{"If-None-Match": header}, nil)
		if a.status != want || a.header.Get("ETag") != tag || (want == 304 && len(a.body) > 0) {
			t.Errorf("If-None-Match %s = %d with %d bytes, want %d", header, a.status, len(a.body), want)
		}
	}
}

func TestNew_head(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/v1/permits", "/v1/me", "/v1/jurisdictions", "/healthz", "/docs/openapi.json"} {
		plain := map[string]string{"Accept-Encoding": "identity"} // or else the client asks for gzip, but not with HEAD
		get, head := w.do(t, http.MethodGet, path, plain, nil), w.do(t, http.MethodHead, path, plain, nil)
		if head.status != http.StatusOK || len(head.body) > 0 || head.header.Get("ETag") != get.header.Get("ETag") ||
			head.header.Get("Content-Type") != get.header.Get("Content-Type") {
			t.Errorf("HEAD %s = %d with %d bytes and %v, want the headers of GET", path, head.status, len(head.body), head.header)
		}
	}
	if a := w.do(t, http.MethodHead, "/v1/nothing", nil, nil); a.status != http.StatusNotFound {
		t.Errorf("HEAD of an unknown route = %d, want 404", a.status)
	}
}

func TestNew_options(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{"/v1/permits": "OPTIONS, GET, HEAD", "/v1/watchlist": "OPTIONS, GET, HEAD, POST", "/v1/nothing": ""} {
		for name, header := range map[string]map[string]string{"OPTIONS": nil, "preflight": {"Origin": "https://app.example", "Access-Control-Request-Method": "GET"}} {
			if got := w.do(t, http.MethodOptions, path, header, nil).header.Get("Allow"); got != want {
				t.Errorf("%s %s: Allow = %q, want %q", name, path, got, want)
			}
		}
	}
}

func TestNew_crossOrigin(t *testing.T) {
	w := newWorld(t)
	a := w.do(t, http.MethodOptions, "/v1/permits", map[string]string{
		"Origin": "https://app.example", "Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "authorization", "Authorization": "",
	}, nil)
	if a.status != http.StatusNoContent || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
		t.Errorf("preflight = %d %v", a.status, a.header)
	}
	a = w.do(t, http.MethodGet, "/v1/me", map[string]string{"Origin": "https://app.example"}, nil)
	if a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Expose-Headers"), "Link") {
		t.Errorf("answer to another origin has %v", a.header)
	}
}

func TestNew_validatesAnswers(t *testing.T) {
	w := newWorld(t)
	const breakIt = "update permits set city = repeat('x', 300) where permit_number = 'B-1'" // the specification says 200
	if _, err := w.db.ExecContext(t.Context(), breakIt); err != nil {
		t.Fatal(err)
	}
	for mode, want := range map[string]int{"enforce": 500, "report": 200, "off": 200} {
		w.Config.Handler = w.handler(t, mode)
		w.log.Reset()
		a := w.get(t, "/v1/permits")
		if a.status != want || (want == 500 && (a.failure(t).Error.Code != "internal_error" || strings.Contains(string(a.body), "xxx"))) {
			t.Errorf("%s: GET = %d %.200s, want %d", mode, a.status, a.body, want)
		}
		if logged := strings.Contains(w.log.String(), "maxLength"); logged != (mode != "off") {
			t.Errorf("%s: the log says\n%s", mode, w.log)
		}
	}
}

func TestNew_documentation(t *testing.T) {
	w := newWorld(t)
	for path, want := range map[string]string{
		"/docs": "Quick start", "/docs/reference": "swagger-ui-bundle.js", "/docs/reference/listPermits": "updated_since", "/docs/openapi.yaml": "url: http://api.test", "/docs/openapi.json": `"url": "http://api.test"`,
		"/docs/errors": `id="page_too_deep"`, "/docs/ui/swagger-ui-bundle.js": "SwaggerUIBundle",
	} {
		a := w.do(t, http.MethodGet, path, map[string]string{"Authorization": ""}, nil)
		if a.status != http.StatusOK || !strings.Contains(string(a.body), want) {
			t.Errorf("GET %s = %d without %q", path, a.status, want)
		}
	}
}

func TestNew_requestID(t *testing.T) {
	w := newWorld(t)
	for sent, kept := range map[string]bool{
		"my-request-0001": true, "short": false, "has spaces in it": false, strings.Repeat("a", 65): false, w.key: false,
	} {
		a := w.do(t, http.MethodGet, "/v1/me", map[string]string{"X-Request-Id": sent}, nil)
		if got := a.header.Get("X-Request-Id"); (got == sent) != kept || got == "" {
			t.Errorf("X-Request-Id %q is answered with %q", sent, got)
		}
	}
}

func TestMetrics_Admin(t *testing.T) {
	w := newWorld(t)
	w.get(t, "/v1/me")
	w.metrics.LimitedLocally(func() uint64 { return 3 })
	server := w.admin(t)
	response, err := http.Get(server + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`plotwise_http_requests_total{operation="getMe",status="200"} 1`, `plotwise_http_request_duration_seconds_bucket{operation="getMe"`,
		"go_sql_open_connections", "plotwise_ratelimit_local_total 3",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
}
