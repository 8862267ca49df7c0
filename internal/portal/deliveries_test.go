package portal

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/webhooks"
)

func TestTestWebhook(t *testing.T) {
	w := newHooks(t, time.Minute)
	_, path := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 200, `{"took":"<b>it</b>"}`)})
	_, failing := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 500, "")})
	_, down := w.webhook(t, w.palmetto, webhooks.Create{URL: "http://127.0.0.1:1"})
	w.work(t)
	b := w.as(t, admin)
	for i, c := range []struct {
		path string
		want []string
	}{
		{path, []string{"Your endpoint took it", "200 OK", "{&#34;took&#34;:&#34;&lt;b&gt;it&lt;/b&gt;&#34;}", "Wait for the answer", "<option selected>permit.fee_changed</option>"}},
		{failing, []string{"Your endpoint did not take it", "500 Internal Server Error", "The answer has no body."}},
		{down, []string{"Your endpoint did not take it", "No connection", "Is the server up, and the port open?"}},
	} {
		a := b.post(t, c.path+"/test", "event_type", events.FeeChanged)
		to, _, _ := strings.Cut(a.Header.Get("Location"), "#")
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(to, c.path+"?tested=dlv_") {
			t.Fatalf("test of %s = %d to %q: %s", c.path, a.Status, to, a.Body)
		}
		b.get(t, to).has(t, 200, append(c.want, `id="test"`)...)
		w.audited(t, "testWebhook", admin, i+1)
	}
	b.post(t, path+"/test", "event_type", "permit.burned").has(t, 422, `aria-invalid="true"`, "Send a test event")
	w.audited(t, "testWebhook", admin, 3)
	if n := w.count(t, "select count(*) from deliveries where test"); n != 3 {
		t.Errorf("%d test events, want 3", n)
	}
	w.as(t, other).get(t, path+"?tested=dlv_01k0n5v8e7c7tbqzr6m4c3x9wd").has(t, 404)
}

func TestTestWebhook_refused(t *testing.T) {
	w := newHooks(t, time.Millisecond)
	_, path := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 200, "")})
	b := w.as(t, admin)
	b.post(t, path+"/test", "event_type", events.FeeChanged).has(t, 503, "No worker has sent the test event in time", "Send a test event")
	w.audited(t, "testWebhook", admin, 0)
	for range testsPerMinute - 1 {
		b.post(t, path+"/test", "event_type", events.FeeChanged)
	}
	b.post(t, path+"/test", "event_type", events.FeeChanged).has(t, 429, "That was a lot of test events.")
}

func TestRecoverWebhook(t *testing.T) {
	w := newHooks(t, 0)
	_, path := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 500, "")})
	w.happen(t, w.palmetto, "In Review", "Issued")
	end := w.work(t)
	w.settled(t)
	end()
	b := w.as(t, owner)
	b.get(t, path).has(t, 200, `name="since" value="2026-01-23T12:00"`) // when it began to fail
	b.post(t, path+"/recover", "since", "yesterday").has(t, 422, `id="since-hint">It must be a date and a time`, `value="yesterday"`)
	b.post(t, path+"/recover", "since", "").has(t, 422, `id="since-hint"`)
	w.audited(t, "recoverWebhook", owner, 0)
	for i, c := range []struct{ since, want string }{
		{"2026-01-23T12:01", "Nothing failed since 12:01 UTC on Jan 23"},
		{"2026-01-23T12:00", "2 deliveries are sent again"},
	} {
		b.post(t, path+"/recover", "since", c.since).leads(t, path)
		b.get(t, path).has(t, 200, c.want)
		w.audited(t, "recoverWebhook", owner, i+1)
	}
	if n := w.count(t, "select count(*) from deliveries where state = 'pending'"); n != 2 {
		t.Errorf("%d deliveries are pending, want 2", n)
	}
}

