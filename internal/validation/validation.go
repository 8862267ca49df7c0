// Package validation holds requests and responses against the OpenAPI document. What package fast is sure of passes. For the rest,
// libopenapi-validator gives the verdict; around it stand checks for what it lets pass, and a JSON Schema compiler that names the
// broken keyword and its place.
package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/spec"
	"github.com/plotwise/plotwise/internal/validation/fast"
)

// Operation validates the requests and responses of one operation. It is safe for concurrent use.
type Operation struct {
	spec.Operation
	engine     Engine
	authority  func() (*authority, error)
	parameters map[string]parameter // of the query, by name
	wanted     int                  // how many of them are required
	path       []parameter
	headers    []parameter
	body       *jsonschema.Schema // nil: the operation takes no body
	quickBody  *fast.Schema
	required   bool // a body has to be sent
	responses  map[int]declared
	hints      hints
}

// Engine says what validates. The zero value is like Fast.
type Engine string

// The engines.
const (
	// Fast lets pass what package fast is sure of; the rest, among it all that is refused, goes to the authority.
	Fast Engine = "fast"
	// Authority asks libopenapi-validator and the compiled schemas alone.
	Authority Engine = "authority"
	// Both asks both, and fails when the authority refuses what package fast let pass. For tests.
	Both Engine = "both"
	// None lets everything pass. For measuring what the others cost.
	None Engine = "none"
)

// ErrDisagreement is a failure of ours: package fast let pass what the authority refuses.
var ErrDisagreement = errors.New("the fast path accepted what the authority refuses")

// decide returns what an engine makes of the fast path's answer and of the authority's.
func (e Engine) decide(accepts func() bool, ask func() error) error {
	switch e {
	case None:
		return nil
	case Authority:
		return ask()
	case Both:
		accepted, err := accepts(), ask()
		if accepted && err != nil {
			return fmt.Errorf("%w: %w", ErrDisagreement, err)
		}
		return err
	case Fast:
	}
	if accepts() {
		return nil
	}
	return ask()
}

// Using returns the operation with another engine.
func (o *Operation) Using(e Engine) *Operation {
	other := *o
	other.engine = e
	return &other
}

// Request holds a request against the operation. The values are the path's parameters, decoded; the body is already
// read. It returns nil or the failure to answer with: 400 for parameters and syntax, 415, or 422 for a
// body that breaks its schema.
func (o *Operation) Request(r *http.Request, values map[string]string, body []byte) error {
	return o.engine.decide(func() bool { return o.accepts(r, values, body) }, func() error { return o.ask(r, values, body) })
}

// ask holds a request against the operation with the words for what is wrong with it.
func (o *Operation) ask(r *http.Request, values map[string]string, body []byte) error {
	query, details := o.query(r.URL.RawQuery)
	details = append(details, o.pathDetails(values)...)
	details = append(details, o.headerDetails(r.Header)...)
	if len(details) > 0 {
		return problem.Parameters(details...)
	}
	if err := o.requestBody(r.Header.Get("Content-Type"), body); err != nil {
		return err
	}
	checked := *r
	u := *r.URL
	u.RawQuery = query.Encode() // the authority takes a reserved character for a fault where RFC 3986 allows it
	checked.URL, checked.Body = &u, io.NopCloser(bytes.NewReader(body))
	checked.Method = o.Method
	if len(body) == 0 {
		checked.Header = r.Header.Clone()
		checked.Header.Del("Content-Type") // the authority holds it against the operation even when there is no body
	}
	authority, err := o.authority()
	if err != nil {
		return err
	}
	if ok, failures := authority.ValidateHttpRequestSyncWithPathItem(&checked, authority.item(o.Path), o.Path); !ok {
		return fromAuthority(failures)
	}
	return nil
}

// CheckBody holds a JSON body against the operation, for callers that have no request: invalid_body names what breaks the schema.
func (o *Operation) CheckBody(body []byte) error { return o.requestBody("application/json", body) }

func (o *Operation) requestBody(contentType string, body []byte) error {
	switch {
	case o.body == nil && len(body) > 0:
		return &problem.Error{
			Kind: problem.Invalid, Code: "unexpected_body", Message: "This operation takes no request body; send none.",
			Details: []problem.Detail{{In: problem.InBody, Code: "unexpected_body", Message: "must be empty"}},
		}
	case o.body == nil, len(body) == 0 && !o.required:
		return nil
	case len(body) == 0:
		missing := problem.Detail{In: problem.InBody, Code: "required", Message: "must be given: this operation needs one, as Content-Type: application/json"}
		return &problem.Error{
			Kind: problem.Invalid, Code: "malformed_body", Message: problem.Summary([]problem.Detail{missing}), Details: []problem.Detail{missing},
		}
	}
	if media, _, err := mime.ParseMediaType(contentType); err != nil || media != "application/json" {
		return &problem.Error{
			Kind: problem.UnsupportedMedia, Code: "unsupported_media_type", Message: "Send the body as Content-Type: application/json.",
			Details: []problem.Detail{{In: problem.InHeader, Pointer: "Content-Type", Code: "unsupported_media_type", Message: "must be application/json"}},
		}
	}
	decoded, err := decodeJSON(body)
	if err != nil {
		return err
	}
	if details := schemaDetails(o.body, decoded, problem.InBody, "", o.hints); len(details) > 0 {
		return &problem.Error{Kind: problem.Unprocessable, Code: "invalid_body", Message: problem.Summary(details), Details: details}
	}
	return nil
}

// Response holds a response against the operation and returns why it breaks the specification, or nil. Parts of the body that were
// held against their schemas before are not looked at again.
func (o *Operation) Response(r *http.Request, status int, header http.Header, body []byte, known ...fast.Span) error {
	return o.engine.decide(func() bool { return o.sends(status, header, body, known) }, func() error { return o.askResponse(r, status, header, body) })
}

func (o *Operation) askResponse(r *http.Request, status int, header http.Header, body []byte) error {
	if (status == http.StatusNoContent || status == http.StatusNotModified) && len(body) > 0 {
		return fmt.Errorf("a response %d has no body, this one has %d bytes", status, len(body))
	}
	if len(body) > 0 && header.Get("Content-Type") != "application/json" {
		return fmt.Errorf("content type %q: want application/json", header.Get("Content-Type"))
	}
	if r, declared := o.responses[status]; declared && !r.empty && len(body) == 0 {
		return fmt.Errorf("a response %d has a body, this one has none", status)
	}
	if string(bytes.TrimSpace(body)) == "null" { // which the authority takes for no body
		return fmt.Errorf("a response %d is an object, this one is null", status)
	}
	response := &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}
	checked := *r
	checked.Method = o.Method
	authority, err := o.authority()
	if err != nil {
		return err
	}
	if ok, failures := authority.GetResponseBodyValidator().ValidateResponseBodyWithPathItem(&checked, response, authority.item(o.Path), o.Path); !ok {
		var texts []string
		for _, f := range failures {
			texts = append(texts, f.Error())
		}
		return fmt.Errorf("%s", strings.Join(texts, "; "))
	}
	return nil
}

// decodeJSON decodes a body strictly: UTF-8, one value, no name twice in an object, no NUL in a string.
func decodeJSON(body []byte) (any, error) {
	if detail := checkJSON(body); detail != nil {
		return nil, &problem.Error{
			Kind: problem.Invalid, Code: "malformed_body", Message: problem.Summary([]problem.Detail{*detail}), Details: []problem.Detail{*detail},
		}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("decode a body that was found well-formed: %w", err)
	}
	return v, nil
}
