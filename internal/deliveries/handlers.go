package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on deliveries.
type Handlers struct {
	Deliveries *Service
}

// ListDeliveries answers GET /v1/deliveries.
func (h Handlers) ListDeliveries(ctx context.Context, request api.ListDeliveriesRequestObject) (api.ListDeliveriesResponseObject, error) {
	p := request.Params
	body, link, err := h.list(ctx, Filter{State: state(p.State)}, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	return api.ListDeliveries200JSONResponse{Body: body, Headers: api.ListDeliveries200ResponseHeaders{Link: link}}, nil
}

// ListWebhookDeliveries answers GET /v1/webhooks/{webhook_id}/deliveries.
func (h Handlers) ListWebhookDeliveries(ctx context.Context, request api.ListWebhookDeliveriesRequestObject) (api.ListWebhookDeliveriesResponseObject, error) {
	p := request.Params
	webhook := id.UUID(id.Webhook, request.WebhookID)
	body, link, err := h.list(ctx, Filter{WebhookID: &webhook, State: state(p.State)}, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	return api.ListWebhookDeliveries200JSONResponse{Body: body, Headers: api.ListWebhookDeliveries200ResponseHeaders{Link: link}}, nil
}

func (h Handlers) list(ctx context.Context, f Filter, p page.Query) (api.DeliveryList, *string, error) {
	found, meta, err := h.Deliveries.List(ctx, identity.From(ctx).OrganizationID, f, p)
	if err != nil {
		return api.DeliveryList{}, nil, err
	}
	body := api.DeliveryList{Data: make([]api.Delivery, len(found)), Meta: page.ToAPI(meta)}
	for i, d := range found {
		body.Data[i] = toAPI(d)
	}
	return body, page.Link(ctx, meta), nil
}

func state(s *api.DeliveryState) string {
	if s == nil {
		return ""
	}
	return string(*s)
}

// GetDelivery answers GET /v1/deliveries/{delivery_id}.
func (h Handlers) GetDelivery(ctx context.Context, request api.GetDeliveryRequestObject) (api.GetDeliveryResponseObject, error) {
	d, attempts, err := h.Deliveries.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Delivery, request.DeliveryID))
	if err != nil {
		return nil, err
	}
	a := toAPI(d)
	detail := api.DeliveryDetail{
		ID: a.ID, WebhookID: a.WebhookID, EventID: a.EventID, EventType: a.EventType, State: a.State, Reason: a.Reason, AttemptCount: a.AttemptCount,
		NextAttemptAt: a.NextAttemptAt, CreatedAt: a.CreatedAt, FinishedAt: a.FinishedAt, Attempts: make([]api.DeliveryAttempt, len(attempts)),
	}
	for i, at := range attempts {
		if detail.Attempts[i], err = attemptToAPI(at); err != nil {
			return nil, err
		}
	}
	return api.GetDelivery200JSONResponse{Body: api.DeliveryResponse{Data: detail}}, nil
}

// RetryDelivery answers POST /v1/deliveries/{delivery_id}/retry.
func (h Handlers) RetryDelivery(ctx context.Context, request api.RetryDeliveryRequestObject) (api.RetryDeliveryResponseObject, error) {
	d, err := h.Deliveries.Retry(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Delivery, request.DeliveryID))
	if err != nil {
		return nil, err
	}
	return api.RetryDelivery202JSONResponse{Body: api.DeliverySummaryResponse{Data: toAPI(d)}}, nil
}

func toAPI(d Delivery) api.Delivery {
	a := api.Delivery{
		ID: id.Format(id.Delivery, d.ID), WebhookID: id.Format(id.Webhook, d.WebhookID), EventID: id.Format(id.Event, d.EventID),
		EventType: api.EventType(d.EventType), State: api.DeliveryState(d.State), AttemptCount: int32(d.Attempts), CreatedAt: d.CreatedAt.UTC(), //nolint:gosec // a few
	}
	if d.Reason != "" {
		a.Reason = &d.Reason
	}
	if d.NextAttemptAt != nil {
		at := d.NextAttemptAt.UTC()
		a.NextAttemptAt = &at
	}
	if d.FinishedAt != nil {
		at := d.FinishedAt.UTC()
		a.FinishedAt = &at
	}
	return a
}

func attemptToAPI(a Attempt) (api.DeliveryAttempt, error) {
	shown := api.DeliveryAttempt{
		ID: id.Format(id.Attempt, a.ID), Number: int32(a.Number), StartedAt: a.StartedAt.UTC(), RequestBody: a.RequestBody, //nolint:gosec // a few
		ResponseBody: a.ResponseBody, ResponseTruncated: a.Truncated,
		Milliseconds: api.AttemptMilliseconds{DNS: a.DNS, Connect: a.Connect, TLS: a.TLS, FirstByte: a.Wait, Total: a.Total},
	}
	if a.Status != nil {
		status := int32(*a.Status) //nolint:gosec // an HTTP status
		shown.Status = &status
	}
	if a.Error != "" {
		shown.Error = &a.Error
	}
	if a.Address != "" {
		shown.Address = &a.Address
	}
	for text, into := range map[*[]byte]*api.AttemptHeaders{&a.RequestHeaders: &shown.RequestHeaders, &a.ResponseHeaders: &shown.ResponseHeaders} {
		if err := json.Unmarshal(*text, into); err != nil {
			return shown, fmt.Errorf("read the headers of attempt %s: %w", a.ID, err)
		}
	}
	shown.SignedText = strings.Join([]string{shown.RequestHeaders["Webhook-Id"], shown.RequestHeaders["Webhook-Timestamp"], a.RequestBody}, ".")
	return shown, nil
}
