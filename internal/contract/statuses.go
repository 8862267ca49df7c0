package contract

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// provokeStatuses provokes every status below 500 that an operation declares, by what leads to it in general and by the
// operation's own rules. What could not be provoked stays a gap of the coverage.
func (s *Suite) provokeStatuses(ctx context.Context, op Operation) {
	provokers := []func(context.Context, Operation, binding){
		s.provokeNotModified, s.provokeSyntax, s.provokeMissing, s.provokeStale, s.provokeSize, s.provokeMedia, s.provokeRules, s.provokeBurst, s.provokeReuse,
	}
	s.bind(ctx, op, func(b binding) bool {
		for _, provoke := range provokers {
			provoke(ctx, op, b)
		}
		return true
	})
}

func declares(op Operation, status string) bool {
	_, ok := op.Responses[status]
	return ok
}

// expect sends a request and wants it to be answered with the status.
func (s *Suite) expect(ctx context.Context, r Request, status int, what string) {
	e, ok := s.send(ctx, r, what)
	if !ok {
		return
	}
	defer s.remove(ctx, e)
	if e.Status != status {
		s.fail(e, what, Fault{"status", "provoked", fmt.Sprintf("is %d, want %d", e.Status, status)})
	}
}

// provokeNotModified asks for the same again, with its entity tag (RFC 9110 §13.1.2).
func (s *Suite) provokeNotModified(ctx context.Context, op Operation, b binding) {
	if op.Method != http.MethodGet || !declares(op, "304") {
		return
	}
	e, ok := s.send(ctx, s.request(op, b), "entity tag")
	if !ok || e.Status != http.StatusOK {
		return
	}
	if e.Header.Get("ETag") == "" {
		s.fail(e, "entity tag", Fault{"header Etag", "missing", "is not sent, although the document declares 304"})
		return
	}
	for range 3 { // it may change in between
		tag := e.Header.Get("ETag")
		e, ok = s.send(ctx, s.request(op, b).with("If-None-Match", tag), "the same entity tag")
		if !ok || e.Status != http.StatusOK || e.Header.Get("ETag") == tag {
			break
		}
	}
	if e.Status != http.StatusNotModified {
		s.fail(e, "the same entity tag", Fault{"status", "provoked", fmt.Sprintf("is %d, want %d", e.Status, http.StatusNotModified)})
	}
	s.expect(ctx, s.request(op, b).with("If-None-Match", `"another"`), http.StatusOK, "another entity tag")
}

// provokeSyntax sends a body that breaks off, or a parameter that there is none of.
func (s *Suite) provokeSyntax(ctx context.Context, op Operation, b binding) {
	if !declares(op, "400") {
		return
	}
	r := s.request(op, b)
	if op.Body != nil {
		r.Body = []byte(`{"broken": `)
		s.expect(ctx, r, http.StatusBadRequest, "a body that breaks off")
		return
	}
	r.Query.Set("no_such_parameter", "1")
	s.expect(ctx, r, http.StatusBadRequest, "unknown query parameter")
}

// provokeMissing asks for what does not exist.
func (s *Suite) provokeMissing(ctx context.Context, op Operation, b binding) {
	if !declares(op, "404") || len(b.path) == 0 {
		return
	}
	r := s.request(op, b)
	r.Path = unknownPath(op, b)
	s.expect(ctx, r, http.StatusNotFound, "an unknown id")
}

// unknownPath returns values of the same form that nothing has: their last characters are other ones.
func unknownPath(op Operation, b binding) map[string]string {
	path := map[string]string{}
	for _, p := range op.Parameters {
		if value, ok := b.path[p.Name]; ok {
			path[p.Name] = unlike(p.schema, value)
		}
	}
	return path
}

// unlike returns a text that differs from a value at its end, and that the schema takes all the same.
func unlike(schema node, value string) string {
	for n := min(7, len(value)-1); n > 0; n-- {
		for _, digit := range []string{"0", "1", "9"} {
			other := value[:len(value)-n] + strings.Repeat(digit, n)
			if other != value && len(broken(schema, other)) == 0 {
				return other
			}
		}
	}
	return value + "0"
}

// provokeStale sends an entity tag that was never given.
func (s *Suite) provokeStale(ctx context.Context, op Operation, b binding) {
	if declares(op, "412") && s.options.AllowWrites {
		s.expect(ctx, s.request(op, b).with("If-Match", `"0.stale"`), http.StatusPreconditionFailed, "an entity tag of another version")
	}
}

// provokeSize sends a body that is larger than any server takes of JSON.
func (s *Suite) provokeSize(ctx context.Context, op Operation, b binding) {
	if !declares(op, "413") {
		return
	}
	r := s.request(op, b)
	r.Body = bytes.Repeat([]byte(" "), 2<<20)
	s.expect(ctx, r, http.StatusRequestEntityTooLarge, "a body of 2 MB")
}

// provokeMedia sends the body as something else.
func (s *Suite) provokeMedia(ctx context.Context, op Operation, b binding) {
	if declares(op, "415") && op.Body != nil {
		s.expect(ctx, s.request(op, b).with("Content-Type", "text/plain"), http.StatusUnsupportedMediaType, "a body of another media type")
	}
}

