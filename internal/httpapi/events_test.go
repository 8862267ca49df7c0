package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/identity"
)

// eventList is the body of GET /v1/events.
type eventList struct {
	Data []struct {
		ID      string
		Number  int64
		Payload struct {
			Event          string
			OrganizationID string `json:"organization_id"`
			Data           struct {
				PermitNumber string `json:"permit_number"`
				Actor        struct{ Type, ID string }
			}
		}
	}
	Meta struct {
		NextAfter int64 `json:"next_after"`
		HasMore   bool  `json:"has_more"`
	}
}

// says lists the events: each one's type and permit.
func (l eventList) says() string {
	var found []string
	for _, e := range l.Data {
		found = append(found, strings.TrimPrefix(e.Payload.Event, "permit.")+" "+e.Payload.Data.PermitNumber)
	}
	return strings.Join(found, ", ")
}

func eventsOf(t *testing.T, a answer) (l eventList) {
	t.Helper()
	if a.status != http.StatusOK {
		t.Fatalf("GET /v1/events = %d %s, want 200", a.status, a.body)
	}
	if err := json.Unmarshal(a.body, &l); err != nil {
		t.Fatal(err)
	}
	return l
}

func TestEvents(t *testing.T) {
	w := newWorld(t)
	w.post(t, "/v1/watchlist", `{"permit_number": "B-3"}`)
	w.importRows(t, strings.Replace(rows, "B-1,In Review", "B-1,Issued", 1))
	for query, want := range map[string]struct {
		says string
		next int64
		more bool
	}{
		"":                    {"added_to_watchlist B-1, added_to_watchlist B-2, added_to_watchlist B-3, status_changed B-1", 4, false},
		"?after=2":            {"added_to_watchlist B-3, status_changed B-1", 4, false},
		"?after=4&wait=0":     {"", 4, false},
		"?per_page=3":         {"added_to_watchlist B-1, added_to_watchlist B-2, added_to_watchlist B-3", 3, true},
		"?after=3&per_page=1": {"status_changed B-1", 4, false},
		"?types=permit.status_changed,permit.fee_changed": {"status_changed B-1", 4, false},
	} {
		l := eventsOf(t, w.get(t, "/v1/events"+query))
		if l.says() != want.says || l.Meta.NextAfter != want.next || l.Meta.HasMore != want.more {
			t.Errorf("GET /v1/events%s = %q, %+v; want %+v", query, l.says(), l.Meta, want)
		}
	}
	third := eventsOf(t, w.get(t, "/v1/events?after=2&per_page=1")).Data[0]
	if !strings.HasPrefix(third.ID, "evt_") || third.Number != 3 || !strings.HasPrefix(third.Payload.OrganizationID, "org_") ||
		third.Payload.Data.Actor.Type != "api_key" || !strings.HasPrefix(third.Payload.Data.Actor.ID, "key_") {
		t.Errorf("the third event = %+v, want one of an API key", third)
	}
}

func TestEvents_refusals(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		permission    identity.Permission
		path          string
		status        int
		code, pointer string
	}{
		"a key that reads":            {identity.Read, "/v1/events", 200, "", ""},
		"a key that reads types":      {identity.Read, "/v1/event-types", 200, "", ""},
		"a key that only writes":      {identity.Write, "/v1/events", 403, "permission_denied", ""},
		"one that only writes, types": {identity.Write, "/v1/event-types", 403, "permission_denied", ""},
		"a wait too long":             {identity.Read, "/v1/events?wait=31", 400, "invalid_parameter", "wait"},
		"before the first":            {identity.Read, "/v1/events?after=-1", 400, "invalid_parameter", "after"},
		"beyond what JSON can tell":   {identity.Read, "/v1/events?after=9007199254740992", 400, "invalid_parameter", "after"},
		"no type":                     {identity.Read, "/v1/events?types=permit.painted", 400, "invalid_parameter", "types"},
	} {
		a := w.do(t, http.MethodGet, c.path, map[string]string{"Authorization": "Bearer " + w.newKey(t, c.permission)}, nil)
		if a.status != c.status {
			t.Errorf("%s: GET %s = %d %s, want %d", name, c.path, a.status, a.body, c.status)
			continue
		}
		if c.code == "" {
			continue
		}
		e := a.failure(t).Error
		if e.Code != c.code || c.pointer != "" && (len(e.Details) == 0 || !strings.HasPrefix(e.Details[0].Pointer, c.pointer)) {
			t.Errorf("%s: GET %s = %s, want %s of %s", name, c.path, a.body, c.code, c.pointer)
		}
	}
}

