package ingest

import (
	"regexp"
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
