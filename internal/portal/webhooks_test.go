package portal

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/httpapi"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// Secrets in clear.
const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
)

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// hooks is a world with what webhooks take: they may be on this machine.
type hooks struct {
	*world
	outbox *events.Outbox
	log    *bytes.Buffer
}

func newHooks(t *testing.T, testWait time.Duration) *hooks {
	t.Helper()
	w := &hooks{world: newWorld(t), log: &bytes.Buffer{}}
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	w.Log = slog.New(slog.NewTextHandler(w.log, nil))
	w.outbox = events.NewOutbox(w.Log, w.Now, newID)
	if w.EventTypes, err = httpapi.EventTypes(); err != nil {
		t.Fatal(err)
	}
	w.Webhooks = webhooks.NewService(w.DB, secret.NewBox(key), loopback, w.Now, newID)
	w.Deliveries = deliveries.NewService(w.DB, w.outbox, events.NewHub(), w.EventTypes, testWait, w.Now)
	if w.handler, err = New(w.Options); err != nil {
		t.Fatal(err)
	}
	return w
}

// work runs a worker, which tries everything twice, until the function that it returns is called or the test ends.
func (w *hooks) work(t *testing.T) (end func()) {
	t.Helper()
	client := outbound.NewClient(loopback, time.Minute, nil, time.Now)
	worker := deliveries.NewWorker(deliveries.Options{
		DB: w.DB, Client: client, Webhooks: w.Webhooks, Notices: notifications.NewService(w.DB, w.PublicURL, w.Now, newID),
		Schedule: []time.Duration{0}, AtOnce: 10, PerWebhook: 10, Lease: 2 * time.Minute, Log: w.Log, Now: w.Now, NewID: newID,
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { worker.Run(ctx) })
	end = func() { cancel(); running.Wait(); client.Close() }
	t.Cleanup(end)
	return end
}

// receive starts a receiver that answers with the status and the body.
func receive(t *testing.T, status int, body string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		a.Header().Set("X-Answer", "<script>header</script>")
		a.WriteHeader(status)
		_, _ = a.Write([]byte(body))
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// webhook adds one that is told of statuses, and returns it with the path of its page.
func (w *hooks) webhook(t *testing.T, organization uuid.UUID, c webhooks.Create) (webhooks.Webhook, string) {
	t.Helper()
	if c.EventTypes == nil {
		c.EventTypes = []string{events.StatusChanged}
	}
	made, _, err := w.Webhooks.Create(t.Context(), organization, c)
	if err != nil {
		t.Fatal(err)
	}
	return made, "/settings/developers/webhooks/" + id.Format(id.Webhook, made.ID)
}

// happen has a permit change its status, once for each of the statuses.
func (w *hooks) happen(t *testing.T, organization uuid.UUID, statuses ...string) {
	t.Helper()
	w.inTx(t, func(tx *postgres.Tx) error {
		for _, status := range statuses {
			w.outbox.Append(tx, events.NewStatusChanged(events.Permit{OrganizationID: organization, UUID: newID(), Number: "BLD-26-0521670"}, "Pending", status))
		}
		return nil
	})
}

// settled waits until no delivery is pending, and returns the path of the newest one.
func (w *hooks) settled(t *testing.T) string {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); w.count(t, "select count(*) from deliveries where state = 'pending'") > 0; {
		if time.Now().After(deadline) {
			t.Fatal("deliveries are pending still")
		}
	}
	var newest uuid.UUID
	if err := w.DB.GetContext(t.Context(), &newest, "select id from deliveries order by id desc limit 1"); err != nil {
		t.Fatal(err)
	}
	return "/settings/developers/deliveries/" + id.Format(id.Delivery, newest)
}

// audited fails the test unless the log holds so many entries of an operation, all of the member.
func (w *hooks) audited(t *testing.T, operation, email string, want int) {
	t.Helper()
	const query = "select count(*) from audit_log a where operation = $1"
	if n := w.count(t, query, operation); n != want {
		t.Errorf("%d entries of %s in the audit log, want %d", n, operation, want)
	}
	if n := w.count(t, query+" and api_key_id is null and member_id = (select id from members m where m.organization_id = a.organization_id and email = $2)", operation, email); n != want {
		t.Errorf("%d entries of %s are %s's, want %d", n, operation, email, want)
	}
}

func TestWebhooks(t *testing.T) {
	w := newHooks(t, time.Minute)
	const path = "/settings/developers/webhooks"
	owner, plain := w.as(t, owner), w.as(t, member)
	owner.get(t, path).has(t, 200, "No webhooks yet", `href="/settings/developers/webhooks/new"`)
	none := plain.get(t, path)
	none.has(t, 200, "No webhooks yet", "An owner or an admin of your organization can add one.")
	none.lacks(t, "webhooks/new")

	w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 204, ""), Description: "CRM sync"})
	w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 500, ""), EventTypes: []string{events.StatusChanged, events.FeeChanged}})
	w.webhook(t, w.liveOak, webhooks.Create{URL: "https://example.com/theirs"})
	owner.get(t, path).has(t, 200, `aria-label="The last 24 hours: Nothing sent in 24 hours"`, "never")
	w.happen(t, w.palmetto, "In Review", "Issued")
	end := w.work(t)
	w.settled(t)
	end()
	list := plain.get(t, path)
	list.has(t, 200, "CRM sync", "permit.fee_changed", `aria-label="The last 24 hours: 2 delivered"`, "204 No Content",
		`aria-label="The last 24 hours: 0 delivered, 4 failed"`, "500 Internal Server Error", "failing")
	list.lacks(t, "theirs", "webhooks/new", "whsec_")
}

