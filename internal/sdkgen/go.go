package sdkgen

import (
	"bytes"
	"embed"
	"fmt"
	"go/format"
	"slices"
	"strings"
	"text/template"

	"github.com/plotwise/plotwise/gen"
)

//go:embed go/*.tmpl
var goFiles embed.FS

var goTemplates = template.Must(template.New("").Funcs(template.FuncMap{"comment": goComment}).ParseFS(goFiles, "go/*.tmpl"))

// goFile is what the templates of Go write out.
type goFile struct {
	*API
	Resources []goResource
	Types     []goType
	Codes     []goCode
	Unions    []goUnion
}

type goResource struct {
	Name        string // Permits
	Description string
	Methods     []goMethod
}

// goMethod is a method, and how it makes its request by a function of package client.
type goMethod struct {
	Method
	Name       string    // ListForWebhook
	All        string    // ListAllForWebhook: that of all pages; "" for no pages
	Parameters []goField // without the context and the options
	Build      string    // NewListWebhookDeliveriesRequest
	Arguments  []string  // of it
	IDs        []string  // the arguments that may not be empty
	Params     *goParams // nil without parameters in the query
	Paged      bool      // there is a parameter named page
	Waits      string    // how long the server may take on top: an expression; "" for no longer than usual
}

type goField struct{ Name, Type string }

// goParams is the type of a method's parameters in the query.
type goParams struct {
	Name     string // PermitListParams
	Client   string // ListPermitsParams, its name in package client
	Method   string // Permits.List
	Required bool   // one of them is, so the struct is too
}

type goCode struct {
	Name, Client string
	Status       int
	Meaning      string
}

// goLanguage renders the SDK for Go. Its types are those of package client, under the names of that package.
func goLanguage(api *API) (map[string][]byte, error) {
	source, err := newGoSource(gen.Client)
	if err != nil {
		return nil, err
	}
	f := &goFile{API: api}
	for _, r := range api.Resources {
		made := goResource{Name: Exported(r.Words), Description: r.Description}
		for _, m := range r.Methods {
			method, err := newGoMethod(source, r, m)
			if err != nil {
				return nil, fmt.Errorf("%s in Go: %w", m.ID, err)
			}
			made.Methods = append(made.Methods, method)
		}
		f.Resources = append(f.Resources, made)
	}
	for _, e := range api.Events {
		source.reach(e.Schema)
	}
	for _, name := range []string{"ErrorCode", "ErrorDetail", "EventPayload", "PageMeta"} {
		source.reach(name)
	}
	if f.Codes, err = goCodes(source, api); err != nil {
		return nil, err
	}
	f.Types, f.Unions = source.reached()
	return f.render("types", "resources")
}

func (f *goFile) render(names ...string) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, name := range names {
		var b bytes.Buffer
		if err := goTemplates.ExecuteTemplate(&b, name+".tmpl", f); err != nil {
			return nil, err
		}
		text, err := format.Source(b.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s.tmpl: %w\n%s", name, err, b.Bytes())
		}
		files["go/"+name+".gen.go"] = text
	}
	return files, nil
}

func newGoMethod(source *goSource, r Resource, m Method) (goMethod, error) {
	g := goMethod{Method: m, Name: Exported(m.Words), Build: "New" + goOperation(m.ID) + "Request", Arguments: []string{"server"}}
	if m.Result.Kind == Pages {
		g.All = Exported(slices.Insert(slices.Clone(m.Words), 1, "all"))
	}
	fields, err := source.parameters(g.Build)
	if err != nil {
		return g, err
	}
	for _, f := range fields[1:] {
		switch {
		case f.Name == "params" && len(m.Query) == 0: // headers, which are options
			g.Arguments = append(g.Arguments, "nil")
		case f.Name == "params":
			g.Params = newGoParams(r, m, f.Type)
			g.Arguments = append(g.Arguments, "&query")
			source.reachFields(g.Params.Client)
			f.Type = "*" + g.Params.Name
			if g.Params.Required {
				f.Type = g.Params.Name
			}
			g.Parameters = append(g.Parameters, f)
		case f.Name == "body":
			g.Arguments = append(g.Arguments, "body")
			g.Parameters = append(g.Parameters, goField{"body", m.Body})
			source.reach(m.Body)
		default:
			g.Arguments = append(g.Arguments, f.Name)
			f.Type = source.plain(f.Type)
			if f.Type == "string" {
				g.IDs = append(g.IDs, f.Name)
			}
			g.Parameters = append(g.Parameters, f)
		}
	}
	g.result(source)
	return g, nil
}

// result sees to the types that the method returns.
func (g *goMethod) result(source *goSource) {
	if g.Result.Kind == List {
		source.reach(g.Result.Envelope)
	}
	if g.Result.Kind != Stream && g.Result.Kind != Nothing {
		source.reach(g.Result.Item)
	}
	for _, a := range g.Query {
		g.Paged = g.Paged || a.Name == "page"
		if a.Name == "wait" {
			g.Waits = "waited(query.Wait)"
		}
	}
	if g.Operation.Waits {
		g.Waits = "testWait"
	}
}

func newGoParams(r Resource, m Method, pointer string) *goParams {
	p := &goParams{
		Name: Exported(singular(r.Words)) + Exported(m.Words) + "Params", Client: strings.TrimPrefix(pointer, "*"),
		Method: Exported(r.Words) + "." + Exported(m.Words),
	}
	for _, a := range m.Query {
		p.Required = p.Required || a.Required
	}
	return p
}

// goOperation returns an operation's name as package client has it.
func goOperation(id string) string { return strings.ToUpper(id[:1]) + id[1:] }

// goCodes returns the codes of errors in the document's order.
func goCodes(source *goSource, api *API) (codes []goCode, err error) {
	for _, e := range api.Errors {
		name := source.constants["ErrorCode"][e.Code]
		if name == "" {
			return nil, fmt.Errorf("package client has no constant for the error code %s", e.Code)
		}
		codes = append(codes, goCode{Name: strings.TrimPrefix(name, "Error"), Client: name, Status: e.Status, Meaning: e.Meaning})
	}
	return codes, nil
}

// goComment writes texts as a comment, with an empty line between them.
func goComment(texts ...string) string {
	var lines []string
	for _, text := range texts {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		if lines != nil {
			lines = append(lines, "//")
		}
		for line := range strings.Lines(text) {
			lines = append(lines, strings.TrimRight("// "+strings.TrimRight(line, "\n"), " "))
		}
	}
	return strings.Join(lines, "\n")
}
