package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/plotwise/plotwise/internal/permits"
)

// RejectError says why a row was left out. Reading goes on after it.
type RejectError struct {
	Line   int // on which the row starts, counted from 1
	Reason string
	Row    []string
}

// Error returns the line and the reason.
func (e *RejectError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Reader reads the permits of one CSV file (RFC 4180), plain or gzip.
type Reader struct {
	source  *Source
	csv     *csv.Reader
	columns map[string][]int // field → where its columns stand
	rejects []rejectRule
	layouts []string
	stages  map[string]string // lower-case status → stage
	width   int               // fields a row has; 0 until known
	line    int               // of the last row
	first   []string          // a row read ahead, where there is no header
}

type rejectRule struct {
	column        int
	value, reason string
}

// NewReader returns a Reader of the file. It fails when the file lacks the column of the permit number, or any other
// that the source names.
func NewReader(file io.Reader, s *Source) (*Reader, error) {
	text, err := decode(file, s.Encoding)
	if err != nil {
		return nil, err
	}
	r := &Reader{source: s, csv: csv.NewReader(text), columns: map[string][]int{}, stages: map[string]string{}}
	r.csv.FieldsPerRecord, r.csv.ReuseRecord, r.csv.LazyQuotes = -1, true, true
	if s.Delimiter != "" {
		r.csv.Comma = []rune(s.Delimiter)[0]
	}
	for status, stage := range s.Statuses {
		r.stages[strings.ToLower(normalize(strings.TrimSpace(status)))] = stage
	}
	r.layouts = append(r.layouts, isoLayouts...)
	for _, d := range s.Dates {
		layout, err := dateLayout(d)
		if err != nil {
			return nil, err
		}
		r.layouts = append([]string{layout}, r.layouts...)
	}
	return r, r.readHeader()
}

// decode undoes gzip, which its first bytes give away, and the encoding.
func decode(file io.Reader, label string) (io.Reader, error) {
	buffered := bufio.NewReaderSize(file, 1<<16)
	if magic, err := buffered.Peek(2); err == nil && bytes.Equal(magic, []byte{0x1f, 0x8b}) {
		unzipped, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, fmt.Errorf("read gzip: %w", err)
		}
		buffered = bufio.NewReaderSize(unzipped, 1<<16)
	}
	if label == "" || strings.EqualFold(label, "utf-8") {
		if bom, err := buffered.Peek(3); err == nil && bytes.Equal(bom, []byte{0xef, 0xbb, 0xbf}) {
			_, _ = buffered.Discard(3) // peeked just now
		}
		return buffered, nil // invalid bytes are found row by row
	}
	encoding, err := htmlindex.Get(label)
	if err != nil {
		return nil, fmt.Errorf("encoding %q: %w", label, err)
	}
	return transform.NewReader(buffered, unicode.BOMOverride(encoding.NewDecoder())), nil
}

func (r *Reader) readHeader() error {
	row, err := r.csv.Read()
	if errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	}
	if err != nil {
		return fmt.Errorf("read the first row: %w", err)
	}
	r.width = len(row)
	header := slices.Clone(row)
	if !r.source.hasHeader() {
		r.first = slices.Clone(row)
		for i := range header {
			header[i] = strconv.Itoa(i + 1)
		}
	}
	return r.bind(header)
}

// bind finds each field's columns: those that the source names, else those of BLDS.
func (r *Reader) bind(header []string) error {
	at := map[string]int{}
	for i, name := range header {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, ok := at[name]; !ok {
			at[name] = i
		}
	}
	find := func(column string) (int, error) {
		i, ok := at[strings.ToLower(strings.TrimSpace(column))]
		if !ok {
			return 0, fmt.Errorf("the file has no column %q; it has %s", column, strings.Join(header, ", "))
		}
		return i, nil
	}
	for _, field := range fields {
		named, ok := r.source.Columns[field]
		for _, column := range named {
			i, err := find(column)
			if err != nil {
				return err
			}
			r.columns[field] = append(r.columns[field], i)
		}
		for _, column := range blds[field] {
			if i, err := find(column); err == nil && !ok && r.source.hasHeader() {
				r.columns[field] = []int{i}
				break
			}
		}
	}
	if r.columns["permit_number"] == nil {
		_, err := find("PermitNum")
		return fmt.Errorf("no column gives permit_number: name one under columns: %w", err)
	}
	for _, rule := range r.source.Reject {
		i, err := find(rule.Column)
		if err != nil {
			return err
		}
		r.rejects = append(r.rejects, rejectRule{i, rule.Value, rule.Reason})
	}
	return nil
}

// Provides returns the columns of permits that the file gives; a stored permit keeps its value of any other.
func (r *Reader) Provides() []string {
	return provides(func(field string) bool { return r.columns[field] != nil || r.source.Defaults[field] != "" })
}

