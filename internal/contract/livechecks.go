package contract

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"time"

	"github.com/plotwise/plotwise/internal/signature"
)

// What becomes of deliveries and webhooks.
const (
	pending   = "pending"
	succeeded = "succeeded"
	exhausted = "exhausted"
	active    = "active"
	disabled  = "disabled"
)

// checkTests sends a test event of every type.
func (l *live) checkTests(ctx context.Context) bool {
	h, ok := l.make(ctx, l.events)
	for _, event := range l.events {
		if !ok {
			return false
		}
		var r received
		if r, ok = l.sendTest(ctx, h, event, "a test event"); ok {
			l.settled(r.log, r.what, succeeded, 1)
			l.report.cover(liveWebhooks, "test of "+event)
		}
	}
	return ok
}

// checkEvent causes an event: a webhook that wants it gets it, one that does not gets nothing of it, and the feed has it.
// Where the server's state does not let it happen, it is not tried.
func (l *live) checkEvent(ctx context.Context, event string) bool {
	const what = "an event"
	h, ok := l.make(ctx, []string{event})
	if !ok {
		return false
	}
	others := slices.DeleteFunc(slices.Clone(l.events), func(other string) bool { return other == event })
	var deaf *hook
	if len(others) > 0 {
		if deaf, ok = l.make(ctx, others); !ok {
			return false
		}
	}
	x, ok := l.cause(ctx, event)
	if !ok {
		l.report.excuse(liveWebhooks, event, "nothing could be done that causes it")
		return true
	}
	r, ok := l.await(ctx, h, x, what)
	if !ok {
		return false
	}
	l.causable = append(l.causable, event)
	l.report.cover(liveWebhooks, event)
	l.settled(r.log, what, succeeded, 1)
	if l.plays("feed") {
		l.checkFeed(ctx, r)
	}
	if deaf == nil {
		return true
	}
	_, ok = l.sendTest(ctx, deaf, others[0], "a test event after one that is not for the webhook")
	for _, a := range l.receiver.all(deaf.path) {
		if !(happened{event: event}).of(a) || a.header.Get(signature.HeaderID) != r.header.Get(signature.HeaderID) {
			continue
		}
		l.failArrival(x.cause, a, what, Fault{"arrival", "subscription", "came to a webhook that is for other types"})
	}
	return ok
}

// checkFeed wants the feed to have an event as it arrived.
func (l *live) checkFeed(ctx context.Context, r received) {
	id := r.header.Get(signature.HeaderID)
	var last Exchange
	for page := range l.feed(ctx, []string{r.event.event}, r.what) {
		last = page
		data, _ := listOf(page)
		for _, item := range data {
			entry, _ := item.(map[string]any)
			if entry["id"] != id {
				continue
			}
			if !reflect.DeepEqual(entry["payload"], Exchange{Body: r.body}.json()) {
				l.failArrival(page, r.arrival, r.what, Fault{"/data", "payload", "has the event with another payload than arrived"})
			}
			return
		}
	}
	l.failArrival(last, r.arrival, r.what, Fault{"/data", "feed", "lacks the event " + id + ", which arrived"})
}

// checkRetry answers 500 once: another attempt is to come, and comes at once when it is asked for.
func (l *live) checkRetry(ctx context.Context) bool {
	const what = "a retry after 500"
	h, ok := l.make(ctx, l.causable[:1], reply{status: http.StatusInternalServerError, body: "not now"})
	if !ok {
		return false
	}
	first, ok := l.happen(ctx, what, h)
	if !ok {
		return false
	}
	d := deliveryOf(first[0].log)
	l.settled(first[0].log, what, pending, 1)
	if d.NextAttemptAt == nil || len(d.Attempts) > 0 && !d.NextAttemptAt.After(d.Attempts[0].StartedAt) {
		l.fail(first[0].log, what, Fault{"/data/next_attempt_at", "live", fmt.Sprintf("is %v, want a time after the attempt", d.NextAttemptAt)})
	}
	e, ok := l.call(ctx, "retry", d.ID, what, nil)
	if !ok {
		return false
	}
	again, ok := l.awaitAgain(ctx, first[0], e, what)
	if !ok {
		return false
	}
	l.settled(again.log, what, succeeded, 2)
	before, _ := strconv.ParseInt(first[0].header.Get(signature.HeaderTimestamp), 10, 64)
	if now, _ := strconv.ParseInt(again.header.Get(signature.HeaderTimestamp), 10, 64); now < before {
		l.failArrival(e, again.arrival, what, Fault{"header " + signature.HeaderTimestamp, "retry", fmt.Sprintf("is %d, before %d of the first attempt", now, before)})
	}
	return true
}

// happen causes an event and returns what arrives of it at each of the webhooks.
func (l *live) happen(ctx context.Context, what string, hooks ...*hook) ([]received, bool) {
	x, ok := l.cause(ctx, l.causable[0])
	if !ok {
		return nil, false
	}
	var all []received
	for _, h := range hooks {
		r, ok := l.await(ctx, h, x, what)
		if !ok {
			return nil, false
		}
		all = append(all, r)
	}
	return all, true
}

