// Package sdkgen makes what the SDKs have from the specification: their resources and methods, the codes of errors, the
// types of events; and samples that call them. Each language has templates of its own; what they say of the API is the same.
package sdkgen

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/plotwise/plotwise/internal/spec"
)

// API is what the templates write out.
type API struct {
	Version   string // of the document
	Server    string // the default base URL
	Resources []Resource
	Errors    []spec.ErrorCode
	Events    []Event

	document *spec.Document
}

// Resource is what a tag of the document becomes: client.permits.
type Resource struct {
	Words       []string // api, keys
	Description string
	Methods     []Method
}

// Method is an operation: client.permits.list(…).
type Method struct {
	spec.Entry
	Words   []string // list, for, webhook
	Path    []spec.Argument
	Query   []spec.Argument
	IfMatch bool   // it takes the version that it may change
	Keyed   bool   // it takes an Idempotency-Key, so it can be sent again
	Body    string // the schema of the request body; "" for none
	Result  Result
}

// Kind says what a method returns.
type Kind string

// The kinds of results.
const (
	Nothing Kind = "nothing" // 204
	Object  Kind = "object"  // data of the envelope
	List    Kind = "list"    // all of data, which is an array, with its meta
	Pages   Kind = "pages"   // data is an array, and cursors lead on
	Stream  Kind = "stream"  // a file, in one of several media types
)

// Result is what a method returns.
type Result struct {
	Kind     Kind
	Envelope string // the schema of the whole answer
	Item     string // the schema of data, or of its items
}

// Event is a type of event.
type Event struct {
	Type   string // permit.status_changed
	Schema string // of its payload
}

// NewAPI reads the document.
func NewAPI(document *spec.Document) (*API, error) {
	entries, err := document.Entries()
	if err != nil {
		return nil, err
	}
	info := document.Info()
	api := &API{Version: info.Version, Server: info.Server, document: document}
	for _, t := range info.Tags {
		r := Resource{Words: strings.Split(t.Name, "-"), Description: strings.TrimSpace(t.Description)}
		for _, e := range entries {
			if e.Tag != t.Name {
				continue
			}
			m, err := newMethod(document, r, e)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", e.ID, err)
			}
			r.Methods = append(r.Methods, m)
		}
		if len(r.Methods) > 0 {
			api.Resources = append(api.Resources, r)
		}
	}
	if api.Errors, err = document.ErrorCodes(); err != nil {
		return nil, err
	}
	hooks, err := document.Webhooks()
	if err != nil {
		return nil, err
	}
	for _, w := range hooks {
		api.Events = append(api.Events, Event{Type: w.Name, Schema: w.Schema})
	}
	return api, api.check()
}

// check refuses two methods of one name.
func (a *API) check() error {
	for _, r := range a.Resources {
		seen := map[string]string{}
		for _, m := range r.Methods {
			name := Snake(m.Words)
			if other, double := seen[name]; double {
				return fmt.Errorf("%s and %s are both %s.%s", other, m.ID, Snake(r.Words), name)
			}
			seen[name] = m.ID
		}
	}
	return nil
}

func newMethod(document *spec.Document, r Resource, e spec.Entry) (Method, error) {
	m := Method{Entry: e, Words: methodWords(r.Words, e.ID), Body: e.RequestSchema}
	for _, a := range e.Arguments {
		switch {
		case a.In == "path":
			m.Path = append(m.Path, a)
		case a.In == "query":
			m.Query = append(m.Query, a)
		case a.Name == "If-Match":
			m.IfMatch = true
		case a.Name == "Idempotency-Key":
			m.Keyed = true
		case a.Name == "If-None-Match": // a matter of caches
		default:
			return m, fmt.Errorf("the SDKs do not know the header %s", a.Name)
		}
	}
	success := slices.IndexFunc(e.Answers, func(a spec.Answer) bool { return a.Status[0] == '2' })
	if success < 0 {
		return m, fmt.Errorf("it has no success")
	}
	answer := e.Answers[success]
	m.Result = Result{Kind: Object, Envelope: answer.Schema}
	switch {
	case answer.MediaType == "":
		m.Result.Kind = Nothing
	case e.Streams:
		m.Result.Kind = Stream
	default:
		item, many, err := document.Data(answer.Schema)
		if err != nil {
			return m, err
		}
		m.Result.Item = item
		if many {
			m.Result.Kind = List
		}
		if many && slices.ContainsFunc(m.Query, func(a spec.Argument) bool { return a.Name == "cursor" }) {
			m.Result.Kind = Pages
		}
	}
	return m, nil
}

// methodWords returns a method's name: an operation's without the noun that its resource has already. That is list for
// listPermits of permits, list history for listPermitHistory, and list for webhook for listWebhookDeliveries of deliveries.
func methodWords(resource []string, operation string) []string {
	words := split(operation)
	verb, rest := words[:1], words[1:]
	if words[0] == "batch" {
		verb, rest = words[:2], words[2:]
	}
	noun := slices.Clone(resource)
	for _, n := range [][]string{noun, singular(noun)} {
		if len(rest) >= len(n) && slices.Equal(rest[:len(n)], n) {
			rest = rest[len(n):]
			break
		}
		if len(rest) > len(n) && slices.Equal(rest[len(rest)-len(n):], n) {
			rest = append([]string{"for"}, rest[:len(rest)-len(n)]...)
			break
		}
	}
	if len(rest) == 1 && (rest[0] == "item" || rest[0] == "items") {
		rest = nil
	}
	return append(slices.Clone(verb), rest...)
}

// singular returns a noun's singular: api key of api keys.
func singular(noun []string) []string {
	one := slices.Clone(noun)
	last := one[len(one)-1]
	if stem, ok := strings.CutSuffix(last, "ies"); ok {
		last = stem + "y"
	} else {
		last = strings.TrimSuffix(last, "s")
	}
	one[len(one)-1] = last
	return one
}

// split returns the words of a name in camel case, in lower case: listAPIKeys is list api keys.
func split(name string) (words []string) {
	runes := []rune(name)
	start := 0
	for i := 1; i <= len(runes); i++ {
		atEnd := i == len(runes)
		if !atEnd && (!unicode.IsUpper(runes[i]) || unicode.IsUpper(runes[i-1]) && (i+1 == len(runes) || unicode.IsUpper(runes[i+1]))) {
			continue
		}
		words = append(words, strings.ToLower(string(runes[start:i])))
		start = i
	}
	return words
}

// Snake joins words as Python does: list_for_webhook.
func Snake(words []string) string { return strings.Join(words, "_") }

// Camel joins words as TypeScript does: listForWebhook.
func Camel(words []string) string {
	return words[0] + Pascal(words[1:])
}

// Pascal joins words as types are named: ListForWebhook.
func Pascal(words []string) string {
	var b strings.Builder
	for _, w := range words {
		b.WriteString(strings.ToUpper(w[:1]) + w[1:])
	}
	return b.String()
}

// initialisms keep their case in Go.
var initialisms = []string{"api", "id", "url", "uuid"}

// Exported joins words as Go exports them: ListForWebhook, APIKeys.
func Exported(words []string) string {
	var b strings.Builder
	for _, w := range words {
		if slices.Contains(initialisms, w) {
			b.WriteString(strings.ToUpper(w))
		} else {
			b.WriteString(Pascal([]string{w}))
		}
	}
	return b.String()
}
