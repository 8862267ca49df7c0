package plotwise

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
)

// Page is a part of a list.
type Page[T any] struct {
	Data []T      `json:"data"`
	Meta PageMeta `json:"meta"`

	get func(ctx context.Context, cursor string) (*Page[T], error)
}

// Next returns the page that follows; nil, without an error, at the end.
func (p *Page[T]) Next(ctx context.Context) (*Page[T], error) {
	if !p.HasNext() {
		return nil, nil
	}
	return p.get(ctx, *p.Meta.NextCursor)
}

// HasNext reports whether a page follows.
func (p *Page[T]) HasNext() bool { return p.Meta.NextCursor != nil && *p.Meta.NextCursor != "" }

// decode reads an answer that is JSON of another form than this version knows.
func decode(o operation, r *result, to any) error {
	if err := json.Unmarshal(r.body, to); err != nil {
		return fmt.Errorf("plotwise: %s: read the answer: %w", o.name, err)
	}
	return nil
}

func getNothing(ctx context.Context, c *core, options []CallOption, o operation) error {
	_, err := c.do(ctx, o, options)
	return err
}

func getObject[T any](ctx context.Context, c *core, options []CallOption, o operation) (*T, error) {
	envelope, err := getWhole[struct {
		Data *T `json:"data"`
	}](ctx, c, options, o)
	if err != nil {
		return nil, err
	}
	if envelope.Data == nil {
		return nil, fmt.Errorf("plotwise: %s: the answer has no data", o.name)
	}
	return envelope.Data, nil
}

func getWhole[T any](ctx context.Context, c *core, options []CallOption, o operation) (*T, error) {
	r, err := c.do(ctx, o, options)
	if err != nil {
		return nil, err
	}
	var whole T
	if err := decode(o, r, &whole); err != nil {
		return nil, err
	}
	return &whole, nil
}

func getFile(ctx context.Context, c *core, options []CallOption, o operation) (io.ReadCloser, error) {
	o.file = true
	r, err := c.do(ctx, o, options)
	if err != nil {
		return nil, err
	}
	return r.file, nil
}

// getPage gets the first page, by what the operation is at a cursor.
func getPage[T any](ctx context.Context, c *core, options []CallOption, at func(cursor string) operation) (*Page[T], error) {
	var get func(ctx context.Context, cursor string) (*Page[T], error)
	get = func(ctx context.Context, cursor string) (*Page[T], error) {
		page, err := getWhole[Page[T]](ctx, c, options, at(cursor))
		if err != nil {
			return nil, err
		}
		page.get = get
		return page, nil
	}
	return get(ctx, "")
}

// all goes over the items of a page and of those that follow.
func all[T any](ctx context.Context, first func() (*Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		page, err := first()
		for ; page != nil; page, err = page.Next(ctx) {
			for _, item := range page.Data {
				if !yield(item, nil) {
					return
				}
			}
		}
		if err != nil {
			yield(*new(T), err)
		}
	}
}