func TestRecovered(t *testing.T) {
	for want, r := range map[string]deliveries.Recovery{
		"One delivery is sent again.":                                                                            {Queued: 1},
		"1,240 deliveries are sent again, 20 a second at most.":                                                  {Queued: 1240},
		"Nothing failed since 08:00 UTC on Jan 23: there is nothing to send again.":                              {},
		"20,000 deliveries are sent again, 20 a second. 1,500 more remain: recover them when these are through.": {Queued: 20_000, Remaining: 1500},
	} {
		if got := recovered(r, time.Date(2026, 1, 23, 8, 0, 0, 0, time.UTC)); got != want {
			t.Errorf("recovered(%+v) = %q, want %q", r, got, want)
		}
	}
}

// shownIn lists the deliveries of a page of the log by the number of their state, in order.
func shownIn(a answer) []string {
	var found []string
	for _, m := range regexp.MustCompile(`<td><span class="tag \w+">(\w+)</span></td>\s+<th scope="row"><a href="[^"]+">([^<]+)</a>`).FindAllStringSubmatch(a.Body, -1) {
		found = append(found, m[1]+" "+m[2])
	}
	return found
}

func TestDeliveries(t *testing.T) {
	w := newHooks(t, 0)
	b := w.as(t, member)
	b.get(t, "/settings/developers/deliveries").has(t, 200, "No deliveries yet")
	good, _ := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 200, ""), Description: "CRM sync"})
	bad, _ := w.webhook(t, w.palmetto, webhooks.Create{URL: receive(t, 500, ""), Description: "Slack bridge"})
	w.webhook(t, w.liveOak, webhooks.Create{URL: receive(t, 200, ""), Description: "Of others"})
	w.happen(t, w.palmetto, "In Review")
	w.happen(t, w.liveOak, "In Review")
	end := w.work(t)
	w.settled(t)
	end()
	w.now = w.now.Add(2 * time.Hour)
	w.happen(t, w.palmetto, "Issued")
	goodID, badID := id.Format(id.Webhook, good.ID), id.Format(id.Webhook, bad.ID)
	const pending, succeeded, exhausted = "pending permit.status_changed", "succeeded permit.status_changed", "exhausted permit.status_changed"
	for path, want := range map[string][]string{
		"/deliveries":                                      {pending, pending, exhausted, succeeded},
		"/deliveries?state=exhausted":                      {exhausted},
		"/deliveries?webhook=" + goodID:                    {pending, succeeded},
		"/webhooks/" + badID + "/deliveries":               {pending, exhausted},
		"/webhooks/" + badID + "/deliveries?state=pending": {pending},
		"/deliveries?since=2026-01-23T13:00":               {pending, pending},
		"/deliveries?since=2026-01-23T15:00":               nil,
		"/deliveries?event_type=permit.fee_changed":        nil,
		"/deliveries?event_type=permit.status_changed&state=succeeded&webhook=" + goodID + "&since=2026-01-23T12:00": {succeeded},
	} {
		a := b.get(t, "/settings/developers"+path)
		a.has(t, 200)
		a.lacks(t, "Of others")
		got := shownIn(a)
		slices.Sort(got)
		slices.Sort(want)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
		if want == nil {
			a.has(t, 200, "Nothing matches")
		}
	}
	b.get(t, "/settings/developers/deliveries?since=soon").has(t, 400, `id="since-hint">It must be a date and a time`, `value="soon"`)
	b.get(t, "/settings/developers/deliveries?state=odd").has(t, 400, "It must be one of the list.")
	b.get(t, "/settings/developers/deliveries?event_type=odd").has(t, 400, "It must be one of the list.")
	b.get(t, "/settings/developers/webhooks/"+badID+"/deliveries?state=odd").has(t, 400, "It must be one of the list.", ">Slack bridge</a></p>")
	b.get(t, "/settings/developers/webhooks/whk_00000000000000000000000000/deliveries?state=odd").has(t, 404)
	b.get(t, "/settings/developers/deliveries?webhook=odd").has(t, 404)
	b.get(t, "/settings/developers/deliveries?cursor=odd").has(t, 400)
}

