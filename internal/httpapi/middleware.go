package httpapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/usage"
)

// What a request carries from one middleware to another.
const (
	requestIDKey = "request_id"
	operationKey = "operation"
	callerKey    = "caller"
	codeKey      = "error_code"
	admittedKey  = "admitted" // its key was accepted
	hungUpKey    = "hung_up"  // nobody waits for the answer
	abortKey     = "abort"    // the connection is to be cut
)

// clientClosedRequest is the status that is noted when a client hung up before its answer, as nginx does. It is never sent.
const clientClosedRequest = 499

var ownID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// requestID gives every request an id: the caller's own X-Request-Id when it is a plain one, else a new one. A client that
// sends its API key there has it neither logged nor stored.
func (s *server) requestID(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		name := c.Request().Header.Get(echo.HeaderXRequestID)
		if !ownID.MatchString(name) || apikeys.Mask(name) != name {
			name = id.Format("req", uuid.Must(uuid.NewV7()))
		}
		c.Set(requestIDKey, name)
		c.Response().Header().Set(echo.HeaderXRequestID, name)
		return next(c)
	}
}

func requestID(c echo.Context) string {
	name, _ := c.Get(requestIDKey).(string)
	return name
}

// observe writes one line a request to the log, without query values (which may be personal) and without keys, and
// counts it by operation and status.
func (s *server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		start := s.now()
		if err := next(c); err != nil {
			s.handleError(err, c)
		}
		took := s.now().Sub(start)
		operation, _ := c.Get(operationKey).(string)
		status := c.Response().Status
		if c.Get(hungUpKey) != nil {
			status = clientClosedRequest
		}
		s.meterRequest(c, operation, status, start, took)
		s.metrics.observe(operation, status, took)
		s.log.LogAttrs(c.Request().Context(), slog.LevelInfo, "request", attributes(c, operation, status, took)...)
		if c.Get(abortKey) != nil {
			panic(http.ErrAbortHandler)
		}
		return nil
	}
}

// meterRequest counts a request for usage, as far as its key is known: also one that was refused.
func (s *server) meterRequest(c echo.Context, operation string, status int, start time.Time, took time.Duration) {
	caller := callerOf(c)
	if caller.KeyID == uuid.Nil || operation == "" || s.meter == nil {
		return
	}
	code, _ := c.Get(codeKey).(string)
	s.meter.Count(usage.Request{
		OrganizationID: caller.OrganizationID, KeyID: caller.KeyID, Operation: operation, Status: status, Code: code, At: start, Took: took,
		Admitted: c.Get(admittedKey) != nil,
	})
}

// logged returns a path without what lets somebody in: a link's token.
func logged(path string) string {
	if strings.HasPrefix(path, links) {
		return links + "…"
	}
	return path
}

const links = "/settings/link/"

func attributes(c echo.Context, operation string, status int, took time.Duration) []slog.Attr {
	r := c.Request()
	attrs := []slog.Attr{
		slog.String("request_id", requestID(c)), slog.String("method", r.Method), slog.String("path", logged(r.URL.Path)),
		slog.Int("status", status), slog.Int64("bytes", c.Response().Size), slog.Float64("milliseconds", milliseconds(took)),
		slog.String("remote", c.RealIP()),
	}
	if operation != "" {
		attrs = append(attrs, slog.String("operation", operation))
	}
	if caller := callerOf(c); caller.KeyID != uuid.Nil {
		attrs = append(attrs, slog.String("api_key_id", id.Format(id.APIKey, caller.KeyID)))
	}
	if code, ok := c.Get(codeKey).(string); ok {
		attrs = append(attrs, slog.String("error_code", code))
	}
	return attrs
}

func milliseconds(d time.Duration) float64 {
	rounded, _ := strconv.ParseFloat(fmt.Sprintf("%.2f", d.Seconds()*1000), 64)
	return rounded
}

// recover turns a panic into a 500. An http.ErrAbortHandler goes on: it cuts the connection on purpose.
func (s *server) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			switch r := recover(); r {
			case nil:
			case http.ErrAbortHandler:
				panic(r)
			default:
				err = fmt.Errorf("panic: %v\n%s", r, debug.Stack())
				answer, buffered := c.Response().Writer.(*buffer)
				switch {
				case buffered && answer.sent:
					s.endStream(c, err)
					err = nil
				case buffered: // nothing of it was sent
					c.Response().Writer, c.Response().Committed = answer.ResponseWriter, false
				}
			}
		}()
		return next(c)
	}
}
