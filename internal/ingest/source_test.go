package ingest

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestLoadSource(t *testing.T) {
	for _, name := range SourceNames() {
		if _, err := LoadSource(name); err != nil {
			t.Errorf("LoadSource(%q): %v", name, err)
		}
	}
	if _, err := LoadSource("nowhere"); err == nil || !strings.Contains(err.Error(), "austin, austin-portal, charlotte") {
		t.Errorf("LoadSource(nowhere) = %v, want the names that there are", err)
	}
	if _, err := LoadSource("./missing.yaml"); err == nil || !strings.Contains(err.Error(), "missing.yaml") {
		t.Errorf("LoadSource(./missing.yaml) = %v, want the file named", err)
	}
}

// sodaSection returns a source with that in its soda section.
func sodaSection(key string) string { return minimal + "soda: {" + key + "}\n" }

func TestParseSource_refuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                                                     "EOF",
		"jurisdiction: {slug: A B, name: X}":                   `jurisdiction.slug: "A B": want lower-case letters`,
		"jurisdiction: {slug: a}":                              "jurisdiction.name: want",
		minimal + "colums: {}":                                 "field colums not found",
		minimal + "columns: {colour: x}":                       `columns: "colour" is no field of permits; want one of permit_number, status`,
		minimal + "columns: {city: []}":                        "want a column or a list of columns",
		minimal + "statuses: {Done: finished}":                 `statuses: "Done": "finished" is no stage; want one of application_accepted`,
		minimal + "dataset: parties":                           `dataset: "parties": want permits, inspections or fees`,
		feeSource + "columns: {status: x}":                     `columns: "status" is no field of fees; want one of permit_number, number, name`,
		feeSource + "defaults: {type: x}":                      `defaults: "type" is no field of fees`,
		feeSource + "statuses: {Done: expired}":                "statuses and unknown_status are for permits: fees have no stage",
		inspectionSource + "unknown_status: reject":            "statuses and unknown_status are for permits: inspections have no stage",
		minimal + "dates: [soon]":                              `dates: "soon": want a layout`,
		minimal + "encoding: klingon":                          `encoding: "klingon": want a label`,
		minimal + "format: xml":                                `format: "xml": want csv, json or ndjson`,
		minimal + "format: json\ndelimiter: \";\"":             "format: json: delimiter and header: false are for csv",
		minimal + "format: ndjson\nheader: false":              "format: ndjson: delimiter and header: false are for csv",
		minimal + "delimiter: ab":                              `delimiter: "ab": want one character`,
		minimal + "unknown_status: drop":                       `unknown_status: "drop": want keep or reject`,
		minimal + "defaults: {colour: x}":                      `defaults: "colour" is no field`,
		minimal + "reject: [{value: x}]":                       "reject, entry 1: want column, value and reason",
		minimal + "header: false\ncolumns: {city: Town}":       `columns: city: "Town": without a header want a column's number`,
		sodaSection("url: data.example.gov"):                   `soda.url: "data.example.gov": want the portal's address without a path, such as https://data.example.gov`,
		sodaSection("url: http://data.example.gov"):            `soda.url: "http://data.example.gov"`,
		sodaSection("url: https://data.example.gov/resource"):  `soda.url: "https://data.example.gov/resource"`,
		sodaSection("url: https://a:b@data.example.gov"):       `soda.url: "https://a:b@data.example.gov"`,
		sodaSection("url: http://127.0.0.1:1"):                 `soda.dataset: "": want the dataset's id, such as abcd-1234`,
		sodaSection("dataset: Abcd-1234"):                      `soda.dataset: "Abcd-1234"`,
		sodaSection("page_size: 50001"):                        "soda.page_size: 50001: want 1 to 50000, or nothing for 5000",
		sodaSection("page_size: -1"):                           "soda.page_size: -1: want 1 to 50000",
		sodaSection("domain: x"):                               "field domain not found",
		sodaSection("") + "header: false":                      "header: the rows of a portal name their columns",
		sodaSection("") + "columns: {city: Record Town}":       `soda: the column "record town" is no field name of a portal's API`,
		sodaSection("") + "columns: {permit_number: [a, b]}":   `columns: permit_number: ["a" "b"]: want one whole column with soda`,
		sodaSection("") + "columns: {permit_number: a.b}":      `columns: permit_number: ["a.b"]: want one whole column with soda`,
		sodaSection("") + "reject: [{column: A B, reason: x}]": `soda: the column "a b" is no field name`,
	} {
		if _, err := ParseSource(strings.NewReader(text), "test"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSource(%q) = %v, want %q", text, err, want)
		}
	}
}

// TestSource_hash: what only files have does not make a portal be pulled again.
func TestSource_hash(t *testing.T) {
	hash := func(text string) string {
		s, err := ParseSource(strings.NewReader(text), "test")
		if err != nil {
			t.Fatal(err)
		}
		h, err := s.hash()
		if err != nil {
			t.Fatal(err)
		}
		return hex.EncodeToString(h)
	}
	const portal = minimal + "soda: {url: https://data.example.gov, dataset: abcd-1234}\n"
	if got, want := hash(portal), "c9da52c376003e5a0fc9dc0cbd5484f9ba7f4d7ddd5f725d3b6bc8405b906656"; got != want {
		t.Errorf("hash = %s, want %s, that of the syncs that there were before", got, want)
	}
	if hash(portal) == hash(portal+"columns: {city: town}\n") {
		t.Error("another mapping has the same hash")
	}
}
