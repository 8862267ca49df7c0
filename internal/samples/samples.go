// Package samples makes what the documentation derives from the specification besides pages: code samples, a Postman
// collection and llms.txt.
package samples

import (
	_ "embed"
	"fmt"
	"net/url"
	"strings"
	"text/template"

	"github.com/plotwise/plotwise/internal/sdkgen"
	"github.com/plotwise/plotwise/internal/spec"
)

//go:embed curl.tmpl
var curl string

// call is a request as the template writes it out.
type call struct {
	Method     string
	Base       string // the URL without its query
	Query      []parameter
	JSON       string // the body, indented; "" when there is none
	Idempotent bool   // it takes an Idempotency-Key
	File       string // the name of the file that is the answer; "" when that is none
}

type parameter struct {
	Name   string
	Values []string
}

// Add gives every operation of the document its samples: for curl, and for the SDKs. The last argument is the source code
// of package client, which the SDK for Go has its types from.
func Add(document *spec.Document, client []byte) error {
	entries, err := document.Entries()
	if err != nil {
		return err
	}
	bySDK, err := sdkgen.Samples(document, client)
	if err != nil {
		return fmt.Errorf("make the samples of the SDKs: %w", err)
	}
	written, err := template.New("curl").Funcs(template.FuncMap{"shell": shell}).Parse(curl)
	if err != nil {
		return err
	}
	server := document.Info().Server
	for _, e := range entries {
		var b strings.Builder
		if err := written.Execute(&b, newCall(e, server)); err != nil {
			return fmt.Errorf("make the curl sample of %s: %w", e.ID, err)
		}
		made := append([]spec.Sample{{Lang: "bash", Label: "curl", Source: b.String()}}, bySDK[e.ID]...)
		if err := document.SetSamples(e.ID, made); err != nil {
			return err
		}
	}
	return nil
}

// newCall returns the request of an operation, for whose required parameters package sdkgen has seen to examples.
func newCall(e spec.Entry, server string) call {
	c := call{Method: e.Method, Base: e.Path}
	for _, a := range e.Arguments {
		p := parameter{a.Name, a.Sample}
		if !a.Explode {
			p.Values = []string{strings.Join(a.Sample, ",")}
		}
		switch {
		case a.Name == "Idempotency-Key":
			c.Idempotent = true
		case len(a.Sample) == 0:
		case a.In == "path":
			c.Base = strings.ReplaceAll(c.Base, "{"+a.Name+"}", url.PathEscape(a.Sample[0]))
		default:
			c.Query = append(c.Query, p)
		}
	}
	c.Base = server + c.Base
	if len(e.Requests) > 0 {
		c.JSON = e.Requests[0].Value
	}
	c.File = e.Answers[0].File
	return c
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

// shell returns a word that a POSIX shell takes literally.
func shell(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
