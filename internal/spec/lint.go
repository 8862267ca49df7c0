package spec

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

var (
	operationID = regexp.MustCompile(`^(get|list|create|update|delete|add|remove|batch|rotate|revoke|test|retry|recover|read|export)[A-Z][A-Za-z]*$`)
	permissions = []string{"read", "write", "admin"}
	methods     = []string{"get", "post", "put", "patch", "delete"}

	permissionByHand = regexp.MustCompile("(?i)needs the [a-z`]+ permission|any (API )?key")
)

// Lint holds the document against the project's rules for it (each rule's function says which) and returns every
// breach, each with its JSON pointer.
func Lint(root *yaml.Node) error {
	l := &linter{root: root, ids: map[string]string{}, tags: map[string]bool{}}
	if lookup(root, "jsonSchemaDialect") != nil {
		l.report("#/jsonSchemaDialect", "must be absent: tools switch their validation off when they see it")
	}
	if v := lookup(root, "openapi"); v == nil || !strings.HasPrefix(v.Value, "3.1.") {
		l.report("#/openapi", "must be 3.1.x")
	}
	l.eachOperation(l.operation)
	l.webhooks()
	walk(root, "#", l.content)
	l.schemas()
	return errors.Join(l.breaches...)
}

type linter struct {
	root     *yaml.Node
	ids      map[string]string // operationId → place
	tags     map[string]bool   // those of operations
	breaches []error
}

func (l *linter) report(at, format string, args ...any) {
	l.breaches = append(l.breaches, fmt.Errorf("%s: %s", at, fmt.Sprintf(format, args...)))
}

func (l *linter) eachOperation(visit func(op *yaml.Node, method, at string)) {
	paths := lookup(l.root, "paths")
	if paths == nil {
		l.report("#/paths", "is missing")
		return
	}
	for i := 0; i < len(paths.Content); i += 2 {
		at := "#/paths/" + escape(paths.Content[i].Value)
		for _, method := range methods {
			if op := lookup(paths.Content[i+1], method); op != nil {
				visit(op, method, at+"/"+method)
			}
		}
	}
}

// operation wants an operationId of verb and noun, one tag, a summary, exactly one permission (or none, for any key),
// and declared failures.
func (l *linter) operation(op *yaml.Node, method, at string) {
	id := lookup(op, "operationId")
	switch {
	case id == nil:
		l.report(at, "needs an operationId")
	case !operationID.MatchString(id.Value):
		l.report(at, "operationId %q: want a verb and a noun, such as listPermits", id.Value)
	case l.ids[id.Value] != "":
		l.report(at, "operationId %q stands at %s too", id.Value, l.ids[id.Value])
	default:
		l.ids[id.Value] = at
	}
	for _, key := range []string{"summary", "description"} {
		if lookup(op, key) == nil {
			l.report(at, "needs a %s", key)
		}
	}
	if tags := lookup(op, "tags"); tags == nil || len(tags.Content) != 1 {
		l.report(at, "needs exactly one tag")
	} else {
		l.tags[tags.Content[0].Value] = true
	}
	l.permission(op, at)
	if d := lookup(op, "description"); d != nil && permissionByHand.MatchString(strings.TrimSuffix(d.Value, permissionNote(op))) {
		l.report(at, "the description must not say which permission is needed: the bundle adds that")
	}
	l.failures(op, method, at)
	if body := lookup(op, "requestBody"); body != nil && method == "get" {
		l.report(at, "GET takes no requestBody")
	}
}

func (l *linter) permission(op *yaml.Node, at string) {
	security := lookup(op, "security")
	if security == nil || len(security.Content) != 1 || lookup(security.Content[0], "apiKey") == nil {
		l.report(at, "needs security: [{apiKey: [permission]}]")
		return
	}
	scopes := lookup(security.Content[0], "apiKey").Content
	if len(scopes) > 1 || (len(scopes) == 1 && !slices.Contains(permissions, scopes[0].Value)) {
		l.report(at+"/security", "want one of %v, or none for any key", permissions)
	}
}

// failures wants each failure declared that the operation can meet: bad parameters, keys and limits always, the unknown when its path has a parameter, and a broken body when it takes one.
func (l *linter) failures(op *yaml.Node, method, at string) {
	want := []string{"400", "401", "403", "413", "429", "500", "503"}
	if strings.Contains(at, "{") {
		want = append(want, "404")
	}
	if lookup(op, "requestBody") != nil {
		want = append(want, "415", "422")
	}
	switch method {
	case "get":
		if !streams(op) { // what is made while it is sent has no entity tag
			want = append(want, "304")
		}
	case "post":
		want = append(want, "409")
	case "patch", "delete":
		want = append(want, "412")
	}
	responses := lookup(op, "responses")
	for _, status := range want {
		if responses == nil || lookup(responses, status) == nil {
			l.report(at+"/responses", "needs %s", status)
		}
	}
}

// webhooks wants a tag at each webhook that no operation has: generators write one file a tag, and those of webhooks last.
func (l *linter) webhooks() {
	list := lookup(l.root, "webhooks")
	if list == nil {
		return
	}
	for i := 0; i < len(list.Content); i += 2 {
		at := "#/webhooks/" + escape(list.Content[i].Value) + "/post"
		tags := resolve(list.Content[i+1], "#/post/tags")
		switch {
		case tags == nil || len(tags.Content) != 1:
			l.report(at, "needs exactly one tag")
		case l.tags[tags.Content[0].Value]:
			l.report(at, "the tag %q is one of operations: clients that are generated would lose those", tags.Content[0].Value)
		}
	}
}