// Each delivery is on one page, whatever the filter.
func TestDeliveries_pages(t *testing.T) {
	w := newHooks(t, 0)
	w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in"})
	for range 60 {
		w.happen(t, w.palmetto, "Issued")
	}
	b := w.as(t, member)
	next, seen := "/settings/developers/deliveries?state=pending&since=2026-01-23T11:59", map[string]bool{}
	for pages := 0; next != ""; pages++ {
		if pages == 3 {
			t.Fatalf("there is a fourth page: %s", next)
		}
		a := b.get(t, next)
		a.has(t, 200)
		for _, found := range regexp.MustCompile(`deliveries/dlv_\w+`).FindAllString(a.Body, -1) {
			seen[found] = true
		}
		_, rest, _ := strings.Cut(a.Body, `<p><a class="button" href="`)
		next, _, _ = strings.Cut(rest, `"`)
		next = strings.ReplaceAll(next, "&amp;", "&")
	}
	if len(seen) != 60 {
		t.Errorf("%d deliveries on the pages, want 60", len(seen))
	}
}

func TestDelivery(t *testing.T) {
	w := newHooks(t, 0)
	url := receive(t, 503, "<script>alert(1)</script>")
	_, hook := w.webhook(t, w.palmetto, webhooks.Create{URL: url + "/in?a=1&b=2", Description: "<i>CRM</i>", Headers: map[string]string{"X-Token": "hush"}})
	w.happen(t, w.palmetto, "It's <b>new</b>")
	b := w.as(t, member)
	end := w.work(t)
	path := w.settled(t)
	end()
	shown := b.get(t, path)
	shown.has(t, 200, "POST "+url+"/…", ".1769169600.{&#34;event&#34;:&#34;permit.status_changed&#34;")
	shown.lacks(t, "/in?a=1", "curl", "/retry", "hush")
	a := w.as(t, owner).get(t, path)
	a.has(t, 200, "permit.status_changed", "exhausted", "&lt;i&gt;CRM&lt;/i&gt;", `<a href="`+hook+`">`, "Given up", "#1", "#2", "Attempt 2", "503 Service Unavailable",
		"&lt;script&gt;alert(1)&lt;/script&gt;", "<dt>X-Answer</dt><dd>&lt;script&gt;header&lt;/script&gt;</dd>", "<dt>X-Token</dt><dd>[hidden]</dd>", "Wait for the answer",
		"POST "+url+"/in?a=1&amp;b=2", "<dt>Webhook-Timestamp</dt><dd>1769169600</dd>", ".1769169600.{&#34;event&#34;:&#34;permit.status_changed&#34;",
		"curl &#39;"+url+"/in?a=1&amp;b=2&#39; -H &#39;Content-Type: application/json&#39;", `It&#39;s \u003cb\u003enew`, "/settings/developers/signature?delivery=dlv_")
	a.lacks(t, "hush", "<script>alert", "<i>CRM")
	b.get(t, path+"?attempt=1").has(t, 200, "Attempt 1")
	b.get(t, path+"?attempt=99").has(t, 200, "Attempt 2")

	m := w.as(t, admin)
	m.get(t, path).has(t, 200, "Retry")
	m.post(t, path+"/retry").leads(t, path)
	m.get(t, path).has(t, 200, "It is sent once more.", "pending", "Send now", "Next attempt")
	w.audited(t, "retryDelivery", admin, 1)
	w.exec(t, "update webhooks set state = 'paused'")
	m.get(t, path).has(t, 200, "The webhook is paused")
	m.post(t, hook+"/delete").leads(t, "/settings/developers/webhooks")
	m.post(t, path+"/retry").has(t, 409, "The webhook is deleted or disabled", "Attempt 2")
	m.get(t, path).has(t, 200, "a webhook that is deleted")
	w.audited(t, "retryDelivery", admin, 1)
}

