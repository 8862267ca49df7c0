// Package samples makes what the documentation derives from the specification besides pages: code samples, a Postman
// collection and llms.txt.
package samples

import (
	"bytes"
	"embed"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/template"

	"github.com/plotwise/plotwise/internal/spec"
)

//go:embed *.tmpl
var files embed.FS

// languages are those of the samples, in the order in which they are shown.
var languages = []struct{ lang, label, template string }{
	{"bash", "curl", "curl.tmpl"},
	{"go", "Go", "go.tmpl"},
	{"typescript", "TypeScript", "typescript.tmpl"},
	{"python", "Python", "python.tmpl"},
}

// call is a request as the templates write it out.
type call struct {
	Method     string
	Base       string // the URL without its query
	Query      []parameter
	Headers    []parameter // those that are required
	JSON       string      // the body, indented; "" when there is none
	Idempotent bool        // it takes an Idempotency-Key
	File       string      // the name of the file that is the answer; "" when that is none
	Empty      bool        // the answer has no body
}

type parameter struct {
	Name   string
	Values []string
	Bare   bool // a number or a truth value
}

// Add gives every operation of the document its samples.
func Add(document *spec.Document) error {
	entries, err := document.Entries()
	if err != nil {
		return err
	}
	templates, err := template.New("").Funcs(functions).ParseFS(files, "*.tmpl")
	if err != nil {
		return err
	}
	server := document.Info().Server
	for _, e := range entries {
		made, err := render(templates, e, server)
		if err != nil {
			return fmt.Errorf("make the samples of %s: %w", e.ID, err)
		}
		if err := document.SetSamples(e.ID, made); err != nil {
			return err
		}
	}
	return nil
}

func render(templates *template.Template, e spec.Entry, server string) ([]spec.Sample, error) {
	c, err := newCall(e, server)
	if err != nil {
		return nil, err
	}
	var made []spec.Sample
	for _, l := range languages {
		var b bytes.Buffer
		if err := templates.ExecuteTemplate(&b, l.template, c); err != nil {
			return nil, err
		}
		made = append(made, spec.Sample{Lang: l.lang, Label: l.label, Source: b.String()})
	}
	return made, nil
}

func newCall(e spec.Entry, server string) (call, error) {
	c := call{Method: e.Method, Base: e.Path}
	for _, a := range e.Arguments {
		p := parameter{a.Name, a.Sample, slices.Contains([]string{"integer", "number", "boolean"}, a.Type)}
		if !a.Explode {
			p.Values = []string{strings.Join(a.Sample, ",")}
		}
		switch {
		case a.Name == "Idempotency-Key":
			c.Idempotent = true
		case len(a.Sample) == 0 && a.Required:
			return call{}, fmt.Errorf("the parameter %s is required and has no example", a.Name)
		case len(a.Sample) == 0:
		case a.In == "path":
			c.Base = strings.ReplaceAll(c.Base, "{"+a.Name+"}", url.PathEscape(a.Sample[0]))
		case a.In == "query":
			c.Query = append(c.Query, p)
		default:
			c.Headers = append(c.Headers, p)
		}
	}
	c.Base = server + c.Base
	if len(e.Requests) > 0 {
		c.JSON = e.Requests[0].Value
	}
	success := e.Answers[0]
	c.File, c.Empty = success.File, success.MediaType == ""
	return c, nil
}

// URL returns the URL with its query.
func (c call) URL() string {
	var pairs []string
	for _, p := range c.Query {
		for _, v := range p.Values {
			pairs = append(pairs, url.QueryEscape(p.Name)+"="+strings.ReplaceAll(url.QueryEscape(v), "%2C", ","))
		}
	}
	if len(pairs) == 0 {
		return c.Base
	}
	return c.Base + "?" + strings.Join(pairs, "&")
}

// Option returns curl's option for the method; "" where curl takes that of itself.
func (c call) Option() string {
	if c.Method == "GET" || c.Method == "POST" && c.JSON != "" {
		return ""
	}
	return "-X " + c.Method + " "
}