func TestEvents_expired(t *testing.T) {
	w := newWorld(t)
	later := func() time.Time { return time.Now().AddDate(0, 0, 31) }
	if err := events.NewFeed(w.db, events.NewHub(), later).Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.post(t, "/v1/watchlist", `{"permit_number": "B-3"}`)
	a := w.get(t, "/v1/events?after=1&wait=30")
	if e := a.failure(t).Error; a.status != http.StatusGone || e.Code != "cursor_expired" || len(e.Details) != 1 || e.Details[0].Pointer != "after" {
		t.Errorf("GET /v1/events?after=1 = %d %s, want 410 cursor_expired", a.status, a.body)
	}
	for _, path := range []string{"/v1/events", "/v1/events?after=2"} {
		if l := eventsOf(t, w.get(t, path)); l.says() != "added_to_watchlist B-3" || l.Data[0].Number != 3 {
			t.Errorf("GET %s = %+v, want the third alone", path, l)
		}
	}
}

// waiting starts the hub and a request that waits for the event after the two of the watchlist. It returns once the
// request has found nothing.
func (w *world) waiting(t *testing.T) (answered <-chan answer, end func()) {
	t.Helper()
	w.limits.InFlight = 1
	w.Config.Handler = w.handler(t, "enforce")
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { w.hub.Run(ctx, w.db, slog.New(slog.DiscardHandler)) })
	conn, err := w.db.Connx(t.Context()) // of its own, so that it does not hide what others did last
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cancel(); running.Wait() })
	t.Cleanup(func() { _ = conn.Close() })
	came := make(chan answer, 1)
	running.Go(func() { came <- w.get(t, "/v1/events?after=2&wait=30") })
	for deadline := time.Now().Add(30 * time.Second); ; {
		var found int
		err := conn.GetContext(t.Context(), &found, `select count(distinct query like 'LISTEN %') from pg_stat_activity
			where datname = current_database() and state = 'idle' and (query like 'LISTEN %' or query like '%select bounds.last%')`)
		if err != nil {
			t.Fatal(err)
		}
		if found == 2 {
			return came, cancel
		}
		if time.Now().After(deadline) {
			t.Fatal("the request never waited")
		}
	}
}

// TestEvents_wait: a request that waits has no place in flight, and is answered by what another one does.
func TestEvents_wait(t *testing.T) {
	w := newWorld(t)
	answered, _ := w.waiting(t)
	for a := (answer{}); a.status != http.StatusCreated; {
		a = w.json(t, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-3"}`)
		if a.status != http.StatusCreated && (a.status != http.StatusTooManyRequests || len(answered) > 0) { // a moment before it leaves
			t.Fatalf("POST = %d %s, want 201 before the other request is answered", a.status, a.body)
		}
	}
	if l := eventsOf(t, <-answered); l.says() != "added_to_watchlist B-3" || l.Meta.NextAfter != 3 {
		t.Errorf("the waiting request is answered with %+v, want the third", l)
	}
}

// TestEvents_wait_end: at the end of the process nobody waits any longer.
func TestEvents_wait_end(t *testing.T) {
	w := newWorld(t)
	answered, end := w.waiting(t)
	end()
	if l := eventsOf(t, <-answered); len(l.Data) != 0 || l.Meta.NextAfter != 2 || l.Meta.HasMore {
		t.Errorf("the waiting request is answered with %+v, want nothing", l)
	}
}

func TestEventTypes(t *testing.T) {
	w := newWorld(t)
	a := w.get(t, "/v1/event-types")
	var list struct {
		Data []struct {
			Name, Description string
			Schema, Example   json.RawMessage
		}
	}
	if err := json.Unmarshal(a.body, &list); err != nil || a.status != http.StatusOK {
		t.Fatalf("GET /v1/event-types = %d %s, %v", a.status, a.body, err)
	}
	var names []string
	for _, kind := range list.Data {
		names = append(names, kind.Name)
		if kind.Description == "" {
			t.Errorf("%s has no description", kind.Name)
		}
		schema := compileAlone(t, kind.Schema)
		example, err := jsonschema.UnmarshalJSON(bytes.NewReader(kind.Example))
		if err != nil {
			t.Fatal(err)
		}
		if err := schema.Validate(example); err != nil {
			t.Errorf("%s: its schema refuses its example: %v", kind.Name, err)
		}
		delete(example.(map[string]any)["data"].(map[string]any), "permit_number")
		if schema.Validate(example) == nil {
			t.Errorf("%s: its schema takes an event without a permit_number", kind.Name)
		}
	}
	want := []string{"permit.status_changed", "permit.fee_changed", "permit.inspection_scheduled", "permit.added_to_watchlist", "permit.removed_from_watchlist"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
}

func compileAlone(t *testing.T, text []byte) *jsonschema.Schema {
	t.Helper()
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource("event.json", decoded); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("event.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}
