package notifications

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	noon      = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
	webhookID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a service on its own database, whose clock the test sets, for two organizations.
type world struct {
	*Service
	db                  *postgres.DB
	now                 time.Time
	organization, other uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon}
	w.Service = NewService(w.db, "https://api.example.com/", func() time.Time { return w.now }, newID)
	for name, organization := range map[string]*uuid.UUID{"Palmetto Builders": &w.organization, "Live Oak Homes": &w.other} {
		var err error
		if *organization, err = organizations.NewService(w.db, time.Now, newID).Create(t.Context(), name, "professional"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// failing is a notice.
func failing() Notice {
	return NewWebhookFailing(Webhook{ID: webhookID, URL: "https://example.com/hook", Since: noon.Add(-24 * time.Hour), Last: "status 503", Disabled: noon.Add(96 * time.Hour)})
}

func (w *world) add(t *testing.T, n Notice) {
	t.Helper()
	if err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error { return w.Add(t.Context(), tx, w.organization, n) }); err != nil {
		t.Fatal(err)
	}
}

func (w *world) join(t *testing.T, organization uuid.UUID, email, name, role string) {
	t.Helper()
	m := members.Member{Email: email, Name: name, Role: role}
	if _, err := members.NewService(w.db, time.Now, newID).Add(t.Context(), organization, m); err != nil {
		t.Fatal(err)
	}
}

func (w *world) list(t *testing.T, state string) []Notification {
	t.Helper()
	found, meta, err := w.List(t.Context(), w.organization, state, page.Query{})
	if err != nil || meta.Total != len(found) {
		t.Fatalf("List(%q) = %d of %d, %v", state, len(found), meta.Total, err)
	}
	return found
}

// query returns one column of text.
func (w *world) query(t *testing.T, text string) []string {
	t.Helper()
	found := []string{}
	if err := w.db.SelectContext(t.Context(), &found, text); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestService_Add(t *testing.T) {
	w := newWorld(t)
	w.join(t, w.organization, "owner@example.com", "Owner", members.Owner)
	w.join(t, w.organization, "member@example.com", "Member", members.Plain)
	w.join(t, w.organization, "admin@example.com", "Admin", members.Admin)
	w.join(t, w.other, "other@example.com", "Other", members.Owner)
	w.add(t, failing())
	found := w.list(t, "")
	if len(found) != 1 {
		t.Fatalf("notifications = %+v, want one", found)
	}
	want := Notification{
		ID: found[0].ID, Type: "webhook.failing", Title: "The webhook at example.com is failing", WebhookID: webhookID, CreatedAt: noon,
		Message: "No attempt to send to https://example.com/hook (whk_01k053rqg0fmgrykhbdwe9mzgg) has succeeded since 2026-01-22 12:00 UTC; the last one ended with: status 503. If none succeeds before 2026-01-27 12:00 UTC, it will be disabled.",
	}
	if diff := cmp.Diff(want, found[0]); diff != "" {
		t.Errorf("notification (-want +got):\n%s", diff)
	}
	const subject = "The webhook at example.com is failing (Palmetto Builders)"
	got := w.query(t, "select concat_ws('|', state, email, name, subject, created_at = '2026-01-23T12:00:00Z') from mails order by id")
	if diff := cmp.Diff([]string{"pending|owner@example.com|Owner|" + subject + "|t", "pending|admin@example.com|Admin|" + subject + "|t"}, got); diff != "" {
		t.Errorf("mails (-want +got):\n%s", diff)
	}
}

// Who has nobody to mail is told by API all the same.
func TestService_Add_nobody(t *testing.T) {
	w := newWorld(t)
	w.join(t, w.organization, "member@example.com", "Member", members.Plain)
	w.add(t, failing())
	if found, mails := w.list(t, ""), w.query(t, "select email from mails"); len(found) != 1 || len(mails) != 0 {
		t.Errorf("notifications = %+v and mails to %q, want one and none", found, mails)
	}
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	for range 5 {
		w.now = w.now.Add(time.Minute)
		w.add(t, failing())
	}
	per := int32(2)
	q := page.Query{PerPage: &per}
	var got []string
	for {
		found, meta, err := w.List(t.Context(), w.organization, Unread, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range found {
			got = append(got, n.CreatedAt.UTC().Format("15:04"))
		}
		if q.Cursor == nil && meta.Total != 5 {
			t.Errorf("total = %d, want 5", meta.Total)
		}
		if meta.NextCursor == "" {
			break
		}
		q.Cursor = &meta.NextCursor
		w.now = w.now.Add(time.Minute)
		w.add(t, failing()) // meanwhile
	}
	if want := []string{"12:05", "12:04", "12:03", "12:02", "12:01"}; !slices.Equal(got, want) {
		t.Errorf("the walk = %q, want %q", got, want)
	}
	if _, _, err := w.List(t.Context(), w.organization, Read, q); err == nil {
		t.Error("List with the cursor of another state = no error, want invalid_cursor")
	}
	if found, _, err := w.List(t.Context(), w.other, "", page.Query{}); err != nil || len(found) != 0 {
		t.Errorf("List of another organization = %+v, %v; want none", found, err)
	}
}

func TestService_Read(t *testing.T) {
	w := newWorld(t)
	w.add(t, failing())
	w.add(t, failing())
	newest := w.list(t, "")[0]
	for i, name := range []string{"first", "again"} {
		w.now = noon.Add(time.Duration(i+1) * time.Hour)
		got, err := w.Read(t.Context(), w.organization, newest.ID)
		if err != nil || got.ReadAt == nil || !got.ReadAt.Equal(noon.Add(time.Hour)) || got.ID != newest.ID {
			t.Errorf("Read, %s = %+v, %v; want it read at the first time", name, got, err)
		}
	}
	if read, unread := w.list(t, Read), w.list(t, Unread); len(read) != 1 || read[0].ID != newest.ID || len(unread) != 1 || unread[0].ID == newest.ID {
		t.Errorf("read %+v, unread %+v; want the newest read and the other one not", read, unread)
	}
	other := w.list(t, Unread)[0].ID
	missing := problem.Missing("notification")
	for name, id := range map[string]uuid.UUID{"another's": other, "unknown": newID()} {
		_, err := w.Read(t.Context(), w.other, id)
		var got *problem.Error
		if !errors.As(err, &got) || !cmp.Equal(missing, got) {
			t.Errorf("Read of one %s = %v, want %v", name, err, missing)
		}
	}
	if unread := w.list(t, Unread); len(unread) != 1 {
		t.Errorf("another organization marked one as read")
	}
}

func TestService_Prune(t *testing.T) {
	w := newWorld(t)
	w.join(t, w.organization, "owner@example.com", "Owner", members.Owner)
	for i := range 3 {
		w.now = noon.Add(time.Duration(i) * time.Hour)
		w.add(t, failing())
	}
	w.now = noon.Add(30*24*time.Hour + time.Hour)
	if err := w.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, n := range w.list(t, "") {
		got = append(got, n.CreatedAt.UTC().Format("15:04"))
	}
	if diff := cmp.Diff([]string{"14:00", "13:00"}, got); diff != "" {
		t.Errorf("notifications after 30 days (-want +got):\n%s", diff)
	}
	if n := w.query(t, "select 'one' from mails"); len(n) != 2 {
		t.Errorf("%d mails, want those of two notifications", len(n))
	}
}

func TestNotice_body(t *testing.T) {
	hook := Webhook{ID: webhookID, URL: "https://example.com/hook", Since: noon.Add(-120 * time.Hour), Last: "no answer (timeout)", Reason: "No attempt succeeded for five days."}
	want := `The webhook at example.com is disabled.

Organization:     Palmetto Builders
Webhook:          https://example.com/hook
Id:               whk_01k053rqg0fmgrykhbdwe9mzgg
Failing since:    2026-01-18 12:00 UTC
Last attempt:     no answer (timeout)
Disabled because: No attempt succeeded for five days.

Nothing is sent to https://example.com/hook (whk_01k053rqg0fmgrykhbdwe9mzgg) any more. No attempt succeeded for five days. Attempts had failed since 2026-01-18 12:00 UTC; the last one ended with: no answer (timeout).

What to do:
- Have the endpoint answer every event with a 2xx status, in time.
- PATCH /v1/webhooks/whk_01k053rqg0fmgrykhbdwe9mzgg with {"state": "active"} has events sent to it again.
- POST /v1/webhooks/whk_01k053rqg0fmgrykhbdwe9mzgg/recover then sends again what was given up or cancelled before.
- GET /v1/events tells what happened meanwhile; events are kept for 30 days.

The documentation: https://api.example.com/docs

You get this mail as an owner or admin of Palmetto Builders.
`
	if diff := cmp.Diff(want, NewWebhookDisabled(hook).body("Palmetto Builders", "https://api.example.com")); diff != "" {
		t.Errorf("disabled (-want +got):\n%s", diff)
	}
}

// A name or a URL can neither begin a line nor end a header.
func TestNotice_oneLine(t *testing.T) {
	const organization = "Zoë's\r\n\r\nWhat to do:\n- Send money 🏗"
	n := NewWebhookFailing(Webhook{ID: webhookID, URL: "https://example.com/hook\r\nBcc: thief@example.com", Since: noon, Last: "status 503\nX: y", Disabled: noon})
	for name, text := range map[string]string{"title": n.title, "message": n.message} {
		if strings.ContainsAny(text, "\r\n") {
			t.Errorf("%s = %q, want one line", name, text)
		}
	}
	var begun []string
	for line := range strings.Lines(n.body(organization, "https://api.example.com")) {
		begun = append(begun, strings.TrimSpace(line[:min(len(line), 14)]))
	}
	want := []string{
		"The webhook at", "", "Organization:", "Webhook:", "Id:", "Failing since:", "Last attempt:", "", "No attempt to", "", "What to do:",
		"- Have the end", "- GET /v1/webh", "- POST /v1/web", "", "The documentat", "", "You get this m",
	}
	if diff := cmp.Diff(want, begun); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func TestService_Unread(t *testing.T) {
	w := newWorld(t)
	for range 3 {
		w.add(t, failing())
	}
	check := func(organization uuid.UUID, most, want int) {
		t.Helper()
		if got, err := w.Unread(t.Context(), organization, most); err != nil || got != want {
			t.Errorf("Unread of at most %d = %d, %v; want %d", most, got, err, want)
		}
	}
	check(w.organization, 100, 3)
	check(w.organization, 2, 2)
	check(w.other, 100, 0)
	if _, err := w.Read(t.Context(), w.organization, w.list(t, "")[0].ID); err != nil {
		t.Fatal(err)
	}
	check(w.organization, 100, 2)
}
