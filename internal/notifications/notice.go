package notifications

import (
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/mails"
)

// Webhook is a webhook with its trouble.
type Webhook struct {
	ID       uuid.UUID
	URL      string
	Since    time.Time // of the first failed attempt since the last success
	Last     string    // what came of the last attempt, such as "status 503"
	Disabled time.Time // when it is disabled, should no attempt succeed before; zero when it is disabled already
	Reason   string    // why it is disabled, in a sentence
}

// Notice is what an organization is to be told.
type Notice struct {
	kind, title, message string
	webhook              uuid.UUID
	facts                [][2]string
	advice               []string
}

// NewWebhookFailing tells that a webhook has not answered with success for some time.
func NewWebhookFailing(w Webhook) Notice {
	return Notice{
		kind: WebhookFailing, webhook: w.ID, title: "The webhook at " + w.host() + " is failing",
		message: fmt.Sprintf("No attempt to send to %s (%s) has succeeded since %s; the last one ended with: %s. If none succeeds before %s, it will be disabled.",
			mails.OneLine(w.URL), w.id(), instant(w.Since), mails.OneLine(w.Last), instant(w.Disabled)),
		facts: w.facts(),
		advice: []string{
			"Have the endpoint answer every event with a 2xx status, in time.",
			fmt.Sprintf("GET /v1/webhooks/%s/deliveries shows what was sent to it and what came back.", w.id()),
			fmt.Sprintf("POST /v1/webhooks/%s/recover sends again what was given up, once the endpoint is back.", w.id()),
		},
	}
}

// NewWebhookDisabled tells that nothing is sent to a webhook any more.
func NewWebhookDisabled(w Webhook) Notice {
	return Notice{
		kind: WebhookDisabled, webhook: w.ID, title: "The webhook at " + w.host() + " is disabled",
		message: fmt.Sprintf("Nothing is sent to %s (%s) any more. %s Attempts had failed since %s; the last one ended with: %s.",
			mails.OneLine(w.URL), w.id(), w.Reason, instant(w.Since), mails.OneLine(w.Last)),
		facts: append(w.facts(), [2]string{"Disabled because", w.Reason}),
		advice: []string{
			"Have the endpoint answer every event with a 2xx status, in time.",
			fmt.Sprintf(`PATCH /v1/webhooks/%s with {"state": "active"} has events sent to it again.`, w.id()),
			fmt.Sprintf("POST /v1/webhooks/%s/recover then sends again what was given up or cancelled before.", w.id()),
			"GET /v1/events tells what happened meanwhile; events are kept for 30 days.",
		},
	}
}

func (w Webhook) id() string { return id.Format(id.Webhook, w.ID) }

// host names a webhook shortly.
func (w Webhook) host() string {
	if u, err := url.Parse(w.URL); err == nil && u.Host != "" {
		return mails.OneLine(u.Host)
	}
	return w.id()
}

func (w Webhook) facts() [][2]string {
	return [][2]string{{"Webhook", w.URL}, {"Id", w.id()}, {"Failing since", instant(w.Since)}, {"Last attempt", w.Last}}
}

func instant(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

func (n Notice) subject(organization string) string { return n.title + " (" + organization + ")" }

// body is the text of a mail: nothing that somebody else named can begin a line of it.
func (n Notice) body(organization, publicURL string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s.\n\n", n.title)
	for _, f := range append([][2]string{{"Organization", organization}}, n.facts...) {
		fmt.Fprintf(&b, "%-18s%s\n", f[0]+":", mails.OneLine(f[1]))
	}
	b.WriteString("\n" + n.message + "\n\nWhat to do:\n")
	for _, a := range n.advice {
		b.WriteString("- " + a + "\n")
	}
	fmt.Fprintf(&b, "\nThe documentation: %s/docs\n\nYou get this mail as an owner or admin of %s.\n", publicURL, mails.OneLine(organization))
	return b.String()
}
