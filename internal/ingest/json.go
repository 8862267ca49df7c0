package ingest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// mostRowBytes is what one object of a JSON file may have, so that no file is held whole.
const mostRowBytes = 1 << 20

var errRowTooLong = fmt.Errorf("the row is over %d MiB", mostRowBytes>>20)

// CutError says where a JSON array breaks off: what comes after that cannot be told apart.
type CutError struct {
	Row    int   // that cannot be read, counted from 1
	Byte   int64 // at which it breaks, counted from 1, gzip, the encoding and a byte order mark undone
	Reason string
}

// Error returns the place and the reason.
func (e *CutError) Error() string {
	return fmt.Sprintf("the JSON array breaks off in row %d, at byte %d: %s", e.Row, e.Byte, e.Reason)
}

// objects finds the objects of a JSON file one by one.
type objects interface {
	// next returns the text of the next value, which is JSON and overwritten by the one after it, and where it is. It
	// returns io.EOF at the end, a *RejectError for a row that is no JSON, and a *CutError where no row is found any more.
	next() (text []byte, line int, err error)
}

// ndjson is a file of which each line is a value. Blank ones are passed over.
type ndjson struct {
	in   *bufio.Reader
	line int
	text []byte
}

func (l *ndjson) next() ([]byte, int, error) {
	for {
		l.line++
		switch err := l.read(); {
		case errors.Is(err, errRowTooLong):
			return nil, 0, &RejectError{Line: l.line, Reason: err.Error()}
		case err != nil:
			return nil, 0, err
		}
		text := bytes.TrimSpace(l.text)
		if len(text) == 0 {
			continue
		}
		if broken := syntaxError(text); broken != nil {
			return nil, 0, &RejectError{Line: l.line, Reason: fmt.Sprintf("no JSON: %s, at byte %d", broken, broken.Offset), Row: []string{string(text)}}
		}
		return text, l.line, nil
	}
}

// read reads the next line whole, and no more of it into memory than a row may have.
func (l *ndjson) read() error {
	l.text = l.text[:0]
	long := false
	for {
		part, err := l.in.ReadSlice('\n')
		if long = long || len(l.text)+len(part) > mostRowBytes; !long {
			l.text = append(l.text, part...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && (len(l.text) > 0 || long), err == nil:
			if long {
				return errRowTooLong
			}
			return nil
		default:
			return err
		}
	}
}

// jsonArray is a file that is one array.
type jsonArray struct {
	in   *bufio.Reader
	at   int64 // how many bytes were read
	row  int
	text []byte
	done bool // the bracket that closes it was read
}

// openArray returns the array that the file is. It fails when the file is anything else.
func openArray(in *bufio.Reader) (*jsonArray, error) {
	a := &jsonArray{in: in}
	switch c, err := a.skip(); {
	case errors.Is(err, io.EOF):
		return nil, errors.New("the file is empty")
	case err != nil:
		return nil, err
	case c != '[':
		return nil, fmt.Errorf("the file begins with %q: want an array of objects, or format: ndjson where each line is one", c)
	}
	return a, nil
}

func (a *jsonArray) next() ([]byte, int, error) {
	if a.done {
		return nil, 0, a.end()
	}
	a.row++
	c, err := a.skip()
	switch {
	case err != nil:
		return nil, 0, a.ended(err)
	case c == ']' && a.row == 1:
		return nil, 0, a.end()
	case c == ',' || c == ']':
		return nil, 0, a.cut(a.at, fmt.Sprintf("want an object, not %q", c))
	}
	start := a.at
	if err := a.read(c); errors.Is(err, errRowTooLong) {
		return nil, 0, &RejectError{Line: a.row, Reason: err.Error()}
	} else if err != nil {
		return nil, 0, a.ended(err)
	}
	if broken := syntaxError(a.text); broken != nil {
		return nil, 0, a.cut(start-1+broken.Offset, broken.Error())
	}
	return a.text, a.row, nil
}

// read reads the element that begins with a byte, and what divides it from the next one: a comma or a bracket outside
// its own strings, arrays and objects.
func (a *jsonArray) read(c byte) error {
	a.text = a.text[:0]
	depth, inString, long := 0, false, false
	for {
		if long = long || len(a.text) == mostRowBytes; !long {
			a.text = append(a.text, c)
		}
		escaped := inString && c == '\\'
		switch {
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			depth++
		case c == '}' || c == ']':
			depth--
		}
		var err error
		if c, err = a.byte(); err == nil && escaped {
			if !long {
				a.text = append(a.text, c)
			}
			c, err = a.byte()
		}
		switch {
		case err != nil:
			return err
		case inString || depth > 0 || c != ',' && c != ']':
			continue
		}
		a.done = c == ']'
		if long {
			return errRowTooLong
		}
		return nil
	}
}

// end makes sure that nothing comes after the array. It returns io.EOF where that is so.
func (a *jsonArray) end() error {
	a.done = true
	if _, err := a.skip(); err != nil {
		return err
	}
	a.row++
	return a.cut(a.at, "there is more behind the end of the array")
}

// ended makes a cut of the end of the file.
func (a *jsonArray) ended(err error) error {
	if errors.Is(err, io.EOF) {
		return a.cut(a.at+1, "the file ends inside the array")
	}
	return err
}

func (a *jsonArray) cut(at int64, reason string) error {
	return &CutError{Row: a.row, Byte: at, Reason: reason}
}

// skip returns the next byte that is no white space.
func (a *jsonArray) skip() (byte, error) {
	for {
		c, err := a.byte()
		if err != nil || c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, err
		}
	}
}

func (a *jsonArray) byte() (byte, error) {
	c, err := a.in.ReadByte()
	if err == nil {
		a.at++
	}
	return c, err
}

// syntaxError returns what is wrong with a text that is no JSON.
func syntaxError(text []byte) *json.SyntaxError {
	if json.Valid(text) {
		return nil
	}
	var raw json.RawMessage
	var broken *json.SyntaxError
	if errors.As(json.Unmarshal(text, &raw), &broken) {
		return broken
	}
	return &json.SyntaxError{} // the two never differ
}
