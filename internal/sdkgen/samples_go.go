package sdkgen

import (
	"go/format"
	"slices"
	"strconv"

	"github.com/plotwise/plotwise/internal/spec"
)

// goLayout is how long lines of Go may get before we break them; gofmt does not mind.
var goLayout = layout{width: 100, indent: "\t"}

// goSample writes a call by the SDK for Go.
func goSample(source *goSource, schemas map[string]spec.Schema, c sampleCall) (string, error) {
	m, err := newGoMethod(source, c.Resource, c.Method)
	if err != nil {
		return "", err
	}
	w := &goWriter{source: source, schemas: schemas, variables: map[string]string{}}
	call, err := w.call(m, c)
	if err != nil {
		return "", err
	}
	kind := c.Method.Result.Kind
	item := goVariable(c.Item)
	result, behind := item, ""
	switch kind {
	case Pages:
		behind = " {"
	case Nothing:
		behind = "; err != nil {"
	case List:
		result = goVariable(c.Envelope)
	case Object, Stream:
	}
	before := map[Kind]string{Pages: "for " + item + ", err := range ", Nothing: "if err := "}[kind]
	if before == "" {
		before = result + ", err := "
	}
	text, err := writeSample("go.tmpl", map[string]any{
		"Kind": string(kind), "Item": item, "Result": result, "File": c.File, "Variables": w.written, "Imports": w.imports(kind),
		"Call": goLayout.statement(1, before, call, behind), "Print": w.print(c, item),
		"Union": len(c.Prints) == 0 && w.source.kinds(c.Method.Result.Item) != nil,
	})
	if err != nil {
		return "", err
	}
	tidy, err := format.Source([]byte(text))
	return string(tidy), err
}

// call returns the call of a method, and notes the variables that it needs.
func (w *goWriter) call(m goMethod, c sampleCall) (value, error) {
	name := m.Name
	if m.All != "" {
		name = m.All
	}
	call := value{open: "client." + Exported(c.Resource.Words) + "." + name + "(", shut: ")", hugs: true}
	call.add("", value{text: "ctx"})
	ids := c.IDs
	for _, p := range m.Parameters {
		var v value
		var err error
		switch {
		case m.Params != nil && p.Type == m.Params.Name:
			v, err = w.structure("plotwise."+m.Params.Name, m.Params.Client, c.Query)
		case m.Params != nil && p.Type == "*"+m.Params.Name && len(c.Query) == 0:
			v = value{text: "nil"}
		case m.Params != nil && p.Type == "*"+m.Params.Name:
			v, err = w.structure("&plotwise."+m.Params.Name, m.Params.Client, c.Query)
		case p.Name == "body":
			v, err = w.named("body", p.Type, c.Body)
		default:
			v, err = w.named(p.Name, p.Type, ids[0])
			ids = ids[1:]
		}
		if err != nil {
			return call, err
		}
		call.add("", v)
	}
	return call, nil
}

// print returns the statement that prints fields.
func (w *goWriter) print(c sampleCall, item string) string {
	printing := value{open: "fmt.Println(", shut: ")"}
	for _, name := range c.Prints {
		printing.add("", value{text: item + "." + w.source.field(c.Method.Result.Item, name).Name})
	}
	if len(c.Prints) == 0 {
		printing.add("", value{text: item})
	}
	return goLayout.statement(2, "", printing, "")
}

func (w *goWriter) imports(kind Kind) []string {
	names := []string{"context", "log"}
	switch kind {
	case Stream:
		names = append(names, "io", "os")
	case Object, List, Pages:
		names = append(names, "fmt")
	case Nothing:
	}
	if w.time {
		names = append(names, "time")
	}
	slices.Sort(names)
	return names
}

// goVariable joins words as Go names variables: apiKey, permitUUID.
func goVariable(words []string) string {
	return words[0] + Exported(words[1:])
}

// goText writes a text in Go.
func goText(text string) value { return value{text: strconv.Quote(text)} }
