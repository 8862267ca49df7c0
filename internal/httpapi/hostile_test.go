package httpapi_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
)

// delivery is a delivery as the API tells of it.
type delivery struct {
	ID       string
	State    string
	Attempts []struct {
		Status          *int
		Error           *string
		Address         *string
		URL             string
		ResponseHeaders map[string]string `json:"response_headers"`
		ResponseBody    string            `json:"response_body"`
	}
}

// says tells of the attempts: each one's status or error, and the address.
func (d delivery) says() string {
	said := []string{d.State}
	for _, a := range d.Attempts {
		words := []string{}
		if a.Status != nil {
			words = append(words, fmt.Sprint(*a.Status))
		}
		for _, text := range []*string{a.Error, a.Address} {
			if text != nil {
				words = append(words, *text)
			}
		}
		said = append(said, strings.Join(words, " "))
	}
	return strings.Join(said, ", ")
}

// hook makes a webhook that is told of changes of status, and returns its id.
func (w *world) hook(t *testing.T, url string) string {
	t.Helper()
	return w.post(t, "/v1/webhooks", fmt.Sprintf(`{"url": %q, "event_types": ["permit.status_changed"]}`, url))["id"].(string)
}

// test sends a test event to a webhook, and returns what came of it, and the answer that says so.
func (w *world) test(t *testing.T, webhook string) (d delivery, text string) {
	t.Helper()
	a := w.testWebhook(t, webhook, "")
	if a.status != http.StatusOK {
		t.Fatalf("the test of a webhook = %d %s, want 200", a.status, a.body)
	}
	var body struct{ Data delivery }
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatal(err)
	}
	return body.Data, string(a.body)
}

// checkHushed fails the test unless nothing was sent, and the log says so without a word of what lies inside.
func checkHushed(t *testing.T, what string, d delivery, text, address string) {
	t.Helper()
	if got := d.says(); got != "exhausted, refused_address" {
		t.Errorf("%s: %q, want exhausted, refused_address", what, got)
		return
	}
	if a := d.Attempts[0]; len(a.ResponseHeaders) != 0 || a.ResponseBody != "" || (address != "" && strings.Contains(text, address)) {
		t.Errorf("%s: %s tells of what lies inside", what, text)
	}
}

// leading is where names lead to; it may change.
type leading struct{ atomic.Pointer[[]string] }

func (l *leading) to(addresses ...string) { l.Store(&addresses) }

// client returns one whose names all lead there.
func (l *leading) client(t *testing.T, allowed ...netip.Prefix) *outbound.Client {
	t.Helper()
	return outbound.NewClient(allowed, time.Minute, outboundtest.Resolver(t, func(int) []string { return *l.Load() }), time.Now)
}

