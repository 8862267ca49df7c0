// Package members keeps the people of organizations, each with a role.
package members

import (
	"context"
	"fmt"
	"net/mail"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// The roles of members. Owners and admins are told of the organization's affairs.
const (
	Owner = "owner"
	Admin = "admin"
	Plain = "member"
)

// Roles are the roles that a member can have.
func Roles() []string { return []string{Owner, Admin, Plain} }

// Member is a person of an organization.
type Member struct {
	ID        uuid.UUID `db:"id"`
	Email     string    `db:"email"` // upper and lower case as it was given; an organization has it once in any case
	Name      string    `db:"name"`
	Role      string    `db:"role"` // one of Roles
	CreatedAt time.Time `db:"created_at"`
}

// Service keeps members. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	now   func() time.Time
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, now: now, newID: newID}
}

// List returns an organization's members, the first one first.
func (s *Service) List(ctx context.Context, organization uuid.UUID) ([]Member, error) {
	return list(ctx, postgres.From(ctx, s.db), organization)
}

// Add makes somebody a member, in a role of Roles. It returns invalid_body, member_exists when the organization has one with that
// address, and seat_limit_reached when its plan has no seat left.
func (s *Service) Add(ctx context.Context, organization uuid.UUID, m Member) (Member, error) {
	m.Email, m.Name = strings.TrimSpace(m.Email), strings.TrimSpace(m.Name)
	if details := m.check(); len(details) > 0 {
		return m, problem.Body(details...)
	}
	m.ID, m.CreatedAt = s.newID(), s.now()
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := seat(ctx, tx, organization); err != nil {
			return err
		}
		return insert(ctx, tx, organization, m)
	})
	return m, err
}

// check returns what is wrong with a member.
func (m Member) check() []problem.Detail {
	var details []problem.Detail
	parsed, err := mail.ParseAddress(m.Email)
	if err != nil || parsed.Address != m.Email || len(m.Email) > 254 || strings.ContainsFunc(m.Email, isForeignCapital) { // RFC 5321 §4.5.3.1
		details = append(details, problem.Detail{Pointer: "/email", Code: "email", Message: "must be an e-mail address such as name@example.com"})
	}
	if n := utf8.RuneCountInString(m.Name); n < 1 || n > 200 || strings.ContainsFunc(m.Name, unicode.IsControl) {
		details = append(details, problem.Detail{Pointer: "/name", Code: "name", Message: "must have 1 to 200 characters, in one line"})
	}
	return details
}

// isForeignCapital reports whether a letter beyond ASCII has another one for its small letter. By locale databases know that or
// do not, so that an address with one (K, the sign of Kelvin) would be another's to the program alone.
func isForeignCapital(r rune) bool { return r > unicode.MaxASCII && unicode.ToLower(r) != r }

// seat keeps others from taking a seat until the transaction ends, and returns seat_limit_reached when none is left.
func seat(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) error {
	plan, allowed, err := lockSeats(ctx, tx, organization)
	if err != nil || allowed == nil {
		return err
	}
	used, err := count(ctx, tx, organization)
	if err == nil && used >= *allowed {
		return problem.New(problem.Conflict, "seat_limit_reached", fmt.Sprintf(
			"%d of %d seats of the %s plan are used; change the plan to add members.", used, *allowed, plan))
	}
	return err
}
