package usage

import (
	"fmt"
	"time"

	"github.com/plotwise/plotwise/internal/problem"
)

// Interval is what one entry of usage covers.
type Interval string

// The intervals. Weeks are those of ISO 8601: Monday to Sunday, the first with the year's first Thursday.
const (
	Day   Interval = "day"
	Week  Interval = "week"
	Month Interval = "month"
)

// usual is how many periods are told when no first day is given.
var usual = map[Interval]int{Day: 30, Week: 12, Month: 12}

const (
	maxPeriods          = 366 // that can be told at once
	firstYear, lastYear = 1900, 2999
)

// day returns the calendar day of an instant in its zone, as midnight UTC.
func day(t time.Time) time.Time { return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC) }

// start returns the first day of the period that a day is in.
func (i Interval) start(d time.Time) time.Time {
	switch i {
	case Week:
		return d.AddDate(0, 0, -(int(d.Weekday())+6)%7)
	case Month:
		return d.AddDate(0, 0, 1-d.Day())
	default:
		return d
	}
}

// add returns the first day of the period n periods after the one that starts at d.
func (i Interval) add(d time.Time, n int) time.Time {
	switch i {
	case Week:
		return d.AddDate(0, 0, 7*n)
	case Month:
		return d.AddDate(0, n, 0)
	default:
		return d.AddDate(0, 0, n)
	}
}

// name returns the name of the period that starts at d (ISO 8601): 2026-01-23, 2026-W04 or 2026-01.
func (i Interval) name(d time.Time) string {
	switch i {
	case Week:
		year, week := d.ISOWeek()
		return fmt.Sprintf("%04d-W%02d", year, week)
	case Month:
		return d.Format("2006-01")
	default:
		return d.Format(time.DateOnly)
	}
}

// cover returns whole periods from one day to another; nil means the usual ones up to today.
func (i Interval) cover(from, to *time.Time, today time.Time) (Range, error) {
	last := today
	if to != nil {
		last = *to
	}
	for name, d := range map[string]*time.Time{"from": from, "to": to} {
		if d != nil && (d.Year() < firstYear || d.Year() > lastYear) {
			return Range{}, problem.Parameter(name, "range", fmt.Sprintf("must lie in the years %d to %d", firstYear, lastYear))
		}
	}
	end := i.add(i.start(last), 1)
	begin := i.add(end, -usual[i])
	if from != nil {
		begin = i.start(*from)
		if from.After(last) {
			return Range{}, problem.Parameter("from", "order", "must not lie after to, "+last.Format(time.DateOnly))
		}
	}
	if i.add(begin, maxPeriods).Before(end) {
		return Range{}, problem.Parameter("from", "range",
			fmt.Sprintf("must be %s or later: at most %d periods are told at once", i.add(end, -maxPeriods).Format(time.DateOnly), maxPeriods))
	}
	return Range{From: begin, To: end.AddDate(0, 0, -1)}, nil
}

// fill returns every period of a range, with the counts of those that have some by their first day.
func fill(i Interval, r Range, counted map[time.Time]Counts) []Period {
	periods := []Period{}
	for start := r.From; !start.After(r.To); start = i.add(start, 1) {
		periods = append(periods, Period{Name: i.name(start), Start: start, End: i.add(start, 1).AddDate(0, 0, -1), Counts: counted[start]})
	}
	return periods
}
