package portal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

const usagePath = "/settings/developers/usage"

func (w *world) key(t *testing.T, organization uuid.UUID, name string) uuid.UUID {
	t.Helper()
	k, _, err := w.Keys.Create(t.Context(), apikeys.Key{OrganizationID: organization, Name: name, Permissions: []identity.Permission{identity.Read}})
	if err != nil {
		t.Fatal(err)
	}
	return k.ID
}

// used counts requests of a minute.
func (w *world) used(t *testing.T, organization, key uuid.UUID, at time.Time, operation string, status int, code string, requests int) {
	t.Helper()
	w.exec(t, "insert into usage_minutes values ($1, $2, $3, $4, $5, $6, $7, $8, 80)", organization, at.Truncate(time.Minute), key, operation, status, code, requests, float64(requests)*12.5)
	w.exec(t, `insert into usage_days values ($1, cast($2 as date), $3, $4, $5, $6, $7, $8, 80)
		on conflict (organization_id, day, api_key_id, operation, status, code) do update set requests = usage_days.requests + excluded.requests`,
		organization, at.Format(time.DateOnly), key, operation, status, code, requests, float64(requests)*12.5)
}

func TestUsage(t *testing.T) {
	w := newWorld(t)
	crm, script := w.key(t, w.palmetto, "CRM"), w.key(t, w.palmetto, "Script")
	theirs := w.key(t, w.liveOak, "Theirs")
	w.used(t, w.palmetto, crm, w.now, "listPermits", 200, "", 1200)
	w.used(t, w.palmetto, crm, w.now, "getPermit", 404, "not_found", 30)
	w.used(t, w.palmetto, crm, w.now.AddDate(0, 0, -3), "listPermits", 429, "rate_limited", 7)
	w.used(t, w.palmetto, script, w.now.Add(time.Minute), "listPermits", 500, "internal", 3)
	w.used(t, w.liveOak, theirs, w.now, "listPermits", 200, "", 99_999)

	b := w.as(t, member)
	a := b.get(t, usagePath)
	a.has(t, 200, "Dec 25, 2025 – Jan 23, 2026", "<dd>1,240</dd>", "<dd>37</dd>", "<dd>3</dd>", "<dd>3.2%</dd>", "<dd>7</dd>",
		`aria-label="Requests by day, Dec 25, 2025 – Jan 23, 2026: 1,240 requests, of them 37 client errors and 3 server failures. The table below has the numbers of every day."`,
		"At most 1,230 requests came in one minute (<time datetime=\"2026-01-23T12:00:00Z\">Jan 23, 12:00 UTC</time>): 123% of the 1,000 a minute that your plan allows.",
		`<line class="limit"`, "<title>Jan 20, 2026: 7 requests, 7 client errors, 0 server failures</title>",
		`<th scope="row">Jan 23, 2026</th><td class="number">1,233</td><td class="number">1,200</td><td class="number">30</td><td class="number">3</td><td class="number">12 ms</td><td class="number">1,230</td>`,
		`<a href="/docs/reference/listPermits"><code>GET /v1/permits</code></a>`, `<a href="/docs/errors#not_found"><code>not_found</code></a>`,
		"Days begin at midnight in UTC.", "<dt>Permit slots</dt><dd>0 of 100</dd>", "<dt>Seats</dt><dd>4 of 10</dd>")
	a.lacks(t, "99,999", "Theirs", " style=")
	if n := strings.Count(a.Body, `<th scope="row">`); n != 30+2+3 {
		t.Errorf("%d rows, want 30 days, 2 endpoints and 3 errors", n)
	}

	a = b.get(t, usagePath+"?interval=week&key="+id.Format(id.APIKey, script))
	a.has(t, 200, "Requests with “Script”", "Jan 19 – 25, 2026", "<dd>3</dd>", `aria-current="true">Week</a>`, "/settings/developers/usage?interval=month&amp;key="+id.Format(id.APIKey, script))
	a.lacks(t, "<dd>1,240</dd>")
	b.get(t, usagePath+"?interval=month").has(t, 200, `<th scope="row">January 2026</th>`, `<th scope="row">February 2025</th>`)
	b.get(t, usagePath+"?interval=century").has(t, 200, `aria-current="true">Day</a>`)
}

