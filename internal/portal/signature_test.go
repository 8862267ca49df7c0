package portal

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/signature"
	"github.com/plotwise/plotwise/internal/webhooks"
)

const signaturePath = "/settings/developers/signature"

// message returns what to paste of a message that the secret signs.
func message(t *testing.T, text string, at time.Time, body string) (headers string) {
	t.Helper()
	s, err := signature.ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return "webhook-id: evt_01k0n5v8e2f7tbqzr6m4c3x9wd\nwebhook-timestamp: 1769169600\nwebhook-signature: " +
		signature.Sign([]signature.Secret{s}, "evt_01k0n5v8e2f7tbqzr6m4c3x9wd", at, []byte(body))
}

func TestDebugSignature(t *testing.T) {
	w := newHooks(t, 0)
	mine, _ := w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in", Description: "CRM sync", Secret: secretA})
	w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/other", Description: "Slack bridge", Secret: secretB})
	w.webhook(t, w.liveOak, webhooks.Create{URL: "https://hooks.liveoak.us/", Description: "Of others", Secret: "a secret that is the other organization's"})
	b, plain := w.as(t, owner), w.as(t, member)
	b.get(t, signaturePath).has(t, 200, "Signature debugger", "CRM sync", "Slack bridge")
	plain.get(t, signaturePath).lacks(t, "CRM sync", "<select")
	const body = `{"event":"permit.status_changed"}`
	good, byOther := message(t, secretA, w.now, body), message(t, secretB, w.now, body)
	strange := message(t, "a secret that is the other organization's", w.now, body)
	mineID := id.Format(id.Webhook, mine.ID)
	for name, c := range map[string]struct {
		b    *browser
		form []string
		want []string
	}{
		"a pasted secret":    {plain, []string{"headers", good, "body", body, "secret", secretA}, []string{"The signature is right", "the secret that you pasted"}},
		"a webhook's":        {b, []string{"headers", good, "body", body, "webhook", mineID}, []string{"The signature is right", "the secret of “CRM sync”"}},
		"no secret":          {b, []string{"headers", good, "body", body}, []string{"Not all of it could be checked", "There is no secret."}},
		"another webhook's":  {b, []string{"headers", byOther, "body", body, "webhook", mineID}, []string{"One step fails", "It was signed with another secret: with the secret of “Slack bridge”."}},
		"another's pasted":   {b, []string{"headers", byOther, "body", body, "secret", secretA}, []string{"with the secret of “Slack bridge”"}},
		"not told a member":  {plain, []string{"headers", byOther, "body", body, "secret", secretA}, []string{"One step fails", "None of the usual mistakes"}},
		"of another company": {b, []string{"headers", strange, "body", body, "secret", secretA}, []string{"None of the usual mistakes"}},
		"nothing":            {b, nil, []string{"There is no header in what you pasted", "There is no body in what you pasted"}},
		"two mistakes":       {b, []string{"headers", good, "body", `{"event": "permit.status_changed"}`, "secret", secretB}, []string{"with the secret of “CRM sync”. The body was parsed and written again"}},
		"CRLF of the form":   {b, []string{"headers", strings.ReplaceAll(message(t, secretA, w.now, "{\n}"), "\n", "\r\n"), "body", "{\r\n}", "secret", secretA}, []string{"The signature is right"}},
		"their code's":       {b, []string{"headers", good, "body", body, "secret", secretA, "computed", "v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}, []string{"Your code computes another one"}},
	} {
		a := c.b.post(t, signaturePath, c.form...)
		for _, want := range c.want {
			if a.Status != 200 || !strings.Contains(a.Body, want) {
				t.Errorf("%s: %d, the page lacks %q: %s", name, a.Status, want, a.Body)
			}
		}
		if !strings.Contains(strings.Join(c.form, " "), secretB) {
			a.lacks(t, secretB)
		}
	}
	plain.post(t, signaturePath, "headers", good, "body", body, "webhook", mineID).has(t, 422, "see the fields below")
	b.post(t, signaturePath, "headers", good, "body", body, "webhook", "odd").has(t, 422, `id="webhook-hint">It must be one of your webhooks.`)
	long := b.post(t, signaturePath, "headers", good, "body", strings.Repeat("x", 33<<10), "secret", strings.Repeat("y", 301))
	long.has(t, 422, `id="body-hint">It must have at most 32,768 bytes.`, `id="secret-hint">It must have at most 300 bytes.`, "webhook-timestamp: 1769169600")
	long.lacks(t, "xxxx")

	if text := w.log.String(); text != "" {
		t.Errorf("it was logged: %s", text)
	}
	if n := w.count(t, "select count(*) from sessions where position(convert_to('whsec_', 'UTF8') in data) > 0"); n != 0 {
		t.Errorf("%d sessions hold a secret, want none", n)
	}
	w.audited(t, "createWebhook", owner, 0)
}

// An attempt of the log can be gone through at once.
func TestSignatureForm_delivery(t *testing.T) {
	w := newHooks(t, 0)
	made, _ := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 200, ""), Headers: map[string]string{"X-Token": "hush"}})
	w.happen(t, w.palmetto, "It's <new>")
	end := w.work(t)
	path := w.settled(t)
	end()
	b := w.as(t, admin)
	delivery := path[strings.LastIndex(path, "/")+1:]
	a := b.get(t, signaturePath+"?delivery="+delivery+"&attempt=1")
	a.has(t, 200, "Webhook-Id: evt_", "X-Token: [hidden]", "{&#34;event&#34;:&#34;permit.status_changed&#34;", `<option value="`+id.Format(id.Webhook, made.ID)+`" selected>`)
	a.lacks(t, "hush")
	d, err := w.Deliveries.Get(t.Context(), w.palmetto, id.UUID(id.Delivery, delivery))
	if err != nil {
		t.Fatal(err)
	}
	request, _, err := d.Log[0].Headers()
	if err != nil {
		t.Fatal(err)
	}
	var headers []string
	for name, value := range request {
		headers = append(headers, "> "+name+": "+value)
	}
	form := []string{"headers", strings.Join(headers, "\r\n"), "body", d.Body, "webhook", id.Format(id.Webhook, made.ID)}
	b.post(t, signaturePath, form...).has(t, 200, "The signature is right", "the same as Plotwise sent under this id")
	form[3] += " "
	b.post(t, signaturePath, form...).has(t, 200, "2 steps fail", "and differs from byte")
	b.get(t, signaturePath+"?delivery=dlv_01k0n5v8e7c7tbqzr6m4c3x9wd").has(t, 404)
}

