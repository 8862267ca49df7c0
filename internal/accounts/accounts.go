// Package accounts lets people in: by a password, or by a link that works once.
package accounts

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Membership is an organization that somebody belongs to.
type Membership struct {
	OrganizationID uuid.UUID `db:"organization_id"`
	Organization   string    `db:"organization"` // its name
	Plan           string    `db:"plan"`
	MemberID       uuid.UUID `db:"member_id"`
	Name           string    `db:"name"`
	Role           string    `db:"role"` // owner, admin or member
}

// Manages reports whether the role may change things and see secrets.
func (m Membership) Manages() bool { return m.Role == "owner" || m.Role == "admin" }

// Service lets people in. It is safe for concurrent use.
type Service struct {
	db      *postgres.DB
	now     func() time.Time
	hashing chan struct{} // each takes memory
}

// parameters are OWASP's for argon2id (RFC 9106): 19 MiB, two passes.
var parameters = &argon2id.Params{Memory: 19 << 10, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashesAtOnce keeps sign-ins from taking all memory and every processor.
const hashesAtOnce = 2

// nobody is the hash of a password that nobody knows, with the same parameters.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$2xMfl5ROX+gUYeMNQCRE1w$Bz7GRRjOIuUTBUVD0m1hDQnuXnNaqZNhmKdPXEisK40"

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time) *Service {
	return &Service{db: db, now: now, hashing: make(chan struct{}, hashesAtOnce)}
}

// Memberships returns the organizations that have a member of that address, by name.
func (s *Service) Memberships(ctx context.Context, email string) ([]Membership, error) {
	return memberships(ctx, postgres.From(ctx, s.db), normal(email))
}

func normal(email string) string { return strings.ToLower(strings.TrimSpace(email)) }

// SignIn returns the address that an account has, in lower case. It returns wrong_password for every pair
// that is not an account's, and takes as long for one as for the other.
func (s *Service) SignIn(ctx context.Context, email, password string) (string, error) {
	email = normal(email)
	hash, err := passwordOf(ctx, postgres.From(ctx, s.db), email)
	if err != nil {
		return "", err
	}
	known := hash != ""
	if !known {
		hash = nobody
	}
	var matches bool
	if err := s.hash(ctx, func() (err error) { matches, err = argon2id.ComparePasswordAndHash(password, hash); return err }); err != nil {
		return "", err
	}
	if !known || !matches {
		return "", problem.New(problem.Unauthenticated, "wrong_password", "The e-mail address or the password is wrong.")
	}
	return email, nil
}

// hash does one of the few hashings that may go on at once.
func (s *Service) hash(ctx context.Context, do func() error) error {
	select {
	case s.hashing <- struct{}{}:
		defer func() { <-s.hashing }()
		return do()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// The length that a password has to have, in characters; NIST SP 800-63B §5.1.1.2 asks for eight at least and no rules of
// composition.
const (
	shortest = 12
	longest  = 200
)

// SetPassword gives the account of an address a password; the links and sessions of before are over. It returns invalid_body for one that is too short or too long.
func (s *Service) SetPassword(ctx context.Context, email, password string) error {
	if n := utf8.RuneCountInString(password); n < shortest || n > longest {
		return problem.Body(problem.Detail{Pointer: "/password", Code: "length", Message: "must have 12 to 200 characters; a few words in a row are good"})
	}
	var hash string
	if err := s.hash(ctx, func() (err error) { hash, err = argon2id.CreateHash(password, parameters); return err }); err != nil {
		return err
	}
	return setPassword(ctx, postgres.From(ctx, s.db), normal(email), hash, s.now())
}

// Changed returns when the password of an account was set; the zero time when none was. Sessions of before are over.
func (s *Service) Changed(ctx context.Context, email string) (time.Time, error) {
	return changed(ctx, postgres.From(ctx, s.db), normal(email))
}

// HasPassword reports whether somebody of that address can sign in with a password.
func (s *Service) HasPassword(ctx context.Context, email string) (bool, error) {
	hash, err := passwordOf(ctx, postgres.From(ctx, s.db), normal(email))
	return hash != "", err
}

// Link returns the token of a link that lets somebody of that address in once, until it expires.
func (s *Service) Link(ctx context.Context, email string, lifetime time.Duration) (token string, err error) {
	token = rand.Text()
	now := s.now()
	return token, insertLink(ctx, postgres.From(ctx, s.db), digest(token), normal(email), now, now.Add(lifetime))
}

// Invite returns the token of a link for somebody whom an organization's own people make a member; call it in the transaction
// that does. Whoever gets the link acts as that address, so it returns member_elsewhere for one that belongs to another
// organization, and ends whatever let somebody in as that address before.
func (s *Service) Invite(ctx context.Context, organization uuid.UUID, email string, lifetime time.Duration) (token string, err error) {
	email = normal(email)
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := lockAddress(ctx, tx, email); err != nil {
			return err
		}
		switch elsewhere, err := isElsewhere(ctx, tx, email, organization); {
		case err != nil:
			return err
		case elsewhere:
			return problem.New(problem.Conflict, "member_elsewhere", "Somebody with this address belongs to another organization. Ask support to add them to yours.")
		}
		if err := setPassword(ctx, tx, email, "", s.now()); err != nil {
			return err
		}
		token, err = s.Link(postgres.WithTx(ctx, tx), email, lifetime)
		return err
	})
	return token, err
}

func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// Open returns whom a link lets in, and does not use it. It returns link_over for one that was used, has expired or never
// was.
func (s *Service) Open(ctx context.Context, token string) (email string, err error) {
	return linkOf(ctx, postgres.From(ctx, s.db), digest(token), s.now())
}

// Use returns whom a link lets in, this once; or link_over.
func (s *Service) Use(ctx context.Context, token string) (email string, err error) {
	return useLink(ctx, postgres.From(ctx, s.db), digest(token), s.now())
}

// Prune deletes the links and the sessions that are over for an hour: longer than any request that could still know them.
func (s *Service) Prune(ctx context.Context) error {
	return prune(ctx, s.db, s.now().Add(-time.Hour))
}
