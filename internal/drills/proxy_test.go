package drills

import (
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
)

// TestProxy shows that webhooks go by no proxy, whatever the environment says: it would resolve names itself, and connect to
// where they lead inside. The receivers are at 0.0.0.0, which leads to this machine as well, because net/http sends loopback
// addresses to no proxy anyhow.
func TestProxy(t *testing.T) {
	t.Parallel()
	proxy, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	connections := outboundtest.Count(t, proxy)
	settings := []string{"PLOTWISE_WEBHOOK_ALLOW_NETS=0.0.0.0/32"}
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"} {
		value := "=http://" + proxy.Addr().String()
		settings = append(settings, name+value, strings.ToLower(name)+value)
	}
	settings = append(settings, "NO_PROXY=elsewhere.example", "no_proxy=elsewhere.example")
	w := newWorld(t)
	key, _ := w.key(t, w.organization(t, "Palmetto Builders", unlimited), identity.Admin)
	p := serve(t, "a", w.url, settings...)

	var arrived atomic.Int64
	plain := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived.Add(1) }))
	t.Cleanup(plain.Close)
	secure := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a certificate of nobody was trusted") }))
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	t.Cleanup(secure.Close)
	for server, want := range map[*httptest.Server]string{plain: "succeeded ", secure: "exhausted tls"} {
		url := strings.Replace(server.URL, "127.0.0.1", "0.0.0.0", 1)
		made, err := p.want(t.Context(), http.StatusCreated, request{
			method: http.MethodPost, path: "/v1/webhooks", key: key, body: fmt.Sprintf(`{"url": %q, "event_types": ["permit.fee_changed"]}`, url),
		})
		if err != nil {
			t.Fatal(err)
		}
		id, _ := made.made()
		sent, err := p.want(t.Context(), http.StatusOK, request{method: http.MethodPost, path: "/v1/webhooks/" + id + "/test", key: key, body: `{"event_type": "permit.fee_changed"}`})
		if err != nil {
			t.Fatal(err)
		}
		var body struct {
			Data struct {
				State    string
				Attempts []struct{ Address, Error string }
			}
		}
		if err := json.Unmarshal(sent.body, &body); err != nil || len(body.Data.Attempts) != 1 {
			t.Fatalf("the test of %s = %s (%v), want one attempt", url, sent.body, err)
		}
		a := body.Data.Attempts[0]
		// 0.0.0.0 is 127.0.0.1 once there is a connection.
		if got := body.Data.State + " " + a.Error; got != want || !strings.HasSuffix(a.Address, url[strings.LastIndex(url, ":"):]) {
			t.Errorf("the test of %s = %q at %s, want %q", url, got, a.Address, want)
		}
	}
	if n := connections(); n != 0 || arrived.Load() != 1 {
		t.Errorf("%d connections to the proxy and %d requests to the receiver, want 0 and 1", n, arrived.Load())
	}
}