// The fullest page that there can be.
func TestWebhooks_full(t *testing.T) {
	w := newHooks(t, 0)
	for i := range 26 {
		w.webhook(t, w.palmetto, webhooks.Create{
			URL: "https://hooks.palmetto.us/" + strconv.Itoa(i), Description: strings.Repeat("&", 200),
			EventTypes: []string{events.StatusChanged, events.FeeChanged, events.InspectionScheduled, events.Added, events.Removed},
		})
	}
	w.happen(t, w.palmetto, "In Review")
	w.exec(t, "update deliveries set attempts = 1")
	w.exec(t, `insert into attempts (organization_id, id, delivery_id, number, started_at, request_headers, status, response_headers, response_body, truncated, error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
		select organization_id, uuid_v7(), id, n, cast($1 as timestamptz) - make_interval(hours => n / 2), '{}', case n % 2 when 0 then 200 else 500 end, '{}', '', false, '', '', 0, 0, 0, 0, 0
		from deliveries cross join generate_series(0, 47) n`, w.now)
	a := w.as(t, member).get(t, "/settings/developers/webhooks")
	a.has(t, 200, "24 delivered, 24 failed", "More webhooks")
	_, rest, _ := strings.Cut(a.Body, `<p><a class="button" href="`)
	next, _, _ := strings.Cut(rest, `"`)
	w.as(t, member).get(t, strings.ReplaceAll(next, "&amp;", "&")).has(t, 200, "https://hooks.palmetto.us/…<")
}

// However long the URLs are, pages that name many webhooks stay small, and those beyond the ones to choose from have their names.
func TestWebhooks_long(t *testing.T) {
	w := newHooks(t, 0)
	w.webhook(t, w.palmetto, webhooks.Create{URL: "https://oldest.example.com/in"})
	w.happen(t, w.palmetto, "In Review")
	for range mostWebhooks {
		w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/?" + strings.Repeat("&", 2000), Description: strings.Repeat("&", 200), EventTypes: []string{events.Added}})
	}
	b := w.as(t, owner)
	for _, path := range []string{webhooksPath, "/settings/developers/deliveries", "/settings/developers/signature"} {
		b.get(t, path).has(t, 200, "&amp;…")
	}
	log := b.get(t, "/settings/developers/deliveries")
	log.has(t, 200, `<td class="wide of">oldest.example.com/in</td>`)
	w.exec(t, "delete from webhooks where url like '%oldest%'")
	b.get(t, "/settings/developers/deliveries").has(t, 200, `<span class="faint">deleted</span>`)
}

