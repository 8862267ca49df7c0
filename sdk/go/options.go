package plotwise

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// ClientOption is an option of NewClient.
type ClientOption interface{ applyClient(*core) }

// CallOption is an option of a single call.
type CallOption interface{ applyCall(*settings) }

// Option is one of a client and of a single call alike; that of the call wins.
type Option interface {
	ClientOption
	CallOption
}

// settings are what a client has and a call may change.
type settings struct {
	timeout time.Duration // of one attempt
	total   time.Duration
	retries int
	headers []header

	idempotencyKey string
	ifMatch        string
	response       *Response
}

type header struct{ name, value string }

func (s *settings) check() error {
	if s.timeout <= 0 || s.total <= 0 || s.retries < 0 {
		return fmt.Errorf("plotwise: a timeout has to be over 0, and retries not under: these are %s, %s and %d", s.timeout, s.total, s.retries)
	}
	for _, h := range append([]header{{"Idempotency-Key", s.idempotencyKey}, {"If-Match", s.ifMatch}}, s.headers...) {
		if !isToken(h.name) || !inHeader(h.value) {
			return fmt.Errorf("plotwise: the header %q has a name or a value that no header can have", h.name)
		}
	}
	return nil
}

type clientOption func(*core)

func (o clientOption) applyClient(c *core) { o(c) }

type callOption func(*settings)

func (o callOption) applyCall(s *settings) { o(s) }

type option func(*settings)

func (o option) applyClient(c *core)   { o(&c.settings) }
func (o option) applyCall(s *settings) { o(s) }

// WithAPIKey gives the key, in place of PLOTWISE_API_KEY.
func WithAPIKey(key string) ClientOption {
	return clientOption(func(c *core) { c.setKey(key) })
}

// WithBaseURL gives the URL before /v1, in place of PLOTWISE_BASE_URL.
func WithBaseURL(url string) ClientOption { return clientOption(func(c *core) { c.baseURL = url }) }

// WithHTTPClient has requests sent by a client of yours. It is copied: redirects are not followed whatever it says.
func WithHTTPClient(client *http.Client) ClientOption {
	return clientOption(func(c *core) { c.http = *client })
}

// WithTransport has requests sent by a transport of yours, such as one that traces or goes through a proxy.
func WithTransport(transport http.RoundTripper) ClientOption {
	return clientOption(func(c *core) { c.http.Transport = transport })
}

// WithLog has every attempt told once it has ended, on the goroutine of the call.
func WithLog(log func(context.Context, Attempt)) ClientOption {
	return clientOption(func(c *core) { c.log = log })
}

// WithUserAgent adds to the user agent, such as the name and version of your program.
func WithUserAgent(suffix string) ClientOption {
	return clientOption(func(c *core) { c.agent = agent + " " + suffix })
}

// WithTimeout sets the time for one attempt, 30 s by default. Calls that wait on the server get that time on top.
func WithTimeout(timeout time.Duration) Option {
	return option(func(s *settings) { s.timeout = timeout })
}

// WithTotalTimeout sets the time for all attempts and the waits between them, 120 s by default.
func WithTotalTimeout(timeout time.Duration) Option {
	return option(func(s *settings) { s.total = timeout })
}

// WithRetries sets how many times a failed request is sent again at most, 2 by default; 0 for never.
func WithRetries(retries int) Option { return option(func(s *settings) { s.retries = retries }) }

// WithHeader adds a header, or replaces the one of that name.
func WithHeader(name, value string) Option {
	return option(func(s *settings) { s.headers = append(s.headers[:len(s.headers):len(s.headers)], header{name, value}) })
}

// WithIdempotencyKey gives the key that keeps a POST from being carried out twice, in place of a random one: have it at hand
// before the call, and a program that was ended in between can call again with it.
func WithIdempotencyKey(key string) CallOption {
	return callOption(func(s *settings) { s.idempotencyKey = key })
}

// WithIfMatch has a change made only to the version whose ETag this is (see WithResponse), or to any that exists: "*".
// Otherwise the call fails with CodePreconditionFailed.
func WithIfMatch(etag string) CallOption { return callOption(func(s *settings) { s.ifMatch = etag }) }

// WithResponse has the answer written down, an error's too. Of several pages it is the last.
func WithResponse(response *Response) CallOption {
	return callOption(func(s *settings) { s.response = response })
}

// Response is an answer as it came.
type Response struct {
	Status    int
	Header    http.Header
	Body      []byte // nil when it is read by the caller, as a file
	RequestID string
}
