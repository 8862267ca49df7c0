package permits

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/oapi-codegen/runtime/types"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/documents"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/validation"
)

// kinds are the documents that permits are answered with.
type kinds struct{ permit, details *documents.Kind }

// served returns those of the specification.
var served = sync.OnceValue(func() kinds {
	specification, err := validation.Served()
	if err != nil { // the tests of the specification would have found it
		panic(err)
	}
	kind := func(name, schema string) *documents.Kind {
		k, err := documents.NewKind(specification, name, schema)
		if err != nil {
			panic(err)
		}
		return k
	}
	return kinds{kind("permit", "Permit"), kind("permit_details", "PermitDetails")}
})

// render returns the document of a permit.
func (k kinds) render(p revised) (documents.Document, error) {
	body, err := json.Marshal(permitToAPI(p.Permit))
	if err != nil {
		return documents.Document{}, fmt.Errorf("render permit %s: %w", p.UUID, err)
	}
	return documents.Document{ID: p.UUID, Revision: p.Revision, Body: body}, nil
}

// renderDetails returns the document of a permit's details, without the members of own, and whether it holds with them.
func (k kinds) renderDetails(d Details, revision int32) (document documents.Document, holds bool, err error) {
	body, err := json.Marshal(detailsToAPI(d))
	if err != nil {
		return document, false, fmt.Errorf("render the details of permit %s: %w", d.UUID, err)
	}
	document = documents.Document{ID: d.UUID, Revision: revision, Body: body}
	holds = k.details.Holds(document)
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return document, false, fmt.Errorf("read the details of permit %s: %w", d.UUID, err)
	}
	for _, name := range []string{"condition_ids", "last_checked_at", "notes", "watchlist"} {
		delete(members, name)
	}
	document.Body, err = json.Marshal(members)
	return document, holds, err
}

// joinDetails puts the members of own at the end of a document of details.
func joinDetails(document []byte, permit uuid.UUID, o Own) ([]byte, error) {
	members, err := json.Marshal(ownToAPI(permit, o))
	if err != nil {
		return nil, fmt.Errorf("render what an organization keeps with permit %s: %w", permit, err)
	}
	joined := make([]byte, 0, len(document)+len(members))
	joined = append(append(joined, document[:len(document)-1]...), ',')
	return append(joined, members[1:]...), nil
}

// documentPage is a page of permits that are there as JSON.
type documentPage struct {
	kind    *documents.Kind
	permits []Shown
	meta    page.Meta
	link    *string
}

