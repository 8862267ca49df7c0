package contract

import (
	"encoding/json"
	"encoding/xml"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"
)

func runTasks(t *testing.T, defect string, writes bool) *Report {
	t.Helper()
	text, err := os.ReadFile("testdata/tasks.json")
	if err != nil {
		t.Fatal(err)
	}
	document, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newTasks(document, defect)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	suite, err := New(text, Options{BaseURL: server.URL, Key: tasksKey, AllowWrites: writes, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	report, err := suite.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestSuite_anotherServer(t *testing.T) {
	report := runTasks(t, "", true)
	if !report.Passed() {
		t.Errorf("a sound server:\n%s", report.Text())
	}
}

func TestSuite_anotherServer_defects(t *testing.T) {
	for defect, want := range map[string]string{
		"open":    "listTasks status provoked",
		"limit":   "listTasks limit maximum",
		"extra":   "createTask /data/owner undeclared",
		"pointer": "createTask /title minLength",
		"undead":  "getTask status provoked",
		"half":    "listTasks body written",
	} {
		found := false
		report := runTasks(t, defect, true)
		for _, g := range report.Groups() {
			found = found || g.Cause == want
		}
		if !found {
			t.Errorf("%s: want %q among\n%s", defect, want, report.Text())
		}
	}
}

// TestSuite_readsOnly: without permission to write, nothing is written, and what it takes to write is not covered.
func TestSuite_readsOnly(t *testing.T) {
	report := runTasks(t, "", false)
	if len(report.Findings) > 0 || report.Passed() {
		t.Errorf("reads only:\n%s\nwant no findings and gaps", report.Text())
	}
	for _, c := range report.Coverage() {
		if c.Kind == "request examples" && (c.Covered != 0 || len(c.Gaps) != 2) {
			t.Errorf("request examples = %+v, want both as gaps", c)
		}
	}
}

func TestNew_refuses(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		o    Options
	}{
		"no document":  {"", Options{BaseURL: "http://localhost", Key: "k"}},
		"no server":    {`{"openapi": "3.1.0", "paths": {}}`, Options{Key: "k"}},
		"no key":       {`{"openapi": "3.1.0", "paths": {}}`, Options{BaseURL: "http://localhost"}},
		"no operation": {`{"openapi": "3.1.0", "paths": {"/a": {"get": {}}}}`, Options{BaseURL: "http://localhost", Key: "k"}},
	} {
		if _, err := New([]byte(c.text), c.o); err == nil {
			t.Errorf("%s: New = no error, want one", name)
		}
	}
}

func TestRenderers(t *testing.T) {
	report := runTasks(t, "extra", true)
	for kind, render := range Renderers {
		text, err := render(report)
		if err != nil || !strings.Contains(string(text), "createTask") {
			t.Errorf("%s = %.200s, %v; want the finding", kind, text, err)
		}
	}
	var asJSON struct {
		Passed bool
		Groups []struct{ Cause string }
	}
	text, _ := renderJSON(report)
	if err := json.Unmarshal(text, &asJSON); err != nil || asJSON.Passed || len(asJSON.Groups) == 0 {
		t.Errorf("JSON = %+v, %v", asJSON, err)
	}
	var asXML junitSuite
	text, _ = renderJUnit(report)
	if err := xml.Unmarshal(text, &asXML); err != nil || asXML.Failures == 0 || asXML.Tests != len(asXML.Cases) {
		t.Errorf("JUnit = %d of %d failed in %d cases, %v", asXML.Failures, asXML.Tests, len(asXML.Cases), err)
	}
}

func TestProject(t *testing.T) {
	projected, err := Project([]byte(`{"openapi": "3.1.0", "info": {"title": "T", "version": "1"}, "paths": {"/a": {}},
		"webhooks": {"made": {"post": {"requestBody": {"content": {"application/json": {"schema": {"type": "object"}}}}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	document, err := Parse(projected)
	if err != nil {
		t.Fatal(err)
	}
	operations, err := document.Operations()
	if err != nil || len(operations) != 1 || operations[0].Path != "/webhooks/made" || operations[0].Responses["200"].Media["application/json"].schema.get("type").text() != "object" {
		t.Errorf("operations = %+v, %v; want one that answers with the webhook's body", operations, err)
	}
}

func TestChanges_constraints(t *testing.T) {
	document, err := Parse([]byte(`{"components": {"schemas": {"S": {"type": "object", "required": ["a"], "additionalProperties": false, "minProperties": 1,
		"properties": {
			"a": {"type": "string", "minLength": 2, "maxLength": 4, "pattern": "^[a-z]+$"},
			"n": {"type": "integer", "minimum": 1, "maximum": 9},
			"l": {"type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true, "items": {"type": "string", "enum": ["x", "y"]}}
		}}}}}`))
	if err != nil {
		t.Fatal(err)
	}
	value := map[string]any{"a": "abc", "n": json.Number("5"), "l": []any{"x"}}
	schema := document.lookup("/components/schemas/S")
	seen := map[string]bool{}
	for _, c := range changes(schema, value) {
		faults := broken(schema, c.value)
		if c.keeps {
			if len(faults) > 0 {
				t.Errorf("%s %s on its edge: %s is broken: %v", c.place, c.keyword, encode(c.value), faults)
			}
			continue
		}
		seen[c.place+" "+c.keyword] = true
		named := false
		for _, f := range faults {
			named = named || f.Keyword == c.keyword
		}
		if !named {
			t.Errorf("%s %s: %s breaks %v", c.place, c.keyword, encode(c.value), faults)
		}
	}
	for _, want := range []string{
		" type", " minProperties", "/a required", "/no_such_property additionalProperties", "/a type", "/a minLength", "/a maxLength", "/a pattern",
		"/n type", "/n minimum", "/n maximum", "/l type", "/l minItems", "/l maxItems", "/l uniqueItems", "/l/0 enum", "/l/0 type",
	} {
		if !seen[want] {
			t.Errorf("no change breaks %q", want)
		}
	}
}
