// Package spec reads the OpenAPI document: it bundles the files of openapi/ into one, checks them against the
// project's own rules, and lists the operations for those who act on them.
package spec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// mainFile holds what the resources share; it comes first in the bundle.
const mainFile = "openapi.yaml"

// Bundle merges every .yaml file of files into one OpenAPI document: openapi.yaml first, then the resources by name.
// Mappings are merged key by key with order and comments kept, sequences are joined; a key that two files give
// a value is an error that names both. What x-common says once is written out, and so is the permission that an operation needs, in its description. References must be local (#/…), so that
// the bundle is all there is.
func Bundle(files fs.FS) (*yaml.Node, error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, fmt.Errorf("list the specification's files: %w", err)
	}
	if !slices.Contains(names, mainFile) {
		return nil, fmt.Errorf("%s is missing", mainFile)
	}
	names = slices.DeleteFunc(names, func(n string) bool { return n == mainFile })
	slices.Sort(names)
	m := merger{origin: map[*yaml.Node]string{}}
	root, err := m.read(files, mainFile)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		node, err := m.read(files, name)
		if err != nil {
			return nil, err
		}
		if err := m.merge(root, node, "", name); err != nil {
			return nil, err
		}
	}
	writeOutCommon(root)
	writeOutPermissions(root)
	return root, checkReferences(root)
}

// merger remembers which file each key came from, so that a conflict can name both.
type merger struct {
	origin map[*yaml.Node]string
}

func (m merger) read(files fs.FS, name string) (*yaml.Node, error) {
	text, err := fs.ReadFile(files, name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(doc.Content) != 1 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read %s: want a mapping at the top", name)
	}
	root := doc.Content[0]
	var unknown any
	if err := root.Decode(&unknown); err != nil { // reports duplicate keys, which nodes keep silently
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	m.mark(root, name)
	return root, m.checkValues(root, "")
}

// checkValues wants every null written out: an empty value is what is left of a text with a comma that lacks its quotes.
func (m merger) checkValues(n *yaml.Node, key string) error {
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" && n.Value == "" {
		return fmt.Errorf("%s:%d: %q has no value; write null, or quote the text around it", m.origin[n], n.Line, key)
	}
	for i, c := range n.Content {
		name := ""
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			name = n.Content[i-1].Value
		}
		if err := m.checkValues(c, name); err != nil {
			return err
		}
	}
	return nil
}

func (m merger) mark(n *yaml.Node, name string) {
	m.origin[n] = name
	for _, c := range n.Content {
		m.mark(c, name)
	}
}

func (m merger) merge(into, from *yaml.Node, at, name string) error {
	for i := 0; i < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		old := lookup(into, key.Value)
		switch {
		case old == nil:
			into.Content = append(into.Content, key, value)
		case old.Kind == yaml.MappingNode && value.Kind == yaml.MappingNode && mergeable(at):
			if err := m.merge(old, value, path.Join(at, key.Value), name); err != nil {
				return err
			}
		case old.Kind == yaml.SequenceNode && value.Kind == yaml.SequenceNode && at == "":
			old.Content = append(old.Content, value.Content...)
		default:
			return fmt.Errorf("%s:%d: %q stands in %s:%d too", name, key.Line,
				path.Join(at, key.Value), m.origin[old], old.Line)
		}
	}
	return nil
}

// mergeable reports whether the mappings at that place are joined rather than owned by one file: the document itself
// and the sections of components.
func mergeable(at string) bool {
	return at == "" || at == "components"
}