// VisitListPermitsResponse writes the page.
func (d documentPage) VisitListPermitsResponse(w http.ResponseWriter) error {
	meta, err := json.Marshal(page.ToAPI(d.meta))
	if err != nil {
		return fmt.Errorf("render the meta of a list: %w", err)
	}
	if d.link != nil {
		w.Header().Set("Link", *d.link)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	between := `{"data":[`
	for _, p := range d.permits {
		if _, err := io.WriteString(w, between); err != nil {
			return err
		}
		write := w.Write
		if p.Checked {
			write = d.kind.Writer(w)
		}
		if _, err := write(p.Document); err != nil {
			return err
		}
		between = ","
	}
	if between != "," { // there was none
		if _, err := io.WriteString(w, between); err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(w, "],\"meta\":%s}\n", meta)
	return err
}

// VisitListConditionPermitsResponse writes the page.
func (d documentPage) VisitListConditionPermitsResponse(w http.ResponseWriter) error {
	return d.VisitListPermitsResponse(w)
}

// documentAnswer is a permit's details that are there as JSON.
type documentAnswer []byte

// VisitGetPermitResponse writes the details.
func (d documentAnswer) VisitGetPermitResponse(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, err := fmt.Fprintf(w, "{\"data\":%s}\n", []byte(d))
	return err
}

func permitToAPI(p Permit) api.Permit {
	return api.Permit{
		UUID: p.UUID, PermitNumber: p.PermitNumber, Status: p.Status, Stage: api.PermitStage(p.Stage), State: api.PermitState(p.State),
		Type: p.Type, Description: p.Description, Address: Address(p.Street, p.City, p.Region, p.PostalCode),
		Location: api.Location{
			Street: p.Street, City: p.City, Region: p.Region, PostalCode: p.PostalCode, Latitude: p.Latitude, Longitude: p.Longitude,
		},
		Jurisdiction: api.JurisdictionReference{Slug: p.JurisdictionSlug, Name: p.JurisdictionName},
		FiledDate:    dateToAPI(p.FiledDate), IssuedDate: dateToAPI(p.IssuedDate),
		ExpiresDate: dateToAPI(p.ExpiresDate), CompletedDate: dateToAPI(p.CompletedDate),
		Valuation: optionalMoneyToAPI(p.Valuation), UpdatedAt: p.UpdatedAt.UTC(),
	}
}

func detailsToAPI(d Details) api.PermitDetails {
	p := permitToAPI(d.Permit)
	out := api.PermitDetails{
		UUID: p.UUID, PermitNumber: p.PermitNumber, Status: p.Status, Stage: p.Stage, State: p.State, Type: p.Type,
		Description: p.Description, Address: p.Address, Location: p.Location, Jurisdiction: p.Jurisdiction,
		FiledDate: p.FiledDate, IssuedDate: p.IssuedDate, ExpiresDate: p.ExpiresDate, CompletedDate: p.CompletedDate,
		Valuation: p.Valuation, UpdatedAt: p.UpdatedAt,
		Parties:       make([]api.Party, len(d.Parties)),
		Fees:          make([]api.Fee, len(d.Fees)),
		Inspections:   make([]api.Inspection, len(d.Inspections)),
		StatusHistory: make([]api.StatusChange, len(d.StatusChanges)),
		ConditionIds:  []api.ConditionID{},
		Notes:         []api.Note{},
	}
	for i, party := range d.Parties {
		out.Parties[i] = partyToAPI(party)
	}
	for i, f := range d.Fees {
		out.Fees[i] = feeToAPI(f)
	}
	for i, n := range d.Inspections {
		out.Inspections[i] = inspectionToAPI(n)
	}
	for i, c := range d.StatusChanges {
		out.StatusHistory[i] = api.StatusChange{PreviousStatus: value(c.Previous), NewStatus: value(c.New), DetectedAt: c.DetectedAt.UTC()}
	}
	return out
}

// own are the members of api.PermitDetails that each organization has its own values of, and those that change without the permit.
type own struct {
	ConditionIds  []api.ConditionID         `json:"condition_ids"`
	LastCheckedAt *time.Time                `json:"last_checked_at"`
	Notes         []api.Note                `json:"notes"`
	Watchlist     *api.PermitWatchlistState `json:"watchlist"`
}

func ownToAPI(permit uuid.UUID, o Own) own {
	out := own{LastCheckedAt: o.LastCheckedAt, ConditionIds: make([]api.ConditionID, len(o.ConditionIDs)), Notes: make([]api.Note, len(o.Notes))}
	if w := o.Watched; w != nil {
		out.Watchlist = &api.PermitWatchlistState{Tags: w.Tags, Priority: api.Priority(w.Priority), AddedAt: w.AddedAt.UTC()}
	}
	for i, condition := range o.ConditionIDs {
		out.ConditionIds[i] = id.Format(id.Condition, condition)
	}
	for i, n := range o.Notes {
		out.Notes[i] = noteToAPI(permit, n)
	}
	return out
}

func noteToAPI(permit uuid.UUID, n Note) api.Note {
	return api.Note{
		ID: id.Format(id.Note, n.ID), PermitUUID: permit, Body: n.Body,
		Author:    api.NoteAuthor{Type: api.AuthorTypeAPIKey, ID: id.Format(id.APIKey, n.APIKeyID), Name: n.APIKeyName},
		CreatedAt: n.CreatedAt.UTC(), UpdatedAt: n.UpdatedAt.UTC(),
	}
}

func partyToAPI(p Party) api.Party {
	return api.Party{
		Role: api.PartyRole(p.Role), Person: p.Person, Company: p.Company, License: p.License, Phone: p.Phone, Email: p.Email,
		Address: Address(p.Street, p.City, p.Region, p.PostalCode),
	}
}

func feeToAPI(f Fee) api.Fee {
	return api.Fee{
		Number: f.Number, Name: f.Name, Amount: api.Money{Amount: f.Amount, Currency: api.CurrencyUSD},
		PaidAmount: optionalMoneyToAPI(f.PaidAmount), AssessedDate: dateToAPI(f.AssessedDate), PaidDate: dateToAPI(f.PaidDate),
	}
}

func inspectionToAPI(n Inspection) api.Inspection {
	return api.Inspection{
		Number: n.Number, Type: n.Type, Description: n.Description, Result: n.Result, ScheduledDate: dateToAPI(n.ScheduledDate),
		InspectedDate: dateToAPI(n.InspectedDate), Inspector: n.Inspector, Notes: n.Notes,
	}
}

func dateToAPI(t *time.Time) *types.Date {
	if t == nil {
		return nil
	}
	return &types.Date{Time: *t}
}

func optionalMoneyToAPI(amount *string) *api.OptionalMoney {
	if amount == nil {
		return nil
	}
	return &api.OptionalMoney{Amount: *amount, Currency: api.CurrencyUSD}
}
