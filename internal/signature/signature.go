// Package signature signs webhooks and verifies them, by Standard Webhooks (https://www.standardwebhooks.com,
// specification 1.0), with symmetric secrets: v1, HMAC-SHA256.
package signature

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed message.
const (
	HeaderID        = "webhook-id"        // the event's id, the same on every retry
	HeaderTimestamp = "webhook-timestamp" // of the attempt, in Unix seconds
	HeaderSignature = "webhook-signature" // one or more, with spaces between
)

// scheme starts every signature that this package makes and verifies.
const scheme = "v1,"

// Tolerance is how far a timestamp may be from the receiver's clock unless it says otherwise; a message captured by
// others is of no use to them after it.
const Tolerance = 5 * time.Minute

// The reasons for which Verify refuses a message.
var (
	ErrMissingHeader    = errors.New("header is missing")
	ErrInvalidTimestamp = errors.New("webhook-timestamp is no time in Unix seconds")
	ErrStale            = errors.New("webhook-timestamp is too far from now")
	ErrNoMatch          = errors.New("webhook-signature holds no signature of this message by this secret")
)

// SignedText returns what is signed: the message's id, the time in Unix seconds and the body as sent, with dots between.
func SignedText(id string, at time.Time, body []byte) string {
	return id + "." + strconv.FormatInt(at.Unix(), 10) + "." + string(body)
}

// Sign returns the value of the webhook-signature header: a signature by each secret, in their order. While a secret is
// rotated both sign, so that the receiver may change over at any time. The id must not be empty nor hold a dot.
func Sign(secrets []Secret, id string, at time.Time, body []byte) string {
	text := SignedText(id, at, body)
	var signatures []string
	for _, s := range secrets {
		if s.key != nil {
			signatures = append(signatures, sign(s.key(), text))
		}
	}
	return strings.Join(signatures, " ")
}

func sign(key []byte, text string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(text))
	return scheme + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Verify holds a message against the secrets of its receiver: one signature by one of them is enough. The body has to be
// as it was received, byte for byte. It returns ErrMissingHeader, ErrInvalidTimestamp, ErrStale when the timestamp is
// more than tolerance before or after now, or ErrNoMatch.
func Verify(secrets []Secret, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if header.Get(name) == "" {
			return fmt.Errorf("%s %w", name, ErrMissingHeader)
		}
	}
	at, err := timestamp(header.Get(HeaderTimestamp))
	if err != nil {
		return err
	}
	if age := now.Sub(at); age > tolerance || age < -tolerance {
		return fmt.Errorf("%w: it is %s", ErrStale, at.UTC().Format(time.RFC3339))
	}
	text := SignedText(header.Get(HeaderID), at, body)
	for _, s := range secrets {
		if s.key != nil && matches(sign(s.key(), text), header.Get(HeaderSignature)) {
			return nil
		}
	}
	return ErrNoMatch
}

// timestamp reads Unix seconds in the one form that SignedText writes, so that what is verified is what was sent.
func timestamp(text string) (time.Time, error) {
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != text {
		return time.Time{}, ErrInvalidTimestamp
	}
	return time.Unix(seconds, 0), nil
}

// matches reports whether one of the signatures is the wanted one, in a time that does not tell how much of it is.
func matches(want, signatures string) bool {
	for got := range strings.SplitSeq(signatures, " ") {
		if hmac.Equal([]byte(got), []byte(want)) {
			return true
		}
	}
	return false
}
