package sdkgen

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/plotwise/plotwise/internal/spec"
)

// testSeconds is how long the test of a webhook waits for its receiver.
const testSeconds = 15

// typeOf returns the type of a schema's values. Answers hold what they are read as; what requests hold may be written in
// several ways.
func (p *pythonTypes) typeOf(s spec.Schema, input bool) (string, error) {
	name, err := p.plainType(s, input)
	if err == nil && p.resolve(s).Nullable {
		name += " | None"
	}
	return name, err
}

func (p *pythonTypes) resolve(s spec.Schema) spec.Schema {
	for s.Ref != "" {
		s = p.schemas[s.Ref]
	}
	return s
}

func (p *pythonTypes) plainType(s spec.Schema, input bool) (string, error) {
	if s.Ref != "" {
		target := p.schemas[s.Ref]
		named := len(target.Enum)+len(target.OneOf)+len(target.AllOf)+len(target.Fields) > 0
		if !named {
			return p.plainType(target, input)
		}
		return s.Ref, p.need(s.Ref, input)
	}
	list, mapping := "list", "dict"
	if input {
		list, mapping = "Sequence", "Mapping"
	}
	switch {
	case s.Const != "":
		return fmt.Sprintf("Literal[%q] | str", s.Const), nil
	case s.Type == "array":
		item, err := p.typeOf(*s.Items, input)
		return fmt.Sprintf("%s[%s]", list, item), err
	case s.Type == "object" && s.Values != nil && s.Values.Type != "":
		value, err := p.typeOf(*s.Values, input)
		return fmt.Sprintf("%s[str, %s]", mapping, value), err
	case s.Type == "object" && len(s.Fields) == 0:
		return mapping + "[str, Any]", nil
	}
	switch s.Type + " " + s.Format {
	case "string date-time":
		return either("datetime", input), nil
	case "string date":
		return either("date", input), nil
	}
	types := map[string]string{"string": "str", "integer": "int", "number": "float", "boolean": "bool"}
	name, ok := types[s.Type]
	if !ok {
		return "", errors.New("it is of a type that Python has no name for")
	}
	return name, nil
}

// either lets what is written into a request be given as the text that it becomes.
func either(name string, input bool) string {
	if input {
		return name + " | str"
	}
	return name
}

// pythonResource is a resource as the template writes it.
type pythonResource struct {
	Name, Class, Description string
	Methods                  []pythonMethod
}

// pythonMethod is a method as the template writes it.
type pythonMethod struct {
	Name, Method, Doc string
	Def, Await        string
	Path, Keywords    []pythonParameter
	Query, Body       []pythonParameter
	Variants          [][]pythonParameter // of a body that is one of several: the keywords of each
	Options           string
	Returns, Send     string
	URL               string
	Waits             string
	HasBody, Streams  bool
	Feed              bool
	Streamed          []pythonParameter
}

type pythonParameter struct {
	Name, Wire, Type, Doc string
	Required, Commas      bool
}

// resources returns the resources of Plotwise, and those of AsyncPlotwise.
func (p *pythonTypes) resources(api *API) (both [2][]pythonResource, err error) {
	for _, r := range api.Resources {
		for i, async := range []bool{false, true} {
			made := pythonResource{Name: Snake(r.Words), Class: Pascal(r.Words), Description: unwrap(r.Description)}
			if r.Words[0] == "api" {
				made.Class = Exported(r.Words)
			}
			for _, m := range r.Methods {
				method, err := p.method(m, async)
				if err != nil {
					return both, fmt.Errorf("%s: %w", m.ID, err)
				}
				made.Methods = append(made.Methods, method)
			}
			both[i] = append(both[i], made)
		}
	}
	return both, nil
}

func (p *pythonTypes) method(m Method, async bool) (pythonMethod, error) {
	made := pythonMethod{
		Name: Snake(m.Words), Method: m.Method, Options: "Options", HasBody: m.Body != "", Streams: m.Result.Kind == Stream, Def: "def",
	}
	if async && m.Result.Kind != Pages {
		made.Def, made.Await = "async def", "await "
	}
	switch {
	case m.Keyed:
		made.Options = "KeyedOptions"
	case m.IfMatch:
		made.Options = "ConditionalOptions"
	}
	var err error
	if made.Path, err = p.parameters(m.Path); err != nil {
		return made, err
	}
	if made.Query, err = p.parameters(m.Query); err != nil {
		return made, err
	}
	if err := p.body(&made, m.Body); err != nil {
		return made, err
	}
	made.Keywords = slices.Concat(made.Query, made.Body)
	slices.SortStableFunc(made.Keywords, func(a, b pythonParameter) int {
		return strings.Compare(strconv.FormatBool(b.Required), strconv.FormatBool(a.Required))
	})
	p.wait(&made, m)
	made.URL = pythonURL(m.Entry.Path, made.Path)
	made.Doc = made.doc(m)
	return made, p.result(&made, m, async)
}

// wait says how long the server may take on purpose, and finds the feed, which can be followed.
func (p *pythonTypes) wait(made *pythonMethod, m Method) {
	named := func(name string) bool {
		return slices.ContainsFunc(made.Query, func(q pythonParameter) bool { return q.Name == name })
	}
	switch {
	case m.Waits:
		made.Waits = strconv.Itoa(testSeconds)
	case named("wait"):
		made.Waits = "wait or 0"
		made.Feed = named("after")
		made.Streamed = slices.DeleteFunc(slices.Clone(made.Query), func(q pythonParameter) bool { return q.Name == "wait" || q.Name == "after" })
	}
}

