// Package contract holds a running server against its OpenAPI 3.1 document: it replays the document's examples, provokes
// the answers that it documents, breaks one constraint at a time, and reports what the server does otherwise.
package contract

import (
	"bytes"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Document is an OpenAPI document as the suite reads it.
type Document struct {
	root     any
	compiler *jsonschema.Compiler
	compiled map[string]*jsonschema.Schema // by the place of the schema
}

// resource names the document for the schema compiler.
const resource = "contract:///openapi.json"

// Parse reads a document (JSON).
func Parse(text []byte) (*Document, error) {
	root, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if _, ok := root.(map[string]any); !ok {
		return nil, fmt.Errorf("read the OpenAPI document: want an object at the top")
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(resource, root); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	return &Document{root: root, compiler: c, compiled: map[string]*jsonschema.Schema{}}, nil
}

// node is a value of the document with its place, references followed.
type node struct {
	document *Document
	at       string // JSON pointer, such as /components/schemas/Note
	value    any    // nil where there is nothing
}

// get returns a member of an object, or nothing.
func (n node) get(key string) node {
	object, _ := n.value.(map[string]any)
	value, ok := object[key]
	if !ok {
		return node{document: n.document, at: n.at + "/" + escape(key)}
	}
	return n.document.follow(node{n.document, n.at + "/" + escape(key), value})
}

// index returns an element of an array.
func (n node) index(i int) node {
	list := n.value.([]any)
	return n.document.follow(node{n.document, fmt.Sprintf("%s/%d", n.at, i), list[i]})
}

func (n node) exists() bool { return n.value != nil }

func (n node) text() string {
	text, _ := n.value.(string)
	return text
}

func (n node) list() []any {
	list, _ := n.value.([]any)
	return list
}

// keys returns the names of an object's members, sorted.
func (n node) keys() []string {
	object, _ := n.value.(map[string]any)
	return slices.Sorted(maps.Keys(object))
}

// follow leads to what a reference refers to.
func (d *Document) follow(n node) node {
	for range 100 {
		object, ok := n.value.(map[string]any)
		if !ok {
			return n
		}
		ref, ok := object["$ref"].(string)
		if !ok || !strings.HasPrefix(ref, "#/") {
			return n
		}
		n = d.lookup(strings.TrimPrefix(ref, "#"))
	}
	return node{document: d}
}

// lookup returns what stands at a JSON pointer.
func (d *Document) lookup(pointer string) node {
	n := node{document: d, value: d.root}
	for part := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		key := unescaper.Replace(part)
		if list, ok := n.value.([]any); ok {
			var i int
			if _, err := fmt.Sscanf(key, "%d", &i); err != nil || i < 0 || i >= len(list) {
				return node{document: d, at: pointer}
			}
			n = n.index(i)
			continue
		}
		n = n.get(key)
	}
	return n
}

// Members of JSON pointers (RFC 6901 §3).
var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escape(key string) string { return escaper.Replace(key) }

// schema compiles the schema that stands at a node.
func (n node) schema() (*jsonschema.Schema, error) {
	if s, ok := n.document.compiled[n.at]; ok {
		return s, nil
	}
	fragment := strings.ReplaceAll(url.PathEscape(n.at), "%2F", "/")
	s, err := n.document.compiler.Compile(resource + "#" + fragment)
	if err != nil {
		return nil, fmt.Errorf("compile the schema at %s: %w", n.at, err)
	}
	n.document.compiled[n.at] = s
	return s, nil
}

// Operation is an operation of the document.
type Operation struct {
	ID         string
	Method     string
	Path       string
	Permission string // "" when any key will do
	Secured    bool   // it wants a key at all
	Parameters []Parameter
	Body       *Body // nil when it takes none
	Responses  map[string]Response
	Rules      []Rule
	Secret     string // JSON pointer to what its success shows once (x-secret); "" when there is none
	Keeps      string // JSON pointer to what a thing says of itself after this has deleted it (x-keeps); "" when it is gone
}

// Parameter is a parameter of an operation.
type Parameter struct {
	Name     string
	In       string // path, query or header
	Required bool
	Explode  bool
	schema   node
	example  any // nil when there is none
}

// Body is what an operation takes as JSON.
type Body struct {
	Required bool
	Examples []Example
	schema   node
}

// Example is a named example.
type Example struct {
	Name  string
	Value any
}

// Response is what an operation answers with a status.
type Response struct {
	Status  string
	Headers map[string]node  // schemas by canonical name
	Always  []string         // names of headers that every such answer has
	Media   map[string]Media // by media type; none when the answer has no body
	Links   []Link
	Causes  map[string]map[string]string // runtime expressions by the names of an event's data, by its type (x-causes)
}

// Media is a body in one media type.
type Media struct {
	Examples []Example
	schema   node
}

// Link says how an answer leads to another operation.
type Link struct {
	Name       string
	Operation  string            // operationId
	Parameters map[string]string // runtime expressions by parameter
	When       map[string]string // what runtime expressions have to mean for it to lead there (x-when)
}

// Rule is something that a schema cannot say, with a request that breaks it (the extension x-rules).
type Rule struct {
	Code       string
	Detail     string // the detail's code; "" when it is the code itself
	Parameters map[string]any
	Path       map[string]any
	Headers    map[string]any
	Body       any
	Needs      string // what has to be so on the server for the request to break it; "" when nothing has
}

// events returns the names of the document's webhooks, sorted.
func (d *Document) events() []string {
	return node{document: d, value: d.root}.get("webhooks").keys()
}

// payload returns what a webhook sends.
func (d *Document) payload(event string) node {
	return node{document: d, value: d.root}.get("webhooks").get(event).get("post").get("requestBody").get("content").get("application/json")
}

var methods = []string{"get", "post", "put", "patch", "delete"}

// Operations returns the document's operations in the order of their paths.
func (d *Document) Operations() ([]Operation, error) {
	var operations []Operation
	paths := node{document: d, value: d.root}.get("paths")
	for _, path := range paths.keys() {
		item := paths.get(path)
		for _, method := range methods {
			n := item.get(method)
			if !n.exists() {
				continue
			}
			op, err := operation(n, item, method, path)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", strings.ToUpper(method), path, err)
			}
			operations = append(operations, op)
		}
	}
	return operations, nil
}

