package docs

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// The parts of an OpenAPI 3.1 document that pages show, in its order.
type (
	description struct {
		Tags       []struct{ Name, Description string }
		Paths      ordered[ordered[yaml.Node]]
		Webhooks   ordered[ordered[yaml.Node]]
		Components struct {
			Schemas    map[string]*schema
			Parameters map[string]*parameter
			Responses  map[string]*response
			Examples   map[string]*example
		}
	}

	parameter struct {
		Ref         string `yaml:"$ref"`
		Name        string
		In          string
		Required    bool
		Description string
		Example     yaml.Node
		Schema      *schema
	}

	response struct {
		Ref         string `yaml:"$ref"`
		Description string
		Content     ordered[content]
	}

	content struct {
		Schema   *schema
		Example  yaml.Node
		Examples ordered[*example]
	}

	example struct {
		Ref     string `yaml:"$ref"`
		Summary string
		Value   yaml.Node
	}

	sample struct{ Lang, Label, Source string }

	schema struct {
		Ref           string `yaml:"$ref"`
		Type          oneOrMore
		Format        string
		Description   string
		Const         yaml.Node
		Enum          []yaml.Node
		Default       yaml.Node
		Properties    ordered[*schema]
		Required      []string
		Items         *schema
		OneOf         []*schema `yaml:"oneOf"`
		AllOf         []*schema `yaml:"allOf"`
		AnyOf         []*schema `yaml:"anyOf"`
		Pattern       string
		Hint          string `yaml:"x-pattern-hint"`
		MinLength     *int   `yaml:"minLength"`
		MaxLength     *int   `yaml:"maxLength"`
		MinItems      *int   `yaml:"minItems"`
		MaxItems      *int   `yaml:"maxItems"`
		Minimum       yaml.Node
		Maximum       yaml.Node
		Discriminator struct {
			PropertyName string `yaml:"propertyName"`
		}
	}
)

// ordered is a mapping in the document's order.
type ordered[T any] []member[T]

type member[T any] struct {
	Key   string
	Value T
}

// UnmarshalYAML reads a mapping.
func (o *ordered[T]) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want a mapping", n.Line)
	}
	for i := 0; i < len(n.Content); i += 2 {
		m := member[T]{Key: n.Content[i].Value}
		if err := n.Content[i+1].Decode(&m.Value); err != nil {
			return err
		}
		*o = append(*o, m)
	}
	return nil
}

// oneOrMore is a word or a list of words.
type oneOrMore []string

// UnmarshalYAML reads both.
func (o *oneOrMore) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*o = oneOrMore{n.Value}
		return nil
	}
	return n.Decode((*[]string)(o))
}

func last(ref string) string { return ref[strings.LastIndexByte(ref, '/')+1:] }

// component returns the component that a reference names; without a reference, what stands there itself.
func component[T any](ref string, itself *T, components map[string]*T) *T {
	if ref != "" {
		return components[last(ref)]
	}
	return itself
}

func (d *description) schema(s *schema) *schema {
	if s == nil {
		return nil
	}
	return component(s.Ref, s, d.Components.Schemas)
}
