package outbound

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
)

// Reason says why a post has no answer, or not all of it. The texts are stored and shown: they never change.
type Reason string

// The reasons, in the order in which a post meets them.
const (
	Refused  Reason = "refused_address" // the URL breaks a rule of CheckURL, or its name leads to an address that may not be called
	DNS      Reason = "dns"             // the name has no address, or nobody could say
	Connect  Reason = "connect"         // no connection to any of its addresses
	TLS      Reason = "tls"             // no TLS 1.2 or later, or a certificate that is not valid
	Reset    Reason = "reset"           // the receiver closed the connection before the end of its answer
	Protocol Reason = "protocol"        // the answer is no HTTP, or its headers are over 64 KiB
	Timeout  Reason = "timeout"         // not done in time
	Canceled Reason = "canceled"        // by the caller's context: says nothing of the receiver
)

func reasonOf(ctx context.Context, err error, handshakeFailed bool) Reason {
	var dns *net.DNSError
	var network net.Error
	var op *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return Canceled
	case errors.Is(err, errRefused):
		return Refused
	case ctx.Err() != nil:
		return Timeout
	case errors.As(err, &dns):
		return DNS
	case errors.As(err, &network) && network.Timeout():
		return Timeout
	case handshakeFailed:
		return TLS
	case errors.As(err, &op) && op.Op == "dial":
		return Connect
	case closed(err):
		return Reset
	}
	return Protocol
}

func closed(err error) bool {
	for _, target := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED} {
		if errors.Is(err, target) {
			return true
		}
	}
	return false
}