// Whatever receivers answer and cities write, the page stays small.
func TestDelivery_large(t *testing.T) {
	w := newHooks(t, 0)
	w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in"})
	w.happen(t, w.palmetto, "new", strings.Repeat(`"`, 20_000))
	w.exec(t, "update deliveries set state = 'exhausted', attempts = 100, next_attempt_at = null, finished_at = $1", w.now)
	headers := `{"X-Long": "` + strings.Repeat("'", 60_000) + `"`
	for i := range 10 {
		headers += `, "X-` + strconv.Itoa(i) + `": "` + strings.Repeat("<", 900) + `"`
	}
	headers += "}"
	w.exec(t, `insert into attempts (organization_id, id, delivery_id, number, started_at, request_headers, status, response_headers, response_body, truncated, error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
		select organization_id, uuid_v7(), id, n, $1, cast($2 as jsonb), 500, cast($2 as jsonb), repeat('"', 65536), true, 'timeout', '', 1, 2, 3, 4, 20000
		from deliveries cross join generate_series(1, 100) n`, w.now, headers)
	b := w.as(t, member)
	large := w.settled(t)
	for _, path := range []string{large, large + "?attempt=3"} {
		a := b.get(t, path)
		a.has(t, 200, "80 earlier ones are in the API", "its beginning", "and more", "500 Internal Server Error, timed out", "The body is long")
		a.lacks(t, "Signed string", "curl")
	}
}

func TestOutcome(t *testing.T) {
	status := func(n int) *int { return &n }
	for want, a := range map[string]deliveries.Attempt{
		"204 No Content":          {Status: status(204)},
		"599":                     {Status: status(599)},
		"Timed out":               {Error: "timeout"},
		"200 OK, connection lost": {Status: status(200), Error: "reset"},
	} {
		if got := outcome(a); got != want {
			t.Errorf("outcome(%+v) = %q, want %q", a, got, want)
		}
	}
}