// Next reads the next permit into rec. It returns io.EOF at the end, and a *RejectError for a row that cannot be taken.
func (r *Reader) Next(rec *permits.Record) error {
	row, err := r.read()
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		r.line = broken.StartLine
		return r.reject(nil, broken.Err)
	case err != nil:
		return err
	case len(row) != r.width:
		return r.reject(row, fmt.Errorf("the row has %d values, not %d", len(row), r.width))
	}
	for _, rule := range r.rejects {
		if strings.TrimSpace(row[rule.column]) == rule.value {
			return r.reject(row, errors.New(rule.reason))
		}
	}
	*rec = permits.Record{Parties: rec.Parties[:0]}
	if err := r.fill(rec, row); err != nil {
		return r.reject(row, err)
	}
	return nil
}

func (r *Reader) read() ([]string, error) {
	if r.first != nil {
		row := r.first
		r.first, r.line = nil, 1
		return row, nil
	}
	row, err := r.csv.Read()
	if err == nil {
		r.line, _ = r.csv.FieldPos(0)
	}
	return row, err
}

func (r *Reader) reject(row []string, reason error) error {
	return &RejectError{Line: r.line, Reason: reason.Error(), Row: slices.Clone(row)}
}

// value returns a field of the row: its columns joined by a space, or the default.
func (r *Reader) value(row []string, field string) string {
	columns := r.columns[field]
	text := ""
	switch len(columns) {
	case 0:
	case 1:
		text = strings.TrimSpace(row[columns[0]])
	default:
		parts := make([]string, 0, len(columns))
		for _, c := range columns {
			if part := strings.TrimSpace(row[c]); part != "" {
				parts = append(parts, part)
			}
		}
		text = strings.Join(parts, " ")
	}
	if text == "" {
		return r.source.Defaults[field]
	}
	return text
}

func (r *Reader) fill(rec *permits.Record, row []string) error {
	texts := []struct {
		field string
		into  *string
	}{
		{"permit_number", &rec.PermitNumber},
		{"status", &rec.Status},
		{"type", &rec.Type},
		{"description", &rec.Description},
		{"street", &rec.Street},
		{"city", &rec.City},
		{"region", &rec.Region},
		{"postal_code", &rec.PostalCode},
	}
	for _, t := range texts {
		text := r.value(row, t.field)
		if t.field == "description" {
			text = strings.ReplaceAll(text, "\r\n", "\n")
		} else {
			text = normalize(text)
		}
		if err := checkText(t.field, text, limits[t.field]); err != nil {
			return err
		}
		*t.into = text
	}
	if rec.PermitNumber == "" {
		return errNoNumber
	}
	for _, step := range []func(*permits.Record, []string) error{r.fillStage, r.fillDates, r.fillNumbers, r.fillParties} {
		if err := step(rec, row); err != nil {
			return err
		}
	}
	return nil
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
	for _, d := range []struct {
		field string
		into  *string
	}{
		{"filed_date", &rec.FiledDate}, {"issued_date", &rec.IssuedDate}, {"expires_date", &rec.ExpiresDate}, {"completed_date", &rec.CompletedDate},
	} {
		text := r.value(row, d.field)
		if text == "" {
			continue
		}
		date, err := parseDate(text, r.layouts)
		if err != nil {
			return fmt.Errorf("%s: %w", d.field, err)
		}
		*d.into = date
	}
	return nil
}

func (r *Reader) fillNumbers(rec *permits.Record, row []string) (err error) {
	if text := r.value(row, "valuation"); text != "" {
		if rec.Valuation, err = parseMoney(text); err != nil {
			return fmt.Errorf("valuation: %w", err)
		}
	}
	rec.Latitude, rec.Longitude, err = parsePoint(r.value(row, "latitude"), r.value(row, "longitude"))
	return err
}

func (r *Reader) fillParties(rec *permits.Record, row []string) error {
	for _, f := range fields[16:] {
		if err := checkText(f, r.value(row, f), partyLimit); err != nil {
			return err
		}
	}
	get := func(field string) string { return normalize(r.value(row, field)) }
	contractor := permits.Party{
		Role: "contractor", Person: get("contractor_person"), Company: get("contractor_company"), License: get("contractor_license"),
		Phone: get("contractor_phone"), Email: get("contractor_email"), Street: get("contractor_street"), City: get("contractor_city"),
		Region: get("contractor_region"), PostalCode: get("contractor_postal_code"),
	}
	if both := get("contractor"); both != "" {
		contractor.Person, contractor.Company = splitContractor(both)
	}
	addParty(rec, contractor)
	addParty(rec, permits.Party{Role: "owner", Person: get("owner_person"), Company: get("owner_company")})
	addParty(rec, permits.Party{Role: "applicant", Person: get("applicant_person"), Company: get("applicant_company")})
	return nil
}
