package sdkgen

import (
	"encoding/json"
	"fmt"
	"regexp"
)

// typescriptLayout is Prettier's.
var typescriptLayout = layout{width: 80, indent: "  "}

var typescriptName = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`)

// typescriptSample writes a call by the SDK for TypeScript.
func typescriptSample(c sampleCall) (string, error) {
	call := value{open: "client." + Camel(c.Resource.Words) + "." + Camel(c.Method.Words) + "(", shut: ")", hugs: true}
	for _, id := range c.IDs {
		call.add("", value{text: quoted(id)})
	}
	if len(c.Query) > 0 {
		call.add("", typescriptValue(c.Query))
	}
	if c.Method.Body != "" {
		call.add("", typescriptValue(c.Body))
	}
	kind := c.Method.Result.Kind
	item := Camel(c.Item)
	result, behind, depth := item, ";", 0
	switch kind {
	case Pages:
		behind, depth = ") {", 1
	case List:
		result, depth = Camel(c.Envelope), 1
	case Nothing, Object, Stream:
	}
	before := map[Kind]string{Pages: "for await (const " + item + " of ", Nothing: "await "}[kind]
	if before == "" {
		before = "const " + result + " = await "
	}
	printing := value{open: "console.log(", shut: ")"}
	for _, name := range c.Prints {
		printing.add("", value{text: item + "." + name})
	}
	if len(c.Prints) == 0 {
		printing.add("", value{text: item})
	}
	return writeSample("typescript.tmpl", map[string]any{
		"Kind": string(kind), "Item": item, "Result": result, "File": c.File,
		"Call": typescriptLayout.statement(0, before, call, behind), "Print": typescriptLayout.statement(depth, "", printing, ";"),
	})
}

// typescriptValue writes a value of an example.
func typescriptValue(v any) value {
	switch v := v.(type) {
	case object:
		made := value{open: "{", shut: "}", padded: true}
		for _, m := range v {
			name := m.name
			if !typescriptName.MatchString(name) {
				name = quoted(name)
			}
			made.add(name+": ", typescriptValue(m.value))
		}
		return made
	case []any:
		made := value{open: "[", shut: "]"}
		for _, one := range v {
			made.add("", typescriptValue(one))
		}
		return made
	case string:
		return value{text: quoted(v)}
	case json.Number:
		return value{text: v.String()}
	case nil:
		return value{text: "null"}
	default:
		return value{text: fmt.Sprint(v)}
	}
}
