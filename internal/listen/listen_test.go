package listen_test

import (
	"bytes"
	"errors"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/listen"
)

// feed is the body of GET /v1/events.
type feed struct {
	Data []struct {
		ID     string
		Number int64
	}
}

// webhook makes a webhook at another receiver and returns its id.
func (w *world) webhook(t *testing.T, at *receiver) string {
	t.Helper()
	var made struct{ Data struct{ ID string } }
	w.call(t, http.MethodPost, "/v1/webhooks", `{"url": "http://`+at.address+`/hook", "event_types": ["permit.status_changed"]}`, &made)
	return made.Data.ID
}

func TestListener_Run(t *testing.T) {
	w := newWorld(t)
	w.tell(t, "before")
	real := newReceiver(t)
	w.webhook(t, real)
	r := w.listen(t, func(o *listen.Options) { o.PrintBodies = true })
	r.notes.await(t, "Beginning with what happens now, after event 1.")
	w.tell(t, "Größe <1> & more", "second", "third")
	var got []message
	for range 3 {
		got = append(got, w.next(t))
	}
	r.out.await(t, `"new_status": "third"`)
	r.end(t)

	said := regexp.MustCompile(`Signing secret: (whsec_\S+)`).FindStringSubmatch(r.notes.String())
	if said == nil {
		t.Fatalf("it says\n%swant the secret", r.notes)
	}
	reference, err := standardwebhooks.NewWebhook(said[1])
	if err != nil {
		t.Fatal(err)
	}
	var listed feed
	w.call(t, http.MethodGet, "/v1/events?after=1", "", &listed)
	for i, want := range []string{"Größe <1> & more", "second", "third"} {
		m := got[i]
		if m.status() != want || m.header.Get("webhook-id") != listed.Data[i].ID {
			t.Errorf("message %d is %s, %s; want %s, %s", i, m.header.Get("webhook-id"), m.body, listed.Data[i].ID, want)
		}
		if err := reference.Verify(m.body, m.header); err != nil {
			t.Errorf("the reference's Verify of message %d = %v", i, err)
		}
		line := regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d  permit\.status_changed          BLD-26-0521670    ` + listed.Data[i].ID + ` → 204 in \d+ ms$`)
		if !line.MatchString(r.out.String()) {
			t.Errorf("it prints\n%swant a line %s", r.out, line)
		}
	}
	if want := "3 forwarded, 0 failed. The next run goes on after event 4.\n"; !strings.HasSuffix(r.notes.String(), want) {
		t.Errorf("it says\n%swant %s at its end", r.notes, want)
	}
	sent := map[string]message{} // to the webhook, in any order
	for range 3 {
		m := real.next(t)
		sent[m.status()] = m
	}
	for _, m := range got {
		want := sent[m.status()]
		for _, name := range []string{"Webhook-Timestamp", "Webhook-Signature"} {
			want.header.Del(name)
			m.header.Del(name)
		}
		if diff := cmp.Diff(want.header, m.header); diff != "" || !bytes.Equal(m.body, want.body) {
			t.Errorf("it gets %s, the webhook %s; headers (-webhook +got):\n%s", m.body, want.body, diff)
		}
	}
}

// TestListener_Run_again: what happens between two runs is forwarded by the second, and nothing twice.
func TestListener_Run_again(t *testing.T) {
	w := newWorld(t)
	const given = "any text of 24 to 64 bytes, such as this"
	r := w.listen(t, func(o *listen.Options) { o.Secret = given })
	r.notes.await(t, "Signing secret: whsec_YW55IHRleHQgb2YgMjQgdG8gNjQgYnl0ZXMsIHN1Y2ggYXMgdGhpcw==\n")
	r.notes.await(t, "Test events")
	w.tell(t, "1", "2")
	m := w.next(t)
	reference, err := standardwebhooks.NewWebhookRaw([]byte(given))
	if err := errors.Join(err, reference.Verify(m.body, m.header)); err != nil || m.status() != "1" {
		t.Errorf("the first message is %s; the reference's Verify = %v", m.body, err)
	}
	w.awaitStatuses(t, "2")
	r.end(t)
	w.tell(t, "3", "4")
	r = w.resume(t)
	r.notes.await(t, "Going on after event 2, where the last run ended.")
	w.answer.Store(http.StatusInternalServerError)
	w.awaitStatuses(t, "3")
	r.out.await(t, "→ 500 in ")
	w.answer.Store(http.StatusFound)
	w.awaitStatuses(t, "4")
	r.out.await(t, "→ 302 in ")
	r.end(t)
	r.notes.await(t, "0 forwarded, 2 failed. The next run goes on after event 4.")

	w.answer.Store(http.StatusNoContent)
	w.tell(t, "5")
	r = w.listen(t, func(o *listen.Options) { o.Start = listen.FromNow })
	r.notes.await(t, "Beginning with what happens now, after event 5.")
	w.tell(t, "6")
	w.awaitStatuses(t, "6")
	r.end(t)
	r = w.listen(t, func(o *listen.Options) { o.Start = listen.FromOldest })
	r.notes.await(t, "Beginning with the oldest event that is kept.")
	w.awaitStatuses(t, "1", "2", "3", "4", "5", "6")
	r.end(t)
}

// TestListener_Run_end: a post that is under way is let finish, and counts.
func TestListener_Run_end(t *testing.T) {
	w := newWorld(t)
	held, release := make(chan struct{}), make(chan struct{})
	slow := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		held <- struct{}{}
		<-release
		rw.WriteHeader(http.StatusAccepted)
	})
	w.server.Config.Handler = slow
	r := w.resume(t)
	w.tell(t, "1", "2")
	<-held
	r.cancel()
	r.notes.await(t, "Ending when http://"+w.address+"/hook has answered; Ctrl-C once more ends at once.")
	close(release)
	r.end(t)
	r.notes.await(t, "1 forwarded, 0 failed. The next run goes on after event 1.")
	w.server.Config.Handler = w.receiver
	r = w.resume(t)
	w.awaitStatuses(t, "2")
	r.end(t)
}

// TestListener_Run_receiverDown: while nothing listens it waits, and says so once.
func TestListener_Run_receiverDown(t *testing.T) {
	w := newWorld(t)
	w.server.Close()
	r := w.resume(t)
	w.tell(t, "1", "2", "3")
	for range 5 {
		if got := r.wait(t); got != time.Second {
			t.Errorf("it waits %s, want 1s", got)
		}
	}
	if want := "Nothing answers at http://" + w.address + "/hook (connection refused): waiting for it."; r.notes.count(want) != 1 {
		t.Errorf("it says\n%swant once %s", r.notes, want)
	}
	r.end(t) // which loses nothing
	r.notes.await(t, "0 forwarded, 0 failed. The next run goes on after event 0.")
	r = w.resume(t)
	r.notes.await(t, "Nothing answers at ")
	w.start(t)
	r.wait(t)
	w.awaitStatuses(t, "1", "2", "3")
	r.end(t)
}

func TestListener_Run_types(t *testing.T) {
	w := newWorld(t)
	real := newReceiver(t)
	webhook := w.webhook(t, real)
	amount := "12.50"
	w.tell(t, "1")
	real.awaitStatuses(t, "1") // first: a webhook's deliveries may overtake each other
	w.append(t, events.NewFeeChanged(w.permit(), events.Fee{Name: "Plan review", NewAmount: &amount}))
	w.tell(t, "2")
	real.awaitStatuses(t, "2")
	r := w.listen(t, func(o *listen.Options) {
		o.Start, o.Types = listen.FromOldest, []string{events.FeeChanged, events.Added, events.FeeChanged}
	})
	r.notes.await(t, "Events (permit.added_to_watchlist, permit.fee_changed) of Palmetto Builders at ")
	if m := w.next(t); !strings.Contains(string(m.body), `"permit.fee_changed"`) {
		t.Errorf("it gets %s, want the fee", m.body)
	}
	w.ask(t, real, "/v1/webhooks/"+webhook+"/test", `{"event_type": "permit.status_changed"}`)
	w.ask(t, real, "/v1/webhooks/"+webhook+"/test", `{"event_type": "permit.added_to_watchlist"}`)
	r.look(t)
	if m := w.next(t); !strings.Contains(string(m.body), `"permit.added_to_watchlist"`) || m.header.Get("Plotwise-Test") != "true" {
		t.Errorf("it gets %v %s, want the test of what is added", m.header, m.body)
	}
	r.end(t) // behind what was passed over
	r.notes.await(t, "2 forwarded, 0 failed. The next run goes on after event 3.")
}

// ask asks for a test or a retry, which comes to the webhook's receiver.
func (w *world) ask(t *testing.T, at *receiver, path, body string) {
	t.Helper()
	taken := make(chan struct{})
	go func() { defer close(taken); <-at.got }()
	w.call(t, http.MethodPost, path, body, &struct{}{})
	select {
	case <-taken:
	case <-time.After(patience):
		t.Fatalf("POST %s brought nothing", path)
	}
}

// awaitSuccess waits until the outcome of a delivery is recorded: a retry that is asked for before comes to the attempt under way.
func (w *world) awaitSuccess(t *testing.T, delivery string) {
	t.Helper()
	for deadline := now().Add(patience); now().Before(deadline); {
		var found struct{ Data struct{ State string } }
		if w.call(t, http.MethodGet, "/v1/deliveries/"+delivery, "", &found); found.Data.State == "succeeded" {
			return
		}
	}
	t.Fatalf("the delivery %s did not succeed", delivery)
}

func TestListener_Run_testsAndRetries(t *testing.T) {
	w := newWorld(t)
	real := newReceiver(t)
	webhook := w.webhook(t, real)
	w.ask(t, real, "/v1/webhooks/"+webhook+"/test", `{"event_type": "permit.status_changed"}`) // too early
	r := w.resume(t)
	r.notes.await(t, "Test events and retries are forwarded too.")
	w.tell(t, "1")
	w.awaitStatuses(t, "1")
	real.awaitStatuses(t, "1")
	r.out.await(t, "→ 204")
	w.ask(t, real, "/v1/webhooks/"+webhook+"/test", `{"event_type": "permit.status_changed"}`)
	var sent struct {
		Data []struct {
			ID      string
			EventID string `json:"event_id"`
			Test    bool
		}
	}
	w.call(t, http.MethodGet, "/v1/deliveries", "", &sent)
	if len(sent.Data) != 3 || !sent.Data[0].Test || sent.Data[1].Test {
		t.Fatalf("deliveries = %+v, want the event between two tests", sent.Data)
	}
	w.awaitSuccess(t, sent.Data[1].ID)
	w.ask(t, real, "/v1/deliveries/"+sent.Data[1].ID+"/retry", "")
	r.look(t)
	for i, want := range []string{"true", ""} {
		m := w.next(t)
		if m.header.Get("Plotwise-Test") != want || m.header.Get("webhook-id") != sent.Data[i].EventID {
			t.Errorf("message %d has headers %v, want Plotwise-Test %q of %s", i, m.header, want, sent.Data[i].EventID)
		}
	}
	r.out.await(t, sent.Data[0].EventID+" (test) → 204")
	r.out.await(t, sent.Data[1].EventID+" (retry) → 204")
	r.look(t) // nothing comes twice
	w.awaitSuccess(t, sent.Data[1].ID)
	w.ask(t, real, "/v1/deliveries/"+sent.Data[1].ID+"/retry", "")
	r.look(t)
	if m := w.next(t); m.header.Get("webhook-id") != sent.Data[1].EventID {
		t.Errorf("the second retry brings %v, want %s", m.header, sent.Data[1].EventID)
	}
	r.look(t)
	r.end(t)
	r.notes.await(t, "4 forwarded, 0 failed. The next run goes on after event 1.")
}

// TestListener_Run_expired: the API has deleted what came after the cursor.
func TestListener_Run_expired(t *testing.T) {
	w := newWorld(t)
	w.tell(t, "1")
	w.resume(t).end(t)
	w.tell(t, "2", "3")
	later := func() time.Time { return now().AddDate(0, 0, 31) }
	if err := events.NewFeed(w.db, events.NewHub(), later).Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.tell(t, "4", "5")
	r := w.resume(t)
	w.awaitStatuses(t, "4", "5")
	r.end(t)
	if want := "The events after number 1 were deleted, since the API keeps them for a time only: going on with the oldest there is."; r.notes.count(want) != 1 {
		t.Errorf("it says\n%swant %s", r.notes, want)
	}
}

// TestListener_Run_refused: by the API, or by what answers in its place.
func TestListener_Run_refused(t *testing.T) {
	w := newWorld(t)
	reads := w.key(t, identity.Read)
	r := w.listen(t, func(o *listen.Options) { o.APIKey = reads })
	r.notes.await(t, "Test events and retries are not forwarded: that takes a key with the admin permission.")
	w.tell(t, "1")
	w.awaitStatuses(t, "1")
	r.end(t)
	revoked := w.key(t, identity.Read)
	if _, err := w.db.ExecContext(t.Context(), "update api_keys set revoked_at = now() where last_four = $1", revoked[len(revoked)-4:]); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ key, want string }{
		"mistyped":       {"pw_live_000000000000000000000000000000000000", "the API refuses the key (401 "},
		"no key":         {"pw_test_x", "the API refuses the key (401 "},
		"revoked":        {revoked, "the API refuses the key (401 "},
		"one for writes": {w.key(t, identity.Write), "the API key may not do this (403 permission_denied): "},
	} {
		r := w.listen(t, func(o *listen.Options) { o.APIKey = c.key })
		err := r.err(t)
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error()+r.notes.String()+r.out.String(), c.key) {
			t.Errorf("%s: Run = %v, and says %q; want %q, without the key", name, err, r.notes, c.want)
		}
	}
	for _, c := range []struct {
		status int
		body   string
	}{{200, "<html>Hello</html>"}, {200, "{}"}, {404, "not found"}} {
		stranger := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			rw.WriteHeader(c.status)
			_, _ = rw.Write([]byte(c.body))
		})
		w.front.Store(&stranger)
		want := w.api.URL + " answers " + strconv.Itoa(c.status) + ", and not as this API does: is --base-url right?"
		if err := w.listen(t, func(*listen.Options) {}).err(t); err == nil || err.Error() != want {
			t.Errorf("%d %s: Run = %v, want %s", c.status, c.body, err, want)
		}
	}
}

// TestListener_Run_apiDown: it waits for the API as it asks for, or longer and longer, and says so once.
func TestListener_Run_apiDown(t *testing.T) {
	w := newWorld(t)
	r := w.resume(t)
	busy := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Retry-After", "7")
		rw.WriteHeader(http.StatusServiceUnavailable)
		_, _ = rw.Write([]byte(`{"error": {"code": "service_unavailable", "message": "Later."}}`))
	})
	gone := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	w.front.Store(&gone)
	w.api.CloseClientConnections()
	for _, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
		if got := r.wait(t); got != want {
			t.Errorf("it waits %s, want %s", got, want)
		}
	}
	w.front.Store(&busy)
	r.wait(t) // since it was gone
	for _, want := range []time.Duration{30 * time.Second, 30 * time.Second} {
		if got := r.wait(t); got != want {
			t.Errorf("it waits %s, want %s", got, want)
		}
	}
	w.tell(t, "1")
	w.front.Store(nil)
	r.wait(t)
	w.awaitStatuses(t, "1")
	r.notes.await(t, "The API answers again.")
	w.front.Store(&busy)
	r.look(t)
	if got := r.wait(t); got != 7*time.Second {
		t.Errorf("it waits %s, want the 7s that the API asks for", got)
	}
	r.notes.await(t, " answers 503 service_unavailable: trying again in 7 s.")
	r.end(t)
	if r.notes.count("trying again") != 2 || r.notes.count("does not answer (") != 1 {
		t.Errorf("it says\n%swant each trouble once", r.notes)
	}
}

// TestListener_Run_now: the end of a long feed is found with few requests.
func TestListener_Run_now(t *testing.T) {
	w := newWorld(t)
	w.tell(t, "1")
	last := 1
	for _, end := range []int{100, 101, 250, 5321} {
		_, err := w.db.ExecContext(t.Context(), `with added as (
				insert into events (organization_id, id, number, type, permit_uuid, body, schema_hash, created_at)
				select organization_id, uuid_v7(), n, type, permit_uuid, body, schema_hash, created_at
				from events, generate_series(cast($1 as bigint), $2) n where number = 1
			) update event_counters set last = $2`, last+1, end)
		if err != nil {
			t.Fatal(err)
		}
		last = end
		r := w.listen(t, func(o *listen.Options) { o.Start = listen.FromNow })
		r.notes.await(t, "Beginning with what happens now, after event "+strconv.Itoa(end)+".")
		w.tell(t, "new")
		w.awaitStatuses(t, "new")
		r.end(t)
		last++
	}
}

func TestNew_refusals(t *testing.T) {
	good := listen.Options{APIKey: "pw_live_x", ForwardTo: "localhost:3000/hook", Now: time.Now}
	for name, c := range map[string]struct {
		change func(o *listen.Options)
		want   string
	}{
		"nothing wrong":       {func(*listen.Options) {}, ""},
		"TLS on my machine":   {func(o *listen.Options) { o.ForwardTo = "https://192.168.1.7:8000" }, ""},
		"another scheme":      {func(o *listen.Options) { o.ForwardTo = "ftp://localhost/hook" }, "--forward-to: must start with https://, such as http://localhost:3000/hook"},
		"a port alone":        {func(o *listen.Options) { o.ForwardTo = ":3000" }, "--forward-to: "},
		"no URL":              {func(o *listen.Options) { o.ForwardTo = "" }, "--forward-to: "},
		"credentials":         {func(o *listen.Options) { o.ForwardTo = "http://me:pw_live_x@localhost" }, "--forward-to: must be without user and password"},
		"the key as base URL": {func(o *listen.Options) { o.BaseURL = "pw_live_x" }, "--base-url: must be a URL such as https://api.plotwise.us"},
		"a base URL's query":  {func(o *listen.Options) { o.BaseURL = "http://localhost:8080?x" }, "--base-url: "},
		"an empty key":        {func(o *listen.Options) { o.APIKey = "" }, "there is no API key: set PLOTWISE_API_KEY or --api-key"},
		"a key with a line":   {func(o *listen.Options) { o.APIKey = "pw_live_x\n" }, "--api-key: must be an API key, without spaces"},
		"a short secret":      {func(o *listen.Options) { o.Secret = "pw_live_x" }, "--secret: must be 24 to 64 bytes long"},
		"a broken secret":     {func(o *listen.Options) { o.Secret = "whsec_pw_live_x" }, "--secret: must go on with base64"},
		"an unknown type":     {func(o *listen.Options) { o.Types = []string{events.Added, "permit.painted"} }, `--events: "permit.painted" is none of permit.status_changed, `},
		"two things": {
			func(o *listen.Options) { o.BaseURL, o.Secret = "localhost", "x" },
			"--base-url: must be a URL such as https://api.plotwise.us\n--secret: must be",
		},
	} {
		o := good
		c.change(&o)
		_, err := listen.New(o)
		if c.want == "" {
			if err != nil {
				t.Errorf("%s: New = %v, want nil", name, err)
			}
			continue
		}
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || strings.Contains(err.Error(), "pw_live_x") {
			t.Errorf("%s: New = %v, want %s, without the key", name, err, c.want)
		}
	}
}
