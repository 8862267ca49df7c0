package httpapi

import (
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/inflight"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/validation"
)

// newServer returns a server without routes, its operations, and a key.
func newServer(t *testing.T) (*server, map[string]*validation.Operation, string) {
	t.Helper()
	db, newID := pgtest.Open(t), func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	organization, err := organizations.NewService(db, time.Now, newID).Create(t.Context(), "Test", "starter")
	if err != nil {
		t.Fatal(err)
	}
	keys := apikeys.NewService(db, time.Now, newID)
	_, key, err := keys.Create(t.Context(), apikeys.Key{OrganizationID: organization, Name: "test", Permissions: []identity.Permission{identity.Read}})
	if err != nil {
		t.Fatal(err)
	}
	document, err := validation.Served()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		db: db, log: slog.New(slog.DiscardHandler), metrics: NewMetrics(db), keys: keys, publicURL: "http://api.test",
		limits: Limits{Organizations: ratelimit.NewMemory(time.Now), PerAddress: 300}, addresses: ratelimit.NewMemory(time.Now), inFlight: inflight.NewGate(100), searches: make(chan struct{}, searches), spare: make(chan struct{}, spare),
		validateResponses: "enforce", now: time.Now,
	}
	return s, document.Operations, key
}

// serveWith answers a GET of one operation with the handler.
func (s *server) serveWith(t *testing.T, op *validation.Operation, key string, handler echo.HandlerFunc) http.Handler {
	t.Helper()
	e := echo.New()
	e.HTTPErrorHandler = s.handleError
	e.Use(s.requestID, s.observe, s.recover)
	e.GET(op.Path, handler, s.operation(op))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+key)
		e.ServeHTTP(w, r)
	})
}

// TestServer_operation_brokenHandlers runs an operation with handlers that no resource should have.
func TestServer_operation_brokenHandlers(t *testing.T) {
	s, operations, key := newServer(t)
	for name, handler := range map[string]echo.HandlerFunc{
		"no answer":           func(echo.Context) error { return nil },
		"a panic":             func(echo.Context) error { panic("lost") },
		"a panic in a writer": func(c echo.Context) error { c.Response().WriteHeader(http.StatusOK); panic("lost") },
		"an unknown status":   func(c echo.Context) error { return c.JSON(http.StatusTeapot, map[string]string{}) },
		"half an answer":      func(c echo.Context) error { return c.JSONBlob(http.StatusOK, []byte(`{"data":`)) },
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/me", nil)
		w := httptest.NewRecorder()
		s.serveWith(t, operations["getMe"], key, handler).ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || operations["getMe"].Response(r, w.Code, w.Result().Header, w.Body.Bytes()) != nil {
			t.Errorf("%s is answered with %d %s, want a 500 as the specification has it", name, w.Code, w.Body)
		}
	}
}

// TestServer_operation_brokenStream: what was begun cannot be answered otherwise any more, so the connection is cut.
func TestServer_operation_brokenStream(t *testing.T) {
	s, operations, key := newServer(t)
	for name, end := range map[string]func() error{
		"a panic": func() error { panic("lost") }, "an error": func() error { return errors.New("lost") },
	} {
		server := httptest.NewServer(s.serveWith(t, operations["exportPermits"], key, func(c echo.Context) error {
			c.Response().Header().Set("Content-Type", "text/csv")
			c.Response().WriteHeader(http.StatusOK)
			_, _ = c.Response().Write([]byte("uuid\n"))
			c.Response().Flush()
			return end()
		}))
		t.Cleanup(server.Close)
		response, err := http.Get(server.URL + "/v1/permits/export?format=csv")
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err == nil || string(text) != "uuid\n" {
			t.Errorf("%s: read %q, %v; want what was sent and a broken connection", name, text, err)
		}
	}
}
