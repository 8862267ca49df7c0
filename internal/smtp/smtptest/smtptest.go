// Package smtptest lends tests an SMTP server that keeps what it is sent.
package smtptest

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is a mail that a server took.
type Mail struct {
	From, To string // of the envelope
	Text     string // as it came
}

// Message reads a mail's header and body.
func (m Mail) Message(t *testing.T) *mail.Message {
	t.Helper()
	read, err := mail.ReadMessage(strings.NewReader(m.Text))
	if err != nil {
		t.Fatal(err)
	}
	return read
}

// Options say how a Server behaves.
type Options struct {
	StartTLS, ImplicitTLS bool
	User, Password        string                    // to be given; "" for anybody
	Recipient             func(to string) error     // answers RCPT; nil takes everybody
	Content               func(n int, m Mail) error // answers the nth mail's content, counted from 0; nil takes it
}

// Server is an SMTP server on this machine.
type Server struct {
	Host, Port string
	Roots      *x509.CertPool // with which its certificate is known

	options Options
	mu      sync.Mutex
	tried   int
	taken   []Mail
}

// New starts a server, which ends with the test.
func New(t *testing.T, o Options) *Server {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // for its certificate, of 127.0.0.1
	t.Cleanup(lender.Close)
	s := &Server{options: o, Roots: x509.NewCertPool()}
	s.Roots.AddCert(lender.Certificate())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if s.Host, s.Port, err = net.SplitHostPort(listener.Addr().String()); err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: lender.TLS.Certificates, MinVersion: tls.VersionTLS12}
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) {
		return &session{server: s}, nil
	}))
	server.Domain, server.ReadTimeout, server.WriteTimeout = "mail.example.com", time.Minute, time.Minute
	server.AllowInsecureAuth, server.EnableSMTPUTF8 = true, true
	if o.StartTLS {
		server.TLSConfig = config
	}
	if o.ImplicitTLS {
		listener = tls.NewListener(listener, config)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Serve(listener); err != nil && !errors.Is(err, smtp.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return s
}

// Taken returns the mails that the server took, in their order.
func (s *Server) Taken() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Mail{}, s.taken...)
}

// Tried returns how many mails were sent to the server, taken or not.
func (s *Server) Tried() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.tried
}

// session is what one connection says.
type session struct {
	server *Server
	known  bool // who it is
	mail   Mail
}

// AuthMechanisms lists PLAIN, where somebody has to say who they are.
func (s *session) AuthMechanisms() []string {
	if s.server.options.User == "" {
		return nil
	}
	return []string{sasl.Plain}
}

// Auth takes the user and password of the options.
func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		s.known = user == s.server.options.User && password == s.server.options.Password
		if !s.known {
			return smtp.ErrAuthFailed
		}
		return nil
	}), nil
}

// Mail begins a mail.
func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.server.options.User != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	s.mail = Mail{From: from}
	return nil
}

// Rcpt says who it is to.
func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mail.To = to
	if s.server.options.Recipient != nil {
		return s.server.options.Recipient(to)
	}
	return nil
}

// Data takes the content.
func (s *session) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mail.Text = string(text)
	s.server.mu.Lock()
	n := s.server.tried
	s.server.tried++
	s.server.mu.Unlock()
	if s.server.options.Content != nil {
		if err := s.server.options.Content(n, s.mail); err != nil {
			return err
		}
	}
	s.server.mu.Lock()
	defer s.server.mu.Unlock()
	s.server.taken = append(s.server.taken, s.mail)
	return nil
}

// Reset forgets the mail.
func (s *session) Reset() { s.mail = Mail{} }

// Logout ends the session.
func (s *session) Logout() error { return nil }
