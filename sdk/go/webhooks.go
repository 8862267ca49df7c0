package plotwise

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a webhook's message.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

const (
	secretPrefix = "whsec_"
	minSecret    = 24 // bytes
	maxSecret    = 64
)

// Reason says why a webhook's message was refused.
type Reason string

// The reasons.
const (
	ReasonMissingHeader       Reason = "missing_header"
	ReasonInvalidTimestamp    Reason = "invalid_timestamp"
	ReasonTimestampTooOld     Reason = "timestamp_too_old"
	ReasonTimestampTooNew     Reason = "timestamp_too_new"
	ReasonInvalidSecret       Reason = "invalid_secret"
	ReasonNoMatchingSignature Reason = "no_matching_signature"
	ReasonInvalidPayload      Reason = "invalid_payload"
)

// WebhookVerificationError is a message that is not known to come from Plotwise, or not now. Answer it with 400.
type WebhookVerificationError struct {
	Reason  Reason
	Message string
}

func (e *WebhookVerificationError) Error() string {
	return "plotwise: verify a webhook: " + string(e.Reason) + ": " + e.Message
}

// WebhookEvent is what a webhook's message tells.
type WebhookEvent struct {
	ID      string    // the event's, the same in every attempt to deliver it: what to know those by that came before
	Type    EventType // permit.status_changed
	Payload any       // PermitStatusChanged and so on, by its type; nil for a type that this version does not know
	Body    []byte    // as it came
}

// WebhookOption is an option of VerifyWebhook.
type WebhookOption func(*verification)

type verification struct {
	tolerance time.Duration
	now       func() time.Time
}

// WithTolerance sets how far a message's time may be from the clock, both ways: 5 minutes by default.
func WithTolerance(tolerance time.Duration) WebhookOption {
	return func(v *verification) { v.tolerance = tolerance }
}

// WithClock gives the clock that the message's time is held against, for tests.
func WithClock(now func() time.Time) WebhookOption { return func(v *verification) { v.now = now } }

// VerifyWebhook holds a webhook's message against its secrets, by Standard Webhooks: while a secret is rotated there are two,
// and one signature by one of them is enough. The body has to be as it was received, byte for byte. A message that does not
// hold fails with a WebhookVerificationError.
func VerifyWebhook(body []byte, header http.Header, secrets []string, options ...WebhookOption) (*WebhookEvent, error) {
	v := verification{tolerance: 5 * time.Minute, now: time.Now}
	for _, o := range options {
		o(&v)
	}
	id, timestamp, signatures, err := messageHeaders(header)
	if err != nil {
		return nil, err
	}
	if err := v.checkTime(timestamp); err != nil {
		return nil, err
	}
	keys, err := secretKeys(secrets)
	if err != nil {
		return nil, err
	}
	signed := append([]byte(id+"."+timestamp+"."), body...)
	for _, key := range keys {
		if holds(key, signed, signatures) {
			return newWebhookEvent(id, body)
		}
	}
	return nil, refuse(ReasonNoMatchingSignature, "no signature in webhook-signature is of this message and by one of these secrets")
}

func refuse(reason Reason, message string) error { return &WebhookVerificationError{reason, message} }

func messageHeaders(header http.Header) (id, timestamp, signatures string, err error) {
	values := map[string]string{}
	for name, v := range header { // in whatever case
		if len(v) > 0 {
			values[strings.ToLower(name)] = v[0]
		}
	}
	for _, name := range []string{headerID, headerTimestamp, headerSignature} {
		if values[name] == "" {
			return "", "", "", refuse(ReasonMissingHeader, "the header "+name+" is missing")
		}
	}
	return values[headerID], values[headerTimestamp], values[headerSignature], nil
}

func (v *verification) checkTime(text string) error {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != text { // in the one form that it is signed in
		return refuse(ReasonInvalidTimestamp, "webhook-timestamp is no time in Unix seconds")
	}
	age := v.now().Sub(time.Unix(seconds, 0))
	if age > v.tolerance {
		return refuse(ReasonTimestampTooOld, "webhook-timestamp is too long ago: is it sent again by somebody else, or is the clock wrong?")
	}
	if age < -v.tolerance {
		return refuse(ReasonTimestampTooNew, "webhook-timestamp is in the future: is the clock wrong?")
	}
	return nil
}

// secretKeys returns the bytes of secrets: base64 behind whsec_, else the text itself.
func secretKeys(secrets []string) (keys [][]byte, err error) {
	if len(secrets) == 0 {
		return nil, refuse(ReasonInvalidSecret, "there are no secrets")
	}
	for _, text := range secrets {
		key := []byte(text)
		if encoded, prefixed := strings.CutPrefix(text, secretPrefix); prefixed {
			key, err = base64.StdEncoding.Strict().DecodeString(encoded)
			if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder passes over
				return nil, refuse(ReasonInvalidSecret, "a secret has no base64 behind whsec_: was it copied whole, and without spaces?")
			}
		}
		if len(key) < minSecret || len(key) > maxSecret {
			return nil, refuse(ReasonInvalidSecret, "a secret has not 24 to 64 bytes: was it copied whole?")
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// holds reports whether one of the signatures is by the key, in a time that does not tell how much of it is.
func holds(key, signed []byte, signatures string) bool {
	mac := hmac.New(sha256.New, key)
	mac.Write(signed)
	want := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for got := range strings.SplitSeq(signatures, " ") {
		if hmac.Equal([]byte(got), want) {
			return true
		}
	}
	return false
}

func newWebhookEvent(id string, body []byte) (*WebhookEvent, error) {
	var head struct {
		Event *EventType `json:"event"`
	}
	if err := json.Unmarshal(body, &head); err != nil || head.Event == nil {
		return nil, refuse(ReasonInvalidPayload, "the body is no event in JSON")
	}
	told, err := payload(*head.Event, body)
	if err != nil {
		return nil, refuse(ReasonInvalidPayload, "the body is no "+string(*head.Event))
	}
	return &WebhookEvent{ID: id, Type: *head.Event, Payload: told, Body: body}, nil
}

// read returns a payload by its value, as EventPayload.ValueByDiscriminator does.
func read[T any](body []byte) (any, error) {
	var told T
	err := json.Unmarshal(body, &told)
	return told, err
}