func TestCreateWebhook(t *testing.T) {
	w := newHooks(t, 0)
	b := w.as(t, admin)
	b.get(t, "/settings/developers/webhooks/new").has(t, 200, "Add a webhook", `value="permit.status_changed" checked`, `value="permit.removed_from_watchlist" checked`)
	a := b.post(t, "/settings/developers/webhooks", "url", " https://hooks.palmetto.us/in ", "description", "Slack bridge", "event_types", events.FeeChanged,
		"secret", secretA, "header_name", "X-Token", "header_value", "hush", "header_name", "", "header_value", "")
	found, _, err := w.Webhooks.List(t.Context(), w.palmetto, few())
	if err != nil || len(found) != 1 {
		t.Fatalf("there are %+v, %v; want one webhook: %s", found, err, a.Body)
	}
	a.leads(t, webhookPath(found[0].ID))
	target, err := w.Webhooks.Target(t.Context(), w.palmetto, found[0].ID)
	if err != nil || found[0].URL != "https://hooks.palmetto.us/in" || found[0].Description != "Slack bridge" || strings.Join(found[0].EventTypes, " ") != events.FeeChanged ||
		target.Secrets[0].String() != secretA || len(target.Headers) != 1 || target.Headers["X-Token"] != "hush" {
		t.Errorf("made %+v with %v, %v", found[0], target.Headers, err)
	}
	w.audited(t, "createWebhook", admin, 1)
	shown := b.get(t, webhookPath(found[0].ID))
	shown.has(t, 200, "The webhook is added.", "Slack bridge", "X-Token", "Reveal")
	shown.lacks(t, secretA, "hush")
}

func TestCreateWebhook_refused(t *testing.T) {
	w := newHooks(t, 0)
	b := w.as(t, admin)
	const good, event = "https://hooks.palmetto.us/in", events.StatusChanged
	for name, c := range map[string]struct {
		pairs []string
		want  []string
	}{
		"no URL":          {[]string{"event_types", event}, []string{`id="url-hint">It must be a URL such as https://example.com/path.`, `name="url" value=""`}},
		"private":         {[]string{"url", "https://10.0.0.1/in", "event_types", event}, []string{`<p class="hint wrong" id="url-hint">It must`, `value="https://10.0.0.1/in"`}},
		"no TLS":          {[]string{"url", "http://93.184.215.14/", "event_types", event, "description", "kept"}, []string{`class="hint wrong" id="url-hint"`, `value="kept"`}},
		"no event":        {[]string{"url", good}, []string{"Choose at least one.", `aria-describedby="event-hint"`}},
		"unknown event":   {[]string{"url", good, "event_types", "permit.burned"}, []string{"Choose at least one."}},
		"short secret":    {[]string{"url", good, "event_types", event, "secret", "short"}, []string{`id="secret-hint">It must have at least 24 characters.`}},
		"bad secret":      {[]string{"url", good, "event_types", event, "secret", "whsec_this-is-not-base64-at-all"}, []string{`id="secret-hint">It must go on with base64`}},
		"reserved header": {[]string{"url", good, "event_types", event, "header_name", "Host", "header_value", "x"}, []string{`id="header-0">It is set by Plotwise or by HTTP itself`, `<details open>`}},
		"no name":         {[]string{"url", good, "event_types", event, "header_name", "", "header_value", "x"}, []string{`id="header-0">It must have a name.`}},
		"no value":        {[]string{"url", good, "event_types", event, "header_name", "X-A/~", "header_value", ""}, []string{`id="header-0">It must have a value.`}},
		"twice":           {[]string{"url", good, "event_types", event, "header_name", "X-A", "header_value", "1", "header_name", "X-A", "header_value", "2"}, []string{"must be there once"}},
		"long":            {[]string{"url", good, "event_types", event, "description", strings.Repeat("x", 201)}, []string{`id="description-hint">It must have at most 200 characters.`}},
	} {
		t.Run(name, func(t *testing.T) {
			b.post(t, "/settings/developers/webhooks", c.pairs...).has(t, 422, append(c.want, `aria-invalid="true"`, "see the fields below")...)
		})
	}
	w.audited(t, "createWebhook", admin, 0)
	if n := w.count(t, "select count(*) from webhooks"); n != 0 {
		t.Errorf("%d webhooks were made, want none", n)
	}
}

