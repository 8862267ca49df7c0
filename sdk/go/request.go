package plotwise

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"time"
)

const requestID = "X-Request-Id"

// agent begins every User-Agent.
var agent = "plotwise-go/" + version + " " + strings.Replace(runtime.Version(), "go", "go/", 1)

// testWait is how long a test of a webhook may take on top: its receiver has 15 s, and there may be a queue.
const testWait = 30 * time.Second

// core is what all resources of a client share.
type core struct {
	settings
	key     func() string
	baseURL string // with a slash at its end
	http    http.Client
	agent   string
	log     func(context.Context, Attempt)
	now     func() time.Time
	random  func() float64
	sleep   func(context.Context, time.Duration) error
}

// operation is what a method asks for.
type operation struct {
	name  string
	ids   []string      // of its path
	waits time.Duration // how long the server may take on top
	file  bool          // the caller reads the answer
	build func(server string) (*http.Request, error)
}

// call is an operation with all that its attempts have in common.
type call struct {
	*core
	settings settings
	request  *http.Request
	file     bool
}

// result is what came of an attempt: an answer, or a failure.
type result struct {
	status int
	header http.Header
	body   []byte
	file   io.ReadCloser // in place of the body, when the caller reads it
	err    error
	unsent bool // no connection could be made
}

func (c *core) newCall(o operation, options []CallOption) (*call, error) {
	s := c.settings
	for _, option := range options {
		option.applyCall(&s)
	}
	if err := s.check(); err != nil {
		return nil, err
	}
	for _, id := range o.ids {
		if strings.Trim(id, ".") == "" { // which would lead to another path
			return nil, fmt.Errorf("plotwise: %s: %q is no id", o.name, id)
		}
	}
	request, err := o.build(c.baseURL)
	if err != nil {
		return nil, fmt.Errorf("plotwise: %s: %w", o.name, err)
	}
	s.timeout, s.total = s.timeout+o.waits, s.total+o.waits
	k := &call{core: c, settings: s, request: request, file: o.file}
	k.setHeaders()
	return k, nil
}

// setHeaders sets what is the same on every attempt.
func (k *call) setHeaders() {
	h := k.request.Header
	h.Set("Authorization", "Bearer "+k.key())
	h.Set("User-Agent", k.agent)
	if !k.file {
		h.Set("Accept", "application/json")
	}
	if k.request.Method == http.MethodPost {
		if k.settings.idempotencyKey == "" {
			k.settings.idempotencyKey = newUUID()
		}
		h.Set("Idempotency-Key", k.settings.idempotencyKey)
	}
	if k.settings.ifMatch != "" {
		h.Set("If-Match", k.settings.ifMatch)
	}
	for _, extra := range k.settings.headers {
		h.Set(extra.name, extra.value)
	}
}

// do carries an operation out, with as many attempts as it takes and its settings allow.
func (c *core) do(ctx context.Context, o operation, options []CallOption) (*result, error) {
	k, err := c.newCall(o, options)
	if err != nil {
		return nil, err
	}
	deadline := c.now().Add(k.settings.total)
	bounded, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(k.settings.total, func() { end(errTotalTimeout) })
	defer timer.Stop()
	r := k.attempts(bounded, deadline)
	if r.file == nil {
		end(nil)
	} else { // the time is for the answer to begin
		r.file = &file{ReadCloser: r.file, core: c, ctx: bounded, end: func() { end(nil) }}
	}
	if k.settings.response != nil && r.err == nil {
		*k.settings.response = Response{r.status, r.header, r.body, r.header.Get(requestID)}
	}
	switch {
	case r.err != nil:
		return nil, c.connectionError(r.err)
	case r.status < 200 || r.status > 299:
		return nil, c.newError(r.status, r.header, r.body)
	}
	return r, nil
}

// attempts sends the request until it succeeds, or may not be sent again.
func (k *call) attempts(ctx context.Context, deadline time.Time) *result {
	for n := 1; ; n++ {
		began := k.now()
		r := k.attempt(ctx)
		told := Attempt{
			Method: k.request.Method, Path: k.request.URL.Path, Number: n, Status: r.status, Duration: k.now().Sub(began),
			RequestID: k.hide(r.header.Get(requestID)),
		}
		if r.err != nil {
			told.Err, told.Status = k.connectionError(r.err), 0
		}
		again := n <= k.settings.retries && ctx.Err() == nil && r.retryable(k.request.Method)
		if again {
			told.Wait, again = k.wait(n, r.header)
			again = again && !k.now().Add(told.Wait).After(deadline)
		}
		if told.Last = !again; told.Last {
			told.Wait = 0
		}
		if k.log != nil {
			k.log(ctx, told)
		}
		if !again {
			return r
		}
		if err := k.sleep(ctx, told.Wait); err != nil {
			return &result{err: err}
		}
	}
}

// copied returns what a pointer leads to, or the zero value.
func copied[T any](of *T) (value T) {
	if of != nil {
		value = *of
	}
	return value
}

// waited returns how long a request may wait for events.
func waited(seconds *int32) time.Duration {
	return max(0, time.Duration(copied(seconds))*time.Second)
}
