package examples

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	webhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	slackPath     = "/services/T00000000/B00000000/secret"
)

// channel is a Slack with one channel.
type channel struct {
	mu      sync.Mutex
	answers []int         // to the next posts; 200 when none are left
	held    chan struct{} // nil, or what answers wait for
	waiting int
	texts   []string // of what it took
}

func (c *channel) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Text string }
	if r.URL.Path != slackPath || r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(r.Body).Decode(&body) != nil || body.Text == "" {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	status, held := http.StatusOK, c.held
	if len(c.answers) > 0 {
		status, c.answers = c.answers[0], c.answers[1:]
	}
	c.waiting++
	c.mu.Unlock()
	if held != nil {
		<-held
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting--
	if status == http.StatusOK {
		c.texts = append(c.texts, body.Text)
	}
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "7")
	}
	w.WriteHeader(status)
}

func (c *channel) posted() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.texts)
}

func (c *channel) willAnswer(statuses ...int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers = statuses
}

// bridge is the program slack, with what it posts to.
type bridge struct {
	*process
	slack *channel
	url   string // of its webhook
}

func newBridge(t *testing.T) *bridge {
	t.Helper()
	b := &bridge{slack: &channel{}}
	server := httptest.NewServer(b.slack)
	t.Cleanup(server.Close)
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	b.url = "http://" + address + "/plotwise"
	b.process = start(t, []string{"PLOTWISE_WEBHOOK_SECRET=" + webhookSecret, "SLACK_WEBHOOK_URL=" + server.URL + slackPath, "PORT=" + port}, "slack")
	eventually(t, "slack listens", func() bool {
		response, err := http.Get(b.url)
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusMethodNotAllowed
	})
	return b
}

// awaitPosts waits for what was posted to be these texts, in any order.
func (b *bridge) awaitPosts(t *testing.T, want ...string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d messages are posted", len(want)), func() bool { return len(b.slack.posted()) >= len(want) })
	got := b.slack.posted()
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("posted (-want +got):\n%s", diff)
	}
}

type delivery struct {
	ID       string
	State    string
	Attempts []struct {
		Status          int
		ResponseHeaders map[string]string `json:"response_headers"`
	}
}

// TestSlack has the API's own worker deliver real events to the program.
func TestSlack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	b := newBridge(t)
	const permits, fees, inspections = "PermitNum,StatusCurrent", "PermitNum,FeeNum,FeeName,FeeAmount", "PermitNum,InspNum,InspType,ScheduledDate"
	w.importFile(t, "permits", permits, "24-0017,Received")
	w.importFile(t, "fees", fees, "24-0017,1,Plan Review Fee,125.00")
	w.importFile(t, "inspections", inspections, "24-0017,1,Footing,2026-02-03")
	var webhook struct{ Data struct{ ID string } }
	w.do(t, http.StatusCreated, http.MethodPost, "/v1/webhooks", fmt.Sprintf(`{"url":%q,"secret":%q,"event_types":["permit.status_changed",
		"permit.fee_changed","permit.inspection_scheduled","permit.added_to_watchlist","permit.removed_from_watchlist"]}`, b.url, webhookSecret), &webhook)

	b.slack.willAnswer(500, 429)
	w.watch(t, "24-0017")
	want := []string{"*24-0017*: now on the watchlist"}
	b.awaitPosts(t, want...)
	first := awaitDelivery(t, w, webhook.Data.ID, 3)
	var got []string
	for _, a := range first.Attempts {
		got = append(got, fmt.Sprintf("%d, Retry-After %q", a.Status, a.ResponseHeaders["Retry-After"]))
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{`204, Retry-After ""`, `503, Retry-After "30"`, `503, Retry-After "7"`}, got); diff != "" {
		t.Errorf("what slack answered while Slack failed (-want +got):\n%s", diff)
	}

	w.importFile(t, "permits", permits, "24-0017,Under <review> & hold")
	w.importFile(t, "fees", fees, "24-0017,1,Plan Review Fee,150.00", "24-0017,2,Impact Fee,4873.00")
	w.importFile(t, "inspections", inspections, "24-0017,1,Footing,2026-02-09", "24-0017,2,Final,2026-03-01")
	w.do(t, http.StatusNoContent, http.MethodDelete, "/v1/watchlist/"+w.uuid(t, "24-0017"), "", nil)
	want = append(want, "*24-0017*: status Received → Under &lt;review&gt; &amp; hold", "*24-0017*: fee Plan Review Fee: $125.00 → $150.00",
		"*24-0017*: fee Impact Fee: $0 → $4873.00", "*24-0017*: inspection Footing: 2026-02-03 → 2026-02-09",
		"*24-0017*: inspection Final: (none) → 2026-03-01", "*24-0017*: no longer on the watchlist")
	b.awaitPosts(t, want...)

	w.do(t, http.StatusAccepted, http.MethodPost, "/v1/deliveries/"+first.ID+"/retry", "", nil)
	again := awaitDelivery(t, w, webhook.Data.ID, 4)
	taken := 0
	for _, a := range again.Attempts {
		if a.Status == http.StatusNoContent {
			taken++
		}
	}
	if taken != 2 {
		t.Errorf("an event that Slack has is answered with 204 %d times, want 2: %+v", taken, again.Attempts)
	}
	b.awaitPosts(t, want...)
	b.terminate(t)
	b.awaitEnd(t)
	for _, secret := range []string{webhookSecret, webhookSecret[6:], slackPath} {
		if strings.Contains(b.said.String(), secret) {
			t.Errorf("the log holds %s", secret)
		}
	}
}

