package portal

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

const notificationsPath = "/settings/developers/notifications"

// notify tells an organization that its webhook fails, so often.
func (w *world) notify(t *testing.T, organization, hook uuid.UUID, times int) {
	t.Helper()
	for range times {
		w.inTx(t, func(tx *postgres.Tx) error {
			return w.Notifications.Add(t.Context(), tx, organization, notifications.NewWebhookFailing(notifications.Webhook{
				ID: hook, URL: "https://hooks.example.com/<b>", Since: w.now.Add(-24 * time.Hour), Last: "status 503", Disabled: w.now.Add(96 * time.Hour),
			}))
		})
	}
}

func TestNotifications(t *testing.T) {
	w := newWorld(t)
	hook := newID()
	b := w.as(t, admin)
	a := b.get(t, notificationsPath)
	a.has(t, 200, "Nothing to tell")
	a.lacks(t, `class="badge"`)
	w.notify(t, w.palmetto, hook, 2)
	w.notify(t, w.liveOak, newID(), 1)
	a = b.get(t, notificationsPath)
	a.has(t, 200, "The webhook at hooks.example.com is failing", "status 503", "/settings/developers/webhooks/"+id.Format(id.Webhook, hook), `<span class="badge">2<span class="unseen"> unread</span></span>`)
	a.lacks(t, "<b>")
	b.get(t, keysPath).has(t, 200, `<span class="badge">2<`) // on every page

	found, _, err := w.Notifications.List(t.Context(), w.palmetto, "", page.Query{})
	if err != nil {
		t.Fatal(err)
	}
	path := notificationsPath + "/" + id.Format(id.Notification, found[0].ID) + "/read"
	b.post(t, path, "state", "unread").leads(t, notificationsPath+"?state=unread")
	a = b.get(t, notificationsPath+"?state=unread")
	a.has(t, 200, "Marked as read.", `<span class="badge">1<`)
	if n := strings.Count(a.Body, "<li class=\"unread\">"); n != 1 {
		t.Errorf("%d are unread, want 1", n)
	}
	b.get(t, notificationsPath).has(t, 200, "<li>\n    <h2>The webhook")
	if n := w.count(t, `select count(*) from audit_log a join members m on m.id = a.member_id and m.organization_id = a.organization_id
		where a.operation = 'readNotification' and m.email = $1 and a.method = 'POST' and a.path = $2`, admin, path); n != 1 {
		t.Errorf("%d entries of it in the audit log, want 1", n)
	}
	b.post(t, notificationsPath+"/"+id.Format(id.Notification, found[1].ID)+"/read").leads(t, notificationsPath)
	b.get(t, notificationsPath+"?state=unread").has(t, 200, "All read")
}

func TestNotifications_pages(t *testing.T) {
	w := newWorld(t)
	w.notify(t, w.palmetto, newID(), 26)
	b := w.as(t, owner)
	a := b.get(t, notificationsPath)
	a.has(t, 200, "Older notifications")
	_, rest, _ := strings.Cut(a.Body, `href="/settings/developers/notifications?cursor=`)
	cursor, _, _ := strings.Cut(rest, `"`)
	a = b.get(t, notificationsPath+"?cursor="+cursor)
	a.has(t, 200, "is failing")
	a.lacks(t, "Older notifications")
	b.get(t, notificationsPath+"?cursor=nonsense").has(t, 400)
}

// They are for those who manage, and for their own organization.
func TestNotifications_refused(t *testing.T) {
	w := newWorld(t)
	w.notify(t, w.palmetto, newID(), 1)
	found, _, err := w.Notifications.List(t.Context(), w.palmetto, "", page.Query{})
	if err != nil {
		t.Fatal(err)
	}
	path := notificationsPath + "/" + id.Format(id.Notification, found[0].ID) + "/read"
	b := w.as(t, member)
	b.get(t, notificationsPath).has(t, 403, "This takes an owner or an admin")
	b.post(t, path).has(t, 403, "This takes an owner or an admin")
	b.get(t, keysPath).lacks(t, notificationsPath, `class="badge"`)
	w.as(t, other).post(t, path).has(t, 404, "There is no such notification.")
	if n := w.count(t, "select count(*) from notifications where read_at is null"); n != 1 {
		t.Errorf("%d are unread, want 1", n)
	}
	if n := w.count(t, "select count(*) from audit_log"); n != 0 {
		t.Errorf("%d entries in the audit log, want none of what was refused", n)
	}
}
