// Package geo has the little geometry that permits need.
package geo

import (
	"fmt"
	"math"
)

// Circle is the area around a point; degrees (WGS 84) and metres.
type Circle struct {
	Latitude, Longitude float64
	RadiusM             int
}

// metresPerDegree is the length of a degree of latitude, rounded down so that boxes come out a little too large.
const metresPerDegree = 111_000

// Boxes returns two boxes, as Postgres writes them, that together cover the circle: they differ only where it crosses
// the antimeridian. Near a pole they reach all the way round.
func (c Circle) Boxes() (first, second string) {
	height := float64(c.RadiusM) / metresPerDegree
	south, north := math.Max(-90, c.Latitude-height), math.Min(90, c.Latitude+height)
	width := 360.0
	if edge := math.Max(math.Abs(south), math.Abs(north)); edge < 89.9 {
		width = height / math.Cos(edge*math.Pi/180)
	}
	west, east := c.Longitude-width, c.Longitude+width
	box := func(west, east float64) string {
		return fmt.Sprintf("((%g,%g),(%g,%g))", west, south, east, north)
	}
	switch {
	case width >= 180:
		return box(-180, 180), box(-180, 180)
	case west < -180:
		return box(-180, east), box(west+360, 180)
	case east > 180:
		return box(west, 180), box(-180, east-360)
	}
	return box(west, east), box(west, east)
}