// provokeRules sends what breaks each of the operation's rules, about each thing that it could be about until one of them
// is refused: a rule can be one of things of some kind.
func (s *Suite) provokeRules(ctx context.Context, op Operation, _ binding) {
	for _, rule := range op.Rules {
		if op.Method != http.MethodGet && !s.options.AllowWrites {
			continue
		}
		var last Exchange
		broken := s.bind(ctx, op, func(b binding) bool {
			var done bool
			last, done = s.provokeRule(ctx, op, b, rule)
			return done
		})
		if !broken && rule.Needs != "" && last.Status >= http.StatusBadRequest {
			s.report.excuse("statuses", fmt.Sprintf("%s %s", op.ID, s.statusOf(rule)), "needs "+rule.Needs)
			continue
		}
		if f := failureOf(last); !broken && last.Status != 0 {
			s.fail(last, "rule "+rule.Code+" "+rule.Detail, Fault{"body/error/code", "rule " + rule.Detail, fmt.Sprintf("is %q with %+v, want %q with %q", f.Code, f.Details, rule.Code, rule.Detail)})
		}
	}
}

// statusOf returns the status that breaking a rule has, as the document's x-error-codes say.
func (s *Suite) statusOf(rule Rule) string {
	codes := s.document.lookup("/components/schemas/ErrorCode/x-error-codes")
	return fmt.Sprint(codes.get(rule.Code).get("status").value)
}

func (s *Suite) provokeRule(ctx context.Context, op Operation, b binding, rule Rule) (e Exchange, broken bool) {
	r := s.request(op, b)
	for name, value := range rule.Parameters {
		r.Query[name] = texts(s.substitute(value))
	}
	for name, value := range rule.Headers {
		r = r.with(name, fmt.Sprint(value))
	}
	if rule.Path != nil {
		r.Path = map[string]string{}
		for name, value := range rule.Path {
			r.Path[name] = fmt.Sprint(s.substitute(value))
		}
	}
	if rule.Body != nil {
		r.Body = encode(s.substitute(rule.Body))
	}
	e, _ = s.send(ctx, r, "rule "+rule.Code+" "+rule.Detail)
	s.remove(ctx, e)
	return e, breaks(e, rule)
}

// provokeBurst sends the same many times at once, which is what limits on requests under way are for: the same
// idempotency key, or a file.
func (s *Suite) provokeBurst(ctx context.Context, op Operation, b binding) {
	inUse := keyed(op) && declares(op, "409") && s.options.AllowWrites
	tooMany := sendsFile(op) && declares(op, "429")
	if !inUse && !tooMany {
		return
	}
	const rounds, burst = 20, 12
	for round := range rounds {
		s.client.wait(burst)
		r := s.request(op, b)
		r.Limited, r.Paced = true, true
		if keyed(op) {
			r = r.with(idempotencyKey, fmt.Sprintf("contract-%s-%d-%d", op.ID, s.options.Now().UnixNano(), round))
		}
		if s.burst(ctx, r, burst) {
			return
		}
	}
}

// sendsFile reports whether an operation's success is no JSON.
func sendsFile(op Operation) bool {
	media := op.Responses["200"].Media
	_, isJSON := media["application/json"]
	return len(media) > 0 && !isJSON
}

// burst sends a request so many times at once; it reports whether the limit showed.
func (s *Suite) burst(ctx context.Context, r Request, n int) bool {
	answers := make([]Exchange, n)
	var running sync.WaitGroup
	for i := range n {
		running.Go(func() { answers[i], _ = s.client.send(ctx, r) })
	}
	running.Wait()
	limited := false
	var kept *Exchange
	for _, e := range answers {
		s.report.Requests++
		if e.Status == 0 {
			continue
		}
		s.report.cover("statuses", fmt.Sprintf("%s %d", r.Operation.ID, e.Status))
		for _, f := range judge(e) {
			s.fail(e, "many at once", f)
		}
		limited = limited || e.Status == http.StatusConflict || e.Status == http.StatusTooManyRequests
		if e.Status >= 300 || !keyed(r.Operation) {
			continue
		}
		if kept == nil {
			kept = &e
		} else if !bytes.Equal(kept.Body, e.Body) {
			s.fail(e, "many at once", Fault{"body", "idempotency", "is another than the first answer to the same Idempotency-Key"})
		}
	}
	if kept != nil {
		s.remove(ctx, *kept)
	}
	return limited
}

// provokeReuse sends the same idempotency key with another body.
func (s *Suite) provokeReuse(ctx context.Context, op Operation, b binding) {
	if op.Body == nil || len(op.Body.Examples) < 2 || !s.options.AllowWrites || !keyed(op) {
		return
	}
	r := s.request(op, b).with(idempotencyKey, fmt.Sprintf("contract-%s-%d", op.ID, s.options.Now().UnixNano()))
	first, ok := s.send(ctx, r, "a new idempotency key")
	if !ok || first.Status >= 300 {
		return
	}
	defer s.remove(ctx, first)
	again, ok := s.send(ctx, r, "the same request again")
	if secret := secretOf(first); secret != "" {
		if again.Status != http.StatusConflict || bytes.Contains(again.Body, []byte(secret)) {
			s.fail(again, "the same request again", Fault{"body", "secret", fmt.Sprintf("is %d %.200s, want a conflict: the secret is shown once", again.Status, again.Body)})
		}
	} else if ok && (again.Status != first.Status || !bytes.Equal(again.Body, first.Body)) {
		s.fail(again, "the same request again", Fault{"body", "idempotency", "is another than the first answer to the same Idempotency-Key"})
	}
	r.Body = encode(s.substitute(op.Body.Examples[1].Value))
	s.expect(ctx, r, http.StatusUnprocessableEntity, "the same idempotency key with another body")
}

const idempotencyKey = "Idempotency-Key"

func keyed(op Operation) bool {
	return slices.ContainsFunc(op.Parameters, func(p Parameter) bool { return p.Name == idempotencyKey })
}
