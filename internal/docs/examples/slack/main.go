// Slack receives webhooks of Plotwise and posts a message for each event to a Slack channel.
package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const usage = `Receives webhooks of Plotwise at POST /plotwise and posts each event to a Slack channel. Variables:
  PLOTWISE_WEBHOOK_SECRET  the secret of the webhook, whsec_…
  SLACK_WEBHOOK_URL        an incoming webhook of Slack, https://hooks.slack.com/services/…
  PORT                     the port to listen at; 3000 when it is not set
`

func main() {
	flag.Usage = func() { fmt.Fprint(flag.CommandLine.Output(), usage) }
	flag.Parse()
	for _, name := range []string{"PLOTWISE_WEBHOOK_SECRET", "SLACK_WEBHOOK_URL"} {
		if os.Getenv(name) == "" {
			log.Fatalf("%s is not set", name)
		}
	}
	encoded, prefixed := strings.CutPrefix(os.Getenv("PLOTWISE_WEBHOOK_SECRET"), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !prefixed || len(key) < 24 {
		log.Fatal("PLOTWISE_WEBHOOK_SECRET is not whsec_ and base64, as the API shows it")
	}
	b := &bridge{
		key: key, slack: os.Getenv("SLACK_WEBHOOK_URL"), client: &http.Client{Timeout: 5 * time.Second}, done: map[string]bool{},
	}
	if err := serve(":"+cmp.Or(os.Getenv("PORT"), "3000"), b); err != nil {
		log.Fatal(err)
	}
}

// serve returns after SIGTERM or Ctrl-C, when what was under way has been answered.
func serve(address string, b *bridge) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /plotwise", b.receive)
	server := &http.Server{Addr: address, Handler: mux, ReadTimeout: 10 * time.Second, WriteTimeout: 45 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- server.ListenAndServe() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
	defer cancel()
	return server.Shutdown(ctx)
}

// bridge brings events to Slack, one after another.
type bridge struct {
	key    []byte // of the signatures
	slack  string // the URL, which is as secret as a key
	client *http.Client

	mu   sync.Mutex
	next time.Time       // when Slack takes a message again: it allows one a second
	done map[string]bool // ids of events that Slack has
}

// remembered is how many ids done holds at most. They are in memory: when they are forgotten, a message may come twice, and
// that is all. Where an event must not count twice, keep its id in your database, in the transaction that it causes.
const remembered = 10_000

// receive answers with 2xx once Slack has the message. After any other answer, Plotwise sends the event again.
func (b *bridge) receive(w http.ResponseWriter, r *http.Request) {
	id := r.Header.Get("webhook-id")
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil || !verified(b.key, r.Header, body, time.Now()) {
		log.Print("refused a request without a valid signature")
		http.Error(w, "There is no valid signature.", http.StatusUnauthorized)
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Context().Err() != nil { // Plotwise did not wait for this one's turn, and will send it again
		http.Error(w, "That took too long.", http.StatusServiceUnavailable)
		return
	}
	if !b.done[id] {
		if retryAfter, err := b.post(message(body)); err != nil {
			log.Printf("%s is not posted: %v", id, err)
			w.Header().Set("Retry-After", cmp.Or(retryAfter, "30"))
			http.Error(w, "Slack has not taken the message.", http.StatusServiceUnavailable)
			return
		}
		log.Printf("%s is posted", id)
		if len(b.done) == remembered {
			clear(b.done)
		}
		b.done[id] = true
	}
	w.WriteHeader(http.StatusNoContent)
}

// verified holds a request against the Standard Webhooks specification.
func verified(key []byte, h http.Header, body []byte, now time.Time) bool {
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || now.Sub(time.Unix(seconds, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", h.Get("webhook-id"), h.Get("webhook-timestamp"), body)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, signature := range strings.Fields(h.Get("webhook-signature")) { // two while the secret changes
		if hmac.Equal([]byte(signature), want) { // in a time that does not tell how much of it is right
			return true
		}
	}
	return false
}

// post returns an error unless Slack has the message, and with it the Retry-After of Slack's answer.
func (b *bridge) post(text string) (retryAfter string, err error) {
	time.Sleep(time.Until(b.next))
	b.next = time.Now().Add(time.Second)
	body, _ := json.Marshal(map[string]string{"text": text})
	response, err := b.client.Post(b.slack, "application/json", bytes.NewReader(body))
	if u := new(url.Error); errors.As(err, &u) {
		err = u.Err // which does not hold the URL
	}
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	if response.StatusCode/100 != 2 {
		return response.Header.Get("Retry-After"), errors.New("Slack answers " + response.Status)
	}
	return "", nil
}

type event struct {
	Event string
	Data  struct {
		PermitNumber   string `json:"permit_number"`
		PreviousStatus string `json:"previous_status"`
		NewStatus      string `json:"new_status"`
		Fee            struct{ Name string }
		PreviousAmount struct{ Amount string } `json:"previous_amount"`
		NewAmount      struct{ Amount string } `json:"new_amount"`
		Inspection     struct {
			Type          string
			ScheduledDate string `json:"scheduled_date"`
		}
		PreviousDate string `json:"previous_scheduled_date"`
	}
}

// message says in a line what happened. There will be more types of events: of those it says no more than the type.
func message(body []byte) string {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		return "Plotwise sent an event that cannot be read."
	}
	d, text := e.Data, e.Event
	switch e.Event {
	case "permit.status_changed":
		text = "status " + cmp.Or(d.PreviousStatus, "(none)") + " → " + cmp.Or(d.NewStatus, "(none)")
	case "permit.fee_changed":
		text = "fee " + d.Fee.Name + ": $" + cmp.Or(d.PreviousAmount.Amount, "0") + " → $" + cmp.Or(d.NewAmount.Amount, "0")
	case "permit.inspection_scheduled":
		text = "inspection " + d.Inspection.Type + ": " + cmp.Or(d.PreviousDate, "(none)") + " → " + d.Inspection.ScheduledDate
	case "permit.added_to_watchlist":
		text = "now on the watchlist"
	case "permit.removed_from_watchlist":
		text = "no longer on the watchlist"
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace("*" + d.PermitNumber + "*: " + text)
}
