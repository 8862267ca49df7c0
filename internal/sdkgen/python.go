package sdkgen

import (
	"bytes"
	"embed"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/template"

	"github.com/plotwise/plotwise/internal/spec"
)

//go:embed python/*.tmpl
var pythonTemplates embed.FS

const pythonFolder = "python/src/plotwise/"

// pythonWidth is how long lines of docstrings may be, without their quotes.
const pythonWidth = 114

// renderPython writes the models, and what sends and names the operations twice: for Plotwise and for AsyncPlotwise, from the
// same templates. `ruff format` lays the files out.
func renderPython(api *API) (map[string][]byte, error) {
	types, err := newPythonTypes(api)
	if err != nil {
		return nil, err
	}
	resources, err := types.resources(api)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, f := range []struct {
		name, template string
		async          bool
		data           any
	}{
		{"models.py", "models.py.tmpl", false, map[string]any{"Types": types.needed}},
		{"_sync.py", "runtime.py.tmpl", false, nil},
		{"_async.py", "runtime.py.tmpl", true, nil},
		{"_sync_client.py", "resources.py.tmpl", false, map[string]any{"Resources": resources[0], "Server": api.Server}},
		{"_async_client.py", "resources.py.tmpl", true, map[string]any{"Resources": resources[1], "Server": api.Server}},
	} {
		made, err := template.New("").Funcs(pythonFunctions(f.async)).ParseFS(pythonTemplates, "python/*.tmpl")
		if err != nil {
			return nil, err
		}
		var b bytes.Buffer
		if err := made.ExecuteTemplate(&b, f.template, f.data); err != nil {
			return nil, err
		}
		files[pythonFolder+f.name] = b.Bytes()
	}
	return files, nil
}

// pythonFunctions are the words in which the two clients differ, and how texts are written.
func pythonFunctions(async bool) template.FuncMap {
	words := template.FuncMap{"A": "", "a": "", "def": "def", "await": ""}
	if async {
		words = template.FuncMap{"A": "Async", "a": "a", "def": "async def", "await": "await "}
	}
	functions := template.FuncMap{"async": func() bool { return async }, "quote": strconv.Quote}
	for name, word := range words {
		functions[name] = func() any { return word }
	}
	maps.Copy(functions, template.FuncMap{"docstring": docstring, "argument": pythonArgument})
	return functions
}

// docstring writes a text as the docstring of what is indented so.
func docstring(indent int, text string) string {
	if strings.TrimSpace(text) == "" {
		return ""
	}
	margin := strings.Repeat(" ", indent)
	raw := ""
	if strings.Contains(text, `\`) {
		raw = "r"
	}
	text = strings.ReplaceAll(strings.TrimSpace(text), `"""`, `'''`)
	lines := wrap(text, pythonWidth-indent)
	end := `"""`
	switch {
	case len(lines) > 1:
		end = "\n" + margin + end
	case strings.HasSuffix(text, `"`):
		end = " " + end
	}
	for i, line := range lines {
		if line != "" && i > 0 {
			lines[i] = margin + line
		}
	}
	return margin + raw + `"""` + strings.Join(lines, "\n") + end
}

// wrap breaks the paragraphs of a text into lines; what is indented keeps its indent.
func wrap(text string, width int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		body := strings.TrimLeft(paragraph, " ")
		margin := paragraph[:len(paragraph)-len(body)]
		hanging := margin
		if margin != "" {
			hanging += "    "
		}
		line := margin
		for _, word := range strings.Fields(body) {
			if strings.TrimSpace(line) != "" && len([]rune(line))+1+len([]rune(word)) > width {
				lines, line = append(lines, line), hanging
			}
			if strings.TrimSpace(line) != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}

// unwrap joins the lines of each paragraph of Markdown, so that they can be broken anew; lists and tables stay.
func unwrap(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		line = strings.TrimSpace(line)
		switch {
		case i == 0:
		case line == "" || strings.HasPrefix(line, "- ") || strings.HasPrefix(line, "|") || strings.HasSuffix(b.String(), "\n"):
			b.WriteByte('\n')
		default:
			b.WriteByte(' ')
		}
		b.WriteString(line)
	}
	return b.String()
}

// pythonArgument writes what a docstring says of a parameter.
func pythonArgument(p pythonParameter) string {
	return "            " + p.Name + ": " + strings.ReplaceAll(unwrap(p.Doc), "\n", " ")
}

