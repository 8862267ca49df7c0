package smtp

import (
	"context"
	"errors"
	"io"
	"mime"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/smtp/smtptest"
)

var noon = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)

const hush = "hush-hush"

// server returns the client's side of a test's server.
func server(t *testing.T, scheme, credentials string, s *smtptest.Server) *Server {
	t.Helper()
	parsed, err := ParseServer(scheme + "://" + credentials + net.JoinHostPort(s.Host, s.Port))
	if err != nil {
		t.Fatal(err)
	}
	parsed.roots = s.Roots
	return parsed
}

func from(t *testing.T) *mail.Address {
	t.Helper()
	parsed, err := ParseFrom("Plotwise <notices@plotwise.example>")
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

func message() Message {
	return Message{ID: "01980a3c", Name: "Owner", Email: "owner@example.com", Subject: "A webhook is failing", Body: "Look at it.\n", At: noon}
}

func TestServer_Send(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	m := message()
	m.Name, m.Subject, m.Body = "Grüße an Zoë", "Der Webhook von Müller & Söhne 🏗 fällt aus", "Grüße\n.\nund mehr, "+strings.Repeat("x", 100)+"\n"
	if err := server(t, "smtp", "", s).Send(t.Context(), from(t), m); err != nil {
		t.Fatal(err)
	}
	taken := s.Taken()
	if len(taken) != 1 || taken[0].From != "notices@plotwise.example" || taken[0].To != "owner@example.com" {
		t.Fatalf("the server took %+v, want one from and to those", taken)
	}
	got := taken[0].Message(t)
	decoder := mime.WordDecoder{}
	subject, err := decoder.DecodeHeader(got.Header.Get("Subject"))
	if err != nil || subject != m.Subject {
		t.Errorf("Subject = %q, %v; want %q", subject, err, m.Subject)
	}
	to, err := got.Header.AddressList("To")
	if err != nil || len(to) != 1 || *to[0] != (mail.Address{Name: "Grüße an Zoë", Address: "owner@example.com"}) {
		t.Errorf("To = %v, %v; want that one", to, err)
	}
	for name, want := range map[string]string{
		"From": `"Plotwise" <notices@plotwise.example>`, "Message-ID": "<01980a3c@plotwise.example>", "Date": "Fri, 23 Jan 2026 12:00:00 +0000",
		"Auto-Submitted": "auto-generated", "Content-Type": "text/plain; charset=UTF-8", "MIME-Version": "1.0", "User-Agent": "", "X-Mailer": "",
	} {
		if value := got.Header.Get(name); value != want {
			t.Errorf("%s = %q, want %q", name, value, want)
		}
	}
	body, err := io.ReadAll(quotedprintable.NewReader(got.Body))
	if text := strings.ReplaceAll(string(body), "\r\n", "\n"); err != nil || text != m.Body {
		t.Errorf("the body is %q, %v; want %q", text, err, m.Body)
	}
}

// Nothing in a text begins a header or another recipient.
func TestServer_Send_injection(t *testing.T) {
	s := smtptest.New(t, smtptest.Options{})
	m := message()
	m.Subject, m.Name = "Failing\r\nBcc: thief@example.com\r\n\r\nbody", "Owner\r\nX-Injected: yes\n\"<thief@example.com>,"
	if err := server(t, "smtp", "", s).Send(t.Context(), from(t), m); err != nil {
		t.Fatal(err)
	}
	taken := s.Taken()
	if len(taken) != 1 || taken[0].To != "owner@example.com" {
		t.Fatalf("the server took %+v, want one to the owner", taken)
	}
	got := taken[0].Message(t)
	var names []string
	for name := range got.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	want := []string{"Auto-Submitted", "Content-Transfer-Encoding", "Content-Type", "Date", "From", "Message-Id", "Mime-Version", "Subject", "To"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("headers (-want +got):\n%s\n%s", diff, taken[0].Text)
	}
	if to, err := got.Header.AddressList("To"); err != nil || len(to) != 1 || to[0].Address != "owner@example.com" {
		t.Errorf("To = %v, %v; want the owner", to, err)
	}
	body, err := io.ReadAll(got.Body)
	if err != nil || string(body) != "Look at it.\r\n" {
		t.Errorf("the body is %q, %v; want the one that was given", body, err)
	}
}

func TestServer_Send_encrypted(t *testing.T) {
	for _, c := range []struct {
		name, scheme, credentials string
		options                   smtptest.Options
		elsewhere, stranger       bool   // not on this machine, with a certificate that nobody knows
		want                      string // that the failure says; "" for none
	}{
		{name: "STARTTLS", scheme: "smtp", options: smtptest.Options{StartTLS: true}, elsewhere: true},
		{name: "without STARTTLS", scheme: "smtp", elsewhere: true, want: "does not support STARTTLS"},
		{name: "without STARTTLS, with a password", scheme: "smtp", credentials: "plotwise:" + hush + "@", options: smtptest.Options{User: "plotwise", Password: hush}, elsewhere: true, want: "does not support STARTTLS"},
		{name: "STARTTLS of a stranger", scheme: "smtp", options: smtptest.Options{StartTLS: true}, elsewhere: true, stranger: true, want: "certificate"},
		{name: "from the start", scheme: "smtps", options: smtptest.Options{ImplicitTLS: true}, elsewhere: true},
		{name: "from the start, on this machine", scheme: "smtps", options: smtptest.Options{ImplicitTLS: true}},
		{name: "from the start, of a stranger", scheme: "smtps", options: smtptest.Options{ImplicitTLS: true}, stranger: true, want: "certificate"},
		{name: "not from the start", scheme: "smtps", options: smtptest.Options{StartTLS: true}, want: "first record does not look like a TLS handshake"},
		{name: "on this machine", scheme: "smtp", options: smtptest.Options{StartTLS: true}, stranger: true},
		{name: "a password", scheme: "smtp", credentials: "plotwise:" + hush + "@", options: smtptest.Options{StartTLS: true, User: "plotwise", Password: hush}, elsewhere: true},
		{name: "a password, from the start", scheme: "smtps", credentials: "plotwise:" + hush + "@", options: smtptest.Options{ImplicitTLS: true, User: "plotwise", Password: hush}, elsewhere: true},
		{name: "a password, on this machine", scheme: "smtp", credentials: "plotwise:" + hush + "@", options: smtptest.Options{User: "plotwise", Password: hush}},
		{name: "a password with marks", scheme: "smtp", credentials: "plotwise:a%40b%2Fc@", options: smtptest.Options{User: "plotwise", Password: "a@b/c"}},
		{name: "a wrong password", scheme: "smtp", credentials: "plotwise:" + hush + "@", options: smtptest.Options{User: "plotwise", Password: "other"}, want: "Authentication failed"},
		{name: "no password", scheme: "smtp", options: smtptest.Options{User: "plotwise", Password: "other"}, want: "Please authenticate first"},
	} {
		s := smtptest.New(t, c.options)
		client := server(t, c.scheme, c.credentials, s)
		if c.elsewhere {
			client.local = false
		}
		if c.stranger {
			client.roots = nil
		}
		err := client.Send(t.Context(), from(t), message())
		if (err == nil) != (c.want == "") || (err != nil && !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: Send = %v, want %q in it", c.name, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), hush) {
			t.Errorf("%s: Send = %v, which shows the password", c.name, err)
		}
		if got, want := len(s.Taken()), map[bool]int{true: 1}[c.want == ""]; got != want {
			t.Errorf("%s: the server took %d mails, want %d", c.name, got, want)
		}
	}
}

func TestServer_Send_refused(t *testing.T) {
	answer := func(code int) error { return &smtp.SMTPError{Code: code, Message: "no"} }
	for _, c := range []struct {
		name    string
		options smtptest.Options
		refused bool // for good
	}{
		{"no such recipient", smtptest.Options{Recipient: func(string) error { return answer(550) }}, true},
		{"a recipient whose box is full", smtptest.Options{Recipient: func(string) error { return answer(452) }}, false},
		{"content for now", smtptest.Options{Content: func(int, smtptest.Mail) error { return answer(451) }}, false},
		{"content", smtptest.Options{Content: func(int, smtptest.Mail) error { return answer(554) }}, false},
	} {
		s := smtptest.New(t, c.options)
		err := server(t, "smtp", "", s).Send(t.Context(), from(t), message())
		if err == nil || IsRefused(err) != c.refused {
			t.Errorf("%s: Send = %v, want a failure, for good: %t", c.name, err, c.refused)
		}
	}
}

// A server that is not there, or says nothing, does not keep anybody longer than the context.
func TestServer_Send_noAnswer(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	silent, err := ParseServer("smtp://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			t.Error(err)
		}
		cancel()
		_, _ = io.Copy(io.Discard, conn) // until the client closes it
	}()
	if err := silent.Send(ctx, from(t), message()); !errors.Is(err, context.Canceled) {
		t.Errorf("Send to a server that says nothing = %v, want that the context ended", err)
	}
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	if err := silent.Send(t.Context(), from(t), message()); err == nil || !strings.Contains(err.Error(), "connection refused") || IsRefused(err) {
		t.Errorf("Send to no server = %v, want that the connection was refused", err)
	}
}

