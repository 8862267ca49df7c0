package ingest

import "slices"

// The datasets that a source can describe.
const (
	Permits     = "permits"
	Inspections = "inspections"
	Fees        = "fees"
)

// dataset says what a file of its kind can give.
type dataset struct {
	fields   []string            // in the order of the documentation
	required []string            // those that a file has to give
	columns  map[string][]string // field: the columns that give it where the source names none, the best first
	limits   map[string]int      // field: how many characters it may have
}

var datasets = map[string]dataset{
	Permits:     {permitFields, []string{"permit_number"}, permitColumns, permitLimits},
	Inspections: {inspectionFields, []string{"permit_number", "type"}, inspectionColumns, inspectionLimits},
	Fees:        {feeFields, []string{"permit_number", "name", "amount"}, feeColumns, feeLimits},
}

// multiline are the fields whose line breaks are kept.
var multiline = []string{"description", "notes"}

var permitFields = []string{
	"permit_number", "status", "stage", "type", "description", "street", "city", "region", "postal_code", "latitude", "longitude",
	"filed_date", "issued_date", "expires_date", "completed_date", "valuation",
	"contractor", "contractor_person", "contractor_company", "contractor_license", "contractor_phone", "contractor_email",
	"contractor_street", "contractor_city", "contractor_region", "contractor_postal_code",
	"owner_person", "owner_company", "applicant_person", "applicant_company",
}

// permitColumns are those of the Building & Land Development Specification 1.2 (Core Permits and its optional fields).
// Their names are compared without case.
var permitColumns = map[string][]string{
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

var permitLimits = map[string]int{"permit_number": 100, "status": 200, "type": 200, "description": 10_000, "street": 500, "city": 200, "region": 200, "postal_code": 200}

const partyLimit = 300

var inspectionFields = []string{
	"permit_number", "number", "type", "description", "result", "scheduled_date", "inspected_date", "inspector", "notes",
}

// inspectionColumns are those of the optional inspections dataset of BLDS 1.2, which knows no number.
var inspectionColumns = map[string][]string{
	"permit_number":  {"PermitNum"},
	"number":         {"InspNum"},
	"type":           {"InspType", "InspTypeMapped"},
	"description":    {"Description"},
	"result":         {"Result", "ResultMapped"},
	"scheduled_date": {"ScheduledDate"},
	"inspected_date": {"InspectedDate"},
	"inspector":      {"Inspector"},
	"notes":          {"InspectionNotes"},
}

// inspectionLimits keep the description and the notes together within what a change of the history may hold.
var inspectionLimits = map[string]int{
	"permit_number": 100, "number": 100, "type": 200, "description": 2000, "result": 200, "inspector": 300, "notes": 5000,
}

var feeFields = []string{"permit_number", "number", "name", "amount", "paid_amount", "assessed_date", "paid_date"}

// feeColumns are in the manner of BLDS, which has no dataset of fees.
var feeColumns = map[string][]string{
	"permit_number": {"PermitNum"},
	"number":        {"FeeNum"},
	"name":          {"FeeName", "FeeType", "FeeDescription"},
	"amount":        {"FeeAmount", "Amount"},
	"paid_amount":   {"PaidAmount"},
	"assessed_date": {"AssessedDate"},
	"paid_date":     {"PaidDate"},
}

var feeLimits = map[string]int{"permit_number": 100, "number": 100, "name": 200}

// provides returns the columns of permits that a file with those fields gives: the stage comes with the status, the
// longitude with the latitude, and everything about parties together.
func provides(given func(field string) bool) []string {
	var columns []string
	for _, f := range permitFields[1:16] {
		if given(f) && f != "stage" && f != "longitude" {
			columns = append(columns, f)
		}
	}
	if slices.ContainsFunc(permitFields[16:], given) {
		columns = append(columns, "parties")
	}
	return columns
}
