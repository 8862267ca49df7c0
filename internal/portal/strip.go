package portal

import (
	"fmt"
	"strings"

	"github.com/plotwise/plotwise/internal/deliveries"
)

// strip is a bar for each hour of a day, and the same in numbers.
type strip struct {
	Hours             []deliveries.Hour
	Succeeded, Failed int
	Good, Bad, Idle   string // the bars, as paths in a box of 96 × 24
}

// The measures of a strip.
const (
	barStep, barWidth = 4, 3
	stripHeight       = 24
	barLeast          = 3 // so that a single failure among thousands shows
)

// newStrip draws a day.
func newStrip(hours []deliveries.Hour) strip {
	s := strip{Hours: hours}
	most := 0
	for _, h := range hours {
		s.Succeeded, s.Failed = s.Succeeded+h.Succeeded, s.Failed+h.Failed
		most = max(most, h.Succeeded+h.Failed)
	}
	var good, bad, idle strings.Builder
	for i, h := range hours {
		x, top := i*barStep, stripHeight
		if h.Succeeded+h.Failed == 0 {
			rise(&idle, x, top, 1)
			continue
		}
		failed := barHeight(h.Failed, most)
		succeeded := min(barHeight(h.Succeeded, most), stripHeight-failed)
		top = rise(&good, x, top, succeeded)
		rise(&bad, x, top, failed)
	}
	s.Good, s.Bad, s.Idle = good.String(), bad.String(), idle.String()
	return s
}

// barHeight returns how high the bar of so many is, where the highest stands for most.
func barHeight(n, most int) int {
	if n == 0 {
		return 0
	}
	return max(barLeast, n*stripHeight/most)
}

// rise draws a bar upwards from a height, and returns where it ends.
func rise(path *strings.Builder, x, from, height int) int {
	if height > 0 {
		fmt.Fprintf(path, "M%d %dh%dv-%dh-%dz", x, from, barWidth, height, barWidth)
	}
	return from - height
}

// Summary says the day in words.
func (s strip) Summary() string {
	switch {
	case s.Succeeded+s.Failed == 0:
		return "Nothing sent in 24 hours"
	case s.Failed == 0:
		return number(s.Succeeded) + " delivered"
	}
	return number(s.Succeeded) + " delivered, " + number(s.Failed) + " failed"
}

// timing is a part of the time that an attempt took.
type timing struct {
	Name, Class string
	MS          float64
	X, Width    string // in a box that is 100 wide
}

// timings returns the parts that took any time.
func timings(a deliveries.Attempt) []timing {
	rest := max(0, a.Total-a.DNS-a.Connect-a.TLS-a.Wait)
	parts := []timing{
		{Name: "DNS", Class: "dns", MS: a.DNS},
		{Name: "Connect", Class: "connect", MS: a.Connect},
		{Name: "TLS", Class: "tls", MS: a.TLS},
		{Name: "Wait for the answer", Class: "wait", MS: a.Wait},
		{Name: "Read and the rest", Class: "rest", MS: rest},
	}
	total := a.DNS + a.Connect + a.TLS + a.Wait + rest
	var found []timing
	x := 0.0
	for _, t := range parts {
		if t.MS < 0.05 || total == 0 {
			continue
		}
		width := t.MS / total * 100
		t.X, t.Width = fmt.Sprintf("%.2f", x), fmt.Sprintf("%.2f", width)
		x += width
		found = append(found, t)
	}
	return found
}
