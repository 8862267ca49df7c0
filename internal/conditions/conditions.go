// Package conditions keeps Portfolio conditions, which say which permits are an organization's business, and the permits
// that match them.
package conditions

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// The types of conditions.
const (
	Company  = "company"
	License  = "license"
	Person   = "person"
	Location = "location"
)

// Condition is a Portfolio condition. Its type says which of the criteria it has; the others are zero.
type Condition struct {
	ID         uuid.UUID `db:"id"`
	Type       string    `db:"type"`
	Name       string    `db:"name"`
	Company    string    `db:"company"`
	License    string    `db:"license"`
	Person     string    `db:"person"`
	Latitude   float64   `db:"latitude"` // degrees, WGS 84
	Longitude  float64   `db:"longitude"`
	RadiusM    int       `db:"radius_m"` // metres
	MatchCount int64     `db:"match_count"`
	CreatedAt  time.Time `db:"created_at"`
	UpdatedAt  time.Time `db:"updated_at"`
	Version    int64     `db:"version"`
}

func (c Condition) key() page.Key { return page.Key{ID: c.ID} }

// Update is what is to change of a condition; nil leaves it.
type Update struct {
	Name, Company, License, Person *string
	Latitude, Longitude            *float64
	RadiusM                        *int32
}

// Track is called in a transaction in which an organization is about to begin or cease to track permits; what it returns
// is called with them afterwards.
type Track func(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (then func(permits []uuid.UUID) error, err error)

// Service keeps conditions and what matches them. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	track Track
	now   func() time.Time
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, track Track, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, track: track, now: now, newID: newID}
}

// List returns a page of an organization's conditions, the oldest first, or a problem of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, p page.Query) ([]Condition, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	return page.List(p, fmt.Sprintf("conditions %s", organization), Condition.key,
		func(r page.Request) ([]Condition, error) { return list(ctx, q, organization, r) },
		func() (int, error) { return count(ctx, q, organization) })
}

// Get returns a condition, or NotFound.
func (s *Service) Get(ctx context.Context, organization, condition uuid.UUID) (Condition, error) {
	return get(ctx, postgres.From(ctx, s.db), organization, condition)
}

// Create makes a condition and finds the permits that match it. Without a name it makes one. It returns
// condition_limit_reached when the organization's plan has no room for it, and invalid_body for what has neither letters
// nor digits.
func (s *Service) Create(ctx context.Context, organization uuid.UUID, c Condition) (created Condition, err error) {
	c.trim()
	if err := c.check(); err != nil {
		return created, err
	}
	if c.Name == "" {
		c.Name = nameOf(c)
	}
	c.ID = s.newID()
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := room(ctx, tx, organization); err != nil {
			return err
		}
		if err := insert(ctx, tx, organization, c, s.now()); err != nil {
			return err
		}
		if err := s.findPermits(ctx, tx, organization, c); err != nil {
			return err
		}
		created, err = get(ctx, tx, organization, c.ID)
		return err
	})
	return created, err
}

// trim takes white space off the ends of the texts.
func (c *Condition) trim() {
	for _, text := range []*string{&c.Name, &c.Company, &c.License, &c.Person} {
		*text = strings.TrimSpace(*text)
	}
}

// check returns invalid_body when what is looked for has neither letters nor digits, by which texts are compared.
func (c *Condition) check() error {
	for kind, text := range map[string]string{Company: c.Company, License: c.License, Person: c.Person} {
		if kind == c.Type && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }) {
			return problem.Body(problem.Detail{Pointer: "/" + kind, Code: "letters_or_digits", Message: "must have a letter or a digit"})
		}
	}
	return nil
}

// nameOf says what a condition looks for, cut to the length of a name.
func nameOf(c Condition) string {
	text := ""
	switch c.Type {
	case Company:
		text = c.Company
	case License:
		text = "License " + c.License
	case Person:
		text = c.Person
	case Location:
		text = fmt.Sprintf("Within %d m of %g, %g", c.RadiusM, c.Latitude, c.Longitude)
	}
	const longest = 100
	text = strings.TrimSpace(text)
	if runes := []rune(text); len(runes) > longest {
		return string(runes[:longest-1]) + "…"
	}
	return text
}

// room keeps others from taking a place until the transaction ends, and returns condition_limit_reached when none is left.
func room(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) error {
	plan, allowed, err := lockLimit(ctx, tx, organization)
	if err != nil || allowed == nil {
		return err
	}
	used, err := count(ctx, tx, organization)
	if err == nil && used >= *allowed {
		return problem.New(problem.Conflict, "condition_limit_reached", fmt.Sprintf(
			"%d of %d conditions of the %s plan are used; delete one, or change the plan.", used, *allowed, plan))
	}
	return err
}

