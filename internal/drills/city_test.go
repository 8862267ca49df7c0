package drills

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// TestCity shows that when the snapshots of a city are imported one after another, the webhook of who watches its permits
// accepts every difference between them exactly once, and nothing else; what the differences are, the test finds itself.
func TestCity(t *testing.T) {
	t.Parallel()
	t.Run("generated", cityGenerated)
	t.Run("Charlotte County", cityOfCharlotte)
}

func cityGenerated(t *testing.T) {
	c := newCity(t)
	fees := writeFile(t, "fees.yaml", []byte("jurisdiction: {slug: charlotte, name: Charlotte County, region: FL}\ndataset: fees\n"))
	inspections := writeFile(t, "inspections.yaml", []byte("jurisdiction: {slug: charlotte, name: Charlotte County, region: FL}\ndataset: inspections\n"))
	for n, rows := range generatePermits() {
		name := writeCSV(t, "permits.csv", rows)
		c.publish(t, "charlotte", name, c.expectStatuses)
		c.publish(t, fees, writeCSV(t, "fees.csv", generateFees(n)), c.expectFees)
		c.publish(t, inspections, writeCSV(t, "inspections.csv", generateInspections(n)), c.expectInspections)
		c.publishNothing(t, "charlotte", name)
		c.publishNothing(t, "charlotte", writeNDJSON(t, "permits.ndjson", rows))
		if n == 0 {
			c.watch(t)
		}
		c.settle(t)
	}
	c.unwatch(t, permitNumber(7))
	c.settle(t)
	c.check(t, map[string]int{"watched": 312, "unwatched": 1, "status": 148, "fee": 52, "inspection": 67})
}

func cityOfCharlotte(t *testing.T) {
	dir := os.Getenv("PLOTWISE_BENCH_DATA")
	if dir == "" {
		t.Skip("PLOTWISE_BENCH_DATA names no directory with charlotte/permit_status_*.csv.gz")
	}
	names, err := filepath.Glob(filepath.Join(dir, "charlotte", "permit_status_*.csv.gz")) // sorted, and so by their dates
	if err != nil || len(names) != 3 {
		t.Fatalf("%s has the snapshots %q, %v; want charlotte/permit_status_*.csv.gz, three of them", dir, names, err)
	}
	c := newCity(t)
	for n, name := range names {
		c.publish(t, "charlotte", name, c.expectStatuses)
		c.publishNothing(t, "charlotte", name)
		if n == 0 {
			c.watch(t)
		}
		c.settle(t)
	}
	c.check(t, map[string]int{"watched": 1406, "status": 625})
}

// city is an organization that is to watch the permits of a city, and what it is to be told.
type city struct {
	*world
	api          *process
	key, keyID   string
	organization string
	receiver     *cityReceiver
	uuids        map[string]string // of the permits that are watched, by their numbers
	statuses     map[string]string // that the city gave last, by number
	fees         map[string]map[string]fee
	inspections  map[string]map[string]string // number, inspection: the day
	want         []string                     // each event as a line
	counts       map[string]int               // of what there is to be told, by kind
}

type fee struct{ name, amount string }

func newCity(t *testing.T) *city {
	t.Helper()
	w := newWorld(t)
	organization := w.organization(t, "Palmetto Builders", 0)
	w.setPlan(t, organization, "enterprise", unlimited)
	c := &city{
		world: w, organization: id.Format(id.Organization, organization), receiver: receive(t), uuids: map[string]string{}, statuses: map[string]string{},
		fees: map[string]map[string]fee{}, inspections: map[string]map[string]string{}, counts: map[string]int{},
	}
	c.key, c.keyID = w.key(t, organization, identity.Read, identity.Write, identity.Admin)
	settings := []string{"PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8", "PLOTWISE_WEBHOOK_SCHEDULE=100ms,100ms,100ms,100ms,100ms"}
	c.api = serveAlone(t, "api", w.url, settings...)
	work(t, "worker", w.url, settings...)
	hook := fmt.Sprintf(`{"url":%q,"secret":%q,"event_types":["permit.status_changed","permit.fee_changed","permit.inspection_scheduled","permit.added_to_watchlist","permit.removed_from_watchlist"]}`,
		c.receiver.url, receiverSecret)
	c.ask(t, http.StatusCreated, http.MethodPost, "/v1/webhooks", hook)
	return c
}

