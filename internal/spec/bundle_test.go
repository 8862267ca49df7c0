package spec_test

import (
	"encoding/json"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/plotwise/plotwise/internal/spec"
)

func files(pairs ...string) fstest.MapFS {
	fs := fstest.MapFS{}
	for i := 0; i < len(pairs); i += 2 {
		fs[pairs[i]] = &fstest.MapFile{Data: []byte(pairs[i+1])}
	}
	return fs
}

func bundle(t *testing.T, fs fstest.MapFS) *yaml.Node {
	t.Helper()
	root, err := spec.Bundle(fs)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestBundle(t *testing.T) {
	root := bundle(t, files(
		"b.yaml", "tags:\n  - name: b # of b\npaths:\n  /b: {get: {}}\ncomponents:\n  schemas:\n    B: {type: string}\n",
		"openapi.yaml", "# The document.\nopenapi: 3.1.0\ninfo: {title: T}\ntags:\n  - name: shared\ncomponents:\n  schemas:\n    # Shared by all.\n    Z: {type: string}\n",
		"a.yaml", "paths:\n  # The only path of a.\n  /a: {get: {}}\ntags:\n  - name: a\nx-a: true\ncomponents:\n  headers:\n    H: {}\n  schemas:\n    A: {$ref: '#/components/schemas/B'}\n",
		"notes.txt", "not: read",
		"codegen/server.yaml", "not: read",
	))
	got, err := spec.YAML(root)
	if err != nil {
		t.Fatal(err)
	}
	want := `# The document.
openapi: 3.1.0
info: {title: T}
tags:
  - name: shared
  - name: a
  - name: b # of b
components:
  schemas:
    # Shared by all.
    Z: {type: string}
    A: {$ref: '#/components/schemas/B'}
    B: {type: string}
  headers:
    H: {}
paths:
  # The only path of a.
  /a: {get: {}}
  /b: {get: {}}
x-a: true
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("Bundle (-want +got):\n%s", diff)
	}
}

func TestBundle_refuses(t *testing.T) {
	const main = "openapi: 3.1.0\ncomponents:\n  schemas:\n    A:\n      type: string\n"
	for _, c := range []struct {
		name  string
		files fstest.MapFS
		want  string
	}{
		{"no main file", files("a.yaml", "x: 1\n"), "openapi.yaml is missing"},
		{"no files", files(), "openapi.yaml is missing"},
		{"empty file", files("openapi.yaml", main, "a.yaml", ""), "read a.yaml: want a mapping at the top"},
		{"a list", files("openapi.yaml", "- 1\n"), "read openapi.yaml: want a mapping at the top"},
		{"no YAML", files("openapi.yaml", main, "a.yaml", "a: b: c\n"), "read a.yaml: yaml: mapping values are not allowed in this context"},
		{
			"schema in two files", files("openapi.yaml", main, "a.yaml", "x: 1\ncomponents:\n  schemas:\n    A: {}\n"),
			`a.yaml:4: "components/schemas/A" stands in openapi.yaml:5 too`,
		},
		{
			"path in two files", files("openapi.yaml", main, "a.yaml", "paths:\n  /x:\n    get: {}\n", "b.yaml", "paths:\n\n  /x: {put: {}}\n"),
			`b.yaml:3: "paths/x" stands in a.yaml:3 too`,
		},
		{"scalar in two files", files("openapi.yaml", main, "a.yaml", "openapi: 3.1.0\n"), `a.yaml:1: "openapi" stands in openapi.yaml:1 too`},
		{"list against mapping", files("openapi.yaml", main, "a.yaml", "components: []\n"), `a.yaml:1: "components" stands in openapi.yaml:3 too`},
		{
			"key twice in a file", files("openapi.yaml", main, "a.yaml", "x:\n  y: 1\n  y: 2\n"),
			"read a.yaml: yaml: unmarshal errors:\n  line 3: mapping key \"y\" already defined at line 2",
		},
		{
			"key without a value", files("openapi.yaml", main, "a.yaml", "x: {y: 1,\n  meaning: It is gone, but not for ever.}\n"),
			`a.yaml:2: "but not for ever." has no value; write null, or quote the text around it`,
		},
		{"item without a value", files("openapi.yaml", main, "a.yaml", "x:\n  - 1\n  -\n"), `a.yaml:3: "" has no value; write null, or quote the text around it`},
		{"reference to nothing", files("openapi.yaml", main+"x: {$ref: '#/components/schemas/B'}\n"), `#/x: $ref "#/components/schemas/B" leads nowhere`},
		{"reference through a value", files("openapi.yaml", main+"x: {$ref: '#/openapi/B'}\n"), `#/x: $ref "#/openapi/B" leads nowhere`},
		{"reference to a file", files("openapi.yaml", main+"x: {$ref: 'a.yaml#/A'}\n"), `#/x: $ref "a.yaml#/A" leaves the document; want #/…`},
		{"reference to a URL", files("openapi.yaml", main+"x: {$ref: 'https://example.com/A'}\n"), `#/x: $ref "https://example.com/A" leaves the document; want #/…`},
		{"reference to an anchor", files("openapi.yaml", main+"x: {$ref: '#A'}\n"), `#/x: $ref "#A" leaves the document; want #/…`},
		{
			"each reference, with its place", files("openapi.yaml", main+"x:\n  - {a/b: {$ref: '#/y'}}\n  - {$ref: z}\n"),
			"#/x/0/a~1b: $ref \"#/y\" leads nowhere\n#/x/1: $ref \"z\" leaves the document; want #/…",
		},
	} {
		if _, err := spec.Bundle(c.files); err == nil || err.Error() != c.want {
			t.Errorf("%s: Bundle = %v, want %s", c.name, err, c.want)
		}
	}
}

