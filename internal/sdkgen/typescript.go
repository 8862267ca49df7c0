package sdkgen

import (
	"bytes"
	"embed"
	"fmt"
	"slices"
	"strings"
	"text/template"

	"github.com/plotwise/plotwise/internal/spec"
)

//go:embed typescript/*.tmpl
var typescriptFiles embed.FS

// typescriptOutput says which template makes which file. The types are no template's work: a generator makes them.
var typescriptOutput = map[string]string{
	"version.ts.tmpl":   "typescript/src/generated/version.ts",
	"resources.ts.tmpl": "typescript/src/generated/resources.ts",
	"methods.ts.tmpl":   "typescript/test/generated/methods.ts",
}

// typescript renders the resources, and the table of methods that the tests call them by.
func typescript(api *API) (map[string][]byte, error) {
	functions := template.FuncMap{
		"camel": Camel, "pascal": Exported, "snake": Snake, "upper": upperFirst,
		"types": typescriptTypes, "result": typescriptResult, "options": typescriptOptions, "joined": joined, "waits": waits,
		"feed": feed, "comment": func(indent string, m Method) string {
			return typescriptComment(indent, m.Summary+".\n\n"+m.Description)
		},
		"remark": typescriptComment, "required": required,
	}
	templates, err := template.New("").Funcs(functions).ParseFS(typescriptFiles, "typescript/*.tmpl")
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for name, path := range typescriptOutput {
		var b bytes.Buffer
		if err := templates.ExecuteTemplate(&b, name, api); err != nil {
			return nil, fmt.Errorf("render %s: %w", path, err)
		}
		files[path] = b.Bytes()
	}
	return files, nil
}

func upperFirst(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// typescriptTypes returns the names of the types that the methods speak of, in alphabetical order.
func typescriptTypes(api *API) []string {
	var names []string
	for _, r := range api.Resources {
		for _, m := range r.Methods {
			if len(m.Query) > 0 {
				names = append(names, upperFirst(m.ID)+"Params")
			}
			if m.Body != "" {
				names = append(names, m.Body)
			}
			switch m.Result.Kind {
			case List:
				names = append(names, m.Result.Envelope)
			case Object, Pages:
				names = append(names, m.Result.Item)
			case Nothing, Stream:
			}
			if feed(m) {
				names = append(names, m.Result.Item)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// typescriptResult returns the type of what a method returns.
func typescriptResult(m Method) string {
	switch m.Result.Kind {
	case Nothing:
		return "APIPromise<void>"
	case List:
		return "APIPromise<" + m.Result.Envelope + ">"
	case Pages:
		return "PagePromise<" + m.Result.Item + ">"
	case Stream:
		return "APIPromise<Response>"
	default:
		return "APIPromise<" + m.Result.Item + ">"
	}
}

// typescriptOptions returns the type of the options that a method takes.
func typescriptOptions(m Method) string {
	switch {
	case m.Keyed:
		return "PostOptions"
	case m.IfMatch:
		return "ChangeOptions"
	default:
		return "RequestOptions"
	}
}

// typescriptComment writes a comment of documentation.
func typescriptComment(indent, text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "*/", "*\\/")
	var b strings.Builder
	b.WriteString("/**\n")
	for line := range strings.SplitSeq(text, "\n") {
		b.WriteString(strings.TrimRight(indent+" * "+line, " ") + "\n")
	}
	b.WriteString(indent + " */")
	return b.String()
}

// joined returns the names of the parameters whose values are joined by commas.
func joined(m Method) (names []string) {
	for _, a := range m.Query {
		if a.Type == "array" && !a.Explode {
			names = append(names, a.Name)
		}
	}
	return names
}

// required reports whether a method's query cannot be left out.
func required(m Method) bool {
	return slices.ContainsFunc(m.Query, func(a spec.Argument) bool { return a.Required })
}

// waits reports whether a method's query says how long the server waits.
func waits(m Method) bool {
	return slices.ContainsFunc(m.Query, func(a spec.Argument) bool { return a.Name == "wait" })
}

// feed reports whether a list goes on for ever.
func feed(m Method) bool {
	return waits(m) && slices.ContainsFunc(m.Query, func(a spec.Argument) bool { return a.Name == "after" })
}
