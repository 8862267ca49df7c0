package ingest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLoadSource_shipped(t *testing.T) {
	names := SourceNames()
	if len(names) == 0 {
		t.Fatal("no source is shipped")
	}
	for _, name := range names {
		s, err := LoadSource(name)
		if err != nil {
			t.Errorf("LoadSource(%q) = %v", name, err)
			continue
		}
		if s.Jurisdiction.Slug == "" || s.Jurisdiction.Name == "" {
			t.Errorf("LoadSource(%q) has the jurisdiction %+v, want a slug and a name", name, s.Jurisdiction)
		}
	}
}

func TestLoadSource_unknown(t *testing.T) {
	_, err := LoadSource("atlantis")
	if err == nil || !strings.Contains(err.Error(), `there is no source "atlantis"`) {
		t.Fatalf("LoadSource(atlantis) = %v, want that there is none", err)
	}
	for _, name := range SourceNames() {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("LoadSource(atlantis) = %v, want it to list %q", err, name)
		}
	}
}

func TestLoadSource_path(t *testing.T) {
	path := filepath.Join(t.TempDir(), "mine.yaml")
	if err := os.WriteFile(path, []byte("jurisdiction: {slug: mine, name: My Town}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := LoadSource(path)
	if err != nil || s.Jurisdiction.Slug != "mine" {
		t.Errorf("LoadSource(%q) = %+v, %v; want slug mine", path, s, err)
	}
	for _, missing := range []string{"./no-such-source", "no-such-source.yaml", "no-such-source.yml"} {
		if _, err := LoadSource(missing); err == nil || !strings.Contains(err.Error(), "open the source") {
			t.Errorf("LoadSource(%q) = %v, want that the file cannot be opened", missing, err)
		}
	}
}

func TestParseSource_bad(t *testing.T) {
	const town = "jurisdiction: {slug: testville, name: Town of Testville}\n"
	for _, test := range []struct {
		name, text string
		want       []string
	}{
		{"empty", "", []string{"source bad", "EOF"}},
		{"no YAML", "jurisdiction: [", []string{"source bad", "line 1"}},
		{"unknown key", town + "colums: {status: State}\n", []string{"line 2", "colums"}},
		{"unknown key of the jurisdiction", "jurisdiction: {slug: a, name: b, county: c}\n", []string{"county"}},
		{"wrong type", town + "header: perhaps\n", []string{"line 2", "perhaps"}},
		{"no jurisdiction", "dates: [MM/DD/YYYY]\n", []string{"jurisdiction.slug", "jurisdiction.name"}},
		{"slug with capitals", "jurisdiction: {slug: Testville, name: b}\n", []string{`jurisdiction.slug: "Testville"`, "palm-beach"}},
		{"slug with a blank", "jurisdiction: {slug: test ville, name: b}\n", []string{`"test ville"`}},
		{"slug with two hyphens", "jurisdiction: {slug: test--ville, name: b}\n", []string{`"test--ville"`}},
		{"slug with a line break", "jurisdiction: {slug: \"testville\\n\", name: b}\n", []string{`"testville\n"`}},
		{"slug too long", "jurisdiction: {slug: " + strings.Repeat("a", 51) + ", name: b}\n", []string{"jurisdiction.slug"}},
		{"name too long", "jurisdiction: {slug: a, name: " + strings.Repeat("b", 201) + "}\n", []string{"jurisdiction.name"}},
		{"stage", town + "statuses: {Open: opened}\n", []string{`"Open"`, `"opened" is no stage`, "permit_issued", "expired", "unknown"}},
		{"field under columns", town + "columns: {number: Nr}\n", []string{`columns: "number" is no field`, "permit_number", "owner_company"}},
		{"field under defaults", town + "defaults: {state: FL}\n", []string{`defaults: "state" is no field`, "region"}},
		{"columns neither text nor list", town + "columns: {street: {a: b}}\n", []string{"line 2", "want a column or a list of columns"}},
		{"empty list of columns", town + "columns: {street: []}\n", []string{"line 2", "want a column or a list of columns"}},
		{"date layout without a year", town + "dates: [MM/DD]\n", []string{`dates: "MM/DD"`, "MM/DD/YYYY"}},
		{"date layout without a month", town + "dates: [DD/YYYY]\n", []string{`dates: "DD/YYYY"`}},
		{"date layout without a day", town + "dates: [MM/YYYY]\n", []string{`dates: "MM/YYYY"`}},
		{"date layout with hours for a month", town + "dates: [\"YYYY-DD HH\"]\n", []string{`dates: "YYYY-DD HH"`}},
		{"date layout in Go's terms", town + "dates: [01/02/2006]\n", []string{`dates: "01/02/2006"`}},
		{"encoding", town + "encoding: klingon\n", []string{`encoding: "klingon"`, "windows-1252"}},
		{"delimiter", town + "delimiter: '||'\n", []string{`delimiter: "||"`, "one character"}},
		{"unknown_status", town + "unknown_status: drop\n", []string{`unknown_status: "drop"`, "keep or reject"}},
		{"reject without a reason", town + "reject:\n  - {column: A, value: b, reason: c}\n  - {column: A, value: b}\n", []string{"reject, entry 2"}},
		{"reject without a column", town + "reject:\n  - {value: b, reason: c}\n", []string{"reject, entry 1"}},
		{"no header, column name", town + "header: false\ncolumns: {permit_number: PermitNum}\n", []string{`columns: permit_number: "PermitNum"`, "counted from 1"}},
		{"no header, column zero", town + "header: false\ncolumns: {street: [\"1\", \"0\"]}\n", []string{`columns: street: "0"`}},
		{
			"everything at once", "jurisdiction: {slug: X}\nencoding: klingon\ndefaults: {state: FL}\nunknown_status: drop\n",
			[]string{"jurisdiction.slug", "jurisdiction.name", "encoding", "defaults", "unknown_status"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := ParseSource(strings.NewReader(test.text), "bad")
			if err == nil {
				t.Fatalf("ParseSource(%q) = %+v, want an error", test.text, s)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("ParseSource(%q) = %v, want it to contain %q", test.text, err, want)
				}
			}
		})
	}
}

func TestParseSource_whole(t *testing.T) {
	s := source(t, `
encoding: windows-1252
delimiter: ";"
header: false
dates: [MM/DD/YYYY, D.M.YY]
columns:
  permit_number: "1"
  street: ["2", "3"]
statuses: {Open: permit_issued}
unknown_status: reject
defaults: {region: ZZ}
reject:
  - {column: "4", value: Error, reason: it says so}
`)
	if got := s.Columns["street"]; len(got) != 2 || got[0] != "2" || got[1] != "3" {
		t.Errorf("the columns of street are %q, want 2 and 3", got)
	}
	if got := s.Columns["permit_number"]; len(got) != 1 || got[0] != "1" {
		t.Errorf("the columns of permit_number are %q, want 1", got)
	}
	if s.hasHeader() {
		t.Error("hasHeader() = true, want false")
	}
	if want := (Rejection{Column: "4", Value: "Error", Reason: "it says so"}); len(s.Reject) != 1 || s.Reject[0] != want {
		t.Errorf("Reject = %+v, want %+v alone", s.Reject, want)
	}
}

// source returns the source of a made-up town with those further keys.
func source(tb testing.TB, text string) *Source {
	tb.Helper()
	s, err := ParseSource(strings.NewReader("jurisdiction: {slug: testville, name: Town of Testville, region: ZZ}\n"+text), "test")
	if err != nil {
		tb.Fatalf("ParseSource(%q) = %v", text, err)
	}
	return s
}
