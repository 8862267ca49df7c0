package usage

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/problem"
)

// parse returns a day; nil for "".
func parse(t *testing.T, day string) *time.Time {
	t.Helper()
	if day == "" {
		return nil
	}
	d, err := time.Parse(time.DateOnly, day)
	if err != nil {
		t.Fatal(err)
	}
	return &d
}

// span returns the days of a range, as text.
func span(r Range) string { return r.From.Format(time.DateOnly) + " " + r.To.Format(time.DateOnly) }

func TestInterval_name(t *testing.T) {
	for _, c := range []struct {
		interval         Interval
		day, start, want string
	}{
		{Day, "2026-01-23", "2026-01-23", "2026-01-23"},
		{Week, "2026-01-19", "2026-01-19", "2026-W04"}, // a Monday
		{Week, "2026-01-25", "2026-01-19", "2026-W04"}, // a Sunday
		{Week, "2024-12-29", "2024-12-23", "2024-W52"},
		{Week, "2024-12-30", "2024-12-30", "2025-W01"},
		{Week, "2025-01-05", "2024-12-30", "2025-W01"},
		{Week, "2026-12-28", "2026-12-28", "2026-W53"},
		{Week, "2027-01-03", "2026-12-28", "2026-W53"},
		{Week, "2027-01-04", "2027-01-04", "2027-W01"},
		{Week, "2024-02-29", "2024-02-26", "2024-W09"},
		{Month, "2026-01-01", "2026-01-01", "2026-01"},
		{Month, "2026-01-31", "2026-01-01", "2026-01"},
		{Month, "2024-02-29", "2024-02-01", "2024-02"},
	} {
		start := c.interval.start(*parse(t, c.day))
		if got := c.interval.name(start); start.Format(time.DateOnly) != c.start || got != c.want {
			t.Errorf("%s of %s = %s from %s, want %s from %s", c.interval, c.day, got, start.Format(time.DateOnly), c.want, c.start)
		}
	}
}

func TestInterval_cover(t *testing.T) {
	for _, c := range []struct {
		name           string
		interval       Interval
		from, to, want string
	}{
		{"30 days", Day, "", "", "2025-12-25 2026-01-23"},
		{"12 weeks", Week, "", "", "2025-11-03 2026-01-25"},
		{"12 months", Month, "", "", "2025-02-01 2026-01-31"},
		{"30 days up to another", Day, "", "2024-03-01", "2024-02-01 2024-03-01"},
		{"12 weeks up to another", Week, "", "2027-01-03", "2026-10-12 2027-01-03"},
		{"12 months up to another", Month, "", "2024-02-29", "2023-03-01 2024-02-29"},
		{"up to today", Day, "2026-01-20", "", "2026-01-20 2026-01-23"},
		{"today alone", Day, "2026-01-23", "", "2026-01-23 2026-01-23"},
		{"one day", Day, "2025-06-01", "2025-06-01", "2025-06-01 2025-06-01"},
		{"a day's week", Week, "2025-01-01", "2025-01-01", "2024-12-30 2025-01-05"},
		{"a day's month", Month, "2024-02-10", "2024-02-10", "2024-02-01 2024-02-29"},
		{"days ahead", Day, "2026-02-01", "2026-02-02", "2026-02-01 2026-02-02"},
		{"366 days", Day, "2024-01-01", "2024-12-31", "2024-01-01 2024-12-31"},
		{"366 weeks", Week, "2019-01-21", "2026-01-25", "2019-01-21 2026-01-25"},
		{"366 months", Month, "1995-08-31", "2026-01-01", "1995-08-01 2026-01-31"},
		{"the first year", Month, "1900-01-01", "1900-12-31", "1900-01-01 1900-12-31"},
		{"the last week", Week, "2999-12-30", "2999-12-31", "2999-12-30 3000-01-05"},
	} {
		got, err := c.interval.cover(parse(t, c.from), parse(t, c.to), date2026(1, 23))
		if err != nil || span(got) != c.want {
			t.Errorf("%s: cover(%q, %q) = %s, %v; want %s", c.name, c.from, c.to, span(got), err, c.want)
		}
	}
}

func TestInterval_cover_refuses(t *testing.T) {
	for _, c := range []struct {
		name         string
		interval     Interval
		from, to     string
		parameter    string
		code, detail string
	}{
		{"turned round", Day, "2026-02-01", "2026-01-01", "from", "order", "must not lie after to, 2026-01-01"},
		{"turned round in a week", Week, "2026-01-23", "2026-01-22", "from", "order", "must not lie after to, 2026-01-22"},
		{"from tomorrow", Day, "2026-01-24", "", "from", "order", "must not lie after to, 2026-01-23"},
		{"367 days", Day, "2024-01-01", "2025-01-01", "from", "range", "must be 2024-01-02 or later: at most 366 periods are told at once"},
		{"367 weeks", Week, "2019-01-20", "2026-01-23", "from", "range", "must be 2019-01-21 or later: at most 366 periods are told at once"},
		{"before all years", Day, "1899-12-31", "1900-01-01", "from", "range", "must lie in the years 1900 to 2999"},
		{"after all years", Week, "", "3000-01-01", "to", "range", "must lie in the years 1900 to 2999"},
		{"367 months", Month, "1995-07-31", "2026-01-01", "from", "range", "must be 1995-08-01 or later: at most 366 periods are told at once"},
	} {
		_, err := c.interval.cover(parse(t, c.from), parse(t, c.to), date2026(1, 23))
		checkProblem(t, c.name, err, problem.Parameter(c.parameter, c.code, c.detail))
	}
}

func checkProblem(t *testing.T, name string, err error, want *problem.Error) {
	t.Helper()
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s: error %v, want %v", name, err, want)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: problem (-want +got):\n%s", name, diff)
	}
}