func TestTimings(t *testing.T) {
	got := timings(deliveries.Attempt{DNS: 10, Connect: 20, Wait: 60, Total: 100})
	want := []timing{
		{"DNS", "dns", 10, "0.00", "10.00"}, {"Connect", "connect", 20, "10.00", "20.00"}, {"Wait for the answer", "wait", 60, "30.00", "60.00"}, {"Read and the rest", "rest", 10, "90.00", "10.00"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("timings (-want +got):\n%s", diff)
	}
	if got := timings(deliveries.Attempt{}); got != nil {
		t.Errorf("timings of nothing = %+v, want none", got)
	}
	for want, ms := range map[string]float64{"0.4 ms": .42, "12 ms": 12.3, "1.2 s": 1234, "15 s": 15_000} {
		if got := took(ms); got != want {
			t.Errorf("took(%v) = %q, want %q", ms, got, want)
		}
	}
}

func TestNewStrip(t *testing.T) {
	got := newStrip([]deliveries.Hour{{Succeeded: 100}, {}, {Succeeded: 1}, {Succeeded: 1000, Failed: 1}, {Failed: 500}})
	want := [3]string{"M0 24h3v-3h-3zM8 24h3v-3h-3zM12 24h3v-21h-3z", "M12 3h3v-3h-3zM16 24h3v-11h-3z", "M4 24h3v-1h-3z"}
	if bars := [3]string{got.Good, got.Bad, got.Idle}; bars != want || got.Summary() != "1,101 delivered, 501 failed" {
		t.Errorf("newStrip = %q, %q; want %q", bars, got.Summary(), want)
	}
}

func TestClip(t *testing.T) {
	for _, c := range []struct {
		text string
		most int
		want clipped
	}{{"größer", 8, clipped{"größer", false}}, {"größer", 7, clipped{"größe", true}}, {"a<b", 5, clipped{"a<", true}}, {"a<b", 4, clipped{"a", true}}, {"", 0, clipped{}}} {
		if got := clip(c.text, c.most); got != c.want {
			t.Errorf("clip(%q, %d) = %+v, want %+v", c.text, c.most, got, c.want)
		}
	}
}

// What people write is text on every page.
func TestWebhooks_markup(t *testing.T) {
	w := newHooks(t, 0)
	const bad = `"><img src=x onerror=alert(1)>`
	_, path := w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in?a='&b=1", Description: bad, Headers: map[string]string{"X-'": "1"}})
	w.happen(t, w.palmetto, bad)
	b := w.as(t, owner)
	for _, page := range []string{
		"/settings/developers/webhooks", path, path + "/edit", path + "/rotate", path + "/delete", path + "/deliveries", "/settings/developers/deliveries", "/settings/developers/signature",
		"/settings/developers/deliveries?since=" + url.QueryEscape(bad),
	} {
		a := b.get(t, page)
		a.lacks(t, "<img src=x")
		if !strings.Contains(a.Body, "&lt;img src=x") && !strings.Contains(a.Body, "&#34;&gt;&lt;img") {
			t.Errorf("%s does not show the text: %s", page, a.Body)
		}
		if strings.Contains(a.Body, " style=") || strings.Contains(a.Body, "<style") || regexp.MustCompile(`<script>|<script [^>]*>[^<]`).MatchString(a.Body) || regexp.MustCompile(` on\w+=`).MatchString(strings.ReplaceAll(a.Body, "onerror=alert(1)&gt;", "")) {
			t.Errorf("%s has scripts or styles in line, which its policy forbids", page)
		}
	}
	b.post(t, "/settings/developers/webhooks", "url", bad, "description", bad, "header_name", bad, "header_value", bad, "secret", bad).lacks(t, "<img src=x")
	b.post(t, "/settings/developers/signature", "headers", bad+": "+bad+"\nwebhook-id: "+bad+"\nwebhook-signature: "+bad, "body", bad, "secret", bad, "computed", bad).lacks(t, "<img src=x")
}

// Members read; what changes something or shows a secret takes an owner or an admin. What is another's is not there.
func TestWebhooks_refused(t *testing.T) {
	w := newHooks(t, 0)
	_, hook := w.webhook(t, w.palmetto, webhooks.Create{URL: "https://hooks.palmetto.us/in", Secret: secretA})
	w.happen(t, w.palmetto, "Issued")
	w.exec(t, "update deliveries set state = 'exhausted', next_attempt_at = null, finished_at = $1", w.now)
	delivery := w.settled(t)
	plain, stranger, nobody := w.as(t, member), w.as(t, other), w.browser(t)
	for _, path := range []string{hook + "/edit", hook + "/rotate", hook + "/delete", "/settings/developers/webhooks/new"} {
		plain.get(t, path).has(t, 403, "This takes an owner or an admin")
	}
	posts := []string{hook + "/edit", hook + "/state", hook + "/reveal", hook + "/rotate", hook + "/delete", hook + "/test", hook + "/recover", delivery + "/retry", "/settings/developers/webhooks"}
	form := []string{"version", "1", "url", "https://hooks.palmetto.us/v2", "event_types", events.Added, "state", "paused", "event_type", events.Added, "since", "2026-01-23T00:00"}
	for _, path := range posts {
		plain.post(t, path, form...).has(t, 403, "This takes an owner or an admin")
		nobody.post(t, path, form...).leads(t, "/settings/sign-in")
		if path != "/settings/developers/webhooks" {
			a := stranger.post(t, path, form...)
			a.has(t, 404)
			a.lacks(t, secretA)
		}
	}
	for _, path := range []string{hook, hook + "/edit", hook + "/rotate", hook + "/delete", hook + "/deliveries", delivery, "/settings/developers/deliveries?webhook=" + hook[len(webhooksPath)+1:], "/settings/developers/signature?delivery=" + delivery[strings.LastIndex(delivery, "/")+1:]} {
		stranger.get(t, path).has(t, 404)
		nobody.get(t, path).leads(t, "/settings/sign-in?to="+url.QueryEscape(path))
	}
	shown := plain.get(t, hook)
	shown.has(t, 200, "Owners and admins see the secret.")
	shown.lacks(t, secretA, "Reveal", "Send test event", "Recover", "/edit")
	manager := w.as(t, owner)
	for _, path := range []string{hook, hook + "/deliveries", delivery, webhooksPath, "/settings/developers/deliveries"} {
		plain.get(t, path).lacks(t, "hooks.palmetto.us/in") // what follows the host may be a secret
		manager.get(t, path).has(t, 200, "hooks.palmetto.us/in")
	}
	for query, want := range map[string]int{
		"select count(*) from audit_log": 0,
		"select count(*) from webhooks where state = 'active' and version = 1 and url like '%/in'": 1,
		"select count(*) from webhooks":                             1,
		"select count(*) from deliveries where state = 'exhausted'": 1,
	} {
		if n := w.count(t, query); n != want {
			t.Errorf("%s = %d, want %d", query, n, want)
		}
	}
}
