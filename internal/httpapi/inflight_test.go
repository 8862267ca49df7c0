package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/inflight"
)

// TestServer_operation_leaves: with room for one request, each that fails in its own way is let in.
func TestServer_operation_leaves(t *testing.T) {
	s, operations, key := newServer(t)
	s.inFlight = inflight.NewGate(1)
	for range 2 {
		for name, handler := range map[string]echo.HandlerFunc{
			"a panic":   func(echo.Context) error { panic("lost") },
			"an error":  func(echo.Context) error { return errors.New("lost") },
			"no answer": func(echo.Context) error { return nil },
		} {
			w := httptest.NewRecorder()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/me", nil)
			s.serveWith(t, operations["getMe"], key, handler).ServeHTTP(w, r)
			if w.Code != http.StatusInternalServerError || w.Header().Get("RateLimit") == "" {
				t.Errorf("%s = %d with limit %q, want 500 with one", name, w.Code, w.Header().Get("RateLimit"))
			}
		}
	}
}
