package outbound

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/plotwise/plotwise/internal/problem"
)

const maxURLBytes = 2048

// privateNames are the domains whose hosts are never public (RFC 6761, 6762, 8375; *.internal holds the clouds' metadata).
var privateNames = []string{"localhost", "localdomain", "local", "internal", "home.arpa"}

// exampleNames are the domains that nobody has (RFC 2606 §3).
var exampleNames = []string{"example", "example.com", "example.net", "example.org"}

// CheckURL returns the rule that a URL breaks and what would be right, for the caller to add its pointer to, or nil. The
// codes are maxLength, uri, credentials, fragment, host, https, port and public. It asks no DNS: what a name leads to is
// judged whenever Client dials it. Where networks are allowed, their addresses take http and any port, and a name may be
// theirs: but not one of those that documentation is written with.
func CheckURL(text string, allowed []netip.Prefix) *problem.Detail {
	return checkURL(text, func(h host) bool {
		return contains(allowed, h.address) || (h.name != "" && len(allowed) > 0 && !h.within(exampleNames))
	})
}

// checkURL is CheckURL with who may be where others may not.
func checkURL(text string, open func(host) bool) *problem.Detail {
	if len(text) > maxURLBytes {
		return broken("maxLength", "must have at most 2048 characters")
	}
	u, err := url.Parse(text)
	if err != nil || !plain(text) || u.Opaque != "" || u.Host == "" || strings.HasSuffix(u.Host, ":") {
		return broken("uri", "must be an absolute URL in ASCII, with all else percent-encoded (names of hosts in Punycode)")
	}
	if u.User != nil {
		return broken("credentials", "must be without user and password: send them in a header")
	}
	if strings.Contains(text, "#") {
		return broken("fragment", "must be without a fragment")
	}
	host, d := parseHost(u.Hostname())
	if d != nil {
		return d
	}
	return host.check(u, open(host))
}

func broken(code, message string) *problem.Detail {
	return &problem.Detail{In: problem.InBody, Code: code, Message: message}
}

// plain reports whether a text is printable ASCII, without the characters that parsers disagree about.
func plain(text string) bool {
	for _, c := range []byte(text) {
		if c <= ' ' || c > '~' || strings.IndexByte("\\\"<>^`{|}", c) >= 0 {
			return false
		}
	}
	return true
}

// host is an address or a name.
type host struct {
	address netip.Addr // invalid for a name
	name    string     // in lower case; "" for an address
}

// parseHost takes a host in its normal form only. Resolvers and other parsers read 2130706433, 0x7f.1, 0177.0.0.1 and
// 127.1 as 127.0.0.1; here, as in browsers, what ends in a number has to be an address (WHATWG URL §3.5).
func parseHost(text string) (host, *problem.Detail) {
	name := strings.ToLower(text)
	labels := strings.Split(name, ".")
	if address, err := netip.ParseAddr(name); err == nil {
		if address.String() != name || address.Is4In6() || address.Zone() != "" {
			return host{}, broken("host", "must have its IP address in the shortest form, without a zone")
		}
		return host{address: address}, nil
	}
	if numeric(labels[len(labels)-1]) {
		return host{}, broken("host", "must have an IPv4 address as four decimal numbers without leading zeros")
	}
	if len(name) > 253 || slices.ContainsFunc(labels, func(label string) bool { return !wellFormed(label) }) {
		return host{}, broken("host", "must have a DNS name, or an IP address, as host: without a dot at its end")
	}
	return host{name: name}, nil
}

func numeric(label string) bool {
	if hex, ok := strings.CutPrefix(label, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return label != "" && strings.Trim(label, "0123456789") == ""
}

// wellFormed reports whether a label is one of a host's name (RFC 1123 §2.1), in lower case. The underscore is none, but
// is in use.
func wellFormed(label string) bool {
	return label != "" && len(label) <= 63 && label[0] != '-' && label[len(label)-1] != '-' &&
		strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-_") == ""
}

// check holds the host, and what depends on it, against the rules.
func (h host) check(u *url.URL, open bool) *problem.Detail {
	switch {
	case u.Scheme != "https" && (!open || u.Scheme != "http"):
		return broken("https", "must start with https://")
	case !open && !h.public():
		return broken("public", "must lead to a public address")
	case !validPort(u.Port(), open):
		return broken("port", "must have port 443, 80 or 8443")
	}
	return nil
}

// public reports whether a host may be public: a name without a dot is only known to its own network.
func (h host) public() bool {
	if h.name == "" {
		return judge(netip.AddrPortFrom(h.address, ports[0]), nil) == nil
	}
	return strings.Contains(h.name, ".") && !h.within(privateNames)
}

// within reports whether a name is of one of the domains.
func (h host) within(domains []string) bool {
	return slices.ContainsFunc(domains, func(domain string) bool {
		return h.name == domain || strings.HasSuffix(h.name, "."+domain)
	})
}

func validPort(text string, open bool) bool {
	if text == "" {
		return true
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || text != strconv.FormatUint(port, 10) {
		return false
	}
	return slices.Contains(ports, uint16(port)) || (open && port > 0)
}
