package validation

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/plotwise/plotwise/internal/validation/fast"
)

// The functions here say yes when a request or a response surely holds. They do not allocate.

// maxPairs is how many parameters a query may have here.
const maxPairs = 32

// declared is a response as it may be sent.
type declared struct {
	empty   bool
	body    *fast.Schema // nil: it has none that is JSON
	headers []parameter
}

func (o *Operation) accepts(r *http.Request, values map[string]string, body []byte) bool {
	return o.acceptsQuery(r.URL.RawQuery) && o.acceptsPath(values) && acceptsHeaders(o.headers, r.Header) && o.acceptsBody(r.Header, body)
}

func (o *Operation) acceptsBody(header http.Header, body []byte) bool {
	if o.body == nil || len(body) == 0 {
		return len(body) == 0 && !o.required
	}
	return header.Get("Content-Type") == "application/json" && o.quickBody.Accepts(body)
}

func (o *Operation) acceptsPath(values map[string]string) bool {
	for i := range o.path {
		if p := &o.path[i]; !p.acceptsOne(values[p.Name]) {
			return false
		}
	}
	return true
}

func acceptsHeaders(declared []parameter, header http.Header) bool {
	for i := range declared {
		p := &declared[i]
		switch values := header[p.key]; {
		case len(values) == 0 && !p.Required:
		case len(values) != 1 || !p.acceptsOne(values[0]):
			return false
		}
	}
	return true
}

// pair is a name of a query with its value.
type pair struct{ name, value string }

func (o *Operation) acceptsQuery(raw string) bool {
	var room [maxPairs]pair
	pairs, ok := split(room[:0], raw)
	if !ok {
		return false
	}
	given := 0
	for i, one := range pairs {
		if named(pairs[:i], one.name) {
			continue
		}
		p, known := o.parameters[one.name]
		if !known || !p.acceptsAll(pairs[i:]) {
			return false
		}
		if p.Required {
			given++
		}
	}
	return given == o.wanted
}

func named(pairs []pair, name string) bool {
	for _, p := range pairs {
		if p.name == name {
			return true
		}
	}
	return false
}

// split reads a query; ok is false when that is not plain.
func split(pairs []pair, raw string) (_ []pair, ok bool) {
	for raw != "" {
		var part string
		part, raw, _ = strings.Cut(raw, "&")
		if part == "" || strings.IndexByte(part, ';') >= 0 || len(pairs) == cap(pairs) {
			return nil, false
		}
		name, value, _ := strings.Cut(part, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return nil, false
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return nil, false
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs, true
}

// acceptsAll looks at all values that have the first one's name.
func (p *parameter) acceptsAll(pairs []pair) bool {
	var room [maxPairs]string
	values := room[:0]
	for _, one := range pairs {
		if one.name == pairs[0].name {
			values = append(values, one.value)
		}
	}
	if p.Explode && p.Type == "array" {
		return p.quick.AcceptsList(values, literal(p.Items))
	}
	return len(values) == 1 && p.acceptsOne(values[0])
}

// acceptsOne looks at a parameter's only value.
func (p *parameter) acceptsOne(value string) bool {
	switch {
	case p.Type == "string":
		return p.quick.AcceptsText(value)
	case literal(p.Type):
		return p.quick.AcceptsLiteral(value)
	case p.Type != "array" || p.Explode:
		return false
	}
	var room [maxPairs]string
	values := room[:0]
	for more := true; more; {
		if len(values) == cap(values) {
			return false
		}
		var one string
		one, value, more = strings.Cut(value, ",")
		values = append(values, one)
	}
	return p.quick.AcceptsList(values, literal(p.Items))
}

// literal reports whether values of a type are written as numbers or truth values.
func literal(kind string) bool { return kind == "integer" || kind == "number" || kind == "boolean" }

// sends reports whether a response surely holds.
func (o *Operation) sends(status int, header http.Header, body []byte, known []fast.Span) bool {
	r, ok := o.responses[status]
	if !ok || !acceptsHeaders(r.headers, header) {
		return false
	}
	if r.empty {
		return len(body) == 0
	}
	return r.body != nil && header.Get("Content-Type") == "application/json" && r.body.Accepts(body, known...)
}
