package outbound

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"code.dny.dev/ssrf"
)

// ports are those that a public address may be called on.
var ports = []uint16{443, 80, 8443}

// guard knows the addresses that nobody may be sent to. Its tables are made from IANA's registries of special addresses,
// and of IPv6 it lets through global unicast alone: better than a table that we would have to keep. Two things it does
// not do: it asks for the port before its allowed networks, so those come first here; and it refuses every IPv4-mapped
// address, where here the IPv4 address decides, as it is the one that is reached.
var guard = ssrf.New(ssrf.WithPorts(ports...), ssrf.WithDeniedV4Prefixes(azure))

// azure is what Azure's metadata is served on, beside 169.254.169.254: IANA knows the address as a public one.
var azure = netip.MustParsePrefix("168.63.129.16/32")

var errRefused = errors.New("refused")

// judge returns errRefused for an address that is neither public, on a port of a public one, nor allowed.
func judge(address netip.AddrPort, allowed []netip.Prefix) error {
	if contains(allowed, address.Addr()) {
		return nil
	}
	if err := guard.SafeAddrPort(netip.AddrPortFrom(address.Addr().Unmap(), address.Port())); err != nil {
		return fmt.Errorf("%w: %w", errRefused, err)
	}
	return nil
}

// judgeUnencrypted returns errRefused for an address that is not allowed: nothing goes over the internet in clear.
func judgeUnencrypted(address netip.AddrPort, allowed []netip.Prefix) error {
	if contains(allowed, address.Addr()) {
		return nil
	}
	return fmt.Errorf("%w: http is for allowed networks alone, and %s is in none", errRefused, address.Addr())
}

func contains(networks []netip.Prefix, address netip.Addr) bool {
	return slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(address.Unmap()) })
}

// transport returns a Transport that connects to no address that check refuses. It is asked for each one after names are
// resolved and just before connecting, so a name that leads elsewhere by then (DNS rebinding) gains nothing.
func transport(resolver *net.Resolver, check func(netip.AddrPort) error) *http.Transport {
	dialer := &net.Dialer{
		Resolver: resolver,
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			found, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("%w: %w", errRefused, err)
			}
			return check(found)
		},
	}
	return &http.Transport{
		Proxy:             nil, // not the environment's: a proxy would resolve names itself, past the check
		DialContext:       dialer.DialContext,
		TLSClientConfig:   &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2: true,
		HTTP2: &http.HTTP2Config{
			SendPingTimeout: 10 * time.Second, PingTimeout: 5 * time.Second, // finds dead connections
			// No header goes into the connection's table: its users may be strangers to each other (RFC 7541 §7.1), and signatures
			// and times would only push each other out.
			MaxEncoderHeaderTableSize: 1,
		},
		DisableCompression:     true, // so that a small answer cannot become a big one
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           500,
		MaxIdleConnsPerHost:    16,
		IdleConnTimeout:        30 * time.Second,
	}
}
