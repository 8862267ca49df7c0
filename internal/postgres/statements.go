package postgres

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var header = regexp.MustCompile(`(?m)^-- (name|part): (\w+).*\n`)

// Statements are the SQL statements of one .sql file by name. A file holds whole statements, each after a line
// "-- name: verb", and conditions that Query joins to them, each after a line "-- part: name".
type Statements struct {
	names map[string]string
	parts map[string]string
}

// ParseStatements reads the text of a .sql file. It panics on a name that stands twice: a defect that any test finds.
func ParseStatements(text string) Statements {
	s := Statements{names: map[string]string{}, parts: map[string]string{}}
	heads := header.FindAllStringSubmatchIndex(text, -1)
	for i, h := range heads {
		end := len(text)
		if i+1 < len(heads) {
			end = heads[i+1][0]
		}
		kind, name := text[h[2]:h[3]], text[h[4]:h[5]]
		into := s.names
		if kind == "part" {
			into = s.parts
		}
		if _, ok := into[name]; ok {
			panic(fmt.Sprintf("postgres: the statement %q stands twice", name))
		}
		into[name] = strings.TrimSuffix(strings.TrimSpace(text[h[1]:end]), ";")
	}
	return s
}

// Get returns a statement. It panics when there is none: stores look their statements up at the start.
func (s Statements) Get(name string) string { return get(s.names, name) }

// Part returns a part of a statement, with a question mark for each parameter.
func (s Statements) Part(name string) string { return get(s.parts, name) }

// All returns the whole statements by name, for the test that prepares each of them.
func (s Statements) All() map[string]string { return s.names }

func get(from map[string]string, name string) string {
	text, ok := from[name]
	if !ok {
		panic(fmt.Sprintf("postgres: there is no statement %q", name))
	}
	return text
}

// Query puts a statement together out of parts. Each part brings its parameters as ?, which become $1, $2, … in order.
type Query struct {
	text strings.Builder
	args []any
}

// Add appends a part and its arguments.
func (q *Query) Add(part string, args ...any) *Query {
	if n := strings.Count(part, "?"); n != len(args) {
		panic(fmt.Sprintf("postgres: the part wants %d arguments, not %d: %s", n, len(args), part))
	}
	for i, piece := range strings.Split(part, "?") {
		if i > 0 {
			q.args = append(q.args, args[i-1])
			q.text.WriteString("$" + strconv.Itoa(len(q.args)))
		}
		q.text.WriteString(piece)
	}
	q.text.WriteByte('\n')
	return q
}

// Limit appends a limit as a number. Where it is a parameter, Postgres takes a tenth of all rows for it: a plan that is kept looks dear
// then, and each run is planned anew. That is as it should be where a plan depends on the values of a filter.
func (q *Query) Limit(n int) *Query {
	q.text.WriteString("limit " + strconv.Itoa(n) + "\n")
	return q
}

// SQL returns the statement and its arguments.
func (q *Query) SQL() (text string, args []any) { return q.text.String(), q.args }
