package webhooks

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

func TestService_Create(t *testing.T) {
	w := newWorld(t)
	c := slack()
	c.EventTypes = []string{"permit.status_changed", "permit.fee_changed"}
	c.Headers = map[string]string{"X-Zone": "b", "Authorization": "Bearer abc", "x-a": "a"}
	got, shown, err := w.Create(t.Context(), w.organization, c)
	if err != nil {
		t.Fatal(err)
	}
	want := Webhook{
		ID: got.ID, URL: "https://example.com/hook", Description: "Slack bridge", EventTypes: []string{"permit.status_changed", "permit.fee_changed"},
		State: "active", HeaderNames: []string{"Authorization", "X-Zone", "x-a"}, CreatedAt: noon, UpdatedAt: noon, Version: 1,
	}
	checkWebhook(t, "Create", got, want)
	if got.ID == uuid.Nil || shown.String() != secretA {
		t.Errorf("Create = id %s, secret %s; want an id and %s", got.ID, shown.String(), secretA)
	}
	checkWebhook(t, "Get", w.get(t, got.ID), want)
	w.checkSecrets(t, "Create", got.ID, noon, []string{secretA}, map[string]string{"X-Zone": "b", "Authorization": "Bearer abc", "x-a": "a"})
}

func TestService_Create_least(t *testing.T) {
	w := newWorld(t)
	got := w.create(t, Create{URL: "https://example.com", EventTypes: []string{"permit.status_changed"}})
	checkWebhook(t, "Create", got, Webhook{
		ID: got.ID, URL: "https://example.com", EventTypes: []string{"permit.status_changed"},
		State: "active", HeaderNames: []string{}, CreatedAt: noon, UpdatedAt: noon, Version: 1,
	})
}

func TestService_Create_madeSecret(t *testing.T) {
	w := newWorld(t)
	c := slack()
	c.Secret = ""
	seen := map[string]bool{}
	for range 3 {
		made, shown, err := w.Create(t.Context(), w.organization, c)
		if err != nil {
			t.Fatal(err)
		}
		encoded, prefixed := strings.CutPrefix(shown.String(), "whsec_")
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || !prefixed || len(key) != 32 || seen[encoded] {
			t.Errorf("Create made %s of %d bytes, %v; want whsec_ and another 32 bytes in base64", shown.String(), len(key), err)
		}
		seen[encoded] = true
		w.checkSecrets(t, "Create", made.ID, noon, []string{shown.String()}, map[string]string{"X-Environment": "production"})
	}
}

// givenSecrets are secrets that are taken, with what they are shown as.
var givenSecrets = map[string]string{
	secretA: secretA,
	"whsec_" + strings.Repeat("A", 86) + "==": "whsec_" + strings.Repeat("A", 86) + "==", // 64 bytes
	"012345678901234567890123":                "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
	"grüße aus münchen!!!!":                   "whsec_Z3LDvMOfZSBhdXMgbcO8bmNoZW4hISEh", // 24 bytes
	strings.Repeat("x", 64):                   "whsec_" + strings.Repeat("eHh4", 21) + "eA==",
}

// refusedSecrets are those that are not, with what would be right.
var refusedSecrets = map[string]string{
	strings.Repeat("x", 23):                  "must be 24 to 64 bytes long, or whsec_ and the base64 of so many: these are 23",
	strings.Repeat("ü", 33):                  "must be 24 to 64 bytes long, or whsec_ and the base64 of so many: these are 66",
	"whsec_":                                 "must have base64 of 24 to 64 bytes behind whsec_: these are 0",
	"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=": "must have base64 of 24 to 64 bytes behind whsec_: these are 23",
	"whsec_this-is-not-base64-at-all":        "must go on with base64 behind whsec_, of 24 to 64 bytes and with its padding",
	"whsec_" + strings.Repeat("A", 43):       "must go on with base64 behind whsec_, of 24 to 64 bytes and with its padding",
}

func TestService_Create_givenSecret(t *testing.T) {
	w := newWorld(t)
	c := slack()
	for given, want := range givenSecrets {
		c.Secret = given
		made, shown, err := w.Create(t.Context(), w.organization, c)
		if err != nil || shown.String() != want {
			t.Errorf("Create with secret %q shows %s, %v; want %s", given, shown.String(), err, want)
			continue
		}
		w.checkSecrets(t, "Create with secret "+given, made.ID, noon, []string{want}, map[string]string{"X-Environment": "production"})
	}
}

func TestService_Create_refusedSecret(t *testing.T) {
	w := newWorld(t)
	c := slack()
	for given, message := range refusedSecrets {
		c.Secret = given
		_, _, err := w.Create(t.Context(), w.organization, c)
		checkProblem(t, "Create with secret "+given, err, invalid("/secret", "secret", message))
	}
	w.checkNone(t, w.organization)
}

