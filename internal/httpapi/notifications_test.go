package httpapi_test

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// notificationList is an answer of GET /v1/notifications.
type notificationList struct {
	Data []struct {
		ID, Type, Title, Message string
		WebhookID                string     `json:"webhook_id"`
		ReadAt                   *time.Time `json:"read_at"`
	}
	Meta struct{ Total int }
}

func (w *world) notifications(t *testing.T, query string) notificationList {
	t.Helper()
	var l notificationList
	a := w.get(t, "/v1/notifications"+query)
	if a.status != http.StatusOK {
		t.Fatalf("GET /v1/notifications%s = %d %s", query, a.status, a.body)
	}
	a.read(t, &l)
	return l
}

func TestNotifications(t *testing.T) {
	w := newWorld(t)
	first, second := w.notification(t), w.notification(t)
	l := w.notifications(t, "")
	if len(l.Data) != 2 || l.Meta.Total != 2 || l.Data[0].ID != second || l.Data[1].ID != first {
		t.Fatalf("notifications = %+v, want %s and then %s", l, second, first)
	}
	n := l.Data[0]
	if n.Type != "webhook.failing" || n.Title != "The webhook at example.com is failing" || !strings.HasPrefix(n.WebhookID, "whk_") ||
		!strings.Contains(n.Message, "https://example.com/hush ("+n.WebhookID+")") || n.ReadAt != nil {
		t.Errorf("notification = %+v, want it to name the webhook, unread", n)
	}
	var answers []string
	for range 2 {
		a := w.do(t, http.MethodPost, "/v1/notifications/"+second+"/read", nil, nil)
		if a.status != http.StatusOK || data(t, a)["read_at"] == nil || data(t, a)["id"] != second {
			t.Errorf("POST …/read = %d %s, want 200 with the notification, read", a.status, a.body)
		}
		answers = append(answers, string(a.body))
	}
	if answers[0] != answers[1] {
		t.Errorf("POST …/read again = %s, want the same as at first: %s", answers[1], answers[0])
	}
	for query, want := range map[string]string{"?state=read": second, "?state=unread": first} {
		if l := w.notifications(t, query); len(l.Data) != 1 || l.Meta.Total != 1 || l.Data[0].ID != want {
			t.Errorf("notifications%s = %+v, want %s", query, l, want)
		}
	}
	if a := w.get(t, "/v1/notifications?state=new"); a.status != http.StatusBadRequest || a.failure(t).Error.Code != "invalid_parameter" {
		t.Errorf("state=new = %d %s, want 400 invalid_parameter", a.status, a.body)
	}
}
