package httpapi

import (
	"cmp"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// failure returns what the caller reads of an error and its status. For the log, internal is the error itself when
// it is not the caller's to read.
func failure(c echo.Context, err error) (p *problem.Error, status int, internal error) {
	var fromEcho *echo.HTTPError
	switch {
	case errors.As(err, &p):
		return p, p.Kind.Status(), nil
	case errors.As(err, &fromEcho):
		p, ok := echoProblem(c, fromEcho)
		if ok {
			return p, p.Kind.Status(), nil
		}
	case postgres.IsUnavailable(err):
		p = problem.New(problem.Unavailable, "service_unavailable", "The service cannot answer just now; try again in a few seconds.")
		return p, http.StatusServiceUnavailable, err
	}
	p = problem.New(0, "internal_error", "The fault is ours; it is logged under this request_id.")
	return p, http.StatusInternalServerError, err
}

// echoProblem translates what echo and the generated code refuse on their own: routes, methods and parameters that
// passed their schema but not Go's types (a leap second, say).
func echoProblem(c echo.Context, e *echo.HTTPError) (*problem.Error, bool) {
	switch e.Code {
	case http.StatusNotFound:
		return problem.New(problem.NotFound, "not_found", "There is no such path; "+direction(c)+"the documentation is at /docs."), true
	case http.StatusMethodNotAllowed:
		return problem.New(problem.MethodNotAllowed, "method_not_allowed", "This path does not have that method; it has "+allowed(c.Response().Header().Get("Allow"))+"."), true
	case http.StatusBadRequest:
		text, _ := e.Message.(string)
		text, found := strings.CutPrefix(text, "Invalid format for parameter ")
		if name, _, ok := strings.Cut(text, ":"); found && ok {
			return problem.Parameter(name, "format", "cannot be read: write whole numbers without a fraction, and instants as 2026-01-23T10:45:00Z"), true
		}
	}
	return nil, false
}

// direction says how a path is written that was nearly right: below /v1, and without a slash at its end.
func direction(c echo.Context) string {
	path := c.Request().URL.Path
	exists := func(path string) bool {
		found := c.Echo().AcquireContext()
		defer c.Echo().ReleaseContext(found)
		found.Reset(c.Request(), c.Response())
		c.Echo().Router().Find(c.Request().Method, path, found)
		return found.Path() != ""
	}
	short := strings.TrimRight(path, "/")
	switch {
	case short != path && exists(short):
		return "leave out the slash at its end; "
	case exists("/v1" + short):
		return "paths of the API begin with /v1; "
	}
	return ""
}

// withHead adds HEAD to methods: where there is GET, there is HEAD.
func withHead(methods string) string { return strings.Replace(methods, "GET", "GET, HEAD", 1) }

// allowed says in words which methods a path has, but OPTIONS, which all have.
func allowed(methods string) string {
	return strings.TrimPrefix(withHead(methods), "OPTIONS, ")
}

// render returns the body of a failed request's answer.
func (s *server) render(p *problem.Error, requestID string) ([]byte, error) {
	e := api.Error{
		Code: api.ErrorCode(p.Code), Message: p.Message, RequestID: requestID,
		DocURL: s.publicURL + "/docs/errors#" + p.Code, Details: make([]api.ErrorDetail, len(p.Details)),
	}
	for i, d := range p.Details {
		e.Details[i] = api.ErrorDetail{In: api.ErrorLocation(d.In), Pointer: d.Pointer, Code: d.Code, Message: d.Message, Value: optional(d.Value)}
	}
	return json.Marshal(api.ErrorResponse{Error: e})
}

func optional(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// usualWait is when a request is sent again that a failure says nothing of.
const usualWait = 10 * time.Second

// writeFailure puts the failure's headers into the answer and returns the rest, and puts its cause into the
// log when it is ours.
func (s *server) writeFailure(c echo.Context, err error) (status int, body []byte) {
	p, status, internal := failure(c, err)
	ctx := c.Request().Context()
	switch {
	case internal == nil:
	case ctx.Err() != nil: // nobody waits for the answer any more
		s.log.LogAttrs(ctx, slog.LevelInfo, "the client hung up", slog.String("request_id", requestID(c)))
		c.Set(hungUpKey, true)
	default:
		s.log.LogAttrs(ctx, slog.LevelError, "request failed",
			slog.String("request_id", requestID(c)), slog.String("route", c.Path()), slog.Any("error", internal))
	}
	if c.Get(hungUpKey) == nil {
		c.Set(codeKey, p.Code)
	}
	header := c.Response().Header()
	for _, name := range []string{"ETag", "Link", echo.HeaderLocation, replayedHeader} { // of the answer that is not given
		header.Del(name)
	}
	header.Set(echo.HeaderContentType, "application/json")
	switch status {
	case http.StatusUnauthorized:
		header.Set("WWW-Authenticate", `Bearer realm="plotwise"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.FormatInt(max(1, seconds(cmp.Or(p.RetryAfter, usualWait))), 10))
	case http.StatusMethodNotAllowed: // where there is GET, there is HEAD
		header.Set("Allow", withHead(header.Get("Allow")))
	}
	if body, err = s.render(p, requestID(c)); err != nil { // strings always marshal
		panic(err)
	}
	return status, body
}

// handleError answers for whatever failed outside an operation: unknown routes and methods, and panics.
func (s *server) handleError(err error, c echo.Context) {
	if c.Response().Committed {
		return
	}
	status, body := s.writeFailure(c, s.strangers(c, err))
	c.Response().WriteHeader(status)
	_, _ = c.Response().Write(body) // the client may be gone
}
