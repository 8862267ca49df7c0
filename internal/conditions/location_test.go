package conditions_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/conditions"
)

// places are permits around circles; the distances hold on a sphere of 6,371,008.8 m.
const places = `L-1,Issued,27.95,-82.46,,,,,
L-2,Issued,27.958984,-82.46,,,,,
L-3,Issued,27.959002,-82.46,,,,,
L-4,Issued,27.95,-82.449829,,,,,
L-5,Issued,27.95,-82.449809,,,,,
L-6,Issued,27.941017,-82.46,,,,,
L-7,Issued,27.957,-82.453,,,,,
L-8,Issued,,,,,,,
L-9,Issued,52,179.999,,,,,
M-1,Issued,52,-179.999,,,,,
M-2,Issued,52,180,,,,,
M-3,Issued,52,-180,,,,,
M-4,Issued,52,179.99,,,,,
M-5,Issued,52,-179.99,,,,,
P-1,Issued,89.99,0,,,,,
P-2,Issued,89.99,180,,,,,
P-3,Issued,89.9,90,,,,,
P-4,Issued,90,-45,,,,,
`

func location(latitude, longitude float64, radius int) conditions.Condition {
	return conditions.Condition{Type: conditions.Location, Latitude: latitude, Longitude: longitude, RadiusM: radius}
}

// byPlace are circles, and the permits inside.
var byPlace = map[string]struct {
	condition conditions.Condition
	want      []string
}{
	"1000 m":                {location(27.95, -82.46, 1000), []string{"L-1", "L-2", "L-4", "L-6"}}, // L-2, L-4: 999 m; L-3, L-5: 1001 m; L-7: 1037 m
	"1002 m":                {location(27.95, -82.46, 1002), []string{"L-1", "L-2", "L-3", "L-4", "L-5", "L-6"}},
	"1 m":                   {location(27.95, -82.46, 1), []string{"L-1"}},
	"nothing there":         {location(27.9, -82.46, 1000), []string{}},
	"west of the date line": {location(52, 179.998, 300), []string{"L-9", "M-1", "M-2", "M-3"}},
	"east of the date line": {location(52, -179.998, 300), []string{"L-9", "M-1", "M-2", "M-3"}},
	"on the date line":      {location(52, 180, 100), []string{"L-9", "M-1", "M-2", "M-3"}},
	"on its other side":     {location(52, -180, 100), []string{"L-9", "M-1", "M-2", "M-3"}},
	"wide over the line":    {location(52, -179.9999, 800), []string{"L-9", "M-1", "M-2", "M-3", "M-4", "M-5"}},
	"not over the line":     {location(52, 179.99, 300), []string{"M-4"}},
	"over the pole":         {location(89.99, 90, 2000), []string{"P-1", "P-2", "P-4"}}, // P-1, P-2: 1.6 km; P-3: 10 km
	"on the pole":           {location(90, 0, 50_000), []string{"P-1", "P-2", "P-3", "P-4"}},
}

func TestService_Create_findsPlaces(t *testing.T) {
	w := newWorld(t)
	w.importRows(t, places)
	for name, c := range byPlace {
		organization := w.newOrganization(t, "starter")
		created := w.create(t, organization, c.condition)
		if diff := cmp.Diff(c.want, w.matches(t, organization, created.ID)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestService_Match_places(t *testing.T) {
	w := newWorld(t)
	made := map[string]conditions.Condition{}
	for name, c := range byPlace {
		made[name] = w.create(t, w.newOrganization(t, "starter"), c.condition)
	}
	w.importRows(t, places)
	for name, c := range byPlace {
		got := w.matchedAt(t, made[name].ID)
		if len(got) != len(c.want) {
			t.Errorf("%s: an import after the condition matches %v, want %q", name, got, c.want)
		}
		for _, number := range c.want {
			if _, ok := got[number]; !ok {
				t.Errorf("%s: an import after the condition does not match %s", name, number)
			}
		}
	}
}
