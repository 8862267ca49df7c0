// Package watchlist keeps the permits that organizations watch, with what they keep beside them.
package watchlist

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Item is a permit on a watchlist.
type Item struct {
	PermitUUID       uuid.UUID `db:"permit_uuid"`
	PermitNumber     string    `db:"permit_number"`
	JurisdictionSlug string    `db:"jurisdiction_slug"`
	JurisdictionName string    `db:"jurisdiction_name"`
	Status           string    `db:"status"`
	Address          string    `db:"address"`
	Tags             []string  `db:"-"`
	Priority         string    `db:"priority"` // none, low, medium or high
	AddedAt          time.Time `db:"added_at"`
	UpdatedAt        time.Time `db:"updated_at"`
	Version          int64     `db:"version"`
}

func (i Item) permit(organization uuid.UUID) events.Permit {
	return events.Permit{OrganizationID: organization, UUID: i.PermitUUID, Number: i.PermitNumber}
}

func (i Item) key() page.Key { return page.Key{ID: i.PermitUUID} }

// Create is a permit to watch, named by UUID or by number.
type Create struct {
	PermitUUID   *uuid.UUID
	PermitNumber string
	Jurisdiction string // a slug; "" for any
	Tags         []string
	Priority     string // "" for none
}

// Result is what became of one permit of several.
type Result struct {
	Item    Item
	Created bool
	Problem *problem.Error // nil when the permit is on the watchlist
}

// Update is what is to change of an item; nil leaves it.
type Update struct {
	Tags     []string
	Priority *string
}

// Filter says which items a list holds.
type Filter struct {
	Tags       []string // any of them
	Priorities []string
}

// Track is called in a transaction in which an organization is about to begin or cease to track permits; what it returns
// is called with them afterwards.
type Track func(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (then func(permits []uuid.UUID) error, err error)

// Service keeps watchlists. It is safe for concurrent use.
type Service struct {
	db     *postgres.DB
	track  Track
	outbox *events.Outbox
	now    func() time.Time
}

// NewService returns a Service on the database, which tells of what comes and goes through the outbox.
func NewService(db *postgres.DB, track Track, outbox *events.Outbox, now func() time.Time) *Service {
	return &Service{db: db, track: track, outbox: outbox, now: now}
}

// List returns a page of an organization's items, or a problem of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, f Filter, p page.Query) ([]Item, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	return page.List(p, fmt.Sprintf("watchlist %s %q", organization, f), Item.key,
		func(r page.Request) ([]Item, error) { return list(ctx, q, organization, f, r) },
		func() (int, error) { return count(ctx, q, organization, f, page.MaxDepth+1) })
}

// Get returns an item, or NotFound.
func (s *Service) Get(ctx context.Context, organization, permit uuid.UUID) (Item, error) {
	return get(ctx, postgres.From(ctx, s.db), organization, permit)
}

// Add puts a permit on the watchlist. One that is there already stays as it is, and created is false. It returns
// NotFound, ambiguous_permit_number, slot_limit_reached and invalid_body.
func (s *Service) Add(ctx context.Context, organization uuid.UUID, c Create) (item Item, created bool, err error) {
	results, err := s.AddAll(ctx, organization, []Create{c})
	if err != nil {
		return item, false, err
	}
	if p := results[0].Problem; p != nil {
		return item, false, p
	}
	return results[0].Item, results[0].Created, nil
}

// AddAll puts each permit on the watchlist for itself, in order, and says for each what Add would have said.
func (s *Service) AddAll(ctx context.Context, organization uuid.UUID, all []Create) ([]Result, error) {
	results := make([]Result, len(all))
	err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		slots, err := lockSlots(ctx, tx, organization)
		if err != nil {
			return err
		}
		then, err := s.track(ctx, tx, organization)
		if err != nil {
			return err
		}
		var added []uuid.UUID
		for i, c := range all {
			r := &results[i]
			err := admit(ctx, tx, organization, c, &slots, r)
			if err != nil && !errors.As(err, &r.Problem) {
				return err
			}
			if r.Created {
				added = append(added, r.Item.PermitUUID)
				s.outbox.Append(tx, events.NewAdded(ctx, r.Item.permit(organization)))
			}
		}
		return then(added)
	})
	return results, err
}

