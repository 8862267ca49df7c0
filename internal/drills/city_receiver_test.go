package drills

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// The secret of the receiver's webhook, and what the documentation gives to verify with.
const receiverSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// failing is how many events there are for each of which the first attempt is answered with 503.
const failing = 7

// cityReceiver takes what one webhook sends. It verifies every request by the reference library.
type cityReceiver struct {
	url    string
	verify *standardwebhooks.Webhook

	mu       sync.Mutex
	bodies   map[string][]byte // by the event's id, the first one that came
	accepted map[string]int    // by the event's id, how often it was answered with 204
	refused  int               // attempts that were answered with 503
	wrong    []string          // what ought not to come
}

func receive(t *testing.T) *cityReceiver {
	t.Helper()
	verify, err := standardwebhooks.NewWebhook(receiverSecret)
	if err != nil {
		t.Fatal(err)
	}
	r := &cityReceiver{verify: verify, bodies: map[string][]byte{}, accepted: map[string]int{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL + "/hook"
	return r
}

// ServeHTTP takes a request.
func (r *cityReceiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	id := request.Header.Get("Webhook-Id")
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		err = r.verify.Verify(body, request.Header)
	}
	before, known := r.bodies[id]
	switch {
	case err != nil:
		r.wrong = append(r.wrong, id+": "+err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return
	case known && string(before) != string(body):
		r.wrong = append(r.wrong, id+": another attempt has another body")
	}
	if !known {
		r.bodies[id] = body
		if len(r.bodies)%failing == 0 {
			r.refused++
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	r.accepted[id]++
	w.WriteHeader(http.StatusNoContent)
}

// got returns what was accepted, each event as a line as often as it was accepted, sorted.
func (r *cityReceiver) got(t *testing.T) []string {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.wrong) > 0 {
		t.Errorf("the receiver got what it ought not to:\n%s", strings.Join(r.wrong, "\n"))
	}
	lines := []string{}
	for id, text := range r.bodies {
		lines = append(lines, slices.Repeat([]string{describe(t, text)}, r.accepted[id])...)
	}
	slices.Sort(lines)
	return lines
}

// money is an amount in a body.
type money struct{ Amount, Currency string }

// String returns the amount; - where there is none.
func (m *money) String() string {
	if m == nil {
		return "-"
	}
	return m.Amount + " " + m.Currency
}

// body is what a webhook sends.
type body struct {
	Event          string
	OrganizationID string `json:"organization_id"`
	Data           struct {
		PermitUUID            string  `json:"permit_uuid"`
		PermitNumber          string  `json:"permit_number"`
		PreviousStatus        *string `json:"previous_status"`
		NewStatus             *string `json:"new_status"`
		Change                string
		Fee                   struct{ Name, Number string }
		PreviousAmount        *money `json:"previous_amount"`
		NewAmount             *money `json:"new_amount"`
		PreviousScheduledDate string `json:"previous_scheduled_date"` // "" for null
		Inspection            struct {
			ID, Type      string
			ScheduledDate string `json:"scheduled_date"`
		}
		Actor struct{ Type, ID string }
	}
}

// describe returns a body as a line: its event, organization, permit, and what sets it apart.
func describe(t *testing.T, text []byte) string {
	t.Helper()
	var b body
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatalf("the body %q is no JSON: %v", text, err)
	}
	d := b.Data
	parts := []string{b.OrganizationID, d.PermitUUID}
	switch b.Event {
	case "permit.status_changed":
		if d.PreviousStatus == nil || d.NewStatus == nil {
			t.Fatalf("the body %s lacks a status", text)
		}
		parts = append(parts, statusLine(d.PermitNumber, *d.PreviousStatus, *d.NewStatus))
	case "permit.fee_changed":
		parts = append(parts, feeLine(d.PermitNumber, d.Change, d.Fee.Number, d.Fee.Name, d.PreviousAmount, d.NewAmount))
	case "permit.inspection_scheduled":
		parts = append(parts, inspectionLine(d.PermitNumber, d.Inspection.ID, d.Inspection.Type, d.PreviousScheduledDate, d.Inspection.ScheduledDate))
	default:
		parts = append(parts, watchLine(b.Event, d.PermitNumber, d.Actor.Type, d.Actor.ID))
	}
	return strings.Join(parts, " ")
}
