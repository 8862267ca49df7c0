package contract

import (
	"bytes"
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compareServed holds the document that the server serves against the one of the suite; only the servers may differ, and
// the code samples by going to the first of them.
func (s *Suite) compareServed(ctx context.Context) {
	if s.options.ServedAt == "" {
		return
	}
	s.section = "drift"
	op := Operation{ID: "document", Method: http.MethodGet, Path: s.options.ServedAt}
	e, err := s.client.send(ctx, Request{Operation: op})
	if err != nil || e.Status != http.StatusOK {
		s.fail(e, "the served document", Fault{"status", "drift", "is not 200"})
		return
	}
	served, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Body))
	theirs, ok := served.(map[string]any)
	if err != nil || !ok {
		s.fail(e, "the served document", Fault{"body", "drift", "is no JSON object"})
		return
	}
	ours := moved(s.document.root, firstServer(s.document.root), firstServer(theirs), false).(map[string]any)
	keys := append(slices.Collect(maps.Keys(ours)), slices.Collect(maps.Keys(theirs))...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		if key != "servers" {
			s.compare(e, "/"+escape(key), ours[key], theirs[key])
		}
	}
}

// compare reports where two documents part: the deepest place that is the same for all differences of one member.
func (s *Suite) compare(e Exchange, at string, ours, theirs any) {
	if reflect.DeepEqual(ours, theirs) {
		return
	}
	a, isObject := ours.(map[string]any)
	b, other := theirs.(map[string]any)
	if !isObject || !other {
		s.fail(e, "the served document", Fault{at, "drift", "is another than in the document of the suite"})
		return
	}
	keys := append(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))...)
	slices.Sort(keys)
	for _, key := range slices.Compact(keys) {
		s.compare(e, at+"/"+escape(key), a[key], b[key])
	}
}

// firstServer returns the URL of a document's first server, without a slash at the end.
func firstServer(document any) string {
	o, _ := document.(map[string]any)
	servers, _ := o["servers"].([]any)
	if len(servers) == 0 {
		return ""
	}
	first, _ := servers[0].(map[string]any)
	text, _ := first["url"].(string)
	return strings.TrimSuffix(text, "/")
}

// moved returns a document whose code samples go to another server.
func moved(v any, from, to string, sample bool) any {
	switch v := v.(type) {
	case string:
		if sample && from != "" {
			return strings.ReplaceAll(v, from, to)
		}
	case []any:
		list := make([]any, len(v))
		for i, child := range v {
			list[i] = moved(child, from, to, sample)
		}
		return list
	case map[string]any:
		object := map[string]any{}
		for name, child := range v {
			object[name] = moved(child, from, to, sample || name == "x-codeSamples")
		}
		return object
	}
	return v
}
