package contract

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/plotwise/plotwise/internal/signature"
)

// live is the suite as a receiver of webhooks.
type live struct {
	*Suite
	says         node // the document's x-webhooks
	receiver     *receiver
	events       []string // every type of event
	organization string   // "" when the document does not say how to find it
	after        string   // the last number of the feed when the section began; "" when it was empty
	causable     []string // of the events, those that the suite can cause
	hooks        []*hook
	open         []*hook // of them, those that are to be deleted
}

// hook is a webhook that leads to the receiver.
type hook struct {
	id      string
	path    string // on the receiver
	header  string // the value of its custom header
	secrets []signature.Secret
	made    Exchange
	due     map[string]due // by the event's id: how often it is to arrive
	last    int            // the number of the last arrival that was looked at
}

// due is how often an event is to arrive, and the request that is the reason.
type due struct {
	times int
	cause Exchange
}

// liveCheck is a part of the section, which looks at one promise.
type liveCheck struct {
	name  string
	needs []string                                // parts of x-webhooks, and anEvent
	run   func(l *live, ctx context.Context) bool // true when it came to its end
}

// anEvent is what a liveCheck needs that has one happen.
const anEvent = "event"

// liveChecks returns the parts of the section that the document says enough for, and that this machine has the tools for.
func (s *Suite) liveChecks() []liveCheck {
	checks := []liveCheck{
		{"retry after 500", []string{anEvent, "retry"}, (*live).checkRetry},
		{"redirect", nil, (*live).checkRedirect},
		{"410 and recovery", []string{anEvent, "get", "resume", "recover"}, (*live).checkGone},
		{"rotation of the secret", []string{"rotate"}, (*live).checkRotation},
		{"pause", []string{anEvent, "pause", "resume"}, (*live).checkPause},
	}
	if _, ok := curlPath(); ok {
		checks = append(checks, liveCheck{"curl of an attempt", nil, (*live).checkCurl})
	}
	return slices.DeleteFunc(checks, func(c liveCheck) bool {
		return slices.ContainsFunc(c.needs, func(part string) bool {
			if part == anEvent {
				return len(s.caused()) == 0
			}
			return !s.plays(part)
		})
	})
}

// xWebhooks returns what the document says of receiving webhooks.
func (s *Suite) xWebhooks() node {
	return node{document: s.document, value: s.document.root}.get("x-webhooks")
}

// plays reports whether the document names an operation for a part of x-webhooks.
func (s *Suite) plays(part string) bool {
	_, known := s.byID[s.xWebhooks().get(part).get("operation").text()]
	return known
}

// receives reports whether an operation is the one that makes webhooks, and the document says enough to receive them.
func (s *Suite) receives(op Operation) bool {
	for _, part := range []string{"create", "test", "log", "delivery"} {
		if !s.plays(part) {
			return false
		}
	}
	return s.xWebhooks().get("create").get("operation").text() == op.ID
}

// expectLive notes what is received when there is a receiver.
func (s *Suite) expectLive() {
	if !s.runs(liveWebhooks) || !slices.ContainsFunc(s.operations, func(op Operation) bool { return s.wanted(op) && s.receives(op) }) {
		return
	}
	if s.options.Receiver.Listener == nil {
		s.report.leaveOut(liveWebhooks, "there is no receiver for them (--receiver)")
		return
	}
	for _, event := range s.document.events() {
		s.report.expect(liveWebhooks, "test of "+event)
	}
	for _, event := range s.caused() {
		s.report.expect(liveWebhooks, event)
	}
	for _, c := range s.liveChecks() {
		s.report.expect(liveWebhooks, c.name)
	}
}

