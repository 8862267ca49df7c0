package ingest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func TestReadme_examples(t *testing.T) {
	db := pgtest.Open(t)
	examples := regexp.MustCompile("(?s)```csv\n(.*?)```.*?```yaml\n(.*?)```").FindAllStringSubmatch(readFile(t, "sources/README.md"), -1)
	var got []Result
	for _, e := range examples {
		got = append(got, importFiles(t, db, e[2], e[1]))
	}
	want := []Result{{Rows: 2, Permits: 2, New: 2}, {Rows: 3, Permits: 2, New: 2}, {Rows: 3, Permits: 2, New: 2}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the permits, inspections and fees of the README (-want +got):\n%s", diff)
	}
}

// TestReadme_objects: the array and the lines of the README are the permits of its CSV file.
func TestReadme_objects(t *testing.T) {
	db := pgtest.Open(t)
	readme := readFile(t, "sources/README.md")
	files := regexp.MustCompile("(?s)```(csv|json|ndjson)\n(.*?)```").FindAllStringSubmatch(readme, 3)
	sources := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(readme, 2)
	for i, f := range files {
		s, err := ParseSource(strings.NewReader(sources[min(i, 1)][1]), "README.md")
		if err != nil {
			t.Fatal(err)
		}
		got, err := newImporter(db).Import(t.Context(), s, []File{{"permits." + f[1], strings.NewReader(f[2])}}, Progress{})
		got.Duration = 0
		want := Result{Rows: 2, Permits: 2, Unchanged: 2}
		if i == 0 {
			want = Result{Rows: 2, Permits: 2, New: 2}
		}
		if err != nil || got != want {
			t.Errorf("Import of %s = %+v, %v; want %+v", f[1], got, err, want)
		}
	}
	if got := query(t, db, "select concat_ws(' ', permit_number, stage, street, filed_date, valuation) from permits order by 1"); !cmp.Equal(got, []string{
		"24-0017 in_review 12 PALM AVE 2026-03-02 12500.00", "24-0018 permit_finaled 9 GULF DR 2026-03-05",
	}) || len(files) != 3 {
		t.Errorf("permits of %d files = %q", len(files), got)
	}
}
