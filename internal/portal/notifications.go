package portal

import (
	"context"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/notifications"
)

// notificationList is a page of notifications.
type notificationList struct {
	Notifications []notifications.Notification
	State         string // notifications.Unread, or "" for any
	Next          string
}

// mostUnread is how far the unread ones are counted for the badge.
const mostUnread = 100

func (p *portal) notifications(v *visit) error {
	query := v.r.URL.Query()
	var list notificationList
	if query.Get("state") == notifications.Unread {
		list.State = notifications.Unread
	}
	found, meta, err := p.Notifications.List(v.ctx(), v.organizationID(), list.State, asked(query))
	if err != nil {
		return err
	}
	list.Notifications, list.Next = found, next(v.r.URL, meta)
	return p.show(v, "notifications", view{Title: "Notifications", Tab: tabNotifications, Body: list})
}

func (p *portal) readNotification(v *visit) error {
	err := p.write(v, "readNotification", func(ctx context.Context) error {
		_, err := p.Notifications.Read(ctx, v.organizationID(), id.UUID(id.Notification, v.r.PathValue("id")))
		return err
	})
	if err != nil {
		return err
	}
	to := "/settings/developers/notifications"
	if v.r.PostFormValue("state") == notifications.Unread {
		to += "?state=" + notifications.Unread
	}
	return p.done(v, to, "Marked as read.")
}

// unread counts what the visitor has not read yet, for those whom it is for.
func (p *portal) unread(v *visit) (err error) {
	if v.Current.Manages() {
		v.Unread, err = p.Notifications.Unread(v.ctx(), v.organizationID(), mostUnread)
	}
	return err
}
