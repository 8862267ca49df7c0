package httpapi_test

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// secrets makes a key and rotates it, each with an idempotency key, and returns its id and its two secrets.
func (w *world) secrets(t *testing.T) (keyID, first, second string) {
	t.Helper()
	made := w.as(t, w.key, http.MethodPost, "/v1/api-keys", `{"name": "CRM", "permissions": ["read"]}`, "Idempotency-Key", "make")
	if made.status != http.StatusCreated {
		t.Fatalf("POST = %d %s", made.status, made.body)
	}
	keyID, first = data(t, made)["id"].(string), data(t, made)["key"].(string)
	rotated := w.as(t, w.key, http.MethodPost, "/v1/api-keys/"+keyID+"/rotate", `{"grace_seconds": 3600}`, "Idempotency-Key", "rotate")
	if rotated.status != http.StatusOK {
		t.Fatalf("POST = %d %s", rotated.status, rotated.body)
	}
	return keyID, first, data(t, rotated)["key"].(string)
}

func TestSecrets_areGood(t *testing.T) {
	w := newWorld(t)
	keyID, first, second := w.secrets(t)
	for _, secret := range []string{first, second} {
		if a := w.as(t, secret, http.MethodGet, "/v1/permits", ""); a.status != http.StatusOK {
			t.Errorf("GET with %s = %d %s, want 200", secret, a.status, a.body)
		}
	}
	if got := data(t, w.get(t, "/v1/api-keys/"+keyID))["last_four"]; first == second || got != second[40:] {
		t.Errorf("last_four = %v of %s and %s, want that of the second", got, first, second)
	}
}

func TestSecrets_notStored(t *testing.T) {
	w := newWorld(t)
	keyID, _, _ := w.secrets(t)
	for path, want := range map[string]string{
		"/v1/api-keys":                      "no-store",
		"/v1/api-keys/" + keyID + "/rotate": "no-store",
		"/v1/watchlist":                     "private, no-cache",
		"/v1/permits/" + w.permit(t, "B-1") + "/notes?page=1": "private, no-cache",
	} {
		for _, body := range []string{`{"name": "CRM", "permissions": ["read"]}`, `{"grace_seconds": 0}`, `{}`} {
			if a := w.as(t, w.key, http.MethodPost, path, body); a.header.Get("Cache-Control") != want || a.status >= 500 {
				t.Errorf("POST %s %s = %d with Cache-Control %q, want %q", path, body, a.status, a.header.Get("Cache-Control"), want)
			}
		}
	}
	for _, path := range []string{"/v1/api-keys", "/v1/api-keys/" + keyID} {
		if a := w.get(t, path); a.header.Get("Cache-Control") != "private, no-cache" || strings.Contains(string(a.body), `"key"`) {
			t.Errorf("GET %s = %s with Cache-Control %q, want private, no-cache and no key", path, a.body, a.header.Get("Cache-Control"))
		}
	}
}

func TestSecrets_shownOnce(t *testing.T) {
	w := newWorld(t)
	keyID, _, second := w.secrets(t)
	keys := w.count(t, "select count(*) from api_keys")
	type detail struct{ In, Pointer, Code, Message, Value string }
	for _, c := range []struct{ path, body, key string }{
		{"/v1/api-keys", `{"name": "CRM", "permissions": ["read"]}`, "make"},
		{"/v1/api-keys/" + keyID + "/rotate", `{"grace_seconds": 3600}`, "rotate"},
	} {
		a := w.as(t, w.key, http.MethodPost, c.path, c.body, "Idempotency-Key", c.key)
		checkFailure(t, "again", a, http.StatusConflict, "secret_already_shown")
		var e struct{ Error struct{ Details []detail } }
		a.read(t, &e)
		want := []detail{{"header", "Idempotency-Key", "secret_already_shown", "must be new for a new secret", keyID}}
		if diff := cmp.Diff(want, e.Error.Details); diff != "" {
			t.Errorf("details (-want +got):\n%s", diff)
		}
		if a.header.Get("Idempotency-Replayed") != "" || a.header.Get("Location") != "" || a.header.Get("ETag") != "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("headers = %v, want none of the first answer, and no-store", a.header)
		}
		a = w.as(t, w.key, http.MethodPost, c.path, strings.Replace(c.body, "}", " }", 1), "Idempotency-Key", c.key)
		checkFailure(t, "another body", a, http.StatusUnprocessableEntity, "idempotency_key_reused")
	}
	if got := w.count(t, "select count(*) from api_keys"); got != keys {
		t.Errorf("%d keys, want the %d of before", got, keys)
	}
	if a := w.as(t, second, http.MethodGet, "/v1/permits", ""); a.status != http.StatusOK {
		t.Errorf("GET with the last secret = %d %s, want 200", a.status, a.body)
	}
	var rows []struct {
		SecretOf string `db:"secret_of"`
		Body     []byte `db:"body"`
	}
	if err := w.db.SelectContext(t.Context(), &rows, "select secret_of, body from idempotency_keys"); err != nil {
		t.Fatal(err)
	}
	for _, row := range rows {
		if row.SecretOf != keyID || len(row.Body) > 0 {
			t.Errorf("kept for %q: %q, want nothing but %s", row.SecretOf, row.Body, keyID)
		}
	}
	if len(rows) != 2 {
		t.Errorf("%d answers are kept, want 2", len(rows))
	}
}

