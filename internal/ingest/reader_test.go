package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/plotwise/plotwise/internal/permits"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

const minimal = "jurisdiction: {slug: test, name: Test}\n"

// readAll returns each record of a CSV file, or the reason for its rejection, in a line.
func readAll(t *testing.T, source, text string) []string {
	t.Helper()
	return readNamed(t, source, "test.csv", text)
}

func readNamed(t *testing.T, source, name, text string) []string {
	t.Helper()
	s, err := ParseSource(strings.NewReader(source), "test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewReader(File{name, strings.NewReader(text)}, s)
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	defer func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}()
	var lines []string
	for {
		var rec permits.Record
		err := r.Next(&rec)
		var rejected *RejectError
		switch {
		case errors.Is(err, io.EOF):
			return lines
		case errors.As(err, &rejected):
			lines = append(lines, rejected.Error())
		case err != nil:
			return append(lines, "error: "+err.Error())
		default:
			lines = append(lines, describe(rec))
		}
	}
}

func describe(r permits.Record) string {
	parts := []string{r.PermitNumber, r.Status, r.Stage, r.Type, r.Description, r.Street, r.City, r.FiledDate, r.IssuedDate, r.Valuation}
	if r.Latitude != nil {
		parts = append(parts, fmt.Sprint(*r.Latitude, *r.Longitude))
	}
	for _, p := range r.Parties {
		parts = append(parts, p.Role, p.Person, p.Company, p.Phone)
	}
	return strings.Join(slices.DeleteFunc(parts, func(s string) bool { return s == "" }), "|")
}

func TestReader_Next(t *testing.T) {
	for name, c := range map[string]struct {
		source, text string
		want         []string
	}{
		"BLDS": {
			minimal, "permitnum,StatusCurrent,StatusCurrentMapped,PermitTypeDesc,AppliedDate,EstProjectCost,Latitude,Longitude,ContractorFullName\n" +
				"A-1,Odd,Permit Issued,Roof,2026-01-02T03:04:05,1e+05,27.5,-82.5,Ann Lee\n",
			[]string{"A-1|Odd|permit_issued|Roof|2026-01-02|100000.00|27.5 -82.5|contractor|Ann Lee"},
		},
		"mapped": {
			minimal + "columns: {permit_number: no, street: [house, road], contractor: who}\ndates: [MM/DD/YYYY]\ndefaults: {city: Tampa}\n",
			"no,house,road,who,AppliedDate\n 7 ,12,PALM  AVE,\"Ann Lee, Acme, Inc.\",02/03/2026\n",
			[]string{"7|unknown|12 PALM AVE|Tampa|2026-02-03|contractor|Ann Lee|Acme, Inc."},
		},
		"no header": {
			minimal + "header: false\ncolumns: {permit_number: \"1\", city: \"3\"}\n", "A-1,x,Naples\nA-2,y,Tampa\n",
			[]string{"A-1|unknown|Naples", "A-2|unknown|Tampa"},
		},
		"another delimiter": {minimal + "delimiter: \";\"\n", "PermitNum;Description\nA-1;one, two\n", []string{"A-1|unknown|one, two"}},
		"byte order mark":   {minimal, "\xef\xbb\xbfPermitNum\nA-1\n", []string{"A-1|unknown"}},
		"line breaks": {
			minimal, "PermitNum,Description\nA-1,\"one\r\ntwo\"\n,x\n", []string{"A-1|unknown|one\ntwo", "line 4: permit_number is empty"},
		},
		"statuses": {
			minimal + "statuses: {In Review: in_review}\nunknown_status: reject\n", "PermitNum,StatusCurrent\nA-1, in  review \nA-2,Odd\n",
			[]string{"A-1|in review|in_review", `line 3: status "Odd" is none that the source lists`},
		},
		"a rule": {
			minimal + "reject: [{column: StatusCurrent, value: Error, reason: scrape failed}]\n", "PermitNum,StatusCurrent\nA-1,Error\nA-2,Fine\n",
			[]string{"line 2: scrape failed", "A-2|Fine|unknown"},
		},
		"bad rows": {
			minimal, "PermitNum,AppliedDate,EstProjectCost,Latitude,Longitude\nA-1,x,,,\nA-2,1800-01-01,,,\nA-3,,-5,,\nA-4,,,91,0\nA-5,,,1,\nA-6,,\nA\x007,,,,\nA\xff8,,,,\n" + strings.Repeat("9", 101) + ",,,,\nA-9,,,0,0\n",
			[]string{
				`line 2: filed_date: "x" is no date`, `line 3: filed_date: "1800-01-01" is before 1900 or after 2200`, `line 4: valuation: "-5" is negative`,
				`line 5: latitude "91" and longitude "0" are out of range`, `line 6: latitude "1" and longitude "" are no pair of numbers`,
				"line 7: the row has 3 values, not 5", "line 8: permit_number holds the character NUL",
				"line 9: permit_number does not hold text in the declared encoding", "line 10: permit_number has 101 characters, at most 100 fit", "A-9|unknown",
			},
		},
		"a missing column": {
			minimal + "columns: {permit_number: number}\n", "id,status\n1,x\n", []string{`error: the file has no column "number"; it has id, status`},
		},
		"no number": {
			minimal, "id\n1\n", []string{`error: no column gives permit_number: name one under columns: the file has no column "PermitNum"; it has id`},
		},
		"nothing": {minimal, "", []string{"error: the file is empty"}},
	} {
		if diff := cmp.Diff(c.want, readAll(t, c.source, c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestReader_encodings(t *testing.T) {
	const text = "PermitNum,Description\nA-1,Señor\n"
	latin, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	wide, err := unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for label, file := range map[string]string{"windows-1252": latin, "utf-16le": wide, "utf-8": zipped.String()} {
		if got := readAll(t, minimal+"encoding: "+label+"\n", file); !cmp.Equal(got, []string{"A-1|unknown|Señor"}) {
			t.Errorf("%s: read %q", label, got)
		}
	}
	if got := readAll(t, minimal, zipped.String()[:zipped.Len()-12]); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "error: ") {
		t.Errorf("a cut gzip file reads as %q, want an error", got)
	}
}

func FuzzReader(f *testing.F) {
	s, err := ParseSource(strings.NewReader(minimal+"dates: [MM/DD/YYYY]\n"), "test")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("A-1,Issued,1,2\n\"A\",\"\n")
	f.Add("\x00\xff,,,")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := NewReader(File{"test.csv", strings.NewReader("PermitNum,Description,EstProjectCost,ContractorCompanyName\n" + text)}, s)
		if err != nil {
			return
		}
		for {
			var rec permits.Record
			err := r.Next(&rec)
			var rejected *RejectError
			if errors.As(err, &rejected) {
				continue
			}
			if err != nil {
				return
			}
			if strings.Contains(rec.PermitNumber+rec.Description, "\x00") || !utf8.ValidString(rec.Description) || utf8.RuneCountInString(rec.PermitNumber) > 100 {
				t.Errorf("%+v was taken", rec)
			}
		}
	})
}
