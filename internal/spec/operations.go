package spec

import (
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Document is a bundled OpenAPI document.
type Document struct {
	root *yaml.Node
}

// Operation is one operation of the document, as far as the server acts on it.
type Operation struct {
	ID           string
	Method       string // GET, POST, …
	Path         string // with its parameters in braces
	Permission   string // "" when any key will do
	Parameters   []Parameter
	Responses    []Response
	Body         string // URL fragment (#/…) of the request body's schema; "" when there is none
	BodyRequired bool
	Streams      bool   // its success is a file, sent while it is made
	Secret       string // JSON pointer to the secret that its success shows, this once; "" when there is none
	Waits        bool   // its success waits for what others do, so that no transaction may stay open
}

// Parameter is a parameter of an operation.
type Parameter struct {
	Name     string
	In       string // path, query or header
	Required bool
	Explode  bool   // arrays repeat the name, rather than join their values by commas
	Type     string // string, integer, number, boolean or array
	Items    string // the type of an array's items
	Schema   string // URL fragment (#/…) of its schema
}

// Response is a response of an operation.
type Response struct {
	Status  int
	Schema  string // URL fragment (#/…) of its JSON's schema; "" when it has no body, or none that is JSON
	Empty   bool   // it has no body
	Headers []Parameter
}

// Parse reads a bundled document, JSON or YAML.
func Parse(text []byte) (*Document, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read the OpenAPI document: %w", err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read the OpenAPI document: want a mapping at the top")
	}
	return &Document{doc.Content[0]}, nil
}

// ErrorCode is a failure that the document describes.
type ErrorCode struct {
	Code    string
	Status  int    `yaml:"status"`
	Retry   string `yaml:"retry"` // never or later
	Meaning string `yaml:"meaning"`
}

// ErrorCodes returns the failures that the document describes, in its order.
func (d *Document) ErrorCodes() ([]ErrorCode, error) {
	table := resolve(d.root, "#/components/schemas/ErrorCode/x-error-codes")
	if table == nil {
		return nil, fmt.Errorf("the OpenAPI document has no x-error-codes")
	}
	var codes []ErrorCode
	for i := 0; i < len(table.Content); i += 2 {
		c := ErrorCode{Code: table.Content[i].Value}
		if err := table.Content[i+1].Decode(&c); err != nil {
			return nil, fmt.Errorf("read error code %s: %w", c.Code, err)
		}
		codes = append(codes, c)
	}
	return codes, nil
}

// Operations returns every operation in the document's order.
func (d *Document) Operations() []Operation {
	var operations []Operation
	paths := lookup(d.root, "paths")
	for i := 0; i < len(paths.Content); i += 2 {
		path, item := paths.Content[i].Value, paths.Content[i+1]
		for _, method := range methods {
			node := lookup(item, method)
			if node == nil {
				continue
			}
			at := "#/paths/" + fragment(path)
			op := Operation{ID: scalar(node, "operationId"), Method: strings.ToUpper(method), Path: path, Permission: permission(node)}
			op.Streams, op.Secret, op.Waits = streams(node), scalar(node, "x-secret"), scalar(node, "x-waits") == "true"
			op.Parameters = append(d.parameters(item, at), d.parameters(node, at+"/"+method)...)
			d.body(node, at+"/"+method, &op)
			op.Responses = d.responses(node, at+"/"+method)
			operations = append(operations, op)
		}
	}
	return operations
}

// streams reports whether an operation's success has another media type than JSON.
func streams(op *yaml.Node) bool {
	responses := lookup(op, "responses")
	if responses == nil {
		return false
	}
	success := lookup(responses, "200")
	if success == nil {
		return false
	}
	content := lookup(success, "content")
	return content != nil && lookup(content, "application/json") == nil
}

func permission(op *yaml.Node) string {
	if scopes := lookup(lookup(op, "security").Content[0], "apiKey").Content; len(scopes) > 0 {
		return scopes[0].Value
	}
	return ""
}

func (d *Document) parameters(owner *yaml.Node, at string) []Parameter {
	list := lookup(owner, "parameters")
	if list == nil {
		return nil
	}
	var found []Parameter
	for i, node := range list.Content {
		node, place := d.place(node, fmt.Sprintf("%s/parameters/%d", at, i))
		found = append(found, d.parameter(node, place, scalar(node, "name"), scalar(node, "in")))
	}
	return found
}

// place returns what a node is, or refers to, and where that is.
func (d *Document) place(node *yaml.Node, at string) (*yaml.Node, string) {
	if ref := lookup(node, "$ref"); ref != nil {
		return resolve(d.root, ref.Value), ref.Value
	}
	return node, at
}

func (d *Document) parameter(node *yaml.Node, at, name, in string) Parameter {
	schema := d.follow(lookup(node, "schema"))
	p := Parameter{
		Name: name, In: in, Required: scalar(node, "required") == "true",
		Explode: scalar(node, "explode") != "false", Type: scalar(schema, "type"), Schema: at + "/schema",
	}
	if items := lookup(schema, "items"); items != nil {
		p.Items = scalar(d.follow(items), "type")
	}
	return p
}

