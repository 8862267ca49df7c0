package deliveries

import (
	"context"
	"fmt"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/mails"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/smtp"
	"github.com/plotwise/plotwise/internal/smtp/smtptest"
)

// once has no retries: what fails is exhausted.
var once = Options{AtOnce: 10, PerWebhook: 10, Lease: time.Minute}

// join gives the organization an owner, an admin and a plain member, and another organization an owner.
func (w *world) join(t *testing.T) {
	t.Helper()
	w.exec(t, "update organizations set plan = 'professional'")
	s := members.NewService(w.db, w.clock.now, newID)
	for _, c := range []struct {
		organization uuid.UUID
		name, role   string
	}{{organizationID, "owner", members.Owner}, {organizationID, "member", members.Plain}, {organizationID, "admin", members.Admin}, {otherID, "other", members.Owner}} {
		if _, err := s.Add(t.Context(), c.organization, members.Member{Email: c.name + "@example.com", Name: c.name, Role: c.role}); err != nil {
			t.Fatal(err)
		}
	}
}

// told lists the notifications in their order, each with whom it is mailed to.
func (w *world) told(t *testing.T) []string {
	t.Helper()
	return w.query(t, `select concat(n.type, ' to ', (select string_agg(m.email, ', ' order by m.id) from mails m
			where m.organization_id = n.organization_id and m.notification_id = n.id))
		from notifications n order by n.id`)
}

const (
	failing  = "webhook.failing to owner@example.com, admin@example.com"
	disabled = "webhook.disabled to owner@example.com, admin@example.com"
)

// fail tells of an event, which the worker sends to no avail.
func (w *world) fail(t *testing.T, k *Worker, event string) {
	t.Helper()
	w.tell(t, changed(organizationID, event))
	send(t, k)
}

// Three exhausted deliveries in a row are told of once, until one succeeds.
func TestWorker_tellsOfExhausted(t *testing.T) {
	w := newWorld(t)
	w.join(t)
	statuses := []int{500, 500, 500, 500, 500, 200, 503, 503, 503, 503}
	w.webhook(t, organizationID, receive(t, answering(statuses...)).URL)
	k := w.worker(t, once)
	for i, want := range [][]string{{}, {}, {failing}, {failing}, {failing}, {failing}, {failing}, {failing}, {failing, failing}, {failing, failing}} {
		w.fail(t, k, fmt.Sprint(i))
		check(t, fmt.Sprintf("told after answer %d, %d", i, statuses[i]), want, w.told(t))
	}
}

// What is retried on schedule counts once it is exhausted, and then once, however often somebody retries it by hand.
func TestWorker_tellsOfExhausted_byHand(t *testing.T) {
	w := newWorld(t)
	w.join(t)
	w.webhook(t, organizationID, receive(t, answering(500)).URL)
	k := w.worker(t, usual)
	w.tell(t, changed(organizationID, "1"))
	w.tell(t, changed(organizationID, "2"))
	for _, step := range []time.Duration{0, 30 * time.Second, 150 * time.Second} {
		w.advance(step)
		send(t, k)
	}
	for range 6 { // two more schedules
		if _, err := w.Retry(t.Context(), organizationID, w.newest(t, organizationID)[0].ID); err != nil {
			t.Fatal(err)
		}
		send(t, k)
	}
	check(t, "deliveries", []string{"1 exhausted 3", "2 exhausted 9"}, w.states(t))
	check(t, "told of two", []string{}, w.told(t))
	w.tell(t, changed(organizationID, "3"))
	for _, step := range []time.Duration{0, 30 * time.Second, 150 * time.Second} {
		check(t, "told before the third is exhausted", []string{}, w.told(t))
		w.advance(step)
		send(t, k)
	}
	check(t, "told of three", []string{failing}, w.told(t))
}

