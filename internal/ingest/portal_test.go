package ingest

import (
	"compress/gzip"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// sodaServer is a portal with one dataset, abcd-1234: it speaks as much of SODA 2.1 and SoQL as is asked of it here.
type sodaServer struct {
	*httptest.Server
	token   string // that requests have to carry; none when empty
	columns []string
	quiet   bool               // leaves out the header with the columns
	faults  []http.HandlerFunc // what becomes of the next requests; nil answers one
	before  func(n int)        // is called before request n (1-based) is answered
	mu      sync.Mutex
	rows    []map[string]any // in the order of their making, which is that of :id
	queries []url.Values
	agents  []string
	running int
	most    int // requests at once
}

// newSODAServer returns a portal whose dataset has those columns.
func newSODAServer(t *testing.T, columns ...string) *sodaServer {
	t.Helper()
	s := &sodaServer{columns: columns}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// put adds a row, or replaces the one with that id; the values are those of the columns, nil for none.
func (s *sodaServer) put(id, updatedAt string, values ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	row := map[string]any{":id": id, ":updated_at": "2026-03-01T" + updatedAt + "Z"}
	for i, v := range values {
		if v != nil { // which SODA leaves out
			row[s.columns[i]] = v
		}
	}
	at := slices.IndexFunc(s.rows, func(r map[string]any) bool { return r[":id"] == id })
	if at < 0 {
		s.rows = append(s.rows, row)
		return
	}
	s.rows[at] = row
}

// asked returns the queries since the last time.
func (s *sodaServer) asked() []url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	asked := s.queries
	s.queries = nil
	return asked
}

func (s *sodaServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.queries, s.agents = append(s.queries, r.URL.Query()), append(s.agents, r.UserAgent())
	s.running++
	s.most = max(s.most, s.running)
	n, before := len(s.queries), s.before
	var fault http.HandlerFunc
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.running--
	}()
	if before != nil {
		before(n)
	}
	switch {
	case fault != nil:
		fault(w, r)
	case r.URL.Path != "/resource/abcd-1234.json":
		answer(http.StatusNotFound, `{"message": "Not found"}`)(w, r)
	case s.token != "" && r.Header.Get("X-App-Token") != s.token:
		answer(http.StatusForbidden, `{"code": "permission_denied", "error": true, "message": "Invalid app_token specified"}`)(w, r)
	default:
		s.query(w, r)
	}
}

// answer returns a handler of one answer.
func answer(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		fmt.Fprint(w, body)
	}
}

func (s *sodaServer) query(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, err := s.selected(r.URL.Query())
	if err != nil {
		answer(http.StatusBadRequest, fmt.Sprintf(`{"errorCode": "query.soql", "message": %q}`, err))(w, r)
		return
	}
	if !s.quiet {
		names, _ := json.Marshal(s.columns)
		w.Header().Set("X-SODA2-Fields", string(names))
	}
	w.Header().Set("Content-Type", "application/json;charset=utf-8")
	if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		answer(http.StatusNotAcceptable, `{"message": "want gzip"}`)(w, r)
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	zipped := gzip.NewWriter(w)
	_ = json.NewEncoder(zipped).Encode(found)
	_ = zipped.Close()
}

func (s *sodaServer) selected(q url.Values) ([]map[string]any, error) {
	rows := slices.Clone(s.rows)
	if where := q.Get("$where"); where != "" {
		holds, err := s.soql(where)
		if err != nil {
			return nil, err
		}
		rows = slices.DeleteFunc(rows, func(r map[string]any) bool { return !holds(r) })
	}
	if strings.HasPrefix(q.Get("$select"), "max(") {
		return aggregate(q.Get("$select"), rows)
	}
	if order := q.Get("$order"); order == ":updated_at,:id" {
		slices.SortStableFunc(rows, func(a, b map[string]any) int { return s.compare(":updated_at", a, b[":updated_at"].(string)) })
	} else if order != "" {
		return nil, fmt.Errorf("the order %q is not built", order)
	}
	offset, _ := strconv.Atoi(q.Get("$offset"))
	limit := 1000
	if text := q.Get("$limit"); text != "" {
		limit, _ = strconv.Atoi(text)
	}
	rows = rows[min(offset, len(rows)):min(offset+limit, len(rows))]
	return s.project(rows, q.Get("$select"))
}

