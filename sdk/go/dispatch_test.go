package plotwise_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/sdkgen"
	"github.com/plotwise/plotwise/internal/spec"
	plotwise "github.com/plotwise/plotwise/sdk/go"
)

// caller calls methods by the names that the SDKs share: permits.list.
type caller struct{ methods map[string]sdkgen.Method }

func newCaller(t *testing.T) caller {
	t.Helper()
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		t.Fatal(err)
	}
	api, err := sdkgen.NewAPI(document)
	if err != nil {
		t.Fatal(err)
	}
	c := caller{map[string]sdkgen.Method{}}
	for _, r := range api.Resources {
		for _, m := range r.Methods {
			c.methods[sdkgen.Snake(r.Words)+"."+sdkgen.Snake(m.Words)] = m
		}
	}
	return c
}

// call returns the result as JSON would have it: an object, a page with its data and meta, all the items of all pages as
// data, or the text of a file.
func (c caller) call(
	ctx context.Context, client *plotwise.Client, name string, with map[string]any, everything bool, options ...plotwise.CallOption,
) (any, error) {
	m, known := c.methods[name]
	if !known {
		return nil, fmt.Errorf("there is no method %s", name)
	}
	resource, _, _ := strings.Cut(name, ".")
	method := sdkgen.Exported(m.Words)
	if everything && m.Result.Kind == sdkgen.Pages {
		method = sdkgen.Exported(append([]string{m.Words[0], "all"}, m.Words[1:]...))
	}
	function := reflect.ValueOf(*client).FieldByName(sdkgen.Exported(strings.Split(resource, "_"))).MethodByName(method)
	if !function.IsValid() {
		return nil, fmt.Errorf("the SDK has no method %s", name)
	}
	in, err := arguments(ctx, m, function.Type(), with)
	if err != nil {
		return nil, err
	}
	for _, o := range options {
		in = append(in, reflect.ValueOf(o))
	}
	return result(m, everything, function.Call(in))
}

// arguments returns what a method takes before its options: the path's, the query's and the body's, each from the same map.
func arguments(ctx context.Context, m sdkgen.Method, function reflect.Type, with map[string]any) ([]reflect.Value, error) {
	in, rest := []reflect.Value{reflect.ValueOf(ctx)}, map[string]any{}
	for name, value := range with {
		rest[name] = value
	}
	for _, p := range m.Path {
		argument, err := decoded(function.In(len(in)), rest[p.Name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.Name, err)
		}
		in = append(in, argument)
		delete(rest, p.Name)
	}
	if len(in) < function.NumIn()-1 {
		argument, err := decoded(function.In(len(in)), rest)
		if err != nil {
			return nil, err
		}
		return append(in, argument), nil
	}
	if len(rest) > 0 {
		return nil, fmt.Errorf("%s takes no %v", m.ID, rest)
	}
	return in, nil
}

func decoded(to reflect.Type, value any) (reflect.Value, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return reflect.Value{}, err
	}
	made := reflect.New(to)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields() // of parameters that there are not
	return made.Elem(), decoder.Decode(made.Interface())
}

func result(m sdkgen.Method, everything bool, out []reflect.Value) (any, error) {
	if everything && m.Result.Kind == sdkgen.Pages {
		return collected(out[0])
	}
	if err, _ := out[len(out)-1].Interface().(error); err != nil {
		return nil, err
	}
	if file, ok := out[0].Interface().(io.ReadCloser); ok {
		text, err := io.ReadAll(file)
		return string(text), errors.Join(err, file.Close())
	}
	return plain(out[0].Interface())
}

// collected goes over all that an iterator yields.
func collected(iterator reflect.Value) (any, error) {
	var items []any
	for item, failure := range iterator.Seq2() {
		if err, _ := failure.Interface().(error); err != nil {
			return nil, err
		}
		items = append(items, item.Interface())
	}
	return plain(map[string]any{"data": items})
}

// plain returns a value as decoding its JSON gives it.
func plain(value any) (decoded any, err error) {
	text, err := json.Marshal(value)
	if err != nil {
		return nil, err
	}
	return decoded, json.Unmarshal(text, &decoded)
}
