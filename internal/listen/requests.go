package listen

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/plotwise/plotwise/gen/client"
)

const (
	lookEvery = 3 * time.Second // a fifth of what the smallest plan may ask a minute
	// An overlap is how far back is looked each time: what was asked for earlier may be committed later.
	overlap = time.Minute
)

// requests finds what was asked for by hand, by tests and retries.
type requests struct {
	api   *api
	since time.Time            // by the API's clock
	seen  map[string]time.Time // when which was asked for, since then
}

// newRequests returns requests that finds what is asked for from now on, which is the time by the API's clock.
func newRequests(ctx context.Context, a *api, now time.Time) (*requests, error) {
	r := &requests{api: a, since: now.Add(-overlap), seen: map[string]time.Time{}}
	_, err := r.next(ctx)
	return r, err
}

// next returns what was asked for since the last time, in that order.
func (r *requests) next(ctx context.Context) ([]client.Delivery, error) {
	var found []client.Delivery
	p := client.ListDeliveriesParams{RequestedSince: &r.since, PerPage: new(int32(perPage))}
	for {
		list, err := r.api.deliveries(ctx, p)
		if err != nil {
			return nil, err
		}
		for _, d := range list.Data {
			if d.RequestedAt != nil && !r.seen[d.ID].Equal(*d.RequestedAt) {
				found = append(found, d)
			}
		}
		if list.Meta.NextCursor == nil {
			break
		}
		p.Cursor = list.Meta.NextCursor
	}
	slices.SortFunc(found, func(a, b client.Delivery) int { return a.RequestedAt.Compare(*b.RequestedAt) })
	for _, d := range found {
		r.seen[d.ID] = *d.RequestedAt
		if since := d.RequestedAt.Add(-overlap); since.After(r.since) {
			r.since = since
		}
	}
	for id, at := range r.seen {
		if at.Before(r.since) {
			delete(r.seen, id)
		}
	}
	return found, nil
}

// readRequests sends what is asked for by hand.
func (l *Listener) readRequests(ctx context.Context, r *requests, messages chan<- message) error {
	for {
		if err := l.options.Sleep(ctx, lookEvery); err != nil {
			return err
		}
		found, err := r.next(ctx)
		if err != nil {
			return err
		}
		for _, d := range found {
			if len(l.types) > 0 && !slices.Contains(l.types, d.EventType) {
				continue
			}
			detail, err := l.api.delivery(ctx, d.ID)
			if isRefusal(err, http.StatusNotFound) { // it has had its time
				continue
			}
			if err != nil {
				return err
			}
			m := message{eventID: d.EventID, body: []byte(detail.Body), test: d.Test, retry: !d.Test}
			m.eventType, m.permit = about(m.body)
			if err := send(ctx, messages, m); err != nil {
				return err
			}
		}
	}
}