// checkNone fails the test if the organization has a webhook.
func (w *world) checkNone(t *testing.T, organization uuid.UUID) {
	t.Helper()
	found, meta, err := w.List(t.Context(), organization, page.Query{})
	if err != nil || len(found) != 0 || meta.Total != 0 {
		t.Errorf("List of %s = %+v of %d, %v; want none", organization, found, meta.Total, err)
	}
}

func TestService_Create_refusedURL(t *testing.T) {
	w := newWorld(t)
	c := slack()
	for _, h := range outboundtest.Hostile {
		if h.Code == "" {
			continue
		}
		c.URL = h.URL
		_, _, err := w.Create(t.Context(), w.organization, c)
		checkProblem(t, "Create with URL "+h.URL, err, invalid("/url", h.Code, h.Message))
	}
	w.checkNone(t, w.organization)
}

func TestService_Create_url(t *testing.T) {
	w := newWorld(t)
	c := slack()
	for _, url := range []string{
		"https://example.com", "https://example.com:443/", "https://example.com:80/", "https://example.com:8443/hook?token=a%20b", "https://93.184.215.14/",
		"https://[2606:4700:4700::1111]/", "HTTPS://Example.COM/", "https://example.com/" + strings.Repeat("a", 2028),
	} {
		c.URL = url
		if got := w.create(t, c); got.URL != url {
			t.Errorf("Create with URL %.80s = %.80s, want it as it is", url, got.URL)
		}
	}
}

func TestService_Create_allowedNetworks(t *testing.T) {
	w := newWorld(t, netip.MustParsePrefix("127.0.0.0/8"))
	c := slack()
	for _, url := range []string{"http://127.0.0.1:9000/hook", "https://127.0.0.1:1/", "http://localhost:9000/"} {
		c.URL = url
		if got := w.create(t, c); got.URL != url {
			t.Errorf("Create with URL %s = %s, want it as it is", url, got.URL)
		}
	}
	c.URL = "https://10.0.0.1/hook"
	_, _, err := w.Create(t.Context(), w.organization, c)
	checkProblem(t, "Create outside the allowed networks", err, invalid("/url", "public", "must lead to a public address"))
}

func TestService_Create_severalWrong(t *testing.T) {
	w := newWorld(t)
	c := slack()
	c.URL, c.Secret = "http://example.com/hook", "short"
	c.Headers = map[string]string{"X-Good": "yes", "webhook-id": "x", "Host": "example.com", "a/b~c": "x", "X-Value": "a\nb", "X~/": "\x00"}
	_, _, err := w.Create(t.Context(), w.organization, c)
	const name, value = "must have a name of letters, digits and hyphens, 100 characters at most", "must have a value of visible ASCII characters, spaces and tabs"
	const reserved = "is set by Plotwise or by HTTP itself; choose another name"
	checkProblem(t, "Create with all wrong", err, &problem.Error{
		Kind: problem.Unprocessable, Code: "invalid_body", Message: "/url must start with https://. 6 more details follow.",
		Details: []problem.Detail{
			{In: "body", Pointer: "/url", Code: "https", Message: "must start with https://"},
			{In: "body", Pointer: "/headers/Host", Code: "reserved", Message: reserved},
			{In: "body", Pointer: "/headers/X-Value", Code: "header", Message: value},
			{In: "body", Pointer: "/headers/X~0~1", Code: "header", Message: name},
			{In: "body", Pointer: "/headers/a~1b~0c", Code: "header", Message: name},
			{In: "body", Pointer: "/headers/webhook-id", Code: "reserved", Message: reserved},
			{In: "body", Pointer: "/secret", Code: "secret", Message: "must be 24 to 64 bytes long, or whsec_ and the base64 of so many: these are 5"},
		},
	})
	w.checkNone(t, w.organization)
}

func TestService_hidden(t *testing.T) {
	w := newWorld(t)
	c := slack()
	c.Secret, c.Headers = "correct horse battery staple", map[string]string{"Authorization": "Bearer abcdefgh"}
	made := w.create(t, c)
	kept := []string{w.row(t, made.ID)}
	if _, _, err := w.RotateSecret(t.Context(), w.organization, made.ID, "another horse battery staple"); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, w.row(t, made.ID))
	if _, err := w.Update(t.Context(), w.organization, made.ID, nil, Update{Headers: map[string]string{"Authorization": "Bearer ijklmnop"}}); err != nil {
		t.Fatal(err)
	}
	kept = append(kept, w.row(t, made.ID))
	for _, row := range kept {
		for _, clear := range []string{"horse", "Y29ycmVjdCBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ", "YW5vdGhlciBob3JzZSBiYXR0ZXJ5IHN0YXBsZQ", "whsec_", "Bearer", "abcdefgh", "ijklmnop"} {
			if strings.Contains(row, clear) || strings.Contains(row, hex.EncodeToString([]byte(clear))) {
				t.Errorf("the row %s holds %s", row, clear)
			}
		}
		if !strings.Contains(row, "https://example.com/hook") || !strings.Contains(row, "Authorization") {
			t.Errorf("the row %s, want the webhook's", row)
		}
	}
}
