package validation

import (
	"bytes"
	"fmt"
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
	spec       *spec.Document
	compiler   *jsonschema.Compiler
	quick      *fast.Compiler
	hints      hints
	compiling  sync.Mutex // the compilers work for one at a time
}

// Served returns the document that is served, compiled once in a process.
var Served = sync.OnceValues(func() (*Document, error) { return Compile(gen.JSON) })

// Compile compiles an OpenAPI document (JSON).
func Compile(text []byte) (*Document, error) {
	document, err := spec.Parse(text)
	if err != nil {
		return nil, err
	}
	compiler, decoded, err := newCompiler(text)
	if err != nil {
		return nil, err
	}
	d := &Document{spec: document, compiler: compiler, quick: fast.NewCompiler(decoded), hints: hints{}, Operations: map[string]*Operation{}}
	d.hints.collect(decoded)
	model, err := buildModel(text)
	if err != nil {
		return nil, err
	}
	authority := validator.NewValidatorFromV3Model(model, config.WithFormatAssertions(), config.WithoutSecurityValidation())
	for _, op := range document.Operations() {
		o := &Operation{Operation: op, item: model.Paths.PathItems.GetOrZero(op.Path), authority: authority, hints: d.hints}
		if err := d.compile(o); err != nil {
			return nil, fmt.Errorf("compile operation %s: %w", op.ID, err)
		}
		d.Operations[op.ID] = o
	}
	return d, nil
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

func (d *Document) compile(o *Operation) error {
	o.parameters = map[string]parameter{}
	for _, p := range o.Parameters {
		compiled, err := d.parameter(p)
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
	if err := d.compileResponses(o); err != nil || o.Body == "" {
		return err
	}
	o.required = o.BodyRequired
	var err error
	o.body, o.quickBody, err = d.schemas(o.Body)
	return err
}

func (d *Document) parameter(p spec.Parameter) (parameter, error) {
	schema, quick, err := d.schemas(p.Schema)
	return parameter{Parameter: p, schema: schema, quick: quick, hints: d.hints}, err
}

// schemas compiles the schema at a fragment, for both engines.
func (d *Document) schemas(fragment string) (*jsonschema.Schema, *fast.Schema, error) {
	pointer, err := url.PathUnescape(fragment)
	if err != nil {
		return nil, nil, fmt.Errorf("%s is no fragment: %w", fragment, err)
	}
	d.compiling.Lock()
	defer d.compiling.Unlock()
	schema, err := d.compiler.Compile(resource + fragment)
	if err != nil {
		return nil, nil, err
	}
	quick, err := d.quick.Compile(pointer)
	return schema, quick, err
}

func (d *Document) compileResponses(o *Operation) error {
	o.responses = map[int]declared{}
	for _, r := range o.Responses {
		compiled := declared{empty: r.Empty}
		for _, h := range r.Headers {
			header, err := d.parameter(h)
			if err != nil {
				return err
			}
			compiled.headers = append(compiled.headers, header)
		}
		if r.Schema != "" {
			var err error
			if _, compiled.body, err = d.schemas(r.Schema); err != nil {
				return err
			}
		}
		o.responses[r.Status] = compiled
	}
	return nil
}

// Schema holds JSON against one of the document's schemas.
type Schema struct {
	quick *fast.Schema
	slow  *jsonschema.Schema
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

func (d *Document) schemaAt(fragment string) (*Schema, error) {
	slow, quick, err := d.schemas(fragment)
	if err != nil {
		return nil, fmt.Errorf("compile the schema at %s: %w", fragment, err)
	}
	return &Schema{quick, slow}, nil
}

// Schema returns one of the document's named schemas.
func (d *Document) Schema(name string) (*Schema, error) {
	return d.schemaAt("#/components/schemas/" + name)
}

// Webhook returns the schema of the bodies of one of the document's webhooks, and that schema as JSON, complete in itself.
func (d *Document) Webhook(name string) (*Schema, []byte, error) {
	at := "#/webhooks/" + name + "/post/requestBody/content/application~1json/schema"
	schema, err := d.schemaAt(at)
	if err != nil {
		return nil, nil, err
	}
	text, err := d.spec.Closed(at)
	return schema, text, err
}

// Webhooks returns the document's webhooks in its order.
func (d *Document) Webhooks() ([]spec.Webhook, error) { return d.spec.Webhooks() }

// Closed returns one of the document's named schemas as JSON, complete in itself.
func (d *Document) Closed(name string) ([]byte, error) { return d.spec.Closed("#/components/schemas/" + name) }