// awaitDelivery returns the oldest delivery of a webhook, when it has succeeded with so many attempts.
func awaitDelivery(t *testing.T, w *world, webhook string, attempts int) delivery {
	t.Helper()
	var one struct{ Data delivery }
	eventually(t, fmt.Sprintf("the first delivery succeeded with %d attempts", attempts), func() bool {
		var all struct{ Data []delivery }
		w.get(t, "/v1/webhooks/"+webhook+"/deliveries", &all)
		if len(all.Data) == 0 {
			return false
		}
		w.get(t, "/v1/deliveries/"+all.Data[len(all.Data)-1].ID, &one)
		return one.Data.State == "succeeded" && len(one.Data.Attempts) == attempts
	})
	return one.Data
}

// sign returns the signature of a message.
func sign(id string, at time.Time, body string) string {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(webhookSecret, "whsec_"))
	mac := hmac.New(sha256.New, key)
	_, _ = fmt.Fprintf(mac, "%s.%d.%s", id, at.Unix(), body)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// send posts a message to the program and returns the status of the answer.
func (b *bridge) send(t *testing.T, id string, at time.Time, signature, body string) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("webhook-id", id)
	request.Header.Set("webhook-timestamp", fmt.Sprint(at.Unix()))
	request.Header.Set("webhook-signature", signature)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Error(err)
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

func TestSlack_signatures(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	const body = `{"event":"permit.renamed","data":{"permit_number":"24-0017"}}` // a type that is still to come
	now := time.Now()
	good := sign("evt_1", now, body)
	forged := sign("evt_2", now, body)
	for name, c := range map[string]struct {
		id, signature, body string
		at                  time.Time
	}{
		"of another id":      {"evt_1", forged, body, now},
		"of another body":    {"evt_1", good, body + " ", now},
		"of another time":    {"evt_1", good, body, now.Add(-time.Second)},
		"none":               {"evt_1", "", body, now},
		"of another version": {"evt_1", strings.Replace(good, "v1,", "v2,", 1), body, now},
		"without a version":  {"evt_1", good[3:], body, now},
		"cut short":          {"evt_1", good[:len(good)-4], body, now},
		"with commas":        {"evt_1", forged + "," + good, body, now},
		"old":                {"evt_1", sign("evt_1", now.Add(-6*time.Minute), body), body, now.Add(-6 * time.Minute)},
		"of the future":      {"evt_1", sign("evt_1", now.Add(6*time.Minute), body), body, now.Add(6 * time.Minute)},
		"of too much":        {"evt_1", sign("evt_1", now, strings.Repeat("x", 1<<21)), strings.Repeat("x", 1<<21), now},
	} {
		if got := b.send(t, c.id, c.at, c.signature, c.body); got != http.StatusUnauthorized {
			t.Errorf("a signature %s is answered with %d, want 401", name, got)
		}
	}
	b.awaitPosts(t)
	fourMinutes := now.Add(-4 * time.Minute)
	for range 2 { // the second time, it is there already
		if got := b.send(t, "evt_1", fourMinutes, "v1a,xyz "+forged+" "+sign("evt_1", fourMinutes, body), body); got != http.StatusNoContent {
			t.Errorf("two signatures, one of them right, are answered with %d, want 204", got)
		}
	}
	b.awaitPosts(t, "*24-0017*: permit.renamed")
}

