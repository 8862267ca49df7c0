package conditions_test

import (
	"testing"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func companyKey(t *testing.T, db *postgres.DB, name string) string {
	t.Helper()
	var key string
	if err := db.GetContext(t.Context(), &key, "select company_key($1)", name); err != nil {
		t.Fatal(err)
	}
	return key
}

func TestCompanyKey(t *testing.T) {
	db := pgtest.Open(t)
	for name, want := range map[string]string{
		"": "", "   ": "", "***": "", ".": "", "Inc": "inc", "The": "the", "Co.": "co", "The Company": "the", "D.R. Horton, Inc.": "dr horton",
		"The Home Depot U.S.A., Inc.": "home depot usa", "Smith & Sons LLC": "smith and sons", "A-1 Roofing": "a1 roofing",
		"Ñandú Ürün": "nandu urun", "建設": "建設",
	} {
		if got := companyKey(t, db, name); got != want {
			t.Errorf("company_key(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestCompanyKey_equal(t *testing.T) {
	db := pgtest.Open(t)
	for _, pair := range [][2]string{
		{"DR HORTON", "D.R. Horton Inc."},
		{"D R Horton, Inc", "D.R. HORTON INC"},
		{"Trane® U.S. Inc.", "TRANE US"},
		{"D. R. Horton", "dr horton"},
		{"DR HORTON", "D.R.Horton,Inc."},
		{"Smith & Sons LLC", "Smith and Sons"},
		{"SMITH&SONS", "Smith & Sons, L.L.C."},
		{"Smith & Co", "Smith"},
		{"Smith and Company, Inc.", "SMITH CO"},
		{"J.P. Morgan Chase & Co.", "JP Morgan Chase and Company"},
		{"The Home Depot", "HOME DEPOT"},
		{"The Home Depot U.S.A., Inc.", "Home Depot USA"},
		{"Home Depot U S A Inc", "the home depot usa"},
		{"Bayline Roofing", "Bayline Roofing, Inc."},
		{"Bayline Roofing LLC", "Bayline Roofing L.L.C."},
		{"Bayline Roofing L L C", "Bayline Roofing, LLC."},
		{"Bayline Roofing Incorporated", "Bayline Roofing Corp."},
		{"Bayline Roofing Corporation", "Bayline Roofing Ltd"},
		{"Bayline Roofing Limited", "Bayline Roofing, L.P."},
		{"Bayline Roofing LLLP", "Bayline Roofing LLP"},
		{"Bayline Roofing PLLC", "Bayline Roofing P.L.C."},
		{"Jones Architects P.A.", "Jones Architects PA"},
		{"Jones Architects P. C.", "Jones Architects"},
		{"Bayline Roofing Inc., LLC", "BAYLINE ROOFING"},
		{"  Bayline   Roofing\t", "bayline roofing"},
		{"Bayline-Roofing", "Bayline Roofing"},
		{"Bayline/Roofing", "Bayline – Roofing"},
		{"Bayline—Roofing", "Bayline Roofing"},
		{"Café Olé Builders", "CAFE OLE BUILDERS"},
		{"Cafe\u0301 Builders", "Caf\u00e9 Builders"},
		{"Peña & Muñoz, Inc.", "Pena and Munoz"},
		{"Müller Bau", "Muller Bau"},
		{"ØRSTED", "Ørsted Inc"},
		{"Ed's Plumbing", "Eds Plumbing"},
		{"Ed’s Plumbing", "Ed's Plumbing"},
		{"Ed‘s Plumbing", "Ed's Plumbing"},
		{"Ed`s Plumbing", "Ed's Plumbing"},
		{"Ed´s Plumbing", "Ed's Plumbing"},
		{"Edʼs Plumbing", "Ed's Plumbing"},
		{"O'Brien Homes", "OBRIEN HOMES"},
		{"Toys 'R' Us", "Toys R Us"},
		{"A-1 Roofing", "A1 Roofing"},
		{"A 1 Roofing", "A.1. Roofing"},
		{"A & B Electric", "A and B Electric"},
		{"7-Eleven, Inc.", "7 Eleven"},
		{"\"Quality\" Roofing", "Quality Roofing"},
		{"“Quality” Roofing", "«Quality» Roofing"},
		{"(Quality) Roofing*", "#Quality Roofing"},
		{"ﬁrst Choice Roofing", "First Choice Roofing"},
		{"Bayline\u00a0Roofing", "Bayline Roofing"},
		{"Ｂayline Roofing", "Bayline Roofing"},
		{"Company", "COMPANY"},
	} {
		a, b := companyKey(t, db, pair[0]), companyKey(t, db, pair[1])
		if a != b {
			t.Errorf("company_key(%q) = %q and company_key(%q) = %q, want them equal", pair[0], a, pair[1], b)
		}
		if a == "" {
			t.Errorf("company_key(%q) is empty", pair[0])
		}
	}
}

func TestCompanyKey_different(t *testing.T) {
	db := pgtest.Open(t)
	for _, pair := range [][2]string{
		{"DR Horton", "Horton"},
		{"DR Horton", "DJ Horton"},
		{"DR Horton", "DR Horton Homes"},
		{"Home Depot", "Home Depot Services"},
		{"Smith Construction", "Smith Roofing"},
		{"Smith and Sons", "Smith"},
		{"Smith & Jones", "Jones & Smith"},
		{"S & S Electric", "SS Electric"},
		{"A1 Roofing", "A2 Roofing"},
		{"Incline Builders", "Line Builders"},
		{"Inc Builders", "Builders"},
		{"Limited Brands", "Brands"},
		{"Company Store", "Store"},
		{"PC Builders", "Builders"},
		{"Theodore Homes", "Odore Homes"},
		{"The Inc", "Inc"},
		{"Cooper", "Per"},
		{"Alcoa", "Al"},
		{"Sunset Holdings II LLC", "Sunset Holdings LLC"},
		{"Sunset Holdings 1", "Sunset Holdings 2"},
		{"North Land", "Northland"},
		{"Pacific Home", "Pacific Homes"},
		{"Inc", "LLC"},
		{"Bänder Bau", "Binder Bau"},
		{"建設", "建築"},
	} {
		a, b := companyKey(t, db, pair[0]), companyKey(t, db, pair[1])
		if a == b {
			t.Errorf("company_key(%q) and company_key(%q) are both %q, want them different", pair[0], pair[1], a)
		}
	}
}