// content wants every body to be a named schema with examples.
func (l *linter) content(n *yaml.Node, at string) {
	content := lookup(n, "content")
	if content == nil || content.Kind != yaml.MappingNode || strings.Contains(at, "/schemas/") {
		return
	}
	for i := 0; i < len(content.Content); i += 2 {
		place := at + "/content/" + escape(content.Content[i].Value)
		media := content.Content[i+1]
		if schema := lookup(media, "schema"); schema == nil || lookup(schema, "$ref") == nil {
			l.report(place, "the body needs a named schema ($ref)")
		}
		if examples := lookup(media, "examples"); examples == nil || len(examples.Content) == 0 {
			l.report(place, "the body needs examples")
		}
	}
}

// schemas checks every schema of the document: those of components, and those of parameters and headers.
func (l *linter) schemas() {
	walk(l.root, "#", func(n *yaml.Node, at string) {
		if lookup(n, "in") != nil && lookup(n, "schema") != nil && lookup(n, "description") == nil {
			l.report(at, "the parameter needs a description")
		}
		if strings.HasPrefix(at, "#/components/schemas/") && strings.Count(at, "/") == 3 {
			if !l.described(n) {
				l.report(at, "the schema needs a description")
			}
			l.schema(n, at)
			l.parts(lookup(n, "allOf"))
		} else if strings.HasSuffix(at, "/schema") && !strings.Contains(at, "/schemas/") {
			l.schema(n, at)
		}
	})
}

// parts wants x-nullable: true beside the null of what a schema has from others: generators lose the null there.
func (l *linter) parts(allOf *yaml.Node) {
	if allOf == nil {
		return
	}
	for _, part := range allOf.Content {
		ref := scalar(part, "$ref")
		properties := resolve(l.root, ref+"/properties")
		if properties == nil {
			continue
		}
		for i := 0; i < len(properties.Content); i += 2 {
			if p := properties.Content[i+1]; slices.Contains(types(p), "null") && scalar(p, "x-nullable") != "true" {
				l.report(ref+"/properties/"+escape(properties.Content[i].Value), "needs x-nullable: true, as an allOf has it")
			}
		}
	}
}

func (l *linter) schema(n *yaml.Node, at string) {
	if n.Kind != yaml.MappingNode || lookup(n, "$ref") != nil {
		return
	}
	l.bounds(n, at)
	if pattern := lookup(n, "pattern"); pattern != nil && strings.Contains(pattern.Value, `\p`) {
		l.report(at, `the pattern has a class of Unicode's (\p), which not every language knows`)
	}
	if lookup(n, "const") != nil && lookup(n, "type") == nil {
		l.report(at, "const needs its type")
	}
	for _, key := range []string{"oneOf", "anyOf"} {
		if lookup(n, key) != nil && lookup(n, "discriminator") == nil {
			l.report(at, "%s needs a discriminator", key)
		}
	}
	for _, key := range []string{"properties", "items", "additionalProperties", "allOf", "oneOf", "anyOf"} {
		child := lookup(n, key)
		switch {
		case child == nil:
		case key == "properties":
			for i := 0; i < len(child.Content); i += 2 {
				place := at + "/properties/" + escape(child.Content[i].Value)
				if !l.described(child.Content[i+1]) {
					l.report(place, "the property needs a description")
				}
				l.schema(child.Content[i+1], place)
			}
		case child.Kind == yaml.SequenceNode:
			for i, c := range child.Content {
				l.schema(c, fmt.Sprintf("%s/%s/%d", at, key, i))
			}
		default:
			l.schema(child, at+"/"+key)
		}
	}
}

// described reports whether a schema says what its values mean: itself, by the schema that it refers to or that of its items,
// or by having one value alone.
func (l *linter) described(n *yaml.Node) bool {
	for _, key := range []string{"description", "const"} {
		if lookup(n, key) != nil {
			return true
		}
	}
	if ref := lookup(n, "$ref"); ref != nil {
		return l.described(resolve(l.root, ref.Value))
	}
	items := lookup(n, "items")
	return items != nil && l.described(items)
}

// bounds wants a limit on every string (an enum, a const or a maxLength), array (maxItems) and number (both ends, and
// an exact format).
func (l *linter) bounds(n *yaml.Node, at string) {
	if lookup(n, "enum") != nil || lookup(n, "const") != nil {
		return
	}
	limits := map[string][]string{
		"string": {"maxLength"}, "array": {"maxItems", "items"},
		"integer": {"minimum", "maximum", "format"}, "number": {"minimum", "maximum", "format"},
	}
	for _, kind := range types(n) {
		for _, limit := range limits[kind] {
			if lookup(n, limit) == nil {
				l.report(at, "a schema of type %s needs %s", kind, limit)
			}
		}
	}
}

func types(schema *yaml.Node) []string {
	t := lookup(schema, "type")
	switch {
	case t == nil:
		return nil
	case t.Kind == yaml.ScalarNode:
		return []string{t.Value}
	}
	var kinds []string
	for _, c := range t.Content {
		kinds = append(kinds, c.Value)
	}
	return kinds
}
