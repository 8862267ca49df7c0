package validation

import (
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/problem"
)

func TestOperation_Request_acceptsBody(t *testing.T) {
	for _, body := range []string{
		`{"name":"a"}`, ` {"name" : "a"} ` + "\r\n\t", `{"name":"ééééé"}`, `{"name":"😀😀😀😀😀"}`, `{"name":"\u0001"}`, `{"name":"\ud83d\ude00"}`,
		`{"name":"a","code":"ABC"}`, `{"name":"a","kind":"a b"}`, `{"name":"a","version":"v1"}`,
		`{"name":"a","count":0}`, `{"name":"a","count":100}`, `{"name":"a","count":1e2}`, `{"name":"a","count":1.0}`, `{"name":"a","count":-0}`,
		`{"name":"a","price":0.5}`, `{"name":"a","price":99.5}`, `{"name":"a","price":9.95e1}`, `{"name":"a","price":1}`, `{"name":"a","price":1.` + strings.Repeat("0", 98) + `}`, `{"name":"a","price":1000e-3}`,
		`{"name":"a","active":false}`, `{"name":"a","note":null}`, `{"name":"a","note":""}`,
		`{"name":"a","at":"2026-01-23T10:45:00Z"}`, `{"name":"a","at":"2026-01-23T10:45:00.5+02:00"}`, `{"name":"a","on":"2024-02-29"}`,
		`{"name":"a","id":"` + thingID + `"}`, `{"name":"a","url":"https://example.com/a?b=c#d"}`, `{"name":"a","email":"a@example.com"}`,
		`{"name":"a","tags":["a","b","A"]}`, `{"name":"a","a/b~c":true}`, `{"name":"a","address":{"street":"s","city":"c"}}`,
		`{"name":"a","rooms":[]}`, `{"name":"a","rooms":[{"street":"s","city":"c"},{"city":"c","street":"s"}]}`,
		`{"name":"a","deep":` + strings.Repeat("[", 63) + strings.Repeat("]", 63) + `}`,
	} {
		accept(t, body, call{operation: "createThing", body: body})
	}
	for _, contentType := range []string{"application/json; charset=utf-8", "Application/JSON", "application/json;charset=UTF-8"} {
		accept(t, contentType, call{operation: "createThing", body: `{"name":"a"}`, contentType: contentType})
	}
	accept(t, "no optional body", call{operation: "updateThing"})
	accept(t, "no optional body, but its type", call{operation: "updateThing", contentType: "application/json"})
	accept(t, "no optional body, but another type", call{operation: "updateThing", contentType: "text/plain"})
	accept(t, "optional body", call{operation: "updateThing", body: `{"name":"b"}`})
	accept(t, "no body", call{operation: "deleteThing"})
	accept(t, "no body, but another type", call{operation: "deleteThing", contentType: "text/plain"})
	accept(t, "no body, but its type", call{operation: "deleteThing", contentType: "application/json"})
}

