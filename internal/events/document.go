package events

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/runtime/types"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// Permit is the permit that an event is about, and the organization that is told.
type Permit struct {
	OrganizationID uuid.UUID `db:"organization_id"`
	UUID           uuid.UUID `db:"permit_uuid"`
	Number         string    `db:"permit_number"`
}

func (p Permit) event(kind string, data any) Event {
	return Event{OrganizationID: p.OrganizationID, Type: kind, PermitUUID: p.UUID, data: data}
}

// NewStatusChanged returns the event of another status, in the city's words.
func NewStatusChanged(p Permit, previous, status string) Event {
	return p.event(StatusChanged, api.PermitStatusChangedData{
		PermitUUID: p.UUID, PermitNumber: p.Number, PreviousStatus: previous, NewStatus: status,
	})
}

// Fee is a fee of a permit. Amounts are US dollars, decimal with two places; nil where there is none.
type Fee struct {
	Name           string
	Number         string // the city's; "" when there is none
	PreviousAmount *string
	NewAmount      *string
}

// NewFeeChanged returns the event of a fee that came, went or has another amount.
func NewFeeChanged(p Permit, f Fee) Event {
	change := api.FeeChangeChanged
	switch {
	case f.PreviousAmount == nil:
		change = api.FeeChangeAdded
	case f.NewAmount == nil:
		change = api.FeeChangeRemoved
	}
	fee := api.EventFee{Name: f.Name}
	if f.Number != "" {
		fee.Number = &f.Number
	}
	return p.event(FeeChanged, api.PermitFeeChangedData{
		PermitUUID: p.UUID, PermitNumber: p.Number, Change: change, Fee: fee,
		PreviousAmount: amount(f.PreviousAmount), NewAmount: amount(f.NewAmount),
	})
}

func amount(text *string) *api.EventAmount {
	if text == nil {
		return nil
	}
	return &api.EventAmount{Amount: *text, Currency: "USD"}
}

// Inspection is an inspection of a permit that got a day.
type Inspection struct {
	ID            string // the city's number, or what else tells it from the others
	Type          string
	ScheduledDate time.Time
	PreviousDate  *time.Time // nil for one that had none
}

// NewInspectionScheduled returns the event of an inspection that got a day, or another one.
func NewInspectionScheduled(p Permit, i Inspection) Event {
	data := api.PermitInspectionScheduledData{
		PermitUUID: p.UUID, PermitNumber: p.Number,
		Inspection: api.EventInspection{ID: i.ID, Type: i.Type, ScheduledDate: types.Date{Time: i.ScheduledDate}},
	}
	if i.PreviousDate != nil {
		data.PreviousScheduledDate = &types.Date{Time: *i.PreviousDate}
	}
	return p.event(InspectionScheduled, data)
}

// NewAdded returns the event of a permit that came onto the watchlist, by whom the context names.
func NewAdded(ctx context.Context, p Permit) Event {
	return p.event(Added, api.PermitAddedToWatchlistData{PermitUUID: p.UUID, PermitNumber: p.Number, Actor: actor(ctx)})
}

// NewRemoved returns the event of a permit that left the watchlist, by whom the context names.
func NewRemoved(ctx context.Context, p Permit) Event {
	return p.event(Removed, api.PermitRemovedFromWatchlistData{PermitUUID: p.UUID, PermitNumber: p.Number, Actor: actor(ctx)})
}

// actor returns the caller, or the operator where nobody calls.
func actor(ctx context.Context) api.EventActor {
	caller, ok := identity.Lookup(ctx)
	if !ok {
		return api.EventActor{Type: api.EventActorTypeOperator}
	}
	key := id.Format(id.APIKey, caller.KeyID)
	return api.EventActor{Type: api.EventActorTypeAPIKey, ID: &key}
}

// document renders what webhooks get as their body.
func document(e Event, at time.Time) ([]byte, error) {
	body, err := json.Marshal(struct {
		Event          string    `json:"event"`
		Timestamp      time.Time `json:"timestamp"`
		OrganizationID string    `json:"organization_id"`
		Data           any       `json:"data"`
	}{e.Type, at.UTC().Truncate(time.Second), id.Format(id.Organization, e.OrganizationID), e.data})
	if err != nil {
		return nil, fmt.Errorf("render a %s: %w", e.Type, err)
	}
	return body, nil
}
