package ingest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// members hands on the keys and values of a JSON object as they are written. The text has to be JSON.
func members(object []byte, take func(key, value []byte) error) error {
	rest := bytes.TrimLeft(object[1:], jsonSpace)
	for rest[0] != '}' {
		n := span(rest)
		key := rest[:n]
		rest = bytes.TrimLeft(rest[n:], jsonSpace)
		rest = bytes.TrimLeft(rest[1:], jsonSpace) // behind the colon
		n = span(rest)
		if err := take(key, rest[:n]); err != nil {
			return err
		}
		if rest = bytes.TrimLeft(rest[n:], jsonSpace); rest[0] == ',' {
			rest = bytes.TrimLeft(rest[1:], jsonSpace)
		}
	}
	return nil
}

const jsonSpace = " \t\r\n"

// span returns the length of the value with which a JSON text begins.
func span(text []byte) int {
	switch text[0] {
	case '"':
		return stringSpan(text)
	case '{', '[':
		for i, depth := 0, 0; ; i++ {
			switch text[i] {
			case '"':
				i += stringSpan(text[i:]) - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
	}
	if n := bytes.IndexAny(text, ",}]"+jsonSpace); n >= 0 {
		return n
	}
	return len(text)
}

func stringSpan(text []byte) int {
	for i := 1; ; i++ {
		switch text[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// parse returns a JSON value as encoding/json would, its numbers as they are written. An object that has a key twice is
// refused, for it does not say which value counts; inside lists, of which nothing but their text is used, it may.
func parse(value []byte) (any, error) {
	switch value[0] {
	case '"':
		return unquote(value), nil
	case '{':
		object := map[string]any{}
		return object, members(value, func(key, value []byte) (err error) {
			name := unquote(key)
			if _, twice := object[name]; twice {
				return errTwice(name)
			}
			object[name], err = parse(value)
			return err
		})
	case '[':
		dec := json.NewDecoder(bytes.NewReader(value))
		dec.UseNumber()
		var list []any
		return list, dec.Decode(&list)
	case 't', 'f':
		return value[0] == 't', nil
	case 'n':
		return nil, nil
	}
	return json.Number(value), nil
}

func errTwice(key string) error { return fmt.Errorf("the key %q comes twice", clip(key)) }

// unquote returns what a JSON string says. One that is no UTF-8 keeps its bytes, so that it is refused like any other.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	var said string
	if bytes.IndexByte(inner, '\\') < 0 || !utf8.Valid(inner) || json.Unmarshal(quoted, &said) != nil {
		return string(inner)
	}
	return said
}

// lookup returns the value of a column, and whether there is one: a field, or what a dot divides from the field that it
// is a member of, whose name is compared without case where there is none that is the same. A point, which GeoJSON writes
// as its longitude and latitude, has these as members too.
func lookup(fields map[string]any, column string) (any, bool) {
	if value, ok := fields[column]; ok {
		return value, true
	}
	field, name, _ := strings.Cut(column, ".")
	value, ok := fields[field]
	object, nested := value.(map[string]any)
	if !nested {
		return nil, ok && value == nil && field != column
	}
	if value := object[name]; value != nil {
		return value, true
	}
	if pair, ok := object["coordinates"].([]any); ok && len(pair) >= 2 {
		switch name {
		case "longitude":
			return pair[0], true
		case "latitude":
			return pair[1], true
		}
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		if strings.EqualFold(key, name) {
			return object[key], true
		}
	}
	return nil, false
}
