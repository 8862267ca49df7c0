package watchlist

import (
	"context"
	"net/http"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
)

// Handlers are the operations on the watchlist.
type Handlers struct {
	Watchlist *Service
}

// ListWatchlist answers GET /v1/watchlist.
func (h Handlers) ListWatchlist(ctx context.Context, request api.ListWatchlistRequestObject) (api.ListWatchlistResponseObject, error) {
	p := request.Params
	f := Filter{Tags: p.Tag}
	for _, priority := range p.Priority {
		f.Priorities = append(f.Priorities, string(priority))
	}
	items, meta, err := h.Watchlist.List(ctx, identity.From(ctx).OrganizationID, f, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.WatchlistItemList{Data: make([]api.WatchlistItem, len(items)), Meta: page.ToAPI(meta)}
	for i, item := range items {
		body.Data[i] = toAPI(item)
	}
	return api.ListWatchlist200JSONResponse{
		Body: body, Headers: api.ListWatchlist200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
}

// GetWatchlistItem answers GET /v1/watchlist/{permit_uuid}.
func (h Handlers) GetWatchlistItem(ctx context.Context, request api.GetWatchlistItemRequestObject) (api.GetWatchlistItemResponseObject, error) {
	item, err := h.Watchlist.Get(ctx, identity.From(ctx).OrganizationID, request.PermitUUID)
	if err != nil {
		return nil, err
	}
	return api.GetWatchlistItem200JSONResponse{
		Body: api.WatchlistItemResponse{Data: toAPI(item)}, Headers: api.GetWatchlistItem200ResponseHeaders{ETag: etag.Of(item.Version)},
	}, nil
}

// AddWatchlistItem answers POST /v1/watchlist.
func (h Handlers) AddWatchlistItem(ctx context.Context, request api.AddWatchlistItemRequestObject) (api.AddWatchlistItemResponseObject, error) {
	item, created, err := h.Watchlist.Add(ctx, identity.From(ctx).OrganizationID, fromAPI(*request.Body))
	if err != nil {
		return nil, err
	}
	body := api.WatchlistItemResponse{Data: toAPI(item)}
	if !created {
		return api.AddWatchlistItem200JSONResponse{Body: body, Headers: api.AddWatchlistItem200ResponseHeaders{ETag: etag.Of(item.Version)}}, nil
	}
	location := "/v1/watchlist/" + item.PermitUUID.String()
	return api.AddWatchlistItem201JSONResponse{
		Body: body, Headers: api.AddWatchlistItem201ResponseHeaders{ETag: etag.Of(item.Version), Location: &location},
	}, nil
}

// BatchAddWatchlistItems answers POST /v1/watchlist/batch.
func (h Handlers) BatchAddWatchlistItems(ctx context.Context, request api.BatchAddWatchlistItemsRequestObject) (api.BatchAddWatchlistItemsResponseObject, error) {
	all := make([]Create, len(request.Body.Items))
	for i, c := range request.Body.Items {
		all[i] = fromAPI(c)
	}
	results, err := h.Watchlist.AddAll(ctx, identity.From(ctx).OrganizationID, all)
	if err != nil {
		return nil, err
	}
	body := api.WatchlistBatchResponse{Data: make([]api.WatchlistBatchResult, len(results))}
	for i, r := range results {
		body.Data[i] = resultToAPI(r)
	}
	return api.BatchAddWatchlistItems200JSONResponse{Body: body}, nil
}

// UpdateWatchlistItem answers PATCH /v1/watchlist/{permit_uuid}.
func (h Handlers) UpdateWatchlistItem(ctx context.Context, request api.UpdateWatchlistItemRequestObject) (api.UpdateWatchlistItemResponseObject, error) {
	u := Update{Tags: request.Body.Tags, Priority: (*string)(request.Body.Priority)}
	item, err := h.Watchlist.Update(ctx, identity.From(ctx).OrganizationID, request.PermitUUID, request.Params.IfMatch, u)
	if err != nil {
		return nil, err
	}
	return api.UpdateWatchlistItem200JSONResponse{
		Body: api.WatchlistItemResponse{Data: toAPI(item)}, Headers: api.UpdateWatchlistItem200ResponseHeaders{ETag: etag.Of(item.Version)},
	}, nil
}

// RemoveWatchlistItem answers DELETE /v1/watchlist/{permit_uuid}.
func (h Handlers) RemoveWatchlistItem(ctx context.Context, request api.RemoveWatchlistItemRequestObject) (api.RemoveWatchlistItemResponseObject, error) {
	if err := h.Watchlist.Remove(ctx, identity.From(ctx).OrganizationID, request.PermitUUID, request.Params.IfMatch); err != nil {
		return nil, err
	}
	return api.RemoveWatchlistItem204Response{}, nil
}

func fromAPI(c api.WatchlistItemCreate) Create {
	out := Create{PermitUUID: c.PermitUUID, Tags: c.Tags}
	for _, v := range []struct{ from, into *string }{
		{c.PermitNumber, &out.PermitNumber}, {c.Jurisdiction, &out.Jurisdiction}, {(*string)(c.Priority), &out.Priority},
	} {
		if v.from != nil {
			*v.into = *v.from
		}
	}
	return out
}

func toAPI(i Item) api.WatchlistItem {
	return api.WatchlistItem{
		PermitUUID: i.PermitUUID, PermitNumber: i.PermitNumber,
		Jurisdiction: api.JurisdictionReference{Slug: i.JurisdictionSlug, Name: i.JurisdictionName},
		Status:       i.Status, Address: i.Address, Tags: i.Tags, Priority: api.Priority(i.Priority),
		AddedAt: i.AddedAt.UTC(), UpdatedAt: i.UpdatedAt.UTC(),
	}
}

func resultToAPI(r Result) api.WatchlistBatchResult {
	if p := r.Problem; p != nil {
		failed := api.BatchError{Code: api.ErrorCode(p.Code), Message: p.Message, Details: make([]api.ErrorDetail, len(p.Details))}
		for i, d := range p.Details {
			failed.Details[i] = api.ErrorDetail{In: api.ErrorLocation(d.In), Pointer: d.Pointer, Code: d.Code, Message: d.Message}
			if d.Value != "" {
				failed.Details[i].Value = &d.Value
			}
		}
		return api.WatchlistBatchResult{Status: int32(p.Kind.Status()), Error: &failed} //nolint:gosec // an HTTP status
	}
	item := toAPI(r.Item)
	if r.Created {
		return api.WatchlistBatchResult{Status: http.StatusCreated, Item: &item}
	}
	return api.WatchlistBatchResult{Status: http.StatusOK, Item: &item}
}
