package signature

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Prefix starts the text of every secret, so that a leaked one is found by who searches for it.
const Prefix = "whsec_"

// The bytes that a secret may have, by the specification.
const (
	minBytes = 24
	maxBytes = 64
)

const newBytes = 32

const hidden = Prefix + "[hidden]"

// Secret is what a webhook's messages are signed with. It shows in no log: fmt and log/slog print whsec_[hidden], or no
// more than an address inside other structs, and JSON an empty object; only String tells it. The zero Secret is none:
// nothing is signed with it, and nothing that it would sign is verified.
type Secret struct {
	key func() []byte // a function, because fmt prints the unexported fields of others without asking their methods
}

// NewSecret returns a Secret of 32 random bytes.
func NewSecret() Secret {
	key := make([]byte, newBytes)
	_, _ = rand.Read(key) // which never fails (it ends the program itself)
	return Secret{func() []byte { return key }}
}

// ParseSecret returns the Secret of a text: what stands behind whsec_ is base64 (RFC 4648 §4, padded) of 24 to 64 bytes,
// and used as it is; any other text is the secret itself, and has 24 to 64 bytes. Its errors complete a sentence that
// starts with the secret's name, and never hold the text.
func ParseSecret(text string) (Secret, error) {
	encoded, prefixed := strings.CutPrefix(text, Prefix)
	if !prefixed {
		return secretOf([]byte(text), "must be 24 to 64 bytes long, or whsec_ and the base64 of so many")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder passes over
		return Secret{}, errors.New("must go on with base64 behind whsec_, of 24 to 64 bytes and with its padding")
	}
	return secretOf(key, "must have base64 of 24 to 64 bytes behind whsec_")
}

func secretOf(key []byte, rule string) (Secret, error) {
	if len(key) < minBytes || len(key) > maxBytes {
		return Secret{}, fmt.Errorf("%s: these are %d", rule, len(key))
	}
	return Secret{func() []byte { return key }}, nil
}

// String returns the secret in clear, as receivers are given it: whsec_ and base64. It is "" for the zero Secret.
func (s Secret) String() string {
	if s.key == nil {
		return ""
	}
	return Prefix + base64.StdEncoding.EncodeToString(s.key())
}

// Equal reports whether two secrets are the same, in a time that does not tell how much of them is.
func (s Secret) Equal(other Secret) bool {
	if s.key == nil || other.key == nil {
		return s.key == nil && other.key == nil
	}
	return subtle.ConstantTimeCompare(s.key(), other.key()) == 1
}

// Format prints the same for every secret and verb.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// LogValue is the same for every secret.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
