package portal

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/usage"
)

// The tabs of what was asked for and what happened.
const (
	tabUsage         = "usage"
	tabEvents        = "events"
	tabNotifications = "notifications"
)

// usageRoutes are the pages of usage, of the event log and of notifications.
func (p *portal) usageRoutes(mux *http.ServeMux) {
	mux.Handle("GET /settings/developers/usage", p.members(p.usage))
	mux.Handle("GET /settings/developers/events", p.members(p.eventLog))
	mux.Handle("GET /settings/developers/events/{id}", p.members(p.event))
	mux.Handle("GET /settings/developers/notifications", p.managers(p.notifications))
	mux.Handle("POST /settings/developers/notifications/{id}/read", p.managers(p.readNotification))
}

// usagePage is what was asked for in a time.
type usagePage struct {
	Interval usage.Interval
	Key      *apikeys.Key // nil: all of them
	Keys     []apikeys.Key
	Range    usage.Range
	Total    usage.Counts
	Rows     []usageRow // the newest first
	Requests chart
	Busiest  chart
	Limit    int64 // requests a minute
	Peak     usage.Peak
	Calls    []usageCall
	Failures []usageFailure
	Slots    []slots
	Example  string // a request, for those who made none yet
}

// usageRow is a period.
type usageRow struct {
	usage.Period
	Succeeded int64
	Peak      usage.Peak
	Label     string
}

// usageCall is an operation that was called, and usageFailure one that failed.
type usageCall struct {
	usage.Endpoint
	Method, Path string
	Share        string // percent of all requests
}

type usageFailure struct {
	usage.Failure
	Method, Path string
}

// slots are what a plan allows and how much of it is used.
type slots struct {
	Name    string
	Used    int32
	Allowed *int32 // nil: any number
	Share   string // percent
}

// The most endpoints and failures that a page shows, and keys that it offers.
const (
	mostShown   = 10
	mostOffered = 100
)

func (p *portal) usage(v *visit) error {
	query := v.r.URL.Query()
	shown := usagePage{Interval: interval(query.Get("interval"))}
	if err := p.chooseKey(v, &shown, query.Get("key")); err != nil {
		return err
	}
	if err := p.count(v, &shown); err != nil {
		return err
	}
	of, err := p.Organizations.Get(v.ctx(), v.organizationID())
	if err != nil {
		return err
	}
	shown.Limit, shown.Slots = int64(of.RequestsPerMinute), slotsOf(of)
	shown.drawRequests()
	shown.drawBusiest()
	shown.Example = `curl -H "Authorization: Bearer $PLOTWISE_API_KEY" "` + p.PublicURL + `/v1/permits?per_page=2"`
	return p.show(v, "usage", view{Title: "Usage", Tab: tabUsage, Body: shown})
}

func interval(text string) usage.Interval {
	switch i := usage.Interval(text); i {
	case usage.Week, usage.Month:
		return i
	default:
		return usage.Day
	}
}

// chooseKey finds the key that a query names, and those that could be named.
func (p *portal) chooseKey(v *visit, shown *usagePage, text string) error {
	per := int32(mostOffered)
	keys, _, err := p.Keys.List(v.ctx(), v.organizationID(), "", page.Query{PerPage: &per})
	if err != nil {
		return err
	}
	shown.Keys = keys
	if text == "" {
		return nil
	}
	k, err := p.Keys.Get(v.ctx(), v.organizationID(), id.UUID(id.APIKey, text))
	shown.Key = &k
	return err
}

// count reads the usage.
func (p *portal) count(v *visit, shown *usagePage) error {
	var f usage.Filter
	if shown.Key != nil {
		f.KeyID = &shown.Key.ID
	}
	periods, total, r, err := p.Usage.List(v.ctx(), v.organizationID(), shown.Interval, f)
	if err != nil {
		return err
	}
	peaks, err := p.Usage.Peaks(v.ctx(), v.organizationID(), shown.Interval, r)
	if err != nil {
		return err
	}
	f.From, f.To = &r.From, &r.To
	endpoints, _, endpointsErr := p.Usage.Endpoints(v.ctx(), v.organizationID(), f, mostShown)
	failures, _, failuresErr := p.Usage.Failures(v.ctx(), v.organizationID(), f, mostShown)
	if err := errors.Join(endpointsErr, failuresErr); err != nil {
		return err
	}
	shown.Range, shown.Total = r, total
	for i := range periods {
		at := len(periods) - 1 - i
		c := periods[at]
		shown.Rows = append(shown.Rows, usageRow{Period: c, Succeeded: c.Requests - c.ClientErrors - c.ServerErrors, Peak: peaks[at], Label: rangeOf(c.Start, c.End)})
		if peaks[at].Requests > shown.Peak.Requests {
			shown.Peak = peaks[at]
		}
	}
	for _, e := range endpoints {
		o := p.operations[e.Operation]
		c := usageCall{Endpoint: e, Path: e.Operation, Share: percent(100 * float64(e.Requests) / float64(max(1, total.Requests)))}
		if o != nil {
			c.Method, c.Path = o.Method, o.Path
		}
		shown.Calls = append(shown.Calls, c)
	}
	for _, e := range failures {
		c := usageFailure{Failure: e, Path: e.Operation}
		if o := p.operations[e.Operation]; o != nil {
			c.Method, c.Path = o.Method, o.Path
		}
		shown.Failures = append(shown.Failures, c)
	}
	return nil
}