func TestOperation_Request_invalidBody(t *testing.T) {
	for _, c := range []struct{ body, pointer, code, message string }{
		{`{}`, "/name", "required", "must be given"},
		{`null`, "", "type", "must be of type object"},
		{`[]`, "", "type", "must be of type object"},
		{`"name"`, "", "type", "must be of type object"},
		{`1`, "", "type", "must be of type object"},
		{`{"name":null}`, "/name", "type", "must be of type string"},
		{`{"name":1}`, "/name", "type", "must be of type string"},
		{`{"name":""}`, "/name", "minLength", "must have at least 1 character"},
		{`{"name":"abcdef"}`, "/name", "maxLength", "must have at most 5 characters"},
		{`{"name":"a","Name":"b"}`, "/Name", "additionalProperties", "is not a field here"},
		{`{"name":"a","x/y~z":1}`, "/x~1y~0z", "additionalProperties", "is not a field here"},
		{`{"name":"a","":1}`, "/", "additionalProperties", "is not a field here"},
		{`{"name":"a","a/b~c":1}`, "/a~1b~0c", "type", "must be of type boolean"},
		{`{"name":"a","code":"abc"}`, "/code", "pattern", "must match the pattern ^[A-Z]+$"},
		{`{"name":"a","kind":"House"}`, "/kind", "enum", "must be one of house, garage, a b"},
		{`{"name":"a","version":"v2"}`, "/version", "const", "must be v1"},
		{`{"name":"a","count":-1}`, "/count", "minimum", "must be at least 0"},
		{`{"name":"a","count":101}`, "/count", "maximum", "must be at most 100"},
		{`{"name":"a","count":99999999999999999999}`, "/count", "maximum", "must be at most 100"},
		{`{"name":"a","count":1e3}`, "/count", "maximum", "must be at most 100"},
		{`{"name":"a","count":1.5}`, "/count", "type", "must be of type integer"},
		{`{"name":"a","count":"1"}`, "/count", "type", "must be of type integer"},
		{`{"name":"a","count":true}`, "/count", "type", "must be of type integer"},
		{`{"name":"a","count":null}`, "/count", "type", "must be of type integer"},
		{`{"name":"a","price":0.49}`, "/price", "minimum", "must be at least 0.5"},
		{`{"name":"a","price":1e308}`, "/price", "maximum", "must be at most 99.5"},
		{`{"name":"a","price":1e-308}`, "/price", "minimum", "must be at least 0.5"},
		{`{"name":"a","price":99.51}`, "/price", "maximum", "must be at most 99.5"},
		{`{"name":"a","active":"true"}`, "/active", "type", "must be of type boolean"},
		{`{"name":"a","note":1}`, "/note", "type", "must be of type null or string"},
		{`{"name":"a","at":"2026-01-23"}`, "/at", "format", "must be an instant such as 2026-01-23T10:45:00Z (RFC 3339)"},
		{`{"name":"a","at":"2016-12-31T23:59:60Z"}`, "/at", "format", "must be an instant such as 2026-01-23T10:45:00Z (RFC 3339)"}, // a leap second, which Go cannot hold
		{`{"name":"a","at":"9999-12-31T23:59:59-12:00"}`, "/at", "format", "must be an instant such as 2026-01-23T10:45:00Z (RFC 3339)"},
		{`{"name":"a","at":"2026-01-23T12:00:60Z"}`, "/at", "format", "must be an instant such as 2026-01-23T10:45:00Z (RFC 3339)"},
		{`{"name":"a","on":"2026-02-29"}`, "/on", "format", "must be a date such as 2026-01-23"},
		{`{"name":"a","id":"01980a3c"}`, "/id", "format", "must be a UUID such as 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"},
		{`{"name":"a","url":"example.com"}`, "/url", "format", "must be a URL such as https://example.com/path"},
		{`{"name":"a","email":"a"}`, "/email", "format", "must be an e-mail address"},
		{`{"name":"a","tags":"a"}`, "/tags", "type", "must be of type array"},
		{`{"name":"a","tags":[]}`, "/tags", "minItems", "must have at least 1 value"},
		{`{"name":"a","tags":["a","b","c","d"]}`, "/tags", "maxItems", "must have at most 3 values"},
		{`{"name":"a","tags":["a","b","a"]}`, "/tags", "uniqueItems", "must not hold a value twice"},
		{`{"name":"a","tags":["a","long"]}`, "/tags/1", "maxLength", "must have at most 3 characters"},
		{`{"name":"a","address":[]}`, "/address", "type", "must be of type object"},
		{`{"name":"a","address":{"city":"c"}}`, "/address/street", "required", "must be given"},
		{`{"name":"a","rooms":[{"street":"s","city":"c"},{"street":"s","city":""}]}`, "/rooms/1/city", "minLength", "must have at least 1 character"},
		{`{"name":"a","rooms":[{"street":"s","city":"c","zip":1}]}`, "/rooms/0/zip", "additionalProperties", "is not a field here"},
	} {
		refuse(t, c.body, call{operation: "createThing", body: c.body}, problem.Unprocessable, "invalid_body",
			problem.Detail{In: "body", Pointer: c.pointer, Code: c.code, Message: c.message})
	}
	refuse(t, "no field", call{operation: "updateThing", body: `{}`}, problem.Unprocessable, "invalid_body",
		problem.Detail{In: "body", Code: "minProperties", Message: "must have at least 1 field"})
}

func TestOperation_Request_malformedBody(t *testing.T) {
	const number = "must be a number of at most 100 characters between 1e-308 and 1e308"
	const one, utf8, null = "must be one JSON value, with nothing after it", "must be UTF-8", "must not contain the character NUL"
	for _, c := range []struct{ body, pointer, code, message string }{
		{`{"name":"a","name":"b"}`, "/name", "duplicate", "is there twice"},
		{`{"name":"a","n\u0061me":"b"}`, "/name", "duplicate", "is there twice"},
		{`{"name":"a","rooms":[{},{"a/b":1,"a/b":1}]}`, "/rooms/1/a~1b", "duplicate", "is there twice"},
		{`{"name":"a"} {}`, "", "syntax", one},
		{`{"name":"a"}x`, "", "syntax", one},
		{`{"name":"a"}}`, "", "syntax", one},
		{`{"name":"a\u0000"}`, "/name", "encoding", null},
		{`{"name":"a","\u0000":1}`, "", "encoding", "must not have a name with the character NUL"},
		{`{"name":"a","address":{"a\u0000":1}}`, "/address", "encoding", "must not have a name with the character NUL"},
		{"{\"name\":\"\xff\"}", "", "encoding", utf8},
		{"{\"name\":\"\xed\xa0\x80\"}", "", "encoding", utf8},
		{`{"name":"a","price":1e4000000}`, "/price", "range", number},
		{`{"name":"a","price":1E-309}`, "/price", "range", number},
		{`{"name":"a","price":1e+309}`, "/price", "range", number},
		{`{"name":"a","price":1e99999999999999999999}`, "/price", "range", number},
		{`{"name":"a","price":1.` + strings.Repeat("0", 99) + `}`, "/price", "range", number},
		{`{"name":"a","deep":` + strings.Repeat("[", 70) + strings.Repeat("]", 70) + `}`, "/deep" + strings.Repeat("/0", 64), "depth", "must not be nested deeper than 64 levels"},
		{strings.Repeat("[", 1<<20), strings.Repeat("/0", 65), "depth", "must not be nested deeper than 64 levels"},
	} {
		refuse(t, c.body[:min(len(c.body), 100)], call{operation: "createThing", body: c.body}, problem.Invalid, "malformed_body",
			problem.Detail{In: "body", Pointer: c.pointer, Code: c.code, Message: c.message})
	}
}