func TestUpdateWebhook(t *testing.T) {
	w := newHooks(t, 0)
	made, path := w.webhook(t, w.palmetto, webhooks.Create{
		URL: "https://hooks.palmetto.us/in", Description: "Slack bridge", Headers: map[string]string{"X-Keep": "kept secret", "X-Change": "old", "X-Drop": "dropped"},
	})
	b := w.as(t, owner)
	form := b.get(t, path+"/edit")
	form.has(t, 200, "Edit the webhook", `value="Slack bridge"`, `value="permit.status_changed" checked`, `value="X-Keep"`, "kept as it is", `name="version" value="1"`)
	form.lacks(t, "kept secret", "dropped", secretA, `name="secret"`)
	change := []string{
		"version", "1", "url", "https://hooks.palmetto.us/v2", "description", "CRM", "event_types", events.Added, "event_types", events.Removed,
		"header_name", "x-keep", "header_value", "", "header_name", "X-Change", "header_value", "new", "header_name", "", "header_value", "", "header_name", "X-New", "header_value", "1",
	}
	b.post(t, path+"/edit", change...).leads(t, path)
	w.audited(t, "updateWebhook", owner, 1)
	got, err := w.Webhooks.Get(t.Context(), w.palmetto, made.ID)
	target, targetErr := w.Webhooks.Target(t.Context(), w.palmetto, made.ID)
	if err != nil || targetErr != nil || got.URL != "https://hooks.palmetto.us/v2" || got.Description != "CRM" || strings.Join(got.EventTypes, " ") != "permit.added_to_watchlist permit.removed_from_watchlist" {
		t.Errorf("changed to %+v, %v %v", got, err, targetErr)
	}
	if h := target.Headers; len(h) != 3 || h["x-keep"] != "kept secret" || h["X-Change"] != "new" || h["X-New"] != "1" {
		t.Errorf("its headers are %v, want x-keep as it was, X-Change new and X-New", h)
	}

	b.post(t, path+"/edit", change...).has(t, 412, "Somebody changed this webhook since you opened it", `name="version" value="2"`)
	w.audited(t, "updateWebhook", owner, 1)
	b.post(t, path+"/edit", "version", "2", "url", "ftp://x", "event_types", events.Added).has(t, 422, `class="hint wrong" id="url-hint"`, `value="ftp://x"`)
	b.post(t, path+"/edit", "version", "2", "url", "https://hooks.palmetto.us/v2", "event_types", events.Added, "header_name", "X-Other", "header_value", "").has(t, 422, "It must have a value.")
}