// rangeOf names days: Jan 23, 2026; Jan 19 – 25, 2026; January 2026.
func rangeOf(start, end time.Time) string {
	switch {
	case start.Equal(end):
		return start.Format("Jan 2, 2006")
	case start.Day() == 1 && end.AddDate(0, 0, 1).Equal(start.AddDate(0, 1, 0)):
		return start.Format("January 2006")
	case start.Year() != end.Year():
		return start.Format("Jan 2, 2006") + " – " + end.Format("Jan 2, 2006")
	case start.Month() != end.Month():
		return start.Format("Jan 2") + " – " + end.Format("Jan 2, 2006")
	}
	return start.Format("Jan 2") + " – " + end.Format("2, 2006")
}

// oldestFirst returns the names of the periods for those who point at them, and below the bars.
func (u *usagePage) oldestFirst(title func(usageRow) string) (titles, labels []string, rows []usageRow) {
	layout := "Jan 2"
	if u.Interval == usage.Month {
		layout = "Jan"
	}
	for i := range u.Rows {
		r := u.Rows[len(u.Rows)-1-i]
		rows, titles, labels = append(rows, r), append(titles, r.Label+": "+title(r)), append(labels, r.Start.Format(layout))
	}
	return titles, labels, rows
}

func (u *usagePage) drawRequests() {
	titles, labels, rows := u.oldestFirst(func(r usageRow) string {
		return fmt.Sprintf("%s, %s, %s", counted(r.Requests, "request"), counted(r.ClientErrors, "client error"), counted(r.ServerErrors, "server failure"))
	})
	var values [][]value
	for _, r := range rows {
		values = append(values, []value{{"succeeded", r.Succeeded}, {"client", r.ClientErrors}, {"server", r.ServerErrors}})
	}
	u.Requests = chart{Summary: fmt.Sprintf("Requests by %s, %s: %s, of them %s and %s. The table below has the numbers of every %s.",
		u.Interval, rangeOf(u.Range.From, u.Range.To), counted(u.Total.Requests, "request"), counted(u.Total.ClientErrors, "client error"),
		counted(u.Total.ServerErrors, "server failure"), u.Interval)}
	u.Requests.draw(titles, labels, values, 0)
}

func (u *usagePage) drawBusiest() {
	titles, labels, rows := u.oldestFirst(func(r usageRow) string {
		if r.Peak.At.IsZero() {
			return "nothing is known of its minutes"
		}
		return counted(r.Peak.Requests, "request") + " in the busiest minute"
	})
	var values [][]value
	for _, r := range rows {
		values = append(values, []value{{"busiest", r.Peak.Requests}})
	}
	u.Busiest = chart{Summary: fmt.Sprintf("The busiest minute of all had %s; the plan allows %s a minute.", counted(u.Peak.Requests, "request"), number(u.Limit))}
	u.Busiest.draw(titles, labels, values, u.Limit)
}

// counted returns 1 request, 2 requests.
func counted(n int64, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return number(n) + " " + noun
}

func slotsOf(of organizations.Organization) []slots {
	list := []slots{{Name: "Permit slots", Used: of.UsedPermitSlots, Allowed: of.PermitSlots}, {Name: "Seats", Used: of.UsedSeats, Allowed: of.Seats}, {Name: "Conditions", Used: of.UsedConditions, Allowed: of.Conditions}}
	for i, s := range list {
		if s.Allowed != nil && *s.Allowed > 0 {
			list[i].Share = percent(min(100, 100*float64(s.Used)/float64(*s.Allowed)))
		}
	}
	return list
}

// With returns the link to the same page by another interval.
func (u usagePage) With(interval string) string {
	query := url.Values{"interval": {interval}}
	if u.Key != nil {
		query.Set("key", id.Format(id.APIKey, u.Key.ID))
	}
	return "/settings/developers/usage?" + query.Encode()
}

// Days names all days of the page.
func (u usagePage) Days() string { return rangeOf(u.Range.From, u.Range.To) }

// Failed returns how many of all requests failed, in percent.
func (u usagePage) Failed() string {
	if u.Total.Requests == 0 {
		return "0%"
	}
	return strconv.FormatFloat(100*float64(u.Total.ClientErrors+u.Total.ServerErrors)/float64(u.Total.Requests), 'f', 1, 64) + "%"
}

// OfLimit returns how much of the limit the busiest minute took, in percent.
func (u usagePage) OfLimit() string {
	return strconv.FormatFloat(100*float64(u.Peak.Requests)/float64(max(1, u.Limit)), 'f', 0, 64) + "%"
}
