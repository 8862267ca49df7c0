package jurisdictions

import (
	"context"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on jurisdictions.
type Handlers struct {
	Jurisdictions *Service
}

// ListJurisdictions answers GET /v1/jurisdictions.
func (h Handlers) ListJurisdictions(ctx context.Context, request api.ListJurisdictionsRequestObject) (api.ListJurisdictionsResponseObject, error) {
	p := request.Params
	found, meta, err := h.Jurisdictions.List(ctx, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.JurisdictionList{Data: make([]api.Jurisdiction, len(found)), Meta: page.ToAPI(meta)}
	for i, j := range found {
		body.Data[i] = api.Jurisdiction{
			Slug: j.Slug, Name: j.Name, Region: j.Region, Permits: j.Permits,
			LastCheckedAt: j.LastCheckedAt, LastChangedAt: j.LastChangedAt,
		}
	}
	return api.ListJurisdictions200JSONResponse{
		Body: body, Headers: api.ListJurisdictions200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
}
