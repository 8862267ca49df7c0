//go:build sdks

package sdks

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
)

// proxy does to requests what their X-Fault says, and counts them by their X-Fault-Id.
type proxy struct {
	forward http.Handler

	mu     sync.Mutex
	counts map[string]*count
}

// told answers what came with an id.
func (p *proxy) told(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts[r.PathValue("id")]
	if c == nil {
		c = &count{}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(c)
}

func (p *proxy) attempt(r *http.Request) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := r.Header.Get("X-Fault-Id")
	if p.counts[id] == nil {
		p.counts[id] = &count{Keys: []string{}}
	}
	return p.counts[id].add(r.Header.Get("Idempotency-Key"))
}

// ServeHTTP hands a request on, unless a fault comes between.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	first := p.attempt(r) == 1
	fault := r.Header.Get("X-Fault")
	switch {
	case fault == "limited_long", fault == "limited" && first:
		w.Header().Set("Retry-After", map[bool]string{true: "3600", false: "1"}[fault == "limited_long"])
		apiError(w, http.StatusTooManyRequests, "rate_limit_exceeded")
	case fault == "down", fault == "unavailable" && first:
		apiError(w, http.StatusServiceUnavailable, "unavailable")
	case fault == "gateway":
		page(w, http.StatusBadGateway)
	case fault == "garbage":
		page(w, http.StatusOK)
	case fault == "redirect":
		http.Redirect(w, r, "http://127.0.0.2:1/elsewhere", http.StatusFound)
	case fault == "hung", fault == "hang" && first:
		_, _ = io.Copy(io.Discard, r.Body) // or the server does not notice that the client has gone
		<-r.Context().Done()
	case fault == "reset" && first:
		p.forward.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler)
	case fault == "truncated" && first:
		p.truncate(w, r)
	default:
		p.forward.ServeHTTP(w, r)
	}
}

func page(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	fmt.Fprint(w, "<html><body><h1>It works!</h1></body></html>")
}

// truncate sends half of the answer, and closes the connection.
func (p *proxy) truncate(w http.ResponseWriter, r *http.Request) {
	r.Header.Del("Accept-Encoding")
	recorded := httptest.NewRecorder()
	p.forward.ServeHTTP(recorded, r)
	body := recorded.Body.Bytes()
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(recorded.Code)
	_, _ = w.Write(body[:len(body)/2])
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	panic(http.ErrAbortHandler)
}