func aggregate(selected string, rows []map[string]any) ([]map[string]any, error) {
	if selected != "max(:updated_at) as newest,count(*) as found" {
		return nil, fmt.Errorf("the aggregates %q are not built", selected)
	}
	one := map[string]any{"found": strconv.Itoa(len(rows))}
	newest := ""
	for _, r := range rows {
		newest = max(newest, r[":updated_at"].(string))
	}
	if newest != "" {
		one["newest"] = newest
	}
	return []map[string]any{one}, nil
}

func (s *sodaServer) project(rows []map[string]any, selected string) ([]map[string]any, error) {
	projected := []map[string]any{}
	for _, r := range rows {
		into := map[string]any{}
		for _, c := range strings.Split(strings.ReplaceAll(selected, "*", strings.Join(s.columns, ",")), ",") {
			if err := s.known(c); err != nil {
				return nil, err
			}
			if r[c] != nil {
				into[c] = r[c]
			}
		}
		projected = append(projected, into)
	}
	return projected, nil
}

func (s *sodaServer) known(column string) error {
	if column == ":id" || column == ":updated_at" || slices.Contains(s.columns, column) {
		return nil
	}
	return fmt.Errorf("query.soql.no-such-column; No such column: %s", column)
}

// compare compares a row's column with a text; ids by their making, as their texts say nothing.
func (s *sodaServer) compare(column string, row map[string]any, with string) int {
	if column != ":id" {
		return strings.Compare(fmt.Sprint(row[column]), with)
	}
	at := func(id any) int {
		return slices.IndexFunc(s.rows, func(r map[string]any) bool { return r[":id"] == id })
	}
	return at(row[":id"]) - at(with)
}

var soqlToken = regexp.MustCompile(`'(?:[^']|'')*'|[:a-z_][a-z0-9_]*|>=|[>=(),]`)

// soqlParser reads conditions of comparisons, in, and, or, and parentheses.
type soqlParser struct {
	server *sodaServer
	tokens []string
}

type holds func(row map[string]any) bool

func (s *sodaServer) soql(text string) (holds, error) {
	p := &soqlParser{s, soqlToken.FindAllString(text, -1)}
	h, err := p.either()
	if err == nil && len(p.tokens) > 0 {
		err = fmt.Errorf("query.soql; unexpected %s", p.tokens[0])
	}
	return h, err
}

func (p *soqlParser) next() string {
	if len(p.tokens) == 0 {
		return ""
	}
	t := p.tokens[0]
	p.tokens = p.tokens[1:]
	return t
}

func (p *soqlParser) is(token string) bool {
	if len(p.tokens) == 0 || p.tokens[0] != token {
		return false
	}
	p.tokens = p.tokens[1:]
	return true
}

func (p *soqlParser) either() (holds, error) {
	left, err := p.both()
	for err == nil && p.is("or") {
		one := left
		var other holds
		other, err = p.both()
		left = func(r map[string]any) bool { return one(r) || other(r) }
	}
	return left, err
}

func (p *soqlParser) both() (holds, error) {
	left, err := p.single()
	for err == nil && p.is("and") {
		one := left
		var other holds
		other, err = p.single()
		left = func(r map[string]any) bool { return one(r) && other(r) }
	}
	return left, err
}

func (p *soqlParser) single() (holds, error) {
	if p.is("(") {
		h, err := p.either()
		if err == nil && !p.is(")") {
			err = fmt.Errorf("query.soql; want )")
		}
		return h, err
	}
	column, op := p.next(), p.next()
	if err := p.server.known(column); err != nil {
		return nil, err
	}
	if op == "in" {
		return p.in(column)
	}
	with, err := p.literal()
	return func(r map[string]any) bool {
		c := p.server.compare(column, r, with)
		return r[column] != nil && (op == ">" && c > 0 || op == ">=" && c >= 0 || op == "=" && c == 0)
	}, err
}

func (p *soqlParser) in(column string) (holds, error) {
	p.next()
	var all []string
	for {
		l, err := p.literal()
		if err != nil {
			return nil, err
		}
		all = append(all, l)
		if p.next() == ")" {
			return func(r map[string]any) bool { return r[column] != nil && slices.Contains(all, fmt.Sprint(r[column])) }, nil
		}
	}
}

func (p *soqlParser) literal() (string, error) {
	t := p.next()
	if len(t) < 2 || t[0] != '\'' {
		return "", fmt.Errorf("query.soql; want a text, not %q", t)
	}
	return strings.ReplaceAll(t[1:len(t)-1], "''", "'"), nil
}
