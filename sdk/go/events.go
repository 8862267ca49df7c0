package plotwise

import (
	"context"
	"iter"
	"time"
)

const (
	feedWait  = 20 // seconds that the server waits for an event
	feedPause = time.Second
)

// Stream goes over the events from params.After on, waits for more, and never ends by itself but with a failure. Keep the
// number of the last event that you are done with, and go on after it. An Error of CodeCursorExpired means that older
// events are no longer kept.
func (r EventsResource) Stream(ctx context.Context, params *EventListParams, options ...CallOption) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		query := copied(params)
		if copied(query.Wait) < 1 {
			query.Wait = new(int32(feedWait))
		}
		for {
			asked := r.core.now()
			list, err := r.List(ctx, &query, options...)
			if err != nil {
				yield(Event{}, err)
				return
			}
			for _, e := range list.Data {
				if !yield(e, nil) {
					return
				}
			}
			query.After = new(list.Meta.NextAfter)
			if len(list.Data) > 0 || r.core.now().Sub(asked) >= feedPause {
				continue
			}
			if err := r.core.sleep(ctx, feedPause); err != nil { // the server did not wait, as when it ends
				yield(Event{}, r.core.connectionError(err))
				return
			}
		}
	}
}
