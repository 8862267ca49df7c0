package plotwise

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/plotwise/plotwise/gen/client"
)

// Error is an answer that is no success.
type Error struct {
	Status    int
	Code      ErrorCode // "" when the answer is not the API's, such as a proxy's page
	Message   string    // in words for people, which may change
	RequestID string
	DocURL    string
	Details   []ErrorDetail // one for each thing that has to change
	Header    http.Header
	Body      []byte
}

// Error says what went wrong.
func (e *Error) Error() string {
	text := fmt.Sprintf("plotwise: %d %s: %s", e.Status, e.Code, e.Message)
	if e.Code == "" {
		text = "plotwise: " + e.Message
	}
	for _, d := range e.Details {
		text += fmt.Sprintf("; %s %s: %s", d.In, d.Pointer, d.Message)
	}
	if e.RequestID != "" {
		text += " (request " + e.RequestID + ")"
	}
	return text
}

// ConnectionError is a call that got no answer, or not all of it. It unwraps to what came between: context.Canceled when the
// caller ended the call.
type ConnectionError struct {
	Err     error
	timeout bool
}

func (e *ConnectionError) Error() string { return "plotwise: " + e.Err.Error() }

// Unwrap returns what came between.
func (e *ConnectionError) Unwrap() error { return e.Err }

// Timeout reports whether the time of the attempt, of the call or of the caller's context was over.
func (e *ConnectionError) Timeout() bool { return e.timeout }

// The times that may be over.
var (
	errAttemptTimeout = errors.New("the time for an attempt was over")
	errTotalTimeout   = errors.New("the time for the call was over")
	errNoJSON         = errors.New("the answer is no JSON")
)

// hidden stands where the key was.
const hidden = "[hidden]"

// hide returns a text without the key, which proxies may have sent back.
func (c *core) hide(text string) string { return strings.ReplaceAll(text, c.key(), hidden) }

// connectionError returns a failure without the key, which proxies and transports may have put into it.
func (c *core) connectionError(err error) *ConnectionError {
	var network net.Error
	timeout := errors.Is(err, errAttemptTimeout) || errors.Is(err, errTotalTimeout) || errors.Is(err, context.DeadlineExceeded) ||
		errors.As(err, &network) && network.Timeout()
	if text := err.Error(); strings.Contains(text, c.key()) {
		err = errors.New(c.hide(text))
	}
	return &ConnectionError{err, timeout}
}

// newError returns what an answer says that is no success.
func (c *core) newError(status int, header http.Header, body []byte) *Error {
	header = header.Clone()
	for _, values := range header {
		for i, v := range values {
			values[i] = c.hide(v)
		}
	}
	e := &Error{Status: status, Header: header, Body: []byte(c.hide(string(body))), RequestID: header.Get(requestID)}
	var told client.ErrorResponse
	if err := json.Unmarshal(e.Body, &told); err != nil || told.Error.Code == "" {
		e.Message = strings.TrimSpace(fmt.Sprintf("%d %s", status, http.StatusText(status)))
		return e
	}
	e.Code, e.Message, e.DocURL, e.Details = told.Error.Code, told.Error.Message, told.Error.DocURL, told.Error.Details
	if told.Error.RequestID != "" {
		e.RequestID = told.Error.RequestID
	}
	return e
}
