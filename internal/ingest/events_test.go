package ingest

import (
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/watchlist"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// newOrganization returns an organization that watches the permits of these numbers.
func newOrganization(t *testing.T, db *postgres.DB, name string, numbers ...string) uuid.UUID {
	t.Helper()
	organization, err := organizations.NewService(db, time.Now, newID).Create(t.Context(), name, "enterprise")
	if err != nil {
		t.Fatal(err)
	}
	outbox := events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID)
	list := watchlist.NewService(db, contacts.NewService(db, newID).Track, outbox, time.Now)
	for _, n := range numbers {
		if _, created, err := list.Add(t.Context(), organization, watchlist.Create{PermitNumber: n}); err != nil || !created {
			t.Fatalf("Add %s = created %t, %v; want it created", n, created, err)
		}
	}
	return organization
}

// told lists what imports told: each event's organization, its number without those of the watchlist, and its data.
func told(t *testing.T, db *postgres.DB) []string {
	t.Helper()
	return query(t, db, `select concat_ws(' ', o.name, e.number - (
			select count(*) from events w where w.organization_id = e.organization_id and w.type = 'permit.added_to_watchlist'),
		d ->> 'permit_number', replace(e.type, 'permit.', ''),
		'"' || (d ->> 'previous_status') || '" > "' || (d ->> 'new_status') || '"',
		d ->> 'change', d #>> '{fee,number}', d #>> '{fee,name}', d #>> '{previous_amount,amount}', '>' || (d #>> '{new_amount,amount}'),
		d #>> '{inspection,id}', d #>> '{inspection,type}', d ->> 'previous_scheduled_date', '>' || (d #>> '{inspection,scheduled_date}'))
		from events e join organizations o on o.id = e.organization_id cross join lateral (select cast(body as jsonb) -> 'data' as d) b
		where e.type <> 'permit.added_to_watchlist' order by o.name, e.number`)
}

func checkTold(t *testing.T, db *postgres.DB, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), told(t, db)); diff != "" {
		t.Errorf("%s: events (-want +got):\n%s", what, diff)
	}
	if got := query(t, db, "select reason from quarantined_events"); len(got) != 0 {
		t.Errorf("%s: quarantined for %q, want none", what, got)
	}
}

func TestImporter_Import_statusEvents(t *testing.T) {
	db := withPermits(t)
	newOrganization(t, db, "first", "A-2", "A-1")
	newOrganization(t, db, "second", "A-1")
	portfolio := newOrganization(t, db, "third", "A-3")
	service := conditions.NewService(db, contacts.NewService(db, newID).Track, time.Now, newID)
	if _, err := service.Create(t.Context(), portfolio, conditions.Condition{Type: conditions.Company, Name: "Acme", Company: "Acme"}); err != nil {
		t.Fatal(err)
	}
	const header = "PermitNum,StatusCurrent,ContractorCompanyName\n"
	importFiles(t, db, testSource, header+"A-1,Issued,Acme Inc\nB-1,Issued,Acme Inc\n")
	if got := query(t, db, "select permit_number from condition_matches m join permits p on p.uuid = m.permit_uuid order by 1"); !cmp.Equal(got, []string{"A-1", "B-1"}) {
		t.Fatalf("the portfolio of the third has %q, want A-1 and B-1", got)
	}
	checkTold(t, db, "a baseline, and another change than of the status")
	const second = header + "A-1,Final,Acme Inc\nA-2,,\nA-3,Issued,\nB-1,Final,Acme Inc\n"
	want := []string{
		`first 1 A-1 status_changed "Issued" > "Final"`,
		`first 2 A-2 status_changed "Issued" > ""`,
		`second 1 A-1 status_changed "Issued" > "Final"`,
	}
	for _, what := range []string{"an import", "the same again"} {
		importFiles(t, db, testSource, second)
		checkTold(t, db, what, want...)
	}
	importFiles(t, db, testSource, header+"A-2,In Review,\n")
	checkTold(t, db, "a status that comes again",
		want[0], want[1], `first 3 A-2 status_changed "" > "In Review"`, want[2])
}

