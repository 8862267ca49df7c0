// Package secret encrypts what the database must not hold in clear: the secrets of webhooks and their custom headers.
package secret

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
)

const keyBytes = 32

// version is the first byte of every sealed text, so that another cipher can come to stand beside this one.
const version = 1

// errUnreadable says nothing of what was sealed, nor which of the reasons it is.
var errUnreadable = errors.New("the sealed text cannot be opened: it was changed or moved to another row, or sealed under another key")

// Key encrypts and decrypts. It never shows in a log: fmt, log/slog and JSON do not print it, even inside other structs.
// The zero Key is none.
type Key struct {
	bytes func() []byte // a function, because fmt prints the unexported fields of others without asking their methods
}

// Parse reads a key: base64 (RFC 4648 §4, padded) of 32 bytes, as Generate makes it. Space around it is ignored, and its
// errors never hold the text.
func Parse(text string) (Key, error) {
	found, err := base64.StdEncoding.Strict().DecodeString(strings.TrimSpace(text))
	if err != nil {
		return Key{}, errors.New("want base64 of 32 random bytes, as openssl rand -base64 32 prints: it is no base64")
	}
	if len(found) != keyBytes {
		return Key{}, fmt.Errorf("want base64 of 32 random bytes, as openssl rand -base64 32 prints: it is base64 of %d bytes", len(found))
	}
	return Key{func() []byte { return found }}, nil
}

// Generate returns a new key as text that Parse reads.
func Generate() string {
	made := make([]byte, keyBytes)
	_, _ = rand.Read(made) // which never fails (it ends the program itself)
	return base64.StdEncoding.EncodeToString(made)
}

// Format prints the same for every key and verb.
func (Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret key]") }

// Box seals and opens texts under one key. It is safe for concurrent use.
type Box struct {
	aead cipher.AEAD
}

// NewBox returns the Box of a key. It panics for the zero Key.
func NewBox(key Key) *Box {
	block, err := aes.NewCipher(key.bytes())
	if err != nil { // which only another length is a reason for
		panic(err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil { // as above
		panic(err)
	}
	return &Box{aead: aead}
}

// Seal returns plain encrypted by AES-256-GCM for the row of that id: a version byte, 12 random bytes of nonce, the
// ciphertext and 16 bytes of tag. One key is good for 2³² texts (NIST SP 800-38D §8.3).
func (b *Box) Seal(plain []byte, id uuid.UUID) []byte {
	return b.aead.Seal([]byte{version}, nil, plain, associated(id)) //nolint:gosec // the AEAD draws the nonce itself
}

// Open returns what Seal encrypted for the row of that id. All errors are the same: the text was changed, belongs to
// another row or was sealed under another key.
func (b *Box) Open(sealed []byte, id uuid.UUID) ([]byte, error) {
	if len(sealed) < 1 || sealed[0] != version {
		return nil, errUnreadable
	}
	plain, err := b.aead.Open(nil, nil, sealed[1:], associated(id))
	if err != nil {
		return nil, errUnreadable
	}
	return plain, nil
}

// associated ties a sealed text to its row and to its version.
func associated(id uuid.UUID) []byte { return append([]byte{version}, id[:]...) }