func TestParseServer(t *testing.T) {
	for text, want := range map[string]Server{
		"smtp://mail.example.com":                      {host: "mail.example.com", port: 587},
		"smtp://mail.example.com/":                     {host: "mail.example.com", port: 587},
		"smtps://mail.example.com":                     {host: "mail.example.com", port: 465, implicit: true},
		"smtp://u%40example.com:p%3Aq@mail.example:25": {host: "mail.example", port: 25, user: "u@example.com", password: "p:q"},
		"smtp://localhost:2525":                        {host: "localhost", port: 2525, local: true},
		"smtp://127.0.0.1:2525":                        {host: "127.0.0.1", port: 2525, local: true},
		"smtps://[::1]:2525":                           {host: "::1", port: 2525, local: true, implicit: true},
		"smtp://10.0.0.1":                              {host: "10.0.0.1", port: 587},
	} {
		got, err := ParseServer(text)
		if err != nil {
			t.Errorf("ParseServer(%s) = %v, want no error", text, err)
			continue
		}
		if diff := cmp.Diff(want, *got, cmp.AllowUnexported(Server{})); diff != "" {
			t.Errorf("ParseServer(%s) (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseServer_refuses(t *testing.T) {
	for text, want := range map[string]error{
		"":                                      errServer,
		"mail.example.com:587":                  errServer,
		"http://mail.example.com":               errServer,
		"smtp://":                               errServer,
		"smtp://:587":                           errServer,
		"smtp://mail.example.com:0":             errServer,
		"smtp://mail.example.com:99999":         errServer,
		"smtp://mail.example.com/inbox":         errServer,
		"smtp://mail.example.com?tls=no":        errServer,
		"smtp://u:" + hush + "@mail example":    errServer,
		"smtp://u:" + hush + "%@mail.example":   errServer,
		"smtp://u@mail.example.com":             errCredentials,
		"smtp://:" + hush + "@mail.example.com": errCredentials,
	} {
		if got, err := ParseServer(text); !errors.Is(err, want) || strings.Contains(err.Error(), hush) {
			t.Errorf("ParseServer(%s) = %+v, %v; want %v", text, got, err, want)
		}
	}
}

func TestParseFrom(t *testing.T) {
	for text, want := range map[string]mail.Address{
		"notices@example.com":                 {Address: "notices@example.com"},
		"Plotwise <notices@example.com>":      {Name: "Plotwise", Address: "notices@example.com"},
		`"Plotwise, Inc." <n@example.com>`:    {Name: "Plotwise, Inc.", Address: "n@example.com"},
		"=?utf-8?q?Z=C3=BC?= <n@example.com>": {Name: "Zü", Address: "n@example.com"},
	} {
		if got, err := ParseFrom(text); err != nil || *got != want {
			t.Errorf("ParseFrom(%s) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "notices", "a@example.com, b@example.com", "a@example.com\nBcc: b@example.com"} {
		if got, err := ParseFrom(text); !errors.Is(err, errFrom) {
			t.Errorf("ParseFrom(%q) = %v, %v; want %v", text, got, err, errFrom)
		}
	}
}
