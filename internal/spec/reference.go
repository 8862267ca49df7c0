package spec

import (
	"bytes"
	"fmt"
	"mime"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// NewDocument returns the document that Bundle made.
func NewDocument(root *yaml.Node) *Document { return &Document{root} }

// Info is what the document says of itself.
type Info struct {
	Title          string
	Version        string
	Summary        string
	Description    string // Markdown
	Server         string // the URL of the first server
	Authentication string // how to authenticate, Markdown
	Tags           []Tag  // in the document's order
}

// Tag is a group of operations.
type Tag struct {
	Name        string
	Description string // Markdown
}

// Entry is an operation as its documentation tells of it.
type Entry struct {
	Operation
	Tag           string
	Summary       string
	Description   string     // Markdown
	Arguments     []Argument // its parameters, as Parameters
	Requests      []Example  // of its body
	RequestSchema string     // the component that its body is; "" without one
	Answers       []Answer   // one for each status and media type
	Samples       []Sample
}

// Argument is a parameter as the documentation tells of it.
type Argument struct {
	Parameter
	Description string
	Example     []string // one text, or several of an array; none when the document gives none
	Sample      []string // what code samples send; none when they leave it out
}

// Answer is what an operation may answer with.
type Answer struct {
	Status      string
	Description string
	MediaType   string // "" without a body
	Schema      string // the component that the body is
	File        string // the name that a file gets; "" when it is none
	Common      bool   // every operation may answer so
	Examples    []Example
}

// Example is an example of a body.
type Example struct {
	Name    string
	Summary string
	Value   string // JSON with its fields in the document's order, or the text of another media type
}

// Sample is an operation in some language: code that can be run as it is.
type Sample struct {
	Lang   string `yaml:"lang"`  // for what highlights it, such as typescript
	Label  string `yaml:"label"` // for people, such as TypeScript
	Source string `yaml:"source"`
}

// Info returns what the document says of itself.
func (d *Document) Info() Info {
	info := lookup(d.root, "info")
	i := Info{
		Title: scalar(info, "title"), Version: scalar(info, "version"), Summary: scalar(info, "summary"),
		Description: scalar(info, "description"), Server: d.server(),
	}
	if scheme := resolve(d.root, "#/components/securitySchemes/apiKey"); scheme != nil {
		i.Authentication = scalar(scheme, "description")
	}
	if tags := lookup(d.root, "tags"); tags != nil {
		for _, t := range tags.Content {
			i.Tags = append(i.Tags, Tag{scalar(t, "name"), scalar(t, "description")})
		}
	}
	return i
}

// server returns the URL of the document's first server.
func (d *Document) server() string {
	return scalar(lookup(d.root, "servers").Content[0], "url")
}

// Entries returns every operation in the order of Operations.
func (d *Document) Entries() ([]Entry, error) {
	var entries []Entry
	for _, op := range d.Operations() {
		item := lookup(lookup(d.root, "paths"), op.Path)
		node := lookup(item, strings.ToLower(op.Method))
		e := Entry{Operation: op, Summary: scalar(node, "summary"), Description: scalar(node, "description")}
		if tags := lookup(node, "tags"); tags != nil && len(tags.Content) > 0 {
			e.Tag = tags.Content[0].Value
		}
		var nodes []*yaml.Node
		for _, owner := range []*yaml.Node{item, node} {
			if list := lookup(owner, "parameters"); list != nil {
				nodes = append(nodes, list.Content...)
			}
		}
		for i, p := range op.Parameters {
			e.Arguments = append(e.Arguments, argument(p, d.follow(nodes[i])))
		}
		if err := chooseSamples(e.Arguments, lookup(node, "x-sample")); err != nil {
			return nil, fmt.Errorf("%s: %w", e.ID, err)
		}
		var err error
		if e.Requests, err = d.requests(node); err != nil {
			return nil, err
		}
		e.RequestSchema = component(resolve(node, "#/requestBody/content/application~1json/schema"))
		if e.Answers, err = d.answers(lookup(node, "responses")); err != nil {
			return nil, err
		}
		if samples := lookup(node, "x-codeSamples"); samples != nil {
			if err := samples.Decode(&e.Samples); err != nil {
				return nil, err
			}
		}
		entries = append(entries, e)
	}
	return entries, nil
}

func argument(p Parameter, node *yaml.Node) Argument {
	return Argument{Parameter: p, Description: scalar(node, "description"), Example: values(lookup(node, "example"))}
}

// values returns the texts of a scalar or of a list of scalars.
func values(n *yaml.Node) []string {
	switch {
	case n == nil:
		return nil
	case n.Kind == yaml.ScalarNode:
		return []string{n.Value}
	}
	var texts []string
	for _, c := range n.Content {
		texts = append(texts, c.Value)
	}
	return texts
}

// sampled is how many optional parameters a code sample shows where the document does not choose.
const sampled = 2

// chooseSamples says what code samples send: what is required, and of the rest what an operation's x-sample chooses. Without
// that, they send the first optional parameters of the query that have examples.
func chooseSamples(arguments []Argument, chosen *yaml.Node) error {
	if chosen != nil {
		for i := 0; i < len(chosen.Content); i += 2 {
			name := chosen.Content[i].Value
			if !slices.ContainsFunc(arguments, func(a Argument) bool { return a.Name == name && !a.Required }) {
				return fmt.Errorf("x-sample: there is no optional parameter %q", name)
			}
		}
	}
	optional := 0
	for i := range arguments {
		a := &arguments[i]
		switch {
		case a.Required:
			a.Sample = a.Example
		case chosen != nil:
			a.Sample = values(lookup(chosen, a.Name))
		case a.In == "query" && len(a.Example) > 0 && optional < sampled:
			a.Sample = a.Example
			optional++
		}
	}
	return nil
}

// component returns the name of the component that a schema refers to.
func component(schema *yaml.Node) string {
	ref := lookupRef(schema)
	return ref[strings.LastIndexByte(ref, '/')+1:]
}

// Data returns the component that data is in an envelope of that name, or that its items are when it is an array.
func (d *Document) Data(envelope string) (name string, many bool, err error) {
	data := resolve(d.root, "#/components/schemas/"+envelope+"/properties/data")
	if data == nil {
		return "", false, fmt.Errorf("the schema %s has no data", envelope)
	}
	if items := lookup(data, "items"); items != nil {
		return component(items), true, nil
	}
	return component(data), false, nil
}

func (d *Document) requests(op *yaml.Node) ([]Example, error) {
	media := resolve(op, "#/requestBody/content/application~1json")
	if media == nil {
		return nil, nil
	}
	return examples(media)
}

func (d *Document) answers(responses *yaml.Node) ([]Answer, error) {
	if responses == nil {
		return nil, nil
	}
	common := resolve(d.root, "#/x-common/responses")
	var found []Answer
	for i := 0; i < len(responses.Content); i += 2 {
		status, response := responses.Content[i].Value, responses.Content[i+1]
		a := Answer{Status: status}
		if common != nil {
			shared := lookup(common, status)
			a.Common = shared != nil && scalar(shared, "$ref") == scalar(response, "$ref")
		}
		response = d.follow(response)
		a.Description, a.File = scalar(response, "description"), d.fileName(response)
		content := lookup(response, "content")
		if content == nil {
			found = append(found, a)
			continue
		}
		for j := 0; j < len(content.Content); j += 2 {
			a.MediaType, a.Schema = content.Content[j].Value, component(lookup(content.Content[j+1], "schema"))
			var err error
			if a.Examples, err = examples(content.Content[j+1]); err != nil {
				return nil, err
			}
			found = append(found, a)
		}
	}
	return found, nil
}

// fileName returns what the example of a response's Content-Disposition (RFC 6266) calls the file.
func (d *Document) fileName(response *yaml.Node) string {
	header := resolve(response, "#/headers/Content-Disposition")
	if header == nil {
		return ""
	}
	_, parameters, err := mime.ParseMediaType(scalar(d.follow(header), "example"))
	if err != nil {
		return ""
	}
	return parameters["filename"]
}

func examples(media *yaml.Node) ([]Example, error) {
	list := lookup(media, "examples")
	if list == nil {
		return nil, nil
	}
	var found []Example
	for i := 0; i < len(list.Content); i += 2 {
		e := Example{Name: list.Content[i].Value, Summary: scalar(list.Content[i+1], "summary")}
		if value := lookup(list.Content[i+1], "value"); value.Kind == yaml.ScalarNode {
			e.Value = value.Value
		} else {
			text, err := JSON(value)
			if err != nil {
				return nil, err
			}
			e.Value = string(bytes.TrimSpace(text))
		}
		found = append(found, e)
	}
	return found, nil
}

// SetSamples gives an operation its code samples (x-codeSamples), in the place of those that it had.
func (d *Document) SetSamples(operation string, samples []Sample) error {
	var list yaml.Node
	if err := list.Encode(samples); err != nil {
		return err
	}
	for _, sample := range list.Content {
		lookup(sample, "source").Style = yaml.LiteralStyle
	}
	d.eachOperation(func(op *yaml.Node) {
		if scalar(op, "operationId") != operation {
			return
		}
		for i := 0; i < len(op.Content); i += 2 {
			if op.Content[i].Value == "x-codeSamples" {
				op.Content = slices.Delete(op.Content, i, i+2)
				break
			}
		}
		op.Content = append(op.Content, text("x-codeSamples"), &list)
	})
	return nil
}

// moveSamples replaces the server's URL in the code samples.
func (d *Document) moveSamples(from, to string) {
	d.eachOperation(func(op *yaml.Node) {
		samples := lookup(op, "x-codeSamples")
		if samples == nil {
			return
		}
		for _, sample := range samples.Content {
			source := lookup(sample, "source")
			source.Value = strings.ReplaceAll(source.Value, from, to)
		}
	})
}

func (d *Document) eachOperation(visit func(op *yaml.Node)) {
	eachValue(lookup(d.root, "paths"), func(item *yaml.Node) {
		for _, method := range methods {
			if op := lookup(item, method); op != nil {
				visit(op)
			}
		}
	})
}
