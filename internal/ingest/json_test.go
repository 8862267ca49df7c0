package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

// array returns the lines as an array over several lines.
func array(rows string) string {
	return "[\n " + strings.Join(strings.Split(strings.TrimSpace(rows), "\n"), ",\n ") + "\n]\n"
}

// TestReader_Next_objects reads the same rows as NDJSON and as an array: of both, row and line number are the same.
func TestReader_Next_objects(t *testing.T) {
	for name, c := range map[string]struct {
		source, rows string
		want         []string
	}{
		"BLDS": {
			minimal, `{"permitnum":"A-1","StatusCurrent":"Odd","StatusCurrentMapped":"Permit Issued","PermitTypeDesc":"Roof","AppliedDate":"2026-01-02T03:04:05","EstProjectCost":1e+05,"Latitude":27.50,"Longitude":-82.5,"ContractorFullName":"Ann Lee"}`,
			[]string{"A-1|Odd|permit_issued|Roof|2026-01-02|100000.00|27.5 -82.5|contractor|Ann Lee"},
		},
		"mapped": {
			minimal + "columns: {permit_number: No, street: [house, road], contractor: who}\ndates: [MM/DD/YYYY]\ndefaults: {city: Tampa}\n",
			`{ "no" : 7 , "House":12,"road":"PALM  AVE","WHO":"Ann Lee, Acme, Inc.","AppliedDate":"02/03/2026", "more":[{"a":["]}",1]},{}] }`,
			[]string{"7|unknown|12 PALM AVE|Tampa|2026-02-03|contractor|Ann Lee|Acme, Inc."},
		},
		"scalars": {
			minimal, `{"PermitNum":20150405469012345678,"StatusCurrent":true,"PermitType":false,"Description":-0.10,"OriginalCity":null,"AppliedDate":20260102}`,
			[]string{"20150405469012345678|true|unknown|false|-0.10|2026-01-02"},
		},
		"other keys in each": {
			minimal, "{\"PermitNum\":\"A-1\"}\n{\"Description\":\"late\",\"PermitNum\":\"A-2\"}\n{}\n{\"OriginalCity\":\"Tampa\"}\n{\"PermitNum\":\"A-5\",\"OriginalCity\":null}",
			[]string{"A-1|unknown", "A-2|unknown|late", "line 3: permit_number is empty", "line 4: permit_number is empty", "A-5|unknown"},
		},
		"members": {
			minimal + "columns: {permit_number: properties.number, street: Place.Street, status: a.b, latitude: geometry.latitude, longitude: geometry.longitude}\n",
			`{"properties":{"Number":"A-1","number":"A-2"},"place":{"street":"1 Palm Ave"},"a.b":"Odd","geometry":{"type":"Point","coordinates":[-82.50,27.5]}}` +
				"\n" + `{"properties":{"number":"A-3"},"place":null,"a":{"b":"Fine"},"geometry":{}}` + "\n" + `{"properties":"A-4","place":"x","a":[1],"geometry":{"coordinates":[]}}`,
			[]string{"A-2|Odd|unknown|1 Palm Ave|27.5 -82.5", "A-3|Fine|unknown", "line 3: permit_number is empty"},
		},
		"nested values": {
			minimal + "columns: {description: list, type: object}\n", `{"PermitNum":"A-1","list":[1.50, "two", {"b":null}],"object":{"b":[true],"a":1e2}}`,
			[]string{`A-1|unknown|{"a":1e2,"b":[true]}|[1.50,"two",{"b":null}]`},
		},
		"escapes": {
			minimal, `{"Permit\u004eum":"A-\"1\"\\","Description":"Se\u00f1or \ud83c\udfe0\r\nline two\t]}","OriginalAddress1":"caf` + "é" + ` \/ bar"}`,
			[]string{"A-\"1\"\\|unknown|Señor 🏠\nline two\t]}|café / bar"},
		},
		"a rule": {
			minimal + "reject: [{column: StatusCurrent, value: Error, reason: scrape failed}]\n", "{\"PermitNum\":\"A-1\",\"StatusCurrent\":\"Error\"}\n{\"PermitNum\":\"A-2\"}",
			[]string{"line 1: scrape failed", "A-2|unknown"},
		},
		"bad rows": {
			minimal, `{"PermitNum":"A-1","AppliedDate":"x"}` + "\n" + `{"PermitNum":"A-2","EstProjectCost":-5}` + "\n" + `["A-3"]` + "\n" + `"A-4"` + "\n" + `null` + "\n" + `12.5` + "\n" +
				`{"PermitNum":"A\u00007"}` + "\n{\"PermitNum\":\"A\xff8\"}\n{\"PermitNum\":\"\\tA\xff9\"}\n" + `{"PermitNum":"A-10"}`,
			[]string{
				`line 1: filed_date: "x" is no date`, `line 2: valuation: "-5" is negative`, "line 3: the row is no object", "line 4: the row is no object",
				"line 5: the row is no object", "line 6: the row is no object", "line 7: permit_number holds the character NUL",
				"line 8: permit_number does not hold text in the declared encoding", "line 9: permit_number does not hold text in the declared encoding", "A-10|unknown",
			},
		},
		"keys that come twice": {
			minimal + "columns: {city: place.city}\n",
			`{"PermitNum":"A-1","PermitNum":"A-1"}` + "\n" + `{"PermitNum":"A-2","permitnum":"B-2"}` + "\n" + `{"PermitNum":"A-3","other":1,"other":2,"place":{"city":"Tampa","town":1,"town":2}}` + "\n" +
				`{"PermitNum":"A-4","place":{"city":"Tampa","city":"Naples"}}` + "\n" + `{"PermitNum":"A-5","other":1,"other":2,"place":{"city":"Tampa"}}`,
			[]string{`line 1: the key "PermitNum" comes twice`, `line 2: the key "permitnum" comes twice`, `line 3: the key "town" comes twice`, `line 4: the key "city" comes twice`, "A-5|unknown|Tampa"},
		},
		"deep nesting": {
			minimal, `{"PermitNum":"A-1","x":` + strings.Repeat(`[{"a":`, 4000) + "1" + strings.Repeat("}]", 4000) + "}\n" + `{"PermitNum":"A-2"}`,
			[]string{"A-1|unknown", "A-2|unknown"},
		},
		"a huge row": {
			minimal, `{"PermitNum":"A-1","x":"` + strings.Repeat(`\"],}`, 1<<18) + "\"}\n" + `{"PermitNum":"A-2","x":"` + strings.Repeat("x", mostRowBytes-30) + `"}`,
			[]string{"line 1: the row is over 1 MiB", "A-2|unknown"},
		},
		"a missing column": {
			minimal + "columns: {permit_number: number}\n", "{\"id\":1}\n{\"Status\":null}", []string{`error: the file has no column "number"; it has id, Status`},
		},
		"a missing member": {
			minimal + "columns: {city: place.town}\n", `{"PermitNum":1,"place":{"city":"Tampa"}}`, []string{`error: the file has no column "place.town"; it has PermitNum, place`},
		},
		"no number": {
			minimal, `{"id":1}`, []string{`error: no column gives permit_number: name one under columns: the file has no column "PermitNum"; it has id`},
		},
		"no header": {minimal + "header: false\n", `{"id":1}`, []string{"error: header: false is for CSV files: the objects of a JSON file name their values"}},
	} {
		for file, text := range map[string]string{"test.ndjson": c.rows, "test.json": array(c.rows)} {
			if diff := cmp.Diff(c.want, readNamed(t, c.source, file, text)); diff != "" {
				t.Errorf("%s, %s (-want +got):\n%s", name, file, diff)
			}
		}
	}
}

