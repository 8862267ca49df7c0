package demo

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/ingest"
)

// county is a made-up county: its permits are drawn from a seed, the same every time.
type county struct {
	slug, name          string
	prefix              string // of its permit numbers
	seed                uint64
	permits             int
	latitude, longitude float64 // of its middle
	cities              []string
	postalCode          int
}

var counties = []county{
	{
		slug: "palmetto-county", name: "Palmetto County", prefix: "BLD", seed: 26, permits: 1200, latitude: 27.95, longitude: -82.46,
		cities: []string{"Heron Bay", "Port Loma", "Citrus Grove", "Lake Alder"}, postalCode: 33601,
	},
	{
		slug: "manatee-shores", name: "City of Manatee Shores", prefix: "MS", seed: 27, permits: 500, latitude: 26.64, longitude: -81.87,
		cities: []string{"Manatee Shores"}, postalCode: 33901,
	},
	{
		slug: "live-oak-county", name: "Live Oak County", prefix: "LO", seed: 28, permits: 300, latitude: 30.33, longitude: -81.66,
		cities: []string{"Live Oak Springs", "Fernwood"}, postalCode: 32201,
	},
}

// status is one of the counties' words, with the stage that it stands for.
type status struct{ words, stage string }

var statuses = []status{
	{"Pending", "application_accepted"},
	{"In Review", "in_review"},
	{"Corrections Required", "in_review"},
	{"Ready for Issuance", "in_review"},
	{"Issued", "permit_issued"},
	{"Inspections", "inspection_phase"},
	{"Finaled", "permit_finaled"},
	{"Withdrawn", "permit_cancelled"},
	{"Expired", "expired"},
}

// source returns the source file of one of the county's datasets.
func (c county) source(dataset string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "jurisdiction: {slug: %s, name: %s, region: FL}\ndataset: %s\n", c.slug, c.name, dataset)
	if dataset != ingest.Permits {
		return b.String()
	}
	b.WriteString("statuses:\n")
	for _, s := range statuses {
		fmt.Fprintf(&b, "  %s: %s\n", s.words, s.stage)
	}
	return b.String()
}

type work struct {
	kind, description string
	least, most       int // dollars
}

var works = []work{
	{"Residential New Construction", "New two-story single-family residence with attached garage", 280_000, 900_000},
	{"Residential New Construction", "New one-story single-family residence with screened lanai", 220_000, 520_000},
	{"Residential Alteration", "Kitchen and bath remodel, no structural work", 12_000, 90_000},
	{"Residential Addition", "Master suite addition at rear of residence", 60_000, 210_000},
	{"Roof", "Tear off shingles and replace with standing seam metal roof", 9_000, 48_000},
	{"Roof", "Re-roof with tile, 34 squares", 18_000, 70_000},
	{"Pool", "In-ground concrete pool and spa with paver deck and child barrier", 45_000, 130_000},
	{"Mechanical", "Replace 4 ton split system, like for like", 6_000, 16_000},
	{"Electrical", "Service change to 200 A and generator interlock", 2_500, 14_000},
	{"Solar", "Roof-mounted photovoltaic system, 11.2 kW, with battery", 22_000, 58_000},
	{"Window and Door", "Replace 14 windows and 2 doors with impact rated units", 9_000, 40_000},
	{"Fence", "Six foot vinyl fence, 180 linear feet", 3_000, 11_000},
	{"Commercial Alteration", "Interior build-out of dental office, 2,400 square feet", 140_000, 620_000},
	{"Commercial New Construction", "Shell building for retail with four tenant spaces", 900_000, 4_800_000},
	{"Demolition", "Demolish storm-damaged residence and slab", 8_000, 30_000},
	{"Dock", "Dock with boat lift, 360 square feet over water", 20_000, 75_000},
}

var (
	streets = []string{"Heron Lake", "Sabal Palm", "Mangrove", "Orange Blossom", "Gulf Breeze", "Cypress Knee", "Spoonbill", "Magnolia", "Tarpon", "Bayshore", "Palmetto", "Egret"}
	kinds   = []string{"Dr", "Ave", "Ln", "Blvd", "Ct", "St", "Way"}
	firsts  = []string{"Alma", "Boyd", "Celia", "Dario", "Edith", "Floyd", "Greta", "Hugo", "Inez", "Jonas", "Lidia", "Marco", "Nadia", "Otis", "Petra", "Ramon"}
	lasts   = []string{"Abbott", "Bexley", "Castell", "Dunmore", "Esparza", "Fairley", "Goddard", "Holloway", "Ibarra", "Kessler", "Lovett", "Mercer", "Norwood", "Quiroz"}
	firms   = []string{
		"Suncoast Custom Homes LLC", "Bayline Roofing Inc", "Coral Key Pools & Spas", "Gulfwind Mechanical Services Inc", "Ibis Electric Co",
		"Brightside Solar of Florida LLC", "Tidewater Windows and Doors", "Pelican Commercial Builders Inc", "Anchor Marine Construction", "Heartwood Remodeling LLC",
	}
	licenses = []string{"CGC", "CBC", "CCC", "CPC", "CAC", "EC", "CVC"}
)

