// Package apikeys makes API keys and recognizes them. A key exists in clear only in the answer to its creation.
package apikeys

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"hash/crc32"
	"math/big"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Prefix starts every key, so that a leaked one is found by who searches for it.
const Prefix = "pw_live_"

const (
	alphabet     = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	randomDigits = 30
	sumDigits    = 6
)

// Service makes and recognizes API keys. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	now   func() time.Time
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, now: now, newID: newID}
}

// Key is a new key as it is stored.
type Key struct {
	OrganizationID uuid.UUID
	ID             uuid.UUID
	Name           string
	Permissions    []identity.Permission
	ExpiresAt      *time.Time // nil: never
}

// Create stores a key and returns it in clear, which nothing can do again. OrganizationID, Name, Permissions and
// ExpiresAt are the caller's; permissions lose their order and their doubles.
func (s *Service) Create(ctx context.Context, k Key) (clear string, err error) {
	k.ID = s.newID()
	slices.Sort(k.Permissions)
	k.Permissions = slices.Compact(k.Permissions)
	clear = generate()
	return clear, create(ctx, postgres.From(ctx, s.db), k, clear, s.now())
}

// Authenticate returns who the key belongs to. It returns invalid_api_key, expired_api_key or revoked_api_key. A mistyped
// key is refused without asking the database.
func (s *Service) Authenticate(ctx context.Context, clear string) (identity.Identity, error) {
	if !wellFormed(clear) {
		return identity.Identity{}, errInvalid()
	}
	stored, err := getByHash(ctx, postgres.From(ctx, s.db), hash(clear))
	if err != nil {
		return identity.Identity{}, err
	}
	switch {
	case stored.RevokedAt != nil:
		return identity.Identity{}, problem.New(problem.Unauthenticated, "revoked_api_key", "This API key was revoked; create another.")
	case stored.ExpiresAt != nil && !s.now().Before(*stored.ExpiresAt):
		return identity.Identity{}, problem.New(problem.Unauthenticated, "expired_api_key",
			fmt.Sprintf("This API key expired at %s; create another.", stored.ExpiresAt.UTC().Format(time.RFC3339)))
	}
	return stored.identity(), nil
}

func errInvalid() error {
	return problem.New(problem.Unauthenticated, "invalid_api_key", "There is no such API key; check that it was copied whole.")
}

// generate returns a new key: the prefix, 30 random base62 digits (178 bits) and the checksum of both.
func generate() string {
	var b strings.Builder
	b.WriteString(Prefix)
	base := big.NewInt(int64(len(alphabet)))
	for range randomDigits {
		n, err := rand.Int(rand.Reader, base)
		if err != nil { // crypto/rand never fails (it ends the program itself)
			panic(err)
		}
		b.WriteByte(alphabet[n.Int64()])
	}
	return b.String() + checksum(b.String())
}

// checksum returns the CRC-32 (IEEE) of the text as six base62 digits.
func checksum(text string) string {
	sum := crc32.ChecksumIEEE([]byte(text))
	var digits [sumDigits]byte
	for i := range digits {
		digits[sumDigits-1-i] = alphabet[sum%62]
		sum /= 62
	}
	return string(digits[:])
}

func wellFormed(clear string) bool {
	if len(clear) != len(Prefix)+randomDigits+sumDigits || !strings.HasPrefix(clear, Prefix) {
		return false
	}
	body, sum := clear[:len(clear)-sumDigits], clear[len(clear)-sumDigits:]
	return checksum(body) == sum
}

func hash(clear string) []byte {
	sum := sha256.Sum256([]byte(clear))
	return sum[:]
}
