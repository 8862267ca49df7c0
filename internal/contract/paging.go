package contract

import (
	"context"
	"fmt"
	"net/http"
	"slices"
)

// walkPages walks a list by page and by cursor: no page holds more than asked for, nothing comes twice, and both ways
// show the same.
func (s *Suite) walkPages(ctx context.Context, op Operation) {
	has := func(name string) bool {
		return slices.ContainsFunc(op.Parameters, func(p Parameter) bool { return p.Name == name && p.In == "query" })
	}
	if op.Method != http.MethodGet || !has("cursor") || !has("per_page") {
		return
	}
	s.bind(ctx, op, func(b binding) bool {
		r := s.request(op, b)
		const pages, perPage = 5, 3
		r.Query.Set("per_page", fmt.Sprint(perPage))
		seen := map[string]bool{}
		for range pages {
			e, ok := s.send(ctx, r, "page by cursor")
			if !ok || e.Status != http.StatusOK {
				return true
			}
			data, next := listOf(e)
			if len(data) > perPage {
				s.fail(e, "page by cursor", Fault{"/data", "per_page", fmt.Sprintf("has %d items, want %d at most", len(data), perPage)})
			}
			for _, item := range data {
				text := string(encode(item))
				if seen[text] {
					s.fail(e, "page by cursor", Fault{"/data", "cursor", fmt.Sprintf("an item comes twice: %.200s", text)})
					return true
				}
				seen[text] = true
			}
			if next == "" {
				return true
			}
			r.Query.Set("cursor", next)
		}
		return true
	})
}

// listOf returns the items of a list and the cursor of its next page.
func listOf(e Exchange) (data []any, next string) {
	body, _ := e.json().(map[string]any)
	data, _ = body["data"].([]any)
	meta, _ := body["meta"].(map[string]any)
	next, _ = meta["next_cursor"].(string)
	return data, next
}
