package sdkgen

import (
	"encoding/json"
	"fmt"
)

// pythonLayout is Black's and Ruff's.
var pythonLayout = layout{width: 88, indent: "    "}

// pythonSample writes a call by the SDK for Python.
func pythonSample(c sampleCall) (string, error) {
	call := value{open: "client." + Snake(c.Resource.Words) + "." + Snake(c.Method.Words) + "(", shut: ")"}
	for _, id := range c.IDs {
		call.add("", value{text: quoted(id)})
	}
	for _, m := range c.Query {
		if list, ok := m.value.([]any); ok && len(list) == 1 {
			m.value = list[0] // which may be given as it is
		}
		call.add(pythonName(m.name)+"=", pythonValue(m.value))
	}
	for _, m := range c.Body {
		call.add(pythonName(m.name)+"=", pythonValue(m.value))
	}
	kind := c.Method.Result.Kind
	item := Snake(c.Item)
	before, behind, depth := "", "", 0
	switch kind {
	case Pages, List:
		before, behind, depth = "for "+item+" in ", ":", 1
	case Stream:
		before, behind = "with ", " as file:"
	case Object:
		before = item + " = "
	case Nothing:
	}
	printing := value{open: "print(", shut: ")"}
	for _, name := range c.Prints {
		if modelNames[name] || pythonKeywords[name] {
			name += "_"
		}
		printing.add("", value{text: item + "." + name})
	}
	if len(c.Prints) == 0 {
		printing.add("", value{text: item})
	}
	return writeSample("python.tmpl", map[string]any{
		"Kind": string(kind), "File": c.File,
		"Call": pythonLayout.statement(0, before, call, behind), "Print": pythonLayout.statement(depth, "", printing, ""),
	})
}

// pythonValue writes a value of an example.
func pythonValue(v any) value {
	switch v := v.(type) {
	case object:
		made := value{open: "{", shut: "}"}
		for _, m := range v {
			made.add(quoted(m.name)+": ", pythonValue(m.value))
		}
		return made
	case []any:
		made := value{open: "[", shut: "]"}
		for _, one := range v {
			made.add("", pythonValue(one))
		}
		return made
	case string:
		return value{text: quoted(v)}
	case bool:
		return value{text: map[bool]string{true: "True", false: "False"}[v]}
	case json.Number:
		return value{text: v.String()}
	case nil:
		return value{text: "None"}
	default:
		return value{text: fmt.Sprint(v)}
	}
}
