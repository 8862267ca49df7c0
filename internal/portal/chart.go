package portal

import (
	"math"
	"strconv"
)

// chart is bars over time as a template draws them: across in percent, so that they fill their place, and upwards in pixels.
type chart struct {
	Summary string // of all of it, for those who do not see it
	Bars    []bar
	Ticks   []tick
	Limit   *tick // nil: none is drawn
}

// bar is one period.
type bar struct {
	Title  string // for those who point at it
	Label  string // below it; "" for none
	Major  bool   // the label stays where there is little room
	Left   string // percent
	Width  string
	Centre string
	Slot   string // percent: how wide a period is, with the gap
	Start  string // percent: where that begins
	Parts  []part // from the bottom up
}

// part is a piece of a bar.
type part struct {
	Class  string
	Y      string
	Height string
}

// tick is a line across.
type tick struct {
	Y    string
	Text string
}

// value is a piece of a bar before it is drawn.
type value struct {
	Class string
	N     int64
}

// The height of the chart, in pixels: bars stand on the base.
const (
	chartTop  = 12
	chartBase = 212
)

// draw makes bars of periods' values. The limit, 0 for none, is a line across.
func (c *chart) draw(titles, labels []string, values [][]value, limit int64) {
	highest := max(1, limit)
	for _, v := range values {
		highest = max(highest, sum(v))
	}
	step, steps := scale(highest)
	y := func(n int64) float64 {
		return chartBase - float64(n)/float64(step*steps)*(chartBase-chartTop)
	}
	for i := range steps + 1 {
		c.Ticks = append(c.Ticks, tick{Y: decimal(y(i * step)), Text: short(i * step)})
	}
	if limit > 0 {
		c.Limit = &tick{Y: decimal(y(limit)), Text: number(limit)}
	}
	slot := 100 / float64(len(values))
	for i, v := range values {
		start := float64(i) * slot
		b := bar{
			Title: titles[i], Start: percent(start), Slot: percent(slot), Left: percent(start + slot*.15), Width: percent(slot * .7), Centre: percent(start + slot/2),
		}
		b.Label, b.Major = label(i, len(values), labels[i])
		b.Parts = stack(v, y)
		c.Bars = append(c.Bars, b)
	}
}

// stack puts values upon each other; what is there at all is seen.
func stack(values []value, y func(int64) float64) []part {
	var parts []part
	below := float64(chartBase)
	for _, v := range values {
		if v.N == 0 {
			continue
		}
		height := max(1.5, chartBase-y(v.N))
		below -= height
		parts = append(parts, part{Class: v.Class, Y: decimal(below), Height: decimal(height)})
	}
	return parts
}

// label says which periods are labelled: as many as there is room for, and none at the edges.
func label(i, of int, text string) (shown string, major bool) {
	every, from := 1, 0
	if of > 14 {
		every, from = 5, 2
	}
	if i%every != from {
		return "", false
	}
	return text, i/every%2 == from/2
}

// scale returns round steps, some of which reach a number.
func scale(highest int64) (step, steps int64) {
	const most = 4
	rough := float64(highest) / most
	power := math.Pow(10, math.Floor(math.Log10(max(1, rough))))
	for _, factor := range []float64{1, 2, 5, 10} {
		if step = int64(math.Round(factor * power)); float64(step) >= rough {
			break
		}
	}
	return step, (highest + step - 1) / step
}

func sum(values []value) (n int64) {
	for _, v := range values {
		n += v.N
	}
	return n
}

// short returns a number for an axis: 800, 12k, 1.5M.
func short(n int64) string {
	for _, unit := range []struct {
		size int64
		name string
	}{{1e9, "B"}, {1e6, "M"}, {1e4, "k"}} {
		if n >= unit.size {
			if unit.name == "k" {
				unit.size = 1e3
			}
			return strconv.FormatFloat(float64(n)/float64(unit.size), 'f', -1, 64) + unit.name
		}
	}
	return number(n)
}

func decimal(x float64) string { return strconv.FormatFloat(x, 'f', 1, 64) }

func percent(x float64) string { return strconv.FormatFloat(x, 'f', 2, 64) + "%" }