func TestBundle_references(t *testing.T) {
	bundle(t, files("openapi.yaml", `
paths:
  /a/{b}: {get: {}}
x: {$ref: '#/paths/~1a~1{b}/get'}
content:
  examples:
    one: {value: {$ref: an example is data}}
  example: {$ref: so is this}
`))
}

func TestJSON(t *testing.T) {
	root := bundle(t, files("openapi.yaml", `# a comment
z: '33618'
a: 33618
string: "01"
version: 3.1.0
date: 2026-01-23
quoted_date: '2026-01-23'
instant: 2026-01-23T10:44:58.120000Z
amount: '412500.00'
float: 27.9477
minus: -82.5018
large: 1000000000000
'true': true
'null': null
off: 'off'
markup: <a href="?a=1&b=2">é — 😀</a>
text: |
  Two
  lines.
200: a status
empty: {}
none: []
list: [1, x, {b: 1, a: 2}]
anchor: &anchor {b: [1]}
alias: *anchor
`))
	want := `{
  "z": "33618",
  "a": 33618,
  "string": "01",
  "version": "3.1.0",
  "date": "2026-01-23",
  "quoted_date": "2026-01-23",
  "instant": "2026-01-23T10:44:58.120000Z",
  "amount": "412500.00",
  "float": 27.9477,
  "minus": -82.5018,
  "large": 1000000000000,
  "true": true,
  "null": null,
  "off": "off",
  "markup": "<a href=\"?a=1&b=2\">é — 😀</a>",
  "text": "Two\nlines.\n",
  "200": "a status",
  "empty": {},
  "none": [],
  "list": [
    1,
    "x",
    {
      "b": 1,
      "a": 2
    }
  ],
  "anchor": {
    "b": [
      1
    ]
  },
  "alias": {
    "b": [
      1
    ]
  }
}
`
	got, err := spec.JSON(root)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
}

func TestJSON_refuses(t *testing.T) {
	root := bundle(t, files("openapi.yaml", "x: .inf\n"))
	if got, err := spec.JSON(root); err == nil || !strings.HasPrefix(err.Error(), "render JSON: ") {
		t.Errorf("JSON = %q, %v, want an error", got, err)
	}
}

// What the repository's own document says is the same in both forms.
func TestYAML_agreesWithJSON(t *testing.T) {
	root := repository(t)
	asYAML, err := spec.YAML(root)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := spec.JSON(root)
	if err != nil {
		t.Fatal(err)
	}
	var fromJSON any
	if err := json.Unmarshal(asJSON, &fromJSON); err != nil {
		t.Fatal(err)
	}
	doc, err := spec.Parse(asYAML)
	if err != nil {
		t.Fatal(err)
	}
	again, err := doc.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(asJSON), string(again)); diff != "" {
		t.Errorf("JSON of the YAML (-want +got):\n%s", diff)
	}
	var decoded any
	if err := yaml.Unmarshal(asYAML, &decoded); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(decoded)
	if err != nil {
		t.Fatal(err)
	}
	var fromYAML any
	if err := json.Unmarshal(text, &fromYAML); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fromJSON, fromYAML); diff != "" {
		t.Errorf("YAML against JSON (-JSON +YAML):\n%s", diff)
	}
}
