// Package permits serves building permits and their history, and merges what the cities publish into them.
package permits

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/documents"
	"github.com/plotwise/plotwise/internal/geo"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Permit is a building permit as lists show it. Dates are at midnight UTC.
type Permit struct {
	UUID             uuid.UUID  `db:"uuid"`
	PermitNumber     string     `db:"permit_number"`
	Status           string     `db:"status"` // the city's own words
	Stage            string     `db:"stage"`  // BLDS 1.2 StatusCurrentMapped, and unknown
	State            string     `db:"state"`  // active or closed
	Type             string     `db:"type"`
	Description      string     `db:"description"`
	Street           string     `db:"street"`
	City             string     `db:"city"`
	Region           string     `db:"region"`
	PostalCode       string     `db:"postal_code"`
	Latitude         *float64   `db:"latitude"` // degrees, WGS 84
	Longitude        *float64   `db:"longitude"`
	FiledDate        *time.Time `db:"filed_date"`
	IssuedDate       *time.Time `db:"issued_date"`
	ExpiresDate      *time.Time `db:"expires_date"`
	CompletedDate    *time.Time `db:"completed_date"`
	Valuation        *string    `db:"valuation"` // US dollars, two decimals
	UpdatedAt        time.Time  `db:"updated_at"`
	JurisdictionSlug string     `db:"jurisdiction_slug"`
	JurisdictionName string     `db:"jurisdiction_name"`
}

// Details is a permit with all that is known of it.
type Details struct {
	Permit
	Parties       []Party
	Fees          []Fee
	Inspections   []Inspection
	StatusChanges []Change // the latest first
}

// Own is what an organization keeps with a permit, and when its city was asked.
type Own struct {
	LastCheckedAt *time.Time
	Watched       *Watched // nil when the permit is not on the watchlist
	ConditionIDs  []uuid.UUID
	Notes         []Note // at most 100, the newest first
}

// Watched is a permit's place on a watchlist.
type Watched struct {
	Tags     []string  `db:"-"`
	Priority string    `db:"priority"`
	AddedAt  time.Time `db:"added_at"`
}

// Note is a note on a permit, with the API key that wrote it.
type Note struct {
	ID         uuid.UUID `db:"id"`
	Body       string    `db:"body"`
	APIKeyID   uuid.UUID `db:"api_key_id"`
	APIKeyName string    `db:"api_key_name"`
	CreatedAt  time.Time `db:"created_at"`
	UpdatedAt  time.Time `db:"updated_at"`
}

// Party is a person or firm on a permit.
type Party struct {
	Role       string `db:"role" json:"role"` // contractor, owner or applicant
	Person     string `db:"person" json:"person"`
	Company    string `db:"company" json:"company"`
	License    string `db:"license" json:"license"`
	Phone      string `db:"phone" json:"phone"`
	Email      string `db:"email" json:"email"`
	Street     string `db:"street" json:"street"`
	City       string `db:"city" json:"city"`
	Region     string `db:"region" json:"region"`
	PostalCode string `db:"postal_code" json:"postal_code"`
}

// Fee is what a city charges for a permit. Amounts are US dollars with two decimals; a credit is negative.
type Fee struct {
	Number       string     `db:"number"` // the city's own, where it has one
	Name         string     `db:"name"`
	Amount       string     `db:"amount"`
	PaidAmount   *string    `db:"paid_amount"`
	AssessedDate *time.Time `db:"assessed_date"`
	PaidDate     *time.Time `db:"paid_date"`
}

// Inspection is a visit of the city's inspector, planned or done.
type Inspection struct {
	Number        string     `db:"number"` // the city's own, where it has one
	Type          string     `db:"type"`
	Description   string     `db:"description"`
	Result        string     `db:"result"` // the city's own words
	ScheduledDate *time.Time `db:"scheduled_date"`
	InspectedDate *time.Time `db:"inspected_date"`
	Inspector     string     `db:"inspector"`
	Notes         string     `db:"notes"`
}

// Change is one value that changed; Previous or New is nil where there was none.
type Change struct {
	ID         uuid.UUID `db:"id"`
	Scope      string    `db:"scope"` // permit, party, fee or inspection
	Field      string    `db:"field"`
	Previous   *string   `db:"previous"`
	New        *string   `db:"new"`
	DetectedAt time.Time `db:"detected_at"`
}

