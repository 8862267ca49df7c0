// Package page reads and writes the paging of lists: page numbers, cursors, totals and Link headers.
package page

import (
	"context"
	"net/url"
	"strconv"
	"strings"

	"github.com/plotwise/plotwise/internal/problem"
)

// MaxDepth is how deep page numbers reach, and how far totals are counted.
const MaxDepth = 10_000

const defaultPerPage = 25

// Request is the page that a caller asks for.
type Request struct {
	Number  int  // counted from 1; 0 when the list is read by cursor
	PerPage int  // 1 to 100
	After   *Key // the last item of the page before; nil at the start
}

// Offset returns how many items stand before the page.
func (r Request) Offset() int {
	return max(0, r.Number-1) * r.PerPage
}

// Counted reports whether the list's total is wanted: not when it is read by cursor.
func (r Request) Counted() bool { return r.Number > 0 }

// Parse reads the parameters that every list has. The list names its filters in scope: a cursor is only good for the
// list that it was made for. It returns invalid_parameter, page_too_deep or invalid_cursor.
func Parse(number, perPage *int32, cursor *string, scope string) (Request, error) {
	r := Request{Number: 1, PerPage: defaultPerPage}
	if perPage != nil {
		r.PerPage = int(*perPage)
	}
	if cursor != nil {
		if number != nil {
			return r, problem.Parameter("page", "exclusive", "cannot be combined with cursor; send one of them")
		}
		key, err := decode(*cursor, scope)
		r.Number, r.After = 0, key
		return r, err
	}
	if number != nil {
		r.Number = int(*number)
	}
	if r.Number*r.PerPage > MaxDepth {
		return r, &problem.Error{
			Kind: problem.Invalid, Code: "page_too_deep",
			Message: "page × per_page may not exceed 10,000; follow next_cursor with cursor to read further.",
			Details: []problem.Detail{{
				In: problem.InQuery, Pointer: "page", Code: "page_too_deep",
				Message: "may be at most " + strconv.Itoa(MaxDepth/r.PerPage) + " with per_page=" + strconv.Itoa(r.PerPage),
			}},
		}
	}
	return r, nil
}

// Meta says where a page stands in its list.
type Meta struct {
	Number     int // 0 when the list is read by cursor
	PerPage    int
	Total      int    // up to MaxDepth
	More       bool   // there are more items than Total says
	NextCursor string // empty at the end
}

// Cut makes a page out of what a store returns for it: it asks for one item more than the page holds, so that it
// knows whether there is a next page. It takes from key the position of an item, and from count the total, which is capped at MaxDepth+1.
func Cut[T any](r Request, items []T, count int, scope string, key func(T) Key) ([]T, Meta) {
	m := Meta{Number: r.Number, PerPage: r.PerPage, Total: min(count, MaxDepth), More: count > MaxDepth}
	if len(items) > r.PerPage {
		items = items[:r.PerPage]
		m.NextCursor = encode(key(items[r.PerPage-1]), scope)
	}
	return items, m
}

type contextKey struct{}

// WithURL returns a context that carries the request's public URL, of which Link makes others.
func WithURL(ctx context.Context, u *url.URL) context.Context {
	return context.WithValue(ctx, contextKey{}, u)
}

// Link returns the value of the Link header (RFC 8288) for a page: first, prev and next, as far as there are any.
// It is nil when there is nothing to link to.
func Link(ctx context.Context, m Meta) *string {
	u, ok := ctx.Value(contextKey{}).(*url.URL)
	if !ok {
		return nil
	}
	var links []string
	add := func(rel, name, value string) {
		links = append(links, "<"+withPage(u, name, value)+`>; rel="`+rel+`"`)
	}
	if m.Number > 1 {
		add("first", "page", "1")
		add("prev", "page", strconv.Itoa(m.Number-1))
	}
	switch {
	case m.NextCursor == "":
	case m.Number > 0 && (m.Number+1)*m.PerPage <= MaxDepth:
		add("next", "page", strconv.Itoa(m.Number+1))
	default:
		add("next", "cursor", m.NextCursor)
	}
	if links == nil {
		return nil
	}
	text := strings.Join(links, ", ")
	return &text
}

func withPage(u *url.URL, name, value string) string {
	query := u.Query()
	query.Del("page")
	query.Del("cursor")
	query.Set(name, value)
	next := *u
	next.RawQuery = query.Encode()
	return next.String()
}
