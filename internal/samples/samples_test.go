package samples_test

import (
	"bytes"
	"go/format"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
	"github.com/plotwise/plotwise/internal/spec"
)

// things is a document with what is hard to quote.
const things = `
info: {title: Things API, version: 1.2.3, summary: Things that last., description: "Things are kept.\n\nAll of them.\n"}
servers: [{url: https://api.example.com, description: Production}, {url: https://other.example.com}]
tags: [{name: things, description: What is kept.}, {name: none, description: Nothing.}]
paths:
  /things:
    get:
      operationId: listThings
      summary: List things
      description: Every thing.
      tags: [things]
      security: [{apiKey: [read]}]
      x-sample: {q: it's "$5" & more, kinds: [a, b], words: [c, d], per_page: 25}
      parameters:
        - {name: q, in: query, description: What to find., schema: {type: string}}
        - {name: kinds, in: query, schema: {type: array, items: {type: string}}}
        - {name: words, in: query, explode: false, schema: {type: array, items: {type: string}}}
        - {name: per_page, in: query, schema: {type: integer}, example: 10}
        - {name: page, in: query, schema: {type: integer}, example: 3}
        - {name: X-Kind, in: header, required: true, schema: {type: string}, example: it's}
      responses: {'200': {description: Things., content: {application/json: {examples: {none: {summary: Nothing, value: {data: []}}}}}}}
    post:
      operationId: createThing
      summary: Create a thing
      description: Another thing.
      tags: [things]
      security: [{apiKey: [write]}]
      parameters:
        - {name: Idempotency-Key, in: header, schema: {type: string}}
      requestBody:
        content: {application/json: {examples: {one: {value: {name: 'it''s ` + "`" + `so` + "`" + `', done: true, left: null, parts: ['true', false, 'say "null": "no"'], no-name: {}}}}}}
      responses:
        '201': {description: The thing., content: {application/json: {examples: {one: {summary: One, value: {data: {id: a}}}}}}}
        '409': {description: It exists., content: {application/json: {examples: {exists: {summary: It exists, value: {error: exists}}}}}}
        '500': {$ref: '#/components/responses/Fault'}
  /things/{thing_id}:
    parameters:
      - {name: thing_id, in: path, required: true, description: The thing's id., schema: {type: string}, example: a/b}
    get:
      operationId: exportThing
      summary: Export a thing
      description: As a file.
      tags: [things]
      security: [{apiKey: []}]
      responses:
        '200':
          description: The file.
          headers: {Content-Disposition: {$ref: '#/components/headers/File'}}
          content: {text/csv: {examples: {csv: {summary: A line, value: "a,b\n"}}}}
    delete:
      operationId: deleteThing
      summary: Delete a thing
      description: It is gone.
      tags: [things]
      security: [{apiKey: [write]}]
      responses: {'204': {description: It is gone.}}
x-common: {responses: {'500': {$ref: '#/components/responses/Fault'}}}
components:
  securitySchemes: {apiKey: {type: http, scheme: bearer, description: Send a key.}}
  headers: {File: {example: 'attachment; filename="thing.csv"', schema: {type: string}}}
  responses: {Fault: {description: A fault., content: {application/json: {examples: {fault: {summary: A fault, value: {error: fault}}}}}}}
`

func parse(t *testing.T, text string) *spec.Document {
	t.Helper()
	document, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// sources returns the samples of an operation by their language.
func sources(t *testing.T, document *spec.Document, operation string) map[string]string {
	t.Helper()
	entries, err := document.Entries()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		for _, s := range e.Samples {
			if e.ID == operation {
				found[s.Lang] = s.Source
			}
		}
	}
	return found
}

