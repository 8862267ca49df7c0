package validation

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

const goodEvent = `{"event": "permit.status_changed", "timestamp": "2026-01-23T10:45:00Z", "organization_id": "org_01k0n5v8e2f7tbqzr6m4c3x9wd",
	"data": {"permit_uuid": "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10", "permit_number": "B-1", "previous_status": "", "new_status": "Issued"}}`

func TestWebhook(t *testing.T) {
	served, err := Served()
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(served.Webhooks, func(w Webhook) bool { return w.Name == "permit.status_changed" })
	if i < 0 {
		t.Fatalf("the webhooks %v lack permit.status_changed", served.Webhooks)
	}
	whole := served.Webhooks[i].Body
	decoded, err := jsonschema.UnmarshalJSON(bytes.NewReader(whole.Text))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("alone.json", decoded); err != nil {
		t.Fatal(err)
	}
	alone, err := c.Compile("alone.json")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		old, new string
		says     string // "" for a body that is good
	}{
		"good":              {},
		"another field":     {`"B-1"`, `"B-1", "colour": "blue"`, ""}, // payloads may grow
		"another instant":   {"45:00Z", "45:00.5+01:00", ""},
		"another event":     {"permit.status_changed", "permit.fee_changed", "/event"},
		"no event":          {`"event": "permit.status_changed",`, "", "event"},
		"no instant":        {"T10:45:00Z", "", "/timestamp"},
		"no zone":           {"45:00Z", "45:00", "/timestamp"},
		"another prefix":    {"org_", "key_", "/organization_id"},
		"no UUID":           {"01980a3c-", "", "/data/permit_uuid"},
		"no number":         {`"B-1"`, `""`, "/data/permit_number"},
		"long number":       {`"B-1"`, `"` + strings.Repeat("9", 101) + `"`, "/data/permit_number"},
		"missing status":    {`, "new_status": "Issued"`, "", "/data"},
		"null for a status": {`"Issued"`, "null", "/data/new_status"},
		"no JSON":           {"{", "", "JSON"},
	} {
		body := strings.Replace(goodEvent, c.old, c.new, 1)
		err := whole.Check([]byte(body))
		if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: check(%s) = %v, want an error with %q", name, body, err, c.says)
		}
		if name == "no JSON" {
			continue
		}
		value, err := jsonschema.UnmarshalJSON(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if err := alone.Validate(value); (err == nil) != (c.says == "") {
			t.Errorf("%s: the schema alone says of %s: %v", name, body, err)
		}
	}
}

func TestCheckInstant(t *testing.T) {
	for v, good := range map[any]bool{
		"2026-01-23T10:45:00Z": true, "2026-01-23T10:45:00.123456789-05:00": true, "0000-01-01T00:00:00Z": true, "9999-12-31T23:59:59Z": true,
		5:  true, // of another type: that is for the type to say
		"": false, "2026-01-23": false, "2026-01-23T10:45:00": false, "2026-02-30T10:45:00Z": false, "2016-12-31T23:59:60Z": false,
		"9999-12-31T23:59:59-01:00": false, "0000-01-01T00:00:00+01:00": false, "10000-01-01T00:00:00Z": false,
	} {
		if err := checkInstant(v); (err == nil) != good {
			t.Errorf("checkInstant(%v) = %v, want good %t", v, err, good)
		}
	}
}
