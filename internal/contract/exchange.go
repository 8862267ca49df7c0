package contract

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

func canonical(header string) string { return textproto.CanonicalMIMEHeaderKey(header) }

// Request is a request to one operation.
type Request struct {
	Operation Operation
	Key       string            // "" sends none
	Path      map[string]string // values of the path's parameters
	Query     url.Values
	Header    map[string]string
	Body      []byte // nil sends none
	Paced     bool   // its turn was waited for already
	Limited   bool   // it may be answered with 429; others are sent again after a while then
}

// with returns a copy with a header more.
func (r Request) with(name, value string) Request {
	header := map[string]string{name: value}
	for n, v := range r.Header {
		if n != name {
			header[n] = v
		}
	}
	r.Header = header
	return r
}

// Exchange is a request with its answer.
type Exchange struct {
	Request Request
	URL     string
	Status  int
	Header  http.Header
	Body    []byte
	Took    time.Duration
}

// json returns the answer's body, decoded; nil when it is no JSON.
func (e Exchange) json() any {
	dec := json.NewDecoder(bytes.NewReader(e.Body))
	dec.UseNumber()
	var v any
	if dec.Decode(&v) != nil {
		return nil
	}
	return v
}

// Curl returns a command that sends the request again. The key stands in it as a variable of the shell.
func (e Exchange) Curl() string {
	parts := []string{"curl -i"}
	if e.Request.Operation.Method != http.MethodGet {
		parts = append(parts, "-X "+e.Request.Operation.Method)
	}
	if e.Request.Key != "" {
		parts = append(parts, `-H "Authorization: Bearer $PLOTWISE_API_KEY"`)
	}
	var names []string
	for name := range e.Request.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		parts = append(parts, "-H "+quoted(name+": "+e.Request.Header[name]))
	}
	if e.Request.Body != nil && e.Request.Header["Content-Type"] == "" {
		parts = append(parts, "-H 'Content-Type: application/json'")
	}
	switch body := string(e.Request.Body); {
	case len(body) > 2000:
		parts = append(parts, fmt.Sprintf("--data-binary @- # a body of %d bytes", len(body)))
	case body != "":
		parts = append(parts, "--data-binary "+quoted(body))
	}
	return strings.Join(append(parts, quoted(e.URL)), " ")
}

func quoted(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// client sends requests, a few at once and so many a second at most.
type client struct {
	base  string
	http  *http.Client
	slots chan struct{}
	pace  <-chan time.Time // nil: as fast as they come
}

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 64 << 20
)

// send sends a request, again when a limit is in its way. An error means that there was no answer.
func (c *client) send(ctx context.Context, r Request) (Exchange, error) {
	const tries = 5
	for try := 1; ; try++ {
		e, err := c.sendOnce(ctx, r)
		seconds, _ := strconv.Atoi(e.Header.Get("Retry-After"))
		if err != nil || e.Status != http.StatusTooManyRequests || r.Limited || try == tries || seconds == 0 {
			return e, err
		}
		select {
		case <-ctx.Done():
			return e, ctx.Err()
		case <-time.After(time.Duration(min(seconds, maxWait)) * time.Second):
		}
	}
}

// maxWait is how many seconds a limit is waited for.
const maxWait = 60

// wait waits until so many requests may be sent.
func (c *client) wait(n int) {
	if c.pace == nil {
		return
	}
	for range n {
		<-c.pace
	}
}

func (c *client) sendOnce(ctx context.Context, r Request) (Exchange, error) {
	c.slots <- struct{}{}
	defer func() { <-c.slots }()
	if !r.Paced {
		c.wait(1)
	}
	path := r.Operation.Path
	for name, value := range r.Path {
		path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(value))
	}
	e := Exchange{Request: r, URL: c.base + path}
	if len(r.Query) > 0 {
		e.URL += "?" + r.Query.Encode()
	}
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, r.Operation.Method, e.URL, bytes.NewReader(r.Body))
	if err != nil {
		return e, fmt.Errorf("make a request to %s: %w", r.Operation.ID, err)
	}
	if r.Body != nil && r.Header["Content-Type"] == "" {
		request.Header.Set("Content-Type", "application/json")
	}
	if r.Key != "" {
		request.Header.Set("Authorization", "Bearer "+r.Key)
	}
	for name, value := range r.Header {
		request.Header.Set(name, value)
	}
	start := time.Now() //nolint:forbidigo // how long a real server takes
	response, err := c.http.Do(request)
	if err != nil {
		return e, fmt.Errorf("send %s: %w", r.Operation.ID, err)
	}
	defer func() { _ = response.Body.Close() }()
	e.Status, e.Header = response.StatusCode, response.Header
	e.Body, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	e.Took = time.Since(start)
	if err != nil {
		return e, fmt.Errorf("read the answer of %s: %w", r.Operation.ID, err)
	}
	return e, nil
}