// Nobody learns of another organization's keys.
func TestUsage_unknownKey(t *testing.T) {
	w := newWorld(t)
	theirs := w.key(t, w.liveOak, "Theirs")
	b := w.as(t, owner)
	for _, key := range []string{id.Format(id.APIKey, theirs), "key_00000000000000000000000000", "nonsense"} {
		a := b.get(t, usagePath+"?key="+key)
		a.has(t, 404, "There is no such API key.")
		a.lacks(t, "Theirs")
	}
}

func TestUsage_none(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	b.get(t, usagePath).has(t, 200, "No requests yet", "curl -H", w.PublicURL+"/v1/permits?per_page=2", "<dt>Permit slots</dt>")
	key := w.key(t, w.palmetto, `<b>"Nightly"</b>`)
	a := b.get(t, usagePath+"?key="+id.Format(id.APIKey, key))
	a.has(t, 200, "No requests with this key", "&lt;b&gt;")
	a.lacks(t, "<b>")
}

// Minutes are kept for 35 days: what is not known is not drawn.
func TestUsage_minutesForgotten(t *testing.T) {
	w := newWorld(t)
	key := w.key(t, w.palmetto, "CRM")
	w.used(t, w.palmetto, key, w.now.AddDate(0, -3, 0), "listPermits", 200, "", 5)
	w.exec(t, "delete from usage_minutes")
	w.as(t, owner).get(t, usagePath+"?interval=month").has(t, 200, "Nothing is known of these minutes", `<td class="number">–</td>`, "<title>October 2025: nothing is known of its minutes</title>")
}

func TestScale(t *testing.T) {
	for highest, want := range map[int64][2]int64{
		1: {1, 1}, 3: {1, 3}, 5: {2, 3}, 9: {5, 2}, 100: {50, 2}, 101: {50, 3}, 1000: {500, 2}, 2300: {1000, 3}, 4000: {1000, 4}, 4001: {2000, 3}, 1_000_000_000_000: {500_000_000_000, 2},
	} {
		step, steps := scale(highest)
		if step != want[0] || steps != want[1] {
			t.Errorf("scale(%d) = %d × %d, want %d × %d", highest, step, steps, want[0], want[1])
		}
		if steps > 5 || step*steps < highest {
			t.Errorf("scale(%d) = %d × %d does not reach it in a few steps", highest, step, steps)
		}
	}
}

func TestShort(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 800: "800", 2500: "2,500", 10_000: "10k", 12_500: "12.5k", 1_500_000: "1.5M", 2_000_000_000: "2B"} {
		if got := short(n); got != want {
			t.Errorf("short(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestRangeOf(t *testing.T) {
	day := func(text string) time.Time {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			t.Fatal(err)
		}
		return at
	}
	for days, want := range map[[2]string]string{
		{"2026-01-23", "2026-01-23"}: "Jan 23, 2026",
		{"2026-01-19", "2026-01-25"}: "Jan 19 – 25, 2026",
		{"2026-01-26", "2026-02-01"}: "Jan 26 – Feb 1, 2026",
		{"2025-12-29", "2026-01-04"}: "Dec 29, 2025 – Jan 4, 2026",
		{"2026-02-01", "2026-02-28"}: "February 2026",
	} {
		if got := rangeOf(day(days[0]), day(days[1])); got != want {
			t.Errorf("rangeOf(%v) = %q, want %q", days, got, want)
		}
	}
}

// Bars stand upon each other, what is there at all is seen, and nothing is drawn of what is not.
func TestChart(t *testing.T) {
	var c chart
	c.draw([]string{"one", "two"}, []string{"1", "2"}, [][]value{{{"a", 100}, {"b", 1}, {"c", 99}}, {{"a", 0}}}, 150)
	var got []string
	for _, p := range c.Bars[0].Parts {
		got = append(got, fmt.Sprint(p.Class, " ", p.Y, " ", p.Height))
	}
	if diff := cmp.Diff([]string{"a 112.0 100.0", "b 110.5 1.5", "c 11.5 99.0"}, got); diff != "" {
		t.Error(diff)
	}
	if len(c.Bars[1].Parts) > 0 || c.Bars[1].Left != "57.50%" || c.Bars[1].Width != "35.00%" {
		t.Errorf("the second bar is %+v, want none at 57.5%%", c.Bars[1])
	}
	if c.Limit == nil || c.Limit.Y != "62.0" || len(c.Ticks) != 5 || c.Ticks[4].Text != "200" {
		t.Errorf("ticks %v and limit %v; want 0 to 200, and 150 at 62", c.Ticks, c.Limit)
	}
}
