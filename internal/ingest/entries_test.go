package ingest

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const (
	feeSource        = testJurisdiction + "dataset: fees\n"
	inspectionSource = testJurisdiction + "dataset: inspections\n"
	testJurisdiction = "jurisdiction: {slug: test, name: Test County, region: FL}\n"
)

// readEntries returns each entry, or the reason for its rejection, in a line.
func readEntries(t *testing.T, source, text string) []string {
	t.Helper()
	s, err := ParseSource(strings.NewReader(source), "test")
	if err != nil {
		t.Fatal(err)
	}
	r, err := newEntryReader(File{"test.csv", strings.NewReader(text)}, s)
	if err != nil {
		return []string{"error: " + err.Error()}
	}
	var lines []string
	for {
		entry, _, err := r.next()
		var rejected *RejectError
		switch {
		case errors.Is(err, io.EOF):
			return lines
		case errors.As(err, &rejected):
			lines = append(lines, rejected.Error())
		case err != nil:
			return append(lines, "error: "+err.Error())
		default:
			lines = append(lines, strings.TrimLeft(fmt.Sprintf("%+v", entry), "&"))
		}
	}
}

func TestEntryReader_next(t *testing.T) {
	for name, c := range map[string]struct {
		source, text string
		want         []string
	}{
		"fees": {
			feeSource, "permitnum,FeeNum,FeeName,FeeAmount,PaidAmount,AssessedDate,PaidDate\nA-1,7,Plan  Review,\"$1,200.5\",1200.50,2026-01-02T00:00:00,2026-01-03\nA-1,,Credit,-50,,,\n",
			[]string{
				"{PermitNumber:A-1 Number:7 Name:Plan Review Amount:1200.50 PaidAmount:1200.50 AssessedDate:2026-01-02 PaidDate:2026-01-03}",
				"{PermitNumber:A-1 Number: Name:Credit Amount:-50.00 PaidAmount: AssessedDate: PaidDate:}",
			},
		},
		"fees with the other names": {
			feeSource, "PermitNum,FeeType,Amount\nA-1,Impact,5\n",
			[]string{"{PermitNumber:A-1 Number: Name:Impact Amount:5.00 PaidAmount: AssessedDate: PaidDate:}"},
		},
		"fees, mapped, without a header": {
			feeSource + "header: false\ndelimiter: \"|\"\ndates: [M/D/YYYY]\ncolumns: {permit_number: \"1\", amount: \"2\", paid_date: \"3\"}\ndefaults: {name: Permit fee}\n",
			"A-1|5|2/3/2026\n",
			[]string{"{PermitNumber:A-1 Number: Name:Permit fee Amount:5.00 PaidAmount: AssessedDate: PaidDate:2026-02-03}"},
		},
		"bad fees": {
			feeSource + "reject: [{column: FeeName, value: Test, reason: a test}]\n",
			"PermitNum,FeeName,FeeAmount,PaidDate\n,Permit,5,\nA-1,,5,\nA-1,Permit,,\nA-1,Permit,free,\nA-1,Permit,5,soon\nA-1,Test,5,\nA-1,Permit,1e15,\nA-1,Permit,-1e15,\nA-1,Permit\n" +
				"A-1," + strings.Repeat("x", 201) + ",5,\n",
			[]string{
				"line 2: permit_number is empty", "line 3: name is empty", "line 4: amount is empty", `line 5: amount: "free" is no amount of money`,
				`line 6: paid_date: "soon" is no date`, "line 7: a test", `line 8: amount: "1e15" is over 999,999,999,999.99`,
				`line 9: amount: "-1e15" is under -999,999,999,999.99`, "line 10: the row has 2 values, not 4", "line 11: name has 201 characters, at most 200 fit",
			},
		},
		"fees without an amount": {
			feeSource, "PermitNum,FeeName\nA-1,Permit\n",
			[]string{`error: no column gives amount: name one under columns: the file has no column "FeeAmount"; it has PermitNum, FeeName`},
		},
		"inspections of BLDS": {
			inspectionSource, "PermitNum,InspType,InspTypeMapped,Result,ResultMapped,ScheduledDate,InspectedDate,InspectionNotes,Description,Inspector\n" +
				"A-1,FRM,Framing,Pass,Passed,2026-02-03,2026-02-04,\"Nailing ok.\r\nCall again\",Frame,R. Mercer\n",
			[]string{
				"{PermitNumber:A-1 Number: Type:FRM Description:Frame Result:Pass ScheduledDate:2026-02-03 InspectedDate:2026-02-04 Inspector:R. Mercer Notes:Nailing ok.\nCall again}",
			},
		},
		"inspections, mapped": {
			inspectionSource + "columns: {number: id, type: [kind, part]}\n", "PermitNum,id,kind,part\nA-1,9,Rough,Electrical\nA-1,9,,\n",
			[]string{
				"{PermitNumber:A-1 Number:9 Type:Rough Electrical Description: Result: ScheduledDate: InspectedDate: Inspector: Notes:}",
				"line 3: type is empty",
			},
		},
	} {
		if diff := cmp.Diff(c.want, readEntries(t, c.source, c.text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// withPermits returns a database with the permits.
func withPermits(t *testing.T) *postgres.DB {
	t.Helper()
	db := pgtest.Open(t)
	importFiles(t, db, testSource, "PermitNum,StatusCurrent\nA-1,Issued\nA-2,Issued\nA-3,Issued\n")
	return db
}

const (
	feeHeader = "PermitNum,FeeNum,FeeName,FeeAmount,PaidAmount\n"
	fees      = `select concat_ws(' ', p.permit_number, f.position, nullif(f.number, ''), f.name, f.amount, f.paid_amount)
		from permit_fees f join permits p on p.uuid = f.permit_uuid order by 1`
	stamps = "select updated_at::text from permits order by permit_number"
)

func TestImporter_Import_fees(t *testing.T) {
	db := withPermits(t)
	created := query(t, db, stamps)
	checked := query(t, db, "select last_checked_at::text from jurisdictions")
	first := feeHeader + "A-1,1,Permit,120,\nA-1,,Surcharge,4,\nA-2,2,Permit,80,80\n"
	if got, want := importFiles(t, db, feeSource, first), (Result{Rows: 3, Permits: 2, New: 2}); got != want {
		t.Errorf("first import = %+v, want %+v", got, want)
	}
	baseline := query(t, db, stamps)
	if baseline[0] <= created[0] || baseline[1] <= created[1] || baseline[2] != created[2] {
		t.Errorf("updated_at went from %q to %q, want the first two later", created, baseline)
	}
	reordered := feeHeader + "A-2,2,Permit,80,80\nA-1,,Surcharge,4,\nA-1,1,Permit,120,\n"
	for _, same := range []string{first, reordered} {
		if got, want := importFiles(t, db, feeSource, same), (Result{Rows: 3, Permits: 2, Unchanged: 2}); got != want {
			t.Errorf("the same again = %+v, want %+v", got, want)
		}
	}
	if got := query(t, db, changes); len(got) != 0 {
		t.Errorf("a baseline makes no changes, got %q", got)
	}
	second := feeHeader + "A-1,1,Permit,150.5,\nA-1,,Re-inspection,75,\n"
	if got, want := importFiles(t, db, feeSource, second), (Result{Rows: 2, Permits: 1, Changed: 1}); got != want {
		t.Errorf("second import = %+v, want %+v", got, want)
	}
	want := []string{"A-1 fee Permit 120.00 > 150.50", "A-1 fee Re-inspection - > 75.00", "A-1 fee Surcharge 4.00 > -"}
	if diff := cmp.Diff(want, query(t, db, changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	want = []string{"A-1 1 1 Permit 150.50", "A-1 2 Re-inspection 75.00", "A-2 1 2 Permit 80.00 80.00"}
	if diff := cmp.Diff(want, query(t, db, fees)); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
	after := query(t, db, stamps)
	if after[0] <= baseline[0] || after[1] != baseline[1] {
		t.Errorf("updated_at went from %q to %q, want only the first one later", baseline, after)
	}
	got := query(t, db, "select concat_ws(' ', permits, last_checked_at, last_changed_at = (select max(updated_at) from permits)) from jurisdictions")
	if diff := cmp.Diff([]string{"3 " + checked[0] + " t"}, got); diff != "" {
		t.Errorf("jurisdiction (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_feesThatAreAlike(t *testing.T) {
	db := withPermits(t)
	importFiles(t, db, feeSource, feeHeader+"A-1,,Visit,75,\nA-1,,Visit,75,\nA-1,9,Plan,10,\nA-2,,Permit,5,\n")
	if got := query(t, db, fees); len(got) != 4 {
		t.Errorf("fees = %q, want both visits", got)
	}
	importFiles(t, db, feeSource, feeHeader+"A-1,,Visit,50,\nA-1,,Visit,75,\nA-1,,Visit,75,\nA-1,9,Plan review,10,\nA-2,,Permit,5,5\n")
	want := []string{
		"A-1 fee Plan review 10.00, Plan > 10.00, Plan review",
		"A-1 fee Visit - > 50.00",
		"A-2 fee Permit 5.00 > 5.00, paid 5.00",
	}
	if diff := cmp.Diff(want, query(t, db, changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	got := importFiles(t, db, feeSource, feeHeader+"A-3,1,Permit,5,\nA-3,2,Plan,6,\nA-3,1,Permit,7,\n")
	if want := (Result{Rows: 3, Merged: 1, Permits: 1, New: 1}); got != want {
		t.Errorf("a number that comes again = %+v, want %+v", got, want)
	}
	got3 := query(t, db, fees+" desc limit 2")
	if diff := cmp.Diff([]string{"A-3 2 1 Permit 7.00", "A-3 1 2 Plan 6.00"}, got3); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_feesOfUnknownPermits(t *testing.T) {
	db := withPermits(t)
	s, err := ParseSource(strings.NewReader(feeSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	files := []File{
		{"a.csv", strings.NewReader(feeHeader + "A-1,1,Permit,120,\nB-1,2,Permit,5,\nA-2,3,Permit,x,\n")},
		{"b.csv", strings.NewReader(feeHeader + strings.Repeat("A-2,4,Permit,5,\n", handOver) + "a-1,5,Permit,5,\n")},
	}
	rejects := &RejectFile{Path: t.TempDir() + "/rejects.csv"}
	r, err := newImporter(db).Import(t.Context(), s, files, Progress{Rejected: rejects.Add})
	r.Duration = 0
	if want := (Result{Rows: handOver + 1, Rejected: 3, Merged: handOver - 1, Permits: 2, New: 2}); err != nil || r != want {
		t.Errorf("Import = %+v, %v; want %+v", r, err, want)
	}
	if err := rejects.Close(); err != nil {
		t.Error(err)
	}
	want := `file,line,reason
a.csv,4,"amount: ""x"" is no amount of money",A-2,3,Permit,x,
a.csv,3,the jurisdiction has no permit of that number,B-1,2,Permit,5,
b.csv,1002,the jurisdiction has no permit of that number,a-1,5,Permit,5,
`
	if diff := cmp.Diff(want, readFile(t, rejects.Path)); diff != "" {
		t.Errorf("the reject file (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_feesOfTwoFiles(t *testing.T) {
	db := withPermits(t)
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(w, "PermitNum,FeeName,Amount\nA-1,Plan,6\n"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	got := importFiles(t, db, feeSource, feeHeader+"A-1,1,Permit,5,\n", zipped.String())
	if want := (Result{Rows: 2, Permits: 1, New: 1}); got != want {
		t.Errorf("Import = %+v, want %+v", got, want)
	}
	if diff := cmp.Diff([]string{"A-1 1 1 Permit 5.00", "A-1 2 Plan 6.00"}, query(t, db, fees)); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_inspections(t *testing.T) {
	const header = "PermitNum,InspNum,InspType,Result,ScheduledDate,InspectedDate,InspectionNotes\n"
	db := withPermits(t)
	first := header + "A-1,1,Footing,,2026-02-03,,\nA-1,2,Framing,,,,\nA-1,3,Final,Failed,2026-02-09,2026-02-09,Rail\n" +
		"A-2,,Roof,,2026-02-03,,\nA-2,,Roof,,2026-02-10,,\nA-3,,Fence,,2026-02-03,,\n"
	if got, want := importFiles(t, db, inspectionSource, first), (Result{Rows: 6, Permits: 3, New: 3}); got != want {
		t.Errorf("first import = %+v, want %+v", got, want)
	}
	second := header + "A-1,1,Footing,,2026-02-05,,\nA-1,2,Framing,,2026-02-20,,\nA-1,3,Final,Failed,2026-02-09,2026-02-09,\n" +
		"A-2,,Roof,Passed,2026-02-10,2026-02-10,\nA-2,,Roof,,2026-02-17,,\nA-2,,Roof final,,2026-02-18,,\nA-3,,Fence,,2026-02-06,,\n"
	if got, want := importFiles(t, db, inspectionSource, second), (Result{Rows: 7, Permits: 3, Changed: 3}); got != want {
		t.Errorf("second import = %+v, want %+v", got, want)
	}
	want := []string{
		"A-1 inspection Final 2026-02-09, Failed, scheduled 2026-02-09, inspected 2026-02-09, notes Rail > 2026-02-09, Failed, scheduled 2026-02-09, inspected 2026-02-09",
		"A-1 inspection Footing 2026-02-03 > 2026-02-05",
		"A-1 inspection Framing not scheduled > 2026-02-20",
		"A-2 inspection Roof 2026-02-03 > 2026-02-17",
		"A-2 inspection Roof 2026-02-10 > 2026-02-10, Passed",
		"A-2 inspection Roof final - > 2026-02-18",
		"A-3 inspection Fence 2026-02-03 > 2026-02-06",
	}
	if diff := cmp.Diff(want, query(t, db, changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	got := query(t, db, `select concat_ws(' ', n.position, n.number, n.type, nullif(n.result, ''), n.scheduled_date, n.inspected_date, nullif(n.notes, ''))
		from permit_inspections n join permits p on p.uuid = n.permit_uuid where p.permit_number = 'A-1' order by n.position`)
	want = []string{"1 1 Footing 2026-02-05", "2 2 Framing 2026-02-20", "3 3 Final Failed 2026-02-09 2026-02-09"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("inspections (-want +got):\n%s", diff)
	}
}

func TestImporter_Import_manyFees(t *testing.T) {
	db := pgtest.Open(t)
	permits, first, second := strings.Builder{}, strings.Builder{}, strings.Builder{}
	permits.WriteString("PermitNum\n")
	first.WriteString(feeHeader)
	second.WriteString(feeHeader)
	for i := range 2500 {
		fmt.Fprintf(&permits, "A-%d\n", i)
		fmt.Fprintf(&first, "A-%d,,Permit,%d,\nA-%d,,Plan,5,\n", i, i, i)
		fmt.Fprintf(&second, "A-%d,,Permit,%d,\nA-%d,,Plan,5,\n", i, i+i%2, i)
	}
	importFiles(t, db, testSource, permits.String())
	var merged []int64
	s, err := ParseSource(strings.NewReader(feeSource), "test")
	if err != nil {
		t.Fatal(err)
	}
	files := []File{{"a.csv", strings.NewReader(first.String())}}
	if _, err := newImporter(db).Import(t.Context(), s, files, Progress{Merged: func(n int64) { merged = append(merged, n) }}); err != nil {
		t.Fatal(err)
	}
	if !cmp.Equal(merged, []int64{1000, 1000, 500}) {
		t.Errorf("merged %v permits at a time", merged)
	}
	if got, want := importFiles(t, db, feeSource, second.String()), (Result{Rows: 5000, Permits: 2500, Changed: 1250, Unchanged: 1250}); got != want {
		t.Errorf("Import = %+v, want %+v", got, want)
	}
	if got := query(t, db, "select count(*) || ' ' || count(distinct detected_at) from permit_changes"); !cmp.Equal(got, []string{"1250 2"}) {
		t.Errorf("changes and batches = %q, want 1250 2", got)
	}
}
