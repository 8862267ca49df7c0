package geo_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/plotwise/plotwise/internal/geo"
)

func TestCircle_Boxes(t *testing.T) {
	const near = 0.001 // degrees
	for name, c := range map[string]struct {
		circle        geo.Circle
		first, second [4]float64 // west, south, east, north
	}{
		"plain":        {geo.Circle{0, 0, 111_000}, [4]float64{-1, -1, 1, 1}, [4]float64{-1, -1, 1, 1}},
		"far north":    {geo.Circle{59, 0, 111_000}, [4]float64{-2, 58, 2, 60}, [4]float64{-2, 58, 2, 60}},
		"antimeridian": {geo.Circle{0, 179.5, 111_000}, [4]float64{178.5, -1, 180, 1}, [4]float64{-180, -1, -179.5, 1}},
		"the other":    {geo.Circle{0, -179.5, 111_000}, [4]float64{-180, -1, -178.5, 1}, [4]float64{179.5, -1, 180, 1}},
		"pole":         {geo.Circle{89.99, 10, 11_100}, [4]float64{-180, 89.89, 180, 90}, [4]float64{-180, 89.89, 180, 90}},
	} {
		first, second := c.circle.Boxes()
		for text, want := range map[string][4]float64{first: c.first, second: c.second} {
			var got [4]float64
			if _, err := fmt.Sscanf(text, "((%g,%g),(%g,%g))", &got[0], &got[1], &got[2], &got[3]); err != nil {
				t.Fatalf("%s: box %q: %v", name, text, err)
			}
			for i := range got {
				if math.Abs(got[i]-want[i]) > near {
					t.Errorf("%s: box %s, want %v", name, text, want)
					break
				}
			}
		}
	}
}
