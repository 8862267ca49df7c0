package page

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/problem"
)

// Key is an item's position in a list: the value that the list is ordered by, as Postgres writes it, and the id that
// makes the order unique. Value is empty where the id alone is the order.
type Key struct {
	Value string    `json:"v,omitempty"`
	ID    uuid.UUID `json:"id"`
}

const sumSize = 8

// encode renders a key as an opaque cursor: a checksum over scope and key, then the key. The checksum is no secret; it
// tells a cursor that was cut, changed or carried over to another list from a good one.
func encode(k Key, scope string) string {
	text, err := json.Marshal(k)
	if err != nil { // a string and a UUID always marshal
		panic(err)
	}
	return base64.RawURLEncoding.EncodeToString(append(sum(text, scope), text...))
}

func decode(cursor, scope string) (*Key, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor) // strict: one cursor has one spelling
	if err != nil || len(raw) <= sumSize {
		return nil, invalidCursor()
	}
	checksum, text := raw[:sumSize], raw[sumSize:]
	var k Key
	if !bytes.Equal(checksum, sum(text, scope)) || json.Unmarshal(text, &k) != nil {
		return nil, invalidCursor()
	}
	return &k, nil
}

func sum(text []byte, scope string) []byte {
	h := sha256.New()
	h.Write([]byte(scope))
	h.Write([]byte{0})
	h.Write(text)
	return h.Sum(nil)[:sumSize]
}

func invalidCursor() *problem.Error {
	return &problem.Error{
		Kind: problem.Invalid, Code: "invalid_cursor",
		Message: "The cursor is not one of this list: take next_cursor from an answer with the same filters, or start again without cursor.",
		Details: []problem.Detail{{
			In: problem.InQuery, Pointer: "cursor", Code: "invalid_cursor",
			Message: "must be the next_cursor of an answer with the same filters",
		}},
	}
}
