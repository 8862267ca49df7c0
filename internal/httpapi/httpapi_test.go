package httpapi_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/docs"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/watchlist"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func nowUTC() time.Time { return time.Now().UTC() }

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) Reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.text.Reset()
}

// world is a server with an organization, some keys, and a handful of permits.
type world struct {
	*httptest.Server
	db            *postgres.DB
	log           *logBuffer
	metrics       *httpapi.Metrics
	hub           *events.Hub
	organization  uuid.UUID
	exportTimeout time.Duration
	testWait      time.Duration
	limits        httpapi.Limits
	meter         *usage.Meter
	box           *secret.Box
	allowNets     []netip.Prefix
	key           string // with every permission
}

const source = `
jurisdiction: {slug: %s, name: Test County, region: FL}
statuses: {In Review: in_review, Issued: permit_issued, Final: permit_finaled}
`

const rows = `PermitNum,StatusCurrent,PermitType,Description,OriginalAddress1,OriginalCity,OriginalState,OriginalZip,Latitude,Longitude,AppliedDate,IssuedDate,EstProjectCost,ContractorCompanyName
B-1,In Review,Roof,Replace shingles,1 Palm Ave,Tampa,FL,33601,27.95,-82.46,2026-01-05,,1000.50,Bayline Roofing Inc
B-2,Issued,Pool,New pool and spa,2 Palm Ave,Tampa,FL,33601,27.951,-82.461,2026-01-06,2026-02-01,,
B-3,Final,Roof,Metal roof,3 Palm Ave,Naples,FL,34102,26.14,-81.79,2026-01-07,2026-02-02,2000,
B-4,Odd Words,Fence,,4 Palm Ave,Naples,FL,34102,,,,,,
`

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, func(*world) {})
}

// newWorldWith changes the world before it is served.
func newWorldWith(t *testing.T, change func(w *world)) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), log: &logBuffer{}, hub: events.NewHub(), box: newBox(t), testWait: 20 * time.Millisecond}
	w.limits = httpapi.Limits{Organizations: ratelimit.NewMemory(time.Now), PerAddress: 1000, InFlight: 1000}
	w.meter = usage.NewMeter(w.db, apikeys.NewService(w.db, nowUTC, newID).Touch, nowUTC, newID())
	w.importRows(t, rows)
	ctx := t.Context()
	var err error
	if w.organization, err = organizations.NewService(w.db, time.Now, newID).Create(ctx, "Test", "starter"); err != nil {
		t.Fatal(err)
	}
	w.allow(t, 1_000_000)
	w.key = w.newKey(t, identity.Admin, identity.Read, identity.Write)
	found := contacts.NewService(w.db, newID)
	for _, number := range []string{"B-1", "B-2"} {
		if _, _, err := watchlist.NewService(w.db, found.Track, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now).Add(ctx, w.organization, watchlist.Create{PermitNumber: number}); err != nil {
			t.Fatal(err)
		}
	}
	change(w)
	w.Server = httptest.NewServer(w.handler(t, "enforce"))
	t.Cleanup(w.Close)
	return w
}

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	return secret.NewBox(key)
}

// allow lets the organization send so many requests a minute.
func (w *world) allow(t *testing.T, perMinute int32) {
	t.Helper()
	if err := organizations.NewService(w.db, time.Now, newID).SetPlan(t.Context(), w.organization, "starter", &perMinute); err != nil {
		t.Fatal(err)
	}
}

// reference is rendered once: that takes seconds with the race detector.
var reference = sync.OnceValues(func() (http.Handler, error) { return docs.New("http://api.test") })

func (w *world) handler(t *testing.T, validate string) http.Handler {
	t.Helper()
	site, err := reference()
	if err != nil {
		t.Fatal(err)
	}
	w.metrics = httpapi.NewMetrics(w.db)
	handler, err := httpapi.New(httpapi.Options{
		DB: w.db, Log: slog.New(slog.NewTextHandler(w.log, nil)), Metrics: w.metrics, PublicURL: "http://api.test",
		ValidateResponses: validate, Engine: validation.Both, Docs: site, ExportTimeout: w.exportTimeout, TestWait: w.testWait, Limits: w.limits, Meter: w.meter,
		Outbox: events.NewOutbox(slog.New(slog.DiscardHandler), nowUTC, newID), Hub: w.hub, Box: w.box, AllowNets: w.allowNets, Now: time.Now, NewID: newID,
	})
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

func (w *world) importRows(t *testing.T, text string) {
	t.Helper()
	w.importAs(t, strings.Replace(source, "%s", "test", 1), text)
}

func (w *world) importAs(t *testing.T, source, text string) {
	t.Helper()
	s, err := ingest.ParseSource(strings.NewReader(source), "test")
	if err != nil {
		t.Fatal(err)
	}
	files := []ingest.File{{Name: "test.csv", Reader: strings.NewReader(text)}}
	if _, err := ingest.NewImporter(w.db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(t.Context(), s, files, ingest.Progress{}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) newKey(t *testing.T, permissions ...identity.Permission) string {
	t.Helper()
	_, key, err := apikeys.NewService(w.db, time.Now, newID).Create(t.Context(), apikeys.Key{
		OrganizationID: w.organization, Name: "test", Permissions: permissions,
	})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

type answer struct {
	status int
	header http.Header
	body   []byte
}

// errorBody is the envelope of a failure.
type errorBody struct {
	Error struct {
		Code      string `json:"code"`
		Message   string `json:"message"`
		RequestID string `json:"request_id"`
		DocURL    string `json:"doc_url"`
		Details   []struct{ In, Pointer, Code, Message string }
	}
}

func (a answer) failure(t *testing.T) errorBody {
	t.Helper()
	var e errorBody
	if err := json.Unmarshal(a.body, &e); err != nil {
		t.Fatalf("the body %q is no JSON: %v", a.body, err)
	}
	return e
}

func (w *world) do(t *testing.T, method, path string, header map[string]string, body io.Reader) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, w.URL, body)
	if err != nil {
		t.Fatal(err)
	}
	path, query, _ := strings.Cut(path, "?")
	r.URL.Path, _ = url.PathUnescape(path)
	r.URL.RawPath, r.URL.RawQuery = path, query
	r.Header.Set("Authorization", "Bearer "+w.key)
	for name, value := range header {
		r.Header.Set(name, value)
	}
	response, err := (&http.Transport{}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, text}
}

func (w *world) get(t *testing.T, path string) answer {
	t.Helper()
	return w.do(t, http.MethodGet, path, nil, nil)
}

// list is the body of a list of permits.
type list struct {
	Data []struct {
		UUID         string `json:"uuid"`
		PermitNumber string `json:"permit_number"`
		UpdatedAt    string `json:"updated_at"`
	}
	Meta struct {
		Page          *int
		Total         *int
		TotalRelation *string `json:"total_relation"`
		NextCursor    *string `json:"next_cursor"`
	}
}

func (w *world) list(t *testing.T, path string) (list, http.Header) {
	t.Helper()
	a := w.get(t, path)
	if a.status != http.StatusOK {
		t.Fatalf("GET %s = %d %s", path, a.status, a.body)
	}
	var l list
	if err := json.Unmarshal(a.body, &l); err != nil {
		t.Fatal(err)
	}
	return l, a.header
}

func (l list) numbers() string {
	var found []string
	for _, p := range l.Data {
		found = append(found, p.PermitNumber)
	}
	return strings.Join(found, " ")
}

// admin serves the admin address and returns its URL.
func (w *world) admin(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(w.metrics.Admin())
	t.Cleanup(server.Close)
	return server.URL
}
