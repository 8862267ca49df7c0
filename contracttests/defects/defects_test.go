package defects

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plotwise/plotwise/contracttests/target"
	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/contract"
)

// defect is planted in front of some operations; the suite has to find it for the reason that is named.
type defect struct {
	name       string
	operations string
	plant      plant
	found      string // in a finding's section, operation, place, keyword and message
}

// answers are defects in what the server says.
var answers = []defect{
	{"another status", "listJurisdictions", onSuccess(func(a *answer) { a.status = http.StatusAccepted }), "listJurisdictions status undeclared"},
	{"a redirect", "getMe", onSuccess(func(a *answer) { a.status = http.StatusFound; a.header.Set("Location", "/") }), "getMe status undeclared"},
	{"a failure for one parameter", "listPermits", when(func(r *http.Request) bool { return r.URL.Query().Has("q") }, onAnswer(func(a *answer) { a.status = http.StatusInternalServerError })), "listPermits status failure"},
	{"a required field missing", "listPermits", onData(func(p map[string]any) { delete(p, "status") }), "listPermits /data/0 required"},
	{"a field that is not declared", "getPermit", onData(set("internal_id", 7)), "getPermit /data/internal_id undeclared"},
	{"a field not declared, deep in a list", "listPermits", onData(within("location", set("geohash", "x"))), "listPermits /data/0/location/geohash undeclared"},
	{"wrong type deep in a list", "listPermits", onData(within("location", set("latitude", "27.9"))), "listPermits /data/0/location/latitude type"},
	{"null where there is no null", "listWatchlist", onData(set("permit_number", nil)), "listWatchlist /data/0/permit_number type"},
	{"a new member of an enum", "listPermits", onData(set("stage", "approved")), "listPermits /data/0/stage enum"},
	{"a date that is none", "getWatchlistItem", onData(set("added_at", "yesterday")), "getWatchlistItem /data/added_at format"},
	{"an id of another form", "getOrganization", onData(set("id", "42")), "getOrganization /data/id pattern"},
	{"a text too long", "listPermits", onData(set("permit_number", strings.Repeat("9", 101))), "listPermits /data/0/permit_number maxLength"},
	{"a text too short", "getOrganization", onData(set("name", "")), "getOrganization /data/name minLength"},
	{"a number too small", "listContacts", onData(set("permit_count", -1)), "listContacts /data/0/permit_count minimum"},
	{"a number too large", "listPermits", onSuccess(func(a *answer) { a.edit(within("meta", set("per_page", 1000))) }), "listPermits /meta/per_page maximum"},
	{"a fraction of an integer", "listPermits", onSuccess(func(a *answer) { a.edit(within("meta", set("total", 1.5))) }), "listPermits /meta/total type"},
	{"a set with doubles", "getMe", onData(within("api_key", set("permissions", []string{"read", "read"}))), "getMe /data/api_key/permissions uniqueItems"},
	{"money as a number", "listPermits", onData(func(p map[string]any) { p["valuation"] = 5 }), "listPermits /data/0/valuation type"},
	{"a variant that there is none of", "getCondition", onData(set("type", "firm")), "getCondition /data/type const"},
	{"another media type", "getMe", onSuccess(func(a *answer) { a.header.Set("Content-Type", "text/html") }), "getMe header Content-Type undeclared"},
	{"a body that breaks off", "getMe", onSuccess(func(a *answer) { a.body = a.body[:len(a.body)/2] }), "getMe body syntax"},
	{"a header that is not declared", "getMe", onAnswer(func(a *answer) { a.header.Set("X-Debug", "1") }), "getMe header X-Debug undeclared"},
	{"a body where there is none", "deleteNote", when(method(http.MethodDelete), onAnswer(func(a *answer) {
		if a.status == http.StatusNoContent {
			a.status, a.body = http.StatusOK, []byte("{}")
		}
	})), "deleteNote status undeclared"},
	{"an entity tag is missing", "getMe", onAnswer(func(a *answer) { a.header.Del("ETag") }), "getMe header Etag missing"},
	{"an entity tag that never changes", "createNote", onSuccess(func(a *answer) { a.header.Set("ETag", `"constant"`) }), "updateNote header Etag change"},
	{"Location is missing", "createNote", onAnswer(func(a *answer) { a.header.Del("Location") }), "createNote header Location missing"},
	{"Location leads elsewhere", "createNote", onSuccess(func(a *answer) { a.header.Set("Location", "/v1/notes/elsewhere") }), "createNote header Location link"},
	{"errors of another form", "getNote", onFailure(func(a *answer) { a.body = []byte(`{"message": "no"}`) }), "getNote  required"},
	{"errors of another media type", "getNote", onFailure(func(a *answer) { a.header.Set("Content-Type", "text/plain") }), "getNote header Content-Type undeclared"},
	{"errors that name another place", "createNote", onFailure(func(a *answer) {
		a.body = []byte(strings.ReplaceAll(string(a.body), `"pointer":"/body"`, `"pointer":"/text"`))
	}), `createNote /body maxLength`},
	{"errors that name another keyword", "listPermits", onFailure(func(a *answer) {
		a.body = []byte(strings.ReplaceAll(string(a.body), `"code":"maximum"`, `"code":"invalid"`))
	}), "listPermits per_page maximum"},
	{"errors without details", "createNote", onFailure(func(a *answer) { a.edit(within("error", set("details", []any{}))) }), "createNote /body type"},
	{"an error code that is not documented", "getNote", onFailure(func(a *answer) { a.edit(within("error", set("code", "oops"))) }), "getNote /error/code enum"},
	{"an event without one of its fields", "listEvents", onData(within("payload", within("data", func(d map[string]any) { delete(d, "permit_number") }))), "listEvents /data/0/payload/data required"},
	{"an event with a field that is not declared", "listEvents", onData(within("payload", set("version", 2))), "listEvents /data/0/payload/version undeclared"},
	{"an event of another type", "listEvents", onData(within("payload", set("event", "permit.exploded"))), "listEvents /data/0/payload/event const"},
	{"a document that is out of date", "getMe", when(func(r *http.Request) bool { return r.URL.Path == "/docs/openapi.json" }, onSuccess(func(a *answer) {
		a.body = []byte(strings.ReplaceAll(string(a.body), "listWatchlist", "listWatched"))
	})), "document /paths/~1v1~1watchlist/get/operationId drift"},
	{"a connection that breaks", "listContacts", when(func(r *http.Request) bool { return r.URL.Path == "/v1/contacts" }, onAnswer(func(*answer) { panic(http.ErrAbortHandler) })), "listContacts connection answer"},
}

