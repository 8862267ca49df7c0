package demo

import (
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/secret"
)

// query returns one column of text.
func query(t *testing.T, db *postgres.DB, text string) []string {
	t.Helper()
	found := []string{}
	if err := db.SelectContext(t.Context(), &found, text); err != nil {
		t.Fatal(err)
	}
	return found
}

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	return secret.NewBox(key)
}

func TestSeeder_Seed(t *testing.T) {
	db := pgtest.Open(t)
	key, err := NewSeeder(db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) }), newBox(t), time.Now, func() uuid.UUID { return uuid.Must(uuid.NewV7()) }).Seed(t.Context())
	if err != nil || key == "" {
		t.Fatalf("Seed = %q, %v", key, err)
	}
	for text, want := range map[string]string{
		"select count(*)::text from permits":                                                                            "2000",
		"select count(*)::text from watchlist_items":                                                                    "40",
		"select string_agg(email || ' ' || role, ', ' order by id) from members":                                        "owner@example.com owner, member@example.com member",
		"select string_agg(type, ', ') from notifications n join webhooks w on w.id = n.webhook_id":                     "webhook.failing",
		"select count(*)::text from mails":                                                                              "0",
		"select count(*)::text from permits where fees_hash is null":                                                    "0",
		"select count(*)::text from permits where (inspections_hash is null) = (stage ~ 'inspection_phase|finaled')":    "0",
		"select count(*)::text from permit_fees where (paid_amount is null) <> (paid_date is null) or amount <= 0":      "0",
		"select count(*)::text from permit_inspections where (result = '') <> (inspected_date is null)":                 "0",
		"select count(*)::text from permit_inspections where type = 'Final' and result = '' and scheduled_date is null": "0",
		`select count(*)::text from permit_inspections n join permits p on p.uuid = n.permit_uuid
			where n.scheduled_date < p.issued_date or n.scheduled_date > p.completed_date`: "0",
		`select count(*)::text from permit_inspections n join permits p on p.uuid = n.permit_uuid
			where p.stage = 'permit_finaled' and n.result = ''`: "0",
	} {
		if got := query(t, db, text); !cmp.Equal(got, []string{want}) {
			t.Errorf("%s = %q, want %s", text, got, want)
		}
	}
	got := query(t, db, `select concat_ws(' ', scope, case when previous is null then 'added' when new is null then 'removed' else 'changed' end)
		from permit_changes where scope in ('fee', 'inspection') group by 1 order by 1`)
	if diff := cmp.Diff([]string{"fee added", "fee changed", "inspection added", "inspection changed"}, got); diff != "" {
		t.Errorf("kinds of changes (-want +got):\n%s", diff)
	}
}

func TestPermit_fees_ofTheKnownOne(t *testing.T) {
	var known permit
	for _, p := range counties[0].draw(true) {
		if p.number == KnownPermit {
			known = p
		}
	}
	want := [][]string{
		{"BLD-26-0521670", "BLD-26-0521670-F1", "Plan Review Fee", "3280.83", "3280.83", "2024-01-08", "2024-01-10"},
		{"BLD-26-0521670", "BLD-26-0521670-F2", "Building Permit Fee", "6561.00", "", "2024-02-04", ""},
		{"BLD-26-0521670", "BLD-26-0521670-F3", "State Surcharge", "164.02", "", "2024-02-04", ""},
		{"BLD-26-0521670", "BLD-26-0521670-F4", "Mobility Impact Fee", "4873.00", "", "2024-02-04", ""},
	}
	if diff := cmp.Diff(want, known.fees()); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
}

func TestPermit_inspections(t *testing.T) {
	filed := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	roof := permit{number: "R-1", work: work{kind: "Roof"}, at: 5, filed: filed, review: 10, building: 40, valuation: 7 * 4}
	want := [][]string{
		{"R-1", "R-1-I1", "Dry-in", "Dry-in of roof", "Failed", "2025-03-27", "2025-03-27", "R. Mercer", "Nailing does not follow the schedule."},
		{"R-1", "R-1-I2", "Dry-in", "Dry-in of roof", "Passed", "2025-03-31", "2025-03-31", "R. Mercer", ""},
		{"R-1", "R-1-I3", "Final", "Final of roof", "", "2025-04-20", "", "", ""},
	}
	if diff := cmp.Diff(want, roof.inspections(false)); diff != "" {
		t.Errorf("inspections (-want +got):\n%s", diff)
	}
	if got := roof.inspections(true)[2][5]; got != "2025-04-27" {
		t.Errorf("a week later the final inspection is on %s, want it postponed to 2025-04-27", got)
	}
	roof.at = 4
	if got := roof.inspections(false); got != nil {
		t.Errorf("a permit just issued has inspections: %q", got)
	}
}
