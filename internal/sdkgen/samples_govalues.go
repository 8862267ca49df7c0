package sdkgen

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/types"
	"strconv"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/spec"
)

// goWriter writes the values of examples as those of the SDK's types.
type goWriter struct {
	source    *goSource
	schemas   map[string]spec.Schema
	written   []string          // statements that have to come before the call: each sets a variable, and err
	variables map[string]string // the variables that they set, by the value
	time      bool              // package time is needed
}

// of returns a value of a type; name is that of the field that it is for.
func (w *goWriter) of(name string, t ast.Expr, v any) (value, error) {
	switch t := t.(type) {
	case *ast.Ident:
		return w.named(name, t.Name, v)
	case *ast.StarExpr:
		return w.pointer(name, t.X, v)
	case *ast.ArrayType:
		list, ok := v.([]any)
		if !ok {
			return value{}, fmt.Errorf("%s: %v is no list", name, v)
		}
		return w.list(name, t, list)
	case *ast.SelectorExpr:
		return w.selected(name, types.ExprString(t), v)
	}
	return value{}, fmt.Errorf("%s: samples have no values of the type %s", name, types.ExprString(t))
}

// named returns a value of a type that has a name of its own.
func (w *goWriter) named(name, of string, v any) (value, error) {
	declared, known := w.source.types[of]
	if !known {
		return w.plain(name, of, v)
	}
	if declared.Assign.IsValid() {
		return w.of(name, declared.Type, v)
	}
	switch t := declared.Type.(type) {
	case *ast.StructType:
		fields, ok := v.(object)
		if !ok {
			return value{}, fmt.Errorf("%s: %v is no object", name, v)
		}
		if w.source.kinds(of) != nil {
			return w.union(of, fields)
		}
		return w.structure("plotwise."+of, of, fields)
	case *ast.Ident:
		text, ok := v.(string)
		if constant := w.source.constants[of][text]; ok && constant != "" {
			return value{text: "plotwise." + constant}, nil
		}
		return w.plain(name, t.Name, v)
	case *ast.MapType:
		return w.mapping(name, of, t, v)
	default:
		return w.of(name, t, v)
	}
}

// plain returns a value of a type of the language, or of one that the SDK has by another name than package client.
func (w *goWriter) plain(name, of string, v any) (value, error) {
	switch v := v.(type) {
	case string:
		if of == "UUID" {
			return w.selected(name, "openapi_types.UUID", v)
		}
		if of == "string" {
			return goText(v), nil
		}
	case bool:
		if of == "bool" {
			return value{text: strconv.FormatBool(v)}, nil
		}
	case json.Number:
		if strings.HasPrefix(of, "int") || strings.HasPrefix(of, "float") {
			return value{text: v.String()}, nil
		}
	}
	return value{}, fmt.Errorf("%s: %v is no %s", name, v, of)
}

// structure returns a struct with the fields of an object.
func (w *goWriter) structure(open, of string, fields object) (value, error) {
	made := value{open: open + "{", shut: "}"}
	for _, m := range fields {
		f := w.source.field(of, m.name)
		if f.Name == "" {
			return made, fmt.Errorf("%s has no field for %s", of, m.name)
		}
		v, err := w.of(f.Name, f.Type, m.value)
		if err != nil {
			return made, err
		}
		made.add(f.Name+": ", v)
	}
	return made, nil
}

// list returns a slice; its items leave their own type out.
func (w *goWriter) list(name string, t *ast.ArrayType, items []any) (value, error) {
	made := value{open: "[]" + w.qualified(t.Elt) + "{", shut: "}"}
	for _, item := range items {
		v, err := w.of(name, t.Elt, item)
		if err != nil {
			return made, err
		}
		v.open = strings.TrimPrefix(v.open, w.qualified(t.Elt))
		made.add("", v)
	}
	return made, nil
}

func (w *goWriter) mapping(name, of string, t *ast.MapType, v any) (value, error) {
	fields, ok := v.(object)
	if !ok {
		return value{}, fmt.Errorf("%s: %v is no object", name, v)
	}
	made := value{open: "plotwise." + of + "{", shut: "}"}
	for _, m := range fields {
		item, err := w.of(name, t.Value, m.value)
		if err != nil {
			return made, err
		}
		made.add(strconv.Quote(m.name)+": ", item)
	}
	return made, nil
}