func TestPastedHeader(t *testing.T) {
	want := http.Header{"Webhook-Id": {"evt_1"}, "Webhook-Timestamp": {"1769169600"}, "Webhook-Signature": {"v1,a= v1,b="}}
	for name, text := range map[string]string{
		"lines":      "POST /in HTTP/1.1\r\nwebhook-id: evt_1\r\n  Webhook-Timestamp:1769169600 \r\nWEBHOOK-SIGNATURE: v1,a= v1,b=\r\n",
		"curl -v":    "> POST /in HTTP/1.1\n> webhook-id: evt_1\n> webhook-timestamp: 1769169600\n< webhook-signature: v1,a= v1,b=\n* Connected",
		"curl":       `curl 'https://x.com:443/in' -H 'Webhook-Id: evt_1' -H "Webhook-Timestamp: 1769169600" --header 'Webhook-Signature: v1,a= v1,b=' --data-binary '{}'`,
		"its lines":  "curl https://x.com/in \\\n  -H 'Webhook-Id: evt_1' \\\n  -H 'Webhook-Timestamp: 1769169600' \\\n  -H 'Webhook-Signature: v1,a= v1,b='",
		"JSON":       `{"webhook-id": "evt_1", "webhook-timestamp": 1769169600, "webhook-signature": ["v1,a= v1,b="]}`,
		"JavaScript": "{\n  'webhook-id': 'evt_1',\n  'webhook-timestamp': '1769169600',\n  'webhook-signature': 'v1,a= v1,b='\n}",
		"Ruby":       "\"webhook-id\" => \"evt_1\",\n\"webhook-timestamp\" => \"1769169600\",\n\"webhook-signature\" => \"v1,a= v1,b=\"",
		"CGI":        "HTTP_WEBHOOK_ID=evt_1\nHTTP_WEBHOOK_TIMESTAMP: '1769169600'\nHTTP_WEBHOOK_SIGNATURE=v1,a= v1,b=",
	} {
		if diff := cmp.Diff(want, pastedHeader(text)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := pastedHeader("nothing of that kind\n\n::\n{"); len(got) != 0 {
		t.Errorf("of no header = %v, want none", got)
	}
}