// What a URL itself tells is refused when a webhook is made and when it is changed, with what would be right.
func TestHostile_refused(t *testing.T) {
	w := newWorld(t)
	good := "/v1/webhooks/" + w.hook(t, "https://example.com/hook")
	stored := func() (text string) {
		t.Helper()
		err := w.db.GetContext(t.Context(), &text, `select (select json_agg(w) from webhooks w)::text || (select json_agg(s) from webhook_subscriptions s)::text
			|| (select count(*) from idempotency_keys) || (select count(*) from deliveries)`)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	before := stored()
	for _, h := range outboundtest.Hostile {
		if h.Code == "" {
			continue
		}
		body, err := json.Marshal(map[string]any{"url": h.URL, "event_types": []string{"permit.status_changed"}})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []answer{
			w.as(t, w.key, http.MethodPost, "/v1/webhooks", string(body), "Idempotency-Key", "once"), w.as(t, w.key, http.MethodPatch, good, string(body)),
		} {
			checkRefused(t, h.URL, h.Rule, a)
		}
	}
	if after := stored(); after != before {
		t.Errorf("the database holds %s, want what it held before: %s", after, before)
	}
}

// checkRefused fails the test unless an answer says which rule a URL breaks, and what would be right. The specification knows
// some of what is no URL, and refuses that first.
func checkRefused(t *testing.T, url string, rule outboundtest.Rule, a answer) {
	t.Helper()
	type detail = struct{ In, Pointer, Code, Message string }
	status, code, want := http.StatusUnprocessableEntity, "invalid_body", []detail{{"body", "/url", rule.Code, rule.Message}}
	switch {
	case strings.Contains(url, "\x00"):
		status, code, want = http.StatusBadRequest, "malformed_body", []detail{{"body", "/url", "encoding", "must not contain the character NUL"}}
	case rule.Code == "uri", strings.HasPrefix(url, "//"), strings.Contains(url, "%25"):
		want = append(want, detail{"body", "/url", "format", "must be a URL such as https://example.com/path"})
	}
	checkFailure(t, fmt.Sprintf("%.80q", url), a, status, code)
	if e := a.failure(t).Error; len(e.Details) != 1 || !slices.Contains(want, e.Details[0]) || e.Message != "/url "+e.Details[0].Message+"." {
		t.Errorf("%.80q = %s, want one of %+v", url, a.body, want)
	}
}

// What only its address can tell is refused when it is dialled, and so is a URL that is stored in spite of all.
func TestHostile_dialled(t *testing.T) {
	w := newAllowingWorld(t)
	var names leading
	w.workWith(t, names.client(t))
	webhook := w.hook(t, "https://hooks.attacker.example/")
	for _, address := range outboundtest.Inside {
		names.to(address)
		d, text := w.test(t, webhook)
		checkHushed(t, "a name that leads to "+address, d, text, `"`+address)
	}
	names.to(outboundtest.Inside...)
	d, text := w.test(t, webhook)
	checkHushed(t, "a name that leads to all of them", d, text, "")
	for _, h := range outboundtest.Hostile {
		if h.Code == "maxLength" || h.URL == "" || strings.Contains(h.URL, "\x00") {
			continue // which the database does not hold
		}
		if h.Code == "" {
			webhook = w.hook(t, h.URL)
		} else if _, err := w.db.ExecContext(t.Context(), "update webhooks set url = $1", h.URL); err != nil {
			t.Fatal(err)
		}
		d, text := w.test(t, webhook)
		checkHushed(t, h.URL, d, text, "")
	}
}

// Where a network is allowed names may have any port, and still nobody connects outside of it.
func TestHostile_dialled_noConnection(t *testing.T) {
	network := netip.MustParsePrefix("198.51.100.0/24") // where nobody is
	w := newAllowingWorld(t, network)
	port, connections := outboundtest.Tripwire(t)
	var names leading
	w.workWith(t, names.client(t, network))
	for _, scheme := range []string{"https", "http"} {
		webhook := w.hook(t, scheme+"://hooks.attacker.test:"+port+"/")
		for _, addresses := range [][]string{{"127.0.0.1"}, {"::1"}, {"::ffff:127.0.0.1"}, {"0.0.0.0"}, {"::"}, {"127.0.0.1", "::1"}, {"10.0.0.1", "::1"}} {
			names.to(addresses...)
			d, text := w.test(t, webhook)
			checkHushed(t, fmt.Sprintf("%s to %s", scheme, addresses), d, text, `"`+addresses[0])
		}
	}
	if n := connections(); n != 0 {
		t.Errorf("there were %d connections, want none", n)
	}
}

// trap listens on ::1 and counts who connects, on the port that an address of 127.0.0.1 has.
func trap(t *testing.T, beside net.Addr) (port string, connections func() int64) {
	t.Helper()
	_, port, err := net.SplitHostPort(beside.String())
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp6", "[::1]:"+port)
	if err != nil {
		t.Fatal(err)
	}
	return port, outboundtest.Count(t, l)
}

// A name leads to a public address at first and inside ever after (DNS rebinding): 127.0.0.1 stands for the internet here, ::1
// for what must not be reached.
func TestHostile_rebinding(t *testing.T) {
	internet := netip.MustParsePrefix("127.0.0.1/32")
	w := newAllowingWorld(t, internet)
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) { a.WriteHeader(http.StatusBadGateway) }))
	receiver.Config.SetKeepAlivesEnabled(false) // so that every attempt asks for the address
	receiver.Start()
	t.Cleanup(receiver.Close)
	port, connections := trap(t, receiver.Listener.Addr())
	resolver := outboundtest.Resolver(t, func(question int) []string {
		if question == 1 {
			return []string{"127.0.0.1"}
		}
		return []string{"::1"}
	})
	w.workWith(t, outbound.NewClient(w.allowNets, time.Minute, resolver, time.Now), time.Millisecond, time.Millisecond)
	webhook := w.hook(t, "http://hooks.attacker.test:"+port+"/")
	w.importRows(t, strings.Replace(rows, "B-1,In Review", "B-1,Issued", 1))
	var all struct{ Data []delivery }
	for end := time.Now().Add(30 * time.Second); len(all.Data) != 1 || all.Data[0].State != "exhausted"; {
		if err := json.Unmarshal(w.get(t, "/v1/webhooks/"+webhook+"/deliveries").body, &all); err != nil {
			t.Fatal(err)
		}
		if time.Now().After(end) {
			t.Fatalf("the deliveries are %+v, want one that is exhausted", all.Data)
		}
	}
	a := w.get(t, "/v1/deliveries/"+all.Data[0].ID)
	var body struct{ Data delivery }
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatal(err)
	}
	if got, want := body.Data.says(), "exhausted, 502 127.0.0.1:"+port+", refused_address, refused_address"; got != want {
		t.Errorf("the delivery: %q, want %q", got, want)
	}
	if n := connections(); n != 0 || strings.Contains(string(a.body), "::1") {
		t.Errorf("::1 was connected to %d times, and told of: %s; want neither", n, a.body)
	}
}

