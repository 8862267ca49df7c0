package usage

import (
	"context"
	"time"

	"github.com/oapi-codegen/runtime/types"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// Handlers are the operations on usage.
type Handlers struct {
	Usage  *Service
	Routes map[string]Route // by operationId
}

// Route is where an operation is.
type Route struct{ Method, Path string }

// ListUsage answers GET /v1/usage.
func (h Handlers) ListUsage(ctx context.Context, request api.ListUsageRequestObject) (api.ListUsageResponseObject, error) {
	p := request.Params
	interval := Day
	if p.Interval != nil {
		interval = Interval(*p.Interval)
	}
	periods, total, r, err := h.Usage.List(ctx, identity.From(ctx).OrganizationID, interval, filter(p.From, p.To, p.APIKeyID))
	if err != nil {
		return nil, err
	}
	body := api.UsageList{Data: make([]api.UsagePeriod, len(periods)), Meta: api.UsageListMeta{
		Interval: api.UsageInterval(interval), FromDate: date(r.From), ToDate: date(r.To), TimeZone: r.TimeZone, Total: toAPI(total),
	}}
	for i, period := range periods {
		c := toAPI(period.Counts)
		body.Data[i] = api.UsagePeriod{
			Period: period.Name, StartDate: date(period.Start), EndDate: date(period.End), Requests: c.Requests, ClientErrors: c.ClientErrors,
			ServerErrors: c.ServerErrors, RateLimited: c.RateLimited, AverageMilliseconds: c.AverageMilliseconds, MaxMilliseconds: c.MaxMilliseconds,
		}
	}
	return api.ListUsage200JSONResponse{Body: body}, nil
}

// ListUsageEndpoints answers GET /v1/usage/endpoints.
func (h Handlers) ListUsageEndpoints(ctx context.Context, request api.ListUsageEndpointsRequestObject) (api.ListUsageEndpointsResponseObject, error) {
	p := request.Params
	found, r, err := h.Usage.Endpoints(ctx, identity.From(ctx).OrganizationID, filter(p.From, p.To, p.APIKeyID), most(p.Limit))
	if err != nil {
		return nil, err
	}
	body := api.UsageEndpointList{Data: make([]api.UsageEndpoint, len(found)), Meta: meta(r)}
	for i, e := range found {
		c := toAPI(e.Counts)
		body.Data[i] = api.UsageEndpoint{
			Operation: e.Operation, Method: h.Routes[e.Operation].Method, Path: h.Routes[e.Operation].Path, Requests: c.Requests, ClientErrors: c.ClientErrors,
			ServerErrors: c.ServerErrors, RateLimited: c.RateLimited, AverageMilliseconds: c.AverageMilliseconds, MaxMilliseconds: c.MaxMilliseconds,
		}
	}
	return api.ListUsageEndpoints200JSONResponse{Body: body}, nil
}

// ListUsageErrors answers GET /v1/usage/errors.
func (h Handlers) ListUsageErrors(ctx context.Context, request api.ListUsageErrorsRequestObject) (api.ListUsageErrorsResponseObject, error) {
	p := request.Params
	found, r, err := h.Usage.Failures(ctx, identity.From(ctx).OrganizationID, filter(p.From, p.To, p.APIKeyID), most(p.Limit))
	if err != nil {
		return nil, err
	}
	body := api.UsageErrorList{Data: make([]api.UsageError, len(found)), Meta: meta(r)}
	for i, f := range found {
		body.Data[i] = api.UsageError{
			Status: int32(f.Status), Code: api.ErrorCode(f.Code), Operation: f.Operation, //nolint:gosec // an HTTP status
			Method: h.Routes[f.Operation].Method, Path: h.Routes[f.Operation].Path, Requests: f.Requests,
		}
	}
	return api.ListUsageErrors200JSONResponse{Body: body}, nil
}

func filter(from, to *types.Date, key *string) Filter {
	var f Filter
	if from != nil {
		f.From = &from.Time
	}
	if to != nil {
		f.To = &to.Time
	}
	if key != nil {
		u := id.UUID(id.APIKey, *key)
		f.KeyID = &u
	}
	return f
}

const usualLimit = 10

func most(limit *int32) int {
	if limit == nil {
		return usualLimit
	}
	return int(*limit)
}

func meta(r Range) api.UsageMeta {
	return api.UsageMeta{FromDate: date(r.From), ToDate: date(r.To), TimeZone: r.TimeZone}
}

func date(t time.Time) types.Date { return types.Date{Time: t} }

func toAPI(c Counts) api.UsageTotal {
	return api.UsageTotal{
		Requests: c.Requests, ClientErrors: c.ClientErrors, ServerErrors: c.ServerErrors, RateLimited: c.RateLimited,
		AverageMilliseconds: c.AverageMilliseconds, MaxMilliseconds: c.MaxMilliseconds,
	}
}