// effects are defects in what the server does.
var effects = []defect{
	{"a limit is not enforced", "listPermits", onQuery(func(name, value string) (string, bool) {
		if name == "per_page" && value == "101" {
			return "100", true
		}
		return value, true
	}), "listPermits per_page maximum"},
	{"unknown parameters are taken", "listPermits", onQuery(func(name, value string) (string, bool) { return value, name != "no_such_parameter" }), "listPermits no_such_parameter"},
	{"unknown fields are taken", "createNote", onBody(func(body string) string { return strings.ReplaceAll(body, `,"no_such_property":true`, "") }), "createNote /no_such_property additionalProperties"},
	{"a required field is not", "createCondition", onBody(func(body string) string {
		if strings.Contains(body, `"type":"license"`) && !strings.Contains(body, `"license":`) {
			return `{"type": "license", "license": "X"}`
		}
		return body
	}), "createCondition /license required"},
	{"an empty text is taken", "createNote", onBody(func(body string) string { return strings.ReplaceAll(body, `{"body":""}`, `{"body":"x"}`) }), "createNote /body minLength"},
	{"what lies on the edge is refused", "listPermits", when(func(r *http.Request) bool { return r.URL.Query().Get("per_page") == "100" }, onQuery(func(name, value string) (string, bool) {
		if name == "per_page" {
			return "1000", true
		}
		return value, true
	})), "listPermits per_page maximum"},
	{"a rule is not enforced", "listPermits", onQuery(func(name, value string) (string, bool) {
		if name == "page" && value == "101" {
			return "1", true
		}
		return value, true
	}), "listPermits body/error/code rule page_too_deep"},
	{"every media type is taken", "createNote", onRequest(func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }), "createNote status provoked"},
	{"every size is taken", "createNote", onBody(strings.TrimSpace), "createNote status provoked"},
	{"requests without a key are taken", "getMe", nil, "getMe status provoked"},
	{"permissions are ignored", "createNote", nil, "createNote status provoked"},
	{"another organization's things are shown", "getNote", nil, "getNote status isolation"},
	{"it shows that another organization has it", "getNote", nil, "getNote status isolation"},
	{"If-None-Match is ignored", "getMe", onRequest(func(r *http.Request) { r.Header.Del("If-None-Match") }), "getMe status provoked"},
	{"If-Match is ignored", "updateNote", onRequest(func(r *http.Request) { r.Header.Del("If-Match") }), "updateNote status provoked"},
	{"Idempotency-Key is ignored", "createNote", onRequest(func(r *http.Request) { r.Header.Del("Idempotency-Key") }), "createNote body idempotency"},
	{"a used Idempotency-Key is taken", "addWatchlistItem", onFailure(func(a *answer) {
		if a.status == http.StatusUnprocessableEntity && strings.Contains(string(a.body), "idempotency_key_reused") {
			a.status = http.StatusConflict
		}
	}), "addWatchlistItem status provoked"},
	{"deleting does nothing", "createNote", when(method(http.MethodDelete), func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}), "getNote status provoked"},
	{"changing does nothing", "createNote", when(method(http.MethodPatch), onRequest(func(r *http.Request) { r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0 })), "updateNote /data/body change"},
	{"a cursor repeats", "listPermits", onQuery(func(name, value string) (string, bool) { return value, name != "cursor" }), "listPermits /data cursor"},
	{"the page size is ignored", "listPermits", onQuery(func(name, value string) (string, bool) { return value, name != "per_page" }), "listPermits /data per_page"},
}