func TestSetWebhookState(t *testing.T) {
	w := newHooks(t, 0)
	made, path := w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in"})
	b := w.as(t, admin)
	for i, state := range []string{"paused", "active"} {
		b.post(t, path+"/state", "state", state).leads(t, path)
		b.get(t, path).has(t, 200, "The webhook is "+state, map[string]string{"paused": "Resume", "active": "Pause"}[state])
		if got, err := w.Webhooks.Get(t.Context(), w.palmetto, made.ID); err != nil || got.State != state {
			t.Errorf("the webhook is %q, %v; want %q", got.State, err, state)
		}
		w.audited(t, "updateWebhook", admin, i+1)
	}
	b.post(t, path+"/state", "state", "disabled").has(t, 422)
	w.exec(t, "update webhooks set state = 'disabled', disabled_reason = 'The endpoint answered 410 Gone.'")
	b.get(t, path).has(t, 200, "Plotwise disabled this webhook: The endpoint answered 410 Gone.", "Resume")
	b.post(t, path+"/test", "event_type", events.StatusChanged).has(t, 409, "nothing is sent to it")
	b.post(t, path+"/recover", "since", "2026-01-23T00:00").has(t, 409, "nothing is sent to it")
}

func TestDeleteWebhook(t *testing.T) {
	w := newHooks(t, 0)
	_, path := w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in", Description: "CRM"})
	b := w.as(t, admin)
	b.get(t, path+"/delete").has(t, 200, "Delete “CRM”?")
	if n := w.count(t, "select count(*) from webhooks"); n != 1 {
		t.Fatalf("%d webhooks after the question, want 1", n)
	}
	b.post(t, path+"/delete").leads(t, "/settings/developers/webhooks")
	b.get(t, "/settings/developers/webhooks").has(t, 200, "“CRM” is deleted", "No webhooks yet")
	b.get(t, path).has(t, 404)
	w.audited(t, "deleteWebhook", admin, 1)
}

// Secrets are shown where they are asked for, and nowhere else.
func TestWebhook_secrets(t *testing.T) {
	w := newHooks(t, 0)
	_, path := w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in", Secret: secretA, Headers: map[string]string{"X-Token": "hush"}})
	b := w.as(t, owner)
	for _, page := range []string{path, path + "/edit", path + "/rotate", path + "/delete", path + "/deliveries", "/settings/developers/webhooks", "/settings/developers/signature"} {
		a := b.get(t, page)
		a.has(t, 200)
		a.lacks(t, secretA, "hush")
	}
	w.audited(t, "revealWebhookSecret", owner, 0)
	revealed := b.post(t, path+"/reveal")
	revealed.has(t, 200, `data-copy="`+secretA+`"`, "noted in the audit log")
	revealed.lacks(t, "hush")
	if cache := revealed.Header.Get("Cache-Control"); cache != "no-store" {
		t.Errorf("Cache-Control of the secret = %q, want no-store", cache)
	}
	w.audited(t, "revealWebhookSecret", owner, 1)

	b.post(t, path+"/rotate", "once", "a", "secret", "short").has(t, 422, `id="secret-hint">It must have at least 24 characters.`)
	b.post(t, path+"/rotate", "once", "a", "secret", "whsec_this-is-not-base64-at-all").has(t, 422, "It must go on with base64")
	w.audited(t, "rotateWebhookSecret", owner, 0)
	rotate := []string{"secret", secretB, "once", b.get(t, path+"/rotate").token(t)}
	b.post(t, path+"/rotate", rotate...).has(t, 200, "The secret is rotated", `data-copy="`+secretB+`"`, `data-copy="`+secretA+`"`)
	b.post(t, path+"/rotate", rotate...).leads(t, path) // as by reloading
	b.get(t, path).has(t, 200, "That form was sent before, so nothing was done again. Reveal the secret to see it.")
	b.post(t, path+"/reveal").has(t, 200, secretB, secretA)
	w.audited(t, "rotateWebhookSecret", owner, 1)
	w.now = w.now.Add(24 * time.Hour)
	b = w.as(t, owner) // the session idled too long
	late := b.post(t, path+"/reveal")
	late.has(t, 200, secretB)
	late.lacks(t, secretA)
	made := b.post(t, path+"/rotate", "once", "another")
	made.has(t, 200, `data-copy="whsec_`, secretB)
	if text := w.log.String(); strings.Contains(text, "whsec_") {
		t.Errorf("the log tells a secret: %s", text)
	}
}