func operation(n, item node, method, path string) (Operation, error) {
	op := Operation{
		ID: n.get("operationId").text(), Method: strings.ToUpper(method), Path: path, Responses: map[string]Response{},
		Secret: n.get("x-secret").text(), Keeps: n.get("x-keeps").text(),
	}
	if op.ID == "" {
		return op, fmt.Errorf("has no operationId")
	}
	op.secure(n)
	for _, owner := range []node{item, n} {
		list := owner.get("parameters")
		for i := range list.list() {
			op.Parameters = append(op.Parameters, parameter(list.index(i)))
		}
	}
	if body := n.get("requestBody"); body.exists() {
		media := body.get("content").get("application/json")
		op.Body = &Body{Required: body.get("required").value == true, Examples: examples(media), schema: media.get("schema")}
	}
	responses := n.get("responses")
	for _, status := range responses.keys() {
		op.Responses[status] = response(status, responses.get(status))
	}
	rules := n.get("x-rules")
	for i := range rules.list() {
		op.Rules = append(op.Rules, rule(rules.index(i)))
	}
	return op, nil
}

func (op *Operation) secure(n node) {
	security := n.get("security")
	if !security.exists() {
		security = node{document: n.document, value: n.document.root}.get("security")
	}
	for i := range security.list() {
		scheme := security.index(i)
		for _, name := range scheme.keys() {
			op.Secured = true
			for _, scope := range scheme.get(name).list() {
				op.Permission, _ = scope.(string)
			}
		}
	}
}

func parameter(n node) Parameter {
	p := Parameter{
		Name: n.get("name").text(), In: n.get("in").text(), Required: n.get("required").value == true, Explode: n.get("explode").value != false,
		schema: n.get("schema"), example: n.get("example").value,
	}
	for _, e := range examples(n) {
		if p.example == nil {
			p.example = e.Value
		}
	}
	return p
}

func examples(media node) []Example {
	var found []Example
	list := media.get("examples")
	for _, name := range list.keys() {
		found = append(found, Example{name, list.get(name).get("value").value})
	}
	return found
}

func response(status string, n node) Response {
	r := Response{Status: status, Headers: map[string]node{}, Media: map[string]Media{}, Causes: map[string]map[string]string{}}
	headers := n.get("headers")
	common := node{document: n.document, value: n.document.root}.get("x-common").get("headers")
	for _, name := range headers.keys() {
		r.Headers[canonical(name)] = headers.get(name).get("schema")
		if common.get(name).exists() || headers.get(name).get("required").value == true {
			r.Always = append(r.Always, canonical(name))
		}
	}
	content := n.get("content")
	for _, mediaType := range content.keys() {
		media := content.get(mediaType)
		r.Media[mediaType] = Media{Examples: examples(media), schema: media.get("schema")}
	}
	links := n.get("links")
	for _, name := range links.keys() {
		link := links.get(name)
		l := Link{Name: name, Operation: link.get("operationId").text(), Parameters: map[string]string{}, When: map[string]string{}}
		for _, expression := range link.get("x-when").keys() {
			l.When[expression] = fmt.Sprint(link.get("x-when").get(expression).value)
		}
		for _, p := range link.get("parameters").keys() {
			l.Parameters[p] = link.get("parameters").get(p).text()
		}
		r.Links = append(r.Links, l)
	}
	causes := n.get("x-causes")
	for _, event := range causes.keys() {
		r.Causes[event] = map[string]string{}
		for _, name := range causes.get(event).keys() {
			r.Causes[event][name] = causes.get(event).get(name).text()
		}
	}
	return r
}

func rule(n node) Rule {
	r := Rule{Code: n.get("code").text(), Detail: n.get("detail").text(), Needs: n.get("needs").text(), Body: n.get("body").value}
	if r.Detail == "" {
		r.Detail = r.Code
	}
	r.Parameters, _ = n.get("parameters").value.(map[string]any)
	r.Path, _ = n.get("path").value.(map[string]any)
	r.Headers, _ = n.get("headers").value.(map[string]any)
	return r
}
