package contract

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html/template"
	"strings"
	"time"
)

// Renderers render a report for machines and for people, by the name of the form.
var Renderers = map[string]func(*Report) ([]byte, error){"json": renderJSON, "junit": renderJUnit, "html": renderHTML}

// view is a report as it is rendered.
type view struct {
	Passed   bool       `json:"passed"` // nothing was found, and enough was covered
	Verdict  string     `json:"verdict"`
	Requests int        `json:"requests"`
	Seed     uint64     `json:"seed"` // with which the run can be repeated
	Seconds  float64    `json:"seconds"`
	Findings int        `json:"findings"`
	Coverage []Coverage `json:"coverage"`
	Groups   []Group    `json:"groups"`
	Excused  []string   `json:"excused"` // what the server's state did not let happen
}

func (r *Report) view() view {
	return view{
		Passed: r.Passed(), Verdict: r.Verdict(), Requests: r.Requests, Seed: r.Seed, Seconds: r.Took.Seconds(), Findings: len(r.Findings), Coverage: r.Coverage(), Groups: r.Groups(), Excused: r.Excused(),
	}
}

func renderJSON(r *Report) ([]byte, error) { return json.MarshalIndent(r.view(), "", "  ") }

// Text says in plain lines what was found, for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	for _, g := range r.Groups() {
		f := g.Findings[0]
		fmt.Fprintf(&b, "✗ %s: %s %s\n  %s, %s; %d of this cause\n", f.Operation, f.Place, f.Message, f.Section, f.Case, len(g.Findings))
		if f.Curl != "" {
			fmt.Fprintf(&b, "  %s\n", f.Curl)
		}
		if f.Arrived != "" {
			fmt.Fprintf(&b, "  what arrived:\n    %s\n", strings.ReplaceAll(f.Arrived, "\n", "\n    "))
		}
	}
	fmt.Fprintf(&b, "%d requests in %s with seed %d, %d findings of %d causes\n", r.Requests, r.Took.Round(time.Millisecond), r.Seed, len(r.Findings), len(r.Groups()))
	for _, c := range r.Coverage() {
		mark := "✓"
		if !c.Met() {
			mark = "✗"
		}
		fmt.Fprintf(&b, "%s %-18s %4d of %4d (at least %.0f %%)\n", mark, c.Kind, c.Covered, c.Total, 100*c.Wanted)
		for _, gap := range c.Gaps {
			fmt.Fprintf(&b, "    not covered: %s\n", gap)
		}
	}
	for _, e := range r.Excused() {
		fmt.Fprintf(&b, "– not tried: %s\n", e)
	}
	fmt.Fprintf(&b, "The contract is %s.\n", r.Verdict())
	return b.String()
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Time     float64     `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// renderJUnit renders a case for each cause of findings and one for each kind of coverage.
func renderJUnit(r *Report) ([]byte, error) {
	suite := junitSuite{Name: "contract", Time: r.Took.Seconds()}
	add := func(class, name string, failure *junitFailure) {
		suite.Cases = append(suite.Cases, junitCase{class, name, failure})
		suite.Tests++
		if failure != nil {
			suite.Failures++
		}
	}
	for _, g := range r.Groups() {
		f := g.Findings[0]
		add(f.Operation, g.Cause, &junitFailure{f.Place + " " + f.Message, strings.Join([]string{f.Case, f.Curl, f.Body, f.Arrived}, "\n")})
	}
	for _, c := range r.Coverage() {
		var failure *junitFailure
		if !c.Met() {
			failure = &junitFailure{fmt.Sprintf("%d of %d covered", c.Covered, c.Total), strings.Join(c.Gaps, "\n")}
		}
		add("coverage", c.Kind, failure)
	}
	text, err := xml.MarshalIndent(suite, "", "  ")
	return append([]byte(xml.Header), text...), err
}

//go:embed report.html
var reportPage string

func renderHTML(r *Report) ([]byte, error) {
	page, err := template.New("report").Funcs(template.FuncMap{
		"percent": func(c Coverage) string {
			return fmt.Sprintf("%.1f", 100*float64(c.Covered)/float64(c.Total))
		},
	}).Parse(reportPage)
	if err != nil {
		return nil, fmt.Errorf("read the page of the report: %w", err)
	}
	var b bytes.Buffer
	if err := page.Execute(&b, r.view()); err != nil {
		return nil, fmt.Errorf("render the page of the report: %w", err)
	}
	return b.Bytes(), nil
}
