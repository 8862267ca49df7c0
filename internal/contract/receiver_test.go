package contract

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := receive(Receiver{Listener: l}, time.Now)
	t.Cleanup(r.close)
	return r
}

func post(t *testing.T, url, body string) (status int, text, location string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(got), response.Header.Get("Location")
}

func TestReceiver(t *testing.T) {
	r := newReceiver(t)
	path := r.path("1")
	r.reply(path, reply{status: 500, body: "not now"}, reply{status: 302, location: "/elsewhere"})
	for i, want := range []reply{{status: 500, body: "not now"}, {status: 302, location: "/elsewhere"}, {status: 204}} {
		status, body, location := post(t, r.url+"/prefix"+path, "number "+string(rune('1'+i))) // as a tunnel may put before
		if status != want.status || body != want.body || location != want.location {
			t.Errorf("answer %d = %d %q %q, want %+v", i+1, status, body, location, want)
		}
	}
	if status, _, _ := post(t, r.url+"/another/1", ""); status != http.StatusNotFound {
		t.Errorf("a stranger is answered %d, want 404", status)
	}
	all := r.all(path)
	if len(all) != 3 || all[1].n != 2 || string(all[1].body) != "number 2" || all[1].path != path || all[1].answer.status != 302 {
		t.Errorf("arrivals = %+v, want three, numbered", all)
	}
}

func TestReceiver_wait(t *testing.T) {
	r := newReceiver(t)
	second := func(a arrival) bool { return a.n == 2 }
	found := make(chan arrival, 1)
	go func() {
		a, _ := r.wait(t.Context(), r.path("1"), second)
		found <- a
	}()
	post(t, r.url+r.path("1"), "one")
	post(t, r.url+r.path("2"), "of another")
	post(t, r.url+r.path("1"), "two")
	if a := <-found; string(a.body) != "two" {
		t.Errorf("waited for %+v, want the second one", a)
	}
	over, stop := context.WithCancel(t.Context())
	stop()
	if a, ok := r.wait(over, r.path("2"), second); ok {
		t.Errorf("what did not come is %+v", a)
	}
	if _, ok := r.wait(over, r.path("1"), second); !ok {
		t.Error("what came before is not found once the time is over")
	}
}
