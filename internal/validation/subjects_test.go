package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/validation/fast"
)

// decoded is the served document, as JSON.
type decoded map[string]any

// at returns what a reference leads to.
func (d decoded) at(ref string) any {
	var value any = map[string]any(d)
	for part := range strings.SplitSeq(strings.TrimPrefix(ref, "#/"), "/") {
		part, _ = url.PathUnescape(part)
		name := strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch v := value.(type) {
		case map[string]any:
			value = v[name]
		case []any:
			var i int
			fmt.Sscan(name, &i)
			value = v[i]
		}
	}
	return value
}

// follow returns what an object refers to, or the object.
func (d decoded) follow(value any) map[string]any {
	object, _ := value.(map[string]any)
	for object["$ref"] != nil {
		object, _ = d.at(object["$ref"].(string)).(map[string]any)
	}
	return object
}

// subject is a body that the document describes.
type subject struct {
	name     string
	schema   any
	examples [][]byte
	quick    *fast.Schema
	ask      func(body []byte) error // what the authority says
}

// check returns what was found out about a body: whether it is valid, and whether package fast accepted it. The error is that it did
// what it must not do.
func (s *subject) check(body []byte) (valid, accepted bool, err error) {
	accepted = s.quick.Accepts(body)
	_, refused := decodeJSON(body)
	if refused == nil {
		refused = s.ask(body)
	}
	if accepted && refused != nil || errors.Is(refused, ErrDisagreement) {
		return false, accepted, fmt.Errorf("%w: %s: %q: %w", ErrDisagreement, s.name, body, refused)
	}
	return refused == nil, accepted, nil
}

// subjects has all bodies of the served document.
type subjects struct {
	document decoded
	byName   map[string]*subject
	names    []string
}

// named returns a subject; a name that is none chooses one, too.
func (s *subjects) named(name string) *subject {
	if found := s.byName[name]; found != nil {
		return found
	}
	h := fnv.New32a()
	h.Write([]byte(name))
	return s.byName[s.names[int(h.Sum32()%uint32(len(s.names)))]]
}

var realSubjects = sync.OnceValues(func() (*subjects, error) {
	served, err := Served()
	if err != nil {
		return nil, err
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(gen.JSON))
	if err != nil {
		return nil, err
	}
	s := &subjects{document: value.(map[string]any), byName: map[string]*subject{}}
	for _, op := range served.Operations {
		s.addOperation(op.Using(Both))
	}
	webhooks, _ := s.document["webhooks"].(map[string]any)
	for _, w := range served.Webhooks {
		s.addSchema("webhook "+w.Name, s.content(s.document.follow(webhooks[w.Name])["post"].(map[string]any)["requestBody"]), w.Body)
	}
	s.addComponents(served)
	s.names = slices.Sorted(maps.Keys(s.byName))
	return s, nil
})

// content returns the JSON content of a request body or response: its schema and examples. It is nil when there is none.
func (s *subjects) content(of any) map[string]any {
	content, _ := s.document.follow(of)["content"].(map[string]any)
	found, _ := content["application/json"].(map[string]any)
	return found
}

func (s *subjects) add(name string, content map[string]any, quick *fast.Schema, ask func([]byte) error) *subject {
	one := &subject{name: name, schema: content["schema"], quick: quick, ask: ask}
	examples, _ := content["examples"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(examples)) {
		text, _ := json.Marshal(s.document.follow(examples[name])["value"])
		one.examples = append(one.examples, text)
	}
	s.byName[one.name] = one
	return one
}

func (s *subjects) addSchema(name string, content map[string]any, schema *Schema) *subject {
	return s.add(name, content, schema.quick, func(body []byte) error {
		value, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
		if err != nil {
			return err
		}
		return schema.slow.Validate(value)
	})
}

func (s *subjects) addOperation(op *Operation) {
	declared := s.operation(op)
	if op.Body != "" {
		s.add(op.ID+" body", s.content(declared["requestBody"]), op.quickBody, func(body []byte) error {
			r, values := s.request(op)
			r.Header.Set("Content-Type", "application/json")
			return op.Request(r, values, body)
		})
	}
	responses, _ := declared["responses"].(map[string]any)
	for status, response := range responses {
		content := s.content(response)
		if content == nil {
			continue
		}
		var number int
		fmt.Sscan(status, &number)
		header := s.headers(response)
		s.add(op.ID+" "+status, content, op.responses[number].body, func(body []byte) error {
			r, _ := s.request(op)
			return op.Response(r, number, header, body)
		})
	}
}

