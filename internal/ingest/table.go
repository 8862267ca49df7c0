package ingest

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// RejectError says why a row was left out. Reading goes on after it.
type RejectError struct {
	Line   int // on which the row starts, counted from 1; of a JSON array, which of its objects it is
	Reason string
	Row    []string
}

// Error returns the line and the reason.
func (e *RejectError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// table reads the rows of one file and gives the values of a dataset's fields.
type table struct {
	source  *Source
	dataset dataset
	rows    rows
	fields  map[string]*field
	rejects []rejectRule
	layouts []string
	line    int // of the last row
}

// rows are the rows of a file in whatever format, each with a value for every column.
type rows interface {
	// read returns the next row, which is overwritten by the one after it, and where it is. It returns io.EOF at the end,
	// and a *RejectError for a row that cannot be read.
	read() (row []string, line int, err error)
	// close ends the reading, whether or not it came to the end.
	close() error
}

// field says where the rows have a field, and what it may hold.
type field struct {
	columns   []int  // where they stand; their values are joined by a space
	otherwise string // its value where the row has none
	limit     int    // characters
	multiline bool
}

type rejectRule struct {
	column        int
	value, reason string
}

// openTable returns the table of a file, which has to be closed. It fails when the file lacks the column of a field that
// has to be there, or any other that the source names.
func openTable(file File, s *Source) (*table, error) {
	t := &table{source: s, dataset: datasets[s.Dataset], fields: map[string]*field{}}
	t.layouts = append(t.layouts, isoLayouts...)
	for _, d := range s.Dates {
		layout, err := dateLayout(d)
		if err != nil {
			return nil, err
		}
		t.layouts = append([]string{layout}, t.layouts...)
	}
	text, err := decode(file.Reader, s.Encoding)
	if err != nil {
		return nil, err
	}
	open := openCSV
	if format := s.format(file.Name); format != formatCSV {
		open = openJSON(format)
	}
	rows, header, err := open(text, s)
	if err != nil {
		return nil, err
	}
	t.rows = rows
	if err := t.bind(header); err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *table) close() error { return t.rows.close() }

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

// header finds columns by name, without regard to case.
type header struct {
	names []string
	at    map[string]int
}

func newHeader(names []string) header {
	h := header{names, map[string]int{}}
	for i, name := range names {
		name = strings.ToLower(strings.TrimSpace(name))
		if _, ok := h.at[name]; !ok {
			h.at[name] = i
		}
	}
	return h
}

func (h header) find(column string) (int, error) {
	i, ok := h.at[strings.ToLower(strings.TrimSpace(column))]
	if !ok {
		return 0, fmt.Errorf("the file has no column %q; it has %s", column, strings.Join(h.names, ", "))
	}
	return i, nil
}

// bind finds each field's columns, those of the rules, and what is missing.
func (t *table) bind(h header) error {
	for _, field := range t.dataset.fields {
		if err := t.bindField(h, field); err != nil {
			return err
		}
	}
	for _, field := range t.dataset.required {
		if t.gives(field) {
			continue
		}
		_, err := h.find(t.dataset.columns[field][0])
		return fmt.Errorf("no column gives %s: name one under columns: %w", field, err)
	}
	for _, rule := range t.source.Reject {
		i, err := h.find(rule.Column)
		if err != nil {
			return err
		}
		t.rejects = append(t.rejects, rejectRule{i, rule.Value, rule.Reason})
	}
	return nil
}

// bindField finds a field's columns: those that the source names, else the dataset's own.
func (t *table) bindField(h header, name string) error {
	f := &field{otherwise: t.source.Defaults[name], limit: t.dataset.limits[name], multiline: slices.Contains(multiline, name)}
	t.fields[name] = f
	named, ok := t.source.Columns[name]
	for _, column := range named {
		i, err := h.find(column)
		if err != nil {
			return err
		}
		f.columns = append(f.columns, i)
	}
	if ok || !t.source.hasHeader() {
		return nil
	}
	for _, column := range t.dataset.columns[name] {
		if i, err := h.find(column); err == nil {
			f.columns = []int{i}
			return nil
		}
	}
	return nil
}

// gives reports whether the rows have the field, from a column or by default.
func (t *table) gives(name string) bool {
	f := t.fields[name]
	return f.columns != nil || f.otherwise != ""
}

// next returns the next row, which is overwritten by the one after it. It returns io.EOF at the end, and a *RejectError
// for a row that cannot be read or that the source refuses.
func (t *table) next() ([]string, error) {
	row, line, err := t.rows.read()
	if err != nil {
		return nil, err
	}
	t.line = line
	for _, rule := range t.rejects {
		if strings.TrimSpace(row[rule.column]) == rule.value {
			return nil, t.reject(row, errors.New(rule.reason))
		}
	}
	return row, nil
}

func (t *table) reject(row []string, reason error) error {
	return &RejectError{Line: t.line, Reason: reason.Error(), Row: slices.Clone(row)}
}

// value returns a field of the row: its columns joined by a space, or what stands for nothing.
func (t *table) value(row []string, name string) string { return t.fields[name].value(row) }

func (f *field) value(row []string) string {
	text := ""
	switch len(f.columns) {
	case 0:
	case 1:
		text = strings.TrimSpace(row[f.columns[0]])
	default:
		parts := make([]string, 0, len(f.columns))
		for _, c := range f.columns {
			if part := strings.TrimSpace(row[c]); part != "" {
				parts = append(parts, part)
			}
		}
		text = strings.Join(parts, " ")
	}
	if text == "" {
		return f.otherwise
	}
	return text
}

// target is where the value of a field goes.
type target struct {
	field string
	into  *string
}

// texts reads fields of text: words joined by single spaces, or with their line breaks where those say something.
func (t *table) texts(row []string, targets ...target) error {
	for _, to := range targets {
		f := t.fields[to.field]
		text := f.value(row)
		if f.multiline {
			text = strings.ReplaceAll(text, "\r\n", "\n")
		} else {
			text = normalize(text)
		}
		if err := checkText(to.field, text, f.limit); err != nil {
			return err
		}
		*to.into = text
	}
	return nil
}

// present refuses a row whose required fields are empty.
func (t *table) present(targets ...target) error {
	for _, f := range targets {
		if *f.into == "" && slices.Contains(t.dataset.required, f.field) {
			return fmt.Errorf("%s is empty", f.field)
		}
	}
	return nil
}

// dates reads calendar dates as YYYY-MM-DD; an empty one stays empty.
func (t *table) dates(row []string, targets ...target) error {
	return t.parsed(row, func(text string) (string, error) { return parseDate(text, t.layouts) }, targets...)
}

// parsed reads fields by a function that is not asked about empty ones.
func (t *table) parsed(row []string, parse func(string) (string, error), targets ...target) error {
	for _, f := range targets {
		text := t.value(row, f.field)
		if text == "" {
			continue
		}
		value, err := parse(text)
		if err != nil {
			return fmt.Errorf("%s: %w", f.field, err)
		}
		*f.into = value
	}
	return nil
}
