package samples_test

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
        - {name: cursor, in: query, schema: {type: string}}
        - {name: If-None-Match, in: header, schema: {type: string}, example: it's}
      responses: {'200': {description: Things., content: {application/json: {schema: {$ref: '#/components/schemas/ThingList'}, examples: {none: {summary: Nothing, value: {data: []}}}}}}}
    post:
      operationId: createThing
      summary: Create a thing
      description: Another thing.
      tags: [things]
      security: [{apiKey: [write]}]
      x-secret: /data/key
      parameters:
        - {name: Idempotency-Key, in: header, schema: {type: string}}
      requestBody:
        content: {application/json: {schema: {$ref: '#/components/schemas/ThingCreate'}, examples: {one: {value: {name: 'it''s ` + "`" + `so` + "`" + `', done: true, left: null, parts: ['true', 'say "null": "no"'], labels: {no-name: ''}}}}}}
      responses:
        '201': {description: The thing., content: {application/json: {schema: {$ref: '#/components/schemas/ThingResponse'}, examples: {one: {summary: One, value: {data: {id: a}}}}}}}
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
  schemas:
    ErrorCode: {x-error-codes: {}}
    ThingID: {type: string}
    Thing:
      required: [id, parts, left, name]
      properties: {id: {$ref: '#/components/schemas/ThingID'}, parts: {type: array}, left: {type: [integer, 'null']}, done: {type: boolean}, name: {type: string}}
    ThingSecret:
      allOf: [{$ref: '#/components/schemas/Thing'}, {required: [key, count], properties: {key: {type: string}, count: {type: integer}}}]
    ThingCreate: {properties: {name: {type: string}}}
    ThingList: {properties: {data: {type: array, items: {$ref: '#/components/schemas/Thing'}}}}
    ThingResponse: {properties: {data: {$ref: '#/components/schemas/ThingSecret'}}}
`

// client is what package client would have for things.
const client = `package client

type ThingID = string
type Labels map[string]string
type ListThingsParams struct {
	Q       *string   ` + "`json:\"q,omitempty\"`" + `
	Kinds   []string  ` + "`json:\"kinds,omitempty\"`" + `
	Words   *[]string ` + "`json:\"words,omitempty\"`" + `
	PerPage *int32    ` + "`json:\"per_page,omitempty\"`" + `
}
type Thing struct {
	ID   ThingID ` + "`json:\"id\"`" + `
	Name string  ` + "`json:\"name\"`" + `
}
type ThingSecret struct {
	ID   ThingID ` + "`json:\"id\"`" + `
	Name string  ` + "`json:\"name\"`" + `
	Key  string  ` + "`json:\"key\"`" + `
}
type ThingCreate struct {
	Name   string   ` + "`json:\"name\"`" + `
	Done   bool     ` + "`json:\"done\"`" + `
	Left   *int32   ` + "`json:\"left\"`" + `
	Parts  []string ` + "`json:\"parts\"`" + `
	Labels Labels   ` + "`json:\"labels\"`" + `
}

func NewListThingsRequest(server string, params *ListThingsParams)
func NewCreateThingRequest(server string, params *CreateThingParams, body ThingCreate)
func NewExportThingRequest(server string, thingID ThingID)
func NewDeleteThingRequest(server string, thingID ThingID)
`
