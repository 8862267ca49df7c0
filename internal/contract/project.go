package contract

import (
	"encoding/json"
	"fmt"
)

// Project turns a document's webhooks into answers: each becomes GET /webhooks/NAME, which answers with the webhook's body.
// A tool that compares documents takes what a webhook sends for what a client sends, and so judges every change the wrong
// way round; it judges the projection right.
func Project(text []byte) ([]byte, error) {
	document, err := Parse(text)
	if err != nil {
		return nil, err
	}
	root := node{document: document, value: document.root}
	paths := map[string]any{}
	webhooks := root.get("webhooks")
	for _, name := range webhooks.keys() {
		post := webhooks.get(name).get("post")
		paths["/webhooks/"+name] = map[string]any{"get": map[string]any{
			"operationId": "receive_" + name,
			"responses": map[string]any{"200": map[string]any{
				"description": fmt.Sprintf("What the webhook %s sends.", name), "content": post.get("requestBody").get("content").value,
			}},
		}}
	}
	projected := map[string]any{"openapi": root.get("openapi").value, "info": root.get("info").value, "paths": paths}
	if components := root.get("components").value; components != nil {
		projected["components"] = components
	}
	return json.MarshalIndent(projected, "", "  ")
}
