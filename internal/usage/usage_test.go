package usage

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/problem"
)

// list returns the usage of the first organization.
func (w *world) list(t *testing.T, i Interval, f Filter) ([]Period, Counts, Range) {
	t.Helper()
	periods, total, r, err := w.List(t.Context(), organizationID, i, f)
	if err != nil {
		t.Fatal(err)
	}
	return periods, total, r
}

// day counts some requests of a day, with both keys, and many of the other organization.
func (w *world) day(t *testing.T) {
	t.Helper()
	w.count(2, nil)
	w.count(1, func(r *Request) { r.Took = 40 * time.Millisecond })
	w.count(1, func(r *Request) { r.Status, r.Code, r.Took = 429, "rate_limited", time.Millisecond })
	w.count(1, func(r *Request) { r.Status, r.Code, r.Took = 404, "not_found", 1240*time.Microsecond })
	w.count(1, func(r *Request) { r.Status, r.Code, r.KeyID = 500, "internal_error", secondKeyID })
	w.count(1, func(r *Request) { r.Status, r.KeyID = 304, secondKeyID })
	w.count(100, func(r *Request) { r.OrganizationID, r.KeyID, r.Took = otherID, theirKeyID, time.Second })
	w.flush(t)
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	w.day(t)
	today := date2026(1, 23)
	all := Counts{Requests: 7, ClientErrors: 2, ServerErrors: 1, RateLimited: 1, AverageMilliseconds: pointer(11.75), MaxMilliseconds: pointer(40.0)}
	for name, c := range map[string]struct {
		key  *uuid.UUID
		want Counts
	}{
		"of all keys":   {nil, all},
		"of the first":  {&keyID, Counts{Requests: 5, ClientErrors: 2, RateLimited: 1, AverageMilliseconds: pointer(12.45), MaxMilliseconds: pointer(40.0)}},
		"of the second": {&secondKeyID, Counts{Requests: 2, ServerErrors: 1, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}},
	} {
		periods, total, r := w.list(t, Day, Filter{From: &today, To: &today, KeyID: c.key})
		if diff := cmp.Diff([]Period{{Name: "2026-01-23", Start: today, End: today, Counts: c.want}}, periods); diff != "" {
			t.Errorf("%s: periods (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.want, total); diff != "" {
			t.Errorf("%s: total (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(Range{From: today, To: today, TimeZone: "UTC"}, r); diff != "" {
			t.Errorf("%s: range (-want +got):\n%s", name, diff)
		}
	}
}

func TestService_List_fillsGaps(t *testing.T) {
	w := newWorld(t)
	for _, at := range []time.Time{noon, noon.AddDate(0, 0, -2), noon.AddDate(0, 0, 4)} {
		w.count(2, func(r *Request) { r.At = at })
	}
	w.flush(t)
	two := Counts{Requests: 2, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}
	four := Counts{Requests: 4, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}
	for _, c := range []struct {
		interval Interval
		from, to time.Time
		want     []Period
	}{
		{Day, date2026(1, 20), date2026(1, 24), []Period{
			{"2026-01-20", date2026(1, 20), date2026(1, 20), Counts{}},
			{"2026-01-21", date2026(1, 21), date2026(1, 21), two},
			{"2026-01-22", date2026(1, 22), date2026(1, 22), Counts{}},
			{"2026-01-23", date2026(1, 23), date2026(1, 23), two},
			{"2026-01-24", date2026(1, 24), date2026(1, 24), Counts{}},
		}},
		{Week, date2026(1, 15), date2026(2, 3), []Period{ // the 27th too, since weeks are whole
			{"2026-W03", date2026(1, 12), date2026(1, 18), Counts{}},
			{"2026-W04", date2026(1, 19), date2026(1, 25), four},
			{"2026-W05", date2026(1, 26), date2026(2, 1), two},
			{"2026-W06", date2026(2, 2), date2026(2, 8), Counts{}},
		}},
		{Month, date2026(1, 31), date2026(2, 1), []Period{
			{"2026-01", date2026(1, 1), date2026(1, 31), Counts{Requests: 6, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}},
			{"2026-02", date2026(2, 1), date2026(2, 28), Counts{}},
		}},
	} {
		periods, _, r := w.list(t, c.interval, Filter{From: &c.from, To: &c.to})
		if diff := cmp.Diff(c.want, periods); diff != "" {
			t.Errorf("by %s (-want +got):\n%s", c.interval, diff)
		}
		if !r.From.Equal(c.want[0].Start) || !r.To.Equal(c.want[len(c.want)-1].End) {
			t.Errorf("by %s: range %s, want that of the periods", c.interval, span(r))
		}
	}
}

func TestService_List_newYear(t *testing.T) {
	w := newWorld(t)
	for i, day := range []string{"2024-12-29", "2024-12-30", "2025-01-05", "2026-12-28", "2027-01-03", "2027-01-04"} {
		at := parse(t, day).Add(12 * time.Hour)
		w.count(1<<i, func(r *Request) { r.At = at })
	}
	w.flush(t)
	for _, c := range []struct {
		from, to string
		want     map[string]int64
	}{
		{"2024-12-28", "2025-01-07", map[string]int64{"2024-W52": 1, "2025-W01": 6, "2025-W02": 0}},
		{"2026-12-27", "2027-01-04", map[string]int64{"2026-W52": 0, "2026-W53": 24, "2027-W01": 32}},
	} {
		periods, _, _ := w.list(t, Week, Filter{From: parse(t, c.from), To: parse(t, c.to)})
		got := map[string]int64{}
		for _, p := range periods {
			got[p.Name] = p.Requests
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("weeks from %s to %s (-want +got):\n%s", c.from, c.to, diff)
		}
	}
}

// Today is the organization's.
func TestService_List_today(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ zone, now, want string }{
		{"UTC", "2026-01-23T23:59:59Z", "2025-12-25 2026-01-23"},
		{"America/New_York", "2026-01-24T04:59:59Z", "2025-12-25 2026-01-23"},
		{"America/New_York", "2026-01-24T05:00:00Z", "2025-12-26 2026-01-24"},
		{"America/New_York", "2026-03-09T03:59:59Z", "2026-02-07 2026-03-08"},
		{"America/New_York", "2026-11-02T04:59:59Z", "2026-10-03 2026-11-01"},
		{"Asia/Kolkata", "2026-01-23T18:30:00Z", "2025-12-26 2026-01-24"},
	} {
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		w.zone(t, organizationID, c.zone)
		w.set(now)
		periods, _, r := w.list(t, Day, Filter{})
		if span(r) != c.want || r.TimeZone != c.zone || len(periods) != 30 {
			t.Errorf("at %s in %s: %s in %s, %d days; want %s, 30 of them", c.now, c.zone, span(r), r.TimeZone, len(periods), c.want)
		}
	}
}

func TestService_List_nothing(t *testing.T) {
	w := newWorld(t)
	for i, want := range map[Interval]int{Day: 30, Week: 12, Month: 12} {
		periods, total, _ := w.list(t, i, Filter{})
		if len(periods) != want || total != (Counts{}) {
			t.Errorf("by %s: %d periods, %+v in all; want %d, of nothing", i, len(periods), total, want)
		}
	}
}

func TestService_refuses(t *testing.T) {
	w := newWorld(t)
	early, late := date2026(1, 1), date2026(2, 1)
	for _, c := range []struct {
		name string
		f    Filter
		want *problem.Error
	}{
		{"turned round", Filter{From: &late, To: &early}, problem.Parameter("from", "order", "must not lie after to, 2026-01-01")},
		{"too long", Filter{From: parse(t, "2025-01-22")}, problem.Parameter("from", "range", "must be 2025-01-23 or later: at most 366 periods are told at once")},
		{"another's key", Filter{KeyID: &theirKeyID}, problem.Parameter("api_key_id", "unknown", "must be the id of one of your API keys")},
		{"unknown key", Filter{KeyID: &otherID}, problem.Parameter("api_key_id", "unknown", "must be the id of one of your API keys")},
	} {
		_, _, _, err := w.List(t.Context(), organizationID, Day, c.f)
		checkProblem(t, c.name+", List", err, c.want)
		_, _, err = w.Endpoints(t.Context(), organizationID, c.f, 10)
		checkProblem(t, c.name+", Endpoints", err, c.want)
		_, _, err = w.Failures(t.Context(), organizationID, c.f, 10)
		checkProblem(t, c.name+", Failures", err, c.want)
	}
}

func TestService_Endpoints(t *testing.T) {
	w := newWorld(t)
	w.day(t)
	w.count(3, func(r *Request) { r.Operation, r.KeyID = "getPermit", secondKeyID })
	w.count(3, func(r *Request) { r.Operation, r.Status, r.Code = "getContact", 400, "invalid_parameter" })
	w.count(9, func(r *Request) { r.Operation, r.At = "getNote", noon.AddDate(0, 0, -1) })
	w.count(9, func(r *Request) { r.Operation, r.At = "getNote", noon.AddDate(0, 0, 1) })
	w.flush(t)
	today := date2026(1, 23)
	permits := Endpoint{"listPermits", Counts{Requests: 7, ClientErrors: 2, ServerErrors: 1, RateLimited: 1, AverageMilliseconds: pointer(11.75), MaxMilliseconds: pointer(40.0)}}
	contact := Endpoint{"getContact", Counts{Requests: 3, ClientErrors: 3, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}}
	permit := Endpoint{"getPermit", Counts{Requests: 3, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}}
	for _, c := range []struct {
		name  string
		key   *uuid.UUID
		limit int
		want  []Endpoint
	}{
		{"all", nil, 10, []Endpoint{permits, contact, permit}}, // as many: by name
		{"two", nil, 2, []Endpoint{permits, contact}},
		{"of a key", &secondKeyID, 10, []Endpoint{
			permit, {"listPermits", Counts{Requests: 2, ServerErrors: 1, AverageMilliseconds: pointer(10.0), MaxMilliseconds: pointer(10.0)}},
		}},
	} {
		got, r, err := w.Endpoints(t.Context(), organizationID, Filter{From: &today, To: &today, KeyID: c.key}, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if diff := cmp.Diff(Range{From: today, To: today, TimeZone: "UTC"}, r); diff != "" {
			t.Errorf("%s: range (-want +got):\n%s", c.name, diff)
		}
	}
}

func TestService_Failures(t *testing.T) {
	w := newWorld(t)
	w.day(t)
	w.count(2, func(r *Request) { r.Operation, r.Status, r.Code = "getPermit", 404, "not_found" })
	w.count(2, func(r *Request) { r.Operation, r.Status, r.Code = "createNote", 409, "permit_not_tracked" })
	w.count(2, func(r *Request) { r.Operation, r.Status, r.Code = "createNote", 409, "idempotency_key_in_use" })
	w.count(1, func(r *Request) {
		r.Operation, r.Status, r.Code, r.KeyID = "createNote", 409, "permit_not_tracked", secondKeyID
	})
	w.count(9, func(r *Request) { r.Status, r.Code, r.At = 400, "invalid_parameter", noon.AddDate(0, 0, -1) })
	w.flush(t)
	today := date2026(1, 23)
	all := []Failure{
		{409, "permit_not_tracked", "createNote", 3},
		{404, "not_found", "getPermit", 2}, // as many: by status, code and operation
		{409, "idempotency_key_in_use", "createNote", 2},
		{404, "not_found", "listPermits", 1},
		{429, "rate_limited", "listPermits", 1},
		{500, "internal_error", "listPermits", 1},
	}
	for _, c := range []struct {
		name  string
		key   *uuid.UUID
		limit int
		want  []Failure
	}{
		{"all", nil, 10, all},
		{"four", nil, 4, all[:4]},
		{"of a key", &secondKeyID, 10, []Failure{{409, "permit_not_tracked", "createNote", 1}, {500, "internal_error", "listPermits", 1}}},
	} {
		got, r, err := w.Failures(t.Context(), organizationID, Filter{From: &today, To: &today, KeyID: c.key}, c.limit)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.name, diff)
		}
		if span(r) != "2026-01-23 2026-01-23" {
			t.Errorf("%s: range %s, want today", c.name, span(r))
		}
	}
}

