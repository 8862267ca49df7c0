// Package page reads and writes the paging of lists: page numbers, cursors, totals and Link headers.
package page

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

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

// Query is the paging that a caller asks for, as the parameters have it: nil where they are left out.
type Query struct {
	Page, PerPage *int32
	Cursor        *string
}

// List reads a page of a list. The list names its filters in scope: a cursor is only good for the list that it was made
// for. It takes from key the position of an item; load returns one item more than the page holds, where there is one; and
// count, which is only asked for a numbered page that does not show where the list ends, may stop at MaxDepth+1. It returns invalid_parameter, page_too_deep or
// invalid_cursor.
func List[T any](q Query, scope string, key func(T) Key, load func(Request) ([]T, error), count func() (int, error)) ([]T, Meta, error) {
	r, err := parse(q, scope)
	if err != nil {
		return nil, Meta{}, err
	}
	items, err := load(r)
	if err != nil {
		return nil, Meta{}, err
	}
	total := 0
	switch {
	case r.Number == 0: // nobody is told
	case len(items) <= r.PerPage && (len(items) > 0 || r.Number == 1): // the list ends here
		total = r.Offset() + len(items)
	default:
		if total, err = count(); err != nil {
			return nil, Meta{}, err
		}
	}
	items, meta := cut(r, items, total, scope, key)
	return items, meta, nil
}

func parse(q Query, scope string) (Request, error) {
	r := Request{Number: 1, PerPage: defaultPerPage}
	if q.PerPage != nil {
		r.PerPage = int(*q.PerPage)
	}
	if q.Cursor != nil {
		if q.Page != nil {
			return r, problem.Parameter("page", "exclusive", "cannot be combined with cursor; send one of them")
		}
		key, err := decode(*q.Cursor, scope)
		r.Number, r.After = 0, key
		return r, err
	}
	if q.Page != nil {
		r.Number = int(*q.Page)
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

	NextUpdatedSince *time.Time // with which a poll by updated_since goes on; nil for other lists
	last             string     // what the last item is ordered by
}

// Poll notes, for a list in the order of its changes, with which updated_since the next poll goes on: the time of the
// last item, or the one of this poll where there was none.
func (m *Meta) Poll(since *time.Time) error {
	if since == nil {
		return nil
	}
	next := since.UTC()
	if m.last != "" {
		var err error
		if next, err = time.Parse("2006-01-02 15:04:05.999999999-07", m.last); err != nil {
			return fmt.Errorf("read the time of the last item: %w", err)
		}
	}
	m.NextUpdatedSince = &next
	return nil
}

// cut makes a page out of what a store returned for it. The count is capped at MaxDepth+1.
func cut[T any](r Request, items []T, count int, scope string, key func(T) Key) ([]T, Meta) {
	m := Meta{Number: r.Number, PerPage: r.PerPage, Total: min(count, MaxDepth), More: count > MaxDepth}
	if len(items) > r.PerPage {
		items = items[:r.PerPage]
		m.NextCursor = encode(key(items[r.PerPage-1]), scope)
	}
	if len(items) > 0 {
		m.last = key(items[len(items)-1]).Value
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
