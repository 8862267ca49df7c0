// Package ingest reads permits, their inspections and fees from the files that cities publish, maps them to BLDS terms,
// and has them merged.
package ingest

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
	"golang.org/x/text/encoding/htmlindex"
)

//go:embed sources/*.yaml
var shipped embed.FS

// Source says how to read a city's files: a small YAML file, described in sources/README.md.
type Source struct {
	Jurisdiction struct {
		Slug   string `yaml:"slug"`
		Name   string `yaml:"name"`
		Region string `yaml:"region"`
	} `yaml:"jurisdiction"`
	Dataset       string             `yaml:"dataset"`                  // Permits, Inspections or Fees; Permits when empty
	Format        string             `yaml:"format" json:",omitempty"` // csv, json or ndjson; by the file's name when empty
	Encoding      string             `yaml:"encoding"`                 // a WHATWG label; utf-8 when empty
	Delimiter     string             `yaml:"delimiter"`                // one character; a comma when empty
	Header        *bool              `yaml:"header"`                   // whether the first row names the columns; true when absent
	Dates         []string           `yaml:"dates"`                    // layouts such as MM/DD/YYYY, besides ISO 8601
	Columns       map[string]Columns `yaml:"columns"`                  // field: the columns that give it
	Statuses      map[string]string  `yaml:"statuses"`                 // the city's words: stage
	UnknownStatus string             `yaml:"unknown_status"`           // keep (stage unknown) or reject; keep when empty
	Defaults      map[string]string  `yaml:"defaults"`                 // field: its value where the row has none
	Reject        []Rejection        `yaml:"reject"`
	SODA          *SODA              `yaml:"soda"` // nil: there are only files
}

// Columns are the columns that give a field, joined by a space: names, or numbers counted from 1 where there is no header.
type Columns []string

// Rejection refuses rows by the value of a column.
type Rejection struct {
	Column string `yaml:"column"`
	Value  string `yaml:"value"`
	Reason string `yaml:"reason"`
}

// UnmarshalYAML reads one column or a list of them.
func (c *Columns) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*c = Columns{n.Value}
		return nil
	}
	var list []string
	if err := n.Decode(&list); err != nil || len(list) == 0 {
		return fmt.Errorf("line %d: want a column or a list of columns", n.Line)
	}
	*c = list
	return nil
}

// SourceNames returns the names of the shipped sources, sorted.
func SourceNames() []string {
	entries, err := shipped.ReadDir("sources")
	if err != nil { // embedded
		panic(err)
	}
	var names []string
	for _, e := range entries {
		names = append(names, strings.TrimSuffix(e.Name(), ".yaml"))
	}
	slices.Sort(names)
	return names
}

// LoadSource returns the shipped source of that name, or the one in that file: a path has a slash or ends in .yaml.
func LoadSource(name string) (*Source, error) {
	if strings.ContainsRune(name, '/') || strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml") {
		f, err := os.Open(filepath.Clean(name))
		if err != nil {
			return nil, fmt.Errorf("open the source: %w", err)
		}
		defer func() { _ = f.Close() }()
		return ParseSource(f, name)
	}
	f, err := shipped.Open("sources/" + name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no source %q: want one of %s, or the path of a source file such as ./mine.yaml",
			name, strings.Join(SourceNames(), ", "))
	}
	defer func() { _ = f.Close() }()
	return ParseSource(f, name)
}

// ParseSource reads a source file and returns everything that is wrong with it.
func ParseSource(r io.Reader, name string) (*Source, error) {
	dec := yaml.NewDecoder(r)
	dec.KnownFields(true)
	var s Source
	if err := dec.Decode(&s); err != nil {
		return nil, fmt.Errorf("source %s: %w", name, err)
	}
	if s.Dataset == "" {
		s.Dataset = Permits
	}
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("source %s:\n%w", name, err)
	}
	return &s, nil
}

var slug = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

// stages are the values of BLDS 1.2 StatusCurrentMapped, with expired, and unknown for words that do not say.
var stages = []string{
	"application_accepted", "in_review", "permit_issued", "inspection_phase", "permit_finaled", "permit_cancelled", "expired", "unknown",
}

// reporter takes one thing that is wrong with a source.
type reporter func(format string, args ...any)

func (s *Source) check() error {
	var found []error
	report := func(format string, args ...any) { found = append(found, fmt.Errorf("  "+format, args...)) }
	s.checkJurisdiction(report)
	s.checkFormat(report)
	if _, ok := datasets[s.Dataset]; !ok {
		report("dataset: %q: want %s, %s or %s", s.Dataset, Permits, Inspections, Fees)
		return errors.Join(found...)
	}
	s.checkFields(report)
	s.checkStatuses(report)
	for i, r := range s.Reject {
		if r.Column == "" || r.Reason == "" {
			report("reject, entry %d: want column, value and reason", i+1)
		}
	}
	s.checkSODA(report)
	return errors.Join(found...)
}

