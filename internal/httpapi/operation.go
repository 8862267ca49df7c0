package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/inflight"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/validation/fast"
)

// maxBody is how many bytes a request's body may hold.
const maxBody = 1 << 20

// operation returns the middleware of one operation: authentication and limits, permission, validation of the request, then the
// handler, then validation of the answer, which is only sent when it holds.
func (s *server) operation(op *validation.Operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(operationKey, op.ID)
			answer := s.newBuffer(c.Response().Writer, op.Streams)
			c.Response().Writer = answer
			err := s.serve(c, op, next, answer)
			if answer.sent {
				s.endStream(c, err)
				return nil
			}
			c.Response().Writer = answer.ResponseWriter
			c.Response().Committed, c.Response().Size = false, 0
			if err != nil {
				s.refuse(c, op, answer, err)
			}
			s.send(c, op, answer)
			s.reuse(answer)
			return nil
		}
	}
}

// endStream ends an answer that was sent while it was made. A failure in its middle cuts the connection, so that what
// was cut off does not look whole.
func (s *server) endStream(c echo.Context, err error) {
	if err == nil {
		return
	}
	level := slog.LevelError
	if c.Request().Context().Err() != nil { // the client hung up
		level = slog.LevelInfo
	}
	s.log.LogAttrs(c.Request().Context(), level, "cut an answer off", slog.String("request_id", requestID(c)), slog.Any("error", err))
	c.Set(abortKey, true)
}

// refuse puts the failure of an operation in the place of its answer.
func (s *server) refuse(c echo.Context, op *validation.Operation, answer *buffer, err error) {
	answer.fail(s.writeFailure(c, err))
	if err := s.check(c, op, answer); err != nil {
		answer.fail(s.writeFailure(c, err))
	}
}

func (s *server) serve(c echo.Context, op *validation.Operation, next echo.HandlerFunc, answer *buffer) error {
	leave, err := s.admit(c)
	if err != nil {
		return err
	}
	defer leave()
	r, caller := c.Request(), callerOf(c)
	if need := identity.Permission(op.Permission); !caller.May(need) {
		return problem.New(problem.Forbidden, "permission_denied", fmt.Sprintf(
			"This operation needs the %s permission; this API key has %s.", need, join(caller.Permissions)))
	}
	body, err := readBody(r)
	if err != nil {
		return err
	}
	values := map[string]string{}
	for i, name := range c.ParamNames() {
		value, err := url.PathUnescape(c.ParamValues()[i])
		if err != nil {
			value = c.ParamValues()[i]
		}
		values[name] = value
	}
	if err := op.Request(r, values, body); err != nil {
		return err
	}
	ctx := inflight.With(identity.With(r.Context(), caller), leave)
	ctx = page.WithURL(ctx, s.public(r.URL))
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(validation.PlainIntegers(body)))
	if len(body) > 0 {
		r.Header.Set(echo.HeaderContentType, "application/json") // however it was written: echo takes no capitals
	}
	c.SetRequest(r)
	if op.Method == http.MethodGet {
		return s.call(c, op, next, answer)
	}
	return s.write(c, op, next, answer, body)
}

// call runs the handler and validates its answer.
func (s *server) call(c echo.Context, op *validation.Operation, next echo.HandlerFunc, answer *buffer) error {
	if err := next(c); err != nil {
		return err
	}
	switch {
	case answer.status == 0:
		return errors.New("the handler returned no answer")
	case answer.sent:
		return nil
	}
	header := c.Response().Header()
	if version := header.Get("ETag"); version != "" || op.Method == http.MethodGet {
		header.Set("ETag", etag.Seal(version, answer.body.Bytes()))
	}
	return s.check(c, op, answer)
}

