package spec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/spec"
)

func TestBundle_common(t *testing.T) {
	const before = `openapi: 3.1.0
components:
  headers:
    RequestID: {schema: {type: string}}
  responses:
    Gone:
      description: It is gone.
      content: {}
    Alias: {$ref: '#/components/responses/Gone'}
`
	const paths = `paths:
  /a:
    parameters: []
    get:
      responses:
        '410': {$ref: '#/components/responses/Gone'}
        '200':
          description: Here it is.
          headers:
            ETag: {schema: {type: string}}
            X-Request-Id: {schema: {type: integer}}
          content: {}
        '404':
          content: {}
    delete: {}
`
	for name, c := range map[string]struct{ common, want string }{
		"no x-common": {"", before + paths},
		"both": {
			`x-common:
  headers:
    X-Request-Id: {$ref: '#/components/headers/RequestID'}
    RateLimit: {schema: {type: string}}
  responses:
    '500': {$ref: '#/components/responses/Gone'}
    '401': {$ref: '#/components/responses/Gone'}
    '404': {$ref: '#/components/responses/Gone'}
`,
			`openapi: 3.1.0
components:
  headers:
    RequestID: {schema: {type: string}}
  responses:
    Gone:
      description: It is gone.
      headers:
        X-Request-Id: {$ref: '#/components/headers/RequestID'}
        RateLimit: {schema: {type: string}}
      content: {}
    Alias: {$ref: '#/components/responses/Gone'}
x-common:
  headers:
    X-Request-Id: {$ref: '#/components/headers/RequestID'}
    RateLimit: {schema: {type: string}}
  responses:
    '500': {$ref: '#/components/responses/Gone'}
    '401': {$ref: '#/components/responses/Gone'}
    '404': {$ref: '#/components/responses/Gone'}
paths:
  /a:
    parameters: []
    get:
      responses:
        '200':
          description: Here it is.
          headers:
            RateLimit: {schema: {type: string}}
            ETag: {schema: {type: string}}
            X-Request-Id: {schema: {type: integer}}
          content: {}
        '401': {$ref: '#/components/responses/Gone'}
        '404':
          content: {}
          headers:
            X-Request-Id: {$ref: '#/components/headers/RequestID'}
            RateLimit: {schema: {type: string}}
        '410': {$ref: '#/components/responses/Gone'}
        '500': {$ref: '#/components/responses/Gone'}
    delete: {responses: {'401': {$ref: '#/components/responses/Gone'}, '404': {$ref: '#/components/responses/Gone'}, '500': {$ref: '#/components/responses/Gone'}}}
`,
		},
		"responses alone": {
			"x-common:\n  responses:\n    '500': {$ref: '#/components/responses/Gone'}\n",
			before + `x-common:
  responses:
    '500': {$ref: '#/components/responses/Gone'}
paths:
  /a:
    parameters: []
    get:
      responses:
        '200':
          description: Here it is.
          headers:
            ETag: {schema: {type: string}}
            X-Request-Id: {schema: {type: integer}}
          content: {}
        '404':
          content: {}
        '410': {$ref: '#/components/responses/Gone'}
        '500': {$ref: '#/components/responses/Gone'}
    delete: {responses: {'500': {$ref: '#/components/responses/Gone'}}}
`,
		},
	} {
		got, err := spec.YAML(bundle(t, files("openapi.yaml", before+c.common, "a.yaml", paths)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, string(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestBundle_permissions(t *testing.T) {
	root := bundle(t, files("openapi.yaml", `paths:
  /a:
    get: {operationId: listThings, description: Every thing., security: [{apiKey: [read]}]}
    post:
      operationId: createThing
      description: |
        A thing.

        And more.
      security: [{apiKey: []}]
    patch: {description: Without security.}
    delete: {security: [{apiKey: [read]}]}
webhooks:
  a: {post: {description: An event.}}
`))
	got, err := spec.YAML(root)
	if err != nil {
		t.Fatal(err)
	}
	want := `paths:
  /a:
    get: {operationId: listThings, description: "Every thing.\n\nNeeds the ` + "`read`" + ` permission.\n", security: [{apiKey: [read]}]}
    post:
      operationId: createThing
      description: |
        A thing.

        And more.

        Any API key will do.
      security: [{apiKey: []}]
    patch: {description: Without security.}
    delete: {security: [{apiKey: [read]}]}
webhooks:
  a: {post: {description: An event.}}
`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("bundle (-want +got):\n%s", diff)
	}
}
