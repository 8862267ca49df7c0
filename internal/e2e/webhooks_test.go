//go:build e2e

package e2e

import (
	"net/http"
	"strings"
	"time"
)

const webhooksPath = "/settings/developers/webhooks"

// webhooks adds a webhook, sends it test events, and looks at what came of them.
func webhooks(b *tab) {
	r := receive(b.T)
	b.visit(webhooksPath)
	b.inspect("settings-webhooks")
	b.follow("Add webhook", webhooksPath+"/new")
	b.allow(http.StatusUnprocessableEntity)
	b.fill("Endpoint URL", "http://10.0.0.1/hooks")
	b.press("permit.status_changed")
	b.press("Add webhook")
	b.shows("Something is missing or wrong")
	b.inspect("settings-webhook-wrong")
	b.fill("Endpoint URL", r.url)
	b.fill("Description", "Slack bridge <b>E2E</b>")
	b.press("Add webhook")
	b.shows("Send a test event")
	b.shows("Slack bridge <b>E2E</b>") // as it was written
	hook := b.path()

	b.press("Send test event")
	b.shows("Your endpoint took it")
	if got := r.next(b.T); got.header.Get("Plotwise-Test") != "true" || got.header.Get("Webhook-Signature") == "" {
		b.Errorf("the receiver gets a test event with the headers %v, want it marked and signed", got.header)
	}
	b.inspect("settings-webhook")
	b.press("Reveal")
	b.shows("noted in the audit log")
	b.visit(hook)
	r.status.Store(http.StatusServiceUnavailable)
	b.press("Send test event")
	b.shows("Your endpoint did not take it")
	r.next(b.T)
	b.press("What was sent, and how to send it yourself")
	b.shows("Attempt 1")
	b.shows("503 Service Unavailable")
	b.inspect("settings-delivery")
	r.status.Store(http.StatusOK)
	delivery := b.path()
	b.press("Retry")
	r.next(b.T)
	for end := time.Now().Add(patience); !strings.Contains(eval[string](b, `document.querySelector('h1')?.innerText ?? ''`), "succeeded"); b.visit(delivery) {
		if time.Now().After(end) {
			b.Fatalf("the delivery that was retried does not succeed within %s", patience)
		}
	}
	b.shows("#2")
}

// records looks at what is counted and kept.
func records(b *tab) {
	b.visit("/settings/developers/usage")
	b.shows("Usage")
	for what, expression := range map[string]string{
		"a chart with a bar":      `document.querySelectorAll('.chart rect:not(.slot)').length > 0`,
		"its numbers, in a table": `document.querySelectorAll('table tbody tr').length > 0`,
		"a text for the chart":    `(document.querySelector('.chart').getAttribute('aria-label') ?? '').length > 10`,
		"a choice of keys":        `document.querySelectorAll("select option").length > 1`,
	} {
		if !eval[bool](b, expression) {
			b.Errorf("the page of usage lacks %s", what)
		}
	}
	for name, path := range map[string]string{
		"usage": "usage", "deliveries": "deliveries", "events": "events", "notifications": "notifications", "signature": "signature",
	} {
		b.visit("/settings/developers/" + path)
		b.inspect("settings-" + name)
	}
}
