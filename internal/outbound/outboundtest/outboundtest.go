package outboundtest

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
)

// Resolver returns a Resolver that asks answer for the addresses of a name, with the number of the question (from 1), and
// nobody else. Names without addresses do not exist.
func Resolver(t *testing.T, answer func(question int) []string) *net.Resolver {
	t.Helper()
	var questions atomic.Int64
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer func() { _ = server.Close() }()
			var size [2]byte
			for {
				if _, err := io.ReadFull(server, size[:]); err != nil {
					return
				}
				query := make([]byte, binary.BigEndian.Uint16(size[:]))
				if _, err := io.ReadFull(server, query); err != nil {
					return
				}
				var addresses []string
				if answer != nil { // A and AAAA are asked for apart: they make one question
					addresses = answer(int(questions.Add(1)+1) / 2)
				}
				if _, err := server.Write(response(query, addresses)); err != nil {
					return
				}
			}
		}()
		return client, nil
	}}
}

// response answers a question for addresses, by RFC 1035 §4, with its length before it.
func response(query []byte, addresses []string) []byte {
	end := 12
	for query[end] != 0 {
		end += 1 + int(query[end])
	}
	end += 5
	kind := binary.BigEndian.Uint16(query[end-4:])
	message := append([]byte{query[0], query[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, query[12:end]...)
	if len(addresses) == 0 {
		message[3] |= 3 // there is no such name
	}
	for _, text := range addresses {
		address := netip.MustParseAddr(text)
		if (kind == 1) != address.Is4() {
			continue
		}
		message[7]++
		message = append(message, 0xc0, 12, 0, byte(kind), 0, 1, 0, 0, 0, 0, 0, byte(address.BitLen()/8))
		message = append(message, address.AsSlice()...)
	}
	return append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
}

// LeadingTo answers every question with the addresses.
func LeadingTo(addresses ...string) func(int) []string {
	return func(int) []string { return addresses }
}

// Tripwire listens on both loopback addresses, on one port, and counts who connects.
func Tripwire(t *testing.T) (port string, connections func() int64) {
	t.Helper()
	for range 10 { // until a port is free on both
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if _, port, err = net.SplitHostPort(l.Addr().String()); err != nil {
			t.Fatal(err)
		}
		v4 := Count(t, l)
		if l, err = net.Listen("tcp6", "[::1]:"+port); err == nil {
			v6 := Count(t, l)
			return port, func() int64 { return v4() + v6() }
		}
	}
	t.Fatal("nothing can listen on 127.0.0.1 and ::1")
	return "", nil
}

// Count accepts connections, closes them, and tells how many there were.
func Count(t *testing.T, l net.Listener) func() int64 {
	t.Helper()
	var n atomic.Int64
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			_ = c.Close()
		}
	}()
	return n.Load
}
