package permits

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/runtime/types"

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
	return api.ListPermits200JSONResponse{
		Body: listToAPI(found, meta), Headers: api.ListPermits200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
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
	return api.ListConditionPermits200JSONResponse{
		Body: listToAPI(found, meta), Headers: api.ListConditionPermits200ResponseHeaders{Link: page.Link(ctx, meta)},
	}, nil
}

func listToAPI(found []Permit, meta page.Meta) api.PermitList {
	body := api.PermitList{Data: make([]api.Permit, len(found)), Meta: page.ToAPI(meta)}
	for i, permit := range found {
		body.Data[i] = permitToAPI(permit)
	}
	return body
}

// GetPermit answers GET /v1/permits/{permit_uuid}.
func (h Handlers) GetPermit(ctx context.Context, request api.GetPermitRequestObject) (api.GetPermitResponseObject, error) {
	details, err := h.Permits.Get(ctx, identity.From(ctx).OrganizationID, request.PermitUUID)
	if err != nil {
		return nil, err
	}
	return api.GetPermit200JSONResponse{Body: api.PermitResponse{Data: detailsToAPI(details)}}, nil
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

func permitToAPI(p Permit) api.Permit {
	return api.Permit{
		UUID: p.UUID, PermitNumber: p.PermitNumber, Status: p.Status, Stage: api.PermitStage(p.Stage), State: api.PermitState(p.State),
		Type: p.Type, Description: p.Description, Address: Address(p.Street, p.City, p.Region, p.PostalCode),
		Location: api.Location{
			Street: p.Street, City: p.City, Region: p.Region, PostalCode: p.PostalCode, Latitude: p.Latitude, Longitude: p.Longitude,
		},
		Jurisdiction: api.JurisdictionReference{Slug: p.JurisdictionSlug, Name: p.JurisdictionName},
		FiledDate:    dateToAPI(p.FiledDate), IssuedDate: dateToAPI(p.IssuedDate),
		ExpiresDate: dateToAPI(p.ExpiresDate), CompletedDate: dateToAPI(p.CompletedDate),
		Valuation: optionalMoneyToAPI(p.Valuation), UpdatedAt: p.UpdatedAt.UTC(),
	}
}

func detailsToAPI(d Details) api.PermitDetails {
	p := permitToAPI(d.Permit)
	out := api.PermitDetails{
		UUID: p.UUID, PermitNumber: p.PermitNumber, Status: p.Status, Stage: p.Stage, State: p.State, Type: p.Type,
		Description: p.Description, Address: p.Address, Location: p.Location, Jurisdiction: p.Jurisdiction,
		FiledDate: p.FiledDate, IssuedDate: p.IssuedDate, ExpiresDate: p.ExpiresDate, CompletedDate: p.CompletedDate,
		Valuation: p.Valuation, UpdatedAt: p.UpdatedAt,
		LastCheckedAt: d.LastCheckedAt,
		Parties:       make([]api.Party, len(d.Parties)),
		Fees:          make([]api.Fee, len(d.Fees)),
		Inspections:   make([]api.Inspection, len(d.Inspections)),
		StatusHistory: make([]api.StatusChange, len(d.StatusChanges)),
		ConditionIds:  make([]api.ConditionID, len(d.Own.ConditionIDs)),
		Notes:         make([]api.Note, len(d.Own.Notes)),
	}
	if w := d.Own.Watched; w != nil {
		out.Watchlist = &api.PermitWatchlistState{Tags: w.Tags, Priority: api.Priority(w.Priority), AddedAt: w.AddedAt.UTC()}
	}
	for i, condition := range d.Own.ConditionIDs {
		out.ConditionIds[i] = id.Format(id.Condition, condition)
	}
	for i, n := range d.Own.Notes {
		out.Notes[i] = noteToAPI(d.UUID, n)
	}
	for i, party := range d.Parties {
		out.Parties[i] = partyToAPI(party)
	}
	for i, f := range d.Fees {
		out.Fees[i] = feeToAPI(f)
	}
	for i, n := range d.Inspections {
		out.Inspections[i] = inspectionToAPI(n)
	}
	for i, c := range d.StatusChanges {
		out.StatusHistory[i] = api.StatusChange{PreviousStatus: value(c.Previous), NewStatus: value(c.New), DetectedAt: c.DetectedAt.UTC()}
	}
	return out
}

func noteToAPI(permit uuid.UUID, n Note) api.Note {
	return api.Note{
		ID: id.Format(id.Note, n.ID), PermitUUID: permit, Body: n.Body,
		Author:    api.NoteAuthor{Type: api.AuthorTypeAPIKey, ID: id.Format(id.APIKey, n.APIKeyID), Name: n.APIKeyName},
		CreatedAt: n.CreatedAt.UTC(), UpdatedAt: n.UpdatedAt.UTC(),
	}
}

func partyToAPI(p Party) api.Party {
	return api.Party{
		Role: api.PartyRole(p.Role), Person: p.Person, Company: p.Company, License: p.License, Phone: p.Phone, Email: p.Email,
		Address: Address(p.Street, p.City, p.Region, p.PostalCode),
	}
}

func feeToAPI(f Fee) api.Fee {
	return api.Fee{
		Number: f.Number, Name: f.Name, Amount: api.Money{Amount: f.Amount, Currency: api.CurrencyUSD},
		PaidAmount: optionalMoneyToAPI(f.PaidAmount), AssessedDate: dateToAPI(f.AssessedDate), PaidDate: dateToAPI(f.PaidDate),
	}
}

func inspectionToAPI(n Inspection) api.Inspection {
	return api.Inspection{
		Number: n.Number, Type: n.Type, Description: n.Description, Result: n.Result, ScheduledDate: dateToAPI(n.ScheduledDate),
		InspectedDate: dateToAPI(n.InspectedDate), Inspector: n.Inspector, Notes: n.Notes,
	}
}

func dateToAPI(t *time.Time) *types.Date {
	if t == nil {
		return nil
	}
	return &types.Date{Time: *t}
}

func optionalMoneyToAPI(amount *string) *api.OptionalMoney {
	if amount == nil {
		return nil
	}
	return &api.OptionalMoney{Amount: *amount, Currency: api.CurrencyUSD}
}
