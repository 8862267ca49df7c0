package httpapi

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/validation"
)

// maxBody is how many bytes a request's body may hold.
const maxBody = 1 << 20

// operation returns the middleware of one operation: authentication, permission, validation of the request, then the
// handler, then validation of the answer, which is only sent when it holds.
func (s *server) operation(op *validation.Operation) echo.MiddlewareFunc {
	return func(next echo.HandlerFunc) echo.HandlerFunc {
		return func(c echo.Context) error {
			c.Set(operationKey, op.ID)
			answer := &buffer{ResponseWriter: c.Response().Writer}
			c.Response().Writer = answer
			err := s.serve(c, op, next)
			if err == nil && answer.status == 0 {
				err = errors.New("the handler returned no answer")
			}
			c.Response().Writer = answer.ResponseWriter
			c.Response().Committed, c.Response().Size = false, 0
			if err != nil {
				answer.status, answer.body = s.failed(c, err)
			}
			return s.send(c, op, answer)
		}
	}
}

// failed renders a failure inside an operation.
func (s *server) failed(c echo.Context, err error) (status int, body bytes.Buffer) {
	status, text := s.writeFailure(c, err)
	return status, *bytes.NewBuffer(text)
}

func (s *server) serve(c echo.Context, op *validation.Operation, next echo.HandlerFunc) error {
	r := c.Request()
	caller, err := s.authenticate(r)
	if err != nil {
		return err
	}
	c.Set(callerKey, caller)
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
	ctx := identity.With(r.Context(), caller)
	ctx = page.WithURL(ctx, s.public(r.URL))
	r = r.WithContext(ctx)
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.SetRequest(r)
	return next(c)
}

func join(permissions []identity.Permission) string {
	texts := make([]string, len(permissions))
	for i, p := range permissions {
		texts[i] = string(p)
	}
	return strings.Join(texts, ", ")
}

// authenticate returns who sends the request (RFC 6750 §2.1).
func (s *server) authenticate(r *http.Request) (identity.Identity, error) {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	key = strings.TrimSpace(key)
	if !strings.EqualFold(scheme, "Bearer") || key == "" {
		return identity.Identity{}, problem.New(problem.Unauthenticated, "missing_api_key", `Send an API key: "Authorization: Bearer pw_live_…".`)
	}
	return s.keys.Authenticate(r.Context(), key)
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

// send validates the answer, gives it its entity tag and sends it. An answer that breaks the specification becomes a
// 500 when that is enforced.
func (s *server) send(c echo.Context, op *validation.Operation, answer *buffer) error {
	header := c.Response().Header()
	if err := s.check(c, op, answer); err != nil {
		header.Del("Link")
		answer.status, answer.body = s.failed(c, fmt.Errorf("the answer %d of %s breaks the specification: %w", answer.status, op.ID, err))
	}
	body := answer.body.Bytes()
	if answer.status == http.StatusOK && op.Method == http.MethodGet {
		tag := entityTag(body)
		header.Set("ETag", tag)
		if matches(c.Request().Header.Get("If-None-Match"), tag) {
			header.Del(echo.HeaderContentType)
			c.Response().WriteHeader(http.StatusNotModified)
			return nil
		}
	}
	header.Set(echo.HeaderContentLength, fmt.Sprint(len(body)))
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Vary", "Authorization")
	c.Response().WriteHeader(answer.status)
	_, _ = c.Response().Write(body) // the client may be gone
	return nil
}

func (s *server) check(c echo.Context, op *validation.Operation, answer *buffer) error {
	if s.validateResponses == "off" {
		return nil
	}
	err := op.Response(c.Request(), answer.status, c.Response().Header(), answer.body.Bytes())
	if err != nil && s.validateResponses == "report" {
		s.log.LogAttrs(c.Request().Context(), slog.LevelError, "answer breaks the specification",
			slog.String("request_id", requestID(c)), slog.String("operation", op.ID), slog.Any("error", err))
		return nil
	}
	return err
}

// entityTag returns a strong entity tag: a hash of the body.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}

// matches reports whether an If-None-Match header names the tag, by weak comparison (RFC 9110 §13.1.2).
func matches(header, tag string) bool {
	for candidate := range strings.SplitSeq(header, ",") {
		candidate = strings.TrimPrefix(strings.TrimSpace(candidate), "W/")
		if candidate == tag || candidate == "*" {
			return true
		}
	}
	return false
}

// buffer holds an answer back until it is known to be right. Headers go to the real writer.
type buffer struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader keeps the status.
func (b *buffer) WriteHeader(status int) { b.status = status }

// Write keeps the bytes.
func (b *buffer) Write(p []byte) (int, error) {
	if b.status == 0 {
		b.status = http.StatusOK
	}
	return b.body.Write(p)
}
