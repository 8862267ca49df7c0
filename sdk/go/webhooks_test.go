package plotwise

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/signature"
)

// The messages that all SDKs verify.
func TestVerifyWebhook_vectors(t *testing.T) {
	var file struct {
		Vectors []struct {
			Name      string            `json:"name"`
			Body      string            `json:"body"`
			Headers   map[string]string `json:"headers"`
			Secrets   []string          `json:"secrets"`
			Now       int64             `json:"now"`
			Tolerance int               `json:"tolerance"`
			Want      string            `json:"want"`
		} `json:"vectors"`
	}
	text, err := os.ReadFile("../signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Vectors) < 25 {
		t.Errorf("there are %d vectors", len(file.Vectors))
	}
	for _, v := range file.Vectors {
		header := http.Header{}
		for name, value := range v.Headers {
			header[name] = []string{value} // in the case that the vector has
		}
		event, err := VerifyWebhook(
			[]byte(v.Body), header, v.Secrets, WithTolerance(time.Duration(v.Tolerance)*time.Second), WithClock(func() time.Time { return time.Unix(v.Now, 0) }),
		)
		got := "ok"
		var refused *WebhookVerificationError
		if errors.As(err, &refused) {
			got = string(refused.Reason)
		}
		if got != v.Want || (event == nil) != (err != nil) {
			t.Errorf("%s: VerifyWebhook = %v, %v, want %s", v.Name, event, err, v.Want)
		}
		for _, secret := range v.Secrets {
			if err != nil && len(secret) > 6 && strings.Contains(err.Error(), secret) {
				t.Errorf("%s: the error holds the secret: %v", v.Name, err)
			}
		}
	}
}

// message returns a message that is signed now.
func message(body string) (http.Header, string) {
	secret, now := signature.NewSecret(), time.Now()
	header := http.Header{}
	header.Set("Webhook-Id", "evt_1")
	header.Set("Webhook-Timestamp", strings.Split(signature.SignedText("evt_1", now, nil), ".")[1])
	header.Set("Webhook-Signature", signature.Sign([]signature.Secret{secret}, "evt_1", now, []byte(body)))
	return header, secret.String()
}

func TestVerifyWebhook_typed(t *testing.T) {
	const body = `{"event":"permit.fee_changed","timestamp":"2026-01-23T10:45:00Z","organization_id":"org_1","data":{"permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10",
		"permit_number":"B-1","change":"added","fee":{"name":"Plan review","number":"F-1"},"previous_amount":null,"new_amount":{"amount":"150.00","currency":"USD"}}}`
	header, secret := message(body)
	event, err := VerifyWebhook([]byte(body), header, []string{secret})
	if err != nil {
		t.Fatal(err)
	}
	told, ok := event.Payload.(PermitFeeChanged)
	if !ok || told.Data.Fee.Name != "Plan review" || told.Data.PermitNumber != "B-1" || event.ID != "evt_1" || event.Type != EventTypePermitFeeChanged || string(event.Body) != body {
		t.Errorf("VerifyWebhook = %+v, %+v", event, event.Payload)
	}
	header, secret = message(`{"event":"permit.moved","data":{}}`)
	event, err = VerifyWebhook([]byte(`{"event":"permit.moved","data":{}}`), header, []string{secret})
	if err != nil || event.Type != "permit.moved" || event.Payload != nil {
		t.Errorf("VerifyWebhook of another type = %+v, %v", event, err)
	}
	const wrong = `{"event":"permit.fee_changed","data":{"permit_uuid":7}}`
	header, secret = message(wrong)
	var refused *WebhookVerificationError
	if _, err = VerifyWebhook([]byte(wrong), header, []string{secret}); !errors.As(err, &refused) || refused.Reason != ReasonInvalidPayload {
		t.Errorf("VerifyWebhook of another form = %v", err)
	}
}

// Every type of event has a type in Go.
func Test_payload(t *testing.T) {
	for _, of := range []EventType{
		EventTypePermitStatusChanged, EventTypePermitFeeChanged, EventTypePermitInspectionScheduled, EventTypePermitAddedToWatchlist, EventTypePermitRemovedFromWatchlist,
	} {
		if told, err := payload(of, []byte("{}")); told == nil || err != nil {
			t.Errorf("%s has no payload: %v", of, err)
		}
	}
}

func TestVerifyWebhook_constant_time(t *testing.T) {
	text, err := os.ReadFile("webhooks.go")
	if err != nil {
		t.Fatal(err)
	}
	if _, body, found := strings.Cut(string(text), "func holds("); !found || !strings.Contains(body[:strings.Index(body, "\n}")], "hmac.Equal(") {
		t.Error("signatures are compared by something else than hmac.Equal")
	}
}