func (s *subjects) operation(op *Operation) map[string]any {
	item := s.document.follow(s.document["paths"].(map[string]any)[op.Path])
	return item[strings.ToLower(op.Method)].(map[string]any)
}

// headers returns a response's headers as their examples have them.
func (s *subjects) headers(response any) http.Header {
	header := http.Header{"Content-Type": {"application/json"}}
	declared, _ := s.document.follow(response)["headers"].(map[string]any)
	for name, h := range declared {
		header.Set(name, s.example(s.document.follow(h)))
	}
	return header
}

// written has values of parameters for which the document has no example.
var written = map[string]string{"page": "2", "cursor": "eyJhIjoxfQ", "If-None-Match": `"abc", W/"def"`, "If-Match": `"abc"`, "Idempotency-Key": "01980a3c-5e00"}

// example returns the example of a parameter or header, as text.
func (s *subjects) example(parameter map[string]any) string {
	value := parameter["example"]
	if examples, ok := parameter["examples"].(map[string]any); ok && value == nil {
		value = s.document.follow(examples[slices.Sorted(maps.Keys(examples))[0]])["value"]
	}
	switch v := value.(type) {
	case nil:
		name, _ := parameter["name"].(string)
		return written[name]
	case []any:
		var parts []string
		for _, part := range v {
			parts = append(parts, fmt.Sprint(part))
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(value)
}

// parameters returns those of an operation, by name.
func (s *subjects) parameters(op *Operation) map[string]map[string]any {
	item := s.document.follow(s.document["paths"].(map[string]any)[op.Path])
	shared, _ := item["parameters"].([]any)
	own, _ := s.operation(op)["parameters"].([]any)
	found := map[string]map[string]any{}
	for _, p := range append(slices.Clone(shared), own...) {
		parameter := s.document.follow(p)
		found[parameter["name"].(string)] = parameter
	}
	return found
}

// request returns a request to an operation with the parameters that it has to have, and those of its path.
func (s *subjects) request(op *Operation) (*http.Request, map[string]string) {
	values, path := map[string]string{}, op.Path
	query := url.Values{}
	for name, p := range s.parameters(op) {
		switch {
		case p["in"] == problem.InPath:
			values[name] = s.example(p)
			path = strings.ReplaceAll(path, "{"+name+"}", url.PathEscape(values[name]))
		case p["in"] == problem.InQuery && p["required"] == true:
			query.Set(name, s.example(p))
		}
	}
	return httptest.NewRequest(op.Method, "https://api.plotwise.us"+path+"?"+query.Encode(), nil), values
}

// addComponents adds the named schemas, with the parts of examples that are theirs.
func (s *subjects) addComponents(served *Document) {
	parts := map[string][][]byte{}
	for _, one := range s.byName {
		for _, example := range one.examples {
			s.document.collect(parts, parse(example), one.schema)
		}
	}
	components := s.document["components"].(map[string]any)["schemas"].(map[string]any)
	for name := range components {
		one := s.addSchema("schema "+name, map[string]any{"schema": components[name]}, served.Schemas[name])
		slices.SortFunc(parts[name], bytes.Compare)
		one.examples = slices.CompactFunc(parts[name], bytes.Equal)
	}
}

// collect adds the parts of a value to those of the named schemas that they are.
func (d decoded) collect(parts map[string][][]byte, n *node, schema any) {
	own, _ := schema.(map[string]any)
	if ref, ok := own["$ref"].(string); ok {
		name := ref[strings.LastIndex(ref, "/")+1:]
		var b bytes.Buffer
		n.write(&b, &choices{})
		parts[name] = append(parts[name], b.Bytes())
		schema = d.at(ref)
	}
	p := place{n, d.rules(schema, 0)}
	for _, m := range n.members {
		var name string
		json.Unmarshal([]byte(m.name), &name)
		d.collect(parts, m.value, p.find("properties", name))
	}
	for _, item := range n.items {
		d.collect(parts, item, p.find("items", ""))
	}
}

func sorted(names []string) []string {
	slices.Sort(names)
	return slices.Compact(names)
}