// A day without success is told of once, and after five the webhook is disabled.
func TestWorker_tellsOfDays(t *testing.T) {
	w := newWorld(t)
	w.join(t)
	r := receive(t, answering(500))
	hook := w.webhook(t, organizationID, r.URL)
	o := Options{Schedule: make([]time.Duration, 100), AtOnce: 10, PerWebhook: 10, Lease: time.Minute} // so that nothing is exhausted
	for i := range o.Schedule {
		o.Schedule[i] = 12 * time.Hour
	}
	k := w.worker(t, o)
	w.tell(t, changed(organizationID, "1"))
	for i := range 10 {
		send(t, k)
		want := []string{failing}
		if i < 2 { // before a day
			want = []string{}
		}
		check(t, fmt.Sprintf("told after %d half days", i), want, w.told(t))
		w.advance(12 * time.Hour)
	}
	w.tell(t, changed(organizationID, "2"))
	k = w.worker(t, Options{Schedule: o.Schedule, AtOnce: 1, PerWebhook: 10, Lease: time.Minute})
	send(t, k)
	check(t, "told after five days", []string{failing, disabled}, w.told(t))
	got, err := w.webhooks.Get(t.Context(), organizationID, hook)
	if err != nil || got.State != "disabled" || got.DisabledReason == nil || *got.DisabledReason != "No attempt succeeded for five days." {
		t.Errorf("webhook = %+v, %v; want it disabled, for that reason", got, err)
	}
	n := len(r.requests())
	send(t, k)
	w.tell(t, changed(organizationID, "3"))
	w.advance(12 * time.Hour)
	send(t, k)
	check(t, "deliveries", []string{"1 cancelled 10 the webhook was disabled", "2 cancelled 1 the webhook was disabled"}, w.states(t))
	check(t, "requests after it was disabled", n, len(r.requests()))
	check(t, "told at last", []string{failing, disabled}, w.told(t))
}

// Somebody who activates the webhook again hears of it again.
func TestWorker_tellsAnew(t *testing.T) {
	w := newWorld(t)
	w.join(t)
	hook := w.webhook(t, organizationID, receive(t, answering(500, 500, 500, 410, 500)).URL)
	k := w.worker(t, once)
	for i := range 4 {
		w.fail(t, k, fmt.Sprint(i))
	}
	check(t, "told before", []string{failing, disabled}, w.told(t))
	w.setState(t, hook, "active")
	for i, want := range [][]string{{failing, disabled}, {failing, disabled}, {failing, disabled, failing}, {failing, disabled, failing}} {
		w.fail(t, k, fmt.Sprint(10+i))
		check(t, fmt.Sprintf("told after failure %d", i), want, w.told(t))
	}
}

// What a worker says of a delivery that another one has by now does not count, be it a failure, a success or that the webhook is gone.
func TestWorker_late_health(t *testing.T) {
	for _, c := range []struct {
		late, other int
		want        string // of the webhook: its state, whether it fails, exhausted deliveries
	}{
		{410, 200, "active f 0"}, {500, 200, "active f 0"}, {200, 500, "active t 1"}, {500, 500, "active t 1"}, {410, 500, "active t 1"}, {200, 410, "disabled t 1"},
	} {
		w := newWorld(t)
		w.webhook(t, organizationID, receive(t, answering(c.other, c.late)).URL)
		w.tell(t, changed(organizationID, "1"))
		k := w.worker(t, once)
		var jobs []job
		for range 2 {
			found, err := claim(t.Context(), w.db, w.clock.now(), time.Minute, 10, 10, nil)
			if err != nil || len(found) != 1 {
				t.Fatalf("claim = %+v, %v; want one", found, err)
			}
			jobs = append(jobs, found...)
			w.advance(time.Minute)
		}
		k.work(t.Context(), jobs[1], func() {})
		k.work(t.Context(), jobs[0], func() {})
		got := w.query(t, "select concat(state, ' ', failing_since is not null, ' ', exhausted) from webhooks")
		check(t, fmt.Sprintf("%d, and late %d", c.other, c.late), []string{c.want}, got)
	}
}

