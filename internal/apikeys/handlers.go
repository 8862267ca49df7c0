package apikeys

import (
	"context"
	"time"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

// Handlers are the operations on API keys.
type Handlers struct {
	Keys *Service
	Now  func() time.Time
}

// ListAPIKeys answers GET /v1/api-keys.
func (h Handlers) ListAPIKeys(ctx context.Context, request api.ListAPIKeysRequestObject) (api.ListAPIKeysResponseObject, error) {
	p := request.Params
	state := ""
	if p.State != nil {
		state = string(*p.State)
	}
	found, meta, err := h.Keys.List(ctx, identity.From(ctx).OrganizationID, state, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.APIKeyList{Data: make([]api.APIKey, len(found)), Meta: page.ToAPI(meta)}
	for i, k := range found {
		body.Data[i] = toAPI(k, h.Now())
	}
	return api.ListAPIKeys200JSONResponse{Body: body, Headers: api.ListAPIKeys200ResponseHeaders{Link: page.Link(ctx, meta)}}, nil
}

// CreateAPIKey answers POST /v1/api-keys.
func (h Handlers) CreateAPIKey(ctx context.Context, request api.CreateAPIKeyRequestObject) (api.CreateAPIKeyResponseObject, error) {
	caller := identity.From(ctx)
	if err := mayManage(caller); err != nil {
		return nil, err
	}
	k := Key{
		OrganizationID: caller.OrganizationID, CreatedBy: &caller.KeyID, Name: request.Body.Name, ExpiresAt: request.Body.ExpiresAt,
	}
	if n := request.Body.AllowedNetworks; n != nil {
		k.AllowedNetworks = *n
	}
	for _, p := range request.Body.Permissions {
		k.Permissions = append(k.Permissions, identity.Permission(p))
	}
	k, clear, err := h.Keys.Create(ctx, k)
	if err != nil {
		return nil, err
	}
	location := "/v1/api-keys/" + id.Format(id.APIKey, k.ID)
	return api.CreateAPIKey201JSONResponse{
		Body:    api.APIKeySecretResponse{Data: withSecret(k, clear, h.Now())},
		Headers: api.CreateAPIKey201ResponseHeaders{ETag: etag.Of(k.Version), Location: &location},
	}, nil
}

// GetAPIKey answers GET /v1/api-keys/{api_key_id}.
func (h Handlers) GetAPIKey(ctx context.Context, request api.GetAPIKeyRequestObject) (api.GetAPIKeyResponseObject, error) {
	k, err := h.Keys.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.APIKey, request.APIKeyID))
	if err != nil {
		return nil, err
	}
	return api.GetAPIKey200JSONResponse{
		Body: api.APIKeyResponse{Data: toAPI(k, h.Now())}, Headers: api.GetAPIKey200ResponseHeaders{ETag: etag.Of(k.Version)},
	}, nil
}

// RotateAPIKey answers POST /v1/api-keys/{api_key_id}/rotate.
func (h Handlers) RotateAPIKey(ctx context.Context, request api.RotateAPIKeyRequestObject) (api.RotateAPIKeyResponseObject, error) {
	if err := mayManage(identity.From(ctx)); err != nil {
		return nil, err
	}
	grace := time.Duration(request.Body.GraceSeconds) * time.Second
	k, clear, err := h.Keys.Rotate(ctx, identity.From(ctx).OrganizationID, id.UUID(id.APIKey, request.APIKeyID), grace)
	if err != nil {
		return nil, err
	}
	return api.RotateAPIKey200JSONResponse{
		Body: api.APIKeySecretResponse{Data: withSecret(k, clear, h.Now())}, Headers: api.RotateAPIKey200ResponseHeaders{ETag: etag.Of(k.Version)},
	}, nil
}

// RevokeAPIKey answers DELETE /v1/api-keys/{api_key_id}.
func (h Handlers) RevokeAPIKey(ctx context.Context, request api.RevokeAPIKeyRequestObject) (api.RevokeAPIKeyResponseObject, error) {
	if err := mayManage(identity.From(ctx)); err != nil {
		return nil, err
	}
	if err := h.Keys.Revoke(ctx, identity.From(ctx).OrganizationID, id.UUID(id.APIKey, request.APIKeyID), request.Params.IfMatch); err != nil {
		return nil, err
	}
	return api.RevokeAPIKey204Response{}, nil
}

// mayManage returns permission_denied for a secret that was rotated: whoever found it may not hold on to it by another key.
func mayManage(caller identity.Identity) error {
	if !caller.Superseded {
		return nil
	}
	return problem.New(problem.Forbidden, "permission_denied", "This secret was rotated: it cannot manage API keys in its grace. Use the new one.")
}

// operator is the name under which the operator's own tool makes keys.
const operator = "plotwise keys"

func toAPI(k Key, at time.Time) api.APIKey {
	a := api.APIKey{
		ID: id.Format(id.APIKey, k.ID), Name: k.Name, Permissions: make(api.Permissions, len(k.Permissions)), State: api.APIKeyState(k.State(at)),
		Prefix: k.Prefix, LastFour: k.LastFour, AllowedNetworks: append(api.Networks{}, k.AllowedNetworks...), CreatedAt: k.CreatedAt.UTC(),
		CreatedBy:  api.APIKeyCreator{Type: api.APIKeyCreatorTypeOperator, Name: operator},
		LastUsedAt: utc(k.LastUsedAt), ExpiresAt: utc(k.ExpiresAt), RevokedAt: utc(k.RevokedAt), RotatedAt: utc(k.RotatedAt),
	}
	for i, p := range k.Permissions {
		a.Permissions[i] = api.Permission(p)
	}
	if k.CreatedBy != nil {
		creator := id.Format(id.APIKey, *k.CreatedBy)
		a.CreatedBy = api.APIKeyCreator{Type: api.APIKeyCreatorTypeAPIKey, ID: &creator, Name: k.CreatorName}
	}
	if until := k.previousUntil(); until != nil && a.State == api.APIKeyStateActive && at.Before(*until) {
		a.PreviousExpiresAt = utc(until)
	}
	return a
}

func withSecret(k Key, clear string, at time.Time) api.APIKeySecret {
	a := toAPI(k, at)
	return api.APIKeySecret{
		ID: a.ID, Name: a.Name, Permissions: a.Permissions, State: a.State, Key: clear, Prefix: a.Prefix, LastFour: a.LastFour,
		AllowedNetworks: a.AllowedNetworks, CreatedAt: a.CreatedAt, CreatedBy: a.CreatedBy, LastUsedAt: a.LastUsedAt, ExpiresAt: a.ExpiresAt,
		RevokedAt: a.RevokedAt, RotatedAt: a.RotatedAt, PreviousExpiresAt: a.PreviousExpiresAt,
	}
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}
