package postgres_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/postgres"
)

func TestParseStatements(t *testing.T) {
	s := postgres.ParseStatements(`-- What stands before the first name belongs to nothing.
select nothing;

-- name: get
select id -- the name's own comment stays
from permits
where id = $1;

-- name: list (newest first)
-- A comment.
select id, ';' from permits

-- part: byStatus
and status = ?
-- name: empty
-- part: get
and id = ?;
`)
	want := map[string]string{
		"get":   "select id -- the name's own comment stays\nfrom permits\nwhere id = $1",
		"list":  "-- A comment.\nselect id, ';' from permits",
		"empty": "",
	}
	if diff := cmp.Diff(want, s.All()); diff != "" {
		t.Errorf("All (-want +got):\n%s", diff)
	}
	for name, text := range want {
		if got := s.Get(name); got != text {
			t.Errorf("Get(%q) = %q, want %q", name, got, text)
		}
	}
	for name, text := range map[string]string{"byStatus": "and status = ?", "get": "and id = ?"} {
		if got := s.Part(name); got != text {
			t.Errorf("Part(%q) = %q, want %q", name, got, text)
		}
	}
}

func TestParseStatements_none(t *testing.T) {
	for _, text := range []string{"", "select 1", "--name: get\nselect 1", " -- name: get\nselect 1", "-- name: get"} {
		if got := postgres.ParseStatements(text).All(); len(got) != 0 {
			t.Errorf("ParseStatements(%q) = %v, want no statements", text, got)
		}
	}
}

func TestStatements_panics(t *testing.T) {
	s := postgres.ParseStatements("-- name: get\nselect 1\n-- part: where\nwhere a = ?\n")
	for _, c := range []struct {
		name string
		do   func()
		want string
	}{
		{"unknown name", func() { s.Get("list") }, `postgres: there is no statement "list"`},
		{"a part is no name", func() { s.Get("where") }, `postgres: there is no statement "where"`},
		{"a name is no part", func() { s.Part("get") }, `postgres: there is no statement "get"`},
		{"name twice", func() { postgres.ParseStatements("-- name: a\nselect 1\n-- name: a\nselect 2\n") }, `postgres: the statement "a" stands twice`},
		{"part twice", func() { postgres.ParseStatements("-- part: a\nb\n-- part: a\nc\n") }, `postgres: the statement "a" stands twice`},
		{"argument missing", func() { new(postgres.Query).Add("a = ? and b = ?", 1) }, "postgres: the part wants 2 arguments, not 1: a = ? and b = ?"},
		{"argument too many", func() { new(postgres.Query).Add("true", 1) }, "postgres: the part wants 0 arguments, not 1: true"},
	} {
		if got := panicOf(c.do); got != c.want {
			t.Errorf("%s: panics with %q, want %q", c.name, got, c.want)
		}
	}
}

func panicOf(do func()) (text string) {
	defer func() {
		if r := recover(); r != nil {
			text = fmt.Sprint(r)
		}
	}()
	do()
	return ""
}

func TestQuery(t *testing.T) {
	var q postgres.Query
	q.Add("select id from permits where true").Add("and a = ? and b in (?, ?)", "x", 2, nil).Add("?", true).Add("limit ?", 10)
	text, args := q.SQL()
	want := "select id from permits where true\nand a = $1 and b in ($2, $3)\n$4\nlimit $5\n"
	if text != want {
		t.Errorf("SQL = %q, want %q", text, want)
	}
	if diff := cmp.Diff([]any{"x", 2, nil, true, 10}, args); diff != "" {
		t.Errorf("arguments (-want +got):\n%s", diff)
	}
}

func TestQuery_empty(t *testing.T) {
	if text, args := new(postgres.Query).SQL(); text != "" || len(args) != 0 {
		t.Errorf("SQL = %q, %v, want nothing", text, args)
	}
}