// checkRedirect answers 302: nobody may come to where that leads.
func (l *live) checkRedirect(ctx context.Context) bool {
	const what = "a redirect"
	h, ok := l.make(ctx, l.events)
	if !ok {
		return false
	}
	l.receiver.reply(h.path, reply{status: http.StatusFound, location: l.receiver.url + h.path + "/elsewhere"})
	r, ok := l.sendTest(ctx, h, l.events[0], what)
	if !ok {
		return false
	}
	l.settled(r.log, what, exhausted, 1)
	for _, a := range l.receiver.all(h.path + "/elsewhere") {
		l.failArrival(r.log, a, what, Fault{"arrival", "redirect", "followed a redirect"})
	}
	return true
}

// checkGone answers 410: to a test event that means nothing, to a real one that the webhook is disabled. Once it is active
// again, what failed can be recovered.
func (l *live) checkGone(ctx context.Context) bool {
	const what = "410"
	gone := reply{status: http.StatusGone}
	h, ok := l.make(ctx, l.causable[:1], gone, gone)
	if !ok {
		return false
	}
	witness, ok := l.make(ctx, l.causable[:1])
	if !ok {
		return false
	}
	r, ok := l.sendTest(ctx, h, l.causable[0], "410 to a test event")
	if !ok {
		return false
	}
	l.settled(r.log, r.what, exhausted, 1)
	l.wantState(ctx, h, r.what, active)
	refused, ok := l.happen(ctx, what, h, witness)
	if !ok {
		return false
	}
	l.settled(refused[0].log, what, exhausted, 1)
	l.wantState(ctx, h, what, disabled)
	later, ok := l.happen(ctx, what, witness)
	if !ok {
		return false
	}
	for _, a := range l.receiver.all(h.path)[h.last:] {
		if a.header.Get(signature.HeaderID) == later[0].header.Get(signature.HeaderID) {
			l.failArrival(later[0].event.cause, a, what, Fault{"arrival", "disabled", "came to a webhook that is disabled"})
		}
	}
	return l.checkRecovery(ctx, h, refused[0])
}

// checkRecovery enables a webhook and recovers what it refused.
func (l *live) checkRecovery(ctx context.Context, h *hook, refused received) bool {
	const what = "recovery after 410"
	if _, ok := l.call(ctx, "resume", h.id, what, nil); !ok {
		return false
	}
	l.wantState(ctx, h, what, active)
	since := deliveryOf(refused.log).CreatedAt.Format(time.RFC3339Nano)
	e, ok := l.call(ctx, "recover", h.id, what, map[string]any{"since": since})
	if !ok {
		return false
	}
	if queued, _ := evaluate("$response.body#/data/queued", e); queued == "0" {
		l.fail(e, what, Fault{"/data/queued", "live", "is 0, although the answer to an event was 410"})
	}
	r, ok := l.awaitAgain(ctx, refused, e, what)
	if ok {
		l.settled(r.log, what, succeeded, 2)
	}
	return ok
}

// wantState wants a webhook to come into a state, with a reason when it is disabled and none else.
func (l *live) wantState(ctx context.Context, h *hook, what, state string) {
	var e Exchange
	var got, reason string
	ok := true
	l.until(ctx, func() bool {
		if e, ok = l.call(ctx, "get", h.id, what, nil); ok {
			got, _ = evaluate("$response.body#/data/state", e)
			reason, _ = evaluate("$response.body#/data/disabled_reason", e)
		}
		return !ok || got == state
	})
	if ok && got != state {
		l.fail(e, what, Fault{"/data/state", "live", fmt.Sprintf("is %q, want %q", got, state)})
	} else if ok && (reason != "") != (state == disabled) {
		l.fail(e, what, Fault{"/data/disabled_reason", "live", fmt.Sprintf("is %q of a webhook that is %s", reason, state)})
	}
}

// checkRotation rotates the secret: both sign then.
func (l *live) checkRotation(ctx context.Context) bool {
	const what = "after a rotation"
	h, ok := l.make(ctx, l.events)
	if !ok {
		return false
	}
	e, ok := l.call(ctx, "rotate", h.id, what, nil)
	if !ok || !l.learn(h, e) {
		return false
	}
	r, ok := l.sendTest(ctx, h, l.events[0], what)
	if ok {
		l.settled(r.log, what, succeeded, 1)
	}
	return ok
}

// checkPause pauses a webhook: what happens meanwhile waits. A test event comes all the same, and shows that the rest
// would have.
func (l *live) checkPause(ctx context.Context) bool {
	const what = "a pause"
	h, ok := l.make(ctx, l.causable[:1])
	if !ok {
		return false
	}
	witness, ok := l.make(ctx, l.causable[:1])
	if !ok {
		return false
	}
	if _, ok = l.call(ctx, "pause", h.id, what, nil); !ok {
		return false
	}
	seen, ok := l.happen(ctx, what, witness)
	if !ok {
		return false
	}
	if _, ok = l.sendTest(ctx, h, l.causable[0], "a test event in a pause"); !ok {
		return false
	}
	id := seen[0].header.Get(signature.HeaderID)
	for _, a := range l.receiver.all(h.path) {
		if a.header.Get(signature.HeaderID) == id {
			l.failArrival(seen[0].event.cause, a, what, Fault{"arrival", "paused", "came to a webhook that is paused"})
		}
	}
	log, ok := l.logged(ctx, h, id, what, 0)
	if !ok {
		return false
	}
	l.settled(log, what, pending, 0)
	e, ok := l.call(ctx, "resume", h.id, what, nil)
	if !ok {
		return false
	}
	x := seen[0].event
	x.cause = e
	r, ok := l.await(ctx, h, x, "after a pause")
	if ok {
		l.settled(r.log, what, succeeded, 1)
	}
	return ok
}
