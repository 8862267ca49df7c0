// Package validation holds requests and responses against the OpenAPI document. libopenapi-validator gives the verdict;
// around it stand checks for what it lets pass, and a JSON Schema compiler that names the broken keyword and its place.
package validation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/spec"
)

// Operation validates the requests and responses of one operation. It is safe for concurrent use.
type Operation struct {
	spec.Operation
	item       *v3.PathItem
	authority  validator.Validator
	parameters map[string]parameter // of the query, by name
	path       []parameter
	headers    []parameter
	body       *jsonschema.Schema // nil: the operation takes no body
	required   bool               // a body has to be sent
	hints      hints
}

// New compiles the OpenAPI document (JSON) into one Operation for each operationId.
func New(document []byte) (map[string]*Operation, error) {
	doc, err := spec.Parse(document)
	if err != nil {
		return nil, err
	}
	model, err := buildModel(document)
	if err != nil {
		return nil, err
	}
	authority := validator.NewValidatorFromV3Model(model, config.WithFormatAssertions(), config.WithoutSecurityValidation())
	compiler, decoded, err := newCompiler(document)
	if err != nil {
		return nil, err
	}
	h := hints{}
	h.collect(decoded)
	operations := map[string]*Operation{}
	for _, op := range doc.Operations() {
		o := &Operation{
			Operation: op, item: model.Paths.PathItems.GetOrZero(op.Path), authority: authority, parameters: map[string]parameter{}, hints: h,
		}
		if err := o.compile(compiler); err != nil {
			return nil, fmt.Errorf("compile operation %s: %w", op.ID, err)
		}
		operations[op.ID] = o
	}
	return operations, nil
}

func buildModel(document []byte) (*v3.Document, error) {
	doc, err := libopenapi.NewDocument(document)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("build the OpenAPI model: %w", err)
	}
	return &model.Model, nil
}

// resource names the document for the schema compiler.
const resource = "https://api.plotwise.us/openapi.json"

func newCompiler(document []byte) (c *jsonschema.Compiler, decoded any, err error) {
	if decoded, err = jsonschema.UnmarshalJSON(bytes.NewReader(document)); err != nil {
		return nil, nil, fmt.Errorf("decode the OpenAPI document: %w", err)
	}
	c = jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	c.RegisterFormat(&jsonschema.Format{Name: "date-time", Validate: checkInstant})
	if err := c.AddResource(resource, decoded); err != nil {
		return nil, nil, fmt.Errorf("add the OpenAPI document: %w", err)
	}
	return c, decoded, nil
}

// checkInstant wants an instant (RFC 3339) that can be told again in UTC: no leap second, and no year beyond 9999.
func checkInstant(v any) error {
	text, ok := v.(string)
	if !ok {
		return nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return err
	}
	if year := at.UTC().Year(); year < 0 || year > 9999 {
		return fmt.Errorf("lies in the year %d", year)
	}
	return nil
}

func (o *Operation) compile(c *jsonschema.Compiler) error {
	for _, p := range o.Parameters {
		schema, err := c.Compile(resource + p.Schema)
		if err != nil {
			return fmt.Errorf("parameter %s: %w", p.Name, err)
		}
		compiled := parameter{Parameter: p, schema: schema, hints: o.hints}
		switch p.In {
		case problem.InQuery:
			o.parameters[p.Name] = compiled
		case problem.InPath:
			o.path = append(o.path, compiled)
		case problem.InHeader:
			o.headers = append(o.headers, compiled)
		default:
			return fmt.Errorf("parameter %s: parameters in %s are not validated", p.Name, p.In)
		}
	}
	if o.Body == "" {
		return nil
	}
	schema, err := c.Compile(resource + o.Body)
	if err != nil {
		return fmt.Errorf("request body: %w", err)
	}
	o.body, o.required = schema, o.BodyRequired
	return nil
}

// Schema returns a function that holds JSON against one of the document's named schemas.
func Schema(document []byte, name string) (func(text []byte) error, error) {
	return compileAt(document, "#/components/schemas/"+name)
}

// Webhook returns a function that holds a body against the schema of one of the document's webhooks, and that schema as
// JSON, complete in itself.
func Webhook(document []byte, name string) (check func(body []byte) error, schema []byte, err error) {
	const at = "/post/requestBody/content/application~1json/schema"
	if check, err = compileAt(document, "#/webhooks/"+name+at); err != nil {
		return nil, nil, err
	}
	doc, err := spec.Parse(document)
	if err != nil {
		return nil, nil, err
	}
	schema, err = doc.Closed("#/webhooks/" + name + at)
	return check, schema, err
}

func compileAt(document []byte, fragment string) (func(text []byte) error, error) {
	c, _, err := newCompiler(document)
	if err != nil {
		return nil, err
	}
	schema, err := c.Compile(resource + fragment)
	if err != nil {
		return nil, fmt.Errorf("compile the schema at %s: %w", fragment, err)
	}
	return func(text []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
		if err != nil {
			return fmt.Errorf("read JSON: %w", err)
		}
		return schema.Validate(value)
	}, nil
}

// Request holds a request against the operation. The values are the path's parameters, decoded; the body is already
// read. It returns nil or the failure to answer with: 400 for parameters and syntax, 415, or 422 for a
// body that breaks its schema.
func (o *Operation) Request(r *http.Request, values map[string]string, body []byte) error {
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
	if ok, failures := o.authority.ValidateHttpRequestSyncWithPathItem(&checked, o.item, o.Path); !ok {
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

// Response holds a response against the operation and returns why it breaks the specification, or nil.
func (o *Operation) Response(r *http.Request, status int, header http.Header, body []byte) error {
	if (status == http.StatusNoContent || status == http.StatusNotModified) && len(body) > 0 {
		return fmt.Errorf("a response %d has no body, this one has %d bytes", status, len(body))
	}
	if len(body) > 0 && header.Get("Content-Type") != "application/json" {
		return fmt.Errorf("content type %q: want application/json", header.Get("Content-Type"))
	}
	if len(body) == 0 && o.hasContent(status) {
		return fmt.Errorf("a response %d has a body, this one has none", status)
	}
	response := &http.Response{StatusCode: status, Header: header, Body: io.NopCloser(bytes.NewReader(body)), Request: r}
	checked := *r
	checked.Method = o.Method
	if ok, failures := o.authority.GetResponseBodyValidator().ValidateResponseBodyWithPathItem(&checked, response, o.item, o.Path); !ok {
		var texts []string
		for _, f := range failures {
			texts = append(texts, f.Error())
		}
		return fmt.Errorf("%s", strings.Join(texts, "; "))
	}
	return nil
}

// hasContent reports whether the document declares a body for the status; the authority lets its absence pass.
func (o *Operation) hasContent(status int) bool {
	op := o.item.GetOperations().GetOrZero(strings.ToLower(o.Method))
	if op == nil || op.Responses == nil {
		return false
	}
	declared := op.Responses.FindResponseByCode(status)
	return declared != nil && declared.Content != nil && declared.Content.Len() > 0
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
