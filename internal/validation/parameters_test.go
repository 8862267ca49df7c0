package validation

import (
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/problem"
)

func TestOperation_Request_acceptsParameters(t *testing.T) {
	for _, query := range []string{
		"", "count=1", "count=100", "large=9007199254740991", "ratio=-1.5", "ratio=0.25", "ratio=1", "ratio=-0",
		"active=true", "active=false", "on=2024-02-29", "id=" + thingID, "id=" + strings.ToUpper(thingID),
		"since=2026-01-23T10:45:00Z", "since=2026-01-23T10:45:00.123456Z", "since=2026-01-23T10:45:00-05:00",
		"since=2026-01-23T10:45:00%2B02:00", "since=2026-01-23T10%3A45%3A00Z",
		"text=ab", "text=a+b", "text=a%20b", "text=a,b", "text=a%2Cb", "text=!*'()@/?$:~", "text=50%25", "text=a%26b%3Dc", "text=a=b", "text=%C3%A9%F0%9F%98%80",
		"text=12", "text=true", "text=null", "text=[a]", "text={}", "text=%22a%22", "text=" + strings.Repeat("%C3%A9", 30),
		"near=27.9477,-82.4584", "near=27.9477%2C-82.4584", "kind=house", "kind=a+b", "kind=a%20b",
		"tags=a", "tags=a&tags=b&tags=c", "tags=a:b", "tags=a%3Ab", "tags=a&count=1&tags=b", "kinds=house&kinds=house&kinds=a%20b",
		"codes=1", "codes=1,2,3", "codes=1%2C2", "&count=1&&",
	} {
		accept(t, query, call{operation: "listThings", query: query})
	}
	accept(t, "required", call{operation: "getThing", query: "view=house"})
	accept(t, "path", call{operation: "getThing", query: "view=house", thingID: strings.ToUpper(thingID)})
}

func TestOperation_Request_refusesParameters(t *testing.T) {
	const instant, date, uuid = "must be an instant such as 2026-01-23T10:45:00Z (RFC 3339)", "must be a date such as 2026-01-23", "must be a UUID such as 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"
	const utf8 = "must be UTF-8 without the character NUL"
	const kinds = "must be one of house, garage, a b"
	for _, c := range []struct{ query, pointer, code, message string }{
		{"count=0", "count", "minimum", "must be at least 1"},
		{"count=101", "count", "maximum", "must be at most 100"},
		{"count=99999999999999999999", "count", "maximum", "must be at most 100"},
		{"count=-99999999999999999999", "count", "minimum", "must be at least 1"},
		{"large=9007199254740992", "large", "maximum", "must be at most 9007199254740991"},
		{"count=" + strings.Repeat("1", 100), "count", "maximum", "must be at most 100"},
		{"count=" + strings.Repeat("1", 101), "count", "type", "must be of type integer"}, // no number is that long
		{"ratio=0." + strings.Repeat("1", 1<<20), "ratio", "type", "must be of type number"},
		{"count=1e2", "count", "type", "must be of type integer"},
		{"count=%2B1", "count", "type", "must be of type integer"},
		{"count=+1", "count", "type", "must be of type integer"},
		{"count=01", "count", "type", "must be of type integer"},
		{"count=1.5", "count", "type", "must be of type integer"},
		{"count=0x1", "count", "type", "must be of type integer"},
		{"count=1_0", "count", "type", "must be of type integer"},
		{"count=%D9%A1", "count", "type", "must be of type integer"},
		{"count=1%0A", "count", "type", "must be of type integer"},
		{"count=", "count", "type", "must be of type integer"},
		{"count", "count", "type", "must be of type integer"},
		{"ratio=1.6", "ratio", "maximum", "must be at most 1.5"},
		{"ratio=-1.51", "ratio", "minimum", "must be at least -1.5"},
		{"ratio=NaN", "ratio", "type", "must be of type number"},
		{"ratio=Inf", "ratio", "type", "must be of type number"},
		{"ratio=.5", "ratio", "type", "must be of type number"},
		{"ratio=1.", "ratio", "type", "must be of type number"},
		{"active=1", "active", "type", "must be of type boolean"},
		{"active=True", "active", "type", "must be of type boolean"},
		{"active=", "active", "type", "must be of type boolean"},
		{"since=2016-12-31T23:59:60Z", "since", "format", instant},
		{"since=2026-01-23T12:00:60Z", "since", "format", instant},
		{"since=2026-01-23T10:45:61Z", "since", "format", instant},
		{"since=2026-01-23", "since", "format", instant},
		{"since=2026-01-23T10:45:00", "since", "format", instant},
		{"since=2026-01-23T10:45Z", "since", "format", instant},
		{"since=2026-01-23T24:00:00Z", "since", "format", instant},
		{"since=2026-01-23T10:45:00+02:00", "since", "format", instant + "; a + has to be sent as %2B, or write the time with Z"},
		{"on=2026-02-29", "on", "format", date},
		{"on=2026-1-2", "on", "format", date},
		{"on=", "on", "format", date},
		{"id=42", "id", "format", uuid},
		{"text=a", "text", "minLength", "must have at least 2 characters"},
		{"text=", "text", "minLength", "must have at least 2 characters"},
		{"text=" + strings.Repeat("a", 31), "text", "maxLength", "must have at most 30 characters"},
		{"text=a%00b", "text", "encoding", utf8},
		{"text=%FF%FE", "text", "encoding", utf8},
		{"text=%ED%A0%80", "text", "encoding", utf8},
		{"near=27", "near", "pattern", "must match the pattern ^[0-9.]+,-?[0-9.]+$"},
		{"kind=House", "kind", "enum", kinds},
		{"kind=house,garage", "kind", "enum", kinds},
		{"count=1&count=2", "count", "repeated", "must be given only once"},
		{"count=1&count=1", "count", "repeated", "must be given only once"},
		{"tags=A", "tags", "pattern", "must match the pattern ^[a-z:]+$"},
		{"tags=a,b", "tags", "pattern", "must match the pattern ^[a-z:]+$"},
		{"tags=", "tags", "pattern", "must match the pattern ^[a-z:]+$"},
		{"tags=a&tags=a", "tags", "uniqueItems", "must not hold a value twice"},
		{"tags=a&tags=b&tags=c&tags=d", "tags", "maxItems", "must have at most 3 values"},
		{"tags=a&tags=%FF", "tags", "encoding", utf8},
		{"kinds=house,garage", "kinds", "enum", kinds},
		{"codes=1&codes=2", "codes", "repeated", "must be given only once, with commas between its values"},
		{"codes=1,1", "codes", "uniqueItems", "must not hold a value twice"},
		{"codes=1,10", "codes", "maximum", "must be at most 9"},
		{"codes=1,,2", "codes", "type", "must be of type integer"},
		{"codes=1,2,3,4", "codes", "maxItems", "must have at most 3 values"},
		{"codes=", "codes", "type", "must be of type integer"},
		{"text=%zz", "", "encoding", "must be percent-encoded and joined by &: write % as %25 and ; as %3B"},
		{"text=50%", "", "encoding", "must be percent-encoded and joined by &: write % as %25 and ; as %3B"},
		{"text=ab;count=1", "", "encoding", "must be percent-encoded and joined by &: write % as %25 and ; as %3B"},
	} {
		refuse(t, c.query[:min(len(c.query), 100)], call{operation: "listThings", query: c.query}, problem.Invalid, "invalid_parameter",
			problem.Detail{In: "query", Pointer: c.pointer, Code: c.code, Message: c.message})
	}
}

