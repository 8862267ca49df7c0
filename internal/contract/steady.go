package contract

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// steady returns an answer's body without what changes by itself: the properties that the document marks with x-volatile,
// and a secret that is shown once.
func steady(e Exchange) any {
	op := e.Request.Operation
	schema := op.Responses[strconv.Itoa(e.Status)].Media["application/json"].schema
	value := withoutVolatile(schema, e.json())
	if op.Secret != "" {
		remove(value, strings.Split(strings.TrimPrefix(op.Secret, "/"), "/"))
	}
	return value
}

func withoutVolatile(schema node, value any) any {
	switch v := value.(type) {
	case map[string]any:
		properties, _ := propertiesOf(schema, v)
		kept := map[string]any{}
		for name, child := range v {
			if p, declared := properties[name]; !declared || p.get("x-volatile").value != true {
				kept[name] = withoutVolatile(properties[name], child)
			}
		}
		return kept
	case []any:
		kept := make([]any, len(v))
		for i, child := range v {
			kept[i] = withoutVolatile(schema.get("items"), child)
		}
		return kept
	}
	return value
}

// remove deletes what stands at a path of members.
func remove(value any, path []string) {
	object, ok := value.(map[string]any)
	if !ok {
		return
	}
	if len(path) == 1 {
		delete(object, path[0])
		return
	}
	remove(object[path[0]], path[1:])
}

// secretOf returns the secret that an answer shows, "" when it shows none.
func secretOf(e Exchange) string {
	if e.Request.Operation.Secret == "" || e.Status >= http.StatusMultipleChoices {
		return ""
	}
	secret, _ := evaluate("$response.body#"+e.Request.Operation.Secret, e)
	return secret
}

// judgeSecret wants an answer that shows a secret to be kept by no cache (RFC 9111 §5.2.2.5).
func judgeSecret(e Exchange) []Fault {
	directives := strings.Split(strings.ReplaceAll(e.Header.Get("Cache-Control"), " ", ""), ",")
	if secretOf(e) == "" || slices.Contains(directives, "no-store") {
		return nil
	}
	return []Fault{{"header Cache-Control", "secret", "lacks no-store, although the answer shows a secret"}}
}