// Of several addresses of a name those inside are left out, wherever they stand.
func TestHostile_severalAddresses(t *testing.T) {
	internet := netip.MustParsePrefix("127.0.0.1/32")
	w := newAllowingWorld(t, internet)
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	receiver.Config.SetKeepAlivesEnabled(false)
	receiver.Start()
	t.Cleanup(receiver.Close)
	port, connections := trap(t, receiver.Listener.Addr())
	var names leading
	w.workWith(t, names.client(t, internet))
	webhook := w.hook(t, "http://hooks.attacker.test:"+port+"/")
	for _, addresses := range [][]string{{"::1", "127.0.0.1"}, {"127.0.0.1", "::1"}, {"10.0.0.1", "127.0.0.1", "169.254.169.254", "::1"}} {
		names.to(addresses...)
		if d, text := w.test(t, webhook); d.says() != "succeeded, 200 127.0.0.1:"+port || strings.Contains(text, "::1") {
			t.Errorf("a name that leads to %s: %s, want 200 from 127.0.0.1", addresses, text)
		}
	}
	receiver.Close() // now there is no other
	names.to("127.0.0.1", "::1")
	if d, _ := w.test(t, webhook); d.State != "exhausted" || len(d.Attempts) != 1 || d.Attempts[0].Status != nil || d.Attempts[0].Error == nil {
		t.Errorf("a name whose public address does not answer: %q, want exhausted, with an error", d.says())
	}
	if n := connections(); n != 0 {
		t.Errorf("::1 was connected to %d times", n)
	}
}

// Whatever a receiver answers, what came of it can be read.
func TestHostile_answers(t *testing.T) {
	w := newAllowingWorld(t, netip.MustParsePrefix("127.0.0.1/32"))
	w.work(t)
	var many strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&many, "X-%d: %d\r\n", i, i)
	}
	var text atomic.Value
	receiver := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		conn, _, err := a.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, text.Load().(string))
		_ = conn.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}))
	t.Cleanup(receiver.Close)
	webhook, address := w.hook(t, receiver.URL), receiver.Listener.Addr().String()
	for name, c := range map[string]struct{ text, want string }{
		"no status":      {"HTTP/1.1 000 Nothing\r\n\r\n", "exhausted, protocol " + address},
		"a low status":   {"HTTP/1.1 099 Low\r\n\r\n", "exhausted, protocol " + address},
		"a high status":  {"HTTP/1.1 999 High\r\n\r\n", "exhausted, 999 " + address},
		"many headers":   {"HTTP/1.1 200 OK\r\n" + many.String() + "\r\n", "succeeded, 200 " + address},
		"a long header":  {"HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 60000) + "\r\n\r\n", "succeeded, 200 " + address},
		"one many times": {"HTTP/1.1 200 OK\r\n" + strings.Repeat("A: b\r\n", 9000) + "\r\n", "succeeded, 200 " + address},
		"odd bytes":      {"HTTP/1.1 200 OK\r\nA: \xff\xfe\r\n\r\n" + strings.Repeat("\xff\x00", 40<<10), "succeeded, 200 " + address},
		"a bad length":   {"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\nx", "exhausted, 200 reset " + address},
	} {
		text.Store(c.text)
		a := w.testWebhook(t, webhook, "")
		var body struct{ Data delivery }
		if err := json.Unmarshal(a.body, &body); err != nil {
			t.Fatal(err)
		}
		if got := body.Data.says(); a.status != http.StatusOK || got != c.want {
			t.Errorf("%s: %d %.300s, %q; want %q", name, a.status, a.body, got, c.want)
		} else if n := len(body.Data.Attempts[0].ResponseHeaders); name == "many headers" && n != 500 {
			t.Errorf("%s: %d are kept, want 500", name, n)
		}
	}
}

// A redirect is an answer that is no success, also where it leads to what may be called.
func TestHostile_redirect(t *testing.T) {
	internet := netip.MustParsePrefix("127.0.0.1/32")
	w := newAllowingWorld(t, internet)
	port, connections := outboundtest.Tripwire(t)
	w.work(t)
	var location atomic.Value
	var status atomic.Int64
	receiver := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, _ *http.Request) {
		a.Header().Set("Location", location.Load().(string))
		a.Header().Set("Refresh", "0; url="+location.Load().(string))
		a.WriteHeader(int(status.Load()))
	}))
	t.Cleanup(receiver.Close)
	webhook := w.hook(t, receiver.URL)
	address := receiver.Listener.Addr().String()
	for _, target := range []string{"http://127.0.0.1:" + port + "/", "http://[::1]:" + port + "/", "//127.0.0.1:" + port + "/", "http://169.254.169.254/latest/meta-data/"} {
		for _, s := range []int64{301, 302, 303, 307, 308} {
			location.Store(target)
			status.Store(s)
			d, text := w.test(t, webhook)
			if got, want := d.says(), fmt.Sprintf("exhausted, %d %s", s, address); got != want || d.Attempts[0].ResponseHeaders["Location"] != target {
				t.Errorf("%d to %s: %s, want %q with its Location", s, target, text, want)
			}
		}
	}
	if n := connections(); n != 0 {
		t.Errorf("redirects were followed %d times", n)
	}
}