// Each webhook and each organization has its own health.
func TestWorker_tells_ofOne(t *testing.T) {
	w := newWorld(t)
	w.join(t)
	bad, good := receive(t, answering(500)), receive(t, answering(200))
	for _, url := range []string{bad.URL + "/1", bad.URL + "/2", good.URL} {
		w.webhook(t, organizationID, url)
	}
	w.webhook(t, otherID, bad.URL+"/3")
	k := w.worker(t, once)
	for i := range 2 {
		w.tell(t, changed(organizationID, fmt.Sprint(i)), changed(otherID, fmt.Sprint(i)))
		send(t, k)
	}
	check(t, "told of two exhausted of each", []string{}, w.told(t))
	w.tell(t, changed(otherID, "2"))
	send(t, k)
	check(t, "told of one of the other organization", []string{"webhook.failing to other@example.com"}, w.told(t))
}

// What is told names the webhook, since when it fails, and what came of the last attempt.
func TestWorker_tells_what(t *testing.T) {
	for _, c := range []struct {
		answer func(n int, w http.ResponseWriter)
		want   string
	}{
		{answering(503), "the last one ended with: status 503. If"},
		{func(_ int, w http.ResponseWriter) { panic(http.ErrAbortHandler) }, "the last one ended with: no answer (reset). If"},
	} {
		w := newWorld(t)
		w.join(t)
		url := receive(t, c.answer).URL
		hook := w.webhook(t, organizationID, url)
		k := w.worker(t, once)
		for i := range 3 {
			w.fail(t, k, fmt.Sprint(i))
		}
		check(t, "webhook", []string{hook.String()}, w.query(t, "select webhook_id from notifications"))
		got := w.query(t, "select message from notifications")
		begin := fmt.Sprintf("No attempt to send to %s (%s) has succeeded since 2026-01-23 12:00 UTC; %s none succeeds before 2026-01-28 12:00 UTC, it will be disabled.", url, id.Format(id.Webhook, hook), c.want)
		check(t, "message", []string{begin}, got)
	}
}

func TestCame(t *testing.T) {
	for _, c := range []struct {
		a    Attempt
		want string
	}{
		{Attempt{Status: ptr(503)}, "status 503"},
		{Attempt{Error: string(outbound.Timeout)}, "no answer (timeout)"},
		{Attempt{Status: ptr(200), Error: string(outbound.Reset)}, "status 200, broken off (reset)"},
	} {
		if got := came(c.a); got != c.want {
			t.Errorf("came(%+v) = %q, want %q", c.a, got, c.want)
		}
	}
}

// What is told goes by mail to owners and admins, once each.
func TestWorker_tells_byMail(t *testing.T) {
	w := newWorld(t)
	w.join(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	s := smtptest.New(t, smtptest.Options{Content: func(n int, _ smtptest.Mail) error {
		if n == 1 {
			cancel()
		}
		return nil
	}})
	server, err := smtp.ParseServer("smtp://" + net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		t.Fatal(err)
	}
	url := receive(t, answering(503)).URL
	hook := w.webhook(t, organizationID, url)
	k := w.worker(t, once)
	for i := range 4 {
		w.fail(t, k, fmt.Sprint(i))
	}
	mails.NewMailer(w.db, server, &mail.Address{Address: "notices@plotwise.example"}, discard, w.clock.now).Run(ctx)
	var to []string
	for _, m := range s.Taken() {
		to = append(to, m.To)
		read := m.Message(t)
		body, err := io.ReadAll(quotedprintable.NewReader(read.Body))
		if err != nil {
			t.Fatal(err)
		}
		host := strings.TrimPrefix(url, "http://")
		if got, want := read.Header.Get("Subject"), "The webhook at "+host+" is failing (Palmetto Builders)"; got != want {
			t.Errorf("Subject = %q, want %q", got, want)
		}
		for _, want := range []string{url, id.Format(id.Webhook, hook), "2026-01-23 12:00 UTC", "status 503", "https://api.example.com/docs"} {
			if !strings.Contains(string(body), want) {
				t.Errorf("the mail lacks %q:\n%s", want, body)
			}
		}
	}
	check(t, "mailed to", []string{"owner@example.com", "admin@example.com"}, to)
	check(t, "mails", []string{"sent", "sent"}, w.query(t, "select state from mails"))
}
