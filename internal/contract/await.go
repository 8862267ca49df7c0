package contract

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/signature"
)

// patience is how long an arrival is waited for.
func (l *live) patience() time.Duration { return cmp.Or(l.options.Patience, 20*time.Second) }

// arrives waits for an arrival at a webhook; the reason for it is the exchange.
func (l *live) arrives(ctx context.Context, h *hook, e Exchange, what string, is func(a arrival) bool) (arrival, bool) {
	waiting, stop := context.WithTimeout(ctx, l.patience())
	defer stop()
	a, ok := l.receiver.wait(waiting, h.path, is)
	if !ok && ctx.Err() == nil {
		var others []string
		for _, other := range l.receiver.all(h.path) {
			others = append(others, other.text())
		}
		f := l.finding(e, what, Fault{"arrival", "missing", fmt.Sprintf("nothing of it arrived at the webhook within %s", l.patience())})
		f.Arrived = strings.Join(others, "\n\n")
		l.report.add(f)
	}
	return a, ok
}

// failArrival reports what is wrong with an arrival.
func (l *live) failArrival(e Exchange, a arrival, what string, f Fault) {
	found := l.finding(e, what, f)
	found.Arrived = a.text()
	l.report.add(found)
}

// sendTest sends a test event and judges what arrives.
func (l *live) sendTest(ctx context.Context, h *hook, event, what string) (received, bool) {
	e, ok := l.call(ctx, "test", h.id, what, map[string]any{"type": event})
	if !ok {
		return received{}, false
	}
	id, x := deliveryOf(e).EventID, happened{event: event, cause: e}
	is := func(a arrival) bool { return a.header.Get(signature.HeaderID) == id }
	if !slices.ContainsFunc(l.receiver.all(h.path), is) { // it came before the answer, perhaps under another id
		is = func(a arrival) bool { return a.n > h.last && x.of(a) }
	}
	a, ok := l.arrives(ctx, h, e, what, is)
	if !ok {
		return received{}, false
	}
	r := received{arrival: a, hook: h, what: what, event: x, test: true, log: e}
	l.judge(r)
	h.due[id], h.last = due{1, e}, a.n
	return r, true
}

// await waits for an event to arrive, for the first time, and judges it.
func (l *live) await(ctx context.Context, h *hook, x happened, what string) (received, bool) {
	a, ok := l.arrives(ctx, h, x.cause, what, func(a arrival) bool { return a.n > h.last && x.of(a) })
	if !ok {
		return received{}, false
	}
	return l.take(ctx, a, received{hook: h, what: what, event: x}, a.header.Get(signature.HeaderID))
}

// awaitAgain waits for an event to arrive once more because of another request, and judges it.
func (l *live) awaitAgain(ctx context.Context, before received, cause Exchange, what string) (received, bool) {
	x := before.event
	x.cause = cause
	a, ok := l.arrives(ctx, before.hook, cause, what, func(a arrival) bool { return a.n > before.hook.last && x.of(a) })
	if !ok {
		return received{}, false
	}
	return l.take(ctx, a, received{hook: before.hook, what: what, event: x, attempt: before.attempt + 1}, before.header.Get(signature.HeaderID))
}

// take adds the log to what arrived of an event, and judges it.
func (l *live) take(ctx context.Context, a arrival, r received, event string) (received, bool) {
	r.arrival, r.hook.last = a, a.n
	var ok bool
	if r.log, ok = l.logged(ctx, r.hook, event, r.what, r.attempt+1); !ok {
		return r, false
	}
	l.judge(r)
	r.hook.due[event] = due{r.attempt + 1, r.event.cause}
	return r, true
}

// logged returns the log of an event's delivery to a webhook, once it shows so many attempts; when it does not in time, as
// it is then. It is false when the log lacks the event.
func (l *live) logged(ctx context.Context, h *hook, event, what string, attempts int) (e Exchange, ok bool) {
	id := ""
	l.until(ctx, func() bool {
		if id == "" {
			if e, ok = l.call(ctx, "log", h.id, what, nil); ok {
				id = deliveryIn(e, event)
			}
		}
		if id != "" {
			e, ok = l.call(ctx, "delivery", id, what, nil)
		}
		d := deliveryOf(e)
		return !ok || id != "" && len(d.Attempts) >= attempts && d.AttemptCount >= attempts // a server may read the one before the other
	})
	if ok && id == "" {
		l.fail(e, what, Fault{"/data", "log", "lacks the event " + event + ", which arrived"})
	}
	return e, ok && id != ""
}

// deliveryIn returns the id of an event's delivery in a list; "" when it is not there.
func deliveryIn(list Exchange, event string) string {
	data, _ := listOf(list)
	for _, item := range data {
		if d, _ := item.(map[string]any); d["event_id"] == event {
			id, _ := d["id"].(string)
			return id
		}
	}
	return ""
}

const lookAgain = 20 * time.Millisecond

// until asks again and again whether it is so, as long as an arrival is waited for.
func (l *live) until(ctx context.Context, so func() bool) {
	limit := time.NewTimer(l.patience())
	defer limit.Stop()
	again := time.NewTicker(lookAgain)
	defer again.Stop()
	for !so() {
		select {
		case <-ctx.Done():
			return
		case <-limit.C:
			return
		case <-again.C:
		}
	}
}

// settled wants the log to tell the state of a delivery and its number of attempts.
func (l *live) settled(log Exchange, what, state string, attempts int) {
	d := deliveryOf(log)
	if d.State != state {
		l.fail(log, what, Fault{"/data/state", "live", fmt.Sprintf("is %q, want %q", d.State, state)})
	}
	if d.AttemptCount != attempts || len(d.Attempts) != attempts {
		l.fail(log, what, Fault{"/data/attempt_count", "live", fmt.Sprintf("is %d with %d attempts, want %d", d.AttemptCount, len(d.Attempts), attempts)})
	}
}
