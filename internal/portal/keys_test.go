package portal

import (
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

var (
	tokens  = regexp.MustCompile(`name="once" value="([^"]+)"`)
	secrets = regexp.MustCompile(`data-copy="(pw_live_\w{36})"`)
)

// token returns that of the first form on a page that is carried out once.
func (a answer) token(t *testing.T) string {
	t.Helper()
	found := tokens.FindStringSubmatch(a.Body)
	if found == nil {
		t.Fatalf("no form is carried out once: %s", a.Body)
	}
	return found[1]
}

// secret returns the API key that a page shows.
func (a answer) secret(t *testing.T) string {
	t.Helper()
	found := secrets.FindStringSubmatch(a.Body)
	if found == nil {
		t.Fatalf("%d, and no API key is shown: %s", a.Status, a.Body)
	}
	return found[1]
}

// keyThat makes an API key of Palmetto Builders, and returns it with the path of its pages.
func (w *world) keyThat(t *testing.T, permissions ...identity.Permission) (clear, path string) {
	t.Helper()
	made, clear, err := w.Keys.Create(t.Context(), apikeys.Key{OrganizationID: w.palmetto, Name: "CRM", Permissions: permissions})
	if err != nil {
		t.Fatal(err)
	}
	return clear, keysPath + "/" + id.Format(id.APIKey, made.ID)
}

// works fails the test unless an API key is taken, or refused.
func (w *world) works(t *testing.T, key string, want bool) {
	t.Helper()
	if _, err := apikeys.NewService(w.DB, w.Now, newID).Authenticate(t.Context(), key, netip.MustParseAddr("192.0.2.1")); (err == nil) != want {
		t.Errorf("a key is answered with %v; want that it works: %t", err, want)
	}
}

func TestCreateKey(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, admin)
	page := b.get(t, keysPath+"/new")
	page.has(t, 200, `value="read" checked`)
	form := []string{"name", " CRM <b> ", "permissions", "read", "permissions", "write", "expires_at", "2027-01-31", "allowed_networks", "192.0.2.0/24, 198.51.100.7", "once", page.token(t)}
	made := b.post(t, keysPath, form...)
	made.has(t, 200, "CRM &lt;b&gt;", "only time")
	if cache := made.Header.Get("Cache-Control"); cache != "no-store" {
		t.Errorf("Cache-Control of the key = %q, want no-store", cache)
	}
	key := made.secret(t)
	w.works(t, key, true)
	list := b.get(t, keysPath)
	list.has(t, 200, "CRM &lt;b&gt;", key[len(key)-4:], `datetime="2027-01-31T00:00:00Z"`)
	list.lacks(t, key)

	b.post(t, keysPath, form...).leads(t, keysPath) // as by reloading
	b.get(t, keysPath).has(t, 200, "That form was sent before, so nothing was done again. If you did not copy the key, revoke it and create another.")
	if n := w.count(t, "select count(*) from api_keys"); n != 1 {
		t.Errorf("%d keys, want 1", n)
	}
	if n := w.count(t, "select count(*) from audit_log a join members m on m.id = a.member_id where a.operation = 'createAPIKey' and m.email = $1", admin); n != 1 {
		t.Errorf("%d entries in the audit log, want 1", n)
	}
}

func TestCreateKey_refused(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	good := map[string]string{"name": "CRM", "permissions": "read", "expires_at": "", "allowed_networks": "", "once": "a"}
	for _, c := range []struct{ field, value, want string }{
		{"name", "  ", `id="name-hint">It must`},
		{"name", strings.Repeat("x", 101), `id="name-hint">It must`},
		{"permissions", "everything", "Choose at least one."},
		{"expires_at", "soon", `id="expires-hint">It must be a date, such as 2027-01-31`},
		{"expires_at", "2026-01-01", `id="expires-hint">It must`},
		{"allowed_networks", "the office", `id="networks-hint">Each must`},
		{"once", "", "What your browser sent cannot be read."},
	} {
		var form []string
		for name, value := range good {
			if name == c.field {
				value = c.value
			}
			form = append(form, name, value)
		}
		a := b.post(t, keysPath, form...)
		if a.Status < 400 || a.Status > 422 || !strings.Contains(a.Body, c.want) {
			t.Errorf("%s %q: %d, want it refused with %q: %s", c.field, c.value, a.Status, c.want, a.Body)
		}
	}
	if n := w.count(t, "select count(*) from api_keys"); n != 0 {
		t.Errorf("%d keys were made", n)
	}
	b.post(t, keysPath, "name", "CRM", "permissions", "read", "once", "a").has(t, 200, "only time") // what failed was not carried out
}

// Of two clicks at once, one makes a key.
func TestCreateKey_twice(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	answers := make(chan answer, 4)
	for range cap(answers) {
		go func() { answers <- b.post(t, keysPath, "name", "CRM", "permissions", "read", "once", "a") }()
	}
	shown := 0
	for range cap(answers) {
		if a := <-answers; a.Status == 200 {
			shown++
		}
	}
	if n := w.count(t, "select count(*) from api_keys"); shown != 1 || n != 1 {
		t.Errorf("%d keys were shown and %d made, want 1", shown, n)
	}
}

func TestRotateKey(t *testing.T) {
	w := newWorld(t)
	before, path := w.keyThat(t, identity.Read)
	b := w.as(t, owner)
	token := b.get(t, keysPath).token(t)
	rotated := b.post(t, path+"/rotate", "once", token)
	rotated.has(t, 200, "The secret before works for another 24 hours.")
	after := rotated.secret(t)
	b.post(t, path+"/rotate", "once", token).leads(t, keysPath) // which would end the first secret
	b.get(t, keysPath).has(t, 200, "If you did not copy the new secret, rotate the key once more.")
	w.works(t, before, true)
	w.works(t, after, true)
	w.now = w.now.Add(24 * time.Hour)
	w.works(t, before, false)
	w.works(t, after, true)
	w.as(t, other).post(t, path+"/rotate", "once", "b").has(t, 404)
}

func TestRevokeKey(t *testing.T) {
	w := newWorld(t)
	key, path := w.keyThat(t, identity.Read)
	_, last := w.keyThat(t, identity.Admin)
	w.as(t, other).post(t, path+"/revoke").has(t, 404)
	b := w.as(t, owner)
	b.get(t, path+"/revoke").has(t, 200, "Revoke “CRM”?", "It was last used never")
	w.works(t, key, true)
	b.post(t, path+"/revoke").leads(t, keysPath)
	b.get(t, keysPath).has(t, 200, "“CRM” is revoked")
	w.works(t, key, false)
	b.get(t, keysPath+"?state=all").has(t, 200, `<span class="tag">revoked</span>`)
	b.post(t, last+"/revoke").has(t, 409, "Revoke “CRM”?", `class="failed"`)
}