func (s *Source) checkJurisdiction(report reporter) {
	if !slug.MatchString(s.Jurisdiction.Slug) || len(s.Jurisdiction.Slug) > 50 {
		report("jurisdiction.slug: %q: want lower-case letters, digits and single hyphens, such as palm-beach", s.Jurisdiction.Slug)
	}
	if s.Jurisdiction.Name == "" || len(s.Jurisdiction.Name) > 200 {
		report("jurisdiction.name: want the jurisdiction's name, such as City of Austin")
	}
}

func (s *Source) checkFormat(report reporter) {
	if !slices.Contains([]string{"", formatCSV, formatJSON, formatNDJSON}, s.Format) {
		report("format: %q: want csv, json or ndjson, or nothing to go by the name of the file", s.Format)
	}
	if json := s.Format == formatJSON || s.Format == formatNDJSON; json && (s.Delimiter != "" || !s.hasHeader()) {
		report("format: %s: delimiter and header: false are for csv", s.Format)
	}
	if s.Encoding != "" {
		if _, err := htmlindex.Get(s.Encoding); err != nil {
			report("encoding: %q: want a label such as utf-8, windows-1252 or utf-16le", s.Encoding)
		}
	}
	if len([]rune(s.Delimiter)) > 1 {
		report("delimiter: %q: want one character", s.Delimiter)
	}
	for _, layout := range s.Dates {
		if _, err := dateLayout(layout); err != nil {
			report("dates: %w", err)
		}
	}
}

func (s *Source) checkFields(report reporter) {
	fields := datasets[s.Dataset].fields
	for _, f := range slices.Sorted(maps.Keys(s.Columns)) {
		if !slices.Contains(fields, f) {
			report("columns: %q is no field of %s; want one of %s", f, s.Dataset, strings.Join(fields, ", "))
		}
		s.checkNumbers(f, report)
	}
	for _, f := range slices.Sorted(maps.Keys(s.Defaults)) {
		if !slices.Contains(fields, f) {
			report("defaults: %q is no field of %s; want one of %s", f, s.Dataset, strings.Join(fields, ", "))
		}
	}
}

func (s *Source) checkNumbers(field string, report reporter) {
	if s.hasHeader() {
		return
	}
	for _, c := range s.Columns[field] {
		if n, err := strconv.Atoi(c); err != nil || n < 1 {
			report("columns: %s: %q: without a header want a column's number, counted from 1", field, c)
		}
	}
}

func (s *Source) checkStatuses(report reporter) {
	if s.Dataset != Permits {
		if s.Statuses != nil || s.UnknownStatus != "" {
			report("statuses and unknown_status are for permits: %s have no stage", s.Dataset)
		}
		return
	}
	for _, status := range slices.Sorted(maps.Keys(s.Statuses)) {
		if !slices.Contains(stages, s.Statuses[status]) {
			report("statuses: %q: %q is no stage; want one of %s", status, s.Statuses[status], strings.Join(stages, ", "))
		}
	}
	if !slices.Contains([]string{"", "keep", "reject"}, s.UnknownStatus) {
		report("unknown_status: %q: want keep or reject", s.UnknownStatus)
	}
}

// The formats of files.
const (
	formatCSV    = "csv"
	formatJSON   = "json"   // an array of objects
	formatNDJSON = "ndjson" // an object a line
)

// format returns the format of a file: the source's own, else what its name says, else CSV.
func (s *Source) format(name string) string {
	if s.Format != "" {
		return s.Format
	}
	switch filepath.Ext(strings.TrimSuffix(strings.ToLower(name), ".gz")) {
	case ".json":
		return formatJSON
	case ".ndjson", ".jsonl":
		return formatNDJSON
	}
	return formatCSV
}

func (s *Source) hasHeader() bool { return s.Header == nil || *s.Header }

// dateLayout translates a layout such as MM/DD/YYYY into Go's.
func dateLayout(layout string) (string, error) {
	text := strings.NewReplacer("YYYY", "2006", "YY", "06", "MM", "01", "DD", "02", "HH", "15", "mm", "04", "ss", "05", "M", "1", "D", "2").Replace(layout)
	if !strings.Contains(text, "06") || !strings.Contains(text, "1") || !strings.Contains(text, "2") {
		return "", fmt.Errorf("%q: want a layout of YYYY, MM or M, and DD or D, such as MM/DD/YYYY", layout)
	}
	return text, nil
}
