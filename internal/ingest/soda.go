package ingest

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// SODA says where a source's rows are on an open-data portal that speaks Socrata's SODA API, version 2.1
// (https://dev.socrata.com/docs).
type SODA struct {
	URL      string `yaml:"url"`       // of the portal, such as https://data.example.gov
	Dataset  string `yaml:"dataset"`   // the portal's id of it, such as abcd-1234
	Where    string `yaml:"where"`     // SoQL that rows have to meet; all do when empty
	PageSize int    `yaml:"page_size"` // rows a request; 5,000 when 0
}

const (
	defaultPageSize = 5000
	largestPageSize = 50_000 // the most that a portal of version 2.0 gives
)

func (s *SODA) pageSize() int {
	if s.PageSize == 0 {
		return defaultPageSize
	}
	return s.PageSize
}

var (
	fourByFour = regexp.MustCompile(`^[a-z0-9]{4}-[a-z0-9]{4}$`)
	// A sodaColumn is a field name of the API, and perhaps a member of it: location.latitude.
	sodaColumn = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_]+)?$`)
)

func (s *Source) checkSODA(report reporter) {
	if s.SODA == nil {
		return
	}
	if !isPortal(s.SODA.URL) {
		report("soda.url: %q: want the portal's address without a path, such as https://data.example.gov", s.SODA.URL)
	}
	if !fourByFour.MatchString(s.SODA.Dataset) {
		report("soda.dataset: %q: want the dataset's id, such as abcd-1234", s.SODA.Dataset)
	}
	if s.SODA.PageSize < 0 || s.SODA.PageSize > largestPageSize {
		report("soda.page_size: %d: want 1 to 50000, or nothing for 5000", s.SODA.PageSize)
	}
	if !s.hasHeader() {
		report("header: the rows of a portal name their columns: want no header: false with soda")
	}
	for _, c := range s.namedColumns() {
		if !sodaColumn.MatchString(c) {
			report("soda: the column %q is no field name of a portal's API, such as status_current or location.latitude", c)
		}
	}
	if c := s.Columns["permit_number"]; len(c) > 1 || len(c) == 1 && strings.Contains(c[0], ".") {
		report("columns: permit_number: %q: want one whole column with soda, by which permits are asked for", []string(c))
	}
}

// isPortal reports whether the text is the address of a host, by HTTPS unless it is this one.
func isPortal(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

// namedColumns returns the columns that the source names, in lower case as portals have them, each once.
func (s *Source) namedColumns() []string {
	var found []string
	add := func(c string) {
		if c = strings.ToLower(c); !slices.Contains(found, c) {
			found = append(found, c)
		}
	}
	for _, f := range datasets[s.Dataset].fields {
		for _, c := range s.Columns[f] {
			add(c)
		}
	}
	for _, r := range s.Reject {
		add(r.Column)
	}
	return found
}

// sodaColumns returns the columns to pull: those that the source names and, for its other fields, those of the dataset
// that the portal says to have.
func (s *Source) sodaColumns(has []string) []string {
	columns := s.namedColumns()
	for _, f := range datasets[s.Dataset].fields {
		if s.Columns[f] != nil {
			continue
		}
		for _, c := range datasets[s.Dataset].columns[f] {
			if c = strings.ToLower(c); slices.Contains(has, c) && !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return columns
}

// numberColumn returns the one of the columns that has the permit number.
func (s *Source) numberColumn(columns []string) (string, error) {
	candidates := s.Columns["permit_number"]
	if candidates == nil {
		candidates = datasets[s.Dataset].columns["permit_number"]
	}
	for _, c := range candidates {
		if c = strings.ToLower(c); slices.Contains(columns, c) {
			return c, nil
		}
	}
	return "", fmt.Errorf("the portal does not say that it has a column %s: name the permit number's under columns", candidates[0])
}

// spooled returns the source as it reads what was pulled: UTF-8 with commas and a header.
func (s *Source) spooled() *Source {
	plain := *s
	plain.Format, plain.Encoding, plain.Delimiter, plain.Header = formatCSV, "", "", nil
	return &plain
}

// hash tells the source from any other, so that with another mapping all rows are pulled again.
func (s *Source) hash() ([]byte, error) {
	text, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("hash the source: %w", err)
	}
	sum := sha256.Sum256(text)
	return sum[:], nil
}