// The scopes of a list.
const (
	ScopeWatchlist = "watchlist"
	ScopePortfolio = "portfolio"
	ScopeCondition = "condition" // not in the API: the permits of one condition
	ScopeAll       = "all"
)

// Filter says which permits a list holds, and in which order. Its zero value, but for Scope, lets every permit pass.
type Filter struct {
	Scope         string
	Condition     uuid.UUID // whose permits they are, in ScopeCondition
	Statuses      []string
	State         string
	Stages        []string
	Types         []string
	Jurisdictions []string // slugs
	Words         string
	UpdatedSince  *time.Time
	FiledAfter    *time.Time
	FiledBefore   *time.Time
	Near          *geo.Circle
	Sort          string // "" for creation, or a column, with - for descending
}

// check holds the filter against the rules that its schema cannot say, and settles what follows from them.
func (f *Filter) check() error {
	for _, alias := range []string{"active", "closed"} {
		if len(f.Statuses) != 1 || f.Statuses[0] != alias {
			continue
		}
		if f.State != "" && f.State != alias {
			return problem.Parameter("status", "exclusive", "means state="+alias+" and contradicts state="+f.State)
		}
		f.State, f.Statuses = alias, nil
		break
	}
	if f.FiledAfter != nil && f.FiledBefore != nil && f.FiledAfter.After(*f.FiledBefore) {
		return problem.Parameter("filed_after", "order", "must not be later than filed_before")
	}
	if f.UpdatedSince != nil {
		if f.Sort != "" && f.Sort != "updated_at" {
			return problem.Parameter("sort", "exclusive", "must be updated_at, or left out, beside updated_since")
		}
		f.Sort = "updated_at"
	}
	return nil
}

// plain reports whether everything of the scope passes.
func (f Filter) plain() bool {
	return reflect.DeepEqual(f, Filter{Scope: f.Scope, Condition: f.Condition, Sort: f.Sort})
}

// unfiltered reports whether an index has the list in its order, so that one plan is the best for all values.
func (f Filter) unfiltered() bool {
	f.UpdatedSince = nil // which says where in the order to begin
	return f.Scope == ScopeAll && f.plain()
}

// fingerprint tells one list from another, so that a cursor is only taken by the list that made it.
func (f Filter) fingerprint(organization uuid.UUID) string {
	text, err := json.Marshal(f)
	if err != nil { // plain data always marshals
		panic(err)
	}
	return fmt.Sprintf("permits %s %s", organization, text)
}

// Service answers questions about permits. It is safe for concurrent use.
type Service struct {
	db      *postgres.DB
	exports exports
	kinds   kinds
	counts  counts
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB) *Service {
	return &Service{db: db, kinds: served()}
}

// Shown is a permit as it is answered with: JSON of the schema Permit.
type Shown struct {
	UUID     uuid.UUID
	Document []byte
	Checked  bool // it was held against the schema
}

// List returns a page of the permits that pass the filter, seen by the organization. It returns invalid_parameter when
// the filter contradicts itself or names no jurisdiction, NotFound when the condition of ScopeCondition is not the organization's, and the
// problems of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, f Filter, p page.Query) ([]Shown, page.Meta, error) {
	if err := f.check(); err != nil {
		return nil, page.Meta{}, err
	}
	q := postgres.From(ctx, s.db)
	if err := known(ctx, q, f.Jurisdictions); err != nil {
		return nil, page.Meta{}, err
	}
	if f.Scope == ScopeCondition {
		if err := conditionExists(ctx, q, organization, f.Condition); err != nil {
			return nil, page.Meta{}, err
		}
	}
	rows, meta, err := page.List(p, f.fingerprint(organization), listed.key,
		func(r page.Request) ([]listed, error) { return list(ctx, q, organization, f, s.kinds.permit, r) },
		func() (int, error) { return s.count(ctx, q, organization, f) })
	if err != nil {
		return nil, page.Meta{}, err
	}
	if err := s.fill(ctx, rows); err != nil {
		return nil, page.Meta{}, err
	}
	found := make([]Shown, len(rows))
	for i, r := range rows {
		found[i] = Shown{r.UUID, r.Document, r.checked}
	}
	return found, meta, meta.Poll(f.UpdatedSince)
}

