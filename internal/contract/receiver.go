package contract

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Receiver says where the suite gets what the server's webhooks send.
type Receiver struct {
	Listener net.Listener // is closed at the end of the run; nil leaves live webhooks out
	URL      string       // under which the server reaches it; "" for http and the listener's own address
}

// check returns why a server cannot send there.
func (r Receiver) check(writes bool) error {
	if r.Listener == nil {
		return nil
	}
	if address, ok := r.Listener.Addr().(*net.TCPAddr); r.URL == "" && ok && address.IP.IsUnspecified() {
		return errors.New("a receiver that listens on every address needs the URL under which the server reaches it (--receiver-url)")
	}
	if !writes {
		return errors.New("a receiver is of use only where webhooks may be made (--allow-writes)")
	}
	return nil
}

// arrival is a request that came to the receiver, with what it was answered.
type arrival struct {
	n      int // its place among those at its path, from 1
	at     time.Time
	method string
	path   string // from the receiver's word on
	header http.Header
	body   []byte
	answer reply
}

// text renders an arrival for a report.
func (a arrival) text() string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s\n", a.method, a.path)
	_ = a.header.Write(&b) // to memory
	fmt.Fprintf(&b, "\n%s", a.body)
	return b.String()
}

// reply is what the receiver answers.
type reply struct {
	status   int
	location string
	body     string
}

// receiver keeps every request that arrives. It answers 204 where a path is to be answered with nothing else.
type receiver struct {
	url    string
	word   string // in every path that it takes, and known to no stranger
	now    func() time.Time
	server *http.Server
	served sync.WaitGroup

	mu       sync.Mutex
	arrivals map[string][]arrival // by path, the first one first
	replies  map[string][]reply   // that are to come, by path
	changed  chan struct{}        // is closed when something arrives
}

// receive starts a receiver.
func receive(o Receiver, now func() time.Time) *receiver {
	r := &receiver{url: strings.TrimSuffix(o.URL, "/"), word: rand.Text(), now: now, arrivals: map[string][]arrival{}, replies: map[string][]reply{}, changed: make(chan struct{})}
	if r.url == "" {
		r.url = "http://" + o.Listener.Addr().String()
	}
	r.server = &http.Server{Handler: r, ReadTimeout: 30 * time.Second}
	r.served.Go(func() { _ = r.server.Serve(o.Listener) }) // which ends by close alone
	return r
}

func (r *receiver) close() {
	_ = r.server.Close() // nobody waits for its answers any more
	r.served.Wait()
}

// path returns the path of a webhook of this name.
func (r *receiver) path(name string) string { return "/" + r.word + "/" + name }

// reply has the next requests to a path answered so, in that order.
func (r *receiver) reply(path string, replies ...reply) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.replies[path] = append(r.replies[path], replies...)
}

const maxArrival = 1 << 20

// ServeHTTP takes what arrives.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	at := strings.Index(request.URL.Path, "/"+r.word)
	if at < 0 {
		http.NotFound(w, request)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, request.Body, maxArrival))
	if err != nil {
		return
	}
	answer := r.take(arrival{at: r.now(), method: request.Method, path: request.URL.Path[at:], header: request.Header, body: body})
	if answer.location != "" {
		w.Header().Set("Location", answer.location)
	}
	w.WriteHeader(answer.status)
	_, _ = io.WriteString(w, answer.body)
}

// take keeps an arrival, wakes who waits for it, and returns its answer.
func (r *receiver) take(a arrival) reply {
	r.mu.Lock()
	defer r.mu.Unlock()
	a.n, a.answer = len(r.arrivals[a.path])+1, reply{status: http.StatusNoContent}
	if next := r.replies[a.path]; len(next) > 0 {
		a.answer, r.replies[a.path] = next[0], next[1:]
	}
	r.arrivals[a.path] = append(r.arrivals[a.path], a)
	close(r.changed)
	r.changed = make(chan struct{})
	return a.answer
}

// all returns what arrived at a path, the first one first.
func (r *receiver) all(path string) []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals[path])
}

// wait returns the first arrival at a path that is such a one, as soon as there is one; false when the context ends before.
func (r *receiver) wait(ctx context.Context, path string, is func(a arrival) bool) (arrival, bool) {
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if all := r.all(path); slices.ContainsFunc(all, is) {
			return all[slices.IndexFunc(all, is)], true
		}
		select {
		case <-ctx.Done():
			return arrival{}, false
		case <-changed:
		}
	}
}
