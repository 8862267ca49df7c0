package plotwise

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

const testKey = "pw_live_0123456789abcdefghijABCDEFGHIJ012345"

// fake is a server that answers as a test says, and a client of it whose waits take no time.
type fake struct {
	*Client
	core *core
	url  string

	mu    sync.Mutex
	taken []received

	slept    []time.Duration
	attempts []Attempt
}

type received struct {
	*http.Request
	body string
}

// start is what the clock of a fake says.
var start = time.Unix(1_800_000_000, 0).UTC()

func newFake(t *testing.T, answer http.HandlerFunc, options ...ClientOption) *fake {
	t.Helper()
	f := &fake{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read a request: %v", err)
		}
		f.mu.Lock()
		f.taken = append(f.taken, received{r, string(body)})
		f.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	f.connect(t, options...)
	return f
}

// connect makes the client, on connections that no other test shares.
func (f *fake) connect(t *testing.T, options ...ClientOption) {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	client, err := NewClient(append([]ClientOption{WithAPIKey(testKey), WithBaseURL(f.url), WithTransport(transport), WithLog(f.log)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	f.Client, f.core = client, client.Permits.core
	f.core.now = func() time.Time { return start }
	f.core.random = func() float64 { return 1 }
	f.core.sleep = func(ctx context.Context, d time.Duration) error {
		f.slept = append(f.slept, d)
		return ctx.Err()
	}
}

// requests returns those that came so far.
func (f *fake) requests() []received {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.taken)
}

func (f *fake) log(_ context.Context, a Attempt) { f.attempts = append(f.attempts, a) }

// answers answers with bodies, one after the other, and from then on with the last.
func answers(status int, bodies ...string) http.HandlerFunc {
	var answered atomic.Int64
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Request-Id", "req_1")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, bodies[min(int(answered.Add(1)), len(bodies))-1])
	}
}

// failing answers the first times with a status, and then as it should.
func failing(times int64, status int, then http.HandlerFunc) http.HandlerFunc {
	var answered atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) {
		if answered.Add(1) <= times {
			w.WriteHeader(status)
			return
		}
		then(w, r)
	}
}

const (
	emptyPage = `{"data":[],"meta":{"per_page":20,"next_cursor":null}}`
	aNote     = `{"data":{"id":"note_1","body":"größer"}}`
	notFound  = `{"error":{"code":"not_found","message":"There is no such note.","request_id":"req_2","doc_url":"https://example.com/docs#not_found","details":[]}}`
)

// A call of each method that HTTP has here.
var calls = map[string]func(context.Context, *Client, ...CallOption) error{
	"GET": func(ctx context.Context, c *Client, o ...CallOption) error {
		_, err := c.Notes.Get(ctx, "note_1", o...)
		return err
	},
	"DELETE": func(ctx context.Context, c *Client, o ...CallOption) error {
		return c.Notes.Delete(ctx, "note_1", o...)
	},
	"POST": func(ctx context.Context, c *Client, o ...CallOption) error {
		_, err := c.Notes.Create(ctx, UUID{1}, NoteCreate{Body: "größer"}, o...)
		return err
	},
	"PATCH": func(ctx context.Context, c *Client, o ...CallOption) error {
		_, err := c.Notes.Update(ctx, "note_1", NoteUpdate{Body: new("größer")}, o...)
		return err
	},
}
