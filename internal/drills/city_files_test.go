package drills

import (
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// oddStatuses are words that a city might use, with what breaks who quotes or escapes them wrongly.
var oddStatuses = []string{
	"In Review", "Issued", "Closed", "Expired", `C of O "Temp", issued`, "Ünder Prüfung – São", "🏠 done 👩‍👩‍👧", "<b>&amp;</b> </script>", `back\slash \u0041`,
	"e\u0301 and \u00e9", "a; b | c\tTab", "'; drop table permits; --", "null", "0", "Line one\nline two\nline three", "مرحلة المراجعة", `{"status": [1]}`, strings.Repeat("ß", 200),
}

// absent stands for no row at all.
const absent = "(absent)"

// specialPermits are permits with their status in each of the snapshots. "Error" is no status: the source rejects it.
var specialPermits = []struct {
	number   string
	statuses [3]string
}{
	{"S-1 changed and changed back", [3]string{"Issued", "Closed", "Issued"}},
	{"S-2 not read", [3]string{"Issued", "Error", "Closed"}},
	{"S-3 not read, and as before", [3]string{"Issued", "Error", "Issued"}},
	{"S-4 other case", [3]string{"Issued", "ISSUED", "ISSUED"}},
	{"S-4 OTHER CASE", [3]string{"Issued", "Issued", "Closed"}},
	{"S-5 away for a time", [3]string{"Issued", absent, "Closed"}},
	{"S-6 other spaces", [3]string{"In Review", "  In   Review ", "In\tReview"}},
	{"S-7 empty for a time", [3]string{"Issued", "", "Issued"}},
	{"S-8 vanished", [3]string{"Issued", absent, absent}},
	{"S-9 new", [3]string{absent, "Issued", "Closed"}},
	{`S-10, "é" 🏠 / %2F #?&`, [3]string{"Issued", "Closed", "Closed"}},
	{"0011", [3]string{"Issued", "Closed", "Closed"}},
	{"11", [3]string{"Issued", "Issued", "Closed"}},
}

const generatedPermits = 300

// generatePermits returns the rows of three snapshots.
func generatePermits() [][][]string {
	var snapshots [][][]string
	random := rand.New(rand.NewPCG(seed, 1))
	current := make([]int, generatedPermits+20)
	for i := range current {
		current[i] = random.IntN(len(oddStatuses))
	}
	for n := range 3 {
		rows := [][]string{{"ID", "Most Recent", "Record Status"}, {permitNumber(0), "None", "of a row that another one of the same number follows"}}
		for _, s := range specialPermits {
			if s.statuses[n] != absent {
				rows = append(rows, []string{s.number, "None", s.statuses[n]})
			}
		}
		for i := range generatedPermits + 10*n { // ten are new each time
			if n > 0 && random.IntN(4) == 0 {
				current[i] = (current[i] + 1 + random.IntN(len(oddStatuses)-1)) % len(oddStatuses)
			}
			if i%20 == 3 && n == 1 || i%20 == 13 && n == 2 { // vanished, the former for a time
				continue
			}
			rows = append(rows, []string{permitNumber(i), "None", oddStatuses[current[i]]})
		}
		snapshots = append(snapshots, rows)
	}
	return snapshots
}

func permitNumber(i int) string { return fmt.Sprintf("2026%07d", i) }

// generateFees returns the rows of the fees of some permits at the time of a snapshot: of the first fee the amount
// changes, the second comes and the third goes.
func generateFees(n int) [][]string {
	rows := [][]string{{"PermitNum", "FeeNum", "FeeName", "FeeAmount"}}
	for i := range 60 {
		add := func(fee, name string, dollars int) {
			rows = append(rows, []string{permitNumber(i), fee, name, fmt.Sprintf("%d.50", dollars)})
		}
		if i%20 == 3 && n == 1 { // no row of the permit says nothing
			continue
		}
		first := 100 + i
		if i%4 == 0 {
			first += 10 * n
		}
		add("F-1", `Permit "fee", basic`, first)
		if i%5 == 0 && n >= 1 {
			add("F-2", "Re-inspection", 75)
		}
		if i%6 == 0 && n < 2 {
			add("F-3", "Süd 🏠", 5)
		}
	}
	return rows
}

// generateInspections returns the rows of the inspections of other permits: the first is put off, the second is new on
// the calendar, and the third gets its day late.
func generateInspections(n int) [][]string {
	rows := [][]string{{"PermitNum", "InspNum", "InspType", "ScheduledDate"}}
	for i := 60; i < 120; i++ {
		add := func(number, kind, date string) { rows = append(rows, []string{permitNumber(i), number, kind, date}) }
		day := 1 + i%20
		if i%3 == 0 {
			day += n
		}
		add("I-1", `Final, "all"`, fmt.Sprintf("2026-03-%02d", day))
		if i%4 == 0 && n >= 1 {
			add("I-2", "Framing", "2026-04-01")
		}
		late := ""
		if n == 2 {
			late = "2026-05-02"
		}
		if i%5 == 0 {
			add("I-3", "Roof", late)
		}
	}
	return rows
}

// writeCSV writes rows into a file and returns its name.
func writeCSV(t *testing.T, name string, rows [][]string) string {
	t.Helper()
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return writeFile(t, name, text.Bytes())
}

// writeNDJSON writes rows as objects, one a line.
func writeNDJSON(t *testing.T, name string, rows [][]string) string {
	t.Helper()
	var text bytes.Buffer
	for _, row := range rows[1:] {
		object := map[string]string{}
		for i, value := range row {
			object[rows[0][i]] = value
		}
		if err := json.NewEncoder(&text).Encode(object); err != nil {
			t.Fatal(err)
		}
	}
	return writeFile(t, name, text.Bytes())
}

func writeFile(t *testing.T, name string, text []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// readCSV returns the rows of a file as the values of their columns.
func readCSV(t *testing.T, name string) []map[string]string {
	t.Helper()
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var text io.Reader = file
	if strings.HasSuffix(name, ".gz") {
		if text, err = gzip.NewReader(file); err != nil {
			t.Fatal(err)
		}
	}
	rows, err := csv.NewReader(text).ReadAll()
	if err != nil {
		t.Fatalf("read %s: %v", name, err)
	}
	var found []map[string]string
	for _, row := range rows[1:] {
		values := map[string]string{}
		for i, column := range rows[0] {
			values[column] = strings.Join(strings.Fields(row[i]), " ")
		}
		found = append(found, values)
	}
	return found
}
