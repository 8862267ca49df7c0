package outbound

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
)

// receivers fail, each in its own way, when they have read a request.
var receivers = map[string]struct {
	then   func(net.Conn)
	status int
	want   Reason
}{
	"resets":                    {func(c net.Conn) { _ = c.(*net.TCPConn).SetLinger(0); _ = c.Close() }, 0, Reset},
	"closes":                    {func(c net.Conn) { _ = c.Close() }, 0, Reset},
	"closes in the status line": {func(c net.Conn) { write(c, "HTTP/1.1 20") }, 0, Protocol},
	"closes in the headers":     {func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\nA: b\r\n") }, 0, Reset},
	"closes in the body":        {func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort") }, 200, Reset},
	"closes in a chunk":         {func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nshort") }, 200, Reset},
	"speaks another protocol":   {func(c net.Conn) { write(c, "220 smtp.example.com ESMTP\r\n") }, 0, Protocol},
	"sends no status":           {func(c net.Conn) { write(c, "HTTP/1.1 000 OK\r\n\r\n") }, 0, Protocol},
	"sends a low status":        {func(c net.Conn) { write(c, "HTTP/1.1 099 OK\r\n\r\n") }, 0, Protocol},
	"sends a broken chunk":      {func(c net.Conn) { write(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n") }, 200, Protocol},
	"sends huge headers": {func(c net.Conn) {
		write(c, "HTTP/1.1 200 OK\r\nA: "+strings.Repeat("x", 128<<10)+"\r\n\r\n")
	}, 0, Protocol},
	"sends many headers": {func(c net.Conn) {
		write(c, "HTTP/1.1 200 OK\r\n"+strings.Repeat("A: b\r\n", 32<<10)+"\r\n")
	}, 0, Protocol},
	"switches and says nothing": {func(c net.Conn) {
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
		_, _ = io.Copy(io.Discard, c)
		_ = c.Close()
	}, 101, Protocol},
}

func write(c net.Conn, text string) {
	_, _ = io.WriteString(c, text)
	_ = c.(*net.TCPConn).CloseWrite()
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

func TestClient_Post_failures(t *testing.T) {
	for name, receiver := range receivers {
		t.Run(name, func(t *testing.T) {
			c := newClient(t, loopback, 20*time.Second, nil)
			r := c.Post(t.Context(), raw(t, receiver.then), nil, []byte("{}"))
			if r.Reason != receiver.want || r.Status != receiver.status || r.Succeeded() || r.Cause == nil {
				t.Errorf("Post = %d, %s (%v), want %d, %s", r.Status, r.Reason, r.Cause, receiver.status, receiver.want)
			}
			if r.Total > 10*time.Second || !r.Address.IsValid() {
				t.Errorf("Post took %s, at %s", r.Total, r.Address)
			}
		})
	}
}

func TestClient_Post_hugeHeadersHTTP2(t *testing.T) {
	c := newClient(t, loopback, 20*time.Second, nil)
	receiver := receiveTLS(t, c, func(w http.ResponseWriter, _ *http.Request) {
		for i := range 100 {
			w.Header().Set(fmt.Sprintf("X-%d", i), strings.Repeat("x", 4096))
		}
	}, nil)
	if r := c.Post(t.Context(), receiver.URL, nil, nil); r.Reason != Protocol || r.Status != 0 {
		t.Errorf("Post = %d, %s (%v), want %s", r.Status, r.Reason, r.Cause, Protocol)
	}
}

func TestClient_Post_timeout(t *testing.T) {
	const limit = 200 * time.Millisecond
	done := make(chan struct{})
	silent, err := net.Listen("tcp4", "127.0.0.1:0") // whose connections nobody accepts
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	hangs := receive(t, func(http.ResponseWriter, *http.Request) { <-done })
	drips := receive(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, ".")
		_ = http.NewResponseController(w).Flush()
		<-done
	})
	t.Cleanup(func() { close(done) }) // before the receivers close
	for name, c := range map[string]struct {
		url    string
		body   []byte
		status int
	}{
		"hangs":                  {hangs.URL, nil, 0},
		"drips":                  {drips.URL, nil, 200},
		"hangs in the handshake": {"https://" + silent.Addr().String(), nil, 0},
		"reads nothing":          {"http://" + silent.Addr().String(), make([]byte, 16<<20), 0},
	} {
		client := newClient(t, loopback, limit, nil)
		r := client.Post(t.Context(), c.url, nil, c.body)
		if r.Reason != Timeout || r.Status != c.status || r.Succeeded() || r.Total < limit || r.Total > limit+5*time.Second {
			t.Errorf("%s: Post = %d, %s (%v) in %s, want %d, %s in %s", name, r.Status, r.Reason, r.Cause, r.Total, c.status, Timeout, limit)
		}
	}
}

func TestClient_Post_resolver(t *testing.T) {
	for name, answer := range map[string]func(int) []string{"no name": nil, "no address": outboundtest.LeadingTo()} {
		r := newClient(t, "", 10*time.Second, outboundtest.Resolver(t, answer)).Post(t.Context(), "https://hooks.example.com/", nil, nil)
		if r.Reason != DNS || r.Address.IsValid() {
			t.Errorf("%s: Post = %s (%v) at %s, want %s", name, r.Reason, r.Cause, r.Address, DNS)
		}
	}
}

func TestClient_Post_connect(t *testing.T) {
	closed, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = closed.Close()
	r := newClient(t, loopback, 10*time.Second, nil).Post(t.Context(), "http://"+closed.Addr().String(), nil, nil)
	if r.Reason != Connect || r.Address.String() != closed.Addr().String() || r.Connect <= 0 {
		t.Errorf("Post = %s (%v) at %s in %s, want %s", r.Reason, r.Cause, r.Address, r.Connect, Connect)
	}
}

func TestClient_Post_certificates(t *testing.T) {
	c := newClient(t, loopback, 10*time.Second, outboundtest.Resolver(t, outboundtest.LeadingTo("127.0.0.1")))
	untrusted := newClient(t, loopback, 10*time.Second, nil)
	quiet := func(s *httptest.Server) { s.Config.ErrorLog = log.New(io.Discard, "", 0) }
	good := receiveTLS(t, c, answer(200, ""), quiet)
	old := receiveTLS(t, newClient(t, "", time.Second, nil), answer(200, ""), func(s *httptest.Server) {
		quiet(s)
		s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}
	})
	for name, p := range map[string]struct {
		client *Client
		url    string
	}{
		"no issuer":     {untrusted, good.URL},
		"another name":  {c, strings.Replace(good.URL, "127.0.0.1", "hooks.attacker.example", 1)},
		"TLS 1.1":       {c, old.URL},
		"no TLS at all": {c, strings.Replace(receive(t, answer(200, "")).URL, "http:", "https:", 1)},
	} {
		if r := p.client.Post(t.Context(), p.url, nil, nil); r.Reason != TLS || r.Status != 0 || !r.Address.IsValid() || r.TLS <= 0 {
			t.Errorf("%s: Post = %d, %s (%v), want %s", name, r.Status, r.Reason, r.Cause, TLS)
		}
	}
}

func TestClient_Post_canceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	receiver := receive(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	if r := newClient(t, loopback, 10*time.Second, nil).Post(ctx, receiver.URL, nil, nil); r.Reason != Canceled {
		t.Errorf("Post = %d, %s (%v), want %s", r.Status, r.Reason, r.Cause, Canceled)
	}
}
