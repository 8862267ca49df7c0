// Package outbound posts to other people's URLs, and never to an address that only this server, its network or its cloud
// can reach (server-side request forgery, CWE-918).
package outbound

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"time"
)

const (
	maxBodyBytes   = 64 << 10
	maxHeaderBytes = 64 << 10
)

// Result is what became of a post.
type Result struct {
	Status    int         // 0 when there was no answer
	Header    http.Header // of the answer, at most 64 KiB
	Body      []byte      // the first 64 KiB of the answer: any bytes, encoded as the receiver likes
	Truncated bool        // whether the answer went on

	Reason Reason // why there is no answer, or not all of it; "" when there is
	Cause  error  // of Reason, for the log alone: it may name addresses that the receiver must not learn

	Address netip.AddrPort // that was connected to, or that was tried; never one that was refused
	DNS     time.Duration  // 0, as Connect and TLS, when an open connection was used again
	Connect time.Duration
	TLS     time.Duration
	Wait    time.Duration // from the connection to the first byte of the answer
	Total   time.Duration
}

// Succeeded reports whether the receiver answered with 2xx, and to the end.
func (r Result) Succeeded() bool { return r.Reason == "" && r.Status >= 200 && r.Status <= 299 }

// Client posts. It keeps a few connections open and uses them again. It is safe for concurrent use.
type Client struct {
	allowed []netip.Prefix
	timeout time.Duration
	now     func() time.Time
	schemes map[string]*http.Transport
}

// NewClient returns a Client whose posts may take timeout. It may also call the allowed networks, with http and on any
// port. It asks resolver for the addresses of names; nil is the system's.
func NewClient(allowed []netip.Prefix, timeout time.Duration, resolver *net.Resolver, now func() time.Time) *Client {
	return &Client{allowed: allowed, timeout: timeout, now: now, schemes: map[string]*http.Transport{
		"https": transport(resolver, func(a netip.AddrPort) error { return judge(a, allowed) }),
		"http":  transport(resolver, func(a netip.AddrPort) error { return judgeUnencrypted(a, allowed) }),
	}}
}

// Close closes the connections that are kept open.
func (c *Client) Close() {
	for _, t := range c.schemes {
		t.CloseIdleConnections()
	}
}

// Post sends the body, with header and no other (but Host, Content-Length and a User-Agent), and returns what came of
// it. It follows no redirect: 3xx is an answer as any other. Where the receiver closes a connection while it is being
// used again, Post sends the same on a new one, so that the receiver may see it twice. Header is not changed.
func (c *Client) Post(ctx context.Context, url string, header http.Header, body []byte) Result {
	start := c.now()
	r := Result{Reason: Refused}
	if d := checkURL(url, func(h host) bool { return contains(c.allowed, h.address) || (h.name != "" && len(c.allowed) > 0) }); d != nil {
		r.Cause = fmt.Errorf("the URL %s", d.Message)
	} else {
		r = c.post(ctx, url, header, body)
	}
	r.Total = c.now().Sub(start)
	return r
}

func (c *Client) post(ctx context.Context, url string, header http.Header, body []byte) Result {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	t := &trace{now: c.now}
	request, err := newRequest(httptrace.WithClientTrace(ctx, t.hooks()), url, header, body)
	if err != nil {
		return Result{Reason: Refused, Cause: err}
	}
	var r Result
	// RoundTrip, not http.Client, which adds redirects and cookies.
	response, err := c.schemes[request.URL.Scheme].RoundTrip(request)
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		r, err = read(response)
	}
	t.fill(&r)
	if err != nil {
		r.Reason, r.Cause = reasonOf(ctx, err, t.handshakeFailed()), err
	}
	return r
}

func newRequest(ctx context.Context, text string, header http.Header, body []byte) (*http.Request, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, text, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	if header != nil {
		request.Header = header.Clone()
	}
	if _, ok := request.Header["Idempotency-Key"]; !ok {
		request.Header["Idempotency-Key"] = nil // sends nothing, but lets net/http try again where a kept connection is dead
	}
	return request, nil
}

var (
	errNoStatus = errors.New("the receiver answered with a status below 100")
	errSwitched = errors.New("the receiver switched to another protocol")
)

// read returns what an answer holds, with the first 64 KiB of the body.
func read(response *http.Response) (Result, error) {
	if response.StatusCode < 100 { // which net/http lets through
		return Result{}, errNoStatus
	}
	r := Result{Status: response.StatusCode, Header: response.Header}
	if r.Status == http.StatusSwitchingProtocols { // then no deadline would end the reading
		return r, errSwitched
	}
	var err error
	r.Body, err = io.ReadAll(io.LimitReader(response.Body, maxBodyBytes+1))
	if len(r.Body) > maxBodyBytes {
		r.Body, r.Truncated = r.Body[:maxBodyBytes], true
		return r, nil
	}
	return r, err
}
