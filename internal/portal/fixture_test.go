package portal

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/accounts"
	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// People of the two organizations; both belongs to one and the other.
const (
	owner  = "owner@palmetto.example"
	admin  = "admin@palmetto.example"
	member = "member@palmetto.example"
	other  = "owner@liveoak.example"
	both   = "both@example.com" // an admin of Palmetto Builders, a member of Live Oak Homes
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a portal on its own database, whose clock the test sets, for two organizations.
type world struct {
	Options
	handler           http.Handler
	now               time.Time
	palmetto, liveOak uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldAt(t, "http://127.0.0.1:8080")
}

// newWorldAt is newWorld under another public URL.
func newWorldAt(t *testing.T, publicURL string) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.now }
	db := pgtest.Open(t)
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	w.Options = Options{
		DB: db, PublicURL: publicURL, Accounts: accounts.NewService(db, now), Keys: apikeys.NewService(db, now, newID),
		Members: members.NewService(db, now, newID), Organizations: organizations.NewService(db, now, newID), Log: slog.New(slog.DiscardHandler), Now: now, NewID: newID,
		Usage:         usage.NewService(db, now),
		Events:        events.NewFeed(db, nil, now),
		Deliveries:    deliveries.NewService(db, nil, nil, nil, 0, now),
		Webhooks:      webhooks.NewService(db, secret.NewBox(key), nil, now, newID),
		Notifications: notifications.NewService(db, publicURL, now, newID),
	}
	w.palmetto, w.liveOak = w.organization(t, "Palmetto Builders"), w.organization(t, "Live Oak Homes")
	w.join(t, w.palmetto, owner, members.Owner)
	w.join(t, w.palmetto, admin, members.Admin)
	w.join(t, w.palmetto, member, members.Plain)
	w.join(t, w.palmetto, both, members.Admin)
	w.join(t, w.liveOak, both, members.Plain)
	w.join(t, w.liveOak, other, members.Owner)
	if w.handler, err = New(w.Options); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *world) organization(t *testing.T, name string) uuid.UUID {
	t.Helper()
	made, err := w.Organizations.Create(t.Context(), name, "professional")
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) join(t *testing.T, organization uuid.UUID, email, role string) {
	t.Helper()
	if _, err := w.Members.Add(t.Context(), organization, members.Member{Email: email, Name: "Somebody", Role: role}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.DB.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

func (w *world) inTx(t *testing.T, do func(tx *postgres.Tx) error) {
	t.Helper()
	if err := postgres.InTx(t.Context(), w.DB, do); err != nil {
		t.Fatal(err)
	}
}

// count returns a number that a query finds.
func (w *world) count(t *testing.T, query string, args ...any) (n int) {
	t.Helper()
	if err := w.DB.GetContext(t.Context(), &n, query, args...); err != nil {
		t.Fatal(err)
	}
	return n
}

// browser keeps cookies, and follows no redirect.
type browser struct {
	w       *world
	jar     *cookiejar.Jar
	address string
}

// answer is what a browser got.
type answer struct {
	Status int
	Header http.Header
	Body   string
}

func (w *world) browser(t *testing.T) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &browser{w: w, jar: jar, address: "192.0.2.1:1234"}
}

// as returns a browser in which somebody has signed in, by a link.
func (w *world) as(t *testing.T, email string) *browser {
	t.Helper()
	b := w.browser(t)
	if a := b.post(t, "/settings/link/"+w.link(t, email)); a.Status != http.StatusSeeOther {
		t.Fatalf("%s signs in by link: %d %s", email, a.Status, a.Body)
	}
	return b
}

func (w *world) link(t *testing.T, email string) string {
	t.Helper()
	token, err := w.Accounts.Link(t.Context(), email, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func (b *browser) get(t *testing.T, path string) answer {
	t.Helper()
	return b.do(t, http.MethodGet, path, nil, nil)
}

// post sends a form, as pairs of a name and a value.
func (b *browser) post(t *testing.T, path string, pairs ...string) answer {
	t.Helper()
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do(t, http.MethodPost, path, form, http.Header{"Sec-Fetch-Site": {"same-origin"}})
}

func (b *browser) do(t *testing.T, method, path string, form url.Values, header http.Header) answer {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, b.w.PublicURL+path, strings.NewReader(form.Encode()))
	r.RemoteAddr = b.address
	for name, values := range header {
		r.Header[name] = values
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range b.jar.Cookies(r.URL) {
		r.AddCookie(c)
	}
	recorder := httptest.NewRecorder()
	b.w.handler.ServeHTTP(recorder, r)
	got := recorder.Result()
	defer got.Body.Close()
	b.jar.SetCookies(r.URL, got.Cookies())
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(body)}
}

// has fails the test unless the page is there, with each of the texts.
func (a answer) has(t *testing.T, status int, texts ...string) {
	t.Helper()
	if a.Status != status {
		t.Fatalf("%d, want %d: %s", a.Status, status, a.Body)
	}
	for _, text := range texts {
		if !strings.Contains(a.Body, text) {
			t.Errorf("the page lacks %q: %s", text, a.Body)
		}
	}
	if len(a.Body) > 100_000 {
		t.Errorf("the page has %d bytes, want 100,000 at most", len(a.Body))
	}
}

// lacks fails the test when the page has one of the texts.
func (a answer) lacks(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if strings.Contains(a.Body, text) {
			t.Errorf("the page has %q: %s", text, a.Body)
		}
	}
}

// leads fails the test unless the answer leads there.
func (a answer) leads(t *testing.T, to string) {
	t.Helper()
	if a.Status != http.StatusSeeOther || a.Header.Get("Location") != to {
		t.Fatalf("%d to %q, want 303 to %q: %s", a.Status, a.Header.Get("Location"), to, a.Body)
	}
}
