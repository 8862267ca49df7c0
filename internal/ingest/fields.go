package ingest

import "slices"

// fields are the values of a permit that a source can give, in the order of the documentation.
var fields = []string{
	"permit_number", "status", "stage", "type", "description", "street", "city", "region", "postal_code", "latitude", "longitude",
	"filed_date", "issued_date", "expires_date", "completed_date", "valuation",
	"contractor", "contractor_person", "contractor_company", "contractor_license", "contractor_phone", "contractor_email",
	"contractor_street", "contractor_city", "contractor_region", "contractor_postal_code",
	"owner_person", "owner_company", "applicant_person", "applicant_company",
}

// blds lists the columns of the Building & Land Development Specification 1.2 (Core Permits and its optional fields)
// that give each field, the best first. Their names are compared without case.
var blds = map[string][]string{
	"permit_number":          {"PermitNum"},
	"status":                 {"StatusCurrent"},
	"stage":                  {"StatusCurrentMapped"},
	"type":                   {"PermitType", "PermitTypeDesc", "PermitTypeMapped"},
	"description":            {"Description"},
	"street":                 {"OriginalAddress1"},
	"city":                   {"OriginalCity"},
	"region":                 {"OriginalState"},
	"postal_code":            {"OriginalZip"},
	"latitude":               {"Latitude"},
	"longitude":              {"Longitude"},
	"filed_date":             {"AppliedDate"},
	"issued_date":            {"IssuedDate"},
	"expires_date":           {"ExpiresDate"},
	"completed_date":         {"CompletedDate"},
	"valuation":              {"EstProjectCost"},
	"contractor_person":      {"ContractorFullName"},
	"contractor_company":     {"ContractorCompanyName"},
	"contractor_license":     {"ContractorLicNum"},
	"contractor_phone":       {"ContractorPhone"},
	"contractor_email":       {"ContractorEmail"},
	"contractor_street":      {"ContractorAddress1"},
	"contractor_city":        {"ContractorCity"},
	"contractor_region":      {"ContractorState"},
	"contractor_postal_code": {"ContractorZip"},
}

// bldsStages translates the words of StatusCurrentMapped.
var bldsStages = map[string]string{
	"application accepted": "application_accepted", "in review": "in_review", "permit issued": "permit_issued",
	"inspection phase": "inspection_phase", "permit finaled": "permit_finaled", "permit cancelled": "permit_cancelled",
	"permit canceled": "permit_cancelled", "expired": "expired", "permit expired": "expired",
}

// limits are how many characters a field may have.
var limits = map[string]int{"permit_number": 100, "status": 200, "type": 200, "description": 10_000, "street": 500, "city": 200, "region": 200, "postal_code": 200}

const partyLimit = 300

// provides returns the columns of permits that a file with those fields gives: the stage comes with the status, the
// longitude with the latitude, and everything about parties together.
func provides(given func(field string) bool) []string {
	var columns []string
	for _, f := range fields[1:16] {
		if given(f) && f != "stage" && f != "longitude" {
			columns = append(columns, f)
		}
	}
	if slices.ContainsFunc(fields[16:], given) {
		columns = append(columns, "parties")
	}
	return columns
}
