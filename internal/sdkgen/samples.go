package sdkgen

import (
	"bytes"
	"cmp"
	"embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/plotwise/plotwise/internal/spec"
)

//go:embed samples/*.tmpl
var sampleFiles embed.FS

var sampleTemplates = template.Must(template.ParseFS(sampleFiles, "samples/*.tmpl"))

// Samples returns programs that call each operation by the SDKs, by the operation's name: in Go, TypeScript and Python.
// The last argument is the source code of package client.
func Samples(document *spec.Document, client []byte) (map[string][]spec.Sample, error) {
	api, err := NewAPI(document)
	if err != nil {
		return nil, err
	}
	schemas, err := schemasByName(document)
	if err != nil {
		return nil, err
	}
	source, err := newGoSource(client)
	if err != nil {
		return nil, err
	}
	made := map[string][]spec.Sample{}
	for _, r := range api.Resources {
		for _, m := range r.Methods {
			c, err := newSampleCall(schemas, r, m)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", m.ID, err)
			}
			inGo, err := goSample(source, schemas, c)
			if err != nil {
				return nil, fmt.Errorf("%s in Go: %w", m.ID, err)
			}
			inTypescript, err := typescriptSample(c)
			if err != nil {
				return nil, fmt.Errorf("%s in TypeScript: %w", m.ID, err)
			}
			inPython, err := pythonSample(c)
			if err != nil {
				return nil, fmt.Errorf("%s in Python: %w", m.ID, err)
			}
			made[m.ID] = []spec.Sample{
				{Lang: "go", Label: "Go", Source: inGo},
				{Lang: "typescript", Label: "TypeScript", Source: inTypescript},
				{Lang: "python", Label: "Python", Source: inPython},
			}
		}
	}
	return made, nil
}

func schemasByName(document *spec.Document) (map[string]spec.Schema, error) {
	list, err := document.Schemas()
	schemas := map[string]spec.Schema{}
	for _, s := range list {
		schemas[s.Name] = s
	}
	return schemas, err
}

// sampleCall is what the samples of an operation send and print, in whichever language.
type sampleCall struct {
	Resource Resource
	Method   Method
	IDs      []string
	Query    object
	Body     object
	Prints   []string // fields of the answer, or of each of its items; none for all of it
	Item     []string // what the answer is called, or each of its items: file, for a file
	Envelope []string // what the whole answer is called
	File     string   // the name that the answer gets as a file
}

func newSampleCall(schemas map[string]spec.Schema, r Resource, m Method) (sampleCall, error) {
	c := sampleCall{Resource: r, Method: m, Prints: printed(schemas, m), Item: split(cmp.Or(m.Result.Item, "file")), Envelope: split(m.Result.Envelope)}
	for _, a := range m.Answers {
		c.File = cmp.Or(c.File, a.File)
	}
	for _, a := range m.Arguments {
		switch {
		case len(a.Sample) == 0 && a.Required:
			return c, fmt.Errorf("the parameter %s is required and has no example", a.Name)
		case len(a.Sample) == 0:
		case a.In == "path":
			c.IDs = append(c.IDs, a.Sample[0])
		case a.In == "query":
			c.Query = append(c.Query, member{a.Name, argumentValue(a)})
		default:
			return c, fmt.Errorf("samples do not know how the SDKs send the header %s", a.Name)
		}
	}
	if len(m.Requests) == 0 {
		return c, nil
	}
	body, err := readJSON(m.Requests[0].Value)
	if err != nil {
		return c, err
	}
	fields, ok := body.(object)
	if !ok {
		return c, fmt.Errorf("the example of the body is no object")
	}
	c.Body = fields
	return c, nil
}

// shown is how many fields of an answer a sample prints.
const shown = 3

// printed returns the fields of an answer that tell what it is: the first that are texts, numbers or truth values in every
// answer, and the secret that it shows this once.
func printed(schemas map[string]spec.Schema, m Method) (names []string) {
	secret := m.Secret[strings.LastIndexByte(m.Secret, '/')+1:]
	for _, f := range allFields(schemas, spec.Schema{Ref: m.Result.Item}) {
		s := f.Schema
		for s.Ref != "" {
			s = schemas[s.Ref]
		}
		scalar := slices.Contains([]string{"string", "integer", "number", "boolean"}, s.Type)
		if scalar && f.Required && !s.Nullable && f.Name != secret && len(names) < shown {
			names = append(names, f.Name)
		}
	}
	if secret != "" {
		names = append(names[:min(len(names), shown-1)], secret)
	}
	return names
}

// allFields returns the fields of a schema, and before them those of the schemas that it adds to.
func allFields(schemas map[string]spec.Schema, s spec.Schema) (fields []spec.Field) {
	if s.Ref != "" {
		return allFields(schemas, schemas[s.Ref])
	}
	for _, part := range s.AllOf {
		fields = append(fields, allFields(schemas, part)...)
	}
	return append(fields, s.Fields...)
}

// argumentValue returns what a sample sends for a parameter, as readJSON would.
func argumentValue(a spec.Argument) any {
	one := func(kind, text string) any {
		switch kind {
		case "integer", "number":
			return json.Number(text)
		case "boolean":
			return text == "true"
		default:
			return text
		}
	}
	if a.Type != "array" {
		return one(a.Type, a.Sample[0])
	}
	var list []any
	for _, text := range a.Sample {
		list = append(list, one(a.Items, text))
	}
	return list
}

// object is a JSON object with its fields in their order.
type object []member

type member struct {
	name  string
	value any
}

// readJSON reads a JSON value: objects become an object, arrays []any, numbers json.Number.
func readJSON(text string) (any, error) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	v, err := readValue(d)
	if err != nil {
		return nil, fmt.Errorf("read the example %.40q: %w", text, err)
	}
	return v, nil
}

func readValue(d *json.Decoder) (any, error) {
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('{'):
		made := object{}
		for d.More() {
			name, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			made = append(made, member{name.(string), v}) //nolint:forcetypeassert // names of fields are strings
		}
		_, err := d.Token()
		return made, err
	case json.Delim('['):
		made := []any{}
		for d.More() {
			v, err := readValue(d)
			if err != nil {
				return nil, err
			}
			made = append(made, v)
		}
		_, err := d.Token()
		return made, err
	}
	return token, nil
}

// quoted writes a text for TypeScript and Python as their formatters do: in the quotes that need fewer escapes.
func quoted(text string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil { // strings always encode
		panic(err)
	}
	double := strings.TrimSpace(b.String())
	if strings.Count(text, `"`) <= strings.Count(text, "'") {
		return double
	}
	inner := strings.ReplaceAll(double[1:len(double)-1], `\"`, `"`)
	return "'" + strings.ReplaceAll(inner, "'", `\'`) + "'"
}

func writeSample(name string, data any) (string, error) {
	var b strings.Builder
	err := sampleTemplates.ExecuteTemplate(&b, name, data)
	return b.String(), err
}
