package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/plotwise/plotwise/internal/identity"
)

// json sends a JSON body, with more headers as name, value, ….
func (w *world) json(t *testing.T, method, path, body string, more ...string) answer {
	t.Helper()
	header := map[string]string{"Content-Type": "application/json"}
	for i := 0; i < len(more); i += 2 {
		header[more[i]] = more[i+1]
	}
	return w.do(t, method, path, header, strings.NewReader(body))
}

func (w *world) count(t *testing.T, query string) (n int) {
	t.Helper()
	if err := w.db.GetContext(t.Context(), &n, query); err != nil {
		t.Fatal(err)
	}
	return n
}

// parallel sends the same request so many times at once.
func (w *world) parallel(t *testing.T, n int, send func(i int) answer) []answer {
	t.Helper()
	answers := make([]answer, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { answers[i] = send(i) })
	}
	running.Wait()
	return answers
}

func TestWrite_mediaType(t *testing.T) {
	w := newWorld(t)
	path := "/v1/watchlist/" + w.own(t)["permit_uuid"]
	for _, name := range []string{"application/json", "Application/JSON", "application/json; charset=utf-8", "APPLICATION/JSON;charset=UTF-8"} {
		if a := w.json(t, http.MethodPatch, path, `{"priority": "high"}`, "Content-Type", name); a.status != http.StatusOK {
			t.Errorf("a body as %s is answered with %d %s, want 200", name, a.status, a.body)
		}
	}
}

func TestWrite_idempotent(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	path := "/v1/permits/" + ids["permit_uuid"] + "/notes"
	notes := w.count(t, "select count(*) from notes")
	var first answer
	for _, a := range w.parallel(t, 100, func(int) answer {
		return w.json(t, http.MethodPost, path, `{"body": "once"}`, "Idempotency-Key", "the-key")
	}) {
		switch a.status {
		case http.StatusConflict:
			if e := a.failure(t).Error; e.Code != "idempotency_key_in_use" {
				t.Errorf("409 with %s, want idempotency_key_in_use", e.Code)
			}
		case http.StatusCreated:
			if first.body == nil {
				first = a
			}
			if string(a.body) != string(first.body) || a.header.Get("ETag") != first.header.Get("ETag") || a.header.Get("Location") != first.header.Get("Location") {
				t.Errorf("one answer is %s, another %s", a.body, first.body)
			}
		default:
			t.Errorf("POST = %d %s", a.status, a.body)
		}
	}
	if got := w.count(t, "select count(*) from notes") - notes; got != 1 {
		t.Errorf("%d notes were written, want 1", got)
	}
	again := w.json(t, http.MethodPost, path, `{"body": "once"}`, "Idempotency-Key", "the-key")
	if again.status != http.StatusCreated || again.header.Get("Idempotency-Replayed") != "true" || string(again.body) != string(first.body) {
		t.Errorf("the replay = %d, Idempotency-Replayed %q, %s", again.status, again.header.Get("Idempotency-Replayed"), again.body)
	}
	other := w.json(t, http.MethodPost, path, `{"body": "twice"}`, "Idempotency-Key", "the-key")
	if other.status != http.StatusUnprocessableEntity || other.failure(t).Error.Code != "idempotency_key_reused" {
		t.Errorf("another body = %d %s, want 422 idempotency_key_reused", other.status, other.body)
	}
}

// TestWrite_failureFreesKey: a refused request leaves its key free for the one that is right.
func TestWrite_failureFreesKey(t *testing.T) {
	w := newWorld(t)
	const add = `{"permit_number": "B-4"}`
	if a := w.json(t, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-9"}`, "Idempotency-Key", "k"); a.status != http.StatusNotFound {
		t.Fatalf("POST = %d %s, want 404", a.status, a.body)
	}
	if a := w.json(t, http.MethodPost, "/v1/watchlist", add, "Idempotency-Key", "k"); a.status != http.StatusCreated {
		t.Errorf("POST = %d %s, want 201", a.status, a.body)
	}
	if a := w.json(t, http.MethodPost, "/v1/watchlist/batch", `{"items": [`+add+`]}`, "Idempotency-Key", "k"); a.status != http.StatusOK || a.header.Get("Idempotency-Replayed") != "" {
		t.Errorf("the key on another path = %d %s, want 200 of its own", a.status, a.body)
	}
}

