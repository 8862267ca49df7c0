// Package problem describes the failures that a caller of the API may read. Every other error is the server's own.
package problem

import (
	"fmt"
	"net/http"
	"time"
)

// Kind says what sort of failure it is; Status gives its HTTP status.
type Kind int

// The kinds of failure, with the HTTP status (RFC 9110) that each one becomes.
const (
	Invalid            Kind = iota + 1 // 400: parameters or syntax
	Unauthenticated                    // 401: no valid API key
	Forbidden                          // 403: the key lacks a permission
	NotFound                           // 404: does not exist, or is not the caller's to see
	MethodNotAllowed                   // 405
	Conflict                           // 409: contradicts the present state
	Gone                               // 410: was there, and is no more
	PreconditionFailed                 // 412: If-Match names another version
	TooLarge                           // 413: the body is over the limit
	UnsupportedMedia                   // 415: the body's media type is not taken
	Unprocessable                      // 422: the body breaks its schema or a rule
	TooMany                            // 429: more at once than is allowed
	Unavailable                        // 503: for the moment
)

// statuses is the one table of what each kind of failure answers with.
var statuses = map[Kind]int{
	Invalid:            http.StatusBadRequest,
	Unauthenticated:    http.StatusUnauthorized,
	Forbidden:          http.StatusForbidden,
	NotFound:           http.StatusNotFound,
	MethodNotAllowed:   http.StatusMethodNotAllowed,
	Conflict:           http.StatusConflict,
	Gone:               http.StatusGone,
	PreconditionFailed: http.StatusPreconditionFailed,
	TooLarge:           http.StatusRequestEntityTooLarge,
	UnsupportedMedia:   http.StatusUnsupportedMediaType,
	Unprocessable:      http.StatusUnprocessableEntity,
	TooMany:            http.StatusTooManyRequests,
	Unavailable:        http.StatusServiceUnavailable,
}

// Status returns the HTTP status of a kind of failure; 500 for one that is none.
func (k Kind) Status() int {
	if status, ok := statuses[k]; ok {
		return status
	}
	return http.StatusInternalServerError
}

// The parts of a request that a Detail can speak of.
const (
	InPath   = "path"
	InQuery  = "query"
	InHeader = "header"
	InBody   = "body"
)

// Detail is one thing that has to change for the request to succeed.
type Detail struct {
	In      string // InPath, InQuery, InHeader or InBody
	Pointer string // a parameter's or header's name, or a JSON pointer (RFC 6901) into the body
	Code    string // the JSON Schema keyword that does not hold, or the rule's code
	Message string // what would be right, without the name
	Value   string // a value that would be right; "" where none can be told
}

// Error is a failure that the caller may read: its texts leave the server.
type Error struct {
	Kind    Kind
	Code    string // one of the specification's ErrorCode
	Message string
	Details []Detail

	RetryAfter time.Duration // of TooMany and Unavailable: when to send the request again; 0 for a usual while
}

// Error returns the code and the message.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// New returns a failure without details.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Missing returns the NotFound for a noun. It is the same whether the thing does not exist or is not the caller's.
func Missing(noun string) *Error {
	return New(NotFound, "not_found", fmt.Sprintf("There is no such %s.", noun))
}

// Parameters returns the failure of a request whose parameters break their rules; details may not be empty.
func Parameters(details ...Detail) *Error {
	return &Error{Kind: Invalid, Code: "invalid_parameter", Message: Summary(details), Details: details}
}

// Parameter returns the failure of one query parameter: name and what would be right.
func Parameter(name, code, message string) *Error {
	return Parameters(Detail{In: InQuery, Pointer: name, Code: code, Message: message})
}

// Body returns the failure of a request whose body breaks a rule that its schema cannot say; details may not be empty.
func Body(details ...Detail) *Error {
	for i := range details {
		details[i].In = InBody
	}
	return &Error{Kind: Unprocessable, Code: "invalid_body", Message: Summary(details), Details: details}
}

// Summary says the first detail in a sentence, and how many more there are.
func Summary(details []Detail) string {
	d := details[0]
	name := d.Pointer
	if name == "" {
		name = "The " + d.In
	}
	text := name + " " + d.Message + "."
	switch more := len(details) - 1; more {
	case 0:
	case 1:
		text += " One more detail follows."
	default:
		text += fmt.Sprintf(" %d more details follow.", more)
	}
	return text
}