// caused returns the types of events that the document says how to cause, sorted.
func (s *Suite) caused() []string {
	events := map[string]bool{}
	for _, op := range s.operations {
		for _, r := range op.Responses {
			for event := range r.Causes {
				events[event] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(events))
}

// receiveWebhooks makes webhooks that lead to the suite itself, and holds what arrives against the document. What does not
// arrive at all ends it: the rest could not either.
func (s *Suite) receiveWebhooks(ctx context.Context, op Operation) {
	if !s.receives(op) || s.options.Receiver.Listener == nil {
		return
	}
	l := &live{Suite: s, says: s.xWebhooks(), receiver: receive(s.options.Receiver, s.options.Now), events: s.document.events()}
	defer l.receiver.close()
	defer l.drop(context.WithoutCancel(ctx))
	l.look(ctx)
	if !l.checkTests(ctx) {
		return
	}
	for _, event := range s.caused() {
		if !l.checkEvent(ctx, event) {
			return
		}
	}
	for _, c := range s.liveChecks() {
		if slices.Contains(c.needs, anEvent) && len(l.causable) == 0 {
			s.report.excuse(liveWebhooks, c.name, "no event could be caused")
			continue
		}
		if l.drop(ctx); c.run(l, ctx) {
			s.report.cover(liveWebhooks, c.name)
		}
	}
	l.count()
}

// look finds the organization, and where the feed ends.
func (l *live) look(ctx context.Context) {
	if l.plays("organization") {
		if e, ok := l.call(ctx, "organization", "", "before webhooks", nil); ok {
			l.organization, _ = evaluate(l.says.get("organization").get("value").text(), e)
		}
	}
	for e := range l.feed(ctx, l.caused(), "before webhooks") {
		l.after, _ = evaluate(nextAfter, e)
	}
}

// make makes a webhook for some types of events, which answers to the first requests as it is told.
func (l *live) make(ctx context.Context, events []string, replies ...reply) (*hook, bool) {
	h := &hook{path: l.receiver.path(fmt.Sprint(len(l.hooks) + 1)), header: rand.Text(), due: map[string]due{}}
	l.receiver.reply(h.path, replies...)
	r := l.ask("create", "", map[string]any{"url": l.receiver.url + h.path, "types": anys(events), "header": h.header})
	e, ok := l.send(ctx, r, "a webhook to the receiver")
	if !ok {
		return nil, false
	}
	if e.Status != http.StatusCreated {
		why := cmp.Or(failureOf(e).Message, fmt.Sprintf("it answers %d.", e.Status))
		l.report.leaveOut(liveWebhooks, fmt.Sprintf("the server makes no webhook to %s: %s %s", l.receiver.url, why, l.says.get("create").get("refused").text()))
		return nil, false
	}
	h.made = e
	l.hooks, l.open = append(l.hooks, h), append(l.open, h)
	h.id, _ = evaluate("$response.body#/data/id", e)
	return h, l.learn(h, e)
}

// learn takes the secret of an answer for one that the webhook's requests are signed with.
func (l *live) learn(h *hook, e Exchange) bool {
	secret, err := signature.ParseSecret(secretOf(e))
	if err != nil {
		l.fail(e, "a webhook to the receiver", Fault{e.Request.Operation.Secret, "secret", err.Error()})
		return false
	}
	h.secrets = append(h.secrets, secret)
	return true
}

// drop deletes the webhooks that are there.
func (l *live) drop(ctx context.Context) {
	for _, h := range l.open {
		if !l.remove(ctx, h.made) {
			l.fail(h.made, "cleaning up", Fault{"status", "cleanup", "a webhook of this run could not be deleted; delete it by hand"})
		}
	}
	l.open = nil
}

// ask returns a request to the operation that plays a part in x-webhooks, about a thing ("" for none).
func (l *live) ask(part, id string, values map[string]any) Request {
	says := l.says.get(part)
	op := l.byID[says.get("operation").text()]
	path := map[string]string{}
	for _, p := range op.Parameters {
		if p.In == "path" {
			path[p.Name] = id
		}
	}
	r := l.request(op, binding{path: path})
	r.Query = url.Values{}
	for _, p := range op.Parameters {
		if value := says.get("parameters").get(p.Name); value.exists() {
			setQuery(r.Query, p, fill(value.value, values))
		}
	}
	if body := says.get("body"); body.exists() {
		r.Body = encode(fill(body.value, values))
	}
	return r
}

// call sends what ask returns, and wants it to succeed.
func (l *live) call(ctx context.Context, part, id, what string, values map[string]any) (Exchange, bool) {
	e, ok := l.send(ctx, l.ask(part, id, values), what)
	if ok && e.Status >= http.StatusMultipleChoices && e.Status < http.StatusInternalServerError { // those were told already
		l.fail(e, what, Fault{"status", "live", fmt.Sprintf("is %d, want a success", e.Status)})
	}
	return e, ok && e.Status < http.StatusMultipleChoices
}

// fill puts values in the place of the texts $name.
func fill(v any, values map[string]any) any {
	switch v := v.(type) {
	case string:
		if name, ok := strings.CutPrefix(v, "$"); ok && values[name] != nil {
			return values[name]
		}
	case map[string]any:
		filled := map[string]any{}
		for name, child := range v {
			filled[name] = fill(child, values)
		}
		return filled
	}
	return v
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, text := range texts {
		list[i] = text
	}
	return list
}

// happened is an event that a request caused.
type happened struct {
	event string
	cause Exchange
	data  map[string]string // of its data
}

// cause does what the document says causes an event, and undoes it. It is false where the server's state is in the way.
func (l *live) cause(ctx context.Context, event string) (happened, bool) {
	h := happened{event: event}
	for _, op := range l.operations {
		if !causes(op, event) {
			continue
		}
		done := l.bind(ctx, op, func(b binding) bool {
			e, ok := l.send(ctx, l.request(op, b), "the cause of "+event)
			data, caused := op.Responses[fmt.Sprint(e.Status)].Causes[event]
			if !ok || !caused {
				return false
			}
			h.cause, h.data = e, map[string]string{}
			for name, expression := range data {
				h.data[name], _ = evaluate(expression, e)
			}
			l.remove(ctx, e)
			return true
		})
		if done {
			return h, true
		}
	}
	return h, false
}

func causes(op Operation, event string) bool {
	for _, r := range op.Responses {
		if _, ok := r.Causes[event]; ok {
			return true
		}
	}
	return false
}

// of reports whether an arrival may be what comes of the event: nothing in it says otherwise.
func (h happened) of(a arrival) bool {
	var payload struct {
		Event string         `json:"event"`
		Data  map[string]any `json:"data"`
	}
	_ = json.Unmarshal(a.body, &payload) // what is none says nothing
	if payload.Event != "" && payload.Event != h.event {
		return false
	}
	for name, want := range h.data {
		if got, ok := payload.Data[name]; ok && got != want {
			return false
		}
	}
	return true
}

// count wants every event that came to have come as often as it was due. It is done last, for what comes late.
func (l *live) count() {
	for _, h := range l.hooks {
		times := map[string]int{}
		for _, a := range l.receiver.all(h.path) {
			id := a.header.Get(signature.HeaderID)
			if times[id]++; h.due[id].times != 0 && times[id] == h.due[id].times+1 {
				l.failArrival(h.due[id].cause, a, "how often it arrived", Fault{"arrival", "again", fmt.Sprintf("came more often than it was sent by the log (%d)", h.due[id].times)})
			}
		}
	}
}

const nextAfter = "$response.body#/meta/next_after"

// feed returns the pages of the feed of some types of events, from where the section began.
func (l *live) feed(ctx context.Context, events []string, what string) iter.Seq[Exchange] {
	return func(yield func(e Exchange) bool) {
		if !l.plays("feed") {
			return
		}
		r := l.ask("feed", "", map[string]any{"types": anys(events)})
		for at := l.after; ; {
			if at != "" {
				r.Query.Set("after", at)
			}
			e, ok := l.send(ctx, r, what)
			if !ok || e.Status != http.StatusOK || !yield(e) {
				return
			}
			if more, _ := evaluate("$response.body#/meta/has_more", e); more != "true" {
				return
			}
			at, _ = evaluate(nextAfter, e)
		}
	}
}
