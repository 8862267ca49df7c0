package outbound

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
)

var outside = []string{
	"1.0.0.0", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0", "168.63.129.15", "168.63.129.17", "169.253.255.255",
	"169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0",
	"223.255.255.255", "2600::1", "2606:4700:4700::1111", "2a00::1", "::ffff:8.8.8.8",
}

func TestJudge(t *testing.T) {
	for _, text := range outboundtest.Inside {
		for _, port := range ports {
			if err := judge(netip.AddrPortFrom(netip.MustParseAddr(text), port), nil); !errors.Is(err, errRefused) {
				t.Errorf("judge(%s, port %d) = %v, want %v", text, port, err, errRefused)
			}
		}
	}
	for _, text := range outside {
		for port, want := range map[uint16]error{443: nil, 80: nil, 8443: nil, 0: errRefused, 22: errRefused, 444: errRefused, 6379: errRefused} {
			if err := judge(netip.AddrPortFrom(netip.MustParseAddr(text), port), nil); !errors.Is(err, want) {
				t.Errorf("judge(%s, port %d) = %v, want %v", text, port, err, want)
			}
		}
	}
	if err := judge(netip.AddrPortFrom(netip.MustParseAddr("2606:4700:4700::1111%eth0"), 443), nil); !errors.Is(err, errRefused) {
		t.Errorf("judge with a zone = %v, want %v", err, errRefused)
	}
}

func TestJudge_allowed(t *testing.T) {
	allowed := []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32"), netip.MustParsePrefix("fd00::/16")}
	for text, want := range map[string][2]error{ // with https, with http
		"127.0.0.1:9000":          {nil, nil},
		"[::ffff:127.0.0.1]:9000": {nil, nil}, // which is the same address
		"[fd00::1]:1":             {nil, nil},
		"127.0.0.2:443":           {errRefused, errRefused},
		"[fd01::1]:443":           {errRefused, errRefused},
		"[fd00::1%eth0]:443":      {errRefused, errRefused},
		"93.184.215.14:443":       {nil, errRefused},
		"93.184.215.14:9000":      {errRefused, errRefused},
	} {
		address := netip.MustParseAddrPort(text)
		if err := judge(address, allowed); !errors.Is(err, want[0]) {
			t.Errorf("judge(%s) = %v, want %v", text, err, want[0])
		}
		if err := judgeUnencrypted(address, allowed); !errors.Is(err, want[1]) {
			t.Errorf("judgeUnencrypted(%s) = %v, want %v", text, err, want[1])
		}
	}
}

// A name that leads inside is refused, whichever address it has and whatever others stand beside it.
func TestClient_Post_names(t *testing.T) {
	for _, address := range outboundtest.Inside {
		c := newClient(t, "", 10*time.Second, outboundtest.Resolver(t, outboundtest.LeadingTo(address)))
		if r := c.Post(t.Context(), "https://hooks.example.com/", nil, nil); r.Reason != Refused || r.Address.IsValid() {
			t.Errorf("Post to %s = %s (%v) at %s, want %s", address, r.Reason, r.Cause, r.Address, Refused)
		}
	}
	c := newClient(t, "", 10*time.Second, outboundtest.Resolver(t, outboundtest.LeadingTo(outboundtest.Inside...)))
	if r := c.Post(t.Context(), "https://hooks.example.com/", nil, nil); r.Reason != Refused || r.Address.IsValid() {
		t.Errorf("Post to all = %s (%v) at %s, want %s", r.Reason, r.Cause, r.Address, Refused)
	}
}

// The name leads to an address that is let through when it is first asked for, and inside ever after: 127.0.0.1 stands
// for the internet, ::1 for what must not be reached.
func TestClient_Post_rebinding(t *testing.T) {
	receiver := receive(t, answer(200, "closed"))
	_, port, err := net.SplitHostPort(receiver.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	trap, err := net.Listen("tcp6", "[::1]:"+port)
	if err != nil {
		t.Fatal(err)
	}
	reached := outboundtest.Count(t, trap)
	c := newClient(t, "127.0.0.1/32", 10*time.Second, outboundtest.Resolver(t, func(question int) []string {
		if question == 1 {
			return []string{"127.0.0.1"}
		}
		return []string{"::1"}
	}))
	url := "http://hooks.attacker.example:" + port + "/"
	if r := c.Post(t.Context(), url, nil, nil); r.Status != 200 || r.Reason != "" {
		t.Fatalf("first Post = %d, %s (%v), want 200", r.Status, r.Reason, r.Cause)
	}
	c.Close() // so that the name is asked for again
	for range 3 {
		if r := c.Post(t.Context(), url, nil, nil); r.Reason != Refused || r.Address.IsValid() {
			t.Errorf("Post to the name rebound = %d, %s (%v) at %s, want %s", r.Status, r.Reason, r.Cause, r.Address, Refused)
		}
	}
	both := newClient(t, "127.0.0.1/32", 10*time.Second, outboundtest.Resolver(t, outboundtest.LeadingTo("::1", "127.0.0.1")))
	if r := both.Post(t.Context(), url, nil, nil); r.Status != 200 || r.Address.String() != "127.0.0.1:"+port {
		t.Errorf("Post to both = %d, %s (%v) at %s, want 200 from 127.0.0.1", r.Status, r.Reason, r.Cause, r.Address)
	}
	if n := reached(); n != 0 {
		t.Errorf("::1 was connected to %d times", n)
	}
}
