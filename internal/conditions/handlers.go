package conditions

import (
	"context"
	"fmt"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on conditions; permits lists those that match one.
type Handlers struct {
	Conditions *Service
}

// ListConditions answers GET /v1/conditions.
func (h Handlers) ListConditions(ctx context.Context, request api.ListConditionsRequestObject) (api.ListConditionsResponseObject, error) {
	p := request.Params
	found, meta, err := h.Conditions.List(ctx, identity.From(ctx).OrganizationID, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.ConditionList{Data: make([]api.Condition, len(found)), Meta: page.ToAPI(meta)}
	for i, c := range found {
		if body.Data[i], err = toAPI(c); err != nil {
			return nil, err
		}
	}
	return api.ListConditions200JSONResponse{
		Body: body, Headers: api.ListConditions200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
}

// CreateCondition answers POST /v1/conditions.
func (h Handlers) CreateCondition(ctx context.Context, request api.CreateConditionRequestObject) (api.CreateConditionResponseObject, error) {
	wanted, err := fromAPI(*request.Body)
	if err != nil {
		return nil, err
	}
	c, err := h.Conditions.Create(ctx, identity.From(ctx).OrganizationID, wanted)
	if err != nil {
		return nil, err
	}
	data, err := toAPI(c)
	location := "/v1/conditions/" + id.Format(id.Condition, c.ID)
	return api.CreateCondition201JSONResponse{
		Body: api.ConditionResponse{Data: data}, Headers: api.CreateCondition201ResponseHeaders{ETag: etag.Of(c.Version), Location: &location},
	}, err
}

// GetCondition answers GET /v1/conditions/{condition_id}.
func (h Handlers) GetCondition(ctx context.Context, request api.GetConditionRequestObject) (api.GetConditionResponseObject, error) {
	c, err := h.Conditions.Get(ctx, identity.From(ctx).OrganizationID, id.UUID(id.Condition, request.ConditionID))
	if err != nil {
		return nil, err
	}
	data, err := toAPI(c)
	return api.GetCondition200JSONResponse{
		Body: api.ConditionResponse{Data: data}, Headers: api.GetCondition200ResponseHeaders{ETag: etag.Of(c.Version)},
	}, err
}

// UpdateCondition answers PATCH /v1/conditions/{condition_id}.
func (h Handlers) UpdateCondition(ctx context.Context, request api.UpdateConditionRequestObject) (api.UpdateConditionResponseObject, error) {
	b := request.Body
	u := Update{
		Name: b.Name, Company: b.Company, License: b.License, Person: b.Person, Latitude: b.Latitude, Longitude: b.Longitude, RadiusM: b.RadiusM,
	}
	condition := id.UUID(id.Condition, request.ConditionID)
	c, err := h.Conditions.Update(ctx, identity.From(ctx).OrganizationID, condition, request.Params.IfMatch, u)
	if err != nil {
		return nil, err
	}
	data, err := toAPI(c)
	return api.UpdateCondition200JSONResponse{
		Body: api.ConditionResponse{Data: data}, Headers: api.UpdateCondition200ResponseHeaders{ETag: etag.Of(c.Version)},
	}, err
}

// DeleteCondition answers DELETE /v1/conditions/{condition_id}.
func (h Handlers) DeleteCondition(ctx context.Context, request api.DeleteConditionRequestObject) (api.DeleteConditionResponseObject, error) {
	condition := id.UUID(id.Condition, request.ConditionID)
	if err := h.Conditions.Delete(ctx, identity.From(ctx).OrganizationID, condition, request.Params.IfMatch); err != nil {
		return nil, err
	}
	return api.DeleteCondition204Response{}, nil
}

func fromAPI(body api.ConditionCreate) (Condition, error) {
	variant, err := body.ValueByDiscriminator()
	if err != nil {
		return Condition{}, fmt.Errorf("read a condition that its schema let pass: %w", err)
	}
	var c Condition
	var name *string
	switch v := variant.(type) {
	case api.CompanyConditionCreate:
		c, name = Condition{Type: Company, Company: v.Company}, v.Name
	case api.LicenseConditionCreate:
		c, name = Condition{Type: License, License: v.License}, v.Name
	case api.PersonConditionCreate:
		c, name = Condition{Type: Person, Person: v.Person}, v.Name
	case api.LocationConditionCreate:
		c, name = Condition{Type: Location, Latitude: v.Latitude, Longitude: v.Longitude, RadiusM: int(v.RadiusM)}, v.Name
	}
	if name != nil {
		c.Name = *name
	}
	return c, nil
}

func toAPI(c Condition) (out api.Condition, err error) {
	key, created, updated := id.Format(id.Condition, c.ID), c.CreatedAt.UTC(), c.UpdatedAt.UTC()
	switch c.Type {
	case Company:
		err = out.FromCompanyCondition(api.CompanyCondition{
			ID: key, Name: c.Name, Company: c.Company, MatchCount: c.MatchCount, CreatedAt: created, UpdatedAt: updated,
		})
	case License:
		err = out.FromLicenseCondition(api.LicenseCondition{
			ID: key, Name: c.Name, License: c.License, MatchCount: c.MatchCount, CreatedAt: created, UpdatedAt: updated,
		})
	case Person:
		err = out.FromPersonCondition(api.PersonCondition{
			ID: key, Name: c.Name, Person: c.Person, MatchCount: c.MatchCount, CreatedAt: created, UpdatedAt: updated,
		})
	case Location:
		err = out.FromLocationCondition(api.LocationCondition{
			ID: key, Name: c.Name, Latitude: c.Latitude, Longitude: c.Longitude, RadiusM: int32(c.RadiusM), //nolint:gosec // at most 50,000
			MatchCount: c.MatchCount, CreatedAt: created, UpdatedAt: updated,
		})
	}
	return out, err
}
