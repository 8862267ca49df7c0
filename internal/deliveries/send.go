package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/signature"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// TestHeader marks a test event.
const TestHeader = "Plotwise-Test"

// job is a delivery that this worker holds the lease of.
type job struct {
	OrganizationID uuid.UUID  `db:"organization_id"`
	ID             uuid.UUID  `db:"id"`
	WebhookID      uuid.UUID  `db:"webhook_id"`
	EventID        uuid.UUID  `db:"event_id"`
	Test           bool       `db:"test"`
	Attempts       int        `db:"attempts"` // before this one
	Tries          int        `db:"tries"`    // of them, since its schedule began
	Fence          int64      `db:"fence"`
	RequestedAt    *time.Time `db:"requested_at"`
	CreatedAt      time.Time  `db:"created_at"`
	Body           string     `db:"body"`
	URL            string     `db:"url"`
	Sealed         []byte     `db:"sealed"`

	target webhooks.Target
}

// unseal reads the secrets and headers of the webhooks of one claim, each once, and returns the jobs whose could be read:
// the leases of the others end, and they are tried again.
func (w *Worker) unseal(ctx context.Context, jobs []job) (readable []job) {
	targets := map[uuid.UUID]webhooks.Target{}
	for _, j := range jobs {
		target, known := targets[j.WebhookID]
		if !known {
			var err error
			if target, err = w.webhooks.Unseal(j.WebhookID, j.Sealed, w.now()); err != nil {
				w.log.LogAttrs(ctx, slog.LevelError, "a webhook's secrets cannot be read", slog.String("webhook_id", id.Format(id.Webhook, j.WebhookID)), slog.Any("error", err))
				continue
			}
			targets[j.WebhookID] = target
		}
		j.target = target
		readable = append(readable, j)
	}
	return readable
}

// work makes an attempt, releases what that took, and records it.
func (w *Worker) work(ctx context.Context, j job, release func()) {
	at := w.now()
	lease := at.Add(w.options.Lease)
	header := w.header(j, at)
	result := w.client.Post(ctx, j.URL, header, []byte(j.Body))
	release()
	if result.Reason == outbound.Canceled {
		return
	}
	w.Metrics.observe(j, at, result)
	f := &finished{job: j, attempt: w.attempt(j, at, header, result), outcome: w.outcome(j, result)}
	if err := w.recorder.record(ctx, f, lease); err != nil {
		w.log.LogAttrs(ctx, slog.LevelWarn, "an attempt is not recorded, and will be made again",
			slog.String("delivery_id", id.Format(id.Delivery, j.ID)), slog.Any("error", err))
	}
}

func (w *Worker) header(j job, at time.Time) http.Header {
	header := http.Header{}
	for name, value := range j.target.Headers {
		header.Set(name, value)
	}
	event := id.Format(id.Event, j.EventID)
	header.Set("Content-Type", "application/json")
	header.Set("User-Agent", "Plotwise-Webhooks/1")
	header.Set(signature.HeaderID, event)
	header.Set(signature.HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(signature.HeaderSignature, signature.Sign(j.target.Secrets, event, at, []byte(j.Body)))
	if j.Test {
		header.Set(TestHeader, "true")
	}
	return header
}

// outcome is what an attempt makes of its delivery.
type outcome struct {
	state   string
	next    *time.Time // of pending
	gone    bool       // the webhook answered that it is no more (RFC 9110 §15.5.11)
	endedAt *time.Time // of what is not pending any more
}

// outcome says what comes after an attempt.
func (w *Worker) outcome(j job, r outbound.Result) outcome {
	now := w.now()
	switch {
	case r.Succeeded():
		return outcome{state: Succeeded, endedAt: &now}
	case j.Test:
		return outcome{state: Exhausted, endedAt: &now}
	case r.Status == http.StatusGone:
		return outcome{state: Exhausted, endedAt: &now, gone: true}
	case j.Tries >= len(w.options.Schedule):
		return outcome{state: Exhausted, endedAt: &now}
	}
	step := w.options.Schedule[j.Tries]
	next := now.Add(max(jitter(step, w.random()), min(retryAfter(r.Header, now), 2*step)))
	return outcome{state: Pending, next: &next}
}

// jitter returns the wait ±20 %, so that deliveries that failed together retry apart.
func jitter(wait time.Duration, random float64) time.Duration {
	return time.Duration(float64(wait) * (0.8 + 0.4*random))
}

// retryAfter returns how long an answer asks to wait (RFC 9110 §10.2.3); 0 when it does not.
func retryAfter(h http.Header, now time.Time) time.Duration {
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil {
		return max(0, at.Sub(now))
	}
	return 0
}

// attempt describes what was sent and what came of it, with nothing in it that Postgres cannot hold as text.
func (w *Worker) attempt(j job, at time.Time, sent http.Header, r outbound.Result) Attempt {
	shown := sent.Clone()
	for name := range j.target.Headers {
		shown.Set(name, hidden)
	}
	milliseconds := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	a := Attempt{
		ID: w.newID(), Number: j.Attempts + 1, StartedAt: at, URL: j.URL, RequestHeaders: headerJSON(shown), ResponseHeaders: headerJSON(r.Header),
		ResponseBody: plain(string(r.Body)), Truncated: r.Truncated, Error: string(r.Reason), DNS: milliseconds(r.DNS), Connect: milliseconds(r.Connect),
		TLS: milliseconds(r.TLS), Wait: milliseconds(r.Wait), Total: milliseconds(r.Total),
	}
	if r.Status != 0 {
		a.Status = &r.Status
	}
	if r.Address.IsValid() {
		a.Address = r.Address.String()
	}
	return a
}

// hidden stands for the value of a webhook's own header.
const hidden = "[hidden]"

// maxHeaders is how many headers the log keeps of an answer: those that come first in the alphabet.
const maxHeaders = 500

// headerJSON renders headers as an object, several values of one name with commas between.
func headerJSON(h http.Header) []byte {
	names := slices.Sorted(maps.Keys(h))
	flat := map[string]string{}
	for _, name := range names[:min(len(names), maxHeaders)] {
		flat[plain(name)] = plain(strings.Join(h.Values(name), ", "))
	}
	text, err := json.Marshal(flat)
	if err != nil { // strings always marshal
		panic(fmt.Sprintf("render headers: %v", err))
	}
	return text
}

// plain returns a text as UTF-8 without NUL.
func plain(text string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(text, "�"), "\x00", "�")
}