func TestOperation_Request_bodySyntax(t *testing.T) {
	const early = "it ends too early, at line "
	for body, want := range map[string]string{
		" ": early + "1, column 2", "{": early + "1, column 2", `{"name"`: early + "1, column 8", `{"name":`: early + "1, column 9", `{"name":"a"`: early + "1, column 12",
		"{\n\t\"é\": [1,\n": early + "3, column 1", `{"name":"a`: early + "1, column 11",
		`{"name":"a",}`: `line 1, column 13 has "}"`, `{name:"a"}`: `line 1, column 2 has "n"`, `{'name':'a'}`: `line 1, column 2 has "'"`,
		`{"name":"a"]`: `line 1, column 12 has "]"`, `{1:2}`: `line 1, column 2 has "1"`, `{"name":01}`: `line 1, column 10 has "1"`, `{"name":+1}`: `line 1, column 9 has "+"`,
		`{"name":NaN}`: `line 1, column 9 has "N"`, `{"name":.5}`: `line 1, column 9 has "."`, `nul`: early + "1, column 4", "{\n \"é\": “a”}": `line 2, column 7 has "“"`,
		"{\"name\":\"a\nb\"}": `line 1, column 11 has "\n"`, `{"name":"\x"}`: `line 1, column 11 has "x"`, "\ufeff{}": `line 1, column 1 has "\ufeff"`,
		"// x\n{}": `line 1, column 1 has "/"`, "[1,]": `line 1, column 4 has "]"`, "[1 2]": `line 1, column 4 has "2"`,
	} {
		if !strings.HasPrefix(want, early) {
			want += ", which cannot stand there"
		}
		refuse(t, body, call{operation: "createThing", body: body}, problem.Invalid, "malformed_body",
			problem.Detail{In: "body", Code: "syntax", Message: "must be JSON; " + want})
	}
}

func TestOperation_Request_requiredBody(t *testing.T) {
	for _, contentType := range []string{"application/json", "", "text/plain"} {
		refuse(t, "no body", call{operation: "createThing", contentType: contentType}, problem.Invalid, "malformed_body",
			problem.Detail{In: "body", Code: "required", Message: "must be given: this operation needs one, as Content-Type: application/json"})
	}
}

func TestOperation_Request_mediaType(t *testing.T) {
	for _, contentType := range []string{
		"none", "text/plain", "application/xml", "application/jsonp", "application/json-patch+json", "application/merge-patch+json",
		"application/x-www-form-urlencoded", "multipart/form-data", "json", "application/json; charset", "*/*", ";",
	} {
		for _, operation := range []string{"createThing", "updateThing"} {
			refuse(t, contentType, call{operation: operation, body: `{"name":"a"}`, contentType: contentType}, problem.UnsupportedMedia, "unsupported_media_type",
				problem.Detail{In: "header", Pointer: "Content-Type", Code: "unsupported_media_type", Message: "must be application/json"})
		}
	}
}

func TestOperation_Request_unexpectedBody(t *testing.T) {
	for _, body := range []string{"{}", " ", "\x00", `{"name":"a"}`} {
		for _, operation := range []string{"listThings", "deleteThing"} {
			refuse(t, body, call{operation: operation, body: body}, problem.Invalid, "unexpected_body",
				problem.Detail{In: "body", Code: "unexpected_body", Message: "must be empty"})
		}
	}
}

// Everything that breaks the schema comes in one answer.
func TestOperation_Request_eachField(t *testing.T) {
	err := call{operation: "createThing", body: `{"count":"1","kind":"x","x":1,"y":2,"address":{}}`}.send(t)
	details := detailsOf(t, err)
	want := map[string]string{
		"/name": "required", "/count": "type", "/kind": "enum", "/x": "additionalProperties", "/y": "additionalProperties",
		"/address/street": "required", "/address/city": "required",
	}
	for _, d := range details {
		if want[d.Pointer] != d.Code {
			t.Errorf("detail %+v: want code %q", d, want[d.Pointer])
		}
	}
	if len(details) != len(want) {
		t.Errorf("%d details %+v, want %d", len(details), details, len(want))
	}
}

// Parameters come before the body: both cannot be told in one status.
func TestOperation_Request_parametersFirst(t *testing.T) {
	refuse(t, "both", call{operation: "createThing", query: "x=1", body: `{`}, problem.Invalid, "invalid_parameter",
		problem.Detail{In: "query", Pointer: "x", Code: "unknown", Message: "is not a parameter here; this operation has none"})
}
