package outbound

import (
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/problem"
)

// hostile are URLs that reach inside when something reads them loosely, with the rule of CheckURL that each breaks: ""
// where only its address can tell.
var hostile = []struct{ url, code string }{
	{"https://127.0.0.1/", "public"},
	{"https://127.0.0.1:8443/", "public"},
	{"https://127.255.255.254/", "public"},
	{"https://0.0.0.0/", "public"},
	{"https://0.1.2.3/", "public"},
	{"https://10.0.0.1/", "public"},
	{"https://172.16.0.1/", "public"},
	{"https://172.31.255.255/", "public"},
	{"https://192.168.1.1/", "public"},
	{"https://100.64.0.1/", "public"},
	{"https://100.100.100.200/", "public"}, // Alibaba's metadata
	{"https://169.254.169.254/latest/meta-data/", "public"},
	{"https://169.254.170.2/v2/credentials", "public"},
	{"https://192.0.0.192/", "public"}, // Oracle's metadata
	{"https://192.0.2.1/", "public"},
	{"https://198.18.0.1/", "public"},
	{"https://198.51.100.1/", "public"},
	{"https://203.0.113.1/", "public"},
	{"https://224.0.0.1/", "public"},
	{"https://240.0.0.1/", "public"},
	{"https://255.255.255.255/", "public"},
	{"https://[::1]/", "public"},
	{"https://[::]/", "public"},
	{"https://[fe80::1]/", "public"},
	{"https://[fec0::1]/", "public"},
	{"https://[fc00::1]/", "public"},
	{"https://[fd00:ec2::254]/latest/meta-data/", "public"},
	{"https://[ff02::1]/", "public"},
	{"https://[64:ff9b::7f00:1]/", "public"},
	{"https://[64:ff9b::a9fe:a9fe]/", "public"},
	{"https://[64:ff9b:1::1]/", "public"},
	{"https://[2002:7f00:1::]/", "public"},
	{"https://[2001::1]/", "public"},
	{"https://[2001:db8::1]/", "public"},
	{"https://[100::1]/", "public"},
	{"https://[::7f00:1]/", "public"}, // IPv4-compatible
	{"https://[::127.0.0.1]/", "host"},
	{"https://[::ffff:127.0.0.1]/", "host"},
	{"https://[::ffff:7f00:1]/", "host"},
	{"https://[0:0:0:0:0:ffff:7f00:0001]/", "host"},
	{"https://[0:0:0:0:0:0:0:1]/", "host"},
	{"https://[::1%25lo]/", "host"},
	{"https://[fe80::1%25eth0]/", "host"},
	{"https://2130706433/", "host"},
	{"https://0x7f000001/", "host"},
	{"https://0x7f.0.0.1/", "host"},
	{"https://0X7F.1/", "host"},
	{"https://0177.0.0.1/", "host"},
	{"https://017700000001/", "host"},
	{"https://127.1/", "host"},
	{"https://127.0.1/", "host"},
	{"https://127.0.0.01/", "host"},
	{"https://127.0.0.1./", "host"},
	{"https://127.0.0.0x1/", "host"},
	{"https://1.1.1.1.127.0.0.1/", "host"},
	{"https://256.256.256.256/", "host"},
	{"https://0x/", "host"},
	{"https://hooks.example.com./", "host"},
	{"https://.example.com/", "host"},
	{"https://hooks..example.com/", "host"},
	{"https://-hooks.example.com/", "host"},
	{"https://" + strings.Repeat("a", 64) + ".example.com/", "host"},
	{"https://" + strings.Repeat("a.", 126) + "com/", "host"},
	{"https://localhost/", "public"},
	{"https://LOCALHOST/", "public"},
	{"https://admin.localhost/", "public"},
	{"https://localhost.localdomain/", "public"},
	{"https://printer.local/", "public"},
	{"https://nas.home.arpa/", "public"},
	{"https://postgres/", "public"},
	{"https://metadata/computeMetadata/v1/", "public"},
	{"https://metadata.google.internal/computeMetadata/v1/", "public"},
	{"https://ip-10-0-0-1.ec2.internal/", "public"},
	{"https://instance-data/latest/meta-data/", "public"},
	{"https://hooks.attacker.example/", ""},
	{"https://127.0.0.1.nip.example/", ""},
	{"https://localhost.attacker.example/", ""},
	{"https://a_b.attacker.example:8443/", ""},
	{"http://hooks.attacker.example/", "https"},
	{"http://127.0.0.1/", "https"},
	{"http://169.254.169.254/latest/meta-data/", "https"},
	{"https://user:password@127.0.0.1/", "credentials"},
	{"https://hooks.example.com@127.0.0.1/", "credentials"},
	{"https://@127.0.0.1/", "credentials"},
	{"https://127.0.0.1/#.example.com", "fragment"},
	{"https://127.0.0.1#@hooks.example.com/", "fragment"},
	{"https://127.0.0.1/#", "fragment"},
	{"https://hooks.attacker.example:22/", "port"},
	{"https://hooks.attacker.example:6379/", "port"},
	{"https://hooks.attacker.example:0443/", "port"},
	{"https://hooks.attacker.example:65979/", "port"}, // 443 in 16 bits
	{"https://hooks.attacker.example:0/", "port"},
	{"https://hooks.attacker.example:/", "uri"},
	{"https://hooks.attacker.example:-443/", "uri"},
	{"https://127.0.0.1\\@hooks.example.com/", "uri"},
	{"https:\\\\127.0.0.1/", "uri"},
	{"https://127.0.0.1\t/", "uri"},
	{"https://hooks.example.com/\r\nHost: 127.0.0.1", "uri"},
	{" https://127.0.0.1/", "uri"},
	{"https://127.0.0.1 /", "uri"},
	{"https://%31%32%37.0.0.1/", "uri"},
	{"https://①②⑦.⓪.⓪.①/", "uri"},
	{"https://127。0。0。1/", "uri"},
	{"https://löcalhost.example/", "uri"},
	{"https://[::1/", "uri"},
	{"https://[127.0.0.1]/", "uri"},
	{"https:127.0.0.1/", "uri"},
	{"https:/127.0.0.1/", "uri"},
	{"https:///127.0.0.1/", "uri"},
	{"//127.0.0.1/", "https"},
	{"/hooks", "uri"},
	{"", "uri"},
	{"localhost", "uri"},
	{"file:///etc/passwd", "uri"},
	{"file://localhost/etc/passwd", "https"},
	{"gopher://127.0.0.1:6379/_INFO", "https"},
	{"javascript:alert(1)", "uri"},
	{"unix:///var/run/docker.sock", "uri"},
	{"https+unix://hooks.example.com/", "https"},
	{"https://hooks.example.com/" + strings.Repeat("a", 2023), "maxLength"},
}