func (c *city) ask(t *testing.T, status int, method, path, body string) answer {
	t.Helper()
	a, err := c.api.want(t.Context(), status, request{method: method, path: path, key: c.key, body: body})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// publish imports a file and adds what is to be told of it.
func (c *city) publish(t *testing.T, source, name string, expect func(*testing.T, []map[string]string)) {
	t.Helper()
	c.load(t, source, name)
	expect(t, readCSV(t, name))
}

// publishNothing imports a file of which everything is known.
func (c *city) publishNothing(t *testing.T, source, name string) {
	t.Helper()
	before := c.events(t)
	if out := c.load(t, source, name); !strings.Contains(out, "\n  new 0, changed 0, unchanged ") {
		t.Errorf("import of %s again says %q, want nothing new or changed", name, out)
	}
	if after := c.events(t); after != before {
		t.Errorf("import of %s again makes %d events, want none", name, after-before)
	}
}

func (c *city) load(t *testing.T, source, name string) string {
	t.Helper()
	code, out, failure := complete(t, c.url, "import", "--source", source, "--rejects", filepath.Join(t.TempDir(), "rejects.csv"), name)
	if code != 0 {
		t.Fatalf("import of %s ended with %d: %s%s", name, code, out, failure)
	}
	return out
}

func (c *city) events(t *testing.T) int {
	t.Helper()
	var n int
	if err := c.db.GetContext(t.Context(), &n, "select count(*) from events"); err != nil {
		t.Fatal(err)
	}
	return n
}

// watch adds every permit that there is to the watchlist, in batches.
func (c *city) watch(t *testing.T) {
	t.Helper()
	for numbers := range slices.Chunk(slices.Sorted(maps.Keys(c.statuses)), 100) {
		var items []map[string]string
		for _, n := range numbers {
			items = append(items, map[string]string{"permit_number": n, "jurisdiction": "charlotte"})
		}
		body, err := json.Marshal(map[string]any{"items": items})
		if err != nil {
			t.Fatal(err)
		}
		var found struct {
			Data []struct {
				Status int
				Item   struct {
					PermitUUID   string `json:"permit_uuid"`
					PermitNumber string `json:"permit_number"`
				}
			}
		}
		a := c.ask(t, http.StatusOK, http.MethodPost, "/v1/watchlist/batch", string(body))
		if err := json.Unmarshal(a.body, &found); err != nil || len(found.Data) != len(numbers) {
			t.Fatalf("the batch is answered with %s, %v; want %d results", a.body, err, len(numbers))
		}
		for i, d := range found.Data {
			if d.Status != http.StatusCreated || d.Item.PermitNumber != numbers[i] {
				t.Fatalf("permit %q is answered with %d and %q, want 201 and its number", numbers[i], d.Status, d.Item.PermitNumber)
			}
			c.uuids[numbers[i]] = d.Item.PermitUUID
			c.expect("watched", numbers[i], watchLine("permit.added_to_watchlist", numbers[i], "api_key", c.keyID))
		}
	}
}

func (c *city) unwatch(t *testing.T, number string) {
	t.Helper()
	c.ask(t, http.StatusNoContent, http.MethodDelete, "/v1/watchlist/"+c.uuids[number], "")
	c.expect("unwatched", number, watchLine("permit.removed_from_watchlist", number, "api_key", c.keyID))
}

// expect adds what is to be told of a permit if it is watched.
func (c *city) expect(kind, number, line string) {
	if uuid, watched := c.uuids[number]; watched {
		c.want = append(c.want, c.organization+" "+uuid+" "+line)
		c.counts[kind]++
	}
}

// expectStatuses compares each permit's status with the last one that the city gave it. Of rows with the same number the
// last one counts.
func (c *city) expectStatuses(_ *testing.T, rows []map[string]string) {
	current := map[string]string{}
	for _, row := range rows {
		if row["Record Status"] != "Error" {
			current[row["ID"]] = row["Record Status"]
		}
	}
	for number, status := range current {
		if before, known := c.statuses[number]; known && before != status {
			c.expect("status", number, statusLine(number, before, status))
		}
		c.statuses[number] = status
	}
}

// expectFees compares all fees of each permit that the rows name; the first ones of a permit are no news.
func (c *city) expectFees(_ *testing.T, rows []map[string]string) {
	current := map[string]map[string]fee{}
	for _, row := range rows {
		if current[row["PermitNum"]] == nil {
			current[row["PermitNum"]] = map[string]fee{}
		}
		current[row["PermitNum"]][row["FeeNum"]] = fee{row["FeeName"], row["FeeAmount"]}
	}
	for permit, fees := range current {
		before := c.fees[permit]
		for number, f := range fees {
			was, known := before[number]
			switch {
			case before == nil:
			case !known:
				c.expect("fee", permit, feeLine(permit, "added", number, f.name, nil, &money{f.amount, "USD"}))
			case was.amount != f.amount:
				c.expect("fee", permit, feeLine(permit, "changed", number, f.name, &money{was.amount, "USD"}, &money{f.amount, "USD"}))
			}
		}
		for number, was := range before {
			if _, there := fees[number]; !there {
				c.expect("fee", permit, feeLine(permit, "removed", number, was.name, &money{was.amount, "USD"}, nil))
			}
		}
		c.fees[permit] = fees
	}
}

// expectInspections compares the days of the inspections; the first ones of a permit are no news.
func (c *city) expectInspections(_ *testing.T, rows []map[string]string) {
	current := map[string]map[string]string{}
	for _, row := range rows {
		permit, number, date := row["PermitNum"], row["InspNum"], row["ScheduledDate"]
		if current[permit] == nil {
			current[permit] = map[string]string{}
		}
		current[permit][number] = date
		if before := c.inspections[permit]; before != nil && date != "" && date != before[number] {
			c.expect("inspection", permit, inspectionLine(permit, number, row["InspType"], before[number], date))
		}
	}
	maps.Copy(c.inspections, current)
}

func statusLine(number, previous, status string) string {
	return fmt.Sprintf("%q status %q > %q", number, previous, status)
}

func feeLine(permit, change, number, name string, previous, amount *money) string {
	return fmt.Sprintf("%q fee %s %q %q %s > %s", permit, change, number, name, previous, amount)
}

func inspectionLine(permit, number, kind, previous, date string) string {
	return fmt.Sprintf("%q inspection %q %q %q > %q", permit, number, kind, previous, date)
}

func watchLine(event, number, actor, name string) string {
	return fmt.Sprintf("%q %s by %s %s", number, event, actor, name)
}

// allDelivered is how long more than a thousand deliveries may take on a busy machine.
const allDelivered = 3 * time.Minute

// settle waits until nothing is left to be sent, and holds what was accepted against what was to be told.
func (c *city) settle(t *testing.T) {
	t.Helper()
	var pending int
	if err := until(t.Context(), allDelivered, func() bool {
		err := c.db.GetContext(t.Context(), &pending, "select count(*) from deliveries where state = 'pending'")
		return err == nil && pending == 0
	}); err != nil {
		t.Errorf("%d deliveries are left: %v", pending, err)
	}
	slices.Sort(c.want)
	if diff := cmp.Diff(c.want, c.receiver.got(t)); diff != "" {
		t.Fatalf("accepted events (-want +got):\n%s", diff)
	}
}

// check holds the numbers of all that was told against the wanted ones, and the database against the audit.
func (c *city) check(t *testing.T, want map[string]int) {
	t.Helper()
	for kind, n := range want {
		if c.counts[kind] != n {
			t.Errorf("there were %d of %s to be told, want %d", c.counts[kind], kind, n)
		}
	}
	a := c.audit(t, 0, "--strict")
	all := len(c.want)
	states := map[string]int{"succeeded": all, "pending": 0, "exhausted": 0, "cancelled": 0}
	if !a.Clean || a.Events != all || a.Pairs != all || !cmp.Equal(a.Deliveries, states) || len(a.Findings) != 0 {
		t.Errorf("audit = %+v, want %d events, each of them delivered, and nothing found", a, all)
	}
	c.api.checkStatuses(t)
	t.Logf("%d events were accepted exactly once, of %v; %d of their first attempts were refused", all, c.counts, c.receiver.refused)
}
