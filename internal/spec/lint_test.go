package spec_test

import (
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/spec"
)

func TestLint_repository(t *testing.T) {
	if err := spec.Lint(repository(t)); err != nil {
		t.Errorf("Lint of openapi/:\n%v", err)
	}
}

// sound keeps every rule; the rows of TestLint break one each.
const sound = `openapi: 3.1.0
paths:
  /things:
    get:
      operationId: listThings
      tags: [things]
      summary: List things
      description: Every thing.
      security: [{apiKey: [read]}]
      parameters:
        - {description: A word., name: q, in: query, schema: {type: string, maxLength: 9}}
      responses: {'200': {$ref: '#/components/responses/Things'}, '304': {}, '400': {}, '401': {}, '403': {}, '413': {}, '429': {}, '500': {}, '503': {}}
  /things/{id}:
    patch:
      operationId: updateThing
      tags: [things]
      summary: Update a thing
      description: The thing.
      security: [{apiKey: []}]
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, examples: {one: {value: {}}}}}
      responses: {'200': {}, '400': {}, '401': {}, '403': {}, '404': {}, '412': {}, '413': {}, '415': {}, '422': {}, '429': {}, '500': {}, '503': {}}
webhooks:
  thing.changed:
    post:
      tags: [told]
components:
  responses:
    Things:
      content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, examples: {one: {value: {}}}}}
  headers:
    H: {schema: {type: string, maxLength: 9}}
  schemas:
    Thing:
      description: A thing.
      type: object
      properties:
        name: {description: Its name., type: [string, 'null'], maxLength: 9}
        kind: {description: Its kind., type: string, enum: [a, b]}
        fixed: {type: string, const: a}
        count: {description: How many., type: integer, format: int32, minimum: 0, maximum: 9}
        price: {description: For how much., type: number, format: double, minimum: 0, maximum: 9}
        tags: {description: Its tags., type: array, maxItems: 9, items: {type: string, maxLength: 9}}
        a/b: {$ref: '#/components/schemas/Word'}
        more: {description: The rest., type: object, additionalProperties: {type: string, maxLength: 9}}
        either: {description: One of some., oneOf: [{$ref: '#/components/schemas/Word'}], discriminator: {propertyName: kind}}
        all: {description: All of some., allOf: [{$ref: '#/components/schemas/Word'}, {type: string, maxLength: 5}]}
        content: {description: Whether it is full., type: boolean}
        words: {type: array, maxItems: 9, items: {$ref: '#/components/schemas/Word'}}
    Word: {type: string, maxLength: 9, description: A word.}
    More:
      description: A thing and more.
      allOf: [{$ref: '#/components/schemas/Part'}, {type: object}]
    Part:
      description: What others have.
      type: object
      properties:
        day: {description: When., type: [string, 'null'], x-nullable: true, format: date, maxLength: 10}
`

func TestLint_sound(t *testing.T) {
	if err := spec.Lint(bundle(t, files("openapi.yaml", sound))); err != nil {
		t.Errorf("Lint of the sound document:\n%v", err)
	}
}

