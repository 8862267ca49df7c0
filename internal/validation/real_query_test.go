package validation

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/problem"
)

// realOperations returns those of the served document, which both engines hold requests against, and their names.
func realOperations(tb testing.TB) (map[string]*Operation, []string) {
	tb.Helper()
	served, err := Served()
	if err != nil {
		tb.Fatal(err)
	}
	operations := map[string]*Operation{}
	for id, op := range served.Operations {
		operations[id] = op.Using(Both)
	}
	return operations, slices.Sorted(maps.Keys(operations))
}

// sent returns a request to an operation as request does, with the body that it has to have.
func (s *subjects) sent(op *Operation) (r *http.Request, path map[string]string, body []byte) {
	r, path = s.request(op)
	if op.Body != "" {
		r.Header.Set("Content-Type", "application/json")
		body = s.byName[op.ID+" body"].examples[0]
	}
	return r, path, body
}

// values returns values at and beside the bounds of a parameter, and that of its example.
func (s *subjects) values(parameter map[string]any) []string {
	p := place{&node{}, s.document.rules(parameter["schema"], 0)}
	if items := p.find("items", ""); items != nil {
		p.rules = append(p.rules, s.document.rules(items, 0)...)
	}
	found := []string{s.example(parameter)}
	for i := range 400 {
		value := p.boundary(&choices{bytes: []byte{byte(i >> 8), byte(i)}})
		found = append(found, strings.Trim(value, `"`))
	}
	return sorted(found)
}

// TestServed_queries holds values of each parameter against both engines, alone, twice, and all of an operation's examples at once.
func TestServed_queries(t *testing.T) {
	s := real(t)
	operations, ids := realOperations(t)
	random := rand.New(rand.NewPCG(15, 16))
	valid, accepted := 0, 0
	for _, id := range ids {
		op := operations[id]
		count := func(query url.Values, header http.Header) {
			r, path, body := s.sent(op)
			r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+query.Encode(), "&")
			maps.Copy(r.Header, header)
			switch err := op.Request(r, path, body); {
			case errors.Is(err, ErrDisagreement):
				t.Errorf("%s: Request(%s, %v) = %v", id, r.URL.RawQuery, header, err)
			case err == nil:
				valid++
				if op.accepts(r, path, body) {
					accepted++
				}
			}
		}
		all := url.Values{}
		for name, p := range s.parameters(op) {
			if p["in"] == problem.InQuery && p["required"] != true {
				all.Set(name, s.example(p))
			}
			values := s.values(p)
			for range 12 { // most operations have the same parameters
				v := values[random.IntN(len(values))]
				switch p["in"] {
				case problem.InQuery:
					count(url.Values{name: {v}}, nil)
					count(url.Values{name: {v, s.example(p)}}, nil)
				case problem.InHeader:
					count(nil, http.Header{name: {v}})
				}
			}
		}
		count(all, nil)
	}
	t.Logf("of %d valid requests the fast path accepted %d", valid, accepted)
	if accepted*10 < valid*9 {
		t.Errorf("the fast path accepted %d of %d valid requests, want 90 %%", accepted, valid)
	}
}

// FuzzQuery looks for a query, or a value of a header, that the fast path lets pass and the authority refuses.
func FuzzQuery(f *testing.F) {
	s := real(f)
	operations, ids := realOperations(f)
	for _, id := range ids {
		f.Add(id, "", "")
		for name, p := range s.parameters(operations[id]) {
			for i, v := range s.values(p) {
				switch {
				case p["in"] == problem.InHeader:
					f.Add(id, "", v)
				case i%30 == 0:
					f.Add(id, url.Values{name: {v}}.Encode(), "")
				}
			}
			f.Add(id, url.QueryEscape(name)+"="+url.QueryEscape(s.example(p))+"&"+name+"=+%20%2B", `W/"a"`)
		}
	}
	f.Fuzz(func(t *testing.T, id, query, header string) {
		op := operations[id]
		if op == nil {
			op = operations[ids[len(id)%len(ids)]]
		}
		r, path, body := s.sent(op)
		r.URL.RawQuery = strings.TrimPrefix(r.URL.RawQuery+"&"+query, "&")
		for name, p := range s.parameters(op) {
			switch {
			case p["in"] == problem.InHeader && header != "":
				r.Header[http.CanonicalHeaderKey(name)] = []string{header}
			case p["in"] == problem.InPath && strings.HasPrefix(query, "&"): // what follows is for the path instead
				path[name] = query[1:]
				r.URL.Path, r.URL.RawQuery = strings.ReplaceAll(op.Path, "{"+name+"}", query[1:]), ""
			}
		}
		if err := op.Request(r, path, body); errors.Is(err, ErrDisagreement) {
			t.Errorf("%s: Request(%s, header %q, path %q) = %v", op.ID, r.URL.RawQuery, header, path, err)
		}
	})
}

// FuzzHeaders looks for a header of a response that the fast path lets pass and the authority refuses.
func FuzzHeaders(f *testing.F) {
	s := real(f)
	operations, ids := realOperations(f)
	r := rand.New(rand.NewPCG(13, 14))
	for _, id := range ids {
		responses := s.operation(operations[id])["responses"].(map[string]any)
		for _, status := range slices.Sorted(maps.Keys(responses)) {
			var number int
			fmt.Sscan(status, &number)
			declared, _ := s.document.follow(responses[status])["headers"].(map[string]any)
			for _, name := range slices.Sorted(maps.Keys(declared)) {
				if r.IntN(20) > 0 { // most are the same headers
					continue
				}
				values := s.values(s.document.follow(declared[name]))
				f.Add(id, number, name, values[r.IntN(len(values))])
			}
		}
	}
	f.Fuzz(func(t *testing.T, id string, status int, name, value string) {
		op := operations[id]
		if op == nil {
			op = operations[ids[len(id)%len(ids)]]
		}
		response := s.operation(op)["responses"].(map[string]any)[fmt.Sprint(status)]
		if response == nil {
			return
		}
		header, body := s.headers(response), []byte(nil)
		if one := s.byName[fmt.Sprint(op.ID, " ", status)]; one != nil {
			body = one.examples[0]
		} else {
			header.Del("Content-Type")
		}
		switch canonical := http.CanonicalHeaderKey(name); {
		case value == "":
			header.Del(name)
		case strings.HasPrefix(value, "+"): // it is there twice
			header[canonical] = append(header[canonical], value[1:])
		default:
			header[canonical] = []string{value}
		}
		if err := op.Response(httptest.NewRequest(op.Method, "https://api.plotwise.us/", nil), status, header, body); errors.Is(err, ErrDisagreement) {
			t.Errorf("%s: Response(%d, %v) = %v", op.ID, status, header, err)
		}
	})
}
