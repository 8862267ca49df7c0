//go:build e2e

package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// receiver is somebody's server that webhooks are sent to.
type receiver struct {
	url    string
	status atomic.Int32 // that it answers with
	got    chan received
}

type received struct {
	header http.Header
	body   string
}

// receive starts a receiver, which answers with 200 until it is told otherwise.
func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan received, 100)}
	r.status.Store(http.StatusOK)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, _ := io.ReadAll(request.Body) // a sender that breaks off is seen by what is missing
		w.WriteHeader(int(r.status.Load()))
		r.got <- received{request.Header, string(body)}
	}))
	t.Cleanup(s.Close)
	r.url = s.URL + "/hooks"
	return r
}

// next returns what comes next.
func (r *receiver) next(t *testing.T) received {
	t.Helper()
	select {
	case found := <-r.got:
		return found
	case <-time.After(patience):
		t.Fatalf("nothing comes to the receiver within %s", patience)
		return received{}
	}
}

// TestServer_reachesReceivers shows that the server sends to receivers of these tests, and what an attempt came to.
func TestServer_reachesReceivers(t *testing.T) {
	t.Parallel()
	r := receive(t)
	status, text, err := program.do(t.Context(), http.MethodPost, "/v1/webhooks", program.key, `{"url": "`+r.url+`", "event_types": ["permit.fee_changed"]}`)
	if err != nil || status != http.StatusCreated {
		t.Fatalf("a webhook to a receiver is answered with %d %s (%v), want 201", status, text, err)
	}
	var made struct{ Data struct{ ID string } }
	if err := json.Unmarshal([]byte(text), &made); err != nil {
		t.Fatal(err)
	}
	for answer, want := range map[int]string{http.StatusOK: "succeeded", http.StatusServiceUnavailable: "exhausted"} {
		r.status.Store(int32(answer))
		status, text, err = program.do(t.Context(), http.MethodPost, "/v1/webhooks/"+made.Data.ID+"/test", program.key, `{"event_type": "permit.fee_changed"}`)
		if err != nil || status != http.StatusOK {
			t.Fatalf("a test event is answered with %d %s (%v), want 200", status, text, err)
		}
		var delivery struct{ Data struct{ State string } }
		if err := json.Unmarshal([]byte(text), &delivery); err != nil || delivery.Data.State != want {
			t.Errorf("a test event that the receiver answers with %d is %q (%v), want %s", answer, delivery.Data.State, err, want)
		}
		if got := r.next(t); got.header.Get("Webhook-Signature") == "" || !strings.Contains(got.body, `"permit.fee_changed"`) {
			t.Errorf("the receiver gets %q with the headers %v, want a signed event", got.body, got.header)
		}
	}
}
