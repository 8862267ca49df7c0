package ingest

import (
	"strings"
	"testing"
)

func TestParseDate(t *testing.T) {
	for _, test := range []struct{ layout, text, want, refused string }{
		{text: "2021-03-04", want: "2021-03-04"},
		{text: "20210304", want: "2021-03-04"},
		{text: "2021-03-04 23:59:59", want: "2021-03-04"},
		{text: "2021-03-04T23:59:59", want: "2021-03-04"},
		{text: "2021-03-04T23:59:59.000", want: "2021-03-04"},
		{text: "2021-03-04T23:59:59Z", want: "2021-03-04"},
		{text: "2021-03-04T23:59:59-08:00", want: "2021-03-04"},
		{text: "2020-02-29", want: "2020-02-29"},
		{text: "1900-01-01", want: "1900-01-01"},
		{text: "2200-12-31", want: "2200-12-31"},
		{layout: "MM/DD/YYYY", text: "03/04/2021", want: "2021-03-04"},
		{layout: "MM/DD/YYYY", text: "2021-03-04", want: "2021-03-04"},
		{layout: "M/D/YYYY", text: "3/4/2021", want: "2021-03-04"},
		{layout: "M/D/YYYY", text: "03/04/2021", want: "2021-03-04"},
		{layout: "DD.MM.YYYY", text: "04.03.2021", want: "2021-03-04"},
		{layout: "MM/DD/YY", text: "03/04/21", want: "2021-03-04"},
		{layout: "YYYY/MM/DD HH:mm:ss", text: "2021/03/04 05:06:07", want: "2021-03-04"},
		{text: "1899-12-31", refused: `"1899-12-31" is before 1900 or after 2200`},
		{text: "2201-01-01", refused: "is before 1900 or after 2200"},
		{text: "0001-01-01", refused: "is before 1900 or after 2200"},
		{text: "2021-02-29", refused: `"2021-02-29" is no date`},
		{text: "2021-13-01", refused: "is no date"},
		{text: "03/04/2021", refused: "is no date"},
		{text: "soon", refused: `"soon" is no date`},
		{layout: "MM/DD/YYYY", text: "13/04/2021", refused: "is no date"},
		{layout: "MM/DD/YYYY", text: "3/4/2021", refused: "is no date"},
		{text: strings.Repeat("9", 100), refused: strings.Repeat("9", 60) + `…" is no date`},
	} {
		layouts := isoLayouts
		if test.layout != "" {
			layout, err := dateLayout(test.layout)
			if err != nil {
				t.Errorf("dateLayout(%q) = %v", test.layout, err)
				continue
			}
			layouts = append([]string{layout}, isoLayouts...)
		}
		got, err := parseDate(test.text, layouts)
		check(t, "parseDate("+test.layout+" "+test.text+")", got, err, test.want, test.refused)
	}
}

func TestParseMoney(t *testing.T) {
	for _, test := range []struct{ text, want, refused string }{
		{text: "0", want: "0.00"},
		{text: "12", want: "12.00"},
		{text: "12.5", want: "12.50"},
		{text: "12.345", want: "12.35"},
		{text: "12.344", want: "12.34"},
		{text: "007", want: "7.00"},
		{text: ".5", want: "0.50"},
		{text: "+3", want: "3.00"},
		{text: "1e+05", want: "100000.00"},
		{text: "1.5E3", want: "1500.00"},
		{text: "1e-9", want: "0.00"},
		{text: "$1,234.5", want: "1234.50"},
		{text: "$ 1 234", want: "1234.00"},
		{text: "1234567.00", want: "1234567.00"},
		{text: "999999999999.99", want: "999999999999.99"},
		{text: "999999999999.994", want: "999999999999.99"},
		{text: "-0", want: "0.00"},
		{text: "999999999999.995", refused: "is over 999,999,999,999.99"},
		{text: "1e12", refused: `"1e12" is over 999,999,999,999.99`},
		{text: "1e999999", refused: "is no amount of money"},
		{text: "1e9999999999", refused: "is no amount of money"},
		{text: "-1", refused: `"-1" is negative`},
		{text: "$-1,000.00", refused: `"$-1,000.00" is negative`},
		{text: "-0.001", refused: "is negative"},
		{text: "", refused: "is no amount of money"},
		{text: "$", refused: "is no amount of money"},
		{text: "n/a", refused: `"n/a" is no amount of money`},
		{text: "1/2", refused: "is no amount of money"},
		{text: "0x10", refused: "is no amount of money"},
		{text: "0b11", refused: "is no amount of money"},
		{text: "0o17", refused: "is no amount of money"},
		{text: "1_000", refused: "is no amount of money"},
		{text: "1p4", refused: "is no amount of money"},
		{text: "1.2.3", refused: "is no amount of money"},
		{text: "Inf", refused: "is no amount of money"},
		{text: "NaN", refused: "is no amount of money"},
		{text: "12 USD", refused: "is no amount of money"},
		{text: strings.Repeat("1", 41), refused: "is no amount of money"},
	} {
		got, err := parseMoney(test.text)
		check(t, "parseMoney("+test.text+")", got, err, test.want, test.refused)
	}
}

