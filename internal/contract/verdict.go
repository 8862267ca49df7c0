package contract

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// Fault is one way in which an answer breaks the document.
type Fault struct {
	Place   string // what of the answer: status, header X, a JSON pointer into the body, …
	Keyword string // undeclared, missing, or the JSON Schema keyword that does not hold
	Message string
}

// transport are headers that HTTP itself and CORS need; a document does not declare them.
var transport = []string{"Date", "Content-Length", "Content-Type", "Cache-Control", "Vary", "Connection", "Transfer-Encoding", "Allow", "Server"}

// judge holds an answer against what its operation declares.
func judge(e Exchange) []Fault {
	op := e.Request.Operation
	declared, ok := op.Responses[strconv.Itoa(e.Status)]
	if !ok {
		if e.Status == http.StatusMethodNotAllowed {
			return nil
		}
		return []Fault{{"status", "undeclared", fmt.Sprintf("%d is not a status that %s declares", e.Status, op.ID)}}
	}
	faults := judgeHeaders(e, declared)
	if e.Request.Operation.Method == http.MethodHead {
		return faults
	}
	return append(faults, judgeBody(e, declared)...)
}

func judgeHeaders(e Exchange, declared Response) []Fault {
	faults := judgeSecret(e)
	for _, name := range declared.Always {
		if e.Header.Get(name) == "" {
			faults = append(faults, Fault{"header " + name, "missing", "is not sent, although every such answer has it"})
		}
	}
	for name, values := range e.Header {
		schema, ok := declared.Headers[name]
		switch {
		case slices.Contains(transport, name) || strings.HasPrefix(name, "Access-Control-"):
		case !ok:
			faults = append(faults, Fault{"header " + name, "undeclared", "is not a header that the document declares for this answer"})
		default:
			for _, f := range broken(schema, headerValue(schema, values[0])) {
				f.Place = "header " + name
				faults = append(faults, f)
			}
		}
	}
	return faults
}

// headerValue reads a header as its schema's type.
func headerValue(schema node, text string) any {
	switch schema.get("type").text() {
	case "boolean":
		if b, err := strconv.ParseBool(text); err == nil {
			return b
		}
	case "integer", "number":
		if f, err := strconv.ParseFloat(text, 64); err == nil {
			return f
		}
	}
	return text
}

func judgeBody(e Exchange, declared Response) []Fault {
	if len(declared.Media) == 0 {
		if len(e.Body) > 0 {
			return []Fault{{"body", "undeclared", fmt.Sprintf("has %d bytes where the document declares none", len(e.Body))}}
		}
		return nil
	}
	mediaType, _, _ := mime.ParseMediaType(e.Header.Get("Content-Type"))
	media, ok := declared.Media[mediaType]
	switch {
	case !ok:
		return []Fault{{"header Content-Type", "undeclared", fmt.Sprintf("%q is not a media type that the document declares for this answer", e.Header.Get("Content-Type"))}}
	case mediaType == "application/x-ndjson":
		return judgeLines(e.Body)
	case !strings.HasSuffix(mediaType, "json"):
		return nil
	}
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(e.Body))
	if err != nil {
		return []Fault{{"body", "syntax", "is not JSON: " + err.Error()}}
	}
	return append(broken(media.schema, value), undeclared(media.schema, value, "")...)
}

// judgeLines wants each line to be JSON.
func judgeLines(body []byte) []Fault {
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxAnswer)
	for n := 1; lines.Scan(); n++ {
		if _, err := jsonschema.UnmarshalJSON(bytes.NewReader(lines.Bytes())); err != nil {
			return []Fault{{fmt.Sprintf("line %d", n), "syntax", "is not JSON"}}
		}
	}
	return nil
}

// broken returns how a value breaks a schema.
func broken(schema node, value any) []Fault {
	if !schema.exists() {
		return nil
	}
	compiled, err := schema.schema()
	if err != nil {
		return []Fault{{"", "schema", err.Error()}}
	}
	var failure *jsonschema.ValidationError
	if !errors.As(compiled.Validate(value), &failure) {
		return nil
	}
	var faults []Fault
	for _, leaf := range leaves(failure) {
		keyword := "schema"
		if path := leaf.ErrorKind.KeywordPath(); len(path) > 0 {
			keyword = path[len(path)-1]
		}
		faults = append(faults, Fault{pointer(leaf.InstanceLocation), keyword, leaf.Error()})
	}
	return faults
}

func leaves(e *jsonschema.ValidationError) []*jsonschema.ValidationError {
	if len(e.Causes) == 0 {
		return []*jsonschema.ValidationError{e}
	}
	var found []*jsonschema.ValidationError
	for _, cause := range e.Causes {
		found = append(found, leaves(cause)...)
	}
	return found
}

func pointer(location []string) string {
	var b strings.Builder
	for _, part := range location {
		b.WriteString("/" + escape(part))
	}
	return b.String()
}

// undeclared returns the properties of a value that its schema does not name, although it lets them pass.
func undeclared(schema node, value any, at string) []Fault {
	var faults []Fault
	switch v := value.(type) {
	case map[string]any:
		properties, open := propertiesOf(schema, v)
		for name, child := range v {
			p, ok := properties[name]
			switch {
			case ok:
				faults = append(faults, undeclared(p, child, at+"/"+escape(name))...)
			case !open:
				faults = append(faults, Fault{at + "/" + escape(name), "undeclared", "is not a property that the document declares"})
			}
		}
	case []any:
		items := schema.get("items")
		for i, child := range v {
			faults = append(faults, undeclared(items, child, fmt.Sprintf("%s/%d", at, i))...)
		}
	}
	return faults
}

// propertiesOf returns the properties that a schema declares for a value, those of its parts included. It is open when
// the schema declares none at all, or describes them by additionalProperties.
func propertiesOf(schema node, value map[string]any) (properties map[string]node, open bool) {
	properties = map[string]node{}
	list := schema.get("properties")
	for _, name := range list.keys() {
		properties[name] = list.get(name)
	}
	_, described := schema.get("additionalProperties").value.(map[string]any)
	open = described || !list.exists()
	parts := schema.get("allOf")
	for i := range parts.list() {
		more, _ := propertiesOf(parts.index(i), value)
		for name, p := range more {
			properties[name] = p
		}
		open = open && len(properties) == 0
	}
	if branch := chosen(schema, value); branch.exists() {
		return propertiesOf(branch, value)
	}
	return properties, open
}

// chosen returns the branch of a oneOf that the value's discriminator names.
func chosen(schema node, value map[string]any) node {
	discriminator := schema.get("discriminator")
	name, _ := value[discriminator.get("propertyName").text()].(string)
	ref := discriminator.get("mapping").get(name).text()
	if ref == "" {
		return node{document: schema.document}
	}
	return schema.document.follow(schema.document.lookup(strings.TrimPrefix(ref, "#")))
}
