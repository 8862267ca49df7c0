// Package id makes the ids that the API shows out of the UUIDs that the database holds: TypeIDs (type-safe,
// K-sortable ids, specification 0.3), such as org_01k0n5v8e2f7tbqzr6m4c3x9wd.
package id

import (
	"encoding/base32"
	"strings"

	"github.com/google/uuid"
)

// The prefixes of the things that have such an id.
const (
	Organization = "org"
	APIKey       = "key"
	Note         = "note"
	Condition    = "cond"
	Contact      = "cont"
	Event        = "evt"
	Webhook      = "whk"
	Delivery     = "dlv"
	Attempt      = "att"
	Member       = "mem"
	Notification = "ntf"
)

// crockford is Douglas Crockford's base32 in lower case.
var crockford = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Format returns prefix, "_" and the UUID as 26 characters.
func Format(prefix string, u uuid.UUID) string {
	// 26 characters hold 130 bits: two zero bits stand before the UUID's 128. Encoding 20 bytes with the UUID
	// shifted into place gives them, after six characters of zeros.
	var padded [20]byte
	copy(padded[4:], u[:])
	return prefix + "_" + crockford.EncodeToString(padded[:])[6:]
}

// Parse returns the UUID of an id with that prefix, and whether it is one.
func Parse(prefix, text string) (uuid.UUID, bool) {
	digits, ok := strings.CutPrefix(text, prefix+"_")
	if !ok || len(digits) != 26 || digits[0] > '7' {
		return uuid.Nil, false
	}
	padded, err := crockford.DecodeString("000000" + digits)
	if err != nil {
		return uuid.Nil, false
	}
	return uuid.UUID(padded[4:]), true
}

// UUID returns the UUID of an id with that prefix; for a text that is none, the nil UUID, which nothing has.
func UUID(prefix, text string) uuid.UUID {
	u, _ := Parse(prefix, text)
	return u
}
