package signature

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const (
	messageID = "evt_01k0n5v8e2f7tbqzr6m4c3x9wd"
	body      = `{"event":"permit.status_changed","data":{"permit_number":"BLD-26-0521670","note":"größer"}}`
)

func parse(t *testing.T, text string) Secret {
	t.Helper()
	s, err := ParseSecret(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func signed(at time.Time, signature string) http.Header {
	header := http.Header{}
	header.Set(HeaderID, messageID)
	header.Set(HeaderTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(HeaderSignature, signature)
	return header
}

// The example of the specification.
func TestSign_vector(t *testing.T) {
	secrets := []Secret{parse(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}
	at, body := time.Unix(1614265330, 999_999_999), []byte(`{"test": 2432232314}`)
	if got, want := Sign(secrets, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, body), "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="; got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
	if got, want := SignedText("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body), `msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}`; got != want {
		t.Errorf("SignedText = %s, want %s", got, want)
	}
}

func TestSign_zero(t *testing.T) {
	if got := Sign([]Secret{{}, {}}, messageID, time.Unix(1, 0), nil); got != "" {
		t.Errorf("Sign by nothing = %s, want nothing", got)
	}
	at := time.Unix(1_800_000_000, 0)
	forged := signed(at, sign(nil, SignedText(messageID, at, []byte(body)))) // what a key without bytes gives
	if err := Verify([]Secret{{}}, forged, []byte(body), at, Tolerance); !errors.Is(err, ErrNoMatch) {
		t.Errorf("Verify by nothing = %v, want %v", err, ErrNoMatch)
	}
}

// The reference implementation and this one, each on what the other signs.
func TestVerify_reference(t *testing.T) {
	old, current, foreign := NewSecret(), parse(t, "a password that somebody has made up"), NewSecret()
	now := time.Now()
	reference := func(s Secret) *standardwebhooks.Webhook {
		w, err := standardwebhooks.NewWebhook(s.String())
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	for name, body := range map[string]string{"JSON": body, "empty": "", "dots": "a.b.c", "bytes": "\x00\xff\r\n "} {
		ours := signed(now, Sign([]Secret{old, current}, messageID, now, []byte(body)))
		theirs, err := reference(current).Sign(messageID, now, []byte(body))
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range []struct {
			by     Secret
			header http.Header
			body   string
			want   bool
		}{
			{old, ours, body, true},
			{current, ours, body, true},
			{foreign, ours, body, false},
			{old, ours, body + " ", false},
			{current, signed(now, theirs), body, true},
			{current, signed(now, "v1,AAAA v1a,BBBB "+theirs), body, true},
			{old, signed(now, theirs), body, false},
			{current, signed(now, theirs), body + "\n", false},
			{current, signed(now.Add(time.Second), theirs), body, false},
			{current, signed(now.Add(-6*time.Minute), theirs), body, false},
		} {
			if err := reference(c.by).Verify([]byte(c.body), c.header); (err == nil) != c.want {
				t.Errorf("%s: the reference's Verify of %v = %v, want success %t", name, c.header, err, c.want)
			}
			if err := Verify([]Secret{c.by}, c.header, []byte(c.body), now, Tolerance); (err == nil) != c.want {
				t.Errorf("%s: Verify of %v = %v, want success %t", name, c.header, err, c.want)
			}
		}
	}
}

func TestVerify_tampered(t *testing.T) {
	secrets, at := []Secret{NewSecret()}, time.Unix(1_800_000_000, 0)
	signature := Sign(secrets, messageID, at, []byte(body))
	for bit := range 8 * len(body) {
		changed := []byte(body)
		changed[bit/8] ^= 1 << (bit % 8)
		if err := Verify(secrets, signed(at, signature), changed, at, Tolerance); !errors.Is(err, ErrNoMatch) {
			t.Errorf("bit %d flipped: Verify = %v, want %v", bit, err, ErrNoMatch)
		}
	}
	for i := range signature {
		if err := Verify(secrets, signed(at, signature[:i]+"~"+signature[i+1:]), []byte(body), at, Tolerance); !errors.Is(err, ErrNoMatch) {
			t.Errorf("signature changed at %d: Verify = %v, want %v", i, err, ErrNoMatch)
		}
	}
	header := signed(at, signature)
	header.Set(HeaderID, messageID[:len(messageID)-1])
	if err := Verify(secrets, header, []byte(body), at, Tolerance); !errors.Is(err, ErrNoMatch) {
		t.Errorf("another id: Verify = %v, want %v", err, ErrNoMatch)
	}
	if err := Verify(nil, signed(at, signature), []byte(body), at, Tolerance); !errors.Is(err, ErrNoMatch) {
		t.Errorf("no secrets: Verify = %v, want %v", err, ErrNoMatch)
	}
}

func TestVerify_stale(t *testing.T) {
	secrets, at := []Secret{NewSecret()}, time.Unix(1_800_000_000, 0)
	header := signed(at, Sign(secrets, messageID, at, []byte(body)))
	for after, want := range map[time.Duration]error{
		0: nil, Tolerance: nil, -Tolerance: nil, Tolerance + 1: ErrStale, -Tolerance - 1: ErrStale, 290 * 365 * 24 * time.Hour: ErrStale,
	} {
		if err := Verify(secrets, header, []byte(body), at.Add(after), Tolerance); !errors.Is(err, want) {
			t.Errorf("Verify %s later = %v, want %v", after, err, want)
		}
	}
	for _, text := range []string{"9223372036854775807", "-9223372036854775808", "0", "-1"} {
		header.Set(HeaderTimestamp, text)
		if err := Verify(secrets, header, []byte(body), at, Tolerance); !errors.Is(err, ErrStale) {
			t.Errorf("Verify at %s = %v, want %v", text, err, ErrStale)
		}
	}
}

func TestVerify_headers(t *testing.T) {
	secrets, at := []Secret{NewSecret()}, time.Unix(1_800_000_000, 0)
	signature := Sign(secrets, messageID, at, []byte(body))
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		header := signed(at, signature)
		header.Del(name)
		if err := Verify(secrets, header, []byte(body), at, Tolerance); !errors.Is(err, ErrMissingHeader) || !strings.Contains(err.Error(), name) {
			t.Errorf("Verify without %s = %v, want that it is missing", name, err)
		}
	}
	for _, text := range []string{"now", "1800000000.0", "+1800000000", "01800000000", " 1800000000", "1.8e9", "9223372036854775808"} {
		header := signed(at, signature)
		header.Set(HeaderTimestamp, text)
		if err := Verify(secrets, header, []byte(body), at, Tolerance); !errors.Is(err, ErrInvalidTimestamp) {
			t.Errorf("Verify at %q = %v, want %v", text, err, ErrInvalidTimestamp)
		}
	}
}
