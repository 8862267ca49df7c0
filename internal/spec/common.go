package spec

import (
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// writeOutCommon gives every operation the responses, and every response the headers, that the document says once under
// x-common. What an operation or a response says itself stays.
func writeOutCommon(root *yaml.Node) {
	common := lookup(root, "x-common")
	if common == nil {
		return
	}
	headers := lookup(common, "headers")
	shared := resolve(root, "#/components/responses")
	eachValue(shared, func(response *yaml.Node) { addHeaders(response, headers) })
	eachValue(lookup(root, "paths"), func(item *yaml.Node) {
		for _, method := range methods {
			op := lookup(item, method)
			if op == nil {
				continue
			}
			responses := member(op, "responses")
			eachValue(responses, func(response *yaml.Node) { addHeaders(response, headers) })
			addMissing(responses, lookup(common, "responses"))
			sortByKey(responses)
		}
	})
}

func addHeaders(response, headers *yaml.Node) {
	if headers != nil && lookup(response, "$ref") == nil {
		addMissing(member(response, "headers"), headers)
	}
}

// member returns an object's member, which it makes when there is none: after a description, else at the end.
func member(object *yaml.Node, key string) *yaml.Node {
	if found := lookup(object, key); found != nil {
		return found
	}
	at := len(object.Content)
	for i := 0; i < len(object.Content); i += 2 {
		if object.Content[i].Value == "description" {
			at = i + 2
		}
	}
	made := &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
	object.Content = slices.Insert(object.Content, at, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, made)
	return made
}

// addMissing puts the members that an object lacks before those that it has.
func addMissing(object, members *yaml.Node) {
	if members == nil {
		return
	}
	var missing []*yaml.Node
	for i := 0; i < len(members.Content); i += 2 {
		if lookup(object, members.Content[i].Value) == nil {
			missing = append(missing, members.Content[i], members.Content[i+1])
		}
	}
	object.Content = append(missing, object.Content...)
}

func sortByKey(object *yaml.Node) {
	pairs := make([][2]*yaml.Node, 0, len(object.Content)/2)
	for i := 0; i < len(object.Content); i += 2 {
		pairs = append(pairs, [2]*yaml.Node{object.Content[i], object.Content[i+1]})
	}
	slices.SortStableFunc(pairs, func(a, b [2]*yaml.Node) int { return strings.Compare(a[0].Value, b[0].Value) })
	object.Content = object.Content[:0]
	for _, p := range pairs {
		object.Content = append(object.Content, p[0], p[1])
	}
}

func eachValue(object *yaml.Node, visit func(value *yaml.Node)) {
	if object == nil {
		return
	}
	for i := 1; i < len(object.Content); i += 2 {
		visit(object.Content[i])
	}
}

// writeOutPermissions adds to every operation's description which permission it needs.
func writeOutPermissions(root *yaml.Node) {
	NewDocument(root).eachOperation(func(op *yaml.Node) {
		description, note := lookup(op, "description"), permissionNote(op)
		if description != nil && note != "" {
			description.Value = strings.TrimRight(description.Value, "\n") + note
			description.Style = yaml.LiteralStyle
		}
	})
}

// permissionNote returns the paragraph that says which permission an operation needs; "" where its security says nothing.
func permissionNote(op *yaml.Node) string {
	security := lookup(op, "security")
	if security == nil || len(security.Content) == 0 || lookup(security.Content[0], "apiKey") == nil {
		return ""
	}
	if needed := permission(op); needed != "" {
		return "\n\nNeeds the `" + needed + "` permission.\n"
	}
	return "\n\nAny API key will do.\n"
}