// TestImporter_Import_statusEventsOfBatches: organizations are told in the order of the rows, over several transactions.
func TestImporter_Import_statusEventsOfBatches(t *testing.T) {
	db := withPermits(t)
	text := func(status string) string {
		var b strings.Builder
		b.WriteString("PermitNum,StatusCurrent\n")
		for i := range 1500 {
			fmt.Fprintf(&b, "B-%d,%s\n", i, status)
		}
		return b.String()
	}
	importFiles(t, db, testSource, text("In Review"))
	newOrganization(t, db, "first", "B-1400", "B-7", "B-999", "B-8")
	newOrganization(t, db, "second", "B-8", "B-1001", "B-7")
	importFiles(t, db, testSource, text("Issued"))
	checkTold(t, db, "two batches",
		`first 1 B-7 status_changed "In Review" > "Issued"`,
		`first 2 B-8 status_changed "In Review" > "Issued"`,
		`first 3 B-999 status_changed "In Review" > "Issued"`,
		`first 4 B-1400 status_changed "In Review" > "Issued"`,
		`second 1 B-7 status_changed "In Review" > "Issued"`,
		`second 2 B-8 status_changed "In Review" > "Issued"`,
		`second 3 B-1001 status_changed "In Review" > "Issued"`,
	)
}

func TestImporter_Import_feeEvents(t *testing.T) {
	db := withPermits(t)
	newOrganization(t, db, "first", "A-1", "A-2")
	newOrganization(t, db, "second", "A-1")
	importFiles(t, db, feeSource, feeHeader+"A-1,1,Permit,120,\nA-1,,Surcharge,4,\nA-1,2,Plan,10,\nA-1,,Visit,75,\nA-1,,Visit,75,\nA-3,1,Permit,5,\n")
	checkTold(t, db, "a baseline")
	const second = feeHeader + "A-1,1,Permit,150.5,\nA-1,2,Plan review,10,10\nA-1,,Re-inspection,75,\nA-1,,Visit,75,\nA-1,,Visit,80,\nA-2,1,Permit,5,\nA-3,1,Permit,6,\n"
	var want []string
	for _, organization := range []string{"first", "second"} {
		want = append(want,
			organization+" 1 A-1 fee_changed changed 1 Permit 120.00 >150.50",
			organization+" 2 A-1 fee_changed added Re-inspection >75.00",
			organization+" 3 A-1 fee_changed removed Surcharge 4.00",
			organization+" 4 A-1 fee_changed changed Visit 75.00 >80.00",
		)
	}
	for _, what := range []string{"an import", "the same again"} {
		importFiles(t, db, feeSource, second)
		checkTold(t, db, what, want...)
	}
}

func TestImporter_Import_inspectionEvents(t *testing.T) {
	const header = "PermitNum,InspNum,InspType,Result,ScheduledDate,InspectedDate\n"
	db := withPermits(t)
	newOrganization(t, db, "first", "A-1", "A-2")
	importFiles(t, db, inspectionSource, header+"A-1,1,Footing,,2026-02-03,\nA-1,2,Framing,,,\nA-1,3,Final,,2026-02-09,\nA-1,4,Roof,,2026-02-10,\nA-1,5,Fence,,2026-02-11,\n"+
		"A-2,,Roof,,2026-02-03,\nA-3,,Fence,,2026-02-03,\n")
	checkTold(t, db, "a baseline")
	// The first is moved, the second and the sixth are new on the calendar, the third is off it, the fourth gone, the fifth done.
	const second = header + "A-1,1,Footing,,2026-02-05,\nA-1,2,Framing,,2026-02-20,\nA-1,3,Final,,,\nA-1,5,Fence,Passed,2026-02-11,2026-02-11\nA-1,6,Deck,,2026-02-19,\nA-1,7,Pool,,,\n" +
		"A-2,,Roof,,2026-02-17,\nA-2,,Wall,,2026-02-18,\nA-3,,Fence,,2026-02-06,\n"
	for _, what := range []string{"an import", "the same again"} {
		importFiles(t, db, inspectionSource, second)
		checkTold(t, db, what,
			"first 1 A-1 inspection_scheduled 1 Footing 2026-02-03 >2026-02-05",
			"first 2 A-1 inspection_scheduled 6 Deck >2026-02-19",
			"first 3 A-1 inspection_scheduled 2 Framing >2026-02-20",
			"first 4 A-2 inspection_scheduled Roof #1 Roof 2026-02-03 >2026-02-17",
			"first 5 A-2 inspection_scheduled Wall #1 Wall >2026-02-18",
		)
	}
}

