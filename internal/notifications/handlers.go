package notifications

import (
	"context"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on notifications.
type Handlers struct {
	Notifications *Service
}

// ListNotifications answers GET /v1/notifications.
func (h Handlers) ListNotifications(ctx context.Context, request api.ListNotificationsRequestObject) (api.ListNotificationsResponseObject, error) {
	p := request.Params
	state := ""
	if p.State != nil {
		state = string(*p.State)
	}
	found, meta, err := h.Notifications.List(ctx, identity.From(ctx).OrganizationID, state, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.NotificationList{Data: make([]api.Notification, len(found)), Meta: page.ToAPI(meta)}
	for i, n := range found {
		body.Data[i] = toAPI(n)
	}
	return api.ListNotifications200JSONResponse{Body: body, Headers: api.ListNotifications200ResponseHeaders{Link: page.Link(ctx, meta)}}, nil
}

// ReadNotification answers POST /v1/notifications/{notification_id}/read.
func (h Handlers) ReadNotification(ctx context.Context, request api.ReadNotificationRequestObject) (api.ReadNotificationResponseObject, error) {
	n, err := h.Notifications.Read(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Notification, request.NotificationID))
	if err != nil {
		return nil, err
	}
	return api.ReadNotification200JSONResponse{Body: api.NotificationResponse{Data: toAPI(n)}}, nil
}

func toAPI(n Notification) api.Notification {
	webhook := id.Format(id.Webhook, n.WebhookID)
	a := api.Notification{
		ID: id.Format(id.Notification, n.ID), Type: api.NotificationType(n.Type), Title: n.Title, Message: n.Message,
		WebhookID: &webhook, CreatedAt: n.CreatedAt.UTC(),
	}
	if n.ReadAt != nil {
		at := n.ReadAt.UTC()
		a.ReadAt = &at
	}
	return a
}
