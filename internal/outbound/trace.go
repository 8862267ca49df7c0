package outbound

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http/httptrace"
	"net/netip"
	"sync"
	"time"
)

// trace times a post. Its hooks may be called when the post is over: by connections that it did not wait for.
type trace struct {
	now func() time.Time

	mu      sync.Mutex
	address netip.AddrPort
	reused  bool

	resolving, connecting, handshaking, connected time.Time // when each started
	dns, connect, handshake, wait                 time.Duration
	badHandshake                                  bool
}

func (t *trace) hooks() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		DNSStart:             func(httptrace.DNSStartInfo) { t.start(&t.resolving) },
		DNSDone:              func(httptrace.DNSDoneInfo) { t.measure(&t.dns, &t.resolving) },
		ConnectStart:         func(string, string) { t.start(&t.connecting) },
		ConnectDone:          t.connectDone,
		TLSHandshakeStart:    func() { t.start(&t.handshaking) },
		TLSHandshakeDone:     t.handshakeDone,
		GotConn:              t.gotConn,
		GotFirstResponseByte: func() { t.measure(&t.wait, &t.connected) },
	}
}

// start notes the time, once: several addresses may be tried side by side.
func (t *trace) start(at *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at.IsZero() {
		*at = t.now()
	}
}

func (t *trace) measure(took *time.Duration, since *time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	*took = t.now().Sub(*since)
}

func (t *trace) connectDone(_, address string, err error) {
	if errors.Is(err, errRefused) {
		return // what a name leads to inside is nobody's business
	}
	t.measure(&t.connect, &t.connecting)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.address, _ = netip.ParseAddrPort(address)
}

func (t *trace) handshakeDone(_ tls.ConnectionState, err error) {
	t.measure(&t.handshake, &t.handshaking)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.badHandshake = err != nil
}

func (t *trace) gotConn(info httptrace.GotConnInfo) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.reused, t.connected = info.Reused, t.now()
	if a, ok := info.Conn.RemoteAddr().(*net.TCPAddr); ok {
		t.address = a.AddrPort()
	}
}

// fill adds what was measured to a Result.
func (t *trace) fill(r *Result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r.Address = netip.AddrPortFrom(t.address.Addr().Unmap(), t.address.Port())
	r.Wait = t.wait
	if !t.reused {
		r.DNS, r.Connect, r.TLS = t.dns, t.connect, t.handshake
	}
}

func (t *trace) handshakeFailed() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.badHandshake
}