func TestLint(t *testing.T) {
	const list, update, thing = "#/paths/~1things/get", "#/paths/~1things~1{id}/patch", "#/components/schemas/Thing/properties"
	for _, c := range []struct{ name, old, broken, want string }{
		{"dialect", "openapi: 3.1.0", "openapi: 3.1.0\njsonSchemaDialect: x", "#/jsonSchemaDialect: must be absent: tools switch their validation off when they see it"},
		{"version", "openapi: 3.1.0", "openapi: 3.0.3", "#/openapi: must be 3.1.x"},
		{"no version", "openapi: 3.1.0\n", "", "#/openapi: must be 3.1.x"},
		{"no paths", "\npaths:", "\nx-paths:", "#/paths: is missing"},
		{"no operationId", "      operationId: listThings\n", "", list + ": needs an operationId"},
		{"operationId without a verb", "listThings", "things", list + `: operationId "things": want a verb and a noun, such as listPermits`},
		{"operationId with another verb", "listThings", "fetchThings", list + `: operationId "fetchThings": want a verb and a noun, such as listPermits`},
		{"operationId without a noun", "listThings", "list", list + `: operationId "list": want a verb and a noun, such as listPermits`},
		{"operationId twice", "updateThing", "listThings", update + `: operationId "listThings" stands at ` + list + ` too`},
		{"no summary", "      summary: List things\n", "", list + ": needs a summary"},
		{"no description", "      description: Every thing.\n", "", list + ": needs a description"},
		{"no tag", "tags: [things]\n      summary: List", "tags: []\n      summary: List", list + ": needs exactly one tag"},
		{"no tags", "      tags: [things]\n      summary: List", "      summary: List", list + ": needs exactly one tag"},
		{"two tags", "tags: [things]\n      summary: List", "tags: [things, more]\n      summary: List", list + ": needs exactly one tag"},
		{"webhook without a tag", "tags: [told]", "tags: []", "#/webhooks/thing.changed/post: needs exactly one tag"},
		{"webhook with the tag of operations", "tags: [told]", "tags: [things]", `#/webhooks/thing.changed/post: the tag "things" is one of operations: clients that are generated would lose those`},
		{"no security", "      security: [{apiKey: []}]\n", "", update + ": needs security: [{apiKey: [permission]}]"},
		{"open to all", "security: [{apiKey: []}]", "security: []", update + ": needs security: [{apiKey: [permission]}]"},
		{"other security", "security: [{apiKey: []}]", "security: [{cookie: []}]", update + ": needs security: [{apiKey: [permission]}]"},
		{"either security", "security: [{apiKey: []}]", "security: [{apiKey: []}, {}]", update + ": needs security: [{apiKey: [permission]}]"},
		{"unknown permission", "apiKey: [read]", "apiKey: [see]", list + "/security: want one of [read write admin], or none for any key"},
		{"two permissions", "apiKey: [read]", "apiKey: [read, write]", list + "/security: want one of [read write admin], or none for any key"},
		{"no 304", "'304': {}, ", "", list + "/responses: needs 304"},
		{"no 400", "'304': {}, '400': {}", "'304': {}", list + "/responses: needs 400"},
		{"no 401", "'304': {}, '400': {}, '401': {}", "'304': {}, '400': {}", list + "/responses: needs 401"},
		{"no 403", "'403': {}, '413'", "'413'", list + "/responses: needs 403"},
		{"no 404", "'404': {}, ", "", update + "/responses: needs 404"},
		{"no 412", "'412': {}, ", "", update + "/responses: needs 412"},
		{"no 413", "'413': {}, '415'", "'415'", update + "/responses: needs 413"},
		{"no 415", "'415': {}, ", "", update + "/responses: needs 415"},
		{"no 422", "'422': {}, ", "", update + "/responses: needs 422"},
		{"no 429", "'422': {}, '429': {}", "'422': {}", update + "/responses: needs 429"},
		{"no 500", "'422': {}, '429': {}, '500': {}", "'422': {}, '429': {}", update + "/responses: needs 500"},
		{"no 503", "'422': {}, '429': {}, '500': {}, '503': {}", "'422': {}, '429': {}, '500': {}", update + "/responses: needs 503"},
		{"body of a get", "      parameters:\n", "      requestBody: {}\n      parameters:\n", list + "/responses: needs 415\n" + list + "/responses: needs 422\n" + list + ": GET takes no requestBody"},
		{
			"body without a name", "requestBody:\n        content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}",
			"requestBody:\n        content: {application/json: {schema: {type: object}", update + "/requestBody/content/application~1json: the body needs a named schema ($ref)",
		},
		{
			"body without a schema", "Things:\n      content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, ",
			"Things:\n      content: {application/json: {", "#/components/responses/Things/content/application~1json: the body needs a named schema ($ref)",
		},
		{
			"body without examples", "Things:\n      content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, examples: {one: {value: {}}}}}",
			"Things:\n      content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}}}",
			"#/components/responses/Things/content/application~1json: the body needs examples",
		},
		{
			"body with no examples", "Things:\n      content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, examples: {one: {value: {}}}}}",
			"Things:\n      content: {application/json: {schema: {$ref: '#/components/schemas/Thing'}, examples: {}}}",
			"#/components/responses/Things/content/application~1json: the body needs examples",
		},
		{"parameter without a length", "q, in: query, schema: {type: string, maxLength: 9}", "q, in: query, schema: {type: string}", list + "/parameters/0/schema: a schema of type string needs maxLength"},
		{"header without a length", "H: {schema: {type: string, maxLength: 9}}", "H: {schema: {type: string}}", "#/components/headers/H/schema: a schema of type string needs maxLength"},
		{"string without a length", "Word: {type: string, maxLength: 9,", "Word: {type: string,", "#/components/schemas/Word: a schema of type string needs maxLength"},
		{"string or null without a length", "type: [string, 'null'], maxLength: 9", "type: [string, 'null']", thing + "/name: a schema of type string needs maxLength"},
		{"string with only an enum less", ", enum: [a, b]", "", thing + "/kind: a schema of type string needs maxLength"},
		{"array without a length", "maxItems: 9, items: {type", "items: {type", thing + "/tags: a schema of type array needs maxItems"},
		{"array without items", ", items: {type: string, maxLength: 9}", "", thing + "/tags: a schema of type array needs items"},
		{"items without a length", "items: {type: string, maxLength: 9}", "items: {type: string}", thing + "/tags/items: a schema of type string needs maxLength"},
		{"integer without a format", "format: int32, ", "", thing + "/count: a schema of type integer needs format"},
		{"integer without a minimum", "int32, minimum: 0", "int32", thing + "/count: a schema of type integer needs minimum"},
		{"integer without a maximum", "int32, minimum: 0, maximum: 9", "int32, minimum: 0", thing + "/count: a schema of type integer needs maximum"},
		{"number without a format", "format: double, ", "", thing + "/price: a schema of type number needs format"},
		{"number without a minimum", "double, minimum: 0", "double", thing + "/price: a schema of type number needs minimum"},
		{"number without a maximum", "double, minimum: 0, maximum: 9", "double, minimum: 0", thing + "/price: a schema of type number needs maximum"},
		{"pattern that is not portable", "const: a}", `const: a, pattern: '\p{L}'}`, thing + `/fixed: the pattern has a class of Unicode's (\p), which not every language knows`},
		{"const without a type", "{type: string, const: a}", "{const: a}", thing + "/fixed: const needs its type"},
		{"oneOf without a discriminator", ", discriminator: {propertyName: kind}", "", thing + "/either: oneOf needs a discriminator"},
		{"anyOf without a discriminator", "oneOf: [{$ref: '#/components/schemas/Word'}], discriminator: {propertyName: kind}", "anyOf: []", thing + "/either: anyOf needs a discriminator"},
		{"allOf", "maxLength: 5", "minLength: 5", thing + "/all/allOf/1: a schema of type string needs maxLength"},
		{"allOf that loses null", ", x-nullable: true", "", "#/components/schemas/Part/properties/day: needs x-nullable: true, as an allOf has it"},
		{"oneOf", "oneOf: [{$ref: '#/components/schemas/Word'}]", "oneOf: [{type: string}]", thing + "/either/oneOf/0: a schema of type string needs maxLength"},
		{"anyOf", "oneOf: [{$ref: '#/components/schemas/Word'}]", "anyOf: [{type: string}]", thing + "/either/anyOf/0: a schema of type string needs maxLength"},
		{"additionalProperties", "additionalProperties: {type: string, maxLength: 9}", "additionalProperties: {type: string}", thing + "/more/additionalProperties: a schema of type string needs maxLength"},
		{"parameter without a description", "{description: A word., name: q", "{name: q", list + "/parameters/0: the parameter needs a description"},
		{"schema without a description", "      description: A thing.\n", "", "#/components/schemas/Thing: the schema needs a description"},
		{"property without a description", "{description: Its name., type", "{type", thing + "/name: the property needs a description"},
		{"items without a description", "{description: Its tags., type", "{type", thing + "/tags: the property needs a description"},
		{
			"reference without a description", ", description: A word.}", "}",
			thing + "/a~1b: the property needs a description\n" + thing + "/words: the property needs a description\n#/components/schemas/Word: the schema needs a description",
		},
		{"permission by hand", "description: Every thing.", "description: Every thing. Needs the `read` permission.", list + ": the description must not say which permission is needed: the bundle adds that"},
		{"any key by hand", "description: The thing.", "description: The thing. Any key may.", update + ": the description must not say which permission is needed: the bundle adds that"},
		{"name with a slash", "a/b: {$ref: '#/components/schemas/Word'}", "a/b: {type: string, description: Slashed.}", thing + "/a~1b: a schema of type string needs maxLength"},
	} {
		if strings.Count(sound, c.old) != 1 {
			t.Errorf("%s: %q stands %d times in the sound document, want 1", c.name, c.old, strings.Count(sound, c.old))
			continue
		}
		root := bundle(t, files("openapi.yaml", strings.Replace(sound, c.old, c.broken, 1)))
		if err := spec.Lint(root); err == nil || err.Error() != c.want {
			t.Errorf("%s: Lint = %v, want %s", c.name, err, c.want)
		}
	}
}

func TestLint_each(t *testing.T) {
	broken := strings.NewReplacer("openapi: 3.1.0", "openapi: 3.2.0", "listThings", "things", "Word: {type: string, maxLength: 9,", "Word: {type: string,").Replace(sound)
	want := `#/openapi: must be 3.1.x
#/paths/~1things/get: operationId "things": want a verb and a noun, such as listPermits
#/components/schemas/Word: a schema of type string needs maxLength`
	if err := spec.Lint(bundle(t, files("openapi.yaml", broken))); err == nil || err.Error() != want {
		t.Errorf("Lint = %v, want %s", err, want)
	}
}
