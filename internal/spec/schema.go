package spec

import (
	"fmt"
	"net/url"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Schema is a schema as far as types are made from it.
type Schema struct {
	Name          string // of the component that it is; "" when it stands within another
	Ref           string // the component that it refers to; of the rest then only Description is set
	Description   string // Markdown
	Type          string // object, array, string, integer, number or boolean; "" for AllOf and OneOf
	Format        string
	Nullable      bool
	Const         string
	Enum          []string
	Items         *Schema
	Values        *Schema // of an object whose fields have any name
	Fields        []Field
	Closed        bool // no fields but those
	AllOf, OneOf  []Schema
	Discriminator string    // the field that tells which of OneOf it is
	Variants      []Variant // what it may hold
}

// Field is a field of an object.
type Field struct {
	Name     string
	Required bool
	Schema
}

// Variant is what a discriminator means by a value.
type Variant struct{ Value, Schema string }

// Schemas returns the components that are schemas, in the document's order.
func (d *Document) Schemas() ([]Schema, error) {
	list := resolve(d.root, "#/components/schemas")
	if list == nil {
		return nil, nil
	}
	var found []Schema
	for i := 0; i < len(list.Content); i += 2 {
		s, err := newSchema(list.Content[i+1])
		if err != nil {
			return nil, fmt.Errorf("schema %s: %w", list.Content[i].Value, err)
		}
		s.Name = list.Content[i].Value
		found = append(found, s)
	}
	return found, nil
}

// Schema returns the schema at a URL fragment (#/…).
func (d *Document) Schema(fragment string) (Schema, error) {
	ref, err := url.PathUnescape(fragment)
	if err != nil {
		return Schema{}, err
	}
	node := resolve(d.root, ref)
	if node == nil {
		return Schema{}, fmt.Errorf("%s leads nowhere", ref)
	}
	return newSchema(node)
}

func newSchema(n *yaml.Node) (Schema, error) {
	s := Schema{Ref: component(n), Description: strings.TrimSpace(scalar(n, "description"))}
	if s.Ref != "" {
		return s, nil
	}
	for _, t := range types(n) {
		switch {
		case t == "null":
			s.Nullable = true
		case s.Type == "":
			s.Type = t
		default:
			return s, fmt.Errorf("it is of several types")
		}
	}
	s.Format, s.Const, s.Enum = scalar(n, "format"), scalar(n, "const"), values(lookup(n, "enum"))
	s.readDiscriminator(n)
	var err error
	if s.Items, err = below(n, "items"); err != nil {
		return s, err
	}
	if s.AllOf, err = each(n, "allOf"); err != nil {
		return s, err
	}
	if s.OneOf, err = each(n, "oneOf"); err != nil {
		return s, err
	}
	return s, s.readFields(n)
}

func (s *Schema) readDiscriminator(n *yaml.Node) {
	d := lookup(n, "discriminator")
	if d == nil {
		return
	}
	s.Discriminator = scalar(d, "propertyName")
	if mapping := lookup(d, "mapping"); mapping != nil {
		for i := 0; i < len(mapping.Content); i += 2 {
			ref := mapping.Content[i+1].Value
			s.Variants = append(s.Variants, Variant{mapping.Content[i].Value, ref[strings.LastIndexByte(ref, '/')+1:]})
		}
	}
}

func (s *Schema) readFields(n *yaml.Node) error {
	required := map[string]bool{}
	for _, name := range values(lookup(n, "required")) {
		required[name] = true
	}
	if list := lookup(n, "properties"); list != nil {
		for i := 0; i < len(list.Content); i += 2 {
			name := list.Content[i].Value
			field, err := newSchema(list.Content[i+1])
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			s.Fields = append(s.Fields, Field{name, required[name], field})
		}
	}
	more := lookup(n, "additionalProperties")
	switch {
	case more == nil:
		return nil
	case more.Kind == yaml.ScalarNode:
		s.Closed = more.Value == "false"
		if !s.Closed {
			s.Values = &Schema{}
		}
		return nil
	}
	var err error
	s.Values, err = below(n, "additionalProperties")
	return err
}

// below returns the schema under a key, or nil.
func below(n *yaml.Node, key string) (*Schema, error) {
	child := lookup(n, key)
	if child == nil {
		return nil, nil //nolint:nilnil // no schema is no error
	}
	s, err := newSchema(child)
	return &s, err
}

func each(n *yaml.Node, key string) ([]Schema, error) {
	list := lookup(n, key)
	if list == nil {
		return nil, nil
	}
	var found []Schema
	for _, child := range list.Content {
		s, err := newSchema(child)
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}