// TestImporter_Import_inspectionEventsWithoutNumbers: what the city does not number is named by its type and its place
// among those of that type.
func TestImporter_Import_inspectionEventsWithoutNumbers(t *testing.T) {
	const header = "PermitNum,InspType,ScheduledDate\n"
	db := withPermits(t)
	newOrganization(t, db, "first", "A-1")
	importFiles(t, db, inspectionSource, header+"A-1,Roof,2026-02-03\n")
	importFiles(t, db, inspectionSource, header+"A-1,Roof,2026-02-03\nA-1,Roof,2026-02-10\n")
	importFiles(t, db, inspectionSource, header+"A-1,Wall,2026-02-01\nA-1,Roof,2026-02-03\nA-1,Roof,2026-02-10\nA-1,Roof,2026-02-17\nA-1,Roof,2026-02-17\nA-1,Roof,2026-02-10\n")
	checkTold(t, db, "more and more",
		"first 1 A-1 inspection_scheduled Roof #2 Roof >2026-02-10",
		"first 2 A-1 inspection_scheduled Wall #1 Wall >2026-02-01",
		"first 3 A-1 inspection_scheduled Roof #3 Roof >2026-02-10",
		"first 4 A-1 inspection_scheduled Roof #4 Roof >2026-02-17",
		"first 5 A-1 inspection_scheduled Roof #5 Roof >2026-02-17",
	)
}

// TestImporter_Import_longestEvents: the longest values that an import takes do not break the events' schemas.
func TestImporter_Import_longestEvents(t *testing.T) {
	db := withPermits(t)
	number, text := strings.Repeat("9", 100), strings.Repeat("é", 200)
	importFiles(t, db, testSource, "PermitNum,StatusCurrent\n"+number+",Issued\n")
	newOrganization(t, db, "first", number)
	importFiles(t, db, testSource, "PermitNum,StatusCurrent\n"+number+","+text+"\n")
	importFiles(t, db, feeSource, feeHeader+number+",1,Permit,5,\n")
	importFiles(t, db, feeSource, feeHeader+number+",1,Permit,5,\n"+number+","+strings.Repeat("7", 100)+","+text+",999999999999.99,\n")
	const inspections = "PermitNum,InspNum,InspType,ScheduledDate\n"
	importFiles(t, db, inspectionSource, inspections+number+",1,Roof,2026-02-03\n")
	importFiles(t, db, inspectionSource, inspections+number+",1,Roof,2026-02-03\n"+number+","+strings.Repeat("7", 100)+","+text+",2026-02-03\n"+number+",,"+text+",2200-12-31\n")
	if got := query(t, db, "select reason from quarantined_events"); len(got) != 0 {
		t.Errorf("quarantined for %q, want none", got)
	}
	if got := query(t, db, "select type from events where number > 1 order by number"); !cmp.Equal(got, []string{
		"permit.status_changed", "permit.fee_changed", "permit.inspection_scheduled", "permit.inspection_scheduled",
	}) {
		t.Errorf("events = %q, want one of a status, one of a fee and two of inspections", got)
	}
}
