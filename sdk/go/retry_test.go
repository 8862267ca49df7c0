package plotwise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// broken breaks the connection before there is an answer.
func broken(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// truncated sends less than it says.
func truncated(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"data":{"id":"note_1",`)
}

// held waits until the caller has gone.
func held(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func page(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/html")
	_, _ = io.WriteString(w, "<html>It works!</html>")
}

// How many attempts a failure leads to, with two retries: the table of sdk/README.md.
func TestRetries(t *testing.T) {
	type failure struct {
		name   string
		answer http.HandlerFunc
		patch  int
		others int
	}
	failures := []failure{
		{"429", answers(429, "{}"), 3, 3},
		{"broken", broken, 1, 3},
		{"timeout", held, 1, 3},
		{"truncated", truncated, 1, 3},
		{"no JSON", page, 1, 3},
	}
	for _, status := range []int{408, 500, 501, 502, 503, 504, 507, 599} {
		failures = append(failures, failure{fmt.Sprint(status), answers(status, "{}"), 1, 3})
	}
	for _, status := range []int{301, 302, 307, 400, 401, 403, 404, 405, 409, 410, 412, 413, 415, 418, 422, 425, 451} {
		failures = append(failures, failure{fmt.Sprint(status), answers(status, "{}"), 1, 1})
	}
	for _, failure := range failures {
		for method, call := range calls {
			var options []ClientOption
			if failure.name == "timeout" {
				options = append(options, WithTimeout(50*time.Millisecond))
			}
			f := newFake(t, failure.answer, options...)
			want := failure.others
			if method == http.MethodPatch {
				want = failure.patch
			}
			if err := call(t.Context(), f.Client); err == nil {
				t.Errorf("%s of %s succeeds", method, failure.name)
			}
			if len(f.requests()) != want || len(f.attempts) != want || len(f.slept) != want-1 {
				t.Errorf("%s of %s: %d requests, %d attempts and %d waits, want %d attempts", method, failure.name, len(f.requests()), len(f.attempts), len(f.slept), want)
			}
			for _, r := range f.requests() {
				if r.body != f.requests()[0].body || r.Header.Get("Idempotency-Key") != f.requests()[0].Header.Get("Idempotency-Key") {
					t.Errorf("%s of %s: the body or the idempotency key changes", method, failure.name)
				}
			}
		}
	}
}

// plainTransport fails as transports do that tell nothing by traces.
type plainTransport struct {
	err   error
	count int
}

func (p *plainTransport) RoundTrip(*http.Request) (*http.Response, error) {
	p.count++
	return nil, p.err
}

func TestRetries_no_connection(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for method, call := range calls {
		f := &fake{url: nobody}
		f.connect(t)
		var failed *ConnectionError
		if err := call(t.Context(), f.Client); !errors.As(err, &failed) || failed.Timeout() || len(f.attempts) != 3 {
			t.Errorf("%s of nobody = %v after %d attempts, want a ConnectionError after 3", method, err, len(f.attempts))
		}
		for text, c := range map[string]struct {
			err  error
			want int
		}{
			"dial":   {&net.OpError{Op: "dial", Err: errors.New("refused")}, 3},
			"lookup": {&net.DNSError{Err: "no such host"}, 3},
			"read":   {&net.OpError{Op: "read", Err: errors.New("reset")}, map[bool]int{true: 1, false: 3}[method == http.MethodPatch]},
		} {
			transport := &plainTransport{err: c.err}
			f.connect(t, WithTransport(transport))
			if err := call(t.Context(), f.Client); !errors.As(err, &failed) || transport.count != c.want {
				t.Errorf("%s of %s = %v after %d attempts, want %d", method, text, err, transport.count, c.want)
			}
		}
	}
}

func TestRetries_succeed(t *testing.T) {
	for method, call := range calls {
		f := newFake(t, failing(2, http.StatusTooManyRequests, answers(http.StatusOK, aNote)))
		if err := call(t.Context(), f.Client); err != nil || len(f.requests()) != 3 {
			t.Errorf("%s = %v after %d attempts, want success after 3", method, err, len(f.requests()))
		}
	}
	for retries, want := range map[int]int{0: 1, 1: 2, 5: 6} {
		f := newFake(t, answers(http.StatusBadGateway, "{}"), WithRetries(9))
		if err := calls["GET"](t.Context(), f.Client, WithRetries(retries)); err == nil || len(f.requests()) != want {
			t.Errorf("%d retries = %v after %d attempts, want %d", retries, err, len(f.requests()), want)
		}
	}
}

func TestRetries_waits(t *testing.T) {
	f := newFake(t, answers(http.StatusBadGateway, "{}"), WithRetries(6), WithTotalTimeout(time.Hour))
	for random, want := range map[float64][]time.Duration{
		0: {250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 4 * time.Second},
		1: {500 * time.Millisecond, time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 8 * time.Second},
	} {
		f.slept, f.core.random = nil, func() float64 { return random }
		if err := calls["GET"](t.Context(), f.Client); err == nil {
			t.Error("it succeeds")
		}
		if diff := cmp.Diff(want, f.slept); diff != "" {
			t.Errorf("waits by %g (-want +got):\n%s", random, diff)
		}
	}
	for range 1000 {
		if got := random(); got < 0 || got >= 1 {
			t.Fatalf("random = %g", got)
		}
	}
}

func TestRetries_after(t *testing.T) {
	for _, c := range []struct {
		told  string
		total time.Duration
		want  []time.Duration
	}{
		{"0", time.Hour, []time.Duration{0}},
		{"7", time.Hour, []time.Duration{7 * time.Second}},
		{"60", time.Hour, []time.Duration{time.Minute}},
		{"61", time.Hour, nil},
		{"99999999999999999999", time.Hour, []time.Duration{500 * time.Millisecond}}, // no number that means anything
		{"-1", time.Hour, []time.Duration{500 * time.Millisecond}},
		{"soon", time.Hour, []time.Duration{500 * time.Millisecond}},
		{start.Add(9 * time.Second).Format(http.TimeFormat), time.Hour, []time.Duration{9 * time.Second}},
		{start.Add(-time.Hour).Format(http.TimeFormat), time.Hour, []time.Duration{0}},
		{start.Add(61 * time.Second).Format(http.TimeFormat), time.Hour, nil},
		{"30", 30 * time.Second, []time.Duration{30 * time.Second}},
		{"31", 30 * time.Second, nil},
		{"", 400 * time.Millisecond, nil},
	} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Retry-After", c.told)
				answers(status, "{}")(w, r)
			}, WithRetries(1), WithTotalTimeout(c.total))
			var failed *Error
			if err := calls["GET"](t.Context(), f.Client); !errors.As(err, &failed) || failed.Status != status {
				t.Errorf("%d with Retry-After: %s = %v", status, c.told, err)
			}
			if diff := cmp.Diff(c.want, f.slept); diff != "" {
				t.Errorf("%d with Retry-After: %s, waits (-want +got):\n%s", status, c.told, diff)
			}
		}
	}
}

var isUUID = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

func TestIdempotencyKey(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, aNote))
	seen := map[string]bool{}
	for range 10 {
		if err := calls["POST"](t.Context(), f.Client); err != nil {
			t.Fatal(err)
		}
		key := f.requests()[len(f.requests())-1].Header.Get("Idempotency-Key")
		if !isUUID.MatchString(key) || seen[key] {
			t.Errorf("the idempotency key is %q, want a UUID of its own", key)
		}
		seen[key] = true
	}
	if err := calls["POST"](t.Context(), f.Client, WithIdempotencyKey("order-7")); err != nil || f.requests()[10].Header.Get("Idempotency-Key") != "order-7" {
		t.Errorf("POST = %v with the key %v, want order-7", err, f.requests()[10].Header)
	}
	for _, method := range []string{"GET", "PATCH", "DELETE"} {
		f.taken = nil
		if err := calls[method](t.Context(), f.Client); err != nil || len(f.requests()[0].Header.Values("Idempotency-Key")) > 0 {
			t.Errorf("%s = %v with an idempotency key: %v", method, err, f.requests()[0].Header)
		}
	}
}

func TestCancel(t *testing.T) {
	asked := make(chan bool, 10)
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		asked <- true
		held(w, r)
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-asked
		cancel()
	}()
	var failed *ConnectionError
	if err := calls["GET"](ctx, f.Client); !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || failed.Timeout() || len(f.attempts) != 1 {
		t.Errorf("cancelled = %v after %d attempts", err, len(f.attempts))
	}
	ctx, cancel = context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := calls["GET"](ctx, f.Client); !errors.Is(err, context.DeadlineExceeded) || !errors.As(err, &failed) || !failed.Timeout() || len(f.attempts) != 2 {
		t.Errorf("past the caller's deadline = %v after %d attempts", err, len(f.attempts))
	}
}

func TestCancel_wait(t *testing.T) {
	f := newFake(t, answers(http.StatusBadGateway, "{}"))
	ctx, cancel := context.WithCancel(t.Context())
	f.core.sleep = func(ctx context.Context, d time.Duration) error {
		cancel()
		return sleep(ctx, time.Hour)
	}
	if err := calls["GET"](ctx, f.Client); !errors.Is(err, context.Canceled) || len(f.requests()) != 1 {
		t.Errorf("cancelled while it waits = %v after %d attempts", err, len(f.requests()))
	}
	if err := sleep(t.Context(), time.Nanosecond); err != nil {
		t.Errorf("sleep = %v", err)
	}
}

func TestTimeouts(t *testing.T) {
	f := newFake(t, held)
	for _, c := range []struct {
		options  []CallOption
		want     string
		attempts int
	}{
		{[]CallOption{WithTimeout(30 * time.Millisecond)}, "plotwise: the time for an attempt was over", 3},
		{[]CallOption{WithTotalTimeout(30 * time.Millisecond)}, "plotwise: the time for the call was over", 1},
	} {
		f.attempts = nil
		var failed *ConnectionError
		err := calls["GET"](t.Context(), f.Client, c.options...)
		if !errors.As(err, &failed) || !failed.Timeout() || err.Error() != c.want || len(f.attempts) != c.attempts {
			t.Errorf("%v after %d attempts, want %s after %d", err, len(f.attempts), c.want, c.attempts)
		}
	}
}

// The body belongs to the attempt.
func TestTimeouts_body(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"data":`)
		_ = http.NewResponseController(w).Flush()
		held(w, r)
	})
	var failed *ConnectionError
	if err := calls["PATCH"](t.Context(), f.Client, WithTimeout(50*time.Millisecond)); !errors.As(err, &failed) || !failed.Timeout() {
		t.Errorf("half a body = %v, want a timeout", err)
	}
}

