package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/spec"
)

const schemas = `
components:
  schemas:
    Kind: {type: string, enum: [a, b], description: A kind.}
    One:
      type: object
      required: [type, at]
      properties:
        type: {type: string, const: one}
        at: {type: [string, 'null'], format: date}
        kinds: {type: array, items: {$ref: '#/components/schemas/Kind'}}
    Any:
      oneOf: [{$ref: '#/components/schemas/One'}]
      discriminator: {propertyName: type, mapping: {one: '#/components/schemas/One'}}
    Both: {allOf: [{$ref: '#/components/schemas/One'}, {$ref: '#/components/schemas/Closed'}]}
    Closed: {type: object, additionalProperties: false, properties: {a: {type: boolean}}}
    Texts: {type: object, additionalProperties: {type: string}}
    Free: {type: object, additionalProperties: true}
paths:
  /v1/{id}:
    get: {parameters: [{name: q, schema: {type: integer, format: int32}}]}
`

func TestDocument_Schemas(t *testing.T) {
	got, err := parse(t, schemas).Schemas()
	if err != nil {
		t.Fatal(err)
	}
	want := []spec.Schema{
		{Name: "Kind", Type: "string", Enum: []string{"a", "b"}, Description: "A kind."},
		{Name: "One", Type: "object", Fields: []spec.Field{
			{Name: "type", Required: true, Schema: spec.Schema{Type: "string", Const: "one"}},
			{Name: "at", Required: true, Schema: spec.Schema{Type: "string", Nullable: true, Format: "date"}},
			{Name: "kinds", Schema: spec.Schema{Type: "array", Items: &spec.Schema{Ref: "Kind"}}},
		}},
		{Name: "Any", OneOf: []spec.Schema{{Ref: "One"}}, Discriminator: "type", Variants: []spec.Variant{{Value: "one", Schema: "One"}}},
		{Name: "Both", AllOf: []spec.Schema{{Ref: "One"}, {Ref: "Closed"}}},
		{Name: "Closed", Type: "object", Closed: true, Fields: []spec.Field{{Name: "a", Schema: spec.Schema{Type: "boolean"}}}},
		{Name: "Texts", Type: "object", Values: &spec.Schema{Type: "string"}},
		{Name: "Free", Type: "object", Values: &spec.Schema{}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Schemas (-want +got):\n%s", diff)
	}
}

func TestDocument_Schemas_refuses(t *testing.T) {
	_, err := parse(t, "components: {schemas: {A: {type: object, properties: {b: {type: [string, integer]}}}}}").Schemas()
	if err == nil || err.Error() != "schema A: b: it is of several types" {
		t.Errorf("Schemas = %v, want that b is of several types", err)
	}
}

func TestDocument_Schema(t *testing.T) {
	document := parse(t, schemas)
	got, err := document.Schema("#/paths/~1v1~1%7Bid%7D/get/parameters/0/schema")
	if want := (spec.Schema{Type: "integer", Format: "int32"}); err != nil || cmp.Diff(want, got) != "" {
		t.Errorf("Schema = %+v, %v, want %+v", got, err, want)
	}
	for _, at := range []string{"#/paths/~1v1~1{id}/get/parameters/1/schema", "#/components/schemas/None"} {
		if _, err := document.Schema(at); err == nil || err.Error() != at+" leads nowhere" {
			t.Errorf("Schema(%s) = %v, want that it leads nowhere", at, err)
		}
	}
}
