package ingest

import (
	"fmt"
	"strings"

	"github.com/plotwise/plotwise/internal/permits"
)

// Reader reads the permits of one file.
type Reader struct {
	*table
	stages map[string]string // lower-case status → stage
}

// NewReader returns a Reader of the file, which the caller has to close. It fails when the file lacks the column of the permit number, or any other
// that the source names.
func NewReader(file File, s *Source) (*Reader, error) {
	t, err := openTable(file, s)
	if err != nil {
		return nil, err
	}
	r := &Reader{table: t, stages: map[string]string{}}
	for status, stage := range s.Statuses {
		r.stages[strings.ToLower(normalize(strings.TrimSpace(status)))] = stage
	}
	return r, nil
}

// Provides returns the columns of permits that the file gives; a stored permit keeps its value of any other.
func (r *Reader) Provides() []string { return provides(r.gives) }

// Close ends the reading; the file itself is the caller's.
func (r *Reader) Close() error { return r.close() }

// Next reads the next permit into rec. It returns io.EOF at the end, and a *RejectError for a row that cannot be taken.
func (r *Reader) Next(rec *permits.Record) error {
	row, err := r.next()
	if err != nil {
		return err
	}
	*rec = permits.Record{Parties: rec.Parties[:0]}
	if err := r.fill(rec, row); err != nil {
		return r.reject(row, err)
	}
	return nil
}

func (r *Reader) fill(rec *permits.Record, row []string) error {
	for _, step := range []func(*permits.Record, []string) error{r.fillTexts, r.fillStage, r.fillDates, r.fillNumbers, r.fillParties} {
		if err := step(rec, row); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reader) fillTexts(rec *permits.Record, row []string) error {
	targets := []target{
		{"permit_number", &rec.PermitNumber},
		{"status", &rec.Status},
		{"type", &rec.Type},
		{"description", &rec.Description},
		{"street", &rec.Street},
		{"city", &rec.City},
		{"region", &rec.Region},
		{"postal_code", &rec.PostalCode},
	}
	if err := r.texts(row, targets...); err != nil {
		return err
	}
	return r.present(targets...)
}

func (r *Reader) fillStage(rec *permits.Record, row []string) error {
	stage, known := r.stages[strings.ToLower(rec.Status)]
	if !known && r.source.UnknownStatus == "reject" {
		return fmt.Errorf("status %q is none that the source lists", clip(rec.Status))
	}
	if !known {
		stage = bldsStages[strings.ToLower(r.value(row, "stage"))]
	}
	if stage == "" {
		stage = "unknown"
	}
	rec.Stage = stage
	return nil
}

func (r *Reader) fillDates(rec *permits.Record, row []string) error {
	return r.dates(row, target{"filed_date", &rec.FiledDate}, target{"issued_date", &rec.IssuedDate},
		target{"expires_date", &rec.ExpiresDate}, target{"completed_date", &rec.CompletedDate})
}

func (r *Reader) fillNumbers(rec *permits.Record, row []string) (err error) {
	if err = r.parsed(row, parseMoney, target{"valuation", &rec.Valuation}); err != nil {
		return err
	}
	rec.Latitude, rec.Longitude, err = parsePoint(r.value(row, "latitude"), r.value(row, "longitude"))
	return err
}

func (r *Reader) fillParties(rec *permits.Record, row []string) (err error) {
	get := func(field string) string {
		text := r.value(row, field)
		if err == nil {
			err = checkText(field, text, partyLimit)
		}
		return normalize(text)
	}
	both := get("contractor")
	contractor := permits.Party{
		Role: "contractor", Person: get("contractor_person"), Company: get("contractor_company"), License: get("contractor_license"),
		Phone: get("contractor_phone"), Email: get("contractor_email"), Street: get("contractor_street"), City: get("contractor_city"),
		Region: get("contractor_region"), PostalCode: get("contractor_postal_code"),
	}
	if both != "" {
		contractor.Person, contractor.Company = splitContractor(both)
	}
	addParty(rec, contractor)
	addParty(rec, permits.Party{Role: "owner", Person: get("owner_person"), Company: get("owner_company")})
	addParty(rec, permits.Party{Role: "applicant", Person: get("applicant_person"), Company: get("applicant_company")})
	return err
}
