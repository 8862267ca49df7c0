package docs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/plotwise/plotwise/internal/spec"
)

// reference is the operations as pages show them.
type reference struct {
	Tags []tag
}

type tag struct {
	Name, Title, Description string
	Operations               []*operation
}

// operation is an operation, or a message that webhooks are sent.
type operation struct {
	OperationID string
	Method      string // empty: a message to webhooks
	Route       string // the path, or the type of event
	Summary     string
	Description string
	Tag         string
	Parameters  []field
	Body        []body
	Answers     []answer
	Samples     []code
}

// Path returns where the operation is served.
func (o operation) Path() string { return "/docs/reference/" + o.OperationID }

// Webhook tells whether it is a message that webhooks are sent.
func (o operation) Webhook() bool { return o.Method == "" }

// body is what is sent, in one media type.
type body struct {
	MediaType string
	Fields    []field
	Examples  []code
}

type answer struct {
	Status      string
	Description string
	Bodies      []body
}

// Good tells whether the status is that of a success.
func (a answer) Good() bool { return a.Status[0] == '2' }

// code is code with a name.
type code struct {
	Label string
	Text  template.HTML
}

func (s *site) readReference(document *spec.Document) error {
	text, err := document.YAML()
	if err != nil {
		return err
	}
	var d description
	if err := yaml.Unmarshal([]byte(s.local(string(text))), &d); err != nil {
		return fmt.Errorf("read the specification: %w", err)
	}
	for _, t := range d.Tags {
		s.reference.Tags = append(s.reference.Tags, tag{Name: t.Name, Title: title(t.Name), Description: t.Description})
	}
	for _, paths := range []ordered[ordered[yaml.Node]]{d.Paths, d.Webhooks} {
		for _, path := range paths {
			for _, method := range path.Value {
				if !slices.Contains([]string{"get", "post", "put", "patch", "delete"}, method.Key) {
					continue
				}
				o, err := d.operation(path.Key, method)
				if err != nil {
					return fmt.Errorf("%s %s: %w", method.Key, path.Key, err)
				}
				if !strings.HasPrefix(path.Key, "/") {
					o.Method = ""
				}
				s.reference.add(o)
				s.index.add(entry{Title: o.Summary, Path: o.Path(), Kind: strings.TrimSpace(o.Method + " " + o.Route), Text: o.Description, Name: o.OperationID})
			}
		}
	}
	return nil
}

func (r *reference) add(o *operation) {
	i := slices.IndexFunc(r.Tags, func(t tag) bool { return t.Name == o.Tag })
	r.Tags[i].Operations = append(r.Tags[i].Operations, o)
}

// title returns a tag's name for people.
func title(name string) string {
	words := strings.ReplaceAll(name, "-", " ")
	return strings.ReplaceAll(strings.ToUpper(words[:1])+words[1:], "Api ", "API ")
}

// operation reads one operation of a path.
func (d *description) operation(path string, m member[yaml.Node]) (*operation, error) {
	var read struct {
		OperationID string `yaml:"operationId"`
		Tags        []string
		Summary     string
		Description string
		Parameters  []*parameter
		RequestBody struct{ Content ordered[content] } `yaml:"requestBody"`
		Responses   ordered[*response]
		Samples     []sample `yaml:"x-codeSamples"`
	}
	if err := m.Value.Decode(&read); err != nil {
		return nil, err
	}
	o := &operation{OperationID: read.OperationID, Method: strings.ToUpper(m.Key), Route: path, Summary: read.Summary, Description: read.Description, Tag: read.Tags[0]}
	for _, p := range read.Parameters {
		o.Parameters = append(o.Parameters, d.parameterField(component(p.Ref, p, d.Components.Parameters)))
	}
	var err error
	if o.Body, err = d.bodies(read.RequestBody.Content); err != nil {
		return nil, err
	}
	for _, r := range read.Responses {
		found := component(r.Value.Ref, r.Value, d.Components.Responses)
		a := answer{Status: r.Key, Description: found.Description}
		if a.Bodies, err = d.bodies(found.Content); err != nil {
			return nil, err
		}
		o.Answers = append(o.Answers, a)
	}
	for _, s := range read.Samples {
		text, err := highlight(strings.ToLower(s.Label), s.Source)
		if err != nil {
			return nil, err
		}
		o.Samples = append(o.Samples, code{s.Label, text})
	}
	return o, nil
}

func (d *description) bodies(all ordered[content]) (found []body, err error) {
	for _, c := range all {
		b := body{MediaType: c.Key, Fields: d.fields(c.Value.Schema)}
		examples := c.Value.Examples
		if !c.Value.Example.IsZero() {
			examples = append(examples, member[*example]{"example", &example{Value: c.Value.Example}})
		}
		for _, e := range examples {
			one := component(e.Value.Ref, e.Value, d.Components.Examples)
			text, err := render(&one.Value, c.Key)
			if err != nil {
				return nil, err
			}
			label := one.Summary
			if label == "" {
				label = title(strings.ReplaceAll(e.Key, "_", "-"))
			}
			b.Examples = append(b.Examples, code{label, text})
		}
		found = append(found, b)
	}
	return found, nil
}

// render shows an example: as JSON, or as the text that it is.
func render(n *yaml.Node, mediaType string) (template.HTML, error) {
	if n.Kind == yaml.ScalarNode && !strings.HasSuffix(mediaType, "json") {
		return highlight("text", n.Value)
	}
	text, err := spec.JSON(n)
	if err != nil {
		return "", err
	}
	var b bytes.Buffer
	if err := json.Indent(&b, text, "", "  "); err != nil {
		return "", err
	}
	return highlight("json", strings.TrimSpace(b.String()))
}
