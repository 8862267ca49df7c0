package events

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/validation"
)

var (
	organizationID = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e11")
	keyID          = uuid.MustParse("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e12")
)

func day(month time.Month, d int) time.Time { return time.Date(2026, month, d, 0, 0, 0, 0, time.UTC) }

func TestDocument(t *testing.T) {
	p, operator := permit(organizationID), context.WithoutCancel(t.Context())
	caller := identity.With(operator, identity.Identity{OrganizationID: organizationID, KeyID: keyID})
	for name, c := range map[string]struct {
		event Event
		want  string
	}{
		"status": {
			NewStatusChanged(p, "Pending", `In "Review" <é>`),
			`{"event":"permit.status_changed","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"new_status":"In \"Review\" \u003cé\u003e","permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_status":"Pending"}}`,
		},
		"first status": {
			NewStatusChanged(p, "", "Issued"),
			`{"event":"permit.status_changed","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"new_status":"Issued","permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_status":""}}`,
		},
		"fee added": {
			NewFeeChanged(p, Fee{Name: "Plan review", Number: "F-1", NewAmount: ptr("125.00")}),
			`{"event":"permit.fee_changed","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"change":"added","fee":{"name":"Plan review","number":"F-1"},"new_amount":{"amount":"125.00","currency":"USD"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_amount":null}}`,
		},
		"fee changed": {
			NewFeeChanged(p, Fee{Name: "Plan review", Number: "F-1", PreviousAmount: ptr("125.00"), NewAmount: ptr("150.00")}),
			`{"event":"permit.fee_changed","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"change":"changed","fee":{"name":"Plan review","number":"F-1"},"new_amount":{"amount":"150.00","currency":"USD"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_amount":{"amount":"125.00","currency":"USD"}}}`,
		},
		"fee removed": {
			NewFeeChanged(p, Fee{Name: "Credit", PreviousAmount: ptr("-999999999999.99")}),
			`{"event":"permit.fee_changed","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"change":"removed","fee":{"name":"Credit"},"new_amount":null,"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_amount":{"amount":"-999999999999.99","currency":"USD"}}}`,
		},
		"inspection scheduled": {
			NewInspectionScheduled(p, Inspection{ID: "INS-77", Type: "Final building", ScheduledDate: day(time.February, 3)}),
			`{"event":"permit.inspection_scheduled","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"inspection":{"id":"INS-77","scheduled_date":"2026-02-03","type":"Final building"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_scheduled_date":null}}`,
		},
		"inspection rescheduled": {
			NewInspectionScheduled(p, Inspection{ID: "Roof #1", Type: "Roof", ScheduledDate: day(time.February, 3), PreviousDate: ptr(day(time.January, 31))}),
			`{"event":"permit.inspection_scheduled","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"inspection":{"id":"Roof #1","scheduled_date":"2026-02-03","type":"Roof"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","previous_scheduled_date":"2026-01-31"}}`,
		},
		"added by a key": {
			NewAdded(caller, p),
			`{"event":"permit.added_to_watchlist","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"actor":{"id":"key_01k053rqg0fmgrykhbdwe9mzgj","type":"api_key"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"}}`,
		},
		"added by the operator": {
			NewAdded(operator, p),
			`{"event":"permit.added_to_watchlist","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"actor":{"type":"operator"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"}}`,
		},
		"removed by a key": {
			NewRemoved(caller, p),
			`{"event":"permit.removed_from_watchlist","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"actor":{"id":"key_01k053rqg0fmgrykhbdwe9mzgj","type":"api_key"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"}}`,
		},
		"removed by the operator": {
			NewRemoved(operator, p),
			`{"event":"permit.removed_from_watchlist","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_01k053rqg0fmgrykhbdwe9mzgh","data":{"actor":{"type":"operator"},"permit_number":"BLD-26-0521670","permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10"}}`,
		},
	} {
		if got := render(t, c.event); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, c.want)
		}
	}
}

// render returns an event's body, and fails the test unless its schema has it so.
func render(t *testing.T, e Event) string {
	t.Helper()
	body, err := document(e, time.Date(2026, 1, 23, 5, 45, 0, 999, time.FixedZone("EST", -5*3600)))
	if err != nil {
		t.Fatal(err)
	}
	served, err := validation.Served()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(served.Webhooks, func(w validation.Webhook) bool { return w.Name == e.Type })
	if i < 0 {
		t.Fatalf("there is no webhook %s", e.Type)
	}
	if err := served.Webhooks[i].Body.Check(body); err != nil {
		t.Errorf("%s breaks its schema: %v", body, err)
	}
	return string(body)
}