func TestTimeouts_waits(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, "{}"))
	for name, c := range map[string]struct{ waits, timeout, total time.Duration }{
		"usual": {0, 30 * time.Second, 120 * time.Second}, "feed": {waited(new(int32(20))), 50 * time.Second, 140 * time.Second},
		"no wait": {waited(nil), 30 * time.Second, 120 * time.Second}, "less": {waited(new(int32(-5))), 30 * time.Second, 120 * time.Second},
	} {
		k, err := f.core.newCall(operation{waits: c.waits, build: func(server string) (*http.Request, error) {
			return http.NewRequestWithContext(t.Context(), http.MethodGet, server, nil)
		}}, nil)
		if err != nil || k.settings.timeout != c.timeout || k.settings.total != c.total {
			t.Errorf("%s: timeouts = %s, %s, %v, want %s, %s", name, k.settings.timeout, k.settings.total, err, c.timeout, c.total)
		}
	}
}

func TestRedirect(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/v1/elsewhere", http.StatusFound) })
	f.connect(t, WithHTTPClient(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}))
	for method, call := range calls {
		f.taken = nil
		var failed *Error
		if err := call(t.Context(), f.Client); !errors.As(err, &failed) || failed.Status != 302 || failed.Code != "" || len(f.requests()) != 1 {
			t.Errorf("%s of a redirect = %v after %d requests", method, err, len(f.requests()))
		}
		if got := failed.Header.Get("Location"); !strings.HasSuffix(got, "/v1/elsewhere") {
			t.Errorf("%s: Location = %s", method, got)
		}
	}
}
