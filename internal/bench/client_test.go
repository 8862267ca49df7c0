package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestClient_send(t *testing.T) {
	connections := map[string]bool{}
	seen := make(chan string, 10_000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen <- r.RemoteAddr + " " + r.Method + " " + r.URL.String() + " " + r.Header.Get("Authorization") + " " + string(body)
		if r.URL.Path == "/gone" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = io.WriteString(w, strings.Repeat("x", 1000))
	}))
	defer server.Close()
	c, address := newClient(), strings.TrimPrefix(server.URL, "http://")
	requests := []request{newRequest("POST", "/a?b=c", "k", `{"d":1}`, 200), newRequest("DELETE", "/gone", "k", "", 204)}
	for range 2 { // the second time over the same connection
		got := c.send(order{address, requests, 1, 20 * time.Millisecond})
		if got.Failure != "" || len(got.Took) != 2 || len(got.Took[0]) == 0 || len(got.Took[0])-len(got.Took[1]) > 1 {
			t.Fatalf("send = %+v, want both requests in turns", got)
		}
	}
	close(seen)
	want := map[string]bool{`POST /a?b=c Bearer k {"d":1}`: true, "DELETE /gone Bearer k ": true}
	for line := range seen {
		remote, text, _ := strings.Cut(line, " ")
		connections[remote] = true
		if !want[text] {
			t.Errorf("the server got %q", text)
		}
	}
	if len(connections) != 1 {
		t.Errorf("%d connections, want 1", len(connections))
	}
}

func TestClient_send_otherStatus(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	got := newClient().send(order{strings.TrimPrefix(server.URL, "http://"), []request{newRequest("GET", "/a", "k", "", 200)}, 2, time.Minute})
	if want := "GET /a HTTP/1.1: 404, want 200: 404 page not found\n"; got.Failure != want {
		t.Errorf("failure %q, want %q", got.Failure, want)
	}
}

func TestQuantile(t *testing.T) {
	took := []time.Duration{5, 1, 4, 2, 3}
	for i := range took {
		took[i] *= time.Millisecond
	}
	for share, want := range map[float64]float64{0: 1, 0.5: 3, 0.99: 4, 1: 5} {
		if got := quantile(took, share); got != want {
			t.Errorf("quantile(%v) = %v ms, want %v", share, got, want)
		}
	}
}