// TestParseMoney_long holds that a value is refused for its length before anything is computed with it.
func TestParseMoney_long(t *testing.T) {
	text := strings.Repeat("7", 20_000_000)
	_, err := parseMoney(text)
	check(t, "parseMoney of 20,000,000 digits", "", err, "", "is no amount of money")
}

func TestParsePoint(t *testing.T) {
	for _, test := range []struct {
		latitude, longitude string
		lat, lng            float64
		none                bool
		refused             string
	}{
		{latitude: "30.25", longitude: "-97.75", lat: 30.25, lng: -97.75},
		{latitude: "90", longitude: "180", lat: 90, lng: 180},
		{latitude: "-90", longitude: "-180", lat: -90, lng: -180},
		{latitude: "0", longitude: "-97.75", lat: 0, lng: -97.75},
		{none: true},
		{latitude: "0", longitude: "0", none: true},
		{latitude: "0.000", longitude: "-0", none: true},
		{latitude: "90.1", longitude: "0", refused: `latitude "90.1" and longitude "0" are out of range`},
		{latitude: "30", longitude: "-180.5", refused: "are out of range"},
		{latitude: "NaN", longitude: "1", refused: "are out of range"},
		{latitude: "1", longitude: "Inf", refused: "are out of range"},
		{latitude: "30.25", refused: `latitude "30.25" and longitude "" are no pair of numbers`},
		{longitude: "-97.75", refused: "are no pair of numbers"},
		{latitude: "north", longitude: "west", refused: `latitude "north" and longitude "west" are no pair of numbers`},
		{latitude: "30,25", longitude: "-97,75", refused: "are no pair of numbers"},
	} {
		lat, lng, err := parsePoint(test.latitude, test.longitude)
		call := "parsePoint(" + test.latitude + ", " + test.longitude + ")"
		if test.refused != "" || err != nil {
			check(t, call, "", err, "", test.refused)
			continue
		}
		switch {
		case test.none:
			if lat != nil || lng != nil {
				t.Errorf("%s = %v, %v; want none", call, lat, lng)
			}
		case lat == nil || lng == nil || *lat != test.lat || *lng != test.lng:
			t.Errorf("%s = %v, %v; want %v, %v", call, lat, lng, test.lat, test.lng)
		}
	}
}

func TestSplitContractor(t *testing.T) {
	for _, test := range []struct{ text, person, company string }{
		{"Ada Example, Example Works", "Ada Example", "Example Works"},
		{"Ada Example", "Ada Example", ""},
		{"Example Roofing", "", "Example Roofing"},
		{"Example & Daughters", "", "Example & Daughters"},
		{"4 Walls", "", "4 Walls"},
		{"City of Testville", "", "City of Testville"},
		{"Example Services, LLC", "", "Example Services, LLC"},
		{"Example Services, Inc.", "", "Example Services, Inc."},
		{"Example Services, L.L.C.", "", "Example Services, L.L.C."},
		{"Ada Example, dba Example Roofs", "", "Ada Example, dba Example Roofs"},
		{"Ada Example, Example Works, LLC", "Ada Example", "Example Works, LLC"},
		{"Ada Example,", "Ada Example", ""},
		{", Example Works", "", "Example Works"},
		{"Homer Example", "Homer Example", ""},
	} {
		if person, company := splitContractor(test.text); person != test.person || company != test.company {
			t.Errorf("splitContractor(%q) = %q, %q; want %q, %q", test.text, person, company, test.person, test.company)
		}
	}
}

func TestCheckText(t *testing.T) {
	for _, test := range []struct {
		text    string
		limit   int
		refused string
	}{
		{text: "", limit: 3},
		{text: "abc", limit: 3},
		{text: "äöü", limit: 3},
		{text: "🏠🏠🏠", limit: 3},
		{text: "abcd", limit: 3, refused: "street has 4 characters, at most 3 fit"},
		{text: "äöüß", limit: 3, refused: "street has 4 characters, at most 3 fit"},
		{text: "a\x00b", limit: 3, refused: "street holds the character NUL"},
		{text: "caf\xe9", limit: 9, refused: "street does not hold text in the declared encoding"},
		{text: "\xed\xa0\x80", limit: 9, refused: "street does not hold text in the declared encoding"},
	} {
		check(t, "checkText("+test.text+")", "", checkText("street", test.text, test.limit), "", test.refused)
	}
}

func TestNormalize(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"", ""},
		{"abc", "abc"},
		{"  a  b\t\r\nc ", "a b c"},
		{"a\u00a0b", "a b"},
		{"caf\xe9 a", "caf\xe9 a"},
	} {
		if got := normalize(test.text); got != test.want {
			t.Errorf("normalize(%q) = %q, want %q", test.text, got, test.want)
		}
	}
}

// check compares the result of a call that returns a text or refuses.
func check(t *testing.T, call, got string, err error, want, refused string) {
	t.Helper()
	switch {
	case refused == "" && err != nil:
		t.Errorf("%.200s = %v, want %q", call, err, want)
	case refused == "" && got != want:
		t.Errorf("%.200s = %q, want %q", call, got, want)
	case refused != "" && (err == nil || !strings.Contains(err.Error(), refused)):
		t.Errorf("%.200s = %q, %v; want an error with %q", call, got, err, refused)
	}
}
