package mails

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	gosmtp "github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/smtp"
	"github.com/plotwise/plotwise/internal/smtp/smtptest"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a queue on its own database, with a notification to tell of, and a clock that the test sets.
type world struct {
	db                         *postgres.DB
	now                        time.Time
	log                        bytes.Buffer
	organization, notification uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon, notification: newID()}
	var err error
	if w.organization, err = organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", "starter"); err != nil {
		t.Fatal(err)
	}
	_, err = w.db.ExecContext(t.Context(), `insert into notifications (organization_id, id, type, title, message, webhook_id, created_at)
		values ($1, $2, 'webhook.failing', 'title', 'message', $2, $3)`, w.organization, w.notification, noon)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// add queues a mail.
func (w *world) add(t *testing.T, subject string) Mail {
	t.Helper()
	m := Mail{
		OrganizationID: w.organization, ID: newID(), NotificationID: w.notification, Email: "owner@example.com", Name: "Owner",
		Subject: subject, Body: "Look at it.\n", CreatedAt: noon,
	}
	if err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error { return Add(t.Context(), tx, m) }); err != nil {
		t.Fatal(err)
	}
	return m
}

// mailer returns one that sends by the test's server; nil has none.
func (w *world) mailer(t *testing.T, s *smtptest.Server) *Mailer {
	t.Helper()
	log := slog.New(slog.NewTextHandler(&w.log, nil))
	clock := func() time.Time { return w.now }
	if s == nil {
		return NewMailer(w.db, nil, nil, log, clock)
	}
	server, err := smtp.ParseServer("smtp://" + net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		t.Fatal(err)
	}
	return NewMailer(w.db, server, &mail.Address{Name: "Plotwise", Address: "notices@plotwise.example"}, log, clock)
}

func drain(t *testing.T, m *Mailer) {
	t.Helper()
	if err := m.drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// states lists the mails by their subjects: the state, the attempts, when the next one is after noon, the error.
func (w *world) states(t *testing.T) []string {
	t.Helper()
	found := []string{}
	err := w.db.SelectContext(t.Context(), &found, `select concat_ws(' ', subject, state, attempts, next_attempt_at - $1, nullif(error, '')) from mails order by subject`, noon)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (w *world) check(t *testing.T, what string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, w.states(t)); diff != "" {
		t.Errorf("mails %s (-want +got):\n%s", what, diff)
	}
}

func TestMailer(t *testing.T) {
	w := newWorld(t)
	s := smtptest.New(t, smtptest.Options{})
	m := w.add(t, "A webhook\r\nis failing")
	k := w.mailer(t, s)
	drain(t, k)
	drain(t, k)
	w.check(t, "sent", "A webhook is failing sent 1")
	taken := s.Taken()
	if len(taken) != 1 || taken[0].From != "notices@plotwise.example" || taken[0].To != "owner@example.com" {
		t.Fatalf("the server took %+v, want one", taken)
	}
	got := taken[0].Message(t)
	for name, want := range map[string]string{
		"To": `"Owner" <owner@example.com>`, "Subject": "A webhook is failing", "Message-ID": "<" + m.ID.String() + "@plotwise.example>",
		"Date": "Fri, 23 Jan 2026 12:00:00 +0000",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s = %q, want %q", name, value, want)
		}
	}
	if body, err := io.ReadAll(got.Body); err != nil || string(body) != "Look at it.\r\n" {
		t.Errorf("the body is %q, %v; want the mail's", body, err)
	}
}

// A mail that is refused for now is sent again, the same one.
func TestMailer_retries(t *testing.T) {
	w := newWorld(t)
	s := smtptest.New(t, smtptest.Options{Content: func(n int, _ smtptest.Mail) error {
		if n < 2 {
			return &gosmtp.SMTPError{Code: 451, Message: "try again later"}
		}
		return nil
	}})
	m := w.add(t, "A")
	k := w.mailer(t, s)
	drain(t, k)
	if got := w.states(t); len(got) != 1 || !strings.HasPrefix(got[0], "A pending 1 00:01:00 ") || !strings.Contains(got[0], "451") || !strings.Contains(got[0], "try again later") {
		t.Errorf("after the first attempt: %q, want it pending for a minute, with the error", got)
	}
	w.now = noon.Add(time.Minute - time.Microsecond)
	drain(t, k)
	if got := s.Tried(); got != 1 {
		t.Errorf("%d attempts before the minute is over, want 1", got)
	}
	w.now = noon.Add(time.Minute)
	drain(t, k)
	if got := w.states(t); !strings.HasPrefix(got[0], "A pending 2 00:06:00 ") {
		t.Errorf("after the second attempt: %q, want it pending for five minutes more", got)
	}
	w.now = noon.Add(6 * time.Minute)
	drain(t, k)
	w.check(t, "at last", "A sent 3")
	if taken := s.Taken(); len(taken) != 1 || !strings.Contains(taken[0].Text, m.ID.String()) {
		t.Errorf("the server took %+v, want the mail once", taken)
	}
}

