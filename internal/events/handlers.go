package events

import (
	"context"
	"encoding/json"
	"time"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// Handlers are the operations on events.
type Handlers struct {
	Feed  *Feed
	Types []Type
}

// Type describes a type of event.
type Type struct {
	Name        string
	Description string
	Schema      map[string]any  // JSON Schema 2020-12, complete in itself
	Example     json.RawMessage // a payload
}

const usualLimit = 25

// ListEvents answers GET /v1/events.
func (h Handlers) ListEvents(ctx context.Context, request api.ListEventsRequestObject) (api.ListEventsResponseObject, error) {
	p := request.Params
	q := Query{After: p.After, Limit: usualLimit}
	if p.PerPage != nil {
		q.Limit = int(*p.PerPage)
	}
	if p.Wait != nil {
		q.Wait = time.Duration(*p.Wait) * time.Second
	}
	for _, t := range p.Types {
		q.Types = append(q.Types, string(t))
	}
	b, err := h.Feed.List(ctx, identity.From(ctx).OrganizationID, q)
	if err != nil {
		return nil, err
	}
	body := api.EventList{Data: make([]api.Event, len(b.Entries)), Meta: api.EventListMeta{NextAfter: b.NextAfter, HasMore: b.HasMore}}
	for i, e := range b.Entries {
		body.Data[i] = api.Event{ID: id.Format(id.Event, e.ID), Number: e.Number}
		if err := body.Data[i].Payload.UnmarshalJSON([]byte(e.Body)); err != nil {
			return nil, err
		}
	}
	return api.ListEvents200JSONResponse{Body: body}, nil
}

// ListEventTypes answers GET /v1/event-types.
func (h Handlers) ListEventTypes(context.Context, api.ListEventTypesRequestObject) (api.ListEventTypesResponseObject, error) {
	body := api.EventTypeList{Data: make([]api.EventTypeDescription, len(h.Types))}
	for i, t := range h.Types {
		body.Data[i] = api.EventTypeDescription{Name: api.EventType(t.Name), Description: t.Description, Schema: t.Schema}
		if err := body.Data[i].Example.UnmarshalJSON(t.Example); err != nil {
			return nil, err
		}
	}
	return api.ListEventTypes200JSONResponse{Body: body}, nil
}
