package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// row is one line of the table: a figure of each turn or round, and what it has to be.
type row struct {
	what         string
	ours, theirs string    // how much that was, with its unit; "" when there is no such thing
	values       []float64 // one a turn: ratios, or what unit says
	unit         string    // "" for ratios
	bar          float64   // 0: there is none
	most         bool      // the bar is the most that it may be, not the least
	lines        []string  // what stands below it, such as a curve
}

// median returns the middle of the figures, or the mean of the two in the middle.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// ratios divides the figures of each turn.
func ratios(ours, theirs []float64) []float64 {
	out := make([]float64, len(ours))
	for i := range ours {
		out[i] = ours[i] / theirs[i]
	}
	return out
}

// verdict returns "ok" or "below the bar" for what has a bar; "" otherwise.
func (r row) verdict() string {
	switch m := median(r.values); {
	case r.bar == 0:
		return ""
	case r.most && m <= r.bar, !r.most && m >= r.bar:
		return "ok"
	}
	return "below the bar"
}

func (r row) limit() string {
	switch {
	case r.bar == 0:
		return ""
	case r.most:
		return "at most " + r.figure(r.bar)
	}
	return "at least " + r.figure(r.bar)
}

// figure writes a value with its unit, as exactly as its size deserves.
func (r row) figure(v float64) string {
	digits := 2
	if v >= 100 {
		digits = 0
	} else if v >= 10 {
		digits = 1
	}
	return strings.TrimSpace(fmt.Sprintf("%.*f %s", digits, v, r.unit))
}

func (r row) spread() string {
	if len(r.values) < 2 {
		return ""
	}
	return r.figure(slices.Min(r.values)) + " – " + r.figure(slices.Max(r.values))
}

// write prints the table; it ends with how many rows keep their bars.
func write(w io.Writer, rows []row) {
	line := func(cells ...any) {
		text := fmt.Sprintf("%-72s %11s %11s  %-9s %-19s %-16s %s", cells...)
		fmt.Fprintln(w, strings.TrimRight(text, " "))
	}
	line("", "ours", "theirs", "median", "from – to", "bar", "")
	held, with := 0, 0
	for _, r := range rows {
		line(r.what, r.ours, r.theirs, r.figure(median(r.values)), r.spread(), r.limit(), r.verdict())
		for _, text := range r.lines {
			fmt.Fprintln(w, "    "+text)
		}
		if r.bar != 0 {
			with++
		}
		if r.verdict() == "ok" {
			held++
		}
	}
	fmt.Fprintf(w, "%d of %d rows keep their bars.\n", held, with)
}