// The last error stays with a mail that is given up.
func TestMailer_givesUp(t *testing.T) {
	w := newWorld(t)
	s := smtptest.New(t, smtptest.Options{Content: func(n int, _ smtptest.Mail) error {
		return &gosmtp.SMTPError{Code: 451, Message: fmt.Sprintf("refusal %d", n)}
	}})
	w.add(t, "A")
	k := w.mailer(t, s)
	for range 20 {
		drain(t, k)
		w.now = w.now.Add(8 * time.Hour)
	}
	if got := s.Tried(); got != 6 {
		t.Errorf("%d attempts, want 6", got)
	}
	if got := w.states(t); len(got) != 1 || !strings.HasPrefix(got[0], "A failed 6 ") || !strings.Contains(got[0], "refusal 5") {
		t.Errorf("mails = %q, want it failed with its last error", got)
	}
	if log := w.log.String(); strings.Count(log, "level=WARN") != 1 || !strings.Contains(log, "a mail is given up") || !strings.Contains(log, "refusal 5") {
		t.Errorf("the log says %s, want that the mail is given up, once", log)
	}
}

// Who is refused for good gets no more attempts, and keeps nobody else waiting.
func TestMailer_refused(t *testing.T) {
	w := newWorld(t)
	refusals := []error{&gosmtp.SMTPError{Code: 550, Message: "no such box"}, nil}
	s := smtptest.New(t, smtptest.Options{Recipient: func(string) (err error) {
		err, refusals = refusals[0], refusals[1:]
		return err
	}})
	w.add(t, "A")
	w.add(t, "B")
	drain(t, w.mailer(t, s))
	got := w.states(t)
	if len(got) != 2 || !strings.HasPrefix(got[0], "A failed 1 ") || !strings.Contains(got[0], "no such box") || got[1] != "B sent 1" {
		t.Errorf("mails = %q, want A failed and B sent", got)
	}
}

// Two mailers share the work: each mail is sent once.
func TestMailer_two(t *testing.T) {
	w := newWorld(t)
	s := smtptest.New(t, smtptest.Options{})
	want := map[string]int{}
	for i := range 40 {
		want[w.add(t, fmt.Sprint(i)).ID.String()] = 1
	}
	var running sync.WaitGroup
	for range 2 {
		k := w.mailer(t, s)
		running.Go(func() {
			if err := k.drain(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	running.Wait()
	got := map[string]int{}
	for _, m := range s.Taken() {
		id, _, _ := strings.Cut(strings.TrimPrefix(m.Message(t).Header.Get("Message-ID"), "<"), "@")
		got[id]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mails by how often they were sent (-want +got):\n%s", diff)
	}
}

// What a mailer took and did not see through is sent by another one after a while; what the first one says then is late.
func TestMailer_killed(t *testing.T) {
	w := newWorld(t)
	s := smtptest.New(t, smtptest.Options{})
	w.add(t, "A")
	k := w.mailer(t, s)
	late, err := claim(t.Context(), w.db, w.now, w.now.Add(lease))
	if err != nil || late == nil {
		t.Fatalf("claim = %+v, %v; want the mail", late, err)
	}
	w.now = noon.Add(59 * time.Second)
	drain(t, k)
	w.check(t, "while they may be under way", "A pending 1 00:01:00")
	w.now = noon.Add(time.Minute)
	drain(t, k)
	w.check(t, "taken over", "A sent 2")
	if err := finish(t.Context(), w.db, *late, outcome{state: failed, err: "late", endedAt: &noon}); err != nil {
		t.Fatal(err)
	}
	w.check(t, "after the late one", "A sent 2")
	if n := len(s.Taken()); n != 1 {
		t.Errorf("the server took %d mails, want 1", n)
	}
}

func TestMailer_withoutServer(t *testing.T) {
	w := newWorld(t)
	w.add(t, "A webhook is failing")
	drain(t, w.mailer(t, nil))
	w.check(t, "logged", "A webhook is failing logged 1")
	log := w.log.String()
	for _, want := range []string{"level=INFO", "a mail is not sent, for there is no SMTP server", "to=owner@example.com", `subject="A webhook is failing"`, `text="Look at it.\n"`} {
		if !strings.Contains(log, want) {
			t.Errorf("the log is %q, want %q in it", log, want)
		}
	}
}

// A mailer that is to end sees its mail through, and leaves the others.
func TestMailer_Run_ends(t *testing.T) {
	w := newWorld(t)
	ctx, cancel := context.WithCancel(t.Context())
	s := smtptest.New(t, smtptest.Options{Content: func(int, smtptest.Mail) error {
		cancel()
		return nil
	}})
	w.add(t, "A")
	w.add(t, "B")
	w.mailer(t, s).Run(ctx)
	w.check(t, "after the end", "A sent 1", "B pending 0 00:00:00")
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"Palmetto Builders": "Palmetto Builders", "a\r\nb": "a b", "\n a \t b\x00\x1b[31mc \n": "a b [31mc", "Zoë\u2028\u2029\u0085x 🏗": "Zoë x 🏗", "\n": "",
	} {
		if got := OneLine(text); got != want {
			t.Errorf("OneLine(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestBrief(t *testing.T) {
	for text, want := range map[string]string{
		"451 later": "451 later", "a\x00\xffb\nc": "a �b c", strings.Repeat("é", 1001): strings.Repeat("é", 1000),
	} {
		if got := brief(errors.New(text)); got != want {
			t.Errorf("brief(%.20q) = %.20q, want %.20q", text, got, want)
		}
	}
}

// A failed transaction sends nothing.
func TestAdd_rollsBack(t *testing.T) {
	w := newWorld(t)
	failure := errors.New("roll back")
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		if err := Add(t.Context(), tx, Mail{OrganizationID: w.organization, ID: newID(), NotificationID: w.notification, CreatedAt: noon}); err != nil {
			return err
		}
		return failure
	})
	if !errors.Is(err, failure) {
		t.Fatalf("InTx = %v, want %v", err, failure)
	}
	w.check(t, "rolled back", []string{}...)
}