// admit adds one permit. It returns every problem before it writes anything, so that a refused permit leaves the
// transaction as it was.
func admit(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, c Create, s *slots, r *Result) error {
	if err := c.check(); err != nil {
		return err
	}
	permit, err := find(ctx, tx, c)
	if err != nil {
		return err
	}
	r.Item, err = get(ctx, tx, organization, permit)
	var missing *problem.Error
	if !errors.As(err, &missing) {
		return err // there already, or a fault
	}
	if s.Allowed != nil && s.Used >= *s.Allowed {
		return problem.New(problem.Conflict, "slot_limit_reached", fmt.Sprintf(
			"%d of %d permit slots of the %s plan are used; remove a permit from the watchlist, or change the plan.", s.Used, *s.Allowed, s.Plan))
	}
	if err := insert(ctx, tx, organization, permit, c); err != nil {
		return err
	}
	s.Used++
	r.Created = true
	r.Item, err = get(ctx, tx, organization, permit)
	return err
}

// check holds a creation against the rules that its schema cannot say.
func (c Create) check() error {
	detail := problem.Detail{Pointer: "/permit_uuid"}
	switch {
	case c.PermitUUID == nil && c.PermitNumber == "":
		detail.Code, detail.Message = "required", "must be given, or else permit_number"
	case c.PermitUUID != nil && c.PermitNumber != "":
		detail.Code, detail.Message = "exclusive", "cannot be combined with permit_number; send one of them"
	case c.PermitUUID != nil && c.Jurisdiction != "":
		detail.Pointer, detail.Code, detail.Message = "/jurisdiction", "requires", "belongs to permit_number, not to permit_uuid"
	default:
		return nil
	}
	return problem.Body(detail)
}

// unknown returns the failure of a creation that names no permit.
func (c Create) unknown() error {
	missing := problem.Missing("permit")
	d := problem.Detail{In: problem.InBody, Pointer: "/permit_number", Code: "not_found", Message: "must be the number of a permit, exactly as its city writes it"}
	switch {
	case c.PermitUUID != nil:
		d.Pointer, d.Message = "/permit_uuid", "must be the uuid of a permit"
	case c.Jurisdiction != "":
		d.Message = "must be the number of a permit of the jurisdiction " + c.Jurisdiction
	}
	missing.Details = []problem.Detail{d}
	return missing
}

// Update changes an item. The request's If-Match is ifMatch. It returns NotFound and precondition_failed.
func (s *Service) Update(ctx context.Context, organization, permit uuid.UUID, ifMatch *string, u Update) (item Item, err error) {
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.lock(ctx, tx, organization, permit, ifMatch); err != nil {
			return err
		}
		if err := update(ctx, tx, organization, permit, u, s.now()); err != nil {
			return err
		}
		item, err = get(ctx, tx, organization, permit)
		return err
	})
	return item, err
}

// Remove takes a permit off the watchlist. The request's If-Match is ifMatch. It returns NotFound and precondition_failed.
func (s *Service) Remove(ctx context.Context, organization, permit uuid.UUID, ifMatch *string) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		if err := s.lock(ctx, tx, organization, permit, ifMatch); err != nil {
			return err
		}
		then, err := s.track(ctx, tx, organization)
		if err != nil {
			return err
		}
		item, err := get(ctx, tx, organization, permit)
		if err != nil {
			return err
		}
		if err := remove(ctx, tx, organization, permit); err != nil {
			return err
		}
		s.outbox.Append(tx, events.NewRemoved(ctx, item.permit(organization)))
		return then([]uuid.UUID{permit})
	})
}

// lock keeps others from changing the item until the transaction ends, if it has the version that ifMatch wants.
func (s *Service) lock(ctx context.Context, tx *postgres.Tx, organization, permit uuid.UUID, ifMatch *string) error {
	version, err := lockVersion(ctx, tx, organization, permit)
	if err != nil {
		return err
	}
	return etag.Check(ifMatch, version)
}