// count returns how many permits pass the filter, up to one more than pages reach.
func (s *Service) count(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter) (int, error) {
	if f.Scope == ScopeAll {
		return s.counts.of(ctx, q, f)
	}
	found, err := count(ctx, q, organization, f, page.MaxDepth+1)
	return found.N, err
}

// fill renders the documents that are missing.
func (s *Service) fill(ctx context.Context, rows []listed) error {
	at := map[uuid.UUID]*listed{}
	var missing []uuid.UUID
	for i := range rows {
		if rows[i].checked = rows[i].Document != nil; !rows[i].checked {
			at[rows[i].UUID] = &rows[i]
			missing = append(missing, rows[i].UUID)
		}
	}
	if missing == nil {
		return nil
	}
	return s.kinds.permit.Make(ctx, s.db, func(q postgres.Querier) (valid []documents.Document, err error) {
		found, err := listByUUID(ctx, q, missing)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			rendered, err := s.kinds.render(p)
			if err != nil {
				return nil, err
			}
			row := at[p.UUID]
			row.Document = rendered.Body
			if row.checked = s.kinds.permit.Holds(rendered); row.checked {
				valid = append(valid, rendered)
			}
		}
		return valid, nil
	})
}

// Get returns a permit with its details, and with what the organization keeps with it, as JSON of the schema PermitDetails; or NotFound.
func (s *Service) Get(ctx context.Context, organization, permit uuid.UUID) ([]byte, error) {
	q := postgres.From(ctx, s.db)
	found, err := get(ctx, q, organization, permit, s.kinds.details)
	if err != nil {
		return nil, err
	}
	own, err := found.own()
	if err != nil {
		return nil, err
	}
	if found.Noted {
		if own.Notes, err = listNotes(ctx, q, organization, permit); err != nil {
			return nil, err
		}
	}
	if found.Document == nil {
		err = s.kinds.details.Make(ctx, s.db, func(q postgres.Querier) (valid []documents.Document, err error) {
			found.Document, valid, err = s.makeDetails(ctx, q, permit)
			return valid, err
		})
		if err != nil {
			return nil, err
		}
	}
	return joinDetails(found.Document, permit, own)
}

// makeDetails renders the details of a permit, of which there is no document, and returns those documents of them that hold.
func (s *Service) makeDetails(ctx context.Context, q postgres.Querier, permit uuid.UUID) (body []byte, valid []documents.Document, err error) {
	permits, err := listByUUID(ctx, q, []uuid.UUID{permit})
	if err != nil {
		return nil, nil, err
	}
	if len(permits) == 0 {
		return nil, nil, problem.Missing("permit")
	}
	d := Details{Permit: permits[0].Permit}
	if d.Parties, err = listParties(ctx, q, permit); err != nil {
		return nil, nil, err
	}
	if d.Fees, err = listFees(ctx, q, permit); err != nil {
		return nil, nil, err
	}
	if d.Inspections, err = listInspections(ctx, q, permit); err != nil {
		return nil, nil, err
	}
	if d.StatusChanges, err = listStatusChanges(ctx, q, permit); err != nil {
		return nil, nil, err
	}
	rendered, holds, err := s.kinds.renderDetails(d, permits[0].Revision)
	if holds {
		valid = append(valid, rendered)
	}
	return rendered.Body, valid, err
}

// ListChanges returns a page of a permit's changes, the latest first. It returns NotFound and the problems of page.List.
func (s *Service) ListChanges(ctx context.Context, permit uuid.UUID, p page.Query) ([]Change, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	if err := exists(ctx, q, permit); err != nil {
		return nil, page.Meta{}, err
	}
	rows, meta, err := page.List(p, "changes "+permit.String(), changed.key,
		func(r page.Request) ([]changed, error) { return listChanges(ctx, q, permit, r) },
		func() (int, error) { return countChanges(ctx, q, permit, page.MaxDepth+1) })
	if err != nil {
		return nil, page.Meta{}, err
	}
	found := make([]Change, len(rows))
	for i, r := range rows {
		found[i] = r.Change
	}
	return found, meta, nil
}

// Address returns the location in one line, as a US letter has it: street, city, region and postal code.
func Address(street, city, region, postalCode string) string {
	var parts []string
	for _, part := range []string{street, city, strings.TrimSpace(region + " " + postalCode)} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, ", ")
}
