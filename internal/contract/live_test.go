package contract

import (
	"net"
	"slices"
	"strings"
	"testing"
	"time"
)

const hooksDocument = `{"openapi": "3.1.0", "x-webhooks": {"create": {"operation": "addHook"}, "test": {"operation": "testHook"}, "log": {"operation": "listSent"},
	"delivery": {"operation": "getSent"}, "rotate": {"operation": "noSuchOperation"}},
	"webhooks": {"thing.made": {"post": {}}, "thing.gone": {"post": {}}},
	"paths": {
		"/hooks": {"post": {"operationId": "addHook"}}, "/hooks/{id}/test": {"post": {"operationId": "testHook"}},
		"/sent": {"get": {"operationId": "listSent"}}, "/sent/{id}": {"get": {"operationId": "getSent"}},
		"/things": {"post": {"operationId": "addThing", "responses": {"201": {"x-causes": {"thing.made": {"id": "$response.body#/data/id"}}}}}}
	}}`

func hooksSuite(t *testing.T, o Options) *Suite {
	t.Helper()
	o.BaseURL, o.Key, o.Now = "http://localhost", "k", time.Now
	s, err := New([]byte(hooksDocument), o)
	if err != nil {
		t.Fatal(err)
	}
	s.expectLive()
	return s
}

// TestSuite_noReceiver: what was left out is said, and no part of what was kept.
func TestSuite_noReceiver(t *testing.T) {
	r := hooksSuite(t, Options{}).report
	if got := r.Excused(); len(got) != 1 || got[0] != "live webhooks: there is no receiver for them (--receiver)" {
		t.Errorf("not tried = %q", got)
	}
	if got := r.Verdict(); got != "kept, but for what was not tried" || len(r.Coverage()) > 0 {
		t.Errorf("verdict = %q with coverage %+v", got, r.Coverage())
	}
	if text := r.Text(); !strings.Contains(text, "– not tried: live webhooks: there is no receiver") || strings.Contains(text, "✓") {
		t.Errorf("text = %s", text)
	}
	if got := hooksSuite(t, Options{Only: []string{"addThing"}}).report.Excused(); len(got) > 0 {
		t.Errorf("not tried of another operation = %q", got)
	}
}

func TestSuite_receiver(t *testing.T) {
	l := listen(t, "127.0.0.1:0")
	r := hooksSuite(t, Options{AllowWrites: true, Receiver: Receiver{Listener: l}}).report
	c := r.Coverage()
	if len(c) != 1 || c[0].Kind != "live webhooks" || r.Passed() {
		t.Fatalf("coverage = %+v, want live webhooks alone", c)
	}
	got := slices.DeleteFunc(c[0].Gaps, func(name string) bool { return name == "curl of an attempt" })                   // where there is one
	if want := []string{"redirect", "test of thing.gone", "test of thing.made", "thing.made"}; !slices.Equal(got, want) { // as far as the document says how
		t.Errorf("expected is %q, want %q", got, want)
	}
}

func TestNew_refusesReceiver(t *testing.T) {
	for name, o := range map[string]Options{
		"no writes":            {Receiver: Receiver{Listener: listen(t, "127.0.0.1:0")}},
		"reached nobody knows": {AllowWrites: true, Receiver: Receiver{Listener: listen(t, ":0")}},
	} {
		o.BaseURL, o.Key = "http://localhost", "k"
		if _, err := New([]byte(hooksDocument), o); err == nil {
			t.Errorf("%s: New = no error, want one", name)
		}
	}
	o := Options{BaseURL: "http://localhost", Key: "k", AllowWrites: true, Receiver: Receiver{Listener: listen(t, ":0"), URL: "https://hooks.example.com"}}
	if _, err := New([]byte(hooksDocument), o); err != nil {
		t.Errorf("with a URL: New = %v", err)
	}
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

func TestRenderers_arrived(t *testing.T) {
	r := &Report{Findings: []Finding{{Operation: "testHook", Arrived: "POST /word/1\nWebhook-Id: evt_1\n\n{}"}}}
	for kind, render := range Renderers {
		if text, err := render(r); err != nil || !strings.Contains(string(text), "Webhook-Id: evt_1") {
			t.Errorf("%s = %s, %v; want what arrived", kind, text, err)
		}
	}
	if text := r.Text(); !strings.Contains(text, "what arrived:\n    POST /word/1\n    Webhook-Id: evt_1\n") {
		t.Errorf("text = %s, want what arrived", text)
	}
}
