package validation

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/pb33f/libopenapi"
	validator "github.com/pb33f/libopenapi-validator"
	"github.com/pb33f/libopenapi-validator/config"
	v3 "github.com/pb33f/libopenapi/datamodel/high/v3"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/spec"
	"github.com/plotwise/plotwise/internal/validation/fast"
)

// Document is an OpenAPI document, compiled.
type Document struct {
	Operations map[string]*Operation // by operationId
	Schemas    map[string]*Schema    // the named ones
	Webhooks   []Webhook             // in the document's order
	authority  func() (*authority, error)
}

// Prepare makes the authority before it is first asked, which takes half a second, for an engine that asks it each time.
func (d *Document) Prepare(e Engine) error {
	if e != Authority && e != Both {
		return nil
	}
	_, err := d.authority()
	return err
}

// Webhook is one of the document's webhooks.
type Webhook struct {
	spec.Webhook
	Body *Schema
}

// Served returns the document that is served, compiled once in a process.
var Served = sync.OnceValues(func() (*Document, error) { return Compile(gen.JSON) })

// Compile compiles an OpenAPI document (JSON). Nothing that it was read into is kept.
func Compile(text []byte) (*Document, error) {
	document, err := spec.Parse(text)
	if err != nil {
		return nil, err
	}
	compiler, decoded, err := newCompiler(text)
	if err != nil {
		return nil, err
	}
	c := compilation{document, compiler, fast.NewCompiler(decoded), hints{}}
	c.hints.collect(decoded)
	d := &Document{
		Operations: map[string]*Operation{}, Schemas: map[string]*Schema{},
		authority: sync.OnceValues(func() (*authority, error) { return newAuthority(text) }),
	}
	for _, op := range document.Operations() {
		o := &Operation{Operation: op, authority: d.authority, hints: c.hints}
		if err := c.compile(o); err != nil {
			return nil, fmt.Errorf("compile operation %s: %w", op.ID, err)
		}
		d.Operations[op.ID] = o
	}
	named, err := document.Schemas()
	if err != nil {
		return nil, err
	}
	for _, s := range named {
		if d.Schemas[s.Name], err = c.schema("#/components/schemas/" + s.Name); err != nil {
			return nil, err
		}
	}
	webhooks, err := document.Webhooks()
	if err != nil {
		return nil, err
	}
	for _, w := range webhooks {
		body, err := c.schema("#/webhooks/" + w.Name + "/post/requestBody/content/application~1json/schema")
		if err != nil {
			return nil, err
		}
		d.Webhooks = append(d.Webhooks, Webhook{w, body})
	}
	return d, nil
}

// authority is libopenapi-validator with the model that it needs: tens of megabytes, so it is made when it is first asked.
type authority struct {
	validator.Validator
	paths *v3.Paths
}

func newAuthority(text []byte) (*authority, error) {
	doc, err := libopenapi.NewDocument(text)
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	model, err := doc.BuildV3Model()
	if err != nil {
		return nil, fmt.Errorf("build the OpenAPI model: %w", err)
	}
	return &authority{
		validator.NewValidatorFromV3Model(&model.Model, config.WithFormatAssertions(), config.WithoutSecurityValidation()), model.Model.Paths,
	}, nil
}

// item returns what the document says of a path.
func (a *authority) item(path string) *v3.PathItem { return a.paths.PathItems.GetOrZero(path) }

// compilation is a document while it is compiled.
type compilation struct {
	spec     *spec.Document
	compiler *jsonschema.Compiler
	quick    *fast.Compiler
	hints    hints
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

func (c compilation) compile(o *Operation) error {
	o.parameters = map[string]parameter{}
	for _, p := range o.Parameters {
		compiled, err := c.parameter(p)
		if err != nil {
			return err
		}
		switch p.In {
		case problem.InQuery:
			o.parameters[p.Name] = compiled
			if p.Required {
				o.wanted++
			}
		case problem.InPath:
			o.path = append(o.path, compiled)
		case problem.InHeader:
			o.headers = append(o.headers, compiled)
		default:
			return fmt.Errorf("parameter %s: parameters in %s are not validated", p.Name, p.In)
		}
	}
	if err := c.compileResponses(o); err != nil || o.Body == "" {
		return err
	}
	o.required = o.BodyRequired
	var err error
	o.body, o.quickBody, err = c.schemas(o.Body)
	return err
}

func (c compilation) parameter(p spec.Parameter) (parameter, error) {
	schema, quick, err := c.schemas(p.Schema)
	return parameter{Parameter: p, key: http.CanonicalHeaderKey(p.Name), schema: schema, quick: quick, hints: c.hints}, err
}

// schemas compiles the schema at a fragment, for both engines.
func (c compilation) schemas(fragment string) (*jsonschema.Schema, *fast.Schema, error) {
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no fragment: %w", fragment, err)
	}
	schema, err := c.compiler.Compile(resource + fragment)
	if err != nil {
		return nil, nil, err
	}
	quick, err := c.quick.Compile(pointer)
	return schema, quick, err
}

func (c compilation) compileResponses(o *Operation) error {
	o.responses = map[int]declared{}
	for _, r := range o.Responses {
		compiled := declared{empty: r.Empty}
		for _, h := range r.Headers {
			header, err := c.parameter(h)
			if err != nil {
				return err
			}
			compiled.headers = append(compiled.headers, header)
		}
		if r.Schema != "" {
			var err error
			if _, compiled.body, err = c.schemas(r.Schema); err != nil {
				return err
			}
		}
		o.responses[r.Status] = compiled
	}
	return nil
}

// Schema holds JSON against one of the document's schemas.
type Schema struct {
	Text  []byte // the schema as JSON, complete in itself
	quick *fast.Schema
	slow  *jsonschema.Schema
}

func (c compilation) schema(fragment string) (*Schema, error) {
	slow, quick, err := c.schemas(fragment)
	if err != nil {
		return nil, fmt.Errorf("compile the schema at %s: %w", fragment, err)
	}
	text, err := c.spec.Closed(fragment)
	return &Schema{text, quick, slow}, err
}

// Check returns why the JSON breaks the schema, or nil.
func (s *Schema) Check(text []byte) error {
	if s.quick.Accepts(text) {
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read JSON: %w", err)
	}
	return s.slow.Validate(value)
}

// Span returns the part of a body from start up to end as one that Check found right.
func (s *Schema) Span(start, end int) fast.Span {
	return fast.Span{Start: start, End: end, Schema: s.quick}
}