func (p *pythonTypes) result(made *pythonMethod, m Method, async bool) error {
	prefix := ""
	if async {
		prefix = "Async"
	}
	item := "models." + m.Result.Item
	shape := item
	if len(p.schemas[m.Result.Item].OneOf) > 0 {
		shape += "Shape"
	}
	if m.Result.Item != "" {
		if err := p.need(m.Result.Item, false); err != nil {
			return err
		}
	}
	switch m.Result.Kind {
	case Nothing:
		made.Returns, made.Send = "None", "self._nothing("
	case Object:
		made.Returns, made.Send = item, "self._object("+shape+", "
	case Pages:
		made.Returns, made.Send = fmt.Sprintf("%s[%s]", map[bool]string{false: "Page", true: "AsyncPages"}[async], item), "self._page("+shape+", "
	case Stream:
		made.Returns, made.Send = prefix+"File", "self._file("
	case List:
		meta := "None"
		for _, f := range p.schemas[m.Result.Envelope].Fields {
			if f.Name == "meta" {
				meta = "models." + f.Ref
				if err := p.need(f.Ref, false); err != nil {
					return err
				}
			}
		}
		made.Returns = fmt.Sprintf("Items[%s, %s]", item, meta)
		made.Send = fmt.Sprintf("self._items(%s, %s, ", shape, strings.Replace(meta, "None", "type(None)", 1))
	}
	return nil
}

func (p *pythonTypes) parameters(arguments []spec.Argument) ([]pythonParameter, error) {
	var made []pythonParameter
	for _, a := range arguments {
		schema, err := p.api.document.Schema(a.Schema)
		if err != nil {
			return nil, err
		}
		doc := unwrap(a.Description)
		if doc == "" {
			doc = p.describe(schema)
		}
		parameter, err := p.parameter(a.Name, schema, a.Required, doc)
		if err != nil {
			return nil, err
		}
		if s := p.resolve(schema); s.Type == "array" { // one of it may be given as it is
			parameter.Type = strings.Replace(parameter.Type, "Sequence[", strings.TrimSuffix(strings.TrimPrefix(
				strings.TrimSuffix(parameter.Type, " | None"), "Sequence["), "]")+" | Sequence[", 1)
			parameter.Commas = !a.Explode
		}
		made = append(made, parameter)
	}
	return made, nil
}

var modelName = regexp.MustCompile(`\b[A-Z]\w+`)

func (p *pythonTypes) parameter(name string, s spec.Schema, required bool, doc string) (pythonParameter, error) {
	if p.resolve(s).Nullable {
		return pythonParameter{}, fmt.Errorf("%s may be null, which None does not say: it leaves parameters out", name)
	}
	kind, err := p.typeOf(s, true)
	if err != nil {
		return pythonParameter{}, fmt.Errorf("%s: %w", name, err)
	}
	kind = modelName.ReplaceAllStringFunc(kind, func(found string) string {
		if _, ok := p.schemas[found]; ok {
			return "models." + found
		}
		return found
	})
	if !required {
		kind += " | None"
	}
	return pythonParameter{Name: pythonName(name), Wire: name, Type: kind, Doc: doc, Required: required}, nil
}

// body adds the fields of a body to the keywords: of one that is one of several, each of which gets an overload, all of them.
func (p *pythonTypes) body(made *pythonMethod, name string) error {
	if name == "" {
		return nil
	}
	s := p.schemas[name]
	if len(s.Variants) == 0 {
		var err error
		made.Body, err = p.fields(s, "")
		return err
	}
	for _, v := range s.Variants {
		fields, err := p.fields(p.schemas[v.Schema], s.Discriminator)
		if err != nil {
			return err
		}
		made.Variants = append(made.Variants, fields)
		for _, f := range fields {
			at := slices.IndexFunc(made.Body, func(other pythonParameter) bool { return other.Name == f.Name })
			switch {
			case at < 0 && f.Name == s.Discriminator:
				f.Type = "str"
				made.Body = append(made.Body, f)
			case at < 0:
				f.Type, f.Required = strings.TrimSuffix(f.Type, " | None")+" | None", false
				made.Body = append(made.Body, f)
			}
		}
	}
	return nil
}

func (p *pythonTypes) fields(s spec.Schema, discriminator string) ([]pythonParameter, error) {
	var made []pythonParameter
	for _, f := range s.Fields {
		parameter, err := p.parameter(f.Name, f.Schema, f.Required, p.describe(f.Schema))
		if err != nil {
			return nil, err
		}
		if f.Name == discriminator {
			parameter.Type = fmt.Sprintf("Literal[%q]", f.Const)
		}
		made = append(made, parameter)
	}
	return made, nil
}

// doc is the docstring of a method.
func (made pythonMethod) doc(m Method) string {
	parts := []string{strings.TrimSuffix(m.Summary, ".") + ".", unwrap(m.Description)}
	var lines []string
	for _, parameter := range slices.Concat(made.Path, made.Keywords) {
		if parameter.Doc != "" {
			lines = append(lines, strings.TrimPrefix(pythonArgument(parameter), "        "))
		}
	}
	if len(lines) > 0 {
		parts = append(parts, "Args:\n"+strings.Join(lines, "\n"))
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "\n\n")
}

// pythonURL returns the expression for a path.
func pythonURL(path string, parameters []pythonParameter) string {
	if len(parameters) == 0 {
		return strconv.Quote(path)
	}
	for _, parameter := range parameters {
		path = strings.ReplaceAll(path, "{"+parameter.Wire+"}", fmt.Sprintf("{segment('%s', %s)}", parameter.Name, parameter.Name))
	}
	return "f" + strconv.Quote(path)
}
