package drills

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/signature"
)

// prepare does what a guide needs, and returns what is to be looked at afterwards.
func (r *reader) prepare(t *testing.T, slug string) (finish func()) {
	t.Helper()
	if slug == "backup" {
		return r.prepareBackup(t)
	}
	return func() {}
}

// holdings is what a server has.
type holdings struct{ Permits, Watchlist, Events, Webhooks int }

// prepareBackup makes a webhook. What the guide restores has to hold the same as the server that was backed up, take its
// API key, and sign with the webhook's secret, which the database holds encrypted.
func (r *reader) prepareBackup(t *testing.T) (finish func()) {
	t.Helper()
	a, err := r.server.want(t.Context(), http.StatusCreated, request{
		method: http.MethodPost, path: "/v1/webhooks", key: r.demo.key, body: `{"url":"` + r.received.url + `","event_types":["permit.fee_changed"]}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	var made struct{ Data struct{ ID, Secret string } }
	if err := json.Unmarshal(a.body, &made); err != nil {
		t.Fatal(err)
	}
	secret, err := signature.ParseSecret(made.Data.Secret)
	if err != nil {
		t.Fatal(err)
	}
	want := r.holdings(t, r.server)
	if want.Permits != 2000 || want.Watchlist != 40 || want.Events == 0 || want.Webhooks != 2 {
		t.Fatalf("before the backup there are %+v, want the demo's, and another webhook", want)
	}
	return func() {
		if t.Failed() {
			return
		}
		restored := serveGuide(t, "restored", r.restored)
		if got := r.holdings(t, restored); got != want {
			t.Errorf("the restored server has %+v, want %+v", got, want)
		}
		r.testWebhook(t, restored, made.Data.ID, secret)
	}
}

// holdings counts what the server has.
func (r *reader) holdings(t *testing.T, p *process) (found holdings) {
	t.Helper()
	for path, n := range map[string]*int{
		"/v1/permits?scope=all": &found.Permits, "/v1/watchlist": &found.Watchlist, "/v1/webhooks": &found.Webhooks, "/v1/events?per_page=100": &found.Events,
	} {
		a, err := p.want(t.Context(), http.StatusOK, request{method: http.MethodGet, path: path, key: r.demo.key})
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Data []json.RawMessage
			Meta struct{ Total *int }
		}
		if err := json.Unmarshal(a.body, &list); err != nil {
			t.Fatal(err)
		}
		*n = len(list.Data)
		if list.Meta.Total != nil {
			*n = *list.Meta.Total
		}
	}
	return found
}

// testWebhook sends a test event, which has to come with a signature by the secret.
func (r *reader) testWebhook(t *testing.T, p *process, webhook string, secret signature.Secret) {
	t.Helper()
	a, err := p.want(t.Context(), http.StatusOK, request{
		method: http.MethodPost, path: "/v1/webhooks/" + webhook + "/test", key: r.demo.key, body: `{"event_type":"permit.fee_changed"}`,
	})
	if err != nil {
		t.Fatal(err)
	}
	took, ok := r.received.last()
	if !ok {
		t.Fatalf("nothing came: %s", a.body)
	}
	if err := signature.Verify([]signature.Secret{secret}, took.header, took.body, time.Now(), signature.Tolerance); err != nil {
		t.Errorf("what the restored server sent does not verify: %v", err)
	}
}
