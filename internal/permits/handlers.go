package permits

import (
	"context"
	"fmt"
	"time"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/geo"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

// Handlers are the operations on permits.
type Handlers struct {
	Permits *Service
	Check   func(document []byte) error // holds an exported permit against the specification
	Now     func() time.Time
	Timeout time.Duration // how long a client may take for one page of an export
}

// ListPermits answers GET /v1/permits.
func (h Handlers) ListPermits(ctx context.Context, request api.ListPermitsRequestObject) (api.ListPermitsResponseObject, error) {
	p := request.Params
	f, err := filterFromAPI(p)
	if err != nil {
		return nil, err
	}
	found, meta, err := h.Permits.List(ctx, identity.From(ctx).OrganizationID, f, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	return documentPage{h.Permits.kinds.permit, found, meta, page.Link(ctx, meta)}, nil
}

// ExportPermits answers GET /v1/permits/export.
func (h Handlers) ExportPermits(ctx context.Context, request api.ExportPermitsRequestObject) (api.ExportPermitsResponseObject, error) {
	p := request.Params
	f, err := filterFromAPI(api.ListPermitsParams{
		Scope: p.Scope, Status: p.Status, State: p.State, Stage: p.Stage, Type: p.Type, Jurisdiction: p.Jurisdiction, Q: p.Q,
		UpdatedSince: p.UpdatedSince, FiledAfter: p.FiledAfter, FiledBefore: p.FiledBefore, Near: p.Near, RadiusM: p.RadiusM,
	})
	if err != nil {
		return nil, err
	}
	export, err := h.Permits.Export(ctx, identity.From(ctx).OrganizationID, f)
	if err != nil {
		return nil, err
	}
	first, err := export.Next(ctx)
	if err != nil {
		export.Close()
		return nil, err
	}
	return &file{ctx: ctx, export: export, first: first, format: p.Format, encoder: encoderOf(p.Format), check: h.Check, now: h.Now, timeout: h.Timeout}, nil
}

// ListConditionPermits answers GET /v1/conditions/{condition_id}/permits.
func (h Handlers) ListConditionPermits(ctx context.Context, request api.ListConditionPermitsRequestObject) (api.ListConditionPermitsResponseObject, error) {
	p := request.Params
	f := Filter{Scope: ScopeCondition, Condition: id.UUID(id.Condition, request.ConditionID)}
	found, meta, err := h.Permits.List(ctx, identity.From(ctx).OrganizationID, f, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	return documentPage{h.Permits.kinds.permit, found, meta, page.Link(ctx, meta)}, nil
}

// GetPermit answers GET /v1/permits/{permit_uuid}.
func (h Handlers) GetPermit(ctx context.Context, request api.GetPermitRequestObject) (api.GetPermitResponseObject, error) {
	document, err := h.Permits.Get(ctx, identity.From(ctx).OrganizationID, request.PermitUUID)
	if err != nil {
		return nil, err
	}
	return documentAnswer(document), nil
}

// ListPermitHistory answers GET /v1/permits/{permit_uuid}/history.
func (h Handlers) ListPermitHistory(ctx context.Context, request api.ListPermitHistoryRequestObject) (api.ListPermitHistoryResponseObject, error) {
	p := request.Params
	found, meta, err := h.Permits.ListChanges(ctx, request.PermitUUID, page.Query{Page: p.Page, PerPage: p.PerPage, Cursor: p.Cursor})
	if err != nil {
		return nil, err
	}
	body := api.PermitChangeList{Data: make([]api.PermitChange, len(found)), Meta: page.ToAPI(meta)}
	for i, c := range found {
		body.Data[i] = api.PermitChange{
			Scope: api.ChangeScope(c.Scope), Field: c.Field, Previous: c.Previous, New: c.New, DetectedAt: c.DetectedAt.UTC(),
		}
	}
	return api.ListPermitHistory200JSONResponse{
		Body: body, Headers: api.ListPermitHistory200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
}

const defaultRadiusM = 1000

func filterFromAPI(p api.ListPermitsParams) (Filter, error) {
	f := Filter{
		Scope: ScopeWatchlist, Statuses: p.Status, Types: p.Type, Jurisdictions: p.Jurisdiction, UpdatedSince: p.UpdatedSince,
		State: value(p.State), Words: value(p.Q), Sort: value(p.Sort),
	}
	if p.Scope != nil {
		f.Scope = string(*p.Scope)
	}
	for _, stage := range p.Stage {
		f.Stages = append(f.Stages, string(stage))
	}
	if p.FiledAfter != nil {
		f.FiledAfter = &p.FiledAfter.Time
	}
	if p.FiledBefore != nil {
		f.FiledBefore = &p.FiledBefore.Time
	}
	if p.RadiusM != nil && p.Near == nil {
		return f, problem.Parameter("radius_m", "requires", "needs near, the point that it is measured from")
	}
	if p.Near != nil {
		f.Near = &geo.Circle{RadiusM: defaultRadiusM}
		if _, err := fmt.Sscanf(*p.Near, "%g,%g", &f.Near.Latitude, &f.Near.Longitude); err != nil {
			return f, fmt.Errorf("read near=%q, which its pattern let pass: %w", *p.Near, err)
		}
		if p.RadiusM != nil {
			f.Near.RadiusM = int(*p.RadiusM)
		}
	}
	return f, nil
}

func value[T ~string](p *T) string {
	if p == nil {
		return ""
	}
	return string(*p)
}
