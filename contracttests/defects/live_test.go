package defects

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/contracttests/target"
	"github.com/plotwise/plotwise/internal/contract"
	"github.com/plotwise/plotwise/internal/signature"
)

// liveDefect is planted in what the server sends to webhooks, or in what it says of that.
type liveDefect struct {
	name    string
	sends   plant // nil for none
	answers plant // nil for none
	found   string
}

// ofRequests are defects in the requests themselves.
func ofRequests(r *relay) []liveDefect {
	return []liveDefect{
		{"it signs the body alone", onRequest(r.signBody), nil, "testWebhook header webhook-signature part"},
		{"it signs with another secret", r.signed(asIs, func([]signature.Secret) []signature.Secret {
			return []signature.Secret{signature.NewSecret()}
		}), nil, "testWebhook header webhook-signature signature"},
		{"it signs with another secret as well", r.signed(asIs, func(secrets []signature.Secret) []signature.Secret {
			return append(slices.Clone(secrets), signature.NewSecret())
		}), nil, "testWebhook header webhook-signature surplus"},
		{"it forgets the old secret at a rotation", r.signed(asIs, func(secrets []signature.Secret) []signature.Secret {
			return secrets[len(secrets)-1:]
		}), nil, "testWebhook header webhook-signature signature"},
		{"its timestamps are an hour old", r.signed(func(request *http.Request) {
			seconds, _ := strconv.Atoi(request.Header.Get(signature.HeaderTimestamp)) // of the server itself
			request.Header.Set(signature.HeaderTimestamp, strconv.Itoa(seconds-3600))
		}, everySecret), nil, "testWebhook header webhook-timestamp fresh"},
		{"a retry has another id", r.signed(func(request *http.Request) {
			if r.again(request) {
				request.Header.Set(signature.HeaderID, "evt_01k0n5v8e5a7tbqzr6m4c3x9wd")
			}
		}, everySecret), nil, "retryDelivery header webhook-id live"},
		{"the body is spelled anew", r.signed(payload(func(map[string]any) {}), everySecret), nil, "testWebhook /data/body bytes"},
		{"the body lacks a field", r.signed(payload(within("data", func(data map[string]any) { delete(data, "permit_number") })), everySecret), nil, "testWebhook /data required"},
		{"the body is about another organization", r.signed(payload(set("organization_id", "org_01k0n5v8e2f7tbqzr6m4c3x9wd")), everySecret), nil, "testWebhook /organization_id live"},
		{"a test event lacks its mark", onRequest(func(request *http.Request) { request.Header.Del(mark) }), nil, "testWebhook header Plotwise-Test live"},
		{"an event has the mark of a test", onRequest(func(request *http.Request) { request.Header.Set(mark, "true") }), nil, "addWatchlistItem header Plotwise-Test live"},
		{"a header of one's own is lost", onRequest(func(request *http.Request) { request.Header.Del(ownHeader) }), nil, "testWebhook header X-Contract-Suite live"},
	}
}

// ofDeliveries are defects in what is sent when, and how often.
func ofDeliveries(r *relay) []liveDefect {
	everyType := regexp.MustCompile(`"event_types":\[[^\]]*\]`)
	return []liveDefect{
		{"events are not sent", when(isEvent, swallow), nil, "addWatchlistItem arrival missing"},
		{"events are sent twice", when(isEvent, twice), nil, "addWatchlistItem arrival again"},
		{"retries are not sent", when(func(request *http.Request) bool { return isEvent(request) && r.again(request) }, swallow), nil, "retryDelivery arrival missing"},
		{"redirects are followed", follow, nil, "testWebhook arrival redirect"},
		{"a paused webhook is sent to", nil, when(method(http.MethodPatch), sayPaused), "addWatchlistItem arrival paused"},
		{"a disabled webhook is sent to", r.hold, when(method(http.MethodGet), r.sayDisabled), "addWatchlistItem arrival disabled"},
		{"a webhook gets events of every type", nil, when(to(http.MethodPost, "/v1/webhooks"), onBody(func(body string) string {
			return everyType.ReplaceAllString(body, `"event_types":["permit.status_changed","permit.added_to_watchlist","permit.removed_from_watchlist"]`)
		})), "addWatchlistItem arrival subscription"},
	}
}

// ofTheLog are defects in what the server says of what it sent.
func ofTheLog(r *relay) []liveDefect {
	return []liveDefect{
		{"the log shows a header of one's own", nil, r.showHeaders, "testWebhook body hidden"},
		{"the log counts what was not sent", nil, when(to(http.MethodGet, "/v1/deliveries/"), onData(set("attempt_count", 9))), "getDelivery /data/attempt_count live"},
		{"the log's curl has another body", nil, onSuccess(func(a *answer) {
			a.body = []byte(strings.ReplaceAll(string(a.body), "--data-binary '{", "--data-binary ' {"))
		}), "testWebhook /data/attempts/0/curl curl"},
		{"the feed lacks events", nil, when(to(http.MethodGet, "/v1/events"), onSuccess(func(a *answer) { a.edit(set("data", []any{})) })), "listEvents /data feed"},
		{"410 does not disable", nil, when(to(http.MethodGet, "/v1/webhooks/"), onData(func(data map[string]any) {
			data["state"], data["disabled_reason"] = "active", nil
		})), "getWebhook /data/state live"},
		{"a recovery recovers nothing", nil, onBody(func(body string) string {
			return strings.ReplaceAll(body, `"since":"20`, `"since":"21`)
		}), "recoverWebhook /data/queued live"},
	}
}

func to(method, prefix string) func(request *http.Request) bool {
	return func(request *http.Request) bool {
		return request.Method == method && strings.HasPrefix(request.URL.Path, prefix)
	}
}

func TestSuite_findsLiveDefects(t *testing.T) {
	t.Parallel()
	x := target.New(t, 1_000_000)
	x.Options.Sections, x.Options.Keys, x.Options.Patience = []string{"live webhooks"}, contract.Keys{Permissions: map[string]string{}}, 2*time.Second
	r := newRelay()
	sends, sound := http.Handler(r), r.listen(x.Handler)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { sends.ServeHTTP(w, request) }))
	t.Cleanup(server.Close)
	plantAndCatch := func(d liveDefect) string {
		sends, x.Handler = r, sound
		if d.sends != nil {
			sends = d.sends(r)
		}
		if d.answers != nil {
			x.Handler = d.answers(sound)
		}
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		r.receiver, x.Options.Receiver = l.Addr().String(), contract.Receiver{Listener: l, URL: server.URL}
		return catch(t, x.Options, d.found)
	}
	if caught := plantAndCatch(liveDefect{}); caught != "" {
		t.Fatalf("found without a defect: %s", caught)
	}
	all := slices.Concat(ofRequests(r), ofDeliveries(r), ofTheLog(r))
	var table strings.Builder
	for _, d := range all {
		caught := plantAndCatch(d)
		if caught == "" {
			t.Errorf("%s: not found as %q", d.name, d.found)
		}
		fmt.Fprintf(&table, "%-45s %s\n", d.name, caught[:min(len(caught), 200)])
	}
	t.Logf("%d defects\n%s", len(all), table.String())
}