// A refused request with an idempotency key leaves it free, and one that showed no secret is replayed as ever.
func TestSecrets_othersAreReplayed(t *testing.T) {
	w := newWorld(t)
	for _, want := range []string{"", "true"} {
		a := w.as(t, w.key, http.MethodPost, "/v1/watchlist", `{"permit_number": "B-4"}`, "Idempotency-Key", "k")
		if a.status != http.StatusCreated || a.header.Get("Idempotency-Replayed") != want {
			t.Errorf("POST = %d %s, replayed %q, want 201 and %q", a.status, a.body, a.header.Get("Idempotency-Replayed"), want)
		}
	}
	a := w.as(t, w.key, http.MethodPost, "/v1/api-keys", `{"name": "CRM", "permissions": []}`, "Idempotency-Key", "make")
	if a.status != http.StatusUnprocessableEntity {
		t.Fatalf("POST = %d %s", a.status, a.body)
	}
	w.secrets(t)
}

// TestSecrets_nowhere: neither the log nor any row of any table holds a secret, in any usual form.
func TestSecrets_nowhere(t *testing.T) {
	w := newWorld(t)
	keyID, first, second := w.secrets(t)
	w.secretsAgain(t, keyID)
	for _, key := range []string{w.key, first, second, first[:43], first[:43] + "~"} {
		w.as(t, key, http.MethodGet, "/v1/permits", "")
		w.as(t, key, http.MethodGet, "/v1/nothing", "")
		w.as(t, key, http.MethodPost, "/v1/watchlist", `{"permit`)
	}
	if _, err := w.db.ExecContext(t.Context(), "alter table contacts rename to contacts_away"); err != nil {
		t.Fatal(err)
	}
	checkFailure(t, "a failure of ours", w.as(t, second, http.MethodGet, "/v1/contacts", ""), http.StatusInternalServerError, "internal_error")
	if err := w.meter.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	where := w.dump(t)
	where["the log"] = w.log.String()
	for _, clear := range []string{w.key, first, second} {
		secret := clear[8:40]
		for form, text := range map[string]string{
			"clear": secret, "hex": hex.EncodeToString([]byte(secret)), "base64": base64.StdEncoding.EncodeToString([]byte(clear[9:39])),
		} {
			for place, content := range where {
				if strings.Contains(content, text) {
					t.Errorf("%s holds the secret %s in %s", place, clear, form)
				}
			}
		}
	}
}

// secretsAgain asks for the answers that held the secrets, and for everything else about the key.
func (w *world) secretsAgain(t *testing.T, keyID string) {
	t.Helper()
	w.as(t, w.key, http.MethodPost, "/v1/api-keys", `{"name": "CRM", "permissions": ["read"]}`, "Idempotency-Key", "make")
	w.as(t, w.key, http.MethodPost, "/v1/api-keys/"+keyID+"/rotate", `{"grace_seconds": 3600}`, "Idempotency-Key", "rotate")
	w.get(t, "/v1/api-keys")
	w.get(t, "/v1/api-keys/"+keyID)
}

// dump returns the rows of every table as text.
func (w *world) dump(t *testing.T) map[string]string {
	t.Helper()
	var tables []string
	err := w.db.SelectContext(t.Context(), &tables, "select quote_ident(relname) from pg_class where relkind in ('r', 'p', 'm') and relnamespace = 'public'::regnamespace")
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, table := range tables {
		var rows []string
		if err := w.db.SelectContext(t.Context(), &rows, fmt.Sprintf("select t::text from %s t", table)); err != nil {
			t.Fatal(err)
		}
		found["table "+table] = strings.Join(rows, "\n")
	}
	if !strings.Contains(found["table api_keys"], "CRM") || !strings.Contains(found["table idempotency_keys"], "rotate") {
		t.Fatalf("the tables %q do not hold what was made", tables)
	}
	return found
}