func TestReader_Next_ndjson(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"broken lines": {
			"{\"PermitNum\":\"A-1\"}\n{\"PermitNum\":\"A-2\"\n{\"PermitNum\":A-3}\n{\"PermitNum\":\"A-4\"},\n'A-5'\n{\"PermitNum\":\"A-6\tx\"}\n{\"PermitNum\":\"A-7\"}{\"PermitNum\":\"A-8\"}\n{\"PermitNum\":\"A-9\"}",
			[]string{
				"A-1|unknown", "line 2: no JSON: unexpected end of JSON input, at byte 18", "line 3: no JSON: invalid character 'A' looking for beginning of value, at byte 14",
				"line 4: no JSON: invalid character ',' after top-level value, at byte 20", `line 5: no JSON: invalid character '\'' looking for beginning of value, at byte 1`,
				`line 6: no JSON: invalid character '\t' in string literal, at byte 18`, "line 7: no JSON: invalid character '{' after top-level value, at byte 20", "A-9|unknown",
			},
		},
		"blank lines":     {"\n{\"PermitNum\":\"A-1\"}\r\n \r\n\n{\"PermitNum\":\"\"}\r\n\r\n", []string{"A-1|unknown", "line 5: permit_number is empty"}},
		"byte order mark": {"\xef\xbb\xbf{\"PermitNum\":\"A-1\"}\n", []string{"A-1|unknown"}},
		"a cut":           {"{\"PermitNum\":\"A-1\"}\n{\"Perm", []string{"A-1|unknown", "line 2: no JSON: unexpected end of JSON input, at byte 6"}},
		"too deep": {
			strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + "\n{\"PermitNum\":\"A-1\"}\n", []string{"line 1: no JSON: invalid character '[' exceeded max depth, at byte 10001", "A-1|unknown"},
		},
		"an array":          {"[\n{\"PermitNum\":\"A-1\"},\n{\"PermitNum\":\"A-2\"}\n]\n", []string{"A-2|unknown"}},
		"an array alone":    {"[{\"PermitNum\":\"A-1\"}]", []string{"error: no row can be read: line 1: the row is no object"}},
		"CSV":               {"PermitNum\nA-1\n", []string{"error: no row can be read: line 1: no JSON: invalid character 'P' looking for beginning of value, at byte 1"}},
		"nothing":           {"", []string{"error: the file is empty"}},
		"nothing but space": {" \n\n", []string{"error: the file is empty"}},
		"one huge line":     {strings.Repeat("x", 3<<20), []string{"error: no row can be read: line 1: the row is over 1 MiB"}},
	} {
		got := readNamed(t, minimal, "test.jsonl", c.text)
		if name == "an array" { // its first line, those with a comma and its last one are no rows
			got = got[len(got)-2 : len(got)-1]
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReader_Next_array(t *testing.T) {
	const cut = "error: the JSON array breaks off in "
	for name, c := range map[string]struct {
		text string
		want []string
	}{
		"one line":        {`[{"PermitNum":"A-1"},{"PermitNum":""}, {"PermitNum":"A-3"}]`, []string{"A-1|unknown", "line 2: permit_number is empty", "A-3|unknown"}},
		"byte order mark": {"\xef\xbb\xbf [{\"PermitNum\":\"A-1\"}]", []string{"A-1|unknown"}},
		"elements that are no objects": {
			`[{"PermitNum":"A-1"},1,"a,]",[2,[]], null ,true]`,
			[]string{"A-1|unknown", "line 2: the row is no object", "line 3: the row is no object", "line 4: the row is no object", "line 5: the row is no object", "line 6: the row is no object"},
		},
		"a broken object":       {`[{"PermitNum":"A-1"}, {"PermitNum":A-2}, {"PermitNum":"A-3"}]`, []string{"A-1|unknown", cut + "row 2, at byte 36: invalid character 'A' looking for beginning of value"}},
		"a missing comma":       {`[{"PermitNum":"A-1"} {"PermitNum":"A-2"}]`, []string{cut + "row 1, at byte 22: invalid character '{' after top-level value"}},
		"a missing quote":       {`[{"PermitNum":"A-1"},{"PermitNum:"A-2"},{"PermitNum":"A-3"}]`, []string{"A-1|unknown", cut + "row 2, at byte 61: the file ends inside the array"}},
		"a comma too many":      {`[{"PermitNum":"A-1"},]`, []string{"A-1|unknown", cut + "row 2, at byte 22: want an object, not ']'"}},
		"two commas":            {`[{"PermitNum":"A-1"},,{"PermitNum":"A-2"}]`, []string{"A-1|unknown", cut + "row 2, at byte 22: want an object, not ','"}},
		"an end in an object":   {`[{"PermitNum":"A-1"},{"PermitN`, []string{"A-1|unknown", cut + "row 2, at byte 31: the file ends inside the array"}},
		"an end in an escape":   {`[{"PermitNum":"A-1"},{"Permit\`, []string{"A-1|unknown", cut + "row 2, at byte 31: the file ends inside the array"}},
		"an end between":        {`[{"PermitNum":"A-1"},`, []string{"A-1|unknown", cut + "row 2, at byte 22: the file ends inside the array"}},
		"an end before a comma": {`[{"PermitNum":"A-1"},{"PermitNum":"A-2"}`, []string{"A-1|unknown", cut + "row 2, at byte 41: the file ends inside the array"}},
		"a bracket too many":    {`[{"PermitNum":"A-1"},{"PermitNum":"A-2"}}]`, []string{"A-1|unknown", cut + "row 2, at byte 41: invalid character '}' after top-level value"}},
		"more behind the end":   {"[{\"PermitNum\":\"A-1\"}]\n[{\"PermitNum\":\"A-2\"}]", []string{"A-1|unknown", cut + "row 2, at byte 23: there is more behind the end of the array"}},
		"too deep": {
			`[{"PermitNum":"A-1"},` + strings.Repeat("[", 10_001) + strings.Repeat("]", 10_001) + `]`, []string{"A-1|unknown", cut + "row 2, at byte 10022: invalid character '[' exceeded max depth"},
		},
		"a huge row at the end": {`[{"PermitNum":"A-1"},"` + strings.Repeat("x", mostRowBytes) + `"]`, []string{"A-1|unknown", "line 2: the row is over 1 MiB"}},
		"broken at once":        {`[{"PermitNum":A-1}]`, []string{cut + "row 1, at byte 15: invalid character 'A' looking for beginning of value"}},
		"an object":             {`{"PermitNum":"A-1"}`, []string{"error: the file begins with '{': want an array of objects, or format: ndjson where each line is one"}},
		"CSV":                   {"PermitNum\nA-1\n", []string{"error: the file begins with 'P': want an array of objects, or format: ndjson where each line is one"}},
		"UTF-16":                {"\xff\xfe[\x00]\x00", []string{"error: the file begins with 'ÿ': want an array of objects, or format: ndjson where each line is one"}},
		"an empty array":        {" [ ] ", []string{"error: the file is empty"}},
		"an array with an end":  {"[]]", []string{cut + "row 2, at byte 3: there is more behind the end of the array"}},
		"nothing":               {"", []string{"error: the file is empty"}},
		"nothing but space":     {" \n", []string{"error: the file is empty"}},
		"one bracket":           {"[", []string{cut + "row 1, at byte 2: the file ends inside the array"}},
	} {
		if diff := cmp.Diff(c.want, readNamed(t, minimal, "test.json", c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReader_formats(t *testing.T) {
	const csv, lines, array = "PermitNum\nA-1\n", `{"PermitNum":"A-1"}`, `[{"PermitNum":"A-1"}]`
	for _, c := range []struct{ format, name, text string }{
		{"", "a.csv", csv},
		{"", "a.csv.gz", csv},
		{"", "a.txt", csv},
		{"", "/dev/stdin", csv},
		{"", "json", csv},
		{"", "a.json.csv", csv},
		{"", "a.json", array},
		{"", "A.JSON.GZ", array},
		{"", "a.ndjson", lines},
		{"", "a.jsonl", lines},
		{"", "a.ndjson.gz", lines},
		{"", "dir.csv/a.JsonL.gz", lines},
		{"csv", "a.json", csv},
		{"json", "/dev/stdin", array},
		{"json", "a.csv", array},
		{"ndjson", "a.json", lines},
	} {
		source := minimal
		if c.format != "" {
			source += "format: " + c.format + "\n"
		}
		if got := readNamed(t, source, c.name, c.text); !cmp.Equal(got, []string{"A-1|unknown"}) {
			t.Errorf("format %q, %s: read %q", c.format, c.name, got)
		}
		var zipped bytes.Buffer
		w := gzip.NewWriter(&zipped)
		if _, err := io.WriteString(w, c.text); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got := readNamed(t, source, c.name, zipped.String()); !cmp.Equal(got, []string{"A-1|unknown"}) {
			t.Errorf("format %q, %s with gzip: read %q", c.format, c.name, got)
		}
		if got := readNamed(t, source, c.name, zipped.String()[:zipped.Len()-4]); len(got) == 0 || got[len(got)-1] != "error: unexpected EOF" {
			t.Errorf("format %q, %s with gzip that is cut: read %q, want an error", c.format, c.name, got)
		}
	}
	if got := readNamed(t, minimal+"encoding: windows-1252\n", "a.json", "[{\"PermitNum\":\"A-1\",\"Description\":\"Se\xf1or\"}]"); !cmp.Equal(got, []string{"A-1|unknown|Señor"}) {
		t.Errorf("windows-1252: read %q", got)
	}
	if got := readNamed(t, minimal+"encoding: utf-16le\n", "a.ndjson", "\xff\xfe{\x00\"\x00P\x00e\x00r\x00m\x00i\x00t\x00N\x00u\x00m\x00\"\x00:\x001\x00}\x00"); !cmp.Equal(got, []string{"1|unknown"}) {
		t.Errorf("utf-16le: read %q", got)
	}
}

// TestReader_Provides_objects: a file gives the columns that any of its objects has, in whatever row.
func TestReader_Provides_objects(t *testing.T) {
	s, err := ParseSource(strings.NewReader(minimal), "test")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("{\"PermitNum\":\"A-1\",\"other\":1}\n", 5000) + `{"EstProjectCost":null,"statuscurrent":"Issued","ContractorPhone":"555"}`
	r, err := NewReader(File{"a.ndjson", strings.NewReader(text)}, s)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"status", "valuation", "parties"}, r.Provides()); diff != "" {
		t.Errorf("Provides (-want +got):\n%s", diff)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestEntryReader_next_objects(t *testing.T) {
	s, err := ParseSource(strings.NewReader(feeSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newEntryReader(File{"a.json", strings.NewReader(`[{"permitnum":"A-1","FeeNum":7,"FeeName":"Plan","FeeAmount":"$1,200.5","PaidDate":null}, {"permitnum":"A-2","FeeName":"Plan"}]`)}, s)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := r.next()
	if diff := cmp.Diff(permits.Entry(&permits.FeeRecord{PermitNumber: "A-1", Number: "7", Name: "Plan", Amount: "1200.50"}), got); diff != "" || err != nil {
		t.Errorf("next: %v (-want +got):\n%s", err, diff)
	}
	_, _, err = r.next()
	var rejected *RejectError
	if !errors.As(err, &rejected) || rejected.Line != 2 || rejected.Reason != "amount is empty" || !cmp.Equal(rejected.Row, []string{"A-2", "", "Plan", "", ""}) {
		t.Errorf("next = %#v, want row 2 rejected with the values of the file's columns", err)
	}
	if err := r.close(); err != nil {
		t.Error(err)
	}
}

// importNamed imports a file, and returns the rows that were left out as the reject file has them.
func importNamed(t *testing.T, source, name string, file io.Reader) (Result, []string, error) {
	t.Helper()
	db := pgtest.Open(t)
	t.Setenv("TMPDIR", t.TempDir())
	s, err := ParseSource(strings.NewReader(source), "test")
	if err != nil {
		t.Fatal(err)
	}
	var rejects []string
	r, err := newImporter(db).Import(t.Context(), s, []File{{name, file}}, Progress{Rejected: func(file string, r *RejectError) error {
		rejects = append(rejects, file+": "+r.Error()+": "+strings.Join(r.Row, "|"))
		return nil
	}})
	if left, err := os.ReadDir(os.TempDir()); err != nil || len(left) != 0 {
		t.Errorf("%s: after the import there are temporary files: %v, %v", name, left, err)
	}
	checked := query(t, db, "select 'checked' from jurisdictions where last_checked_at is not null")
	if whole := err == nil && s.Dataset == Permits; whole != (len(checked) == 1) {
		t.Errorf("%s: checked is %q where the import ends with %v", name, checked, err)
	}
	if got := query(t, db, "select permit_number from permits"); int64(len(got)) != r.New {
		t.Errorf("%s: there are permits %q, want %d", name, got, r.New)
	}
	r.Duration = 0
	return r, rejects, err
}

func TestImporter_Import_objects(t *testing.T) {
	const rows = `{"PermitNum":"A-1","StatusCurrent":"Issued"}` + "\n" + `{"PermitNum":"A-2"` + "\n" + `{"PermitNum":"A-3","AppliedDate":"soon"}` + "\n" + `{"PermitNum":"A-1","StatusCurrent":"Final"}` + "\n"
	got, rejects, err := importNamed(t, testSource, "a.ndjson", strings.NewReader(rows))
	if want := (Result{Rows: 2, Rejected: 2, Merged: 1, Permits: 1, New: 1}); err != nil || got != want {
		t.Errorf("Import of NDJSON = %+v, %v; want %+v", got, err, want)
	}
	want := []string{`a.ndjson: line 2: no JSON: unexpected end of JSON input, at byte 18: {"PermitNum":"A-2"`, `a.ndjson: line 3: filed_date: "soon" is no date: A-3||soon`}
	if diff := cmp.Diff(want, rejects); diff != "" {
		t.Errorf("rejects of NDJSON (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_cutArrays(t *testing.T) {
	const text = `[{"PermitNum":"A-1","StatusCurrent":"Issued"}, 7, {"PermitNum":"A-2","StatusCurrent":"Issued"}, {"PermitNum":"A-3"`
	got, rejects, err := importNamed(t, testSource, "a.json", strings.NewReader(text))
	var cut *CutError
	if want := (Result{Rows: 2, Rejected: 1, Permits: 2, New: 2}); got != want || !errors.As(err, &cut) || cut.Row != 4 || cut.Byte != int64(len(text)+1) {
		t.Errorf("Import = %+v, %v; want %+v and a cut in row 4, behind the end", got, err, want)
	}
	if want := "import test: a.json: the JSON array breaks off in row 4, at byte 115: the file ends inside the array; what comes before is imported"; err == nil || err.Error() != want {
		t.Errorf("Import = %v, want %s", err, want)
	}
	if diff := cmp.Diff([]string{"a.json: line 2: the row is no object: 7"}, rejects); diff != "" {
		t.Errorf("rejects (-want +got):\n%s", diff)
	}
	_, _, err = importNamed(t, testSource, "b.json", strings.NewReader(`[{"PermitNum":"A-1"`))
	if errors.As(err, &cut) && cut.Row == 1 || err == nil || !strings.Contains(err.Error(), "breaks off in row 1") || strings.Contains(err.Error(), "imported") {
		t.Errorf("Import of nothing but a cut = %v, want an error that claims nothing to be imported", err)
	}
	broken := errors.New("the disk is broken")
	got, _, err = importNamed(t, testSource, "c.json", io.MultiReader(strings.NewReader(`[{"PermitNum":"A-1"},`), iotest.ErrReader(broken)))
	if !errors.Is(err, broken) || got.New != 0 {
		t.Errorf("Import of a file that cannot be read = %+v, %v; want nothing imported", got, err)
	}
}

// TestImporter_Import_cutFees: fees that are missing because the file is cut are not removed.
func TestImporter_Import_cutFees(t *testing.T) {
	db := withPermits(t)
	importFiles(t, db, feeSource, feeHeader+"A-1,1,Permit,120,\nA-1,2,Plan,10,\n")
	s, err := ParseSource(strings.NewReader(feeSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	file := File{"a.json", strings.NewReader(`[{"PermitNum":"A-1","FeeNum":1,"FeeName":"Permit","FeeAmount":150},{"PermitNum":"A-1",`)}
	if _, err = newImporter(db).Import(t.Context(), s, []File{file}, Progress{}); err == nil || !strings.HasSuffix(err.Error(), "; nothing is imported, as what is missing would count as removed") {
		t.Errorf("Import = %v, want a cut with nothing imported", err)
	}
	if got := query(t, db, "select concat_ws(' ', name, amount) from permit_fees order by 1"); !cmp.Equal(got, []string{"Permit 120.00", "Plan 10.00"}) {
		t.Errorf("fees = %q, want those of before", got)
	}
}

// TestRejectFile_objects: what is no JSON stands in the reject file as it was, so that it can be mended.
func TestRejectFile_objects(t *testing.T) {
	f := &RejectFile{Path: t.TempDir() + "/rejects.csv"}
	if err := errors.Join(f.Add("a.ndjson", &RejectError{Line: 3, Reason: "no JSON", Row: []string{`{"a":"b,c`}}), f.Close()); err != nil {
		t.Fatal(err)
	}
	got, err := csv.NewReader(strings.NewReader(readFile(t, f.Path))).ReadAll()
	if want := [][]string{{"file", "line", "reason"}, {"a.ndjson", "3", "no JSON", `{"a":"b,c`}}; err == nil && !cmp.Equal(got, want) {
		t.Errorf("the reject file holds %q, want %q", got, want)
	}
}

func FuzzReader_objects(f *testing.F) {
	s, err := ParseSource(strings.NewReader(minimal+"columns: {city: a.b, street: a}\n"), "test")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("{\"PermitNum\":\"A-1\",\"a\":{\"b\":[1,\"\\u00e9\\\"]\"]}}\n[")
	f.Add("[{\"PermitNum\":1e5,\"a\":{}},{}, 1 ,\"\\")
	f.Fuzz(func(t *testing.T, text string) {
		for _, name := range []string{"a.json", "a.ndjson"} {
			r, err := NewReader(File{name, strings.NewReader(text)}, s)
			if err != nil {
				continue
			}
			for rows := 0; ; rows++ {
				var rec permits.Record
				err := r.Next(&rec)
				var rejected *RejectError
				if err != nil && !errors.As(err, &rejected) {
					break
				}
				if rows > len(text) {
					t.Fatalf("%q has more rows than bytes", text)
				}
				if strings.Contains(rec.PermitNumber+rec.City, "\x00") {
					t.Errorf("%+v was taken", rec)
				}
			}
			if err := r.Close(); err != nil {
				t.Error(err)
			}
		}
	})
}