// ofKeys are defects in what becomes of API keys.
var ofKeys = []defect{
	{"a limit is not told", "getMe", onAnswer(func(a *answer) { a.header.Del("RateLimit") }), "getMe header Ratelimit missing"},
	{"a limit that is no number", "getMe", onAnswer(func(a *answer) { a.header.Set("X-RateLimit-Limit", "many") }), "getMe header X-Ratelimit-Limit type"},
	{"it does not say when to come again", "getMe", onFailure(func(a *answer) {
		if a.status == http.StatusUnauthorized {
			a.status = http.StatusTooManyRequests
		}
	}), "getMe header Retry-After missing"},
	{"revoked keys are taken", "getMe", nil, "getMe status key"},
	{"expired keys are taken", "getOrganization", nil, "getOrganization status key"},
	{"keys are taken from everywhere", "listContacts", nil, "listContacts status key"},
	{"a secret may be kept by caches", "createAPIKey", onAnswer(func(a *answer) { a.header.Set("Cache-Control", "private, no-cache") }), "createAPIKey header Cache-Control secret"},
	{"a secret is shown again", "createAPIKey", showAgain(func(r *http.Request) bool {
		return r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, "/v1/api-keys/")
	}), "getAPIKey body secret"},
	{"a replay shows the secret", "createAPIKey", replayOf("secret_already_shown"), "createAPIKey body secret"},
	{"the last admin key goes", "revokeAPIKey", onFailure(func(a *answer) {
		if a.status == http.StatusConflict {
			a.status, a.body = http.StatusNoContent, nil
		}
	}), "revokeAPIKey body/error/code rule last_admin_key"},
	// The last one: the keys that it leaves are good ones.
	{"revoking does nothing", "createAPIKey", when(method(http.MethodDelete), func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
	}), "getAPIKey /data/revoked_at kept"},
}

