package demo

import (
	"fmt"
	"strings"
)

// The columns are those that need no mapping.
var (
	feeHeader        = []string{"PermitNum", "FeeNum", "FeeName", "FeeAmount", "PaidAmount", "AssessedDate", "PaidDate"}
	inspectionHeader = []string{"PermitNum", "InspNum", "InspType", "Description", "Result", "ScheduledDate", "InspectedDate", "Inspector", "InspectionNotes"}
)

// Places in statuses.
const (
	corrections = 2
	ready       = 3
	issued      = 4
)

// charge is a fee before it becomes a row: what for, cents, and the days after filing on which it was assessed and paid.
type charge struct {
	name           string
	cents          int
	assessed, paid int
}

const unpaid = -1

// fees returns a permit's rows. The plan review is paid with the application. The other fees are assessed in review, by
// whole dollars until the permit is ready, and paid when it is issued.
func (p permit) fees() [][]string {
	full := max(7_500, p.valuation*85/100) // 0.85 % of the valuation, 75 dollars at least
	charges := []charge{{"Plan Review Fee", full / 2, 0, 2}}
	if p.stage() != "application_accepted" {
		charges = append(charges, p.assessed(full)...)
	}
	rows := make([][]string, len(charges))
	for i, c := range charges {
		rows[i] = p.fee(i, c)
	}
	return rows
}

func (p permit) assessed(full int) []charge {
	if p.at < ready {
		full -= full % 100
	}
	on, paid := p.review/2, unpaid
	if p.at >= issued && p.stage() != "permit_cancelled" {
		paid = p.review
	}
	charges := []charge{{"Building Permit Fee", full, on, paid}, {"State Surcharge", max(400, full*25/1000), on, paid}}
	if strings.HasSuffix(p.work.kind, "New Construction") {
		charges = append(charges, charge{"Mobility Impact Fee", 487_300, on, paid})
	}
	if p.at >= corrections && p.valuation%3 == 0 {
		charges = append(charges, charge{"Plan Revision Fee", 5_000, p.review * 3 / 4, paid})
	}
	return charges
}

func (p permit) fee(i int, c charge) []string {
	amount, paidAmount, paidDate := fmt.Sprintf("%d.%02d", c.cents/100, c.cents%100), "", ""
	if c.paid != unpaid {
		paidAmount, paidDate = amount, p.day(c.paid)
	}
	return []string{p.number, fmt.Sprintf("%s-F%d", p.number, i+1), c.name, amount, paidAmount, p.day(c.assessed), paidDate}
}

// visits are the inspections of a kind of work, in the order in which they are made.
func (w work) visits() []string {
	switch {
	case strings.HasSuffix(w.kind, "New Construction"), strings.HasSuffix(w.kind, "Addition"):
		return []string{"Foundation", "Framing", "Rough Electrical", "Final"}
	case strings.HasSuffix(w.kind, "Alteration"):
		return []string{"Framing", "Rough Electrical", "Final"}
	case w.kind == "Roof":
		return []string{"Dry-in", "Final"}
	}
	return []string{"Final"}
}

var (
	inspectors = []string{"R. Mercer", "L. Quiroz", "T. Abbott", "D. Fairley"}
	findings   = []string{"Nailing does not follow the schedule.", "Access to the panel is blocked.", "Approved plans not on site.", "Fire blocking is missing."}
)

// inspections returns a permit's rows: all passed when it is finaled, and in the inspection phase those of the first
// half of the work, with the next one scheduled. One in seven visits fails and is repeated four days later.
func (p permit) inspections(later bool) [][]string {
	if p.stage() != "inspection_phase" && p.stage() != "permit_finaled" {
		return nil
	}
	visits := p.work.visits()
	passed := len(visits)
	if p.stage() == "inspection_phase" {
		passed /= 2
	}
	var rows [][]string
	for i, visit := range visits[:min(passed+1, len(visits))] {
		day := p.review + p.building*(i+1)/len(visits)
		if i == passed {
			rows = append(rows, p.inspection(len(rows), visit, "", p.postponed(day, later)))
			break
		}
		if p.failed(i) {
			rows = append(rows, p.inspection(len(rows), visit, "Failed", day-4))
		}
		rows = append(rows, p.inspection(len(rows), visit, "Passed", day))
	}
	return rows
}

func (p permit) failed(visit int) bool { return (p.valuation+visit)%7 == 0 }

// postponed moves the day of one visit in four by a week, when they are seen again later.
func (p permit) postponed(day int, later bool) int {
	if later && p.valuation%4 == 0 {
		return day + 7
	}
	return day
}

func (p permit) inspection(i int, visit, result string, day int) []string {
	inspected, inspector, notes := "", "", ""
	if result != "" {
		inspected, inspector = p.day(day), inspectors[p.valuation%len(inspectors)]
	}
	if result == "Failed" {
		notes = findings[p.valuation%len(findings)]
	}
	return []string{
		p.number, fmt.Sprintf("%s-I%d", p.number, i+1), visit, visit + " of " + strings.ToLower(p.work.kind), result,
		p.day(day), inspected, inspector, notes,
	}
}
