package listen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/plotwise/plotwise/gen/client"
)

const (
	wait         = 30 // seconds that the feed is asked to wait for an event; the most that it takes
	patience     = wait*time.Second + 15*time.Second
	firstBackoff = time.Second
	lastBackoff  = 30 * time.Second
	mostBytes    = 64 << 20
)

// api asks the API. It is safe for concurrent use.
type api struct {
	client *client.Client
	http   *http.Client
	url    string
	note   func(format string, args ...any)
	sleep  func(ctx context.Context, d time.Duration) error
	random func() float64
	now    func() time.Time

	mu       sync.Mutex
	troubled bool // it was said that the API is in trouble, and not yet that it is back
}

func newAPI(o Options, note func(format string, args ...any)) *api {
	a := &api{http: &http.Client{}, url: o.BaseURL, note: note, sleep: o.Sleep, random: o.Random, now: o.Now}
	a.client = &client.Client{Server: o.BaseURL + "/", Client: a.http, RequestEditors: []client.RequestEditorFn{func(_ context.Context, r *http.Request) error {
		r.Header.Set("Authorization", "Bearer "+o.APIKey)
		r.Header.Set("User-Agent", "plotwise-listen")
		return nil
	}}}
	return a
}

// trouble is why there is no answer now. It may pass.
type trouble struct {
	says       string        // goes on after "The API"
	retryAfter time.Duration // 0 when the API does not say
}

func (t trouble) Error() string { return t.says }

// refusal is an answer that another try would not change.
type refusal struct {
	status        int
	code, message string // of the API; "" when something else answered
	url           string
}

func (r refusal) Error() string {
	switch {
	case r.code == "":
		return fmt.Sprintf("%s answers %d, and not as this API does: is --base-url right?", r.url, r.status)
	case r.status == http.StatusUnauthorized:
		return fmt.Sprintf("the API refuses the key (401 %s): %s", r.code, r.message)
	case r.status == http.StatusForbidden:
		return fmt.Sprintf("the API key may not do this (403 %s): %s", r.code, r.message)
	}
	return fmt.Sprintf("the API answers %d %s: %s", r.status, r.code, r.message)
}

// me returns who the key belongs to, and the time by the API's clock.
func (a *api) me(ctx context.Context) (client.Me, time.Time, error) {
	var found client.MeResponse
	header, err := a.get(ctx, &found, func(ctx context.Context) (*http.Response, error) {
		return a.client.GetMe(ctx, &client.GetMeParams{})
	})
	if err == nil && found.Data.Organization.ID == "" {
		err = refusal{status: http.StatusOK, url: a.url}
	}
	at, unknown := http.ParseTime(header.Get("Date"))
	if unknown != nil {
		at = a.now()
	}
	return found.Data, at, err
}

func (a *api) events(ctx context.Context, p client.ListEventsParams) (client.EventList, error) {
	var found client.EventList
	_, err := a.get(ctx, &found, func(ctx context.Context) (*http.Response, error) { return a.client.ListEvents(ctx, &p) })
	return found, err
}

func (a *api) deliveries(ctx context.Context, p client.ListDeliveriesParams) (client.DeliveryList, error) {
	var found client.DeliveryList
	_, err := a.get(ctx, &found, func(ctx context.Context) (*http.Response, error) { return a.client.ListDeliveries(ctx, &p) })
	return found, err
}

func (a *api) delivery(ctx context.Context, id string) (client.DeliveryDetail, error) {
	var found client.DeliveryResponse
	_, err := a.get(ctx, &found, func(ctx context.Context) (*http.Response, error) {
		return a.client.GetDelivery(ctx, id, &client.GetDeliveryParams{})
	})
	return found.Data, err
}

// get asks until there is an answer, and reads it: for as long as it takes, since the user sees that it waits and may end
// it. It returns a refusal, or the context's error.
func (a *api) get(ctx context.Context, into any, ask func(ctx context.Context) (*http.Response, error)) (http.Header, error) {
	backoff := firstBackoff
	for {
		header, err := a.once(ctx, into, ask)
		var t trouble
		if !errors.As(err, &t) {
			if ctx.Err() == nil {
				a.tell(nil)
			}
			return header, err
		}
		a.tell(&t)
		// ±20 %, so that listeners whose connections broke together come back apart.
		if err := a.sleep(ctx, max(t.retryAfter, time.Duration(float64(backoff)*(0.8+0.4*a.random())))); err != nil {
			return nil, err
		}
		backoff = min(2*backoff, lastBackoff)
	}
}

// tell says once that the API is in trouble, and once that it is not any more.
func (a *api) tell(t *trouble) {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case t != nil && !a.troubled && t.retryAfter > 0:
		a.note("The API at %s %s: trying again in %.0f s.", a.url, t.says, t.retryAfter.Seconds())
	case t != nil && !a.troubled:
		a.note("The API at %s %s: trying again.", a.url, t.says)
	case t == nil && a.troubled:
		a.note("The API answers again.")
	}
	a.troubled = t != nil
}

func (a *api) once(parent context.Context, into any, ask func(ctx context.Context) (*http.Response, error)) (http.Header, error) {
	ctx, cancel := context.WithTimeout(parent, patience)
	defer cancel()
	response, err := ask(ctx)
	var body []byte
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		body, err = io.ReadAll(io.LimitReader(response.Body, mostBytes))
	}
	switch {
	case parent.Err() != nil:
		return nil, parent.Err()
	case err != nil:
		a.http.CloseIdleConnections() // a machine that slept has connections that only look open
		return nil, trouble{says: fmt.Sprintf("does not answer (%s)", cause(err))}
	case response.StatusCode != http.StatusOK:
		return nil, a.failure(response, body)
	case json.Unmarshal(body, into) != nil:
		return nil, refusal{status: response.StatusCode, url: a.url}
	}
	return response.Header, nil
}

// failure reads an answer that is none.
func (a *api) failure(response *http.Response, body []byte) error {
	var read client.ErrorResponse
	if json.Unmarshal(body, &read) != nil {
		read = client.ErrorResponse{}
	}
	status, code, message := response.StatusCode, printable(string(read.Error.Code)), printable(read.Error.Message)
	if status != http.StatusTooManyRequests && status < http.StatusInternalServerError {
		return refusal{status: status, code: code, message: message, url: a.url}
	}
	says := fmt.Sprintf("answers %d", status)
	if code != "" {
		says += " " + code
	}
	return trouble{says: says, retryAfter: retryAfter(response.Header, a.now())}
}

// retryAfter returns how long an answer asks to wait (RFC 9110 §10.2.3), a day at most; 0 when it does not.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), 24*time.Hour)
	}
	return 0
}

// cause returns why a request has no answer, without the addresses and calls that Go's errors begin with.
func cause(err error) string {
	var number syscall.Errno
	var dns *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &number):
		return number.Error()
	case errors.As(err, &dns):
		return fmt.Sprintf("%s: %s", dns.Name, dns.Err)
	case errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the end of the answer"
	}
	return printable(err.Error())
}
