package docs

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// field is a parameter, or a property of a body.
type field struct {
	Name        string
	In          string // of a parameter: path, query or header
	Type        string
	Required    bool
	Description string
	Rules       []string
	Fields      []field // of an object, or of the objects in a list
}

// deepest is how far properties are shown in properties.
const deepest = 8

func (d *description) parameterField(p *parameter) field {
	f := d.field(p.Name, p.Schema, p.Required, 0)
	f.In = p.In
	if p.Description != "" {
		f.Description = p.Description
	}
	if !p.Example.IsZero() {
		f.Rules = append(f.Rules, "for example "+literal(&p.Example))
	}
	return f
}

// fields returns the properties of an object; those of every variant where there is a choice.
func (d *description) fields(s *schema) []field { return d.properties(s, 0) }

func (d *description) properties(s *schema, depth int) (found []field) {
	s = d.schema(s)
	if s == nil || depth > deepest {
		return nil
	}
	for _, p := range s.Properties {
		found = append(found, d.field(p.Key, p.Value, slices.Contains(s.Required, p.Key), depth))
	}
	for _, part := range s.AllOf {
		found = append(found, d.properties(part, depth)...)
	}
	for _, variant := range slices.Concat(s.OneOf, s.AnyOf) {
		inner := d.properties(variant, depth)
		if len(inner) == 0 {
			continue
		}
		name := last(variant.Ref)
		if v := d.schema(variant); v != nil {
			if c := slices.IndexFunc(v.Properties, func(m member[*schema]) bool { return m.Key == s.Discriminator.PropertyName }); c >= 0 && !v.Properties[c].Value.Const.IsZero() {
				name = s.Discriminator.PropertyName + ": " + v.Properties[c].Value.Const.Value
			}
		}
		found = append(found, field{Name: name, Type: "variant", Fields: inner})
	}
	if len(found) == 0 && s.Items != nil {
		return d.properties(s.Items, depth+1)
	}
	return found
}

func (d *description) field(name string, s *schema, required bool, depth int) field {
	f := field{Name: name, Required: required}
	if s == nil {
		return f
	}
	f.Description = s.Description
	resolved := d.schema(s)
	if f.Description == "" {
		f.Description = resolved.Description
	}
	f.Type, f.Rules = d.typeOf(resolved), d.rules(resolved)
	inner := resolved
	if resolved.Items != nil {
		inner = resolved.Items
	}
	f.Fields = d.properties(inner, depth+1)
	return f
}

// typeOf names a type: string, array of objects, string or null.
func (d *description) typeOf(s *schema) string {
	if s == nil {
		return "any"
	}
	if len(s.Type) == 0 && len(s.OneOf)+len(s.AnyOf) > 0 {
		var names []string
		for _, v := range slices.Concat(s.OneOf, s.AnyOf) {
			if n := d.typeOf(d.schema(v)); !slices.Contains(names, n) {
				names = append(names, n)
			}
		}
		return strings.Join(names, " or ")
	}
	if len(s.Type) == 0 && len(s.AllOf) > 0 {
		return "object"
	}
	name := strings.Join(s.Type, " or ")
	if s.Items != nil {
		name = strings.Replace(name, "array", "array of "+d.typeOf(d.schema(s.Items))+"s", 1)
	}
	if s.Format != "" {
		name += " (" + s.Format + ")"
	}
	return name
}

// rules says in words what a value keeps.
func (d *description) rules(s *schema) (found []string) {
	say := func(format string, args ...any) { found = append(found, fmt.Sprintf(format, args...)) }
	if !s.Const.IsZero() {
		say("always %s", literal(&s.Const))
	}
	values := s.Enum
	if s.Items != nil && len(values) == 0 {
		values = d.schema(s.Items).Enum
	}
	if len(values) > 0 {
		var texts []string
		for _, v := range values {
			texts = append(texts, literal(&v))
		}
		say("one of %s", strings.Join(texts, ", "))
	}
	if !s.Default.IsZero() {
		say("default %s", literal(&s.Default))
	}
	span(say, "characters", s.MinLength, s.MaxLength)
	span(say, "items", s.MinItems, s.MaxItems)
	switch {
	case !s.Minimum.IsZero() && !s.Maximum.IsZero():
		say("%s to %s", s.Minimum.Value, s.Maximum.Value)
	case !s.Minimum.IsZero():
		say("at least %s", s.Minimum.Value)
	case !s.Maximum.IsZero():
		say("at most %s", s.Maximum.Value)
	}
	switch {
	case s.Hint != "":
		say("%s", s.Hint)
	case s.Pattern != "":
		say("matches `%s`", s.Pattern)
	}
	return found
}

func span(say func(string, ...any), unit string, least, most *int) {
	switch {
	case least != nil && most != nil && *least == *most:
		say("%d %s", *most, unit)
	case least != nil && *least > 0 && most != nil:
		say("%d to %d %s", *least, *most, unit)
	case most != nil:
		say("at most %d %s", *most, unit)
	case least != nil && *least > 0:
		say("at least %d %s", *least, unit)
	}
}

// literal shows a value of the document as code.
func literal(n *yaml.Node) string {
	if n.Kind != yaml.ScalarNode {
		text, err := yaml.Marshal(n)
		if err != nil {
			return ""
		}
		return "`" + strings.TrimSpace(string(text)) + "`"
	}
	return "`" + n.Value + "`"
}
