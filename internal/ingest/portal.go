package ingest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// What a portal is asked at most.
const (
	mostTries     = 5
	mostWait      = 5 * time.Minute
	mostPageBytes = 64 << 20
	userAgent     = "Plotwise (+https://github.com/plotwise/plotwise)"
)

// portal asks one dataset of an open-data portal for rows: one request at a time, with a pause between them. It is not
// for concurrent use.
type portal struct {
	client   *http.Client
	resource string        // the dataset's URL
	token    string        // none when empty; it never stands in an error
	pause    time.Duration // between two requests
	bytes    int64         // the most that one answer may have
	sleep    func(context.Context, time.Duration) error
	random   func() float64
	now      func() time.Time
	asked    bool
}

// requestError says why a request brought no rows, and whether it is worth another try.
type requestError struct {
	cause error
	again bool
	after time.Duration // that the portal wants to be left alone
}

// Error returns the cause.
func (e *requestError) Error() string { return e.cause.Error() }

// Unwrap returns the cause.
func (e *requestError) Unwrap() error { return e.cause }

// get returns the rows of a query, and the portal's headers. It tries again when the portal is busy or away, or breaks
// off, but not when it says that the request is wrong.
func (p *portal) get(ctx context.Context, query url.Values) ([]map[string]any, http.Header, error) {
	address := p.resource + "?" + query.Encode()
	if p.asked {
		if err := p.sleep(ctx, p.pause); err != nil {
			return nil, nil, err
		}
	}
	p.asked = true
	for n := 1; ; n++ {
		rows, head, err := p.try(ctx, address)
		var failed *requestError
		if err == nil || !errors.As(err, &failed) {
			return rows, head, err
		}
		wait := max(backoff(n, p.random), failed.after)
		switch {
		case ctx.Err() != nil:
			return nil, nil, fmt.Errorf("GET %s: %w", shorten(address), ctx.Err())
		case !failed.again:
			return nil, nil, fmt.Errorf("GET %s: %w", shorten(address), err)
		case n == mostTries:
			return nil, nil, fmt.Errorf("GET %s: %w, after %d tries", shorten(address), err, n)
		case wait > mostWait:
			return nil, nil, fmt.Errorf("GET %s: %w, and the portal wants no other try for %s", shorten(address), err, failed.after)
		}
		if err := p.sleep(ctx, wait); err != nil {
			return nil, nil, err
		}
	}
}

// backoff returns the wait after try n (1-based): 1 s × 2ⁿ⁻¹, ±20 % jitter so that runners that failed together try
// again apart.
func backoff(n int, random func() float64) time.Duration {
	return time.Duration(float64(time.Second<<(n-1)) * (0.8 + 0.4*random()))
}

// shorten keeps an address readable in an error.
func shorten(address string) string {
	if plain, err := url.QueryUnescape(address); err == nil {
		address = plain
	}
	if len(address) > 300 {
		return strings.ToValidUTF8(address[:300], "") + "…"
	}
	return address
}

func (p *portal) try(ctx context.Context, address string) ([]map[string]any, http.Header, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fmt.Errorf("ask %s: %w", shorten(address), err)
	}
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", userAgent)
	if p.token != "" {
		request.Header.Set("X-App-Token", p.token)
	}
	answer, err := p.client.Do(request) // which asks for gzip and undoes it
	if err != nil {
		var wrapped *url.Error
		if errors.As(err, &wrapped) { // which repeats the address
			err = wrapped.Err
		}
		return nil, nil, &requestError{cause: err, again: true}
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, nil, p.refusal(answer)
	}
	rows, err := p.decode(answer.Body)
	return rows, answer.Header, err
}

// decode reads an answer whole: half a page is no page.
func (p *portal) decode(body io.Reader) ([]map[string]any, error) {
	limited := &io.LimitedReader{R: body, N: p.bytes + 1}
	dec := json.NewDecoder(limited)
	dec.UseNumber() // keeps numbers as they are written
	var rows []map[string]any
	err := dec.Decode(&rows)
	var kind *json.UnmarshalTypeError
	switch {
	case limited.N <= 0:
		return nil, &requestError{cause: fmt.Errorf("the answer is over %d MiB: want a smaller soda.page_size", p.bytes>>20)}
	case errors.As(err, &kind):
		return nil, &requestError{cause: errors.New("the answer is no list of rows")}
	case err != nil:
		return nil, &requestError{cause: fmt.Errorf("the answer breaks off or is no JSON: %w", err), again: true}
	}
	return rows, nil
}

// refusal explains an answer that is not 200, in the portal's own words where it has any.
func (p *portal) refusal(answer *http.Response) error {
	e := &requestError{cause: errors.New(answer.Status)}
	switch {
	case answer.StatusCode >= 300 && answer.StatusCode < 400: // not followed: the token is for this host
		e.cause = fmt.Errorf("%s to %s: want that portal as soda.url", answer.Status, answer.Header.Get("Location"))
		return e
	case answer.StatusCode == http.StatusAccepted, answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode >= 500:
		e.again, e.after = true, p.retryAfter(answer.Header.Get("Retry-After"))
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, 64<<10))
	if err != nil {
		return e // the status says enough
	}
	var said struct {
		Message string `json:"message"`
	}
	if json.Unmarshal(bytes.TrimSpace(text), &said) == nil && said.Message != "" {
		message := normalize(said.Message)
		if p.token != "" {
			message = strings.ReplaceAll(message, p.token, "…")
		}
		e.cause = fmt.Errorf("%s: %s", answer.Status, message)
	}
	return e
}

// retryAfter reads the header (RFC 9110 §10.2.3): seconds or a date; zero when it says nothing.
func (p *portal) retryAfter(text string) time.Duration {
	if seconds, err := strconv.Atoi(text); err == nil {
		return time.Duration(min(max(seconds, 0), 1<<30)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(at.Sub(p.now()), 0)
	}
	return 0
}