// pythonKeywords are those that a parameter or a field of the specification may be called.
var pythonKeywords = map[string]bool{"from": true, "in": true, "is": true, "class": true, "import": true, "global": true, "with": true, "as": true}

// pythonName returns what a parameter is called in Python.
func pythonName(name string) string {
	if pythonKeywords[name] {
		return name + "_"
	}
	return strings.ReplaceAll(name, "-", "_")
}

// pythonType is a type of models.py: names for values, a union, or a class.
type pythonType struct {
	Name, Doc, Bases string
	Values           []string
	Discriminator    string
	Variants         []spec.Variant
	Fields           []pythonField
}

type pythonField struct{ Name, Declared, Doc string }

// pythonTypes writes the schemas that the methods need, each behind those that it needs itself.
type pythonTypes struct {
	schemas map[string]spec.Schema
	consts  map[string]bool // the discriminators, of which each variant has one value
	seen    map[string]bool
	needed  []pythonType
	api     *API
}

func newPythonTypes(api *API) (*pythonTypes, error) {
	list, err := api.document.Schemas()
	if err != nil {
		return nil, err
	}
	p := &pythonTypes{schemas: map[string]spec.Schema{}, consts: map[string]bool{}, seen: map[string]bool{}, api: api}
	for _, s := range list {
		p.schemas[s.Name] = s
		for _, v := range s.Variants {
			p.consts[v.Schema+"."+s.Discriminator] = true
		}
	}
	for _, name := range []string{"PageMeta", "Error"} {
		if err := p.need(name, false); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// need adds a component to those that are written, and first what it refers to. What requests hold is a TypedDict.
func (p *pythonTypes) need(name string, input bool) error {
	if p.seen[name] {
		return nil
	}
	p.seen[name] = true
	s, ok := p.schemas[name]
	if !ok {
		return fmt.Errorf("there is no schema %s", name)
	}
	t := pythonType{Name: name, Doc: unwrap(s.Description), Values: s.Enum, Bases: "Model", Discriminator: s.Discriminator, Variants: s.Variants}
	if input {
		t.Bases = "TypedDict"
	}
	var bases []string
	for _, part := range s.AllOf {
		if err := p.need(part.Ref, input); err != nil {
			return err
		}
		bases = append(bases, part.Ref)
	}
	if len(bases) > 0 {
		slices.Reverse(bases) // so that the fields of the first come first
		t.Bases = strings.Join(bases, ", ")
	}
	for _, v := range s.Variants {
		if err := p.need(v.Schema, input); err != nil {
			return err
		}
	}
	for _, f := range s.Fields {
		field, err := p.field(s, f, input)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", name, f.Name, err)
		}
		t.Fields = append(t.Fields, field)
	}
	p.needed = append(p.needed, t)
	return nil
}

// modelNames are what a model has already, so that no field of it may be called so.
var modelNames = map[string]bool{"schema": true, "copy": true, "json": true, "dict": true, "construct": true, "validate": true}

func (p *pythonTypes) field(owner spec.Schema, f spec.Field, input bool) (pythonField, error) {
	declared, err := p.typeOf(f.Schema, input)
	if err != nil {
		return pythonField{}, err
	}
	if p.consts[owner.Name+"."+f.Name] {
		declared = "Literal[" + strconv.Quote(f.Const) + "]"
	}
	field := pythonField{Name: f.Name, Declared: declared, Doc: p.describe(f.Schema)}
	if input {
		if !f.Required {
			field.Declared = "NotRequired[" + declared + "]"
		}
		return field, nil
	}
	if modelNames[f.Name] || pythonKeywords[f.Name] {
		field.Name += "_"
		field.Declared = fmt.Sprintf("Annotated[%s, Field(alias=%q)]", declared, f.Name)
	}
	if !f.Required {
		field.Declared = strings.TrimSuffix(declared, " | None") + " | None = None"
	}
	return field, nil
}

// describe returns what a schema says of its values, or what that says which it refers to.
func (p *pythonTypes) describe(s spec.Schema) string {
	if s.Description == "" && s.Ref != "" {
		return p.describe(p.schemas[s.Ref])
	}
	if s.Description == "" && s.Items != nil {
		return p.describe(*s.Items)
	}
	return unwrap(s.Description)
}
