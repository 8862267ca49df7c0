package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/spec"
)

// examplePermit is the permit of the specification's examples.
const examplePermit = "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"

// operations are the specification's, in its order.
func operations(t *testing.T) []spec.Operation {
	t.Helper()
	document, err := spec.Parse(gen.JSON)
	if err != nil {
		t.Fatal(err)
	}
	return document.Operations()
}

// requestExample returns an example of the operation's request body; empty when it takes none.
func requestExample(t *testing.T, op spec.Operation) string {
	t.Helper()
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(gen.JSON, &document); err != nil {
		t.Fatal(err)
	}
	var operation struct {
		RequestBody struct {
			Content map[string]struct {
				Examples map[string]struct{ Value json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(document.Paths[op.Path][strings.ToLower(op.Method)], &operation); err != nil {
		t.Fatal(err)
	}
	examples := operation.RequestBody.Content["application/json"].Examples
	for _, name := range sortedKeys(examples) {
		return string(examples[name].Value)
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string {
	var keys []string
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// path fills in the operation's path and its required parameters. An operation with a parameter that ids does not have
// fails the test: what it names has to be made for the test first.
func path(t *testing.T, op spec.Operation, ids map[string]string) string {
	t.Helper()
	filled, query := op.Path, url.Values{}
	for _, p := range op.Parameters {
		value, ok := ids[p.Name]
		switch {
		case p.In == "path" && !ok, p.In == "query" && p.Required && !ok:
			t.Fatalf("%s: the test has no value for %s", op.ID, p.Name)
		case p.In == "path":
			filled = strings.ReplaceAll(filled, "{"+p.Name+"}", value)
		case p.In == "query" && p.Required:
			query.Set(p.Name, value)
		}
	}
	if len(query) > 0 {
		filled += "?" + query.Encode()
	}
	return filled
}

// send sends the operation's request with the key.
func (w *world) send(t *testing.T, op spec.Operation, key string, ids map[string]string) answer {
	t.Helper()
	header := map[string]string{"Authorization": "Bearer " + key}
	if key == "" {
		header["Authorization"] = ""
	}
	body := strings.ReplaceAll(requestExample(t, op), examplePermit, ids["permit_uuid"])
	if body != "" {
		header["Content-Type"] = "application/json"
	}
	return w.do(t, op.Method, path(t, op, ids), header, strings.NewReader(body))
}

// post makes something and returns the data of the answer.
func (w *world) post(t *testing.T, path, body string) map[string]any {
	t.Helper()
	a := w.do(t, http.MethodPost, path, map[string]string{"Content-Type": "application/json"}, strings.NewReader(body))
	if a.status != http.StatusCreated {
		t.Fatalf("POST %s %s = %d %s", path, body, a.status, a.body)
	}
	return data(t, a)
}

func data(t *testing.T, a answer) map[string]any {
	t.Helper()
	var envelope struct{ Data map[string]any }
	if err := json.Unmarshal(a.body, &envelope); err != nil {
		t.Fatalf("the body %q is no envelope: %v", a.body, err)
	}
	return envelope.Data
}

// own makes one of each thing that an organization can have, with "hush" in every text of its own, and returns the ids
// by the names of the paths' parameters.
func (w *world) own(t *testing.T) map[string]string {
	t.Helper()
	l, _ := w.list(t, "/v1/permits?scope=all&q=B-1")
	permit := l.Data[0].UUID
	note := w.post(t, "/v1/permits/"+permit+"/notes", `{"body": "hush note"}`)
	condition := w.post(t, "/v1/conditions", `{"type": "company", "name": "hush condition", "company": "Bayline Roofing"}`)
	key := w.post(t, "/v1/api-keys", `{"name": "hush key", "permissions": ["read"]}`)
	webhook := w.post(t, "/v1/webhooks", `{"url": "https://example.com/hush", "event_types": ["permit.status_changed", "permit.added_to_watchlist"], "description": "hush webhook"}`)
	watched := w.post(t, "/v1/watchlist", `{"permit_number": "B-4"}`) // an event
	w.do(t, http.MethodDelete, "/v1/watchlist/"+watched["permit_uuid"].(string), nil, nil)
	delivery := w.delivery(t)
	tagged := w.do(t, http.MethodPatch, "/v1/watchlist/"+permit, map[string]string{"Content-Type": "application/json"}, strings.NewReader(`{"tags": ["hush-tag"]}`))
	if tagged.status != http.StatusOK {
		t.Fatalf("PATCH = %d %s", tagged.status, tagged.body)
	}
	var contacts struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(w.get(t, "/v1/contacts").body, &contacts); err != nil || len(contacts.Data) == 0 {
		t.Fatalf("contacts = %+v, %v, want some", contacts, err)
	}
	return map[string]string{
		"permit_uuid": permit, "note_id": note["id"].(string), "condition_id": condition["id"].(string), "contact_id": contacts.Data[0].ID,
		"api_key_id": key["id"].(string), "webhook_id": webhook["id"].(string), "delivery_id": delivery, "notification_id": w.notification(t), "format": "ndjson",
	}
}

// delivery returns the id of the organization's newest delivery.
func (w *world) delivery(t *testing.T) string {
	t.Helper()
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(w.get(t, "/v1/deliveries").body, &list); err != nil || len(list.Data) == 0 {
		t.Fatalf("deliveries = %+v, %v, want some", list, err)
	}
	return list.Data[0].ID
}

// notification tells the organization of a webhook, and returns the id of that.
func (w *world) notification(t *testing.T) string {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		told := notifications.NewWebhookFailing(notifications.Webhook{ID: newID(), URL: "https://example.com/hush", Since: nowUTC(), Last: "status 503", Disabled: nowUTC()})
		return notifications.NewService(w.db, "", nowUTC, newID).Add(t.Context(), tx, w.organization, told)
	})
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Data []struct{ ID string } }
	if err := json.Unmarshal(w.get(t, "/v1/notifications").body, &list); err != nil || len(list.Data) == 0 {
		t.Fatalf("notifications = %+v, %v, want some", list, err)
	}
	return list.Data[0].ID
}

// unknown returns ids of the same form that nothing has.
func unknown() map[string]string {
	return map[string]string{
		"permit_uuid": newID().String(), "note_id": id.Format(id.Note, newID()), "condition_id": id.Format(id.Condition, newID()),
		"contact_id": id.Format(id.Contact, newID()), "api_key_id": id.Format(id.APIKey, newID()), "webhook_id": id.Format(id.Webhook, newID()), "delivery_id": id.Format(id.Delivery, newID()),
		"notification_id": id.Format(id.Notification, newID()), "format": "ndjson",
	}
}

// permissions says which permission each operation needs; "" for any key.
var permissions = map[string]identity.Permission{
	"getMe": "", "getOrganization": "",
	"listPermits": "read", "exportPermits": "read", "getPermit": "read", "listPermitHistory": "read", "listJurisdictions": "read",
	"listWatchlist": "read", "getWatchlistItem": "read", "addWatchlistItem": "write", "batchAddWatchlistItems": "write",
	"updateWatchlistItem": "write", "removeWatchlistItem": "write",
	"listNotes": "read", "getNote": "read", "createNote": "write", "updateNote": "write", "deleteNote": "write",
	"listConditions": "read", "getCondition": "read", "listConditionPermits": "read",
	"createCondition": "admin", "updateCondition": "admin", "deleteCondition": "admin",
	"listContacts": "read", "getContact": "read",
	"listAPIKeys": "admin", "createAPIKey": "admin", "getAPIKey": "admin", "revokeAPIKey": "admin", "rotateAPIKey": "admin",
	"listDeliveries": "admin", "listWebhookDeliveries": "admin", "getDelivery": "admin", "retryDelivery": "admin",
	"listWebhooks": "admin", "createWebhook": "admin", "getWebhook": "admin", "updateWebhook": "admin", "deleteWebhook": "admin",
	"rotateWebhookSecret": "admin", "testWebhook": "admin", "recoverWebhook": "admin",
	"listEvents": "read", "listEventTypes": "read",
	"listNotifications": "admin", "readNotification": "admin",
	"listUsage": "admin", "listUsageEndpoints": "admin", "listUsageErrors": "admin",
}

func TestNew_permissions(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	grants := map[identity.Permission][]identity.Permission{"read": {"read"}, "write": {"write"}, "admin": {"read", "write", "admin"}}
	keys := map[identity.Permission]string{}
	for p := range grants {
		keys[p] = w.newKey(t, p)
	}
	for _, op := range operations(t) {
		need, ok := permissions[op.ID]
		if !ok {
			t.Errorf("the test does not say which permission %s needs", op.ID)
			continue
		}
		if a := w.send(t, op, "", ids); a.status != http.StatusUnauthorized || a.failure(t).Error.Code != "missing_api_key" {
			t.Errorf("%s without a key = %d %.200s, want 401 missing_api_key", op.ID, a.status, a.body)
		}
		for _, p := range []identity.Permission{"read", "write", "admin"} {
			a := w.send(t, op, keys[p], ids)
			refused := a.status == http.StatusForbidden
			if want := need != "" && !slices.Contains(grants[p], need); refused != want || a.status == http.StatusUnauthorized || a.status >= 500 {
				t.Errorf("%s with a key of %s = %d %.200s, want refused: %t", op.ID, p, a.status, a.body, want)
			}
			if refused && !strings.Contains(a.failure(t).Error.Message, "needs the "+string(need)+" permission") {
				t.Errorf("%s with a key of %s: message %q, want it to name %s", op.ID, p, a.failure(t).Error.Message, need)
			}
		}
	}
}

// TestNew_isolation walks every operation with the key of another organization and the ids of one that has something of
// everything: first what is about one thing, then the rest, with which the other comes to watch the same permit, and
// then the rest once more.
func TestNew_isolation(t *testing.T) {
	w := newWorld(t)
	ids := w.own(t)
	before := w.everything(t, ids)
	other := w.stranger(t)
	hints := append([]string{"hush", ids["note_id"], ids["condition_id"], ids["contact_id"], id.Format(id.Organization, w.organization)}, w.keyIDs(t)...)
	send := func(op spec.Operation) answer {
		a := w.send(t, op, other, ids)
		if a.status >= 500 {
			t.Errorf("%s with another organization's ids = %d %s", op.ID, a.status, a.body)
		}
		for _, hint := range hints {
			if strings.Contains(string(a.body), hint) {
				t.Errorf("%s shows %q of another organization: %s", op.ID, hint, a.body)
			}
		}
		return a
	}
	var rest []spec.Operation
	for _, op := range operations(t) {
		if !owned(op) {
			rest = append(rest, op)
			continue
		}
		a, same := send(op), w.send(t, op, other, unknown())
		if a.status != http.StatusNotFound || same.status != http.StatusNotFound || masked(t, a) != masked(t, same) {
			t.Errorf("%s with another organization's ids = %d %s, with unknown ones %d %s; want 404 and the same words", op.ID, a.status, a.body, same.status, same.body)
		}
	}
	for _, op := range append(rest, rest...) {
		send(op)
	}
	if after := w.everything(t, ids); after != before {
		t.Errorf("another organization changed something:\n%s\nbefore:\n%s", after, before)
	}
}

// stranger returns a key with every permission of an organization that has nothing yet.
func (w *world) stranger(t *testing.T) string {
	t.Helper()
	mine := w.organization
	defer func() { w.organization = mine }()
	var err error
	if w.organization, err = organizations.NewService(w.db, nowUTC, newID).Create(t.Context(), "Stranger", "starter"); err != nil {
		t.Fatal(err)
	}
	return w.newKey(t, identity.Admin, identity.Read, identity.Write)
}

// owned reports whether an operation is about one thing of an organization: all but the routes of shared permits.
func owned(op spec.Operation) bool {
	return strings.Contains(op.Path, "{") && !strings.HasPrefix(op.Path, "/v1/permits/")
}

// everything returns what the organization can read, without what is never the same twice.
func (w *world) everything(t *testing.T, ids map[string]string) string {
	t.Helper()
	var b strings.Builder
	for _, op := range operations(t) {
		if op.Method == http.MethodGet && !strings.HasPrefix(op.Path, "/v1/usage") {
			b.WriteString(op.ID + " " + string(w.send(t, op, w.key, ids).body) + "\n")
		}
	}
	return b.String()
}

func (w *world) keyIDs(t *testing.T) []string {
	t.Helper()
	var keys []uuid.UUID
	if err := w.db.SelectContext(t.Context(), &keys, "select id from api_keys where organization_id = $1", w.organization); err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, k := range keys {
		texts = append(texts, id.Format(id.APIKey, k))
	}
	return texts
}

func masked(t *testing.T, a answer) string {
	t.Helper()
	return strings.ReplaceAll(string(a.body), a.failure(t).Error.RequestID, "")
}
