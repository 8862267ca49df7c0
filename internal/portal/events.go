package portal

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/problem"
)

// eventList is a page of the event log.
type eventList struct {
	Type  string // "" for any
	Types []string
	Rows  []eventRow
	Newer string // the link to the newest; "" when they are shown
	Older string
}

// eventRow is an event in a few words.
type eventRow struct {
	events.Stored
	Permit string // its number
	What   string
}

// eventPage is an event with what became of it.
type eventPage struct {
	eventRow
	Payload string // indented
	Sent    []sent
}

// sent is a delivery, and where to, as far as the visitor may see that.
type sent struct {
	deliveries.Sent
	To string
}

// eventsPerPage are the rows of the log at once.
const eventsPerPage = 25

func (p *portal) eventLog(v *visit) error {
	query := v.r.URL.Query()
	list := eventList{Type: query.Get("type"), Types: []string{events.StatusChanged, events.FeeChanged, events.InspectionScheduled, events.Added, events.Removed}}
	var before *int64
	if text := query.Get("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return problem.Parameter("before", "type", "must be the number of an event")
		}
		before, list.Newer = &n, list.link(0)
	}
	found, more, err := p.Events.Newest(v.ctx(), v.organizationID(), list.Type, before, eventsPerPage)
	if err != nil {
		return err
	}
	for _, e := range found {
		row, err := rowOf(e)
		if err != nil {
			return err
		}
		list.Rows = append(list.Rows, row)
	}
	if more {
		list.Older = list.link(found[len(found)-1].Number)
	}
	return p.show(v, "events", view{Title: "Events", Tab: tabEvents, Body: list})
}

// link returns the link to the events before a number, or the newest ones for 0.
func (l eventList) link(before int64) string {
	query := url.Values{}
	if l.Type != "" {
		query.Set("type", l.Type)
	}
	if before > 0 {
		query.Set("before", strconv.FormatInt(before, 10))
	}
	if len(query) == 0 {
		return "/settings/developers/events"
	}
	return "/settings/developers/events?" + query.Encode()
}

// rowOf reads what an event says.
func rowOf(e events.Stored) (eventRow, error) {
	row := eventRow{Stored: e}
	var body struct {
		Data struct {
			PermitNumber   string `json:"permit_number"`
			PreviousStatus string `json:"previous_status"`
			NewStatus      string `json:"new_status"`
			Fee            struct{ Name string }
			PreviousAmount amount `json:"previous_amount"`
			NewAmount      amount `json:"new_amount"`
			Inspection     struct {
				Type          string
				ScheduledDate string `json:"scheduled_date"`
			}
		}
	}
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		return row, fmt.Errorf("read event %s: %w", e.ID, err)
	}
	d := body.Data
	row.Permit = d.PermitNumber
	switch e.Type {
	case events.StatusChanged:
		row.What = orNone(d.PreviousStatus) + " → " + orNone(d.NewStatus)
	case events.FeeChanged:
		row.What = d.Fee.Name + ": " + d.PreviousAmount.text() + " → " + d.NewAmount.text()
	case events.InspectionScheduled:
		row.What = d.Inspection.Type + " on " + d.Inspection.ScheduledDate
	case events.Added:
		row.What = "Tracked from now on"
	case events.Removed:
		row.What = "Not tracked any more"
	}
	return row, nil
}

// amount is an amount of money; nothing where there was none.
type amount struct{ Amount, Currency string }

func (a amount) text() string {
	if a.Amount == "" {
		return "none"
	}
	return a.Amount + " " + a.Currency
}

func orNone(text string) string {
	if text == "" {
		return "none"
	}
	return text
}

func (p *portal) event(v *visit) error {
	event := id.UUID(id.Event, v.r.PathValue("id"))
	found, err := p.Events.Get(v.ctx(), v.organizationID(), event)
	if err != nil {
		return err
	}
	shown := eventPage{}
	if shown.eventRow, err = rowOf(found); err != nil {
		return err
	}
	var indented bytes.Buffer
	if err := json.Indent(&indented, []byte(found.Body), "", "  "); err != nil {
		return fmt.Errorf("indent event %s: %w", event, err)
	}
	shown.Payload = indented.String()
	if shown.Sent, err = p.sentOf(v, event); err != nil {
		return err
	}
	return p.show(v, "event", view{Title: found.Type, Tab: tabEvents, Body: shown})
}

// sentOf returns which webhooks are told of an event.
func (p *portal) sentOf(v *visit, event uuid.UUID) ([]sent, error) {
	found, err := p.Deliveries.OfEvent(v.ctx(), v.organizationID(), event)
	if err != nil {
		return nil, err
	}
	var list []sent
	for _, d := range found {
		list = append(list, sent{Sent: d, To: brief(v.urlFor(d.URL))})
	}
	return list, nil
}
