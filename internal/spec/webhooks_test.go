package spec_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/spec"
)

func TestDocument_Webhooks(t *testing.T) {
	found, err := parse(t, `
webhooks:
  thing.painted:
    post:
      description: |
        Somebody painted it.
      requestBody: {content: {application/json: {examples: {blue: {value: {colour: blue}}, red: {value: {colour: red}}}}}}
  thing.broken:
    post:
      requestBody: {content: {application/json: {examples: {one: {value: [1]}}}}}
`).Webhooks()
	if err != nil {
		t.Fatal(err)
	}
	want := []spec.Webhook{
		{Name: "thing.painted", Description: "Somebody painted it.", Example: []byte("{\n  \"colour\": \"blue\"\n}\n")},
		{Name: "thing.broken", Example: []byte("[\n  1\n]\n")},
	}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Errorf("Webhooks (-want +got):\n%s", diff)
	}
	if found, err = parse(t, "openapi: 3.1.0\n").Webhooks(); err != nil || len(found) != 0 {
		t.Errorf("Webhooks of a document without = %v, %v; want none", found, err)
	}
	for _, text := range []string{
		"webhooks: {a: {post: {}}}", "webhooks: {a: {post: {requestBody: {content: {application/json: {examples: {}}}}}}}",
	} {
		if _, err := parse(t, text).Webhooks(); err == nil || err.Error() != "the webhook a has no example" {
			t.Errorf("Webhooks of %s = %v, want the lack of an example", text, err)
		}
	}
}

func TestDocument_Webhooks_repository(t *testing.T) {
	found, err := parse(t, string(gen.JSON)).Webhooks()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, w := range found {
		names = append(names, w.Name)
		var example struct{ Event string }
		if err := json.Unmarshal(w.Example, &example); err != nil || example.Event != w.Name || w.Description == "" {
			t.Errorf("%s: example of %q, %v, description %q", w.Name, example.Event, err, w.Description)
		}
	}
	want := []string{"permit.status_changed", "permit.fee_changed", "permit.inspection_scheduled", "permit.added_to_watchlist", "permit.removed_from_watchlist"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("Webhooks (-want +got):\n%s", diff)
	}
}

func TestDocument_Closed(t *testing.T) {
	doc := parse(t, `
a: {$ref: '#/components/schemas/Alias'}
components:
  schemas:
    Plain: {type: string, maxLength: 5}
    Alias: {$ref: '#/components/schemas/Thing'}
    Thing:
      type: object
      properties:
        name: {$ref: '#/components/schemas/Plain'}
        other: {$ref: '#/components/schemas/Plain'}
        tree: {$ref: '#/components/schemas/Tree'}
        any: {oneOf: [{$ref: '#/components/schemas/Plain'}, {type: 'null'}]}
    Tree:
      type: object
      properties:
        name: {$ref: '#/components/schemas/Plain'}
        children: {type: array, items: {$ref: '#/components/schemas/Tree'}}
`)
	const plain = `"Plain":{"type":"string","maxLength":5}`
	const tree = `"Tree":{"type":"object","properties":{"name":{"$ref":"#/$defs/Plain"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}}}`
	const thing = `{"type":"object","properties":{"name":{"$ref":"#/$defs/Plain"},"other":{"$ref":"#/$defs/Plain"},` +
		`"tree":{"$ref":"#/$defs/Tree"},"any":{"oneOf":[{"$ref":"#/$defs/Plain"},{"type":"null"}]}},"$defs":{` + plain + "," + tree + "}}"
	for ref, want := range map[string]string{
		"#/components/schemas/Plain": `{"type":"string","maxLength":5}`,
		"#/components/schemas/Thing": thing,
		"#/components/schemas/Alias": thing,
		"#/a":                        thing,
		"#/components/schemas/Tree": `{"type":"object","properties":{"name":{"$ref":"#/$defs/Plain"},"children":{"type":"array","items":{"$ref":"#/$defs/Tree"}}},` +
			`"$defs":{` + plain + "," + tree + "}}",
	} {
		for range 2 { // the document stays as it was
			if got := compact(t, doc, ref); got != want {
				t.Errorf("Closed(%q):\n got %s\nwant %s", ref, got, want)
			}
		}
	}
	if _, err := doc.Closed("#/components/schemas/Missing"); err == nil || err.Error() != "#/components/schemas/Missing leads nowhere" {
		t.Errorf("Closed of nothing = %v", err)
	}
}

// compact returns a closed schema without the white space.
func compact(t *testing.T, doc *spec.Document, ref string) string {
	t.Helper()
	text, err := doc.Closed(ref)
	if err != nil {
		t.Fatal(err)
	}
	return regexp.MustCompile(`\s`).ReplaceAllString(string(text), "")
}

// TestDocument_Closed_repository: no schema of the repository's own document refers to anything outside of itself.
func TestDocument_Closed_repository(t *testing.T) {
	doc := parse(t, string(gen.JSON))
	var document struct {
		Components struct{ Schemas map[string]any }
	}
	if err := json.Unmarshal(gen.JSON, &document); err != nil {
		t.Fatal(err)
	}
	for name := range document.Components.Schemas {
		text, err := doc.Closed("#/components/schemas/" + name)
		if err != nil {
			t.Error(err)
			continue
		}
		var closed struct {
			Defs map[string]any `json:"$defs"`
		}
		if err := json.Unmarshal(text, &closed); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, ref := range regexp.MustCompile(`"\$ref": "([^"]*)"`).FindAllStringSubmatch(string(text), -1) {
			if to, ok := strings.CutPrefix(ref[1], "#/$defs/"); !ok || closed.Defs[to] == nil {
				t.Errorf("%s refers to %s, want one of its $defs", name, ref[1])
			}
		}
	}
}