func lookup(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func checkReferences(root *yaml.Node) error {
	var errs []error
	walk(root, "#", func(n *yaml.Node, at string) {
		ref := lookup(n, "$ref")
		if ref == nil {
			return
		}
		switch {
		case !strings.HasPrefix(ref.Value, "#/"):
			errs = append(errs, fmt.Errorf("%s: $ref %q leaves the document; want #/…", at, ref.Value))
		case resolve(root, ref.Value) == nil:
			errs = append(errs, fmt.Errorf("%s: $ref %q leads nowhere", at, ref.Value))
		}
	})
	return errors.Join(errs...)
}

// walk calls visit for every mapping below n with its JSON pointer; values of examples are data and are left out.
func walk(n *yaml.Node, at string, visit func(n *yaml.Node, at string)) {
	switch n.Kind {
	case yaml.MappingNode:
		visit(n, at)
		for i := 0; i < len(n.Content); i += 2 {
			key := n.Content[i].Value
			if (key == "value" && strings.Contains(at, "/examples/")) || key == "example" {
				continue
			}
			walk(n.Content[i+1], at+"/"+escape(key), visit)
		}
	case yaml.SequenceNode:
		for i, c := range n.Content {
			walk(c, fmt.Sprintf("%s/%d", at, i), visit)
		}
	default: // scalars have nothing below them
	}
}

var (
	escaper   = strings.NewReplacer("~", "~0", "/", "~1")
	unescaper = strings.NewReplacer("~1", "/", "~0", "~")
)

func escape(key string) string { return escaper.Replace(key) }

// resolve returns the node that a local reference names, or nil.
func resolve(root *yaml.Node, ref string) *yaml.Node {
	n := root
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		if i, err := strconv.Atoi(part); err == nil && n.Kind == yaml.SequenceNode && i >= 0 && i < len(n.Content) {
			n = n.Content[i]
			continue
		}
		if n.Kind != yaml.MappingNode {
			return nil
		}
		if n = lookup(n, unescaper.Replace(part)); n == nil {
			return nil
		}
	}
	return n
}

// YAML renders the document with two spaces of indent.
func YAML(root *yaml.Node) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(root); err != nil {
		return nil, fmt.Errorf("render YAML: %w", err)
	}
	return b.Bytes(), nil
}

// JSON renders the document indented, with its keys in the order of the YAML.
func JSON(root *yaml.Node) ([]byte, error) {
	var compact, b bytes.Buffer
	if err := writeJSON(&compact, root); err != nil {
		return nil, fmt.Errorf("render JSON: %w", err)
	}
	if err := json.Indent(&b, compact.Bytes(), "", "  "); err != nil {
		return nil, fmt.Errorf("render JSON: %w", err)
	}
	b.WriteByte('\n')
	return b.Bytes(), nil
}

func writeJSON(b *bytes.Buffer, n *yaml.Node) error {
	switch n.Kind {
	case yaml.MappingNode:
		return writeSequence(b, '{', '}', len(n.Content)/2, func(i int) error {
			b.WriteString(quote(n.Content[2*i].Value))
			b.WriteByte(':')
			return writeJSON(b, n.Content[2*i+1])
		})
	case yaml.SequenceNode:
		return writeSequence(b, '[', ']', len(n.Content), func(i int) error { return writeJSON(b, n.Content[i]) })
	case yaml.AliasNode:
		return writeJSON(b, n.Alias)
	default:
		return writeScalar(b, n)
	}
}

func writeSequence(b *bytes.Buffer, opening, closing byte, n int, item func(i int) error) error {
	b.WriteByte(opening)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := item(i); err != nil {
			return err
		}
	}
	b.WriteByte(closing)
	return nil
}

func writeScalar(b *bytes.Buffer, n *yaml.Node) error {
	if n.ShortTag() == "!!str" || n.ShortTag() == "!!timestamp" {
		b.WriteString(quote(n.Value))
		return nil
	}
	var v any
	if err := n.Decode(&v); err != nil {
		return err
	}
	text, err := json.Marshal(v)
	b.Write(text)
	return err
}

// quote renders a JSON string without escaping <, > and &.
func quote(s string) string {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(s) // a string always encodes
	return strings.TrimSuffix(b.String(), "\n")
}
