package plotwise

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// longestError is how much of an answer is read that is no success.
const longestError = 1 << 20

// attempt sends the request once.
func (k *call) attempt(ctx context.Context) *result {
	bounded, end := context.WithCancelCause(ctx)
	timer := time.AfterFunc(k.settings.timeout, func() { end(errAttemptTimeout) })
	defer timer.Stop()
	var seen connection
	request := k.request.Clone(httptrace.WithClientTrace(bounded, seen.trace()))
	if request.GetBody != nil {
		request.Body, _ = request.GetBody() // which never fails: it is in memory
	}
	response, err := k.http.Do(request)
	if err != nil {
		var outer *url.Error
		if errors.As(err, &outer) {
			err = outer.Err // without the URL, whose query may say what is nobody's business
		}
		err = cause(bounded, err)
		end(nil)
		return &result{err: err, unsent: seen.missing(err)}
	}
	r := &result{status: response.StatusCode, header: response.Header}
	if k.file && r.succeeded() {
		r.file = &ended{response.Body, end}
		return r
	}
	defer end(nil)
	defer func() { _ = response.Body.Close() }()
	r.body, r.err = r.read(response.Body)
	if r.err != nil {
		r.err = cause(bounded, r.err)
	}
	return r
}

func (r *result) succeeded() bool { return r.status >= 200 && r.status <= 299 }

// read reads an answer; a success has to be JSON, unless it is empty by its status.
func (r *result) read(from io.Reader) ([]byte, error) {
	if !r.succeeded() {
		return io.ReadAll(io.LimitReader(from, longestError))
	}
	body, err := io.ReadAll(from)
	if err == nil && r.status != http.StatusNoContent && !json.Valid(body) {
		err = errNoJSON
	}
	return body, err
}

// cause returns why a context has ended, which tells more than the error that came of it; else that error.
func cause(ctx context.Context, err error) error {
	switch ended := context.Cause(ctx); {
	case ended == nil:
		return err
	case errors.Is(ended, errAttemptTimeout), errors.Is(ended, errTotalTimeout):
		return ended
	}
	return ctx.Err()
}

// connection notes whether a request got a connection.
type connection struct{ asked, got atomic.Bool }

func (c *connection) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{GetConn: func(string) { c.asked.Store(true) }, GotConn: func(httptrace.GotConnInfo) { c.got.Store(true) }}
}

// missing reports whether it is certain that there was no connection: transports of others may not tell.
func (c *connection) missing(err error) bool {
	if c.asked.Load() {
		return !c.got.Load()
	}
	var dialed *net.OpError
	var named *net.DNSError
	return errors.As(err, &dialed) && dialed.Op == "dial" || errors.As(err, &named)
}

// ended is a body that ends its attempt when it is closed.
type ended struct {
	io.ReadCloser
	end context.CancelCauseFunc
}

func (e *ended) Close() error {
	err := e.ReadCloser.Close()
	e.end(nil)
	return err
}

// file is a body that the caller reads.
type file struct {
	io.ReadCloser
	core *core
	ctx  context.Context
	end  func()
}

func (f *file) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = f.core.connectionError(cause(f.ctx, err))
	}
	return n, err
}

func (f *file) Close() error {
	err := f.ReadCloser.Close()
	f.end()
	return err
}
