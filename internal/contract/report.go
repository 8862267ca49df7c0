package contract

import (
	"maps"
	"slices"
	"time"
)

// Finding is something that the server does otherwise than its document says.
type Finding struct {
	Section   string `json:"section"`
	Operation string `json:"operation"`
	Case      string `json:"case"`
	Place     string `json:"place"`
	Keyword   string `json:"keyword"`
	Message   string `json:"message"`
	Status    int    `json:"status,omitempty"`
	Curl      string `json:"curl,omitempty"`
	Body      string `json:"body,omitempty"`    // the answer's, its first 2,000 bytes
	Arrived   string `json:"arrived,omitempty"` // what a webhook sent
}

// cause is what findings with the same cause have in common.
func (f Finding) cause() string { return f.Operation + " " + f.Place + " " + f.Keyword }

// Report is what a run found, and how much it looked at.
type Report struct {
	Findings []Finding
	Requests int
	Seed     uint64
	Took     time.Duration
	coverage map[string]map[string]bool // by kind and name: whether it was covered
	excused  []string                   // what the server's state did not let happen
}

// kinds are what coverage is counted of, in the order of the report, with the share that is asked for.
var kinds = []struct {
	name   string
	wanted float64
}{
	{"operations", 1}, {"statuses", 1}, {"request examples", 1}, {"response examples", 1}, {"parameters", 1}, {"constraints", .98}, {"webhooks", 1}, {liveWebhooks, 1},
}

// expect notes something to be covered.
func (r *Report) expect(kind, name string) {
	if r.coverage[kind] == nil {
		r.coverage[kind] = map[string]bool{}
	}
	if _, known := r.coverage[kind][name]; !known {
		r.coverage[kind][name] = false
	}
}

// cover notes that something expected was covered.
func (r *Report) cover(kind, name string) {
	if _, expected := r.coverage[kind][name]; expected {
		r.coverage[kind][name] = true
	}
}

// excuse takes something out of what is expected: the server's state does not let it happen.
func (r *Report) excuse(kind, name, why string) {
	if covered, expected := r.coverage[kind][name]; expected && !covered {
		delete(r.coverage[kind], name)
		r.excused = append(r.excused, name+": "+why)
	}
}

// leaveOut notes that a part of the suite was not run.
func (r *Report) leaveOut(part, why string) { r.excused = append(r.excused, part+": "+why) }

// Excused returns what the server's state did not let happen, and why.
func (r *Report) Excused() []string { return r.excused }

func (r *Report) add(f Finding) {
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, f)
	}
}

const maxFindings = 2000

// Coverage is how much of one kind was covered.
type Coverage struct {
	Kind    string   `json:"kind"`
	Covered int      `json:"covered"`
	Total   int      `json:"total"`
	Wanted  float64  `json:"wanted"` // share, at least
	Gaps    []string `json:"gaps"`   // what was not, by name
}

// Met reports whether as much was covered as is asked for.
func (c Coverage) Met() bool { return float64(c.Covered) >= c.Wanted*float64(c.Total) }

// Coverage returns how much of each kind was covered. A kind of which there is nothing is left out.
func (r *Report) Coverage() []Coverage {
	var all []Coverage
	for _, kind := range kinds {
		if len(r.coverage[kind.name]) == 0 {
			continue
		}
		c := Coverage{Kind: kind.name, Total: len(r.coverage[kind.name]), Wanted: kind.wanted, Gaps: []string{}}
		for _, name := range slices.Sorted(maps.Keys(r.coverage[kind.name])) {
			if r.coverage[kind.name][name] {
				c.Covered++
			} else {
				c.Gaps = append(c.Gaps, name)
			}
		}
		all = append(all, c)
	}
	return all
}

// Passed reports whether nothing was found and enough was covered.
func (r *Report) Passed() bool {
	return len(r.Findings) == 0 && !slices.ContainsFunc(r.Coverage(), func(c Coverage) bool { return !c.Met() })
}

// Verdict says in a word or three what the run showed.
func (r *Report) Verdict() string {
	switch {
	case len(r.Findings) > 0:
		return "broken"
	case !r.Passed():
		return "kept, as far as it was covered"
	case len(r.excused) > 0:
		return "kept, but for what was not tried"
	}
	return "kept"
}

// Group is a cause with what it led to.
type Group struct {
	Cause    string    `json:"cause"`
	Findings []Finding `json:"findings"`
}

// Groups returns the findings by cause, the most frequent first.
func (r *Report) Groups() []Group {
	by := map[string][]Finding{}
	for _, f := range r.Findings {
		by[f.cause()] = append(by[f.cause()], f)
	}
	var groups []Group
	for _, cause := range slices.Sorted(maps.Keys(by)) {
		groups = append(groups, Group{cause, by[cause]})
	}
	slices.SortStableFunc(groups, func(a, b Group) int { return len(b.Findings) - len(a.Findings) })
	return groups
}
