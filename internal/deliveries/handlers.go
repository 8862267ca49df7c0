package deliveries

import (
	"context"
	"math"
	"time"

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
	body, link, err := h.list(ctx, Filter{State: state(p.State), RequestedSince: p.RequestedSince}, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	return api.ListDeliveries200JSONResponse{Body: body, Headers: api.ListDeliveries200ResponseHeaders{Link: link}}, nil
}

// ListWebhookDeliveries answers GET /v1/webhooks/{webhook_id}/deliveries.
func (h Handlers) ListWebhookDeliveries(ctx context.Context, request api.ListWebhookDeliveriesRequestObject) (api.ListWebhookDeliveriesResponseObject, error) {
	p := request.Params
	webhook := id.UUID(id.Webhook, request.WebhookID)
	body, link, err := h.list(ctx, Filter{WebhookID: &webhook, State: state(p.State), RequestedSince: p.RequestedSince}, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
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
	d, err := h.Deliveries.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Delivery, request.DeliveryID))
	if err != nil {
		return nil, err
	}
	detail, err := detailToAPI(d)
	return api.GetDelivery200JSONResponse{Body: api.DeliveryResponse{Data: detail}}, err
}

// RetryDelivery answers POST /v1/deliveries/{delivery_id}/retry.
func (h Handlers) RetryDelivery(ctx context.Context, request api.RetryDeliveryRequestObject) (api.RetryDeliveryResponseObject, error) {
	d, err := h.Deliveries.Retry(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Delivery, request.DeliveryID))
	if err != nil {
		return nil, err
	}
	return api.RetryDelivery202JSONResponse{Body: api.DeliverySummaryResponse{Data: toAPI(d.Delivery)}}, nil
}

// TestWebhook answers POST /v1/webhooks/{webhook_id}/test.
func (h Handlers) TestWebhook(ctx context.Context, request api.TestWebhookRequestObject) (api.TestWebhookResponseObject, error) {
	d, err := h.Deliveries.Test(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Webhook, request.WebhookID), string(request.Body.EventType))
	if err != nil {
		return nil, err
	}
	detail, err := detailToAPI(d)
	return api.TestWebhook200JSONResponse{Body: api.DeliveryResponse{Data: detail}}, err
}

// RecoverWebhook answers POST /v1/webhooks/{webhook_id}/recover.
func (h Handlers) RecoverWebhook(ctx context.Context, request api.RecoverWebhookRequestObject) (api.RecoverWebhookResponseObject, error) {
	r, err := h.Deliveries.Recover(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Webhook, request.WebhookID), request.Body.Since)
	if err != nil {
		return nil, err
	}
	return api.RecoverWebhook202JSONResponse{Body: api.WebhookRecoveryResponse{Data: api.WebhookRecovery{
		Queued: int32(r.Queued), Remaining: int32(min(r.Remaining, math.MaxInt32)), //nolint:gosec // 20,000 at most, and bounded
	}}}, nil
}

func toAPI(d Delivery) api.Delivery {
	return api.Delivery{
		ID: id.Format(id.Delivery, d.ID), WebhookID: id.Format(id.Webhook, d.WebhookID), EventID: id.Format(id.Event, d.EventID),
		EventType: api.EventType(d.EventType), Test: d.Test, State: api.DeliveryState(d.State), Reason: text(d.Reason),
		AttemptCount: int32(d.Attempts), NextAttemptAt: instant(d.NextAttemptAt), RequestedAt: instant(d.RequestedAt), //nolint:gosec // a few
		CreatedAt: d.CreatedAt.UTC(), FinishedAt: instant(d.FinishedAt),
	}
}

func detailToAPI(d Detail) (api.DeliveryDetail, error) {
	a := toAPI(d.Delivery)
	detail := api.DeliveryDetail{
		ID: a.ID, WebhookID: a.WebhookID, EventID: a.EventID, EventType: a.EventType, Test: a.Test, State: a.State, Reason: a.Reason,
		AttemptCount: a.AttemptCount, NextAttemptAt: a.NextAttemptAt, RequestedAt: a.RequestedAt, CreatedAt: a.CreatedAt, FinishedAt: a.FinishedAt,
		Body: d.Body, Attempts: make([]api.DeliveryAttempt, len(d.Log)),
	}
	for i, at := range d.Log {
		var err error
		if detail.Attempts[i], err = attemptToAPI(at); err != nil {
			return detail, err
		}
	}
	return detail, nil
}

// text returns nil for no text.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func instant(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	at := t.UTC()
	return &at
}

func attemptToAPI(a Attempt) (api.DeliveryAttempt, error) {
	shown := api.DeliveryAttempt{
		ID: id.Format(id.Attempt, a.ID), Number: int32(a.Number), StartedAt: a.StartedAt.UTC(), URL: a.URL, RequestBody: a.RequestBody, //nolint:gosec // a few
		ResponseBody: a.ResponseBody, ResponseTruncated: a.Truncated, Error: text(a.Error), Address: text(a.Address),
		Milliseconds: api.AttemptMilliseconds{DNS: a.DNS, Connect: a.Connect, TLS: a.TLS, FirstByte: a.Wait, Total: a.Total},
	}
	if a.Status != nil {
		status := int32(*a.Status) //nolint:gosec // an HTTP status
		shown.Status = &status
	}
	request, response, err := a.Headers()
	if err != nil {
		return shown, err
	}
	shown.RequestHeaders, shown.ResponseHeaders = request, response
	shown.SignedText, shown.Curl = a.SignedText(request), a.Curl(request)
	return shown, nil
}