func (d *Document) responses(op *yaml.Node, at string) []Response {
	list := lookup(op, "responses")
	if list == nil {
		return nil
	}
	var found []Response
	for i := 0; i < len(list.Content); i += 2 {
		status, err := strconv.Atoi(list.Content[i].Value)
		if err != nil {
			continue
		}
		node, place := d.place(list.Content[i+1], at+"/responses/"+list.Content[i].Value)
		content := lookup(node, "content")
		r := Response{Status: status, Empty: content == nil}
		if content != nil && lookup(content, "application/json") != nil {
			r.Schema = place + "/content/" + fragment("application/json") + "/schema"
		}
		if headers := lookup(node, "headers"); headers != nil {
			for i := 0; i < len(headers.Content); i += 2 {
				name := headers.Content[i].Value
				header, at := d.place(headers.Content[i+1], place+"/headers/"+fragment(name))
				r.Headers = append(r.Headers, d.parameter(header, at, name, "header"))
			}
		}
		found = append(found, r)
	}
	return found
}

func (d *Document) body(op *yaml.Node, at string, o *Operation) {
	body := lookup(op, "requestBody")
	if body == nil {
		return
	}
	o.Body = at + "/requestBody/content/" + fragment("application/json") + "/schema"
	o.BodyRequired = scalar(body, "required") == "true"
}

func (d *Document) follow(n *yaml.Node) *yaml.Node {
	for ref := lookup(n, "$ref"); ref != nil; ref = lookup(n, "$ref") {
		n = resolve(d.root, ref.Value)
	}
	return n
}

func scalar(n *yaml.Node, key string) string {
	if v := lookup(n, key); v != nil && v.Kind == yaml.ScalarNode {
		return v.Value
	}
	return ""
}

// fragment escapes a key for use in a URL fragment that is a JSON pointer.
func fragment(key string) string {
	return strings.NewReplacer("{", "%7B", "}", "%7D").Replace(escape(key))
}

// PutServerFirst puts a server before those that the document names; the code samples go there too.
func (d *Document) PutServerFirst(url, description string) {
	d.moveSamples(d.server(), strings.TrimSuffix(url, "/"))
	var server yaml.Node
	if err := server.Encode(map[string]string{"url": url, "description": description}); err != nil { // strings always encode
		panic(err)
	}
	servers := lookup(d.root, "servers")
	servers.Content = append([]*yaml.Node{&server}, servers.Content...)
}

// YAML renders the document.
func (d *Document) YAML() ([]byte, error) { return YAML(d.root) }

// JSON renders the document.
func (d *Document) JSON() ([]byte, error) { return JSON(d.root) }

// Webhook is an event that the document describes as a webhook.
type Webhook struct {
	Name        string
	Description string
	Schema      string // the component that its payload is
	Example     []byte // a payload, JSON
}

// Webhooks returns the document's webhooks in its order.
func (d *Document) Webhooks() ([]Webhook, error) {
	var found []Webhook
	list := lookup(d.root, "webhooks")
	if list == nil {
		return nil, nil
	}
	for i := 0; i < len(list.Content); i += 2 {
		post := lookup(list.Content[i+1], "post")
		examples := resolve(post, "#/requestBody/content/application~1json/examples")
		if examples == nil || len(examples.Content) < 2 {
			return nil, fmt.Errorf("the webhook %s has no example", list.Content[i].Value)
		}
		example, err := JSON(lookup(examples.Content[1], "value"))
		if err != nil {
			return nil, err
		}
		found = append(found, Webhook{
			Name: list.Content[i].Value, Description: strings.TrimSpace(scalar(post, "description")), Example: example,
			Schema: component(resolve(post, "#/requestBody/content/application~1json/schema")),
		})
	}
	return found, nil
}

// Closed returns the schema at a reference as JSON that stands alone: what it refers to is put in its $defs.
func (d *Document) Closed(ref string) ([]byte, error) {
	node := resolve(d.root, ref)
	if node == nil {
		return nil, fmt.Errorf("%s leads nowhere", ref)
	}
	c := closer{document: d, defs: &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}}
	top := c.copy(d.follow(node))
	if len(c.defs.Content) > 0 {
		top.Content = append(top.Content, text("$defs"), c.defs)
	}
	return JSON(top)
}

// closer copies schemas and collects what they refer to.
type closer struct {
	document *Document
	defs     *yaml.Node
}

func (c *closer) copy(n *yaml.Node) *yaml.Node {
	if ref := lookupRef(n); ref != "" {
		return c.refer(ref)
	}
	copied := *n
	copied.Content = make([]*yaml.Node, len(n.Content))
	for i, child := range n.Content {
		copied.Content[i] = c.copy(child)
	}
	return &copied
}

func (c *closer) refer(ref string) *yaml.Node {
	name := ref[strings.LastIndex(ref, "/")+1:]
	if lookup(c.defs, name) == nil {
		placed := &yaml.Node{}
		c.defs.Content = append(c.defs.Content, text(name), placed) // before it is copied: it may refer to itself
		*placed = *c.copy(resolve(c.document.root, ref))
	}
	return &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Content: []*yaml.Node{text("$ref"), text("#/$defs/" + name)}}
}

func lookupRef(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.MappingNode {
		return ""
	}
	return scalar(n, "$ref")
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}
