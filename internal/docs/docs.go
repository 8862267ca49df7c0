// Package docs serves /docs: the reference, the specification and the list of errors. Nothing on it comes from
// another server.
package docs

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strings"

	"github.com/swaggest/swgui"
	"github.com/swaggest/swgui/v5emb"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/spec"
)

//go:embed errors.html
var files embed.FS

// New returns the handler of /docs and everything below it. The served specification names publicURL as its first
// server.
func New(publicURL string) (http.Handler, error) {
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		return nil, err
	}
	document.PutServerFirst(publicURL, "This server")
	yamlText, err := document.YAML()
	if err != nil {
		return nil, err
	}
	jsonText, err := document.JSON()
	if err != nil {
		return nil, err
	}
	errorsPage, err := renderErrors(document)
	if err != nil {
		return nil, err
	}
	reference := v5emb.NewWithConfig(swgui.Config{
		Title: "Plotwise API", SwaggerJSON: "/docs/openapi.json", BasePath: "/docs",
		SettingsUI: map[string]string{
			"persistAuthorization": "true", "deepLinking": "true", "filter": "true", "tryItOutEnabled": "true",
			"displayRequestDuration": "true", "validatorUrl": "null",
		},
	})("Plotwise API", "/docs/openapi.json", "/docs")
	mux := http.NewServeMux()
	mux.Handle("GET /docs/openapi.yaml", static("application/yaml", yamlText))
	mux.Handle("GET /docs/openapi.json", static("application/json", jsonText))
	mux.Handle("GET /docs/errors", static("text/html; charset=utf-8", errorsPage))
	mux.Handle("GET /docs", reference)
	mux.Handle("GET /docs/", reference)
	return mux, nil
}

func static(mediaType string, text []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Cache-Control", "no-cache")
		_, _ = w.Write(text) // the client may be gone
	})
}

func renderErrors(document *spec.Document) ([]byte, error) {
	codes, err := document.ErrorCodes()
	if err != nil {
		return nil, err
	}
	page, err := template.New("errors.html").Funcs(template.FuncMap{"code": markCode}).ParseFS(files, "errors.html")
	if err != nil {
		return nil, fmt.Errorf("read the page of errors: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, codes); err != nil {
		return nil, fmt.Errorf("render the page of errors: %w", err)
	}
	return b.Bytes(), nil
}

// markCode sets what stands between backquotes as code.
func markCode(text string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(text, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String()) //nolint:gosec // escaped piece by piece
}
