package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const testSource = `
jurisdiction: {slug: test, name: Test County, region: FL}
statuses: {In Review: in_review, Issued: permit_issued, Final: permit_finaled}
`

const testHeader = "PermitNum,StatusCurrent,IssuedDate,EstProjectCost,ContractorCompanyName,ContractorPhone\n"

func newImporter(db *postgres.DB) *Importer {
	return NewImporter(db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) }), time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) })
}

// importFiles imports the texts as the files of one import.
func importFiles(t *testing.T, db *postgres.DB, source string, texts ...string) Result {
	t.Helper()
	s, err := ParseSource(strings.NewReader(source), "test")
	if err != nil {
		t.Fatal(err)
	}
	var files []File
	for i, text := range texts {
		files = append(files, File{Name: fmt.Sprintf("%d.csv", i+1), Reader: strings.NewReader(text)})
	}
	r, err := newImporter(db).Import(t.Context(), s, files, Progress{})
	if err != nil {
		t.Fatal(err)
	}
	r.Duration = 0
	return r
}

// query returns one column of text.
func query(t *testing.T, db *postgres.DB, text string) []string {
	t.Helper()
	found := []string{}
	if err := db.SelectContext(t.Context(), &found, text); err != nil {
		t.Fatal(err)
	}
	return found
}

const changes = `select concat_ws(' ', p.permit_number, c.scope, c.field, coalesce(c.previous, '-'), '>', coalesce(c.new, '-'))
	from permit_changes c join permits p on p.uuid = c.permit_uuid order by 1`

