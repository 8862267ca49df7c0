package httpapi

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/validation"
)

// TestServer_operation_brokenHandlers runs an operation with handlers that no resource should have.
func TestServer_operation_brokenHandlers(t *testing.T) {
	db, newID := pgtest.Open(t), func() uuid.UUID { return uuid.Must(uuid.NewV7()) }
	organization, err := organizations.NewService(db, time.Now, newID).Create(t.Context(), "Test", "starter")
	if err != nil {
		t.Fatal(err)
	}
	keys := apikeys.NewService(db, time.Now, newID)
	key, err := keys.Create(t.Context(), apikeys.Key{OrganizationID: organization, Name: "test", Permissions: []identity.Permission{identity.Read}})
	if err != nil {
		t.Fatal(err)
	}
	operations, err := validation.New(gen.JSON)
	if err != nil {
		t.Fatal(err)
	}
	s := &server{
		db: db, log: slog.New(slog.DiscardHandler), metrics: NewMetrics(db), keys: keys, publicURL: "http://api.test",
		validateResponses: "enforce", now: time.Now,
	}
	for name, handler := range map[string]echo.HandlerFunc{
		"no answer":           func(echo.Context) error { return nil },
		"a panic":             func(echo.Context) error { panic("lost") },
		"a panic in a writer": func(c echo.Context) error { c.Response().WriteHeader(http.StatusOK); panic("lost") },
		"an unknown status":   func(c echo.Context) error { return c.JSON(http.StatusTeapot, map[string]string{}) },
		"half an answer":      func(c echo.Context) error { return c.JSONBlob(http.StatusOK, []byte(`{"data":`)) },
	} {
		e := echo.New()
		e.HTTPErrorHandler = s.handleError
		e.Use(s.requestID, s.observe, s.recover)
		e.GET("/v1/me", handler, s.operation(operations["getMe"]))
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/me", nil)
		r.Header.Set("Authorization", "Bearer "+key)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if w.Code != http.StatusInternalServerError || operations["getMe"].Response(r, w.Code, w.Result().Header, w.Body.Bytes()) != nil {
			t.Errorf("%s is answered with %d %s, want a 500 as the specification has it", name, w.Code, w.Body)
		}
	}
}
