package validation

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/plotwise/plotwise/internal/problem"
)

const (
	maxDepth    = 64
	maxNumber   = 100 // characters
	maxExponent = 308 // as in IEEE 754 binary64, which RFC 8259 §6 expects of readers
)

// checkJSON reports the first thing that keeps a body from being one well-formed JSON value (RFC 8259) that every
// reader understands alike: names are unique (RFC 7493 §2.3), text is UTF-8 without NUL.
func checkJSON(body []byte) *problem.Detail {
	if !utf8.Valid(body) {
		return &problem.Detail{In: problem.InBody, Code: "encoding", Message: "must be UTF-8"}
	}
	if at, found := loneSurrogate(body); found {
		return &problem.Detail{In: problem.InBody, Code: "encoding", Message: "must not have half of a surrogate pair, as at byte " + strconv.Itoa(at)}
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	w := walker{dec: dec}
	if err := w.value("", 0); err != nil {
		var broken *brokenError
		if errors.As(err, &broken) {
			return &broken.detail
		}
		return &problem.Detail{In: problem.InBody, Code: "syntax", Message: "must be JSON; " + mistake(body)}
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return &problem.Detail{In: problem.InBody, Code: "syntax", Message: "must be one JSON value, with nothing after it"}
	}
	return nil
}

// mistake says where a body ceases to be JSON, and what is there. Lines and columns count from 1, columns in characters.
func mistake(body []byte) string {
	var syntax *json.SyntaxError
	at := len(body)
	if err := json.Unmarshal(body, new(any)); errors.As(err, &syntax) && !strings.HasPrefix(syntax.Error(), "unexpected end") {
		at = int(syntax.Offset) - 1
		if strings.HasPrefix(syntax.Error(), "invalid character ' '") && body[at] != ' ' { // it was read as if a space followed the end
			at = len(body)
		}
	}
	before := body[:at]
	for len(before) > 0 && !utf8.Valid(before) { // the offset is within a character
		before = before[:len(before)-1]
	}
	line, column := bytes.Count(before, []byte("\n"))+1, utf8.RuneCount(before[bytes.LastIndexByte(before, '\n')+1:])+1
	if found, size := utf8.DecodeRune(body[len(before):]); size > 0 {
		return fmt.Sprintf("line %d, column %d has %q, which cannot stand there", line, column, string(found))
	}
	return fmt.Sprintf("it ends too early, at line %d, column %d", line, column)
}

type brokenError struct{ detail problem.Detail }

func (e *brokenError) Error() string { return e.detail.Message }

func broken(pointer, code, format string, args ...any) error {
	return &brokenError{problem.Detail{In: problem.InBody, Pointer: pointer, Code: code, Message: fmt.Sprintf(format, args...)}}
}

// walker reads a value token by token, which shows the names that decoding into a map would merge.
type walker struct{ dec *json.Decoder }

func (w walker) value(at string, depth int) error {
	if depth > maxDepth {
		return broken(at, "depth", "must not be nested deeper than %d levels", maxDepth)
	}
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return w.object(at, depth)
		}
		return w.array(at, depth)
	case string:
		if strings.ContainsRune(t, 0) {
			return broken(at, "encoding", "must not contain the character NUL")
		}
	case json.Number:
		if !measurable(t.String()) {
			return broken(at, "range", "must be a number of at most %d characters between 1e-%d and 1e%[2]d", maxNumber, maxExponent)
		}
	}
	return nil
}

// measurable reports whether a number may go to the schema compiler, which computes exactly: the time that takes grows
// with the exponent, and beyond some it has no value.
func measurable(number string) bool {
	at := strings.IndexAny(number, "eE")
	if len(number) > maxNumber || at < 0 {
		return len(number) <= maxNumber
	}
	exponent, err := strconv.Atoi(number[at+1:])
	return err == nil && -maxExponent <= exponent && exponent <= maxExponent
}

func (w walker) object(at string, depth int) error {
	seen := map[string]bool{}
	for w.dec.More() {
		token, err := w.dec.Token()
		if err != nil {
			return err
		}
		name, ok := token.(string)
		if !ok {
			return errors.New("a name must be a string")
		}
		if strings.ContainsRune(name, 0) {
			return broken(at, "encoding", "must not have a name with the character NUL")
		}
		place := at + "/" + pointerEscaper.Replace(name)
		if seen[name] {
			return broken(place, "duplicate", "is there twice")
		}
		seen[name] = true
		if err := w.value(place, depth+1); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

func (w walker) array(at string, depth int) error {
	for i := 0; w.dec.More(); i++ {
		if err := w.value(at+"/"+strconv.Itoa(i), depth+1); err != nil {
			return err
		}
	}
	_, err := w.dec.Token()
	return err
}

var pointerEscaper = strings.NewReplacer("~", "~0", "/", "~1")
