package main

import (
	"slices"
	"strings"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(c.values); got != c.want {
			t.Errorf("median(%v) = %v, want %v", c.values, got, c.want)
		}
	}
}

func TestRatios(t *testing.T) {
	if got := ratios([]float64{1, 9}, []float64{2, 3}); !slices.Equal(got, []float64{0.5, 3}) {
		t.Errorf("ratios = %v, want 0.5 and 3", got)
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	write(&b, []row{
		{what: "fast enough", ours: "90/s", theirs: "100/s", values: []float64{0.95, 0.85, 0.9}, bar: 0.9},
		{what: "too slow", values: []float64{0.5}, bar: 0.9},
		{what: "small enough", values: []float64{64}, unit: "MB", bar: 64, most: true, lines: []string{"a curve"}},
		{what: "too large", values: []float64{1.31}, bar: 1.3, most: true},
		{what: "for information", values: []float64{120}, unit: "ms"},
	})
	var got []string
	for line := range strings.Lines(b.String()) {
		got = append(got, strings.Join(strings.Fields(line), " "))
	}
	want := []string{
		"ours theirs median from – to bar",
		"fast enough 90/s 100/s 0.90 0.85 – 0.95 at least 0.90 ok",
		"too slow 0.50 at least 0.90 below the bar",
		"small enough 64.0 MB at most 64.0 MB ok",
		"a curve",
		"too large 1.31 at most 1.30 below the bar",
		"for information 120 ms",
		"2 of 4 rows keep their bars.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("the table is\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