func join(permissions []identity.Permission) string {
	texts := make([]string, len(permissions))
	for i, p := range permissions {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}

func readBody(r *http.Request) ([]byte, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	switch {
	case len(body) > maxBody:
		return nil, problem.New(problem.TooLarge, "body_too_large", "The request body may hold at most 1,048,576 bytes.")
	case err != nil:
		return nil, &problem.Error{
			Kind: problem.Invalid, Code: "unexpected_body", Message: "The request body ended before its announced length.",
			Details: []problem.Detail{{In: problem.InBody, Code: "length", Message: "must be as long as announced"}},
		}
	}
	return body, nil
}

// send sends the answer, or 304 when the caller has it already.
func (s *server) send(c echo.Context, op *validation.Operation, answer *buffer) {
	header := c.Response().Header()
	setCaching(header)
	if op.Secret != "" {
		header.Set("Cache-Control", "no-store")
	}
	if answer.status == http.StatusOK && c.Request().Method == http.MethodGet &&
		etag.Matches(c.Request().Header.Get("If-None-Match"), header.Get("ETag")) {
		header.Del(echo.HeaderContentType)
		header.Del("Link")
		c.Response().WriteHeader(http.StatusNotModified)
		return
	}
	body := answer.body.Bytes()
	if answer.status != http.StatusNoContent { // RFC 9110 §8.6
		header.Set(echo.HeaderContentLength, fmt.Sprint(len(body)))
	}
	c.Response().WriteHeader(answer.status)
	_, _ = c.Response().Write(body) // the client may be gone
}

// permitCheck returns what holds an exported permit against the specification, as far as that is wanted.
func (s *server) permitCheck(document *validation.Document) func(permit []byte) error {
	schema := document.Schemas["Permit"]
	switch s.validateResponses {
	case "off":
		return func([]byte) error { return nil }
	case "report":
		return func(permit []byte) error {
			if err := schema.Check(permit); err != nil {
				s.log.Error("permit breaks the specification", slog.Any("error", err))
			}
			return nil
		}
	}
	return schema.Check
}

// check validates an answer. One that breaks the specification is an error when that is enforced.
func (s *server) check(c echo.Context, op *validation.Operation, answer *buffer) error {
	if s.validateResponses == "off" {
		return nil
	}
	err := op.Response(c.Request(), answer.status, c.Response().Header(), answer.body.Bytes(), answer.known...)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("the answer %d of %s breaks the specification: %w", answer.status, op.ID, err)
	if s.validateResponses == "report" {
		s.log.LogAttrs(c.Request().Context(), slog.LevelError, "answer breaks the specification",
			slog.String("request_id", requestID(c)), slog.String("operation", op.ID), slog.Any("error", err))
		return nil
	}
	return err
}

// buffer holds an answer back until it is known to be right. Headers go to the real writer. The success of an operation
// that streams goes there too, at once.
type buffer struct {
	http.ResponseWriter
	streams bool
	sent    bool
	status  int
	body    bytes.Buffer
	known   []fast.Span // of the body, what was held against the specification before
}

// keptBuffer is how many bytes a buffer may have room for that is used again.
const keptBuffer = 256 << 10

func (s *server) newBuffer(w http.ResponseWriter, streams bool) *buffer {
	b, ok := s.buffers.Get().(*buffer)
	if !ok {
		b = &buffer{}
	}
	b.ResponseWriter, b.streams = w, streams
	return b
}

// reuse gives a buffer to another answer: nothing refers to its bytes any more.
func (s *server) reuse(b *buffer) {
	if b.body.Cap() > keptBuffer {
		return
	}
	b.body.Reset()
	*b = buffer{body: b.body, known: b.known[:0]}
	s.buffers.Put(b)
}

// Unwrap returns the real writer, for http.ResponseController.
func (b *buffer) Unwrap() http.ResponseWriter { return b.ResponseWriter }

// WriteHeader keeps the status.
func (b *buffer) WriteHeader(status int) {
	b.status = status
	if b.streams && status == http.StatusOK {
		b.sent = true
		setCaching(b.Header())
		b.ResponseWriter.WriteHeader(status)
	}
}

// Write keeps the bytes.
func (b *buffer) Write(p []byte) (int, error) {
	if b.sent {
		return b.ResponseWriter.Write(p)
	}
	if b.status == 0 {
		b.status = http.StatusOK
	}
	return b.body.Write(p)
}

// WriteDocument keeps bytes that were held against a schema before.
func (b *buffer) WriteDocument(schema *validation.Schema, document []byte) (int, error) {
	start := b.body.Len()
	b.known = append(b.known, schema.Span(start, start+len(document)))
	return b.body.Write(document)
}

// fail puts a failure in the place of what was written.
func (b *buffer) fail(status int, body []byte) {
	b.status = status
	b.body.Reset()
	b.known = nil
	b.body.Write(body)
}

func setCaching(header http.Header) {
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Authorization")
}
