package outbound

import (
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
)

const loopback = "127.0.0.0/8"

func newClient(t *testing.T, allowed string, timeout time.Duration, r *net.Resolver) *Client {
	t.Helper()
	var networks []netip.Prefix
	if allowed != "" {
		networks = []netip.Prefix{netip.MustParsePrefix(allowed)}
	}
	c := NewClient(networks, timeout, r, time.Now)
	t.Cleanup(c.Close)
	return c
}

func receive(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s
}

// receiveTLS is a receiver whose certificate, for example.com, the client trusts.
func receiveTLS(t *testing.T, c *Client, handler http.HandlerFunc, change func(*httptest.Server)) *httptest.Server {
	t.Helper()
	s := httptest.NewUnstartedServer(handler)
	s.EnableHTTP2 = true
	if change != nil {
		change(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c.schemes["https"].TLSClientConfig.RootCAs = roots
	return s
}

// raw is a receiver that reads a request and then does with the connection as it likes.
func raw(t *testing.T, then func(net.Conn)) string {
	t.Helper()
	return receive(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		then(conn)
	}).URL
}

func answer(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestClient_Post(t *testing.T) {
	var got *http.Request
	var gotBody []byte
	receiver := receive(t, func(w http.ResponseWriter, r *http.Request) {
		got = r
		gotBody, _ = io.ReadAll(r.Body)
		w.Header().Set("X-Answer", "yes")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thanks")
	})
	c := newClient(t, loopback, 10*time.Second, nil)
	header := http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {"evt_1"}, "User-Agent": {"Plotwise"}}
	r := c.Post(t.Context(), receiver.URL+"/hooks?a=b", header, []byte(`{"event":"x"}`))

	if !r.Succeeded() || r.Status != 202 || r.Header.Get("X-Answer") != "yes" || string(r.Body) != "thanks" || r.Truncated || r.Cause != nil {
		t.Errorf("Post = %+v, want 202 with thanks", r)
	}
	if got.Method != "POST" || got.RequestURI != "/hooks?a=b" || string(gotBody) != `{"event":"x"}` {
		t.Errorf("received %s %s %s", got.Method, got.RequestURI, gotBody)
	}
	want := http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {"evt_1"}, "User-Agent": {"Plotwise"}, "Content-Length": {"13"},
	}
	if diff := cmp.Diff(want, got.Header); diff != "" {
		t.Errorf("received headers (-want +got):\n%s", diff)
	}
	if len(header) != 3 {
		t.Errorf("Post has changed its header: %v", header)
	}
	if r.Address.String() != receiver.Listener.Addr().String() {
		t.Errorf("Address = %s, want %s", r.Address, receiver.Listener.Addr())
	}
}

func TestClient_Post_statuses(t *testing.T) {
	c := newClient(t, loopback, 10*time.Second, nil)
	for status, want := range map[int]bool{200: true, 204: true, 299: true, 300: false, 304: false, 400: false, 410: false, 500: false, 503: false} {
		r := c.Post(t.Context(), receive(t, answer(status, "")).URL, nil, nil)
		if r.Status != status || r.Reason != "" || r.Succeeded() != want {
			t.Errorf("Post = %d, %s (%v), succeeded %t, want %d, %t", r.Status, r.Reason, r.Cause, r.Succeeded(), status, want)
		}
	}
}

func TestClient_Post_timing(t *testing.T) {
	c := newClient(t, loopback, 10*time.Second, outboundtest.Resolver(t, outboundtest.LeadingTo("127.0.0.1")))
	var opened, protocol atomic.Int64
	receiver := receiveTLS(t, c, func(_ http.ResponseWriter, r *http.Request) { protocol.Store(int64(r.ProtoMajor)) }, func(s *httptest.Server) {
		s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		}
	})
	_, port, _ := net.SplitHostPort(receiver.Listener.Addr().String())
	first := c.Post(t.Context(), "https://hooks.example.com:"+port+"/", nil, nil)
	if first.Status != 200 || protocol.Load() != 2 {
		t.Fatalf("Post = %d, %s (%v) by HTTP/%d, want 200 by HTTP/2", first.Status, first.Reason, first.Cause, protocol.Load())
	}
	for name, d := range map[string]time.Duration{"DNS": first.DNS, "Connect": first.Connect, "TLS": first.TLS, "Wait": first.Wait, "Total": first.Total} {
		if d <= 0 || d > 10*time.Second {
			t.Errorf("%s = %s, want a time", name, d)
		}
	}
	if sum := first.DNS + first.Connect + first.TLS + first.Wait; first.Total < sum {
		t.Errorf("Total = %s, want %s at least", first.Total, sum)
	}
	again := c.Post(t.Context(), "https://hooks.example.com:"+port+"/", nil, nil)
	if again.DNS != 0 || again.Connect != 0 || again.TLS != 0 || again.Wait <= 0 || again.Address != first.Address || opened.Load() != 1 {
		t.Errorf("Post again = %+v by %d connections, want the same one", again, opened.Load())
	}
}