func TestOperation_Request_unknownParameter(t *testing.T) {
	const known = "is not a parameter here; this operation has active, codes, count, id, kind, kinds, large, near, on, ratio, since, tags, text"
	for query, pointer := range map[string]string{
		"colour=red": "colour", "Count=1": "Count", "tags%5B%5D=a": "tags[]", "=1": "", "%FF=1": "", strings.Repeat("a", 101) + "=1": "",
		strings.Repeat("a", 100): strings.Repeat("a", 100),
	} {
		refuse(t, query, call{operation: "listThings", query: query}, problem.Invalid, "invalid_parameter",
			problem.Detail{In: "query", Pointer: pointer, Code: "unknown", Message: known})
	}
	refuse(t, "none at all", call{operation: "deleteThing", query: "force=true"}, problem.Invalid, "invalid_parameter",
		problem.Detail{In: "query", Pointer: "force", Code: "unknown", Message: "is not a parameter here; this operation has none"})
}

func TestOperation_Request_path(t *testing.T) {
	for thingID, want := range map[string]problem.Detail{
		"42":         {Code: "format", Message: "must be a UUID such as 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"},
		"a\x00":      {Code: "encoding", Message: "must be UTF-8 without the character NUL"},
		"\xff":       {Code: "encoding", Message: "must be UTF-8 without the character NUL"},
		"{thing_id}": {Code: "format", Message: "must be a UUID such as 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"},
	} {
		want.In, want.Pointer = "path", "thing_id"
		refuse(t, thingID, call{operation: "deleteThing", thingID: thingID}, problem.Invalid, "invalid_parameter", want)
	}
}

func TestOperation_Request_requiredParameter(t *testing.T) {
	refuse(t, "absent", call{operation: "getThing"}, problem.Invalid, "invalid_parameter",
		problem.Detail{In: "query", Pointer: "view", Code: "required", Message: "must be given"})
	refuse(t, "empty", call{operation: "getThing", query: "view="}, problem.Invalid, "invalid_parameter",
		problem.Detail{In: "query", Pointer: "view", Code: "enum", Message: "must be one of house, garage, a b"})
}

// Everything that is wrong comes in one answer, in the order of the names; the path comes last.
func TestOperation_Request_eachParameter(t *testing.T) {
	refuse(t, "several", call{operation: "getThing", query: "b=1&a=2", thingID: "42"}, problem.Invalid, "invalid_parameter",
		problem.Detail{In: "query", Pointer: "a", Code: "unknown", Message: "is not a parameter here; this operation has view"},
		problem.Detail{In: "query", Pointer: "b", Code: "unknown", Message: "is not a parameter here; this operation has view"},
		problem.Detail{In: "query", Pointer: "view", Code: "required", Message: "must be given"},
		problem.Detail{In: "path", Pointer: "thing_id", Code: "format", Message: "must be a UUID such as 01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"})
}