// hold keeps Slack from answering until it is released.
func (c *channel) hold() (release func()) {
	held := make(chan struct{})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.held = held
	return func() { close(held) }
}

func (c *channel) awaitHeld(t *testing.T) {
	t.Helper()
	eventually(t, "Slack holds a message", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.waiting > 0
	})
}

// TestSlack_stops shows that an event that comes twice at once is posted once, and that SIGTERM lets what is under way
// finish.
func TestSlack_stops(t *testing.T) {
	t.Parallel()
	b := newBridge(t)
	const body = `{"event":"permit.added_to_watchlist","data":{"permit_number":"24-0017"}}`
	now := time.Now()
	statuses := make(chan int, 2)
	send := func(id string) { statuses <- b.send(t, id, now, sign(id, now, body), body) }
	release := b.slack.hold()
	go send("evt_1")
	go send("evt_1")
	b.slack.awaitHeld(t)
	release()
	for range 2 {
		if got := <-statuses; got != http.StatusNoContent {
			t.Errorf("one of two at once is answered with %d, want 204", got)
		}
	}
	b.awaitPosts(t, "*24-0017*: now on the watchlist")

	release = b.slack.hold()
	go send("evt_2")
	b.slack.awaitHeld(t)
	b.terminate(t)
	eventually(t, "slack takes nothing new", func() bool {
		response, err := http.Get(b.url)
		if err == nil {
			_ = response.Body.Close()
		}
		return err != nil
	})
	select {
	case <-b.ended:
		t.Fatalf("slack ended with a message under way: %v", b.err)
	default:
	}
	release()
	if got := <-statuses; got != http.StatusNoContent {
		t.Errorf("what was under way is answered with %d, want 204", got)
	}
	b.awaitEnd(t)
	b.awaitPosts(t, "*24-0017*: now on the watchlist", "*24-0017*: now on the watchlist")
}

func TestSlack_withoutSlack(t *testing.T) {
	t.Parallel()
	address := freeAddress(t)
	_, port, _ := strings.Cut(address, ":")
	b := &bridge{url: "http://" + address + "/plotwise"}
	b.process = start(t, []string{"PLOTWISE_WEBHOOK_SECRET=" + webhookSecret, "SLACK_WEBHOOK_URL=http://" + freeAddress(t) + slackPath, "PORT=" + port}, "slack")
	const body = `{"event":"permit.added_to_watchlist","data":{"permit_number":"24-0017"}}`
	now := time.Now()
	eventually(t, "slack listens", func() bool { r, err := http.Get(b.url); return err == nil && r.Body.Close() == nil })
	if got := b.send(t, "evt_1", now, sign("evt_1", now, body), body); got != http.StatusServiceUnavailable {
		t.Errorf("an event that nobody takes is answered with %d, want 503", got)
	}
	eventually(t, "slack says what failed", func() bool { return strings.HasSuffix(b.said.String(), "\n") })
	if said := b.said.String(); !strings.Contains(said, "evt_1 is not posted: dial tcp") || strings.Contains(said, slackPath) {
		t.Errorf("slack says %q, want what failed without the URL", said)
	}
}