func TestClient_Post_again(t *testing.T) {
	c := newClient(t, loopback, 10*time.Second, nil)
	var opened atomic.Int64
	receiver := httptest.NewUnstartedServer(answer(200, "ok"))
	receiver.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	receiver.Start()
	t.Cleanup(receiver.Close)
	for range 5 {
		if r := c.Post(t.Context(), receiver.URL, nil, []byte("{}")); r.Status != 200 {
			t.Errorf("Post = %d, %s (%v), want 200", r.Status, r.Reason, r.Cause)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("5 posts opened %d connections, want 1", n)
	}
	receiver.CloseClientConnections() // as receivers do with idle ones: no attempt may be lost to it
	if r := c.Post(t.Context(), receiver.URL, nil, []byte("{}")); r.Status != 200 || r.Connect == 0 {
		t.Errorf("Post after the connection was closed = %d, %s (%v), want 200 by a new one", r.Status, r.Reason, r.Cause)
	}
}

// A receiver may close a kept connection just when it is used again: then the request goes out on another one.
func TestClient_Post_dead(t *testing.T) {
	var requests, opened atomic.Int64
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, ok := r.Header["Idempotency-Key"]; ok {
			t.Error("received an Idempotency-Key that nobody gave")
		}
		if requests.Add(1) == 2 {
			conn, _, _ := w.(http.Hijacker).Hijack()
			_ = conn.Close()
		}
	}))
	receiver.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	receiver.Start()
	t.Cleanup(receiver.Close)
	c := newClient(t, loopback, 10*time.Second, nil)
	for range 2 {
		if r := c.Post(t.Context(), receiver.URL, nil, []byte("{}")); r.Status != 200 || r.Connect == 0 {
			t.Errorf("Post = %d, %s (%v), want 200 by a new connection", r.Status, r.Reason, r.Cause)
		}
	}
	if requests.Load() != 3 || opened.Load() != 2 {
		t.Errorf("%d requests by %d connections, want 3 by 2", requests.Load(), opened.Load())
	}
}

func TestTrace_reused(t *testing.T) {
	// A connection was on its way when another one came free.
	tr, r := trace{reused: true, dns: 1, connect: 2, handshake: 3, wait: 4}, Result{}
	tr.fill(&r)
	if diff := cmp.Diff(Result{Wait: 4}, r, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("fill (-want +got):\n%s", diff)
	}
}

