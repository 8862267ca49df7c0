package samples

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/plotwise/plotwise/internal/spec"
)

const postmanSchema = "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"

// The types are those of Postman's collection format 2.1, as far as a collection of ours needs it.
type (
	collection struct {
		Info struct {
			Name        string `json:"name"`
			Description string `json:"description"`
			Version     string `json:"version"`
			Schema      string `json:"schema"`
		} `json:"info"`
		Auth     auth     `json:"auth"`
		Variable []pair   `json:"variable"`
		Item     []folder `json:"item"`
	}
	auth struct {
		Type   string `json:"type"`
		Bearer []pair `json:"bearer"`
	}
	pair struct {
		Key         string `json:"key"`
		Value       string `json:"value"`
		Type        string `json:"type,omitempty"`
		Description string `json:"description,omitempty"`
		Disabled    bool   `json:"disabled,omitempty"`
	}
	folder struct {
		Name        string `json:"name"`
		Description string `json:"description,omitempty"`
		Item        []item `json:"item"`
	}
	item struct {
		Name     string     `json:"name"`
		Request  request    `json:"request"`
		Response []response `json:"response"`
	}
	request struct {
		Method      string `json:"method"`
		Header      []pair `json:"header"`
		URL         link   `json:"url"`
		Body        *body  `json:"body,omitempty"`
		Description string `json:"description,omitempty"`
	}
	link struct {
		Raw      string   `json:"raw"`
		Host     []string `json:"host"`
		Path     []string `json:"path"`
		Query    []pair   `json:"query,omitempty"`
		Variable []pair   `json:"variable,omitempty"`
	}
	body struct {
		Mode    string          `json:"mode"`
		Raw     string          `json:"raw"`
		Options json.RawMessage `json:"options"`
	}
	response struct {
		Name     string  `json:"name"`
		Original request `json:"originalRequest"`
		Status   string  `json:"status"`
		Code     int     `json:"code"`
		Preview  string  `json:"_postman_previewlanguage"`
		Header   []pair  `json:"header"`
		Body     string  `json:"body"`
	}
)

var (
	braces      = regexp.MustCompile(`\{(\w+)\}`)
	jsonOptions = json.RawMessage(`{"raw":{"language":"json"}}`)
)

// Postman returns the document as a Postman collection (format 2.1): a folder for each tag with its operations, and the
// variables baseUrl, the document's first server, and apiKey, which whoever uses it fills in. Optional parameters are there,
// switched off; so are the answers that not every operation has, as saved examples.
func Postman(document *spec.Document) ([]byte, error) {
	entries, err := document.Entries()
	if err != nil {
		return nil, err
	}
	info := document.Info()
	c := collection{
		Auth:     auth{"bearer", []pair{{Key: "token", Value: "{{apiKey}}", Type: "string"}}},
		Variable: []pair{{Key: "baseUrl", Value: info.Server, Type: "string"}, {Key: "apiKey", Type: "string", Description: "An API key: pw_live_…"}},
	}
	c.Info.Name, c.Info.Description, c.Info.Version, c.Info.Schema = info.Title, info.Description, info.Version, postmanSchema
	for _, t := range info.Tags {
		f := folder{Name: t.Name, Description: strings.TrimSpace(t.Description)}
		for _, e := range entries {
			if e.Tag == t.Name {
				f.Item = append(f.Item, newItem(e))
			}
		}
		if len(f.Item) > 0 {
			c.Item = append(c.Item, f)
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	err = enc.Encode(c)
	return b.Bytes(), err
}

func newItem(e spec.Entry) item {
	i := item{Name: e.Summary, Request: newRequest(e), Response: []response{}}
	for _, a := range e.Answers {
		if a.Common || a.Status == strconv.Itoa(http.StatusNotModified) {
			continue
		}
		for _, example := range a.Examples {
			i.Response = append(i.Response, newResponse(a, example, i.Request.sent()))
		}
		if len(a.Examples) == 0 {
			i.Response = append(i.Response, newResponse(a, spec.Example{Summary: a.Description}, i.Request.sent()))
		}
	}
	return i
}

func newRequest(e spec.Entry) request {
	path := braces.ReplaceAllString(strings.TrimPrefix(e.Path, "/"), ":$1")
	r := request{Method: e.Method, Description: strings.TrimSpace(e.Description), Header: []pair{}, URL: link{Host: []string{"{{baseUrl}}"}, Path: strings.Split(path, "/")}}
	for _, a := range e.Arguments {
		p := pair{Key: a.Name, Description: strings.TrimSpace(a.Description), Disabled: !a.Required}
		shown := a.Sample
		if len(shown) == 0 {
			shown = a.Example
		}
		p.Value = strings.Join(shown, ",")
		switch {
		case a.In == "path":
			p.Disabled = false
			r.URL.Variable = append(r.URL.Variable, p)
		case a.Name == "Idempotency-Key":
			p.Value, p.Disabled = "{{$guid}}", false
			r.Header = append(r.Header, p)
		case a.In == "header":
			r.Header = append(r.Header, p)
		case a.Explode && len(shown) > 1:
			for _, p.Value = range shown {
				r.URL.Query = append(r.URL.Query, p)
			}
		default:
			r.URL.Query = append(r.URL.Query, p)
		}
	}
	r.URL.Raw = r.URL.raw()
	if len(e.Requests) > 0 {
		r.Header = append(r.Header, pair{Key: "Content-Type", Value: "application/json"})
		r.Body = &body{Mode: "raw", Raw: e.Requests[0].Value, Options: jsonOptions}
	}
	return r
}

// raw writes a URL out, with the parameters that are switched on.
func (l link) raw() string {
	text := l.Host[0] + "/" + strings.Join(l.Path, "/")
	separator := "?"
	for _, p := range l.Query {
		if !p.Disabled {
			text += separator + p.Key + "=" + p.Value
			separator = "&"
		}
	}
	return text
}

// sent returns what is sent of a request: nothing that is switched off, and no descriptions.
func (r request) sent() request {
	r.Description = ""
	r.Header, r.URL.Query, r.URL.Variable = on(r.Header), on(r.URL.Query), on(r.URL.Variable)
	return r
}

func on(pairs []pair) []pair {
	pairs = slices.DeleteFunc(slices.Clone(pairs), func(p pair) bool { return p.Disabled })
	for i := range pairs {
		pairs[i].Description = ""
	}
	return pairs
}

func newResponse(a spec.Answer, example spec.Example, original request) response {
	code, _ := strconv.Atoi(a.Status) // which the specification's own schema wants to be three digits
	r := response{Name: example.Summary, Original: original, Code: code, Status: http.StatusText(code), Preview: "text", Header: []pair{}, Body: example.Value}
	if a.MediaType != "" {
		r.Header = append(r.Header, pair{Key: "Content-Type", Value: a.MediaType})
	}
	if strings.HasSuffix(a.MediaType, "json") && a.MediaType != "application/x-ndjson" {
		r.Preview = "json"
	}
	return r
}
