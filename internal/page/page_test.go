package page

import (
	"errors"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/problem"
)

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

var (
	first  = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	second = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
)

func pointer[T any](v T) *T { return &v }

func Test_parse(t *testing.T) {
	for _, c := range []struct {
		name            string
		number, perPage *int32
		want            Request
		offset          int
	}{
		{name: "defaults", want: Request{Number: 1, PerPage: 25}, offset: 0},
		{name: "page", number: pointer[int32](3), want: Request{Number: 3, PerPage: 25}, offset: 50},
		{name: "per_page", perPage: pointer[int32](7), want: Request{Number: 1, PerPage: 7}, offset: 0},
		{name: "deepest page of 100", number: pointer[int32](100), perPage: pointer[int32](100), want: Request{Number: 100, PerPage: 100}, offset: 9900},
		{name: "deepest page of 1", number: pointer[int32](10000), perPage: pointer[int32](1), want: Request{Number: 10000, PerPage: 1}, offset: 9999},
		{name: "deepest page of 3", number: pointer[int32](3333), perPage: pointer[int32](3), want: Request{Number: 3333, PerPage: 3}, offset: 9996},
	} {
		got, err := parse(Query{c.number, c.perPage, nil}, "permits")
		if err != nil {
			t.Errorf("%s: parse = %v, want no error", c.name, err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s: parse (-want +got):\n%s", c.name, diff)
		}
		if got.Offset() != c.offset {
			t.Errorf("%s: Offset = %d, want %d", c.name, got.Offset(), c.offset)
		}
	}
}

func Test_parse_tooDeep(t *testing.T) {
	for _, c := range []struct {
		number, perPage int32
		message         string
	}{
		{101, 100, "may be at most 100 with per_page=100"},
		{10001, 1, "may be at most 10000 with per_page=1"},
		{3334, 3, "may be at most 3333 with per_page=3"},
		{401, 25, "may be at most 400 with per_page=25"},
		{2147483647, 100, "may be at most 100 with per_page=100"},
	} {
		_, err := parse(Query{&c.number, &c.perPage, nil}, "permits")
		want := &problem.Error{
			Kind: problem.Invalid, Code: "page_too_deep",
			Message: "page × per_page may not exceed 10,000; follow next_cursor with cursor to read further.",
			Details: []problem.Detail{{In: "query", Pointer: "page", Code: "page_too_deep", Message: c.message}},
		}
		if diff := cmp.Diff(want, problemOf(t, err)); diff != "" {
			t.Errorf("parse(%d, %d) (-want +got):\n%s", c.number, c.perPage, diff)
		}
	}
}

func Test_parse_pageWithCursor(t *testing.T) {
	for _, cursor := range []string{encode(Key{ID: first}, "permits"), "forged"} {
		_, err := parse(Query{pointer[int32](1), nil, &cursor}, "permits")
		want := []problem.Detail{{In: "query", Pointer: "page", Code: "exclusive", Message: "cannot be combined with cursor; send one of them"}}
		if got := problemOf(t, err); got.Code != "invalid_parameter" || !cmp.Equal(want, got.Details) {
			t.Errorf("Parse with cursor %q = %+v, want invalid_parameter with %+v", cursor, got, want)
		}
	}
}

func Test_parse_cursor(t *testing.T) {
	for _, key := range []Key{
		{ID: first},
		{Value: "2026-01-23 10:44:58.12+00", ID: first},
		{Value: "<&>\u2028 \"quoted\" Größe", ID: second},
	} {
		for _, scope := range []string{"", "permits", "permits state=active"} {
			cursor := encode(key, scope)
			got, err := parse(Query{nil, pointer[int32](10), &cursor}, scope)
			if err != nil {
				t.Errorf("parse(%q) of scope %q = %v, want no error", cursor, scope, err)
				continue
			}
			if diff := cmp.Diff(Request{PerPage: 10, After: &key}, got); diff != "" {
				t.Errorf("parse(%q) of scope %q (-want +got):\n%s", cursor, scope, diff)
			}
			if got.Offset() != 0 || got.Number != 0 {
				t.Errorf("parse(%q): Offset = %d, Number = %d, want 0 and 0", cursor, got.Offset(), got.Number)
			}
		}
	}
}

func Test_parse_invalidCursor(t *testing.T) {
	good := encode(Key{Value: "2026-01-23 10:44:58.12+00", ID: first}, "permits")
	cursors := map[string]string{
		"empty": "", "forged": "eyJ2IjoxfQ", "only a checksum": good[:11], "padded": good + "=", "doubled": good + good,
		"other characters": "+/+/" + good, "other list": encode(Key{ID: first}, "jurisdictions"), "no scope": encode(Key{ID: first}, ""),
		"other filter": encode(Key{ID: first}, "permits state=active"),
	}
	for name, cursor := range cursors {
		assertInvalidCursor(t, name, cursor)
	}
	for i := range len(good) {
		assertInvalidCursor(t, "truncated", good[:i])
		for _, digit := range digits {
			if altered := good[:i] + string(digit) + good[i+1:]; altered != good {
				assertInvalidCursor(t, "altered", altered)
			}
		}
	}
}

func assertInvalidCursor(t *testing.T, name, cursor string) {
	t.Helper()
	_, err := parse(Query{nil, nil, &cursor}, "permits")
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s cursor %q: parse = %v, want invalid_cursor", name, cursor, err)
		return
	}
	if len(got.Details) != 1 || got.Code != "invalid_cursor" || got.Kind != problem.Invalid || got.Details[0].Pointer != "cursor" {
		t.Errorf("%s cursor %q: parse = %+v, want invalid_cursor at cursor", name, cursor, got)
	}
}