func code(d *problem.Detail) string {
	if d == nil {
		return ""
	}
	return d.Code
}

func TestCheckURL_hostile(t *testing.T) {
	for _, h := range hostile {
		if got := code(CheckURL(h.url, nil)); got != h.code {
			t.Errorf("CheckURL(%.80q) = %q, want %q", h.url, got, h.code)
		}
	}
}

// Every name leads to the loopback addresses here, as resolvers of the operating system would have it for 127.1.
func TestClient_Post_hostile(t *testing.T) {
	port, connections := tripwire(t)
	inside := resolver(t, leadingTo("127.0.0.1", "::1"))
	c := newClient(t, "", 10*time.Second, inside)
	for _, h := range hostile {
		if r := c.Post(t.Context(), h.url, nil, []byte("{}")); r.Reason != Refused || r.Address.IsValid() || r.Status != 0 {
			t.Errorf("Post(%.80q) = %d, %s (%v) at %s, want %s", h.url, r.Status, r.Reason, r.Cause, r.Address, Refused)
		}
		if n := connections(); n != 0 {
			t.Fatalf("Post(%.80q) has connected", h.url)
		}
	}

	// The address alone has to do, for URLs that nobody checked and on ports that are let through.
	for scheme := range c.schemes {
		c.schemes[scheme] = transport(inside, func(a netip.AddrPort) error { return judge(netip.AddrPortFrom(a.Addr(), 443), nil) })
	}
	for _, h := range hostile {
		u, err := url.Parse(h.url)
		if err != nil || u.Host == "" || c.schemes[u.Scheme] == nil {
			continue // no request can be made of it
		}
		u.Host = strings.TrimSuffix(u.Host, ":"+u.Port()) + ":" + port
		r := c.post(t.Context(), u.String(), nil, []byte("{}"))
		if n := connections(); n != 0 || r.Address.IsValid() || r.Reason == "" {
			t.Fatalf("post(%.80q) = %d, %s (%v) at %s, %d connections", u, r.Status, r.Reason, r.Cause, r.Address, n)
		}
		if r.Reason != Refused && h.code != "host" && h.code != "uri" { // names that cannot be asked for
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

func TestCheckURL_message(t *testing.T) {
	got := CheckURL("https://10.0.0.1/", nil)
	want := problem.Detail{In: "body", Code: "public", Message: "must lead to a public address"}
	if got == nil || *got != want {
		t.Errorf("CheckURL = %+v, want %+v", got, want)
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
