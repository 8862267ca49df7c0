package httpapi

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
)

// TestServer_operation_leaves: with room for one request, each that fails in its own way is let in.
func TestServer_operation_leaves(t *testing.T) {
	s, operations, key := newServer(t)
	s.inFlight = newGate(1)
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
			if len(s.inFlight.count) != 0 {
				t.Errorf("after %s %v are under way, want none", name, s.inFlight.count)
			}
		}
	}
}

func TestGate_enter(t *testing.T) {
	g := newGate(2)
	one, other := uuid.New(), uuid.New()
	var leave []func()
	for _, organization := range []uuid.UUID{one, one, other} {
		l, err := g.enter(organization)
		if err != nil {
			t.Fatal(err)
		}
		leave = append(leave, l)
	}
	if _, err := g.enter(one); err == nil {
		t.Error("a third request at once was let in, want too_many_in_flight")
	}
	leave[0]()
	if _, err := g.enter(one); err != nil {
		t.Errorf("after one left: %v, want no error", err)
	}
	if _, err := g.enter(one); err == nil {
		t.Error("two are under way again and another was let in, want too_many_in_flight")
	}
}

func TestGate_leave_forgets(t *testing.T) {
	g := newGate(1)
	for range 3 {
		leave, err := g.enter(uuid.New())
		if err != nil {
			t.Fatal(err)
		}
		leave()
	}
	if len(g.count) != 0 {
		t.Errorf("%v are kept, want none", g.count)
	}
}
