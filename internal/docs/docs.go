// Package docs serves /docs: guides, the reference, the specification and the list of errors. Nothing on it comes from
// another server, and all of it but the form to try operations works without JavaScript.
package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"strings"

	"github.com/swaggest/swgui/v5/static"
	"github.com/vearutop/statigz"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
	"github.com/plotwise/plotwise/internal/spec"
	"github.com/plotwise/plotwise/internal/web"
)

//go:embed templates assets guides alerts.yaml examples/*/main.go examples/verify
var files embed.FS

// production is the URL that the specification and the guides are written with; a server puts its own in its place.
const production = "https://api.plotwise.us"

// site is what /docs is made of; every page is rendered once, at the start.
type site struct {
	publicURL string
	templates *template.Template
	groups    []group // of guides, as the navigation shows them
	reference reference
	index     index
	files     map[string]*web.File // by path
}

// page is what a template gets.
type page struct {
	Title   string
	Summary string
	Path    string
	Body    any
	Groups  []group
	Tags    []tag
	Query   string
}

// New returns the handler of /docs and everything below it, on a server that clients reach under a URL.
func New(publicURL string) (http.Handler, error) {
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		return nil, err
	}
	document.PutServerFirst(publicURL, "This server")
	s := &site{publicURL: publicURL, files: map[string]*web.File{}}
	steps := []func(*spec.Document) error{s.parseTemplates, s.addSpecification, s.addAssets, s.readGuides, s.readReference, s.addPages}
	for _, step := range steps {
		if err := step(document); err != nil {
			return nil, fmt.Errorf("make /docs: %w", err)
		}
	}
	s.forget()
	mux := http.NewServeMux()
	mux.Handle("GET /docs/ui/", http.StripPrefix("/docs/ui", kept(statigz.FileServer(static.FS))))
	mux.HandleFunc("GET /docs/search", s.search)
	mux.HandleFunc("GET /docs", s.serve)
	mux.HandleFunc("GET /docs/", s.serve)
	return web.Secured(mux, origin(publicURL)), nil
}

// forget lets go of what the pages were made of, megabytes; the navigation of those that are yet to be made takes names alone.
func (s *site) forget() {
	for _, t := range s.reference.Tags {
		for _, o := range t.Operations {
			*o = operation{OperationID: o.OperationID, Method: o.Method, Route: o.Route, Summary: o.Summary, Tag: o.Tag}
		}
	}
	for _, group := range s.groups {
		for _, g := range group.Guides {
			g.Text, g.Headings, g.plain, g.Next = "", nil, "", nil
		}
	}
}

// origin returns that of a URL: operations are tried on the server that the specification names, which may have another
// name than the one in the address bar.
func origin(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// kept lets browsers keep what belongs to a version of the program for a day.
func kept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "public, max-age=86400")
		next.ServeHTTP(w, r)
	})
}

func (s *site) parseTemplates(*spec.Document) (err error) {
	s.templates, err = template.New("").Funcs(template.FuncMap{"markdown": s.inline, "join": strings.Join, "lower": strings.ToLower, "title": title}).ParseFS(files, "templates/*.html")
	return err
}

func (s *site) addSpecification(document *spec.Document) error {
	yamlText, err := document.YAML()
	if err != nil {
		return err
	}
	jsonText, err := document.JSON()
	if err != nil {
		return err
	}
	s.add("/docs/openapi.yaml", "application/yaml", yamlText)
	s.add("/docs/openapi.json", "application/json", jsonText)
	collection, err := samples.Postman(document)
	s.add("/docs/postman.json", "application/json", collection)
	return err
}

// addAssets adds the styles and the scripts.
func (s *site) addAssets(*spec.Document) error {
	code, err := codeStyle()
	if err != nil {
		return err
	}
	s.add("/docs/assets/code.css", web.MediaType(".css"), code)
	for path, name := range map[string]string{"logo.svg": "logo.svg", "base.css": "style.css", "copy.js": "copy.js"} {
		s.add("/docs/assets/"+path, web.MediaType(name), web.Asset(name))
	}
	return fs.WalkDir(files, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		s.add("/docs/"+name, web.MediaType(name), text)
		return err
	})
}

// addLLMs adds the overview for language models (llmstxt.org).
func (s *site) addLLMs(document *spec.Document) error {
	var guides []samples.Guide
	for _, g := range s.groups {
		for _, guide := range g.Guides {
			guides = append(guides, samples.Guide{Title: guide.Title, URL: s.publicURL + guide.Path(), Summary: guide.Summary})
		}
	}
	text, err := samples.LLMs(document, guides)
	s.add("/docs/llms.txt", "text/plain; charset=utf-8", []byte(text))
	return err
}

// render renders a page with the template of a name.
func (s *site) render(name string, p page) ([]byte, error) {
	p.Groups, p.Tags = s.groups, s.reference.Tags
	var b bytes.Buffer
	if err := s.templates.ExecuteTemplate(&b, name, p); err != nil {
		return nil, fmt.Errorf("render %s: %w", p.Path, err)
	}
	return b.Bytes(), nil
}

// addPages renders the pages, each of which has the whole navigation.
func (s *site) addPages(document *spec.Document) error {
	codes, err := document.ErrorCodes()
	if err != nil {
		return err
	}
	for _, c := range codes {
		s.index.add(entry{Title: c.Code, Path: "/docs/errors#" + c.Code, Kind: "Error", Text: c.Meaning})
	}
	s.index.add(entry{Title: "Settings: API keys in the browser", Path: "/settings/developers/keys", Kind: "Settings", Text: "Make and revoke API keys in the settings of your organization."})
	pages := map[string][]page{
		"home.html":       {{Title: "Documentation", Summary: "Permits that tell you when they change: guides and reference of the Plotwise API.", Path: "/docs"}},
		"errors.html":     {{Title: "Error codes", Summary: "Every error code: what it means, and what to do.", Path: "/docs/errors", Body: codes}},
		"reference.html":  {{Title: "Try the API", Summary: "Every operation, with a form to try it.", Path: "/docs/reference"}},
		"operations.html": {{Title: "Operations", Summary: "Every operation of the API.", Path: "/docs/operations"}},
	}
	for _, g := range s.groups {
		for _, guide := range g.Guides {
			pages["guide.html"] = append(pages["guide.html"], page{Title: guide.Title, Summary: guide.Summary, Path: guide.Path(), Body: guide})
		}
	}
	for _, t := range s.reference.Tags {
		for _, o := range t.Operations {
			pages["operation.html"] = append(pages["operation.html"], page{Title: o.Summary, Summary: o.Summary, Path: o.Path(), Body: o})
		}
	}
	if err := s.addLLMs(document); err != nil {
		return err
	}
	for name, list := range pages {
		for _, p := range list {
			text, err := s.render(name, p)
			if err != nil {
				return err
			}
			s.add(p.Path, "text/html; charset=utf-8", text)
		}
	}
	return nil
}
