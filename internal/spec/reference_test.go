package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/spec"
)

func TestDocument_Entries(t *testing.T) {
	doc := parse(t, `
paths:
  /things/{thing_id}:
    parameters:
      - {$ref: '#/components/parameters/ThingID'}
    get:
      operationId: getThing
      summary: Get a thing
      description: The thing.
      tags: [things]
      security: [{apiKey: [read]}]
      parameters:
        - {name: a, in: query, description: First., schema: {type: string}}
        - {name: b, in: query, schema: {type: array, items: {type: string}}, example: [x, y]}
        - {name: If-Match, in: header, schema: {type: string}, example: z}
        - {name: c, in: query, schema: {type: integer}, example: 3}
        - {name: d, in: query, schema: {type: integer}, example: 4}
      responses:
        '200':
          description: Here it is.
          headers: {Content-Disposition: {schema: {type: string}, example: attachment; filename="thing.csv"}}
          content:
            text/csv: {examples: {csv: {summary: A line, value: "a,b\n"}}}
            application/json: {examples: {one: {value: {b: 1, a: [2]}}, two: {value: []}}}
        '304': {description: As it was.}
        '429': {$ref: '#/components/responses/Own'}
        '500': {$ref: '#/components/responses/Fault'}
      x-codeSamples: [{lang: bash, label: curl, source: curl}]
x-common: {responses: {'500': {$ref: '#/components/responses/Fault'}, '429': {$ref: '#/components/responses/Many'}}}
components:
  parameters: {ThingID: {name: thing_id, in: path, required: true, description: Which., schema: {type: string}, example: t1}}
  responses: {Fault: {description: A fault.}, Own: {description: Too many of these.}, Many: {description: Too many.}}
`)
	got, err := doc.Entries()
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 1 || got[0].ID != "getThing" || got[0].Tag != "things" || got[0].Summary != "Get a thing" || got[0].Description != "The thing." {
		t.Fatalf("Entries = %+v, want getThing of things", got)
	}
	type told struct {
		Name, Description string
		Example, Sample   []string
	}
	var arguments []told
	for _, a := range got[0].Arguments {
		arguments = append(arguments, told{a.Name, a.Description, a.Example, a.Sample})
	}
	want := []told{
		{"thing_id", "Which.", []string{"t1"}, []string{"t1"}},
		{"a", "First.", nil, nil},
		{"b", "", []string{"x", "y"}, []string{"x", "y"}},
		{"If-Match", "", []string{"z"}, nil},
		{"c", "", []string{"3"}, []string{"3"}},
		{"d", "", []string{"4"}, nil}, // two optional ones are enough
	}
	if diff := cmp.Diff(want, arguments); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
	answers := []spec.Answer{
		{Status: "200", Description: "Here it is.", MediaType: "text/csv", File: "thing.csv", Examples: []spec.Example{{Name: "csv", Summary: "A line", Value: "a,b\n"}}},
		{Status: "200", Description: "Here it is.", MediaType: "application/json", File: "thing.csv", Examples: []spec.Example{{Name: "one", Value: "{\n  \"b\": 1,\n  \"a\": [\n    2\n  ]\n}"}, {Name: "two", Value: "[]"}}},
		{Status: "304", Description: "As it was."},
		{Status: "429", Description: "Too many of these."},
		{Status: "500", Description: "A fault.", Common: true},
	}
	if diff := cmp.Diff(answers, got[0].Answers); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]spec.Sample{{Lang: "bash", Label: "curl", Source: "curl"}}, got[0].Samples); diff != "" {
		t.Errorf("samples (-want +got):\n%s", diff)
	}
}
