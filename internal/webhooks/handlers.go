package webhooks

import (
	"context"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/signature"
)

// Handlers are the operations on webhooks.
type Handlers struct {
	Webhooks *Service
}

// ListWebhooks answers GET /v1/webhooks.
func (h Handlers) ListWebhooks(ctx context.Context, request api.ListWebhooksRequestObject) (api.ListWebhooksResponseObject, error) {
	p := request.Params
	found, meta, err := h.Webhooks.List(ctx, identity.From(ctx).OrganizationID, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.WebhookList{Data: make([]api.Webhook, len(found)), Meta: page.ToAPI(meta)}
	for i, w := range found {
		body.Data[i] = toAPI(w)
	}
	return api.ListWebhooks200JSONResponse{Body: body, Headers: api.ListWebhooks200ResponseHeaders{Link: page.Link(ctx, meta)}}, nil
}

// CreateWebhook answers POST /v1/webhooks.
func (h Handlers) CreateWebhook(ctx context.Context, request api.CreateWebhookRequestObject) (api.CreateWebhookResponseObject, error) {
	b := request.Body
	w, shown, err := h.Webhooks.Create(ctx, identity.From(ctx).OrganizationID, Create{
		URL: b.URL, Description: text(b.Description), EventTypes: names(b.EventTypes), Secret: text(b.Secret), Headers: pairs(b.Headers),
	})
	if err != nil {
		return nil, err
	}
	location := "/v1/webhooks/" + id.Format(id.Webhook, w.ID)
	return api.CreateWebhook201JSONResponse{
		Body:    api.WebhookSecretResponse{Data: withSecret(w, shown)},
		Headers: api.CreateWebhook201ResponseHeaders{ETag: etag.Of(w.Version), Location: &location},
	}, nil
}

// GetWebhook answers GET /v1/webhooks/{webhook_id}.
func (h Handlers) GetWebhook(ctx context.Context, request api.GetWebhookRequestObject) (api.GetWebhookResponseObject, error) {
	w, err := h.Webhooks.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Webhook, request.WebhookID))
	if err != nil {
		return nil, err
	}
	return api.GetWebhook200JSONResponse{
		Body: api.WebhookResponse{Data: toAPI(w)}, Headers: api.GetWebhook200ResponseHeaders{ETag: etag.Of(w.Version)},
	}, nil
}

// UpdateWebhook answers PATCH /v1/webhooks/{webhook_id}.
func (h Handlers) UpdateWebhook(ctx context.Context, request api.UpdateWebhookRequestObject) (api.UpdateWebhookResponseObject, error) {
	b := request.Body
	u := Update{URL: b.URL, Description: b.Description, Headers: pairs(b.Headers)}
	if b.EventTypes != nil {
		u.EventTypes = names(*b.EventTypes)
	}
	if b.State != nil {
		state := string(*b.State)
		u.State = &state
	}
	w, err := h.Webhooks.Update(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Webhook, request.WebhookID), request.Params.IfMatch, u)
	if err != nil {
		return nil, err
	}
	return api.UpdateWebhook200JSONResponse{
		Body: api.WebhookResponse{Data: toAPI(w)}, Headers: api.UpdateWebhook200ResponseHeaders{ETag: etag.Of(w.Version)},
	}, nil
}

// RotateWebhookSecret answers POST /v1/webhooks/{webhook_id}/rotate-secret.
func (h Handlers) RotateWebhookSecret(ctx context.Context, request api.RotateWebhookSecretRequestObject) (api.RotateWebhookSecretResponseObject, error) {
	w, shown, err := h.Webhooks.RotateSecret(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Webhook, request.WebhookID), text(request.Body.Secret))
	if err != nil {
		return nil, err
	}
	return api.RotateWebhookSecret200JSONResponse{
		Body:    api.WebhookSecretResponse{Data: withSecret(w, shown)},
		Headers: api.RotateWebhookSecret200ResponseHeaders{ETag: etag.Of(w.Version)},
	}, nil
}

// DeleteWebhook answers DELETE /v1/webhooks/{webhook_id}.
func (h Handlers) DeleteWebhook(ctx context.Context, request api.DeleteWebhookRequestObject) (api.DeleteWebhookResponseObject, error) {
	if err := h.Webhooks.Delete(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Webhook, request.WebhookID), request.Params.IfMatch); err != nil {
		return nil, err
	}
	return api.DeleteWebhook204Response{}, nil
}

func text(t *string) string {
	if t == nil {
		return ""
	}
	return *t
}

func names(types []api.EventType) []string {
	found := make([]string, len(types))
	for i, t := range types {
		found[i] = string(t)
	}
	return found
}

func pairs(headers *api.WebhookHeaders) map[string]string {
	if headers == nil {
		return nil
	}
	return *headers
}

func toAPI(w Webhook) api.Webhook {
	a := api.Webhook{
		ID: id.Format(id.Webhook, w.ID), URL: w.URL, Description: w.Description, EventTypes: make(api.WebhookEventTypes, len(w.EventTypes)),
		State: api.WebhookState(w.State), DisabledReason: w.DisabledReason, HeaderNames: append([]string{}, w.HeaderNames...),
		CreatedAt: w.CreatedAt.UTC(), UpdatedAt: w.UpdatedAt.UTC(),
	}
	if w.FailingSince != nil {
		since := w.FailingSince.UTC()
		a.FailingSince = &since
	}
	for i, t := range w.EventTypes {
		a.EventTypes[i] = api.EventType(t)
	}
	return a
}

func withSecret(w Webhook, shown signature.Secret) api.WebhookSecret {
	a := toAPI(w)
	return api.WebhookSecret{
		ID: a.ID, URL: a.URL, Description: a.Description, EventTypes: a.EventTypes, State: a.State, DisabledReason: a.DisabledReason,
		FailingSince: a.FailingSince, HeaderNames: a.HeaderNames, Secret: shown.String(), CreatedAt: a.CreatedAt, UpdatedAt: a.UpdatedAt,
	}
}