func TestWrite_lastSlots(t *testing.T) {
	w := newWorld(t)
	var rows strings.Builder
	rows.WriteString("PermitNum,StatusCurrent\n")
	for i := range 60 {
		fmt.Fprintf(&rows, "S-%d,Issued\n", i)
	}
	w.importRows(t, rows.String())
	statuses := map[int]int{}
	for _, a := range w.parallel(t, 60, func(i int) answer {
		return w.json(t, http.MethodPost, "/v1/watchlist", fmt.Sprintf(`{"permit_number": "S-%d"}`, i))
	}) {
		statuses[a.status]++
		if a.status == http.StatusConflict {
			if e := a.failure(t).Error; e.Code != "slot_limit_reached" || !strings.Contains(e.Message, "25 of 25") {
				t.Errorf("409 = %+v, want slot_limit_reached with 25 of 25", e)
			}
		}
	}
	if statuses[http.StatusCreated] != 23 || statuses[http.StatusConflict] != 37 { // two were there before
		t.Errorf("answers = %v, want 23 × 201 and 37 × 409", statuses)
	}
	if got := w.count(t, "select count(*) from watchlist_items"); got != 25 {
		t.Errorf("%d items, want 25", got)
	}
}

func TestWrite_invalidAnswer(t *testing.T) {
	w := newWorld(t)
	if _, err := w.db.ExecContext(t.Context(), "update permits set street = repeat('x', 2000) where permit_number = 'B-3'"); err != nil {
		t.Fatal(err)
	}
	tables := []string{"idempotency_keys", "audit_log", "contacts", "contact_parties", "contact_backlog", "watchlist_items"}
	before := map[string]int{}
	for _, table := range tables {
		before[table] = w.count(t, "select count(*) from "+table)
	}
	a := w.json(t, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-3"}`, "Idempotency-Key", "k")
	if a.status != http.StatusInternalServerError || a.failure(t).Error.Code != "internal_error" || a.header.Get("Location") != "" || a.header.Get("ETag") != "" {
		t.Errorf("POST = %d %s with %v, want 500 internal_error", a.status, a.body, a.header)
	}
	for _, table := range tables {
		if got := w.count(t, "select count(*) from "+table); got != before[table] {
			t.Errorf("%d rows in %s, want the %d of before", got, table, before[table])
		}
	}
}

func TestWrite_audited(t *testing.T) {
	w := newWorld(t)
	a := w.json(t, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`)
	w.json(t, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-9"}`)
	var entries []struct {
		Operation string `db:"operation"`
		Method    string `db:"method"`
		Path      string `db:"path"`
		Status    int    `db:"status"`
		RequestID string `db:"request_id"`
	}
	if err := w.db.SelectContext(t.Context(), &entries, "select operation, method, path, status, request_id from audit_log"); err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Operation != "addWatchlistItem" || entries[0].Method != "POST" || entries[0].Path != "/v1/watchlist" ||
		entries[0].Status != 201 || entries[0].RequestID != a.header.Get("X-Request-Id") {
		t.Errorf("audit log = %+v, want the successful POST alone", entries)
	}
}

func TestWrite_ifMatch(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	for _, path := range []string{"/v1/watchlist/" + ids["permit_uuid"], "/v1/notes/" + ids["note_id"], "/v1/conditions/" + ids["condition_id"]} {
		body := map[string]string{"/v1/watchlist/": `{"priority": "low"}`, "/v1/notes/": `{"body": "new"}`, "/v1/conditions/": `{"name": "new"}`}[path[:strings.LastIndex(path, "/")+1]]
		before := w.get(t, path).header.Get("ETag")
		changed := w.json(t, http.MethodPatch, path, body, "If-Match", before)
		now := w.get(t, path)
		if changed.status != http.StatusOK || changed.header.Get("ETag") != now.header.Get("ETag") || string(changed.body) != string(now.body) || before == now.header.Get("ETag") {
			t.Errorf("PATCH %s = %d %s with %s, GET after it %s with %s, before it %s", path, changed.status, changed.body,
				changed.header.Get("ETag"), now.body, now.header.Get("ETag"), before)
		}
		for _, method := range []string{http.MethodPatch, http.MethodDelete} {
			sent := body
			if method == http.MethodDelete {
				sent = ""
			}
			if a := w.json(t, method, path, sent, "If-Match", before); a.status != http.StatusPreconditionFailed || a.failure(t).Error.Code != "precondition_failed" {
				t.Errorf("%s %s with an old tag = %d %s, want 412", method, path, a.status, a.body)
			}
		}
		if a := w.do(t, http.MethodGet, path, map[string]string{"If-None-Match": now.header.Get("ETag")}, nil); a.status != http.StatusNotModified {
			t.Errorf("GET %s with its tag = %d, want 304", path, a.status)
		}
		if a := w.json(t, http.MethodDelete, path, "", "If-Match", now.header.Get("ETag")); a.status != http.StatusNoContent || len(a.body) > 0 {
			t.Errorf("DELETE %s with its tag = %d %s, want 204", path, a.status, a.body)
		}
		if a := w.get(t, path); a.status != http.StatusNotFound {
			t.Errorf("GET %s after DELETE = %d, want 404", path, a.status)
		}
	}
}

func TestWrite_refuses(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	before := w.everything(t, ids)
	watch, note, condition := "/v1/watchlist", "/v1/notes/"+ids["note_id"], "/v1/conditions/"+ids["condition_id"]
	l, _ := w.list(t, "/v1/permits?scope=all&q=B-3")
	untracked := l.Data[0].UUID
	for _, c := range []struct {
		name, method, path, body string
		header                   []string
		status                   int
		code, pointer, rule      string
	}{
		{name: "no JSON", method: "POST", path: watch, body: `{"permit_number": `, status: 400, code: "malformed_body", rule: "syntax"},
		{name: "field twice", method: "POST", path: watch, body: `{"permit_number": "a", "permit_number": "b"}`, status: 400, code: "malformed_body", pointer: "/permit_number", rule: "duplicate"},
		{name: "a form", method: "POST", path: watch, body: `permit_number=a`, header: []string{"Content-Type", "application/x-www-form-urlencoded"}, status: 415, code: "unsupported_media_type", pointer: "Content-Type", rule: "unsupported_media_type"},
		{name: "no body", method: "POST", path: watch, status: 400, code: "malformed_body", rule: "required"},
		{name: "null", method: "POST", path: watch, body: `null`, status: 422, code: "invalid_body", rule: "type"},
		{name: "a list", method: "POST", path: watch, body: `[]`, status: 422, code: "invalid_body", rule: "type"},
		{name: "unknown field", method: "POST", path: watch, body: `{"permit_number": "B-4", "colour": 1}`, status: 422, code: "invalid_body", pointer: "/colour", rule: "additionalProperties"},
		{name: "neither", method: "POST", path: watch, body: `{}`, status: 422, code: "invalid_body", pointer: "/permit_uuid", rule: "required"},
		{name: "both", method: "POST", path: watch, body: `{"permit_number": "B-4", "permit_uuid": "` + untracked + `"}`, status: 422, code: "invalid_body", pointer: "/permit_uuid", rule: "exclusive"},
		{name: "jurisdiction of a uuid", method: "POST", path: watch, body: `{"jurisdiction": "test", "permit_uuid": "` + untracked + `"}`, status: 422, code: "invalid_body", pointer: "/jurisdiction", rule: "requires"},
		{name: "malformed uuid", method: "POST", path: watch, body: `{"permit_uuid": "42"}`, status: 422, code: "invalid_body", pointer: "/permit_uuid"},
		{name: "tag twice", method: "POST", path: watch, body: `{"permit_number": "B-4", "tags": ["a", "a"]}`, status: 422, code: "invalid_body", pointer: "/tags", rule: "uniqueItems"},
		{name: "blank tag", method: "POST", path: watch, body: `{"permit_number": "B-4", "tags": [" "]}`, status: 422, code: "invalid_body", pointer: "/tags/0", rule: "pattern"},
		{name: "long tag", method: "POST", path: watch, body: `{"permit_number": "B-4", "tags": ["` + strings.Repeat("ü", 51) + `"]}`, status: 422, code: "invalid_body", pointer: "/tags/0", rule: "maxLength"},
		{name: "priority", method: "POST", path: watch, body: `{"permit_number": "B-4", "priority": "top"}`, status: 422, code: "invalid_body", pointer: "/priority", rule: "enum"},
		{name: "unknown number", method: "POST", path: watch, body: `{"permit_number": "B-99"}`, status: 404, code: "not_found", pointer: "/permit_number", rule: "not_found"},
		{name: "unknown jurisdiction", method: "POST", path: watch, body: `{"permit_number": "B-4", "jurisdiction": "elsewhere"}`, status: 404, code: "not_found"},
		{name: "long key", method: "POST", path: watch, body: `{"permit_number": "B-4"}`, header: []string{"Idempotency-Key", strings.Repeat("k", 256)}, status: 400, code: "invalid_parameter", pointer: "Idempotency-Key", rule: "maxLength"},
		{name: "empty key", method: "POST", path: watch, body: `{"permit_number": "B-4"}`, header: []string{"Idempotency-Key", ""}, status: 400, code: "invalid_parameter", pointer: "Idempotency-Key", rule: "pattern"},
		{name: "empty batch", method: "POST", path: watch + "/batch", body: `{"items": []}`, status: 422, code: "invalid_body", pointer: "/items", rule: "minItems"},
		{name: "large batch", method: "POST", path: watch + "/batch", body: `{"items": [` + strings.Repeat(`{"permit_number": "B-4"},`, 100) + `{"permit_number": "B-4"}]}`, status: 422, code: "invalid_body", pointer: "/items", rule: "maxItems"},
		{name: "empty change", method: "PATCH", path: watch + "/" + ids["permit_uuid"], body: `{}`, status: 422, code: "invalid_body", rule: "minProperties"},
		{name: "change of an unwatched permit", method: "PATCH", path: watch + "/" + untracked, body: `{"tags": []}`, status: 404, code: "not_found"},
		{name: "null tags", method: "PATCH", path: watch + "/" + ids["permit_uuid"], body: `{"tags": null}`, status: 422, code: "invalid_body", pointer: "/tags", rule: "type"},
		{name: "body of a delete", method: "DELETE", path: watch + "/" + ids["permit_uuid"], body: `{}`, status: 400, code: "unexpected_body", rule: "unexpected_body"},
		{name: "note on an untracked permit", method: "POST", path: "/v1/permits/" + untracked + "/notes", body: `{"body": "x"}`, status: 409, code: "permit_not_tracked"},
		{name: "note on an unknown permit", method: "POST", path: "/v1/permits/" + examplePermit + "/notes", body: `{"body": "x"}`, status: 404, code: "not_found"},
		{name: "blank note", method: "POST", path: "/v1/permits/" + ids["permit_uuid"] + "/notes", body: `{"body": " \n"}`, status: 422, code: "invalid_body", pointer: "/body", rule: "pattern"},
		{name: "NUL in a note", method: "POST", path: "/v1/permits/" + ids["permit_uuid"] + "/notes", body: `{"body": "a\u0000b"}`, status: 400, code: "malformed_body", pointer: "/body"},
		{name: "malformed note id", method: "GET", path: "/v1/notes/42", status: 400, code: "invalid_parameter", pointer: "note_id"},
		{name: "another prefix", method: "GET", path: "/v1/notes/" + ids["condition_id"], status: 400, code: "invalid_parameter", pointer: "note_id", rule: "pattern"},
		{name: "note without a text", method: "PATCH", path: note, body: `{"body": ""}`, status: 422, code: "invalid_body", pointer: "/body"},
		{name: "unknown type", method: "POST", path: "/v1/conditions", body: `{"type": "colour", "company": "x"}`, status: 422, code: "invalid_body", pointer: "/type", rule: "oneOf"},
		{name: "half of a surrogate pair", method: "POST", path: "/v1/permits/" + ids["permit_uuid"] + "/notes", body: `{"body": "a \ud800 b"}`, status: 400, code: "malformed_body", rule: "encoding"},
		{name: "no-break space for a license", method: "POST", path: "/v1/conditions", body: `{"type": "license", "license": "\u00a0"}`, status: 422, code: "invalid_body", pointer: "/license", rule: "pattern"},
		{name: "no-break space for a tag", method: "POST", path: watch, body: `{"permit_number": "B-4", "tags": ["\u00a0"]}`, status: 422, code: "invalid_body", pointer: "/tags/0", rule: "pattern"},
		{name: "entity tag without quotes", method: "PATCH", path: note, body: `{"body": "x"}`, header: []string{"If-Match", "1"}, status: 400, code: "invalid_parameter", pointer: "If-Match", rule: "pattern"},
		{name: "type of another type", method: "POST", path: "/v1/conditions", body: `{"type": 5}`, status: 422, code: "invalid_body", pointer: "/type", rule: "type"},
		{name: "no type", method: "POST", path: "/v1/conditions", body: `{"company": "x"}`, status: 422, code: "invalid_body", pointer: "/type", rule: "required"},
		{name: "field of another type", method: "POST", path: "/v1/conditions", body: `{"type": "company", "company": "x", "radius_m": 5}`, status: 422, code: "invalid_body", pointer: "/radius_m", rule: "additionalProperties"},
		{name: "no company", method: "POST", path: "/v1/conditions", body: `{"type": "company"}`, status: 422, code: "invalid_body", pointer: "/company", rule: "required"},
		{name: "punctuation for a company", method: "POST", path: "/v1/conditions", body: `{"type": "company", "company": "…"}`, status: 422, code: "invalid_body", pointer: "/company", rule: "letters_or_digits"},
		{name: "punctuation for a company, later", method: "PATCH", path: "/v1/conditions/" + ids["condition_id"], body: `{"company": "---"}`, status: 422, code: "invalid_body", pointer: "/company", rule: "letters_or_digits"},
		{name: "white space beyond ASCII for a name", method: "PATCH", path: "/v1/conditions/" + ids["condition_id"], body: `{"name": "\u0085"}`, status: 422, code: "invalid_body", pointer: "/name", rule: "pattern"},
		{name: "latitude", method: "POST", path: "/v1/conditions", body: `{"type": "location", "latitude": 91, "longitude": 0, "radius_m": 5}`, status: 422, code: "invalid_body", pointer: "/latitude", rule: "maximum"},
		{name: "radius", method: "POST", path: "/v1/conditions", body: `{"type": "location", "latitude": 1, "longitude": 0, "radius_m": 50001}`, status: 422, code: "invalid_body", pointer: "/radius_m", rule: "maximum"},
		{name: "criterion of another type", method: "PATCH", path: condition, body: `{"license": "x"}`, status: 422, code: "invalid_body", pointer: "/license", rule: "not_applicable"},
		{name: "permits of an unknown condition", method: "GET", path: "/v1/conditions/" + unknown()["condition_id"] + "/permits", status: 404, code: "not_found"},
		{name: "unknown contact", method: "GET", path: "/v1/contacts/" + unknown()["contact_id"], status: 404, code: "not_found"},
		{name: "contacts by role", method: "GET", path: "/v1/contacts?role=chief", status: 400, code: "invalid_parameter", pointer: "role", rule: "enum"},
		{name: "export without a format", method: "GET", path: "/v1/permits/export", status: 400, code: "invalid_parameter", pointer: "format", rule: "required"},
		{name: "export of another format", method: "GET", path: "/v1/permits/export?format=xml", status: 400, code: "invalid_parameter", pointer: "format", rule: "enum"},
		{name: "export with contradicting filters", method: "GET", path: "/v1/permits/export?format=csv&radius_m=5", status: 400, code: "invalid_parameter", pointer: "radius_m", rule: "requires"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := w.json(t, c.method, c.path, c.body, c.header...)
			e := a.failure(t).Error
			if a.status != c.status || e.Code != c.code || e.Message == "" || a.header.Get("Content-Type") != "application/json" {
				t.Fatalf("%s %s %s = %d %s, want %d %s", c.method, c.path, c.body, a.status, a.body, c.status, c.code)
			}
			if c.pointer == "" && c.rule == "" {
				return
			}
			if len(e.Details) == 0 || e.Details[0].Pointer != c.pointer || (c.rule != "" && e.Details[0].Code != c.rule) || e.Details[0].Message == "" {
				t.Errorf("details = %+v, want first %q with %s", e.Details, c.pointer, c.rule)
			}
		})
	}
	if after := w.everything(t, ids); after != before {
		t.Errorf("a refused request changed something:\n%s\nbefore:\n%s", after, before)
	}
}