func problemOf(t *testing.T, err error) *problem.Error {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) {
		t.Fatalf("error %v, want a problem", err)
	}
	return p
}

func Test_cut(t *testing.T) {
	ids := []uuid.UUID{first, second, uuid.Nil}
	key := func(id uuid.UUID) Key { return Key{ID: id} }
	for _, c := range []struct {
		name  string
		r     Request
		items int
		count int
		want  Meta
		left  int
	}{
		{"empty", Request{Number: 1, PerPage: 2}, 0, 0, Meta{Number: 1, PerPage: 2}, 0},
		{"short", Request{Number: 1, PerPage: 2}, 1, 1, Meta{Number: 1, PerPage: 2, Total: 1}, 1},
		{"full", Request{Number: 1, PerPage: 2}, 2, 2, Meta{Number: 1, PerPage: 2, Total: 2}, 2},
		{"one more", Request{Number: 1, PerPage: 2}, 3, 3, Meta{Number: 1, PerPage: 2, Total: 3, NextCursor: encode(Key{ID: second}, "permits")}, 2},
		{"by cursor", Request{PerPage: 1, After: &Key{ID: uuid.Nil}}, 2, 0, Meta{PerPage: 1, NextCursor: encode(Key{ID: first}, "permits")}, 1},
		{"as many as are counted", Request{Number: 1, PerPage: 5}, 3, 10000, Meta{Number: 1, PerPage: 5, Total: 10000}, 3},
		{"more than are counted", Request{Number: 1, PerPage: 5}, 3, 10001, Meta{Number: 1, PerPage: 5, Total: 10000, More: true}, 3},
	} {
		got, meta := cut(c.r, ids[:c.items], c.count, "permits", key)
		if diff := cmp.Diff(c.want, meta, cmpopts.IgnoreUnexported(Meta{})); diff != "" {
			t.Errorf("%s: cut (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(ids[:c.left], got); diff != "" {
			t.Errorf("%s: items of cut (-want +got):\n%s", c.name, diff)
		}
	}
}

func Test_cut_cursorLeadsOn(t *testing.T) {
	_, meta := cut(Request{Number: 1, PerPage: 1}, []uuid.UUID{first, second}, 2, "permits", func(id uuid.UUID) Key { return Key{ID: id} })
	got, err := parse(Query{nil, nil, &meta.NextCursor}, "permits")
	if err != nil || got.After == nil || got.After.ID != first {
		t.Errorf("Parse of the next cursor = %+v, %v, want to go on after %s", got, err, first)
	}
}

func TestList_total(t *testing.T) {
	items := func(n int) []int { return make([]int, n) }
	key := func(int) Key { return Key{} }
	for name, c := range map[string]struct {
		number, perPage int32
		loaded          int // with one more than the page holds, where there is one
		want            int
		counted         bool
	}{
		"empty": {1, 3, 0, 0, false}, "few": {1, 3, 2, 2, false}, "full, and the end": {1, 3, 3, 3, false}, "more follow": {1, 3, 4, 70, true},
		"last page": {3, 3, 2, 8, false}, "beyond the end": {4, 3, 0, 70, true},
	} {
		counted := false
		_, meta, err := List(Query{Page: &c.number, PerPage: &c.perPage}, "things", key,
			func(Request) ([]int, error) { return items(c.loaded), nil }, func() (int, error) { counted = true; return 70, nil })
		if err != nil || meta.Total != c.want || counted != c.counted {
			t.Errorf("%s: total %d, counted %t, %v; want %d, %t", name, meta.Total, counted, err, c.want, c.counted)
		}
	}
}

func TestLink(t *testing.T) {
	const base = "https://api.plotwise.us/v1/permits"
	for _, c := range []struct {
		name, url string
		meta      Meta
		want      string
	}{
		{"only page", base, Meta{Number: 1, PerPage: 25}, ""},
		{"only page by cursor", base + "?cursor=abc", Meta{PerPage: 25}, ""},
		{"first page", base, Meta{Number: 1, PerPage: 25, NextCursor: "abc"}, `<` + base + `?page=2>; rel="next"`},
		{
			"middle page", base + "?page=2",
			Meta{Number: 2, PerPage: 25, NextCursor: "abc"},
			`<` + base + `?page=1>; rel="first", <` + base + `?page=1>; rel="prev", <` + base + `?page=3>; rel="next"`,
		},
		{"last page", base + "?page=3", Meta{Number: 3, PerPage: 25}, `<` + base + `?page=1>; rel="first", <` + base + `?page=2>; rel="prev"`},
		{"by cursor", base + "?cursor=abc", Meta{PerPage: 25, NextCursor: "def"}, `<` + base + `?cursor=def>; rel="next"`},
		{
			"the page before the deepest", base + "?page=99&per_page=100",
			Meta{Number: 99, PerPage: 100, NextCursor: "abc"},
			`<` + base + `?page=1&per_page=100>; rel="first", <` + base + `?page=98&per_page=100>; rel="prev", <` + base + `?page=100&per_page=100>; rel="next"`,
		},
		{
			"the deepest page", base + "?page=100&per_page=100",
			Meta{Number: 100, PerPage: 100, NextCursor: "abc"},
			`<` + base + `?page=1&per_page=100>; rel="first", <` + base + `?page=99&per_page=100>; rel="prev", <` + base + `?cursor=abc&per_page=100>; rel="next"`,
		},
		{
			"filters", base + "?q=a%20%26b&status=In+Review&status=Filed&page=1",
			Meta{Number: 1, PerPage: 25, NextCursor: "abc"},
			`<` + base + `?page=2&q=a+%26b&status=In+Review&status=Filed>; rel="next"`,
		},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if link := Link(WithURL(t.Context(), u), c.meta); link != nil {
			got = *link
		}
		if got != c.want {
			t.Errorf("%s: Link of %s:\n got %s\nwant %s", c.name, c.url, got, c.want)
		}
		if u.String() != c.url {
			t.Errorf("%s: Link changed the URL of the request to %s", c.name, u)
		}
	}
}

func TestLink_withoutURL(t *testing.T) {
	if got := Link(t.Context(), Meta{Number: 1, PerPage: 1, NextCursor: "abc"}); got != nil {
		t.Errorf("Link without a URL = %q, want none", *got)
	}
}

func TestToAPI(t *testing.T) {
	for _, c := range []struct {
		name     string
		meta     Meta
		number   int32 // 0: absent
		total    int32
		relation string
		cursor   string
	}{
		{"exact", Meta{Number: 2, PerPage: 25, Total: 30}, 2, 30, "eq", ""},
		{"at least", Meta{Number: 1, PerPage: 25, Total: 10000, More: true, NextCursor: "abc"}, 1, 10000, "gte", "abc"},
		{"by cursor", Meta{PerPage: 25, NextCursor: "abc"}, 0, 0, "", "abc"},
	} {
		got := ToAPI(c.meta)
		if got.PerPage != 25 || (got.NextCursor != nil) != (c.cursor != "") || (got.NextCursor != nil && *got.NextCursor != c.cursor) {
			t.Errorf("%s: ToAPI = %+v, want per_page 25 and cursor %q", c.name, got, c.cursor)
		}
		if c.number == 0 {
			if got.Page != nil || got.Total != nil || got.TotalRelation != nil {
				t.Errorf("%s: ToAPI = %+v, want neither page nor total", c.name, got)
			}
			continue
		}
		if got.Page == nil || *got.Page != c.number || got.Total == nil || *got.Total != c.total || got.TotalRelation == nil || string(*got.TotalRelation) != c.relation {
			t.Errorf("%s: ToAPI = %+v, want page %d, total %d %s", c.name, got, c.number, c.total, c.relation)
		}
	}
}
