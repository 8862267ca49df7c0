package defects

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/plotwise/plotwise/internal/signature"
)

// relay stands between the server's webhooks and the suite, and knows what the server signs with: what it does to a
// request, the server did wrong.
type relay struct {
	receiver string // host and port of the suite's

	mu      sync.Mutex
	secrets map[string][]signature.Secret // by the path of a webhook, the newest last
	headers map[string]string             // the value of its own header, by its path
	came    map[string]bool               // events that came, by path and id
	gone    map[string]bool               // webhooks that answered 410 to an event, by path
}

func newRelay() *relay {
	return &relay{secrets: map[string][]signature.Secret{}, headers: map[string]string{}, came: map[string]bool{}, gone: map[string]bool{}}
}

// What the specification names in x-webhooks.
const (
	mark      = "Plotwise-Test"
	ownHeader = "X-Contract-Suite"
)

// ServeHTTP passes a request on as it came, and its answer back.
func (r *relay) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	on := request.Clone(request.Context())
	on.URL, on.RequestURI = &url.URL{Scheme: "http", Host: r.receiver, Path: request.URL.Path}, ""
	response, err := http.DefaultTransport.RoundTrip(on)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer response.Body.Close()
	for name, values := range response.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(response.StatusCode)
	io.Copy(w, response.Body)
}

// pathOf returns the path of a webhook's URL.
func pathOf(address any) string {
	text, _ := address.(string)
	at, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return at.Path
}

// listen is a plant that changes nothing: it reads along what the server is told and tells of webhooks.
func (r *relay) listen(sound http.Handler) http.Handler {
	return onBody(func(text string) string {
		var body struct {
			URL     string
			Headers map[string]string
		}
		if json.Unmarshal([]byte(text), &body) == nil && body.Headers[ownHeader] != "" {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.headers[pathOf(body.URL)] = body.Headers[ownHeader]
		}
		return text
	})(onSuccess(func(a *answer) {
		var body struct{ Data struct{ URL, Secret string } }
		if json.Unmarshal(a.body, &body) != nil || body.Data.Secret == "" {
			return
		}
		if secret, err := signature.ParseSecret(body.Data.Secret); err == nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.secrets[pathOf(body.Data.URL)] = append(r.secrets[pathOf(body.Data.URL)], secret)
		}
	})(sound))
}

func (r *relay) secretsOf(request *http.Request) []signature.Secret {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.secrets[request.URL.Path]
}

// signed changes a request and signs it anew, with what the function makes of the webhook's secrets.
func (r *relay) signed(change func(request *http.Request), by func(secrets []signature.Secret) []signature.Secret) plant {
	return onRequest(func(request *http.Request) {
		change(request)
		body := bodyOf(request)
		seconds, _ := strconv.ParseInt(request.Header.Get(signature.HeaderTimestamp), 10, 64) // of the server itself
		request.Header.Set(signature.HeaderSignature,
			signature.Sign(by(r.secretsOf(request)), request.Header.Get(signature.HeaderID), time.Unix(seconds, 0), body))
	})
}

func asIs(*http.Request) {}

func everySecret(secrets []signature.Secret) []signature.Secret { return secrets }

// signBody signs the body alone.
func (r *relay) signBody(request *http.Request) {
	key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(r.secretsOf(request)[0].String(), signature.Prefix)) // as it was parsed
	mac := hmac.New(sha256.New, key)
	mac.Write(bodyOf(request))
	request.Header.Set(signature.HeaderSignature, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

// bodyOf returns a request's body, which stays there.
func bodyOf(request *http.Request) []byte {
	text, _ := io.ReadAll(request.Body) // of the server itself
	replaceBody(request, text)
	return text
}

func replaceBody(request *http.Request, body []byte) {
	request.Body, request.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
}

// payload changes what a webhook is sent, which is spelled anew.
func payload(change func(body map[string]any)) func(request *http.Request) {
	return func(request *http.Request) {
		a := answer{body: bodyOf(request)}
		a.edit(change)
		replaceBody(request, a.body)
	}
}

func isEvent(request *http.Request) bool { return request.Header.Get(mark) == "" }

// again reports whether the event of a request came to its webhook before.
func (r *relay) again(request *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	key := request.URL.Path + " " + request.Header.Get(signature.HeaderID)
	before := r.came[key]
	r.came[key] = true
	return before
}

// swallow takes a request in the place of the webhook.
func swallow(http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
}

// twice sends everything twice.
func twice(sound http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body := bodyOf(request)
		sound.ServeHTTP(w, request)
		replaceBody(request, body)
		sound.ServeHTTP(httptest.NewRecorder(), request)
	})
}

// follow goes where an answer leads.
func follow(sound http.Handler) http.Handler {
	return onAnswer(func(a *answer) {
		if at := pathOf(a.header.Get("Location")); at != "" {
			sound.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, at, nil))
		}
	})(sound)
}

// hold makes a 500 of the 410 that an event is answered with, so that the webhook lives on.
func (r *relay) hold(sound http.Handler) http.Handler {
	return onFailure(func(a *answer) {
		if a.status == http.StatusGone && isEvent(a.request) {
			r.mu.Lock()
			defer r.mu.Unlock()
			a.status, r.gone[a.request.URL.Path] = http.StatusInternalServerError, true
		}
	})(sound)
}

// sayDisabled says of a webhook that answered 410 that it is disabled.
func (r *relay) sayDisabled(sound http.Handler) http.Handler {
	return onData(func(data map[string]any) {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.gone[pathOf(data["url"])] {
			data["state"], data["disabled_reason"] = "disabled", "It is gone."
		}
	})(sound)
}

// sayPaused says of a webhook that it is paused, and leaves it as it is.
func sayPaused(sound http.Handler) http.Handler {
	return onData(set("state", "paused"))(onBody(func(body string) string { return strings.ReplaceAll(body, "paused", "active") })(sound))
}

// showHeaders shows the values of webhooks' own headers wherever one is hidden.
func (r *relay) showHeaders(sound http.Handler) http.Handler {
	return onSuccess(func(a *answer) {
		r.mu.Lock()
		defer r.mu.Unlock()
		for path, value := range r.headers {
			if bytes.Contains(a.body, []byte(path)) {
				a.body = bytes.ReplaceAll(a.body, []byte("[hidden]"), []byte(value))
			}
		}
	})(sound)
}