func TestClient_Post_redirect(t *testing.T) {
	var reached atomic.Int64
	elsewhere := receive(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	c := newClient(t, loopback, 10*time.Second, nil)
	for _, location := range []string{"http://169.254.169.254/latest/meta-data/", elsewhere.URL, "/again", "file:///etc/passwd"} {
		for _, status := range []int{301, 302, 303, 307, 308} {
			var requests atomic.Int64
			receiver := receive(t, func(w http.ResponseWriter, _ *http.Request) {
				requests.Add(1)
				w.Header().Set("Set-Cookie", "a=b")
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			})
			r := c.Post(t.Context(), receiver.URL, nil, []byte("{}"))
			if r.Status != status || r.Reason != "" || r.Succeeded() || requests.Load() != 1 || r.Header.Get("Location") != location {
				t.Errorf("Post = %d, %s (%v) after %d requests, want %d after 1", r.Status, r.Reason, r.Cause, requests.Load(), status)
			}
		}
	}
	if reached.Load() != 0 {
		t.Error("a redirect was followed")
	}
}

func TestClient_Post_cookies(t *testing.T) {
	c := newClient(t, loopback, 10*time.Second, nil)
	receiver := receive(t, func(w http.ResponseWriter, r *http.Request) {
		if len(r.Cookies()) > 0 {
			t.Errorf("received cookies %v", r.Cookies())
		}
		w.Header().Set("Set-Cookie", "a=b")
	})
	for range 2 {
		if r := c.Post(t.Context(), receiver.URL, nil, nil); r.Status != 200 {
			t.Errorf("Post = %d, %s (%v), want 200", r.Status, r.Reason, r.Cause)
		}
	}
}

// The receiver has a name, because net/http sends loopback addresses to no proxy anyhow.
func TestClient_Post_proxy(t *testing.T) {
	port, connections := outboundtest.Tripwire(t)
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+port)
	}
	c := newClient(t, loopback, 10*time.Second, outboundtest.Resolver(t, outboundtest.LeadingTo("127.0.0.1")))
	plain, secure := receive(t, answer(200, "")), receiveTLS(t, c, answer(200, ""), nil)
	for _, s := range []*httptest.Server{plain, secure} {
		url := strings.Replace(s.URL, "127.0.0.1", "hooks.example.com", 1)
		if r := c.Post(t.Context(), url, nil, nil); r.Status != 200 || r.Address.String() != s.Listener.Addr().String() {
			t.Errorf("Post to %s = %d, %s (%v) at %s, want 200", url, r.Status, r.Reason, r.Cause, r.Address)
		}
	}
	if n := connections(); n != 0 {
		t.Errorf("the proxy was connected to %d times", n)
	}
	for scheme, transport := range c.schemes {
		if transport.Proxy != nil {
			t.Errorf("%s goes by a proxy", scheme)
		}
	}
}

func TestClient_Post_body(t *testing.T) {
	for size, want := range map[int]int{0: 0, 1: 1, maxBodyBytes: maxBodyBytes, maxBodyBytes + 1: maxBodyBytes, 1 << 20: maxBodyBytes} {
		c := newClient(t, loopback, 10*time.Second, nil)
		r := c.Post(t.Context(), receive(t, answer(200, strings.Repeat("x", size))).URL, nil, nil)
		if len(r.Body) != want || r.Truncated != (size > want) || !r.Succeeded() {
			t.Errorf("Post = %d bytes, truncated %t, %s (%v), want %d of %d", len(r.Body), r.Truncated, r.Reason, r.Cause, want, size)
		}
	}
}

func TestClient_Post_endless(t *testing.T) {
	ended := make(chan struct{}, 2)
	endless := func(w http.ResponseWriter, _ *http.Request) {
		block := bytes.Repeat([]byte("x"), 4096)
		for {
			if _, err := w.Write(block); err != nil {
				ended <- struct{}{}
				return
			}
		}
	}
	c := newClient(t, loopback, time.Minute, nil)
	for _, url := range []string{receive(t, endless).URL, receiveTLS(t, c, endless, nil).URL} {
		r := c.Post(t.Context(), url, nil, []byte("{}"))
		if r.Status != 200 || len(r.Body) != 64<<10 || !r.Truncated || !r.Succeeded() || r.Total > 30*time.Second {
			t.Errorf("Post = %d, %d bytes, %s (%v) in %s, want 64 KiB of 200", r.Status, len(r.Body), r.Reason, r.Cause, r.Total)
		}
		<-ended // for the receiver too
	}
}

func TestClient_Post_compressed(t *testing.T) {
	var small bytes.Buffer
	w := gzip.NewWriter(&small)
	_, _ = w.Write(make([]byte, 1<<20))
	_ = w.Close()
	c := newClient(t, loopback, 10*time.Second, nil)
	r := c.Post(t.Context(), receive(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "" {
			t.Errorf("Accept-Encoding = %s, want none", got)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(small.Bytes())
	}).URL, nil, nil)
	if !bytes.Equal(r.Body, small.Bytes()[:min(small.Len(), maxBodyBytes)]) {
		t.Errorf("Post = %d bytes, want the %d that were sent", len(r.Body), small.Len())
	}
}
