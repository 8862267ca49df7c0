package listen

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/plotwise/plotwise/gen/client"
)

// message is something to forward.
type message struct {
	eventID   string
	eventType string
	permit    string // its number
	body      []byte // nil when nothing is to be forwarded
	test      bool
	retry     bool
	after     int64 // how far the feed is read with it; 0 for what is not of the feed
}

const perPage = 100 // the most that the API gives

// readFeed sends what happens after an event, or from the oldest one, in its order.
func (l *Listener) readFeed(ctx context.Context, after *int64, messages chan<- message) error {
	for {
		list, err := l.api.events(ctx, client.ListEventsParams{After: after, Types: l.types, PerPage: new(int32(perPage)), Wait: new(int32(wait))})
		if isExpired(err) && after != nil {
			l.print.note("The events after number %d were deleted, since the API keeps them for a time only: going on with the oldest there is.", *after)
			after = nil
			continue
		}
		if err != nil {
			return err
		}
		for i, e := range list.Data {
			m, err := read(e)
			if err != nil {
				return err
			}
			if i == len(list.Data)-1 {
				m.after = list.Meta.NextAfter // also beyond events of other types
			}
			if err := send(ctx, messages, m); err != nil {
				return err
			}
		}
		if len(list.Data) == 0 {
			if err := send(ctx, messages, message{after: list.Meta.NextAfter}); err != nil {
				return err
			}
		}
		after = &list.Meta.NextAfter
	}
}

func send(ctx context.Context, messages chan<- message, m message) error {
	select {
	case messages <- m:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func read(e client.Event) (message, error) {
	body, err := e.Payload.MarshalJSON() // the very bytes of the answer
	if err != nil {
		return message{}, fmt.Errorf("read event %s: %w", e.ID, err)
	}
	m := message{eventID: e.ID, body: body, after: e.Number}
	m.eventType, m.permit = about(body)
	return m, nil
}

// about returns the type of an event and the number of its permit, as far as its body tells.
func about(body []byte) (eventType, permit string) {
	var b struct {
		Event string `json:"event"`
		Data  struct {
			PermitNumber string `json:"permit_number"`
		} `json:"data"`
	}
	_ = json.Unmarshal(body, &b) // it is only shown
	return b.Event, b.Data.PermitNumber
}

// begin returns the event after which to begin, nil for the oldest, and says so in words.
func (l *Listener) begin(ctx context.Context) (after *int64, where string, err error) {
	how := l.options.Start
	if how == FromOldest {
		return nil, "Beginning with the oldest event that is kept.", nil
	}
	lost := ""
	if how == Resume && l.cursor.found {
		exists, err := l.exists(ctx, l.cursor.After)
		if err != nil {
			return nil, "", err
		}
		if exists {
			return &l.cursor.After, fmt.Sprintf("Going on after event %d, where the last run ended.", l.cursor.After), nil
		}
		lost = fmt.Sprintf("The last run ended at event %d, which is not there any more: was the database set back? ", l.cursor.After)
	}
	end, err := l.end(ctx)
	if err != nil {
		return nil, "", err
	}
	return &end, fmt.Sprintf("%sBeginning with what happens now, after event %d.", lost, end), l.cursor.save(end)
}

// exists reports whether there is, or was, an event of that number.
func (l *Listener) exists(ctx context.Context, number int64) (bool, error) {
	if number == 0 {
		return true, nil
	}
	before := number - 1
	list, err := l.api.events(ctx, client.ListEventsParams{After: &before, PerPage: new(int32(1))})
	switch {
	case isExpired(err):
		return true, nil
	case isBeyond(err):
		return false, nil
	}
	return len(list.Data) > 0, err
}

// end returns the number of the newest event, with some twenty requests for a million of them: numbers have no gaps, so
// whether there is an event after a number says on which side of it the end is.
func (l *Listener) end(ctx context.Context) (int64, error) {
	list, err := l.api.events(ctx, client.ListEventsParams{PerPage: new(int32(perPage))})
	if err != nil {
		return 0, err
	}
	low, more := list.Meta.NextAfter, list.Meta.HasMore
	overshot := false
	for step := int64(perPage); more; {
		probe := low + step
		list, err := l.api.events(ctx, client.ListEventsParams{After: &probe, PerPage: new(int32(perPage))})
		if err != nil && !isBeyond(err) {
			return 0, err
		}
		if len(list.Data) > 0 {
			low, more = list.Meta.NextAfter, list.Meta.HasMore
		} else {
			overshot = true
		}
		switch {
		case !overshot:
			step *= 2
		case step > perPage:
			step /= 2
		default: // what is left fits a page
			step = 0
		}
	}
	return low, nil
}