// TestWrite_conditionLimit: the starter plan has room for three.
func TestWrite_conditionLimit(t *testing.T) {
	w := newWorld(t)
	statuses := map[int]int{}
	for _, a := range w.parallel(t, 10, func(i int) answer {
		return w.json(t, http.MethodPost, "/v1/conditions", fmt.Sprintf(`{"type": "license", "license": "L%d"}`, i))
	}) {
		statuses[a.status]++
	}
	if statuses[http.StatusCreated] != 3 || statuses[http.StatusConflict] != 7 {
		t.Errorf("answers = %v, want 3 × 201 and 7 × 409", statuses)
	}
	organization := w.get(t, "/v1/organization")
	if !strings.Contains(string(organization.body), `"used":{"conditions":3,"permit_slots":2,"seats":0}`) {
		t.Errorf("organization = %s, want 3 conditions and 2 slots used", organization.body)
	}
}

func TestWrite_ownWriteIsAnswered(t *testing.T) {
	w := newWorld(t)
	key := w.newKey(t, identity.Write)
	a := w.json(t, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`, "Authorization", "Bearer "+key)
	if a.status != http.StatusCreated || data(t, a)["permit_number"] != "B-4" {
		t.Errorf("POST with write alone = %d %s, want the item in full", a.status, a.body)
	}
}

// TestWrite_wholeNumbers: 1000.0 and 1e3 are integers to JSON Schema.
func TestWrite_wholeNumbers(t *testing.T) {
	w := newWorld(t)
	for _, radius := range []string{"1000.0", "1e3", "1000"} {
		c := w.post(t, "/v1/conditions", `{"type": "location", "name": "at 1.0", "latitude": 27.5, "longitude": -8.2e1, "radius_m": `+radius+`}`)
		if c["radius_m"] != 1000.0 || c["name"] != "at 1.0" || c["latitude"] != 27.5 {
			t.Errorf("radius_m %s is answered with %v", radius, c)
		}
	}
}