func TestImporter_Import(t *testing.T) {
	db := pgtest.Open(t)
	first := testHeader + "A-1,In Review,,1000,Acme Inc,555\nA-2,Issued,2026-01-02,,,\n"
	if got, want := importFiles(t, db, testSource, first), (Result{Rows: 2, Permits: 2, New: 2}); got != want {
		t.Errorf("first import = %+v, want %+v", got, want)
	}
	stamps := query(t, db, "select updated_at::text from permits order by permit_number")
	if got, want := importFiles(t, db, testSource, first), (Result{Rows: 2, Permits: 2, Unchanged: 2}); got != want {
		t.Errorf("the same again = %+v, want %+v", got, want)
	}
	if got := query(t, db, changes); len(got) != 0 {
		t.Errorf("a baseline makes no changes, got %q", got)
	}
	second := testHeader + "A-1,Issued,2026-02-03,1500.5,Acme LLC,555\nA-2,Issued,2026-01-02,,,\nA-3,Odd,,,,\n"
	if got, want := importFiles(t, db, testSource, second), (Result{Rows: 3, Permits: 3, New: 1, Changed: 1, Unchanged: 1}); got != want {
		t.Errorf("second import = %+v, want %+v", got, want)
	}
	want := []string{
		"A-1 party contractor - > Acme LLC, 555",
		"A-1 party contractor Acme Inc, 555 > -",
		"A-1 permit issued_date - > 2026-02-03",
		"A-1 permit stage in_review > permit_issued",
		"A-1 permit status In Review > Issued",
		"A-1 permit valuation 1000.00 > 1500.50",
	}
	if diff := cmp.Diff(want, query(t, db, changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	after := query(t, db, "select updated_at::text from permits order by permit_number")
	if after[0] <= stamps[0] || after[1] != stamps[1] {
		t.Errorf("updated_at went from %q to %q, want only the first one later", stamps, after)
	}
	if got := query(t, db, "select company from permit_parties"); !cmp.Equal(got, []string{"Acme LLC"}) {
		t.Errorf("parties = %q", got)
	}
	got := query(t, db, `select concat_ws(' ', permits, last_checked_at > last_changed_at, last_changed_at = (select max(updated_at) from permits)) from jurisdictions`)
	if !cmp.Equal(got, []string{"3 t t"}) {
		t.Errorf("jurisdiction = %q, want 3 permits, checked after its last change", got)
	}
}

// TestImporter_Import_fingerprints holds what tells a row from others: with another one, the release that brings it would look at every
// permit again.
func TestImporter_Import_fingerprints(t *testing.T) {
	db := pgtest.Open(t)
	header := "PermitNum,StatusCurrent,Description,Latitude,Longitude,IssuedDate,EstProjectCost,ContractorCompanyName,ContractorPhone,ContractorFullName\n"
	importFiles(t, db, testSource, header+"F-1,In Review,\"two\nlines, \"\"quoted\"\"\",27.9478,-82.4584,2026-01-02,\"$1,234.5\",Acme & Söhne,555,Jane  Roe\n"+
		"F-2,,,0.00000001,-100,,,,,\nF-3,Issued,,,,,,,,\nF-4,Issued,,,,,,Acme,,\nF-4,Final,,,,,,Acme,,\n")
	want := []string{
		"F-1 a4c98283-5792-d578-392f-d13ae812f577",
		"F-2 8b05b248-cef1-f9a7-b73b-6acbe07e864a",
		"F-3 c656c0d0-a640-1a57-f018-2e8443050645",
		"F-4 26d5f094-386d-dc11-9110-c3ef3adbe7fb",
	}
	if diff := cmp.Diff(want, query(t, db, "select concat_ws(' ', permit_number, source_hash) from permits order by permit_number")); diff != "" {
		t.Errorf("fingerprints (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_mergesRows(t *testing.T) {
	db := pgtest.Open(t)
	one := testHeader + "A-1,In Review,,1000,Acme Inc,555\n A-1 ,Issued,,2000,Bolt LLC,\n"
	two := testHeader + "A-2,Issued,,,,\nA-1,Final,,3000,Acme Inc,555\n"
	want := Result{Rows: 4, Merged: 2, Permits: 2, New: 2}
	for range 2 {
		if got := importFiles(t, db, testSource, one, two); got != want {
			t.Errorf("Import = %+v, want %+v", got, want)
		}
		want = Result{Rows: 4, Merged: 2, Permits: 2, Unchanged: 2}
	}
	got := query(t, db, `select concat_ws(' ', permit_number, status, valuation, string_agg(company, '+' order by position))
		from permits left join permit_parties on permit_uuid = uuid group by uuid order by 1`)
	if diff := cmp.Diff([]string{"A-1 Final 3000.00 Acme Inc+Bolt LLC", "A-2 Issued"}, got); diff != "" {
		t.Errorf("permits (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_keepsWhatAFileLacks(t *testing.T) {
	db := pgtest.Open(t)
	importFiles(t, db, testSource, testHeader+"A-1,In Review,2026-01-02,1000,Acme Inc,555\n")
	if got, want := importFiles(t, db, testSource, "PermitNum,OriginalAddress1\nA-1,1 Palm Ave\n"), (Result{Rows: 1, Permits: 1, Changed: 1}); got != want {
		t.Errorf("Import = %+v, want %+v", got, want)
	}
	got := query(t, db, `select concat_ws(' ', status, stage, issued_date, valuation, permits.street, company) from permits join permit_parties on permit_uuid = uuid`)
	if !cmp.Equal(got, []string{"In Review in_review 2026-01-02 1000.00 1 Palm Ave Acme Inc"}) {
		t.Errorf("permit = %q", got)
	}
	// The first file again: its hash is another, its values are the same.
	if got, want := importFiles(t, db, testSource, testHeader+"A-1,In Review,2026-01-02,1000,Acme Inc,555\n"), (Result{Rows: 1, Permits: 1, Unchanged: 1}); got != want {
		t.Errorf("Import = %+v, want %+v", got, want)
	}
}

func TestImporter_Import_snapshots(t *testing.T) {
	db := pgtest.Open(t)
	for _, status := range []string{"In Review", "Issued", "Final", "Final"} {
		importFiles(t, db, testSource, "PermitNum,StatusCurrent\nA-1,"+status+"\n")
	}
	got := query(t, db, "select previous || ' > ' || new from permit_changes where field = 'status' order by detected_at")
	if diff := cmp.Diff([]string{"In Review > Issued", "Issued > Final"}, got); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_rejects(t *testing.T) {
	db := pgtest.Open(t)
	s, err := ParseSource(strings.NewReader(testSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	file := File{"a.csv", strings.NewReader(testHeader + "A-1,Issued,,,,\n,Issued,,,,\nA-2,Issued,soon,,,\n")}
	rejects := &RejectFile{Path: t.TempDir() + "/rejects.csv"}
	r, err := newImporter(db).Import(t.Context(), s, []File{file}, Progress{Rejected: rejects.Add})
	if err != nil || r.New != 1 || r.Rejected != 2 {
		t.Errorf("Import = %+v, %v; want 1 new, 2 rejected", r, err)
	}
	if err := rejects.Close(); err != nil || !rejects.Written() {
		t.Errorf("Close = %v", err)
	}
	want := "file,line,reason\na.csv,3,permit_number is empty,,Issued,,,,\na.csv,4,\"issued_date: \"\"soon\"\" is no date\",A-2,Issued,soon,,,\n"
	if got := readFile(t, rejects.Path); got != want {
		t.Errorf("the reject file holds\n%s\nwant\n%s", got, want)
	}
}

func TestImporter_Import_unreadable(t *testing.T) {
	db := pgtest.Open(t)
	broken := errors.New("the file is broken")
	for source, text := range map[string]string{testSource: testHeader + "A-1,Issued,,,,\n", feeSource: "PermitNum,FeeName,Amount\nA-1,Permit,1\n"} {
		s, err := ParseSource(strings.NewReader(source), "test")
		if err != nil {
			t.Fatal(err)
		}
		file := File{"a.csv", io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken))}
		if _, err := newImporter(db).Import(t.Context(), s, []File{file}, Progress{}); !errors.Is(err, broken) {
			t.Errorf("Import of %s = %v, want %v", s.Dataset, err, broken)
		}
	}
	importFiles(t, db, testSource, testHeader+"A-1,Issued,,,,\n") // the lock is free
}

func TestImporter_Import_onlyOneAtATime(t *testing.T) {
	db := pgtest.Open(t)
	s, err := ParseSource(strings.NewReader(testSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	reader, writer := io.Pipe()
	done := make(chan error)
	go func() {
		_, err := newImporter(db).Import(t.Context(), s, []File{{"slow.csv", reader}}, Progress{})
		done <- err
	}()
	if _, err := io.WriteString(writer, testHeader+"A-1,Issued,,,,\n"); err != nil {
		t.Fatal(err)
	}
	for len(query(t, db, "select 'locked' from pg_locks where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())")) == 0 {
		if t.Context().Err() != nil {
			t.Fatal("the first import never locked its jurisdiction")
		}
	}
	for _, source := range []string{testSource, feeSource} {
		other, err := ParseSource(strings.NewReader(source), "test")
		if err != nil {
			t.Fatal(err)
		}
		file := File{"b.csv", strings.NewReader("PermitNum,FeeName,Amount\n")}
		if _, err = newImporter(db).Import(t.Context(), other, []File{file}, Progress{}); !errors.Is(err, permits.ErrImportRunning) {
			t.Errorf("a second import, of %s = %v, want %v", other.Dataset, err, permits.ErrImportRunning)
		}
	}
	if err := errors.Join(writer.Close(), <-done); err != nil {
		t.Error(err)
	}
}

func TestImporter_Import_againAfterACut(t *testing.T) {
	text := func(status string) string {
		var b strings.Builder
		b.WriteString(testHeader)
		for i := range 3500 {
			fmt.Fprintf(&b, "A-%d,%s,,%d,Firm %d,\n", i, status, i, i%50)
		}
		return b.String()
	}
	const state = `select md5(string_agg(concat_ws(' ', permit_number, status, stage, valuation, search::text,
		(select string_agg(company, ',') from permit_parties where permit_uuid = uuid),
		(select count(*) from permit_changes c where c.permit_uuid = uuid)), '|' order by permit_number)) from permits`
	whole, cut := pgtest.Open(t), pgtest.Open(t)
	s, err := ParseSource(strings.NewReader(testSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	for _, status := range []string{"In Review", "Issued"} {
		importFiles(t, whole, testSource, text(status))
		ctx, cancel := context.WithCancel(t.Context())
		file := File{"a.csv", strings.NewReader(text(status))}
		_, err := newImporter(cut).Import(ctx, s, []File{file}, Progress{Merged: func(int64) { cancel() }})
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("Import = %v, want a cut", err)
		}
		if half := query(t, cut, "select count(*)::text from permits where status = '"+status+"'"); half[0] != "1000" {
			t.Errorf("after the cut %s permits are %s, want one batch of 1000", half[0], status)
		}
		importFiles(t, cut, testSource, text(status))
		if got, want := query(t, cut, state), query(t, whole, state); !cmp.Equal(got, want) {
			t.Errorf("after a cut and a repetition the permits are not those of an uncut import")
		}
	}
}