// pointer returns a pointer to a value.
func (w *goWriter) pointer(name string, to ast.Expr, v any) (value, error) {
	if v == nil {
		return value{text: "nil"}, nil
	}
	made, err := w.of(name, to, v)
	if err != nil {
		return made, err
	}
	plain := w.resolved(to)
	switch {
	case made.open != "" && !strings.HasPrefix(made.open, "["):
		made.open = "&" + made.open
		return made, nil
	case w.variables[made.text] != "": // which is a variable
		return value{text: "&" + made.text}, nil
	case made.open == "" && w.untyped(plain, made.text):
		made.text = w.qualified(plain) + "(" + made.text + ")"
	}
	pointer := value{open: "new(", shut: ")", hugs: true}
	pointer.add("", made)
	return pointer, nil
}

// untyped reports whether a constant would have another type than the one that it is for.
func (w *goWriter) untyped(t ast.Expr, text string) bool {
	switch name := types.ExprString(t); name {
	case "string", "bool", "int":
		return false
	case "float64":
		return !strings.Contains(text, ".")
	default:
		return text[0] == '"' || text[0] == '-' || text[0] >= '0' && text[0] <= '9'
	}
}

// resolved returns what an alias stands for.
func (w *goWriter) resolved(t ast.Expr) ast.Expr {
	if name, ok := t.(*ast.Ident); ok {
		if declared, known := w.source.types[name.Name]; known && declared.Assign.IsValid() {
			return w.resolved(declared.Type)
		}
	}
	return t
}

// qualified returns the name that a type has for users of the SDK.
func (w *goWriter) qualified(t ast.Expr) string {
	t = w.resolved(t)
	name := types.ExprString(t)
	switch {
	case w.source.types[name].TypeSpec != nil:
		return "plotwise." + name
	case name == "openapi_types.UUID":
		return "plotwise.UUID"
	case name == "openapi_types.Date":
		return "plotwise.Date"
	default:
		return name
	}
}

// selected returns a value of a type of another package.
func (w *goWriter) selected(name, of string, v any) (value, error) {
	text, ok := v.(string)
	if !ok {
		return value{}, fmt.Errorf("%s: %v is no %s", name, v, of)
	}
	switch of {
	case "time.Time":
		at, err := time.Parse(time.RFC3339, text)
		at = at.UTC()
		w.time = true
		return value{text: fmt.Sprintf("time.Date(%d, time.%s, %d, %d, %d, %d, %d, time.UTC)",
			at.Year(), at.Month(), at.Day(), at.Hour(), at.Minute(), at.Second(), at.Nanosecond())}, err
	case "openapi_types.Date":
		day, err := time.Parse(time.DateOnly, text)
		w.time = true
		return value{text: day.Format("plotwise.NewDate(2006, time.January, 2)")}, err
	case "openapi_types.UUID":
		return w.variable(name, value{text: "plotwise.ParseUUID(" + strconv.Quote(text) + ")"}), nil
	}
	return value{}, fmt.Errorf("%s: samples have no values of the type %s", name, of)
}

// union returns a value that is one of several kinds.
func (w *goWriter) union(of string, fields object) (value, error) {
	s := w.schemas[of]
	for _, m := range fields {
		for _, variant := range s.Variants {
			if m.name == s.Discriminator && m.value == variant.Value {
				kind, err := w.structure("plotwise."+variant.Schema, variant.Schema, fields)
				call := value{open: "plotwise.New" + of + "(", shut: ")", hugs: true}
				call.add("", kind)
				return w.variable("body", call), err
			}
		}
	}
	return value{}, fmt.Errorf("the example says of no kind of %s that it is one", of)
}

// variable has a variable set before the call, by what may fail, and returns it.
func (w *goWriter) variable(name string, to value) value {
	for variable, text := range w.variables {
		if text == to.flat() {
			return value{text: variable}
		}
	}
	made := goVariable(split(name))
	for n := 2; w.variables[made] != ""; n++ {
		made = goVariable(split(name)) + strconv.Itoa(n)
	}
	w.variables[made] = to.flat()
	w.written = append(w.written, goLayout.statement(1, made+", err := ", to, ""))
	return value{text: made}
}
