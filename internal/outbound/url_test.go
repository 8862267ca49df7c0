package outbound

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
	"github.com/plotwise/plotwise/internal/problem"
)

func code(d *problem.Detail) string {
	if d == nil {
		return ""
	}
	return d.Code
}

func TestCheckURL_hostile(t *testing.T) {
	for _, h := range outboundtest.Hostile {
		got := problem.Detail{In: "body"}
		if d := CheckURL(h.URL, nil); d != nil {
			got = *d
		}
		if want := (problem.Detail{In: "body", Code: h.Code, Message: h.Message}); got != want {
			t.Errorf("CheckURL(%.80q) = %+v, want %+v", h.URL, got, want)
		}
	}
}

// Every name leads to the loopback addresses here, as resolvers of the operating system would have it for 127.1.
func TestClient_Post_hostile(t *testing.T) {
	port, connections := outboundtest.Tripwire(t)
	inside := outboundtest.Resolver(t, outboundtest.LeadingTo("127.0.0.1", "::1"))
	c := newClient(t, "", 10*time.Second, inside)
	for _, h := range outboundtest.Hostile {
		if r := c.Post(t.Context(), h.URL, nil, []byte("{}")); r.Reason != Refused || r.Address.IsValid() || r.Status != 0 {
			t.Errorf("Post(%.80q) = %d, %s (%v) at %s, want %s", h.URL, r.Status, r.Reason, r.Cause, r.Address, Refused)
		}
		if n := connections(); n != 0 {
			t.Fatalf("Post(%.80q) has connected", h.URL)
		}
	}

	// The address alone has to do, for URLs that nobody checked and on ports that are let through.
	for scheme := range c.schemes {
		c.schemes[scheme] = transport(inside, func(a netip.AddrPort) error { return judge(netip.AddrPortFrom(a.Addr(), 443), nil) })
	}
	for _, h := range outboundtest.Hostile {
		u, err := url.Parse(h.URL)
		if err != nil || u.Host == "" || c.schemes[u.Scheme] == nil {
			continue // no request can be made of it
		}
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port()) + ":" + port
		r := c.post(t.Context(), u.String(), nil, []byte("{}"))
		if n := connections(); n != 0 || r.Address.IsValid() || r.Reason == "" {
			t.Fatalf("post(%.80q) = %d, %s (%v) at %s, %d connections", u, r.Status, r.Reason, r.Cause, r.Address, n)
		}
		if r.Reason != Refused && h.Code != "host" && h.Code != "uri" { // names that cannot be asked for
			t.Errorf("post(%.80q) = %s (%v), want %s", u, r.Reason, r.Cause, Refused)
		}
	}
}

func TestCheckURL(t *testing.T) {
	for _, text := range []string{
		"https://hooks.example.com", "https://hooks.example.com/", "https://hooks.example.com/permits?token=a%20b&x=/../",
		"https://hooks.example.com:443/", "https://hooks.example.com:8443/", "https://hooks.example.com:80/",
		"HTTPS://Hooks.Example.COM/", "https://my_app.example.com/", "https://xn--mnchen-3ya.example/", "https://1password.com/",
		"https://93.184.215.14/", "https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]:8443/", "https://10.example.com/",
		"https://0xabc.example.com/", "https://internal.example.com/", "https://localhost.example.com/", "https://a--b.example.com/",
		"https://hooks.example.com/" + strings.Repeat("a", 2022),
	} {
		if d := CheckURL(text, nil); d != nil {
			t.Errorf("CheckURL(%.80q) = %s: %s, want no rule", text, d.Code, d.Message)
		}
	}
}

func TestCheckURL_allowed(t *testing.T) {
	allowed := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for text, want := range map[string]string{
		"http://127.0.0.1:9000/":              "",
		"https://127.0.0.1:1/":                "",
		"http://[fd00::1]:65535/":             "",
		"http://localhost:9000/":              "",
		"http://receiver/":                    "",
		"http://hooks.plotwise.us:9000/":      "", // which may be a name of theirs
		"http://hooks.example.com/":           "https",
		"https://hooks.example.com:22/":       "port",
		"https://hooks.example.com/":          "",
		"https://93.184.215.14/":              "",
		"http://93.184.215.14/":               "https",
		"https://93.184.215.14:9000/":         "port",
		"https://10.0.0.1/":                   "public",
		"http://10.0.0.1/":                    "https",
		"http://[::1]:9000/":                  "https",
		"https://[::1]/":                      "public",
		"https://[::ffff:127.0.0.1]/":         "host",
		"http://127.1/":                       "host",
		"http://127.0.0.1:0/":                 "port",
		"http://127.0.0.1:65536/":             "port",
		"http://127.0.0.1:09/":                "port",
		"ftp://127.0.0.1/":                    "https",
		"http://user@127.0.0.1/":              "credentials",
		"http://127.0.0.1/#top":               "fragment",
		"https://169.254.169.254/latest/":     "public",
		"https://metadata.google.internal/v1": "", // refused when dialled
	} {
		if got := code(CheckURL(text, allowed)); got != want {
			t.Errorf("CheckURL(%q) = %q, want %q", text, got, want)
		}
	}
}
