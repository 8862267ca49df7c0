// Package smtp hands mails to an SMTP server (RFC 5321).
package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Server is an SMTP server that takes mails. It is safe for concurrent use.
type Server struct {
	host           string
	port           int
	implicit       bool // TLS from the start (RFC 8314 §3.3), else by STARTTLS
	local          bool // what is sent to it stays on this machine
	user, password string
	roots          *x509.CertPool // nil: the system's
}

var (
	errServer      = errors.New("want a URL such as smtp://user:password@mail.example.com:587, or smtps://… for TLS from the start")
	errCredentials = errors.New("want a user and a password, or neither")
	errFrom        = errors.New("want an address such as notices@example.com, or Plotwise <notices@example.com>")
)

// ParseServer returns the server of a URL, smtp:// (port 587 when it names none) or smtps:// (465). To smtp:// nothing is
// sent but encrypted by STARTTLS, unless the server is on this machine. The errors show nothing of the URL.
func ParseServer(text string) (*Server, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || (u.Scheme != "smtp" && u.Scheme != "smtps") || strings.Trim(u.Path, "/") != "" || u.RawQuery+u.Fragment != "" {
		return nil, errServer
	}
	s := &Server{host: u.Hostname(), port: 587, implicit: u.Scheme == "smtps", local: isLocal(u.Hostname()), user: u.User.Username()}
	s.password, _ = u.User.Password()
	if s.implicit {
		s.port = 465
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return nil, errServer
		}
	}
	if (s.user == "") != (s.password == "") {
		return nil, errCredentials
	}
	return s, nil
}

func isLocal(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ParseFrom returns the address that mails come from, with or without a name.
func ParseFrom(text string) (*mail.Address, error) {
	from, err := mail.ParseAddress(text)
	if err != nil {
		return nil, errFrom
	}
	return from, nil
}

// Message is a mail to one recipient.
type Message struct {
	ID      string // the same when it is sent again: what stands before the @ of its Message-ID
	Name    string
	Email   string
	Subject string
	Body    string // plain text
	At      time.Time
}

// Send hands a message to the server before the context ends. It returns nil once the server has taken it.
func (s *Server) Send(ctx context.Context, from *mail.Address, m Message) error {
	conn, err := s.dial(ctx)
	if err != nil {
		return fmt.Errorf("connect to %s: %w", s.host, err)
	}
	defer func() { _ = conn.Close() }() // the client leaves it open when the server greets or authenticates badly
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	client, err := s.client(conn)
	if err != nil {
		return fmt.Errorf("prepare to send by %s: %w", s.host, err)
	}
	composed := compose(from, m)
	err = client.DialAndSendWithContext(ctx, composed)
	switch {
	case err == nil, composed.IsDelivered(): // then only saying goodbye failed
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("send by %s: %w: %w", s.host, ctx.Err(), err)
	}
	return fmt.Errorf("send by %s: %w", s.host, err)
}

// IsRefused reports whether err says that the server will never take a mail to that recipient.
func IsRefused(err error) bool {
	var e *gomail.SendError
	return errors.As(err, &e) && e.Reason == gomail.ErrSMTPRcptTo && e.ErrorCode() >= 500
}

func (s *Server) dial(ctx context.Context) (net.Conn, error) {
	address := net.JoinHostPort(s.host, strconv.Itoa(s.port))
	if s.implicit {
		return (&tls.Dialer{Config: s.tls()}).DialContext(ctx, "tcp", address)
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", address)
}

func (s *Server) tls() *tls.Config {
	return &tls.Config{ServerName: s.host, RootCAs: s.roots, MinVersion: tls.VersionTLS12}
}

// client returns what speaks to the server on an open connection.
func (s *Server) client(conn net.Conn) (*gomail.Client, error) {
	const patience = 30 * time.Second // with each half of it, should the context not end before
	options := []gomail.Option{
		gomail.WithPort(s.port), gomail.WithTimeout(patience), gomail.WithTLSConfig(s.tls()), gomail.WithTLSPolicy(gomail.TLSMandatory),
		gomail.WithDialContextFunc(func(context.Context, string, string) (net.Conn, error) { return conn, nil }),
	}
	if s.implicit || s.local {
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS)) // it is encrypted already, or leaves nothing
	}
	if s.user != "" {
		options = append(options, gomail.WithUsername(s.user), gomail.WithPassword(s.password),
			gomail.WithOpportunisticSMTPAuth(gomail.SMTPAuthSCRAMSHA256, gomail.SMTPAuthPlain, gomail.SMTPAuthLogin))
	}
	return gomail.NewClient(s.host, options...)
}

func compose(from *mail.Address, m Message) *gomail.Msg {
	composed := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	composed.FromMailAddress(from)
	composed.ToMailAddress(&mail.Address{Name: m.Name, Address: m.Email})
	composed.Subject(m.Subject)
	composed.SetDateWithValue(m.At)
	composed.SetMessageIDWithValue(m.ID + from.Address[strings.LastIndex(from.Address, "@"):])
	composed.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: so that nobody's absence note answers it
	composed.SetBodyString(gomail.TypeTextPlain, m.Body)
	return composed
}
