package portal

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// deliveryRow is a line of the log.
type deliveryRow struct {
	deliveries.Delivery
	Webhook string              // what it is called; "" when it is deleted
	Last    *deliveries.Attempt // nil before the first one
}

// deliveryList is a page of the log.
type deliveryList struct {
	Webhook  *webhooks.Webhook // whose log it is; nil for all
	Webhooks []webhooks.Webhook
	Types    []events.Type
	States   []string
	Rows     []deliveryRow
	Filtered bool
	Next     string
}

// states are those that a delivery can be in.
var states = []string{deliveries.Pending, deliveries.Succeeded, deliveries.Exhausted, deliveries.Cancelled}

// deliveries shows the log of a webhook that the path names, or of all.
func (p *portal) deliveries(v *visit) error {
	query := v.r.URL.Query()
	list := deliveryList{Types: p.EventTypes, States: states}
	var err error
	if list.Webhooks, err = p.choices(v); err != nil {
		return err
	}
	shown := view{Title: "Deliveries", Tab: tabDeliveries, Form: query}
	if v.r.PathValue("id") != "" {
		w, err := p.pathWebhook(v)
		if err != nil {
			return err
		}
		list.Webhook = &w
		shown.Title, shown.Tab = "Deliveries to "+called(w), tabWebhooks
	}
	f, err := p.filter(query)
	if err != nil {
		return p.badFilter(v, err, shown, list)
	}
	if list.Webhook != nil {
		f.WebhookID = &list.Webhook.ID
	}
	found, meta, err := p.Deliveries.List(v.ctx(), v.organizationID(), f, asked(query))
	if err != nil {
		return err
	}
	list.Filtered = f.State != "" || f.EventType != "" || f.CreatedSince != nil || list.Webhook == nil && f.WebhookID != nil
	list.Next = next(v.r.URL, meta)
	if list.Rows, err = p.rows(v, found, list.Webhooks); err != nil {
		return err
	}
	shown.Body = list
	return p.show(v, "deliveries", shown)
}

// filter reads which deliveries a query asks for.
func (p *portal) filter(query url.Values) (f deliveries.Filter, err error) {
	f.State, f.EventType = query.Get("state"), query.Get("event_type")
	if text := query.Get("webhook"); text != "" {
		webhook := id.UUID(id.Webhook, text)
		f.WebhookID = &webhook
	}
	if text := query.Get("since"); text != "" {
		since, err := instantOf(text)
		if err != nil {
			return f, err
		}
		f.CreatedSince = &since
	}
	if f.State != "" && !slices.Contains(states, f.State) {
		return f, problem.Body(problem.Detail{Pointer: "/state", Code: "enum", Message: "must be one of the list"})
	}
	if f.EventType != "" && !slices.ContainsFunc(p.EventTypes, func(t events.Type) bool { return t.Name == f.EventType }) {
		return f, problem.Body(problem.Detail{Pointer: "/event_type", Code: "enum", Message: "must be one of the list"})
	}
	return f, nil
}

// badFilter shows what is wrong with a filter, and nothing that it could mean.
func (p *portal) badFilter(v *visit, err error, shown view, list deliveryList) error {
	var found *problem.Error
	if !errors.As(err, &found) {
		return err
	}
	list.Filtered, shown.Body, shown.Errors = true, list, map[string]string{}
	for _, d := range found.Details {
		shown.Errors[d.Pointer[1:]] = d.Message
	}
	return p.answer(v, http.StatusBadRequest, "deliveries", shown)
}

// few asks for the first five.
func few() page.Query {
	five := int32(5)
	return page.Query{PerPage: &five}
}

// rows adds to deliveries what their webhooks are called, and what came of them last.
func (p *portal) rows(v *visit, found []deliveries.Delivery, known []webhooks.Webhook) ([]deliveryRow, error) {
	names, err := p.names(v, found, known)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(found))
	for i, d := range found {
		ids[i] = d.ID
	}
	last, err := p.Deliveries.LastAttempts(v.ctx(), v.organizationID(), ids...)
	if err != nil {
		return nil, err
	}
	rows := make([]deliveryRow, len(found))
	for i, d := range found {
		rows[i] = deliveryRow{Delivery: d, Webhook: names[d.WebhookID]}
		if a, tried := last[d.ID]; tried {
			rows[i].Last = &a
		}
	}
	return rows, nil
}

// names returns what the webhooks of deliveries are called, but for those that are deleted. Some of them are known.
func (p *portal) names(v *visit, found []deliveries.Delivery, known []webhooks.Webhook) (map[uuid.UUID]string, error) {
	names := map[uuid.UUID]string{}
	for _, w := range known {
		names[w.ID] = called(w)
	}
	for _, d := range found {
		if _, told := names[d.WebhookID]; told {
			continue
		}
		w, err := p.findWebhook(v, d.WebhookID)
		var missing *problem.Error
		switch {
		case err == nil:
			names[w.ID] = called(w)
		case errors.As(err, &missing):
			names[d.WebhookID] = ""
		default:
			return nil, err
		}
	}
	return names, nil
}

// delivery shows a delivery with its attempts, one of them in full.
func (p *portal) delivery(v *visit) error {
	d, err := p.Deliveries.Get(v.ctx(), v.organizationID(), id.UUID(id.Delivery, v.r.PathValue("id")))
	if err != nil {
		return err
	}
	shown, err := p.deliveryPage(v, d)
	if err != nil {
		return err
	}
	return p.show(v, "delivery", shown)
}

func (p *portal) deliveryPage(v *visit, d deliveries.Detail) (view, error) {
	for i := range d.Log {
		d.Log[i].URL = v.urlFor(d.Log[i].URL)
	}
	attempt, err := newAttemptPage(d, wholeNumber(v.r.URL.Query().Get("attempt")))
	if err != nil {
		return view{}, err
	}
	w, err := p.findWebhook(v, d.WebhookID)
	var missing *problem.Error
	switch {
	case err == nil:
		attempt.Webhook = &w
	case !errors.As(err, &missing):
		return view{}, err
	}
	return view{Title: d.EventType, Tab: tabDeliveries, Body: attempt}, nil
}

func (p *portal) retryDelivery(v *visit) error {
	delivery := id.UUID(id.Delivery, v.r.PathValue("id"))
	failed := p.write(v, "retryDelivery", func(ctx context.Context) error {
		_, err := p.Deliveries.Retry(ctx, v.organizationID(), delivery)
		return err
	})
	if failed == nil {
		return p.done(v, deliveryPath(delivery), "It is sent once more. The new attempt is here in a moment.")
	}
	d, err := p.Deliveries.Get(v.ctx(), v.organizationID(), delivery)
	if err != nil {
		return err
	}
	shown, err := p.deliveryPage(v, d)
	if err != nil {
		return err
	}
	return p.again(v, failed, "delivery", shown)
}

func deliveryPath(delivery uuid.UUID) string {
	return "/settings/developers/deliveries/" + id.Format(id.Delivery, delivery)
}