var header = []string{
	"PermitNum", "StatusCurrent", "PermitType", "Description", "OriginalAddress1", "OriginalCity", "OriginalState", "OriginalZip",
	"Latitude", "Longitude", "AppliedDate", "IssuedDate", "ExpiresDate", "CompletedDate", "EstProjectCost",
	"ContractorFullName", "ContractorCompanyName", "ContractorLicNum", "ContractorPhone", "ContractorEmail",
	"ContractorAddress1", "ContractorCity", "ContractorState", "ContractorZip",
}

// permit is a permit as it was drawn: what its row, its fees and its inspections follow from.
type permit struct {
	number    string
	work      work
	at        int // in statuses
	moved     bool
	filed     time.Time
	review    int // days from filing to issuance
	building  int // days from issuance to completion
	valuation int // dollars
	row       []string
}

// day returns the date so many days after filing.
func (p permit) day(days int) string { return p.filed.AddDate(0, 0, days).Format(time.DateOnly) }

func (p permit) stage() string { return statuses[p.at].stage }

// draw returns the county's permits: as first seen, or a week later, when one in six has moved on.
func (c county) draw(later bool) []permit {
	random := rand.New(rand.NewPCG(c.seed, c.seed)) //nolint:gosec // the same every time is the point
	drawn := make([]permit, c.permits)
	for i := range drawn {
		drawn[i] = c.drawOne(random, i, later)
	}
	return drawn
}

func (c county) drawOne(random *rand.Rand, i int, later bool) permit {
	w := works[random.IntN(len(works))]
	at := random.IntN(len(statuses))
	moves := random.IntN(6) == 0 && at < 6
	number := fmt.Sprintf("%s-%02d-%07d", c.prefix, 24+i*3/c.permits, 400_000+i*137+random.IntN(100))
	if i == 0 && c.prefix == "BLD" {
		number, at, moves, w = KnownPermit, 0, true, works[0]
	}
	p := permit{
		number: number, work: w, at: at, moved: later && moves, filed: time.Date(2024, 1, 8, 0, 0, 0, 0, time.UTC).AddDate(0, 0, i*740/c.permits),
		review: 10 + random.IntN(60), building: 40 + random.IntN(200),
	}
	if p.moved {
		p.at++
	}
	c.complete(random, &p)
	return p
}

// complete draws what is left of a permit, and renders its row.
func (c county) complete(random *rand.Rand, p *permit) {
	pick := func(list []string) string { return list[random.IntN(len(list))] }
	day := func(from, days int) string {
		if p.at < from {
			return ""
		}
		return p.day(days)
	}
	firm := random.IntN(len(firms))
	city := random.IntN(len(c.cities))
	address := fmt.Sprintf("%d %s %s", 100+random.IntN(9800), pick(streets), pick(kinds))
	latitude, longitude := c.latitude+(random.Float64()-.5)/4, c.longitude+(random.Float64()-.5)/4
	p.valuation = p.work.least + random.IntN(p.work.most-p.work.least)
	p.row = []string{
		p.number, statuses[p.at].words, p.work.kind, p.work.description, address, c.cities[city], "FL", fmt.Sprint(c.postalCode + city),
		fmt.Sprintf("%.6f", latitude), fmt.Sprintf("%.6f", longitude),
		p.day(0), day(4, p.review), day(4, p.review+180), completed(p.at, day(6, p.review+p.building)), fmt.Sprintf("%d.00", p.valuation),
		pick(firsts) + " " + pick(lasts), firms[firm], fmt.Sprintf("%s%07d", licenses[firm%len(licenses)], 1_250_000+firm*731),
		fmt.Sprintf("(813) 555-01%02d", firm), "permits@" + strings.ToLower(strings.Fields(firms[firm])[0]) + ".example",
		fmt.Sprintf("%d Commerce Park Dr", 100+firm*12), c.cities[0], "FL", fmt.Sprint(c.postalCode),
	}
}

// completed keeps the date for finaled permits: withdrawn and expired ones were never completed.
func completed(at int, date string) string {
	if statuses[at].stage != "permit_finaled" {
		return ""
	}
	return date
}