// showAgain puts the key that was made last into the answers to such requests.
func showAgain(is func(r *http.Request) bool) plant {
	var mu sync.Mutex
	var shown any
	return onSuccess(func(a *answer) {
		mu.Lock()
		defer mu.Unlock()
		a.edit(func(body map[string]any) {
			data, ok := body["data"].(map[string]any)
			switch key := data["key"]; {
			case !ok:
			case key != nil:
				shown = key
			case is(a.request) && shown != nil:
				data["key"] = shown
			}
		})
	})
}

// replayOf gives the last success of a POST again in the place of a failure with that code.
func replayOf(code string) plant {
	var mu sync.Mutex
	var last answer
	return onAnswer(func(a *answer) {
		mu.Lock()
		defer mu.Unlock()
		switch {
		case a.status == http.StatusCreated:
			last = *a
		case last.status != 0 && strings.Contains(string(a.body), code):
			a.status, a.header, a.body = last.status, last.header, last.body
		}
	})
}

// keyed returns the defects that need the keys of a target.
func keyed(o contract.Options) map[string]plant {
	refused := map[string]string{}
	for _, k := range o.Keys.Refused {
		refused[k.Name] = k.Key
	}
	as := func(key string, is func(sent string) bool) plant {
		return onRequest(func(r *http.Request) {
			if is(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")) {
				r.Header.Set("Authorization", "Bearer "+key)
			}
		})
	}
	return map[string]plant{
		"requests without a key are taken":        as(o.Key, func(sent string) bool { return sent == "" }),
		"permissions are ignored":                 as(o.Key, func(sent string) bool { return sent == o.Keys.Permissions["read"] }),
		"revoked keys are taken":                  as(o.Key, func(sent string) bool { return sent == refused["a revoked key"] }),
		"expired keys are taken":                  as(o.Key, func(sent string) bool { return sent == refused["an expired key"] }),
		"keys are taken from everywhere":          as(o.Key, func(sent string) bool { return sent == refused["a key for other networks"] }),
		"another organization's things are shown": as(o.Key, func(sent string) bool { return sent == o.OtherKey }),
		"it shows that another organization has it": onAnswer(func(a *answer) {
			if strings.HasSuffix(a.request.Header.Get("Authorization"), o.OtherKey) && !strings.HasSuffix(a.request.URL.Path, "0000000") {
				a.edit(within("error", set("message", "This note belongs to another organization.")))
			}
		}),
	}
}

func TestSuite_findsDefects(t *testing.T) {
	t.Parallel()
	x := target.New(t, 1_000_000)
	x.Options.SkipLimits = true
	maker, err := contract.New(gen.JSON, x.Options)
	if err != nil {
		t.Fatal(err)
	}
	if x.Options.Keys, err = maker.MakeKeys(t.Context()); err != nil {
		t.Fatal(err)
	}
	all := slices.Concat(answers, effects, ofKeys)
	sound, others := x.Handler, keyed(x.Options)
	var table strings.Builder
	for _, d := range all {
		if d.plant == nil {
			d.plant = others[d.name]
		}
		x.Handler = d.plant(sound)
		options := x.Options
		options.Only = strings.Fields(d.operations)
		caught := catch(t, options, d.found)
		if caught == "" {
			t.Errorf("%s: not found as %q", d.name, d.found)
		}
		fmt.Fprintf(&table, "%-45s %s\n", d.name, caught)
	}
	t.Logf("%d defects\n%s", len(all), table.String())
}

// catch runs the suite and returns the finding for the planted reason; "" when there is none.
func catch(t *testing.T, o contract.Options, reason string) string {
	t.Helper()
	suite, err := contract.New(gen.JSON, o)
	if err != nil {
		t.Fatal(err)
	}
	report, err := suite.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, f := range report.Findings {
		cause := f.Operation + " " + f.Place + " " + f.Keyword
		if strings.HasPrefix(cause, reason) {
			return fmt.Sprintf("%s: %s, %s", cause, f.Case, f.Message)
		}
		seen = append(seen, cause)
	}
	t.Logf("found instead: %q", seen)
	return ""
}