// Of each period the busiest minute is told, of all keys together, in the organization's days.
func TestService_Peaks(t *testing.T) {
	w := newWorld(t)
	w.zone(t, organizationID, "America/New_York")
	for _, c := range []struct {
		at  time.Time
		key uuid.UUID
		n   int
	}{
		{noon, keyID, 3},
		{noon.Add(20 * time.Second), secondKeyID, 4},
		{noon.Add(time.Minute), keyID, 6},
		{date2026(1, 23).Add(4 * time.Hour), keyID, 9}, // 11 in the evening of the 22nd
		{date2026(1, 19).Add(12 * time.Hour), keyID, 2},
	} {
		w.count(c.n, func(r *Request) { r.At, r.KeyID = c.at, c.key })
	}
	w.count(50, func(r *Request) { r.OrganizationID, r.KeyID = otherID, theirKeyID })
	w.flush(t)
	for interval, want := range map[Interval][]Peak{
		Day:  {{date2026(1, 19).Add(12 * time.Hour), 2}, {}, {}, {date2026(1, 23).Add(4 * time.Hour), 9}, {noon, 7}},
		Week: {{date2026(1, 23).Add(4 * time.Hour), 9}},
	} {
		from, to := date2026(1, 19), date2026(1, 23)
		_, _, r, err := w.List(t.Context(), organizationID, interval, Filter{From: &from, To: &to})
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.Peaks(t.Context(), organizationID, interval, r)
		if err != nil {
			t.Fatal(err)
		}
		for i := range got {
			got[i].At = got[i].At.UTC()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", interval, diff)
		}
	}
}