// findPermits finds the permits that match a condition now. From here to the commit, imports wait.
func (s *Service) findPermits(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, c Condition) error {
	then, err := s.track(ctx, tx, organization)
	if err != nil {
		return err
	}
	at, err := stamp(ctx, tx)
	if err != nil {
		return err
	}
	permits, err := replaceMatches(ctx, tx, organization, c, at)
	if err != nil {
		return err
	}
	return then(permits)
}

// Update changes a condition; when what it looks for changes, its permits are found anew. The request's
// If-Match is ifMatch. It returns NotFound, precondition_failed, and invalid_body for a criterion that its type does not have.
func (s *Service) Update(ctx context.Context, organization, condition uuid.UUID, ifMatch *string, u Update) (changed Condition, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		c, err := s.lock(ctx, tx, organization, condition, ifMatch)
		if err != nil {
			return err
		}
		before := c
		if err := u.apply(&c); err != nil {
			return err
		}
		if changed = c; c == before {
			return nil
		}
		if err := update(ctx, tx, organization, c, s.now()); err != nil {
			return err
		}
		if before.Name = c.Name; before != c {
			if err := s.findPermits(ctx, tx, organization, c); err != nil {
				return err
			}
		}
		changed, err = get(ctx, tx, organization, condition)
		return err
	})
	return changed, err
}

// apply puts the changes into the condition.
func (u Update) apply(c *Condition) error {
	named := nameOf(*c) == c.Name // by us: the name goes with what it says
	var details []problem.Detail
	set := func(field, kind string, given bool, apply func()) {
		switch {
		case !given:
		case kind != "" && kind != c.Type:
			details = append(details, problem.Detail{
				Pointer: "/" + field, Code: "not_applicable", Message: "is not a field of a " + c.Type + " condition",
			})
		default:
			apply()
		}
	}
	set("name", "", u.Name != nil, func() { c.Name = *u.Name })
	set("company", Company, u.Company != nil, func() { c.Company = *u.Company })
	set("license", License, u.License != nil, func() { c.License = *u.License })
	set("person", Person, u.Person != nil, func() { c.Person = *u.Person })
	set("latitude", Location, u.Latitude != nil, func() { c.Latitude = *u.Latitude })
	set("longitude", Location, u.Longitude != nil, func() { c.Longitude = *u.Longitude })
	set("radius_m", Location, u.RadiusM != nil, func() { c.RadiusM = int(*u.RadiusM) })
	if len(details) > 0 {
		return problem.Body(details...)
	}
	if c.trim(); c.Name == "" || named && u.Name == nil {
		c.Name = nameOf(*c)
	}
	return c.check()
}

// Delete deletes a condition with its matches. The request's If-Match is ifMatch. It returns NotFound and
// precondition_failed.
func (s *Service) Delete(ctx context.Context, organization, condition uuid.UUID, ifMatch *string) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if _, err := s.lock(ctx, tx, organization, condition, ifMatch); err != nil {
			return err
		}
		then, err := s.track(ctx, tx, organization)
		if err != nil {
			return err
		}
		if _, err := stamp(ctx, tx); err != nil { // no import matches it any more
			return err
		}
		permits, err := remove(ctx, tx, organization, condition)
		if err != nil {
			return err
		}
		return then(permits)
	})
}

// lock returns the condition, which nobody else changes until the transaction ends, if it has the version that ifMatch wants.
func (s *Service) lock(ctx context.Context, tx *postgres.Tx, organization, condition uuid.UUID, ifMatch *string) (Condition, error) {
	if err := lock(ctx, tx, organization, condition); err != nil {
		return Condition{}, err
	}
	c, err := get(ctx, tx, organization, condition)
	if err != nil {
		return c, err
	}
	return c, etag.Check(ifMatch, c.Version)
}

// Match finds, in the transaction that changed permits, which conditions of all organizations they match now, and
// reports whether there are any conditions. The transaction holds the lock of stamp_change(), which gave it at.
func (s *Service) Match(ctx context.Context, tx *postgres.Tx, permits []uuid.UUID, at time.Time) (bool, error) {
	some, err := exist(ctx, tx)
	if err != nil || !some || len(permits) == 0 {
		return some, err
	}
	return true, match(ctx, tx, permits, at)
}