func TestAdd(t *testing.T) {
	document := parse(t, things)
	if err := samples.Add(document); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ operation, lang, want string }{
		{"listThings", "bash", `curl 'https://api.example.com/things?q=it%27s+%22%245%22+%26+more&kinds=a&kinds=b&words=c,d&per_page=25' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY" \
  -H 'X-Kind: it'\''s'
`},
		{"listThings", "python", `import os

import httpx

response = httpx.get(
    "https://api.example.com/things",
    headers={
        "Authorization": f"Bearer {os.environ['PLOTWISE_API_KEY']}",
        "X-Kind": "it's",
    },
    params={"q": "it's \"$5\" & more", "kinds": ["a", "b"], "words": "c,d", "per_page": 25},
    timeout=60,
)
if response.is_error:
    raise SystemExit(response.text)
print(response.json())
`},
		{"createThing", "bash", `curl 'https://api.example.com/things' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY" \
  -H "Idempotency-Key: $(date +%s)-$RANDOM" \
  -H "Content-Type: application/json" \
  -d '{
  "name": "it'\''s ` + "`so`" + `",
  "done": true,
  "left": null,
  "parts": [
    "true",
    false,
    "say \"null\": \"no\""
  ],
  "no-name": {}
}'
`},
		{"createThing", "go", `package main

import (
	"crypto/rand"
	"io"
	"log"
	"net/http"
	"os"
	"strings"
)

func main() {
	body := strings.NewReader("{\n  \"name\": \"it's ` + "`so`" + `\",\n  \"done\": true,\n  \"left\": null,\n  \"parts\": [\n    \"true\",\n    false,\n    \"say \\\"null\\\": \\\"no\\\"\"\n  ],\n  \"no-name\": {}\n}")
	request, err := http.NewRequest("POST", "https://api.example.com/things", body)
	if err != nil {
		log.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("PLOTWISE_API_KEY"))
	request.Header.Set("Idempotency-Key", rand.Text())
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		log.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil {
		log.Fatal(err)
	}
	if response.StatusCode >= 400 {
		log.Fatal(response.Status)
	}
}
`},
		{"createThing", "typescript", `import process from "node:process";

const response = await fetch("https://api.example.com/things", {
  method: "POST",
  headers: {
    Authorization: ` + "`Bearer ${process.env.PLOTWISE_API_KEY}`" + `,
    "Idempotency-Key": crypto.randomUUID(),
    "Content-Type": "application/json",
  },
  body: JSON.stringify({
    name: "it's ` + "`so`" + `",
    done: true,
    left: null,
    parts: [
      "true",
      false,
      "say \"null\": \"no\""
    ],
    "no-name": {}
  }),
});
if (!response.ok) {
  throw new Error(` + "`${response.status} ${await response.text()}`" + `);
}
console.dir(await response.json(), { depth: null });
`},
		{"createThing", "python", `import os
import uuid

import httpx

response = httpx.post(
    "https://api.example.com/things",
    headers={
        "Authorization": f"Bearer {os.environ['PLOTWISE_API_KEY']}",
        "Idempotency-Key": str(uuid.uuid4()),
    },
    json={
        "name": "it's ` + "`so`" + `",
        "done": True,
        "left": None,
        "parts": [
            "true",
            False,
            "say \"null\": \"no\""
        ],
        "no-name": {}
    },
    timeout=60,
)
if response.is_error:
    raise SystemExit(response.text)
print(response.json())
`},
		{"exportThing", "bash", `curl -f -o thing.csv 'https://api.example.com/things/a%2Fb' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY"
`},
		{"deleteThing", "bash", `curl -X DELETE 'https://api.example.com/things/a%2Fb' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY"
`},
	} {
		if diff := cmp.Diff(c.want, sources(t, document, c.operation)[c.lang]); diff != "" {
			t.Errorf("sample of %s in %s (-want +got):\n%s", c.operation, c.lang, diff)
		}
	}
	for _, operation := range []string{"listThings", "createThing", "exportThing", "deleteThing"} {
		source := sources(t, document, operation)["go"]
		if tidy, err := format.Source([]byte(source)); err != nil || string(tidy) != source {
			t.Errorf("the Go of %s is not formatted (%v):\n%s", operation, err, source)
		}
	}
}

func TestAdd_refuses(t *testing.T) {
	for _, c := range []struct{ old, broken, want string }{
		{", example: a/b", "", "make the samples of exportThing: the parameter thing_id is required and has no example"},
		{"per_page: 25}\n", "limit: 25}\n", `listThings: x-sample: there is no optional parameter "limit"`},
		{"per_page: 25}\n", "X-Kind: a}\n", `listThings: x-sample: there is no optional parameter "X-Kind"`},
	} {
		err := samples.Add(parse(t, strings.Replace(things, c.old, c.broken, 1)))
		if err == nil || err.Error() != c.want {
			t.Errorf("Add with %q in the place of %q = %v, want %s", c.broken, c.old, err, c.want)
		}
	}
}

// Samples that are made again take the place of those before.
func TestAdd_twice(t *testing.T) {
	document := parse(t, string(gen.YAML))
	if err := samples.Add(document); err != nil {
		t.Fatal(err)
	}
	if got, err := document.YAML(); err != nil || !bytes.Equal(got, gen.YAML) {
		t.Errorf("the document is another with its samples made again (%v): run make gen", err)
	}
}
