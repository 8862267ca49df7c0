package signature

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The messages that all SDKs verify: `go test ./internal/signature -update` writes them.
const vectorsFile = "../../sdk/signatures.json"

var update = flag.Bool("update", false, "write "+vectorsFile)

// vector is a message, and what verifying it has to end with: ok, or the reason for which it is refused. Reasons come in
// the order of their list in sdk/README.md: the first that is true of a message is its own.
type vector struct {
	Name      string            `json:"name"`
	Body      string            `json:"body"`
	Headers   map[string]string `json:"headers"`
	Secrets   []string          `json:"secrets"`
	Now       int64             `json:"now"`
	Tolerance int               `json:"tolerance"` // seconds
	Want      string            `json:"want"`
}

// The secrets of the vectors.
const (
	current   = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	previous  = "whsec_wP7rEXjYx4bA0k3tVq2mZ9sLd5uHn8gCf1oJi6QeTyM="
	longest   = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDEyMw=="
	madeUp    = "a password that somebody has made up"
	umlauts   = "grüße aus münchen!!!!" // 21 characters, 24 bytes
	unrelated = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
)

const (
	sentAt  = 1_800_000_000
	payload = `{"event":"permit.status_changed","timestamp":"2027-01-15T08:00:00Z","organization_id":"org_01k0n5v8e2f7tbqzr6m4c3x9wd",` +
		`"data":{"permit_uuid":"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10","permit_number":"BLD-26-0521670","previous_status":"Pending","new_status":"In Review"}}`
)

// message returns a payload that the current secret has signed and that is received at once.
func message(t *testing.T, name, want string, changes ...func(*vector)) vector {
	t.Helper()
	v := vector{Name: name, Body: payload, Secrets: []string{current}, Now: sentAt, Tolerance: 300, Want: want, Headers: map[string]string{
		HeaderID: messageID, HeaderTimestamp: strconv.Itoa(sentAt),
	}}
	for _, change := range changes {
		change(&v)
	}
	if _, given := v.Headers[HeaderSignature]; !given {
		v.Headers[HeaderSignature] = signatures(t, v.Body, current)
	}
	return v
}

func signatures(t *testing.T, body string, by ...string) string {
	t.Helper()
	var secrets []Secret
	for _, text := range by {
		secrets = append(secrets, parse(t, text))
	}
	return Sign(secrets, messageID, time.Unix(sentAt, 0), []byte(body))
}

func text(body string) func(*vector) { return func(v *vector) { v.Body = body } }
func secrets(texts ...string) func(*vector) {
	return func(v *vector) { v.Secrets = append([]string{}, texts...) }
}
func header(name, value string) func(*vector) { return func(v *vector) { v.Headers[name] = value } }
func received(after int64) func(*vector)      { return func(v *vector) { v.Now = sentAt + after } }
func tolerance(seconds int) func(*vector)     { return func(v *vector) { v.Tolerance = seconds } }

// changed alters a message after it was signed.
func changed(v vector, changes ...func(*vector)) vector {
	for _, change := range changes {
		change(&v)
	}
	return v
}

func without(name string) func(*vector) { return func(v *vector) { delete(v.Headers, name) } }

func renamed(rename func(string) string) func(*vector) {
	return func(v *vector) {
		headers := map[string]string{}
		for name, value := range v.Headers {
			headers[rename(name)] = value
		}
		v.Headers = headers
	}
}

func vectors(t *testing.T) []vector {
	t.Helper()
	all := goodVectors(t)
	all = append(all, headerVectors(t)...)
	all = append(all, secretVectors(t)...)
	all = append(all, signatureVectors(t)...)
	return append(all, payloadVectors(t)...)
}

func goodVectors(t *testing.T) []vector {
	t.Helper()
	signature, other := signatures(t, payload, current), signatures(t, payload, unrelated)
	return []vector{
		message(t, "one secret, one signature", "ok"),
		message(t, "rotated: both sign, the receiver has the previous secret", "ok", secrets(previous), header(HeaderSignature, signatures(t, payload, previous, current))),
		message(t, "rotated: both sign, the receiver has the current secret", "ok", header(HeaderSignature, signatures(t, payload, previous, current))),
		message(t, "rotated: the receiver has both secrets, the current one signs", "ok", secrets(previous, current)),
		message(t, "several signatures, the right one is the last", "ok", header(HeaderSignature, other+" v1,AAAA "+signature)),
		message(t, "signatures of unknown versions beside the right one", "ok", header(HeaderSignature, "v1a,QUFBQQ== v2,"+signature[3:]+" "+signature+" v9")),
		message(t, "two spaces between signatures", "ok", header(HeaderSignature, other+"  "+signature)),
		message(t, "a secret of 64 bytes", "ok", secrets(longest), header(HeaderSignature, signatures(t, payload, longest))),
		message(t, "a secret that is plain text", "ok", secrets(madeUp), header(HeaderSignature, signatures(t, payload, madeUp))),
		message(t, "a secret that is plain text of 24 bytes in 21 characters", "ok", secrets(umlauts), header(HeaderSignature, signatures(t, payload, umlauts))),
		message(t, "a secret that is plain text, given as whsec_ and its base64", "ok", secrets(parse(t, madeUp).String()), header(HeaderSignature, signatures(t, payload, madeUp))),
		changed(message(t, "header names in title case", "ok"), renamed(http.CanonicalHeaderKey)),
		changed(message(t, "header names in upper case", "ok"), renamed(strings.ToUpper)),
		message(t, "300 s old, which the tolerance still allows", "ok", received(300)),
		message(t, "300 s ahead, which the tolerance still allows", "ok", received(-300)),
		message(t, "an hour old, with a tolerance of an hour", "ok", received(3600), tolerance(3600)),
		message(t, "a body in Unicode, not escaped", "ok", text(`{"event":"permit.status_changed","data":{"new_status":"größer – 检查 🏗️"}}`)),
		message(t, "a body in Unicode, escaped", "ok", text(`{"event":"permit.status_changed","data":{"new_status":"gr\u00f6\u00dfer \ud83c\udfd7"}}`)),
		message(t, "a body over several lines", "ok", text("{\r\n  \"event\" : \"permit.status_changed\",\r\n  \"data\" : {}\r\n}\n")),
		message(t, "an event of a type that this version does not know", "ok", text(`{"event":"permit.moved","data":{"floor":3}}`)),
	}
}

func headerVectors(t *testing.T) []vector {
	t.Helper()
	return []vector{
		changed(message(t, "no id", "missing_header"), without(HeaderID)),
		changed(message(t, "no timestamp", "missing_header"), without(HeaderTimestamp)),
		changed(message(t, "no signature", "missing_header"), without(HeaderSignature)),
		changed(message(t, "an empty signature", "missing_header"), header(HeaderSignature, "")),
		changed(message(t, "no headers, and a secret that is none", "missing_header", secrets("short")), without(HeaderID), without(HeaderTimestamp), without(HeaderSignature)),
		message(t, "a timestamp that is a word", "invalid_timestamp", header(HeaderTimestamp, "now")),
		message(t, "a timestamp with a fraction", "invalid_timestamp", header(HeaderTimestamp, "1800000000.0")),
		message(t, "a timestamp with an exponent", "invalid_timestamp", header(HeaderTimestamp, "18e8")),
		message(t, "a timestamp with a leading zero", "invalid_timestamp", header(HeaderTimestamp, "01800000000")),
		message(t, "a timestamp with a plus", "invalid_timestamp", header(HeaderTimestamp, "+1800000000")),
		message(t, "a timestamp in hexadecimal", "invalid_timestamp", header(HeaderTimestamp, "0x6b49d200")),
		message(t, "a timestamp with a separator", "invalid_timestamp", header(HeaderTimestamp, "1_800_000_000")),
		message(t, "a timestamp with letters behind it", "invalid_timestamp", header(HeaderTimestamp, "1800000000s")),
		message(t, "a timestamp in RFC 3339", "invalid_timestamp", header(HeaderTimestamp, "2027-01-15T08:00:00Z")),
		message(t, "a timestamp in other digits", "invalid_timestamp", header(HeaderTimestamp, "١٨٠٠٠٠٠٠٠٠")),
		message(t, "301 s old", "timestamp_too_old", received(301)),
		message(t, "11 s old, with a tolerance of 10 s", "timestamp_too_old", received(11), tolerance(10)),
		message(t, "a timestamp of 1970", "timestamp_too_old", header(HeaderTimestamp, "0")),
		message(t, "a timestamp before 1970", "timestamp_too_old", header(HeaderTimestamp, "-1")),
		message(t, "old, and signed by another secret", "timestamp_too_old", received(301), secrets(unrelated)),
		message(t, "301 s ahead", "timestamp_too_new", received(-301)),
		message(t, "a timestamp in milliseconds", "timestamp_too_new", header(HeaderTimestamp, "1800000000000")),
	}
}

func secretVectors(t *testing.T) []vector {
	t.Helper()
	return []vector{
		message(t, "no secrets", "invalid_secret", secrets()),
		message(t, "an empty secret", "invalid_secret", secrets("")),
		message(t, "whsec_ alone", "invalid_secret", secrets("whsec_")),
		message(t, "a secret of 23 bytes", "invalid_secret", secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=")),
		message(t, "a secret of 66 bytes", "invalid_secret", secrets("whsec_"+strings.Repeat("A", 88))),
		message(t, "a secret without its padding", "invalid_secret", secrets(strings.TrimRight(previous, "="))),
		message(t, "a secret in the alphabet of URLs", "invalid_secret", secrets("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_")),
		message(t, "a secret with a line break behind it", "invalid_secret", secrets(current+"\n")),
		message(t, "a secret with a space in its base64", "invalid_secret", secrets("whsec_MfKQ9r8GKYqrTwjU PD8ILPZIo2LaLaSw")),
		message(t, "whsec_ twice", "invalid_secret", secrets("whsec_"+current)),
		message(t, "a plain text of 23 bytes", "invalid_secret", secrets(strings.Repeat("x", 23))),
		message(t, "a plain text of 33 characters in 66 bytes", "invalid_secret", secrets(strings.Repeat("ü", 33))),
		message(t, "the right secret, and one that is none", "invalid_secret", secrets(current, "whsec_none")),
	}
}

func signatureVectors(t *testing.T) []vector {
	t.Helper()
	signature := signatures(t, payload, current)
	refused := func(name string, changes ...func(*vector)) vector {
		return changed(message(t, name, "no_matching_signature"), changes...)
	}
	return []vector{
		refused("signed by another secret", secrets(unrelated)),
		refused("signed by another secret than either", secrets(unrelated, previous)),
		refused("the secret without whsec_, which is a plain text", secrets(strings.TrimPrefix(current, Prefix))),
		refused("a plain text with a line break behind it", secrets(madeUp+"\n"), header(HeaderSignature, signatures(t, payload, madeUp))),
		refused("a body with another status", text(strings.Replace(payload, "In Review", "Approved", 1))),
		refused("a body with a line break behind it", text(payload+"\n")),
		refused("a body with other white space", text(strings.ReplaceAll(payload, `":`, `": `))),
		refused("an empty body", text("")),
		refused("another id", header(HeaderID, "evt_01k0n5v8e2f7tbqzr6m4c3x9we")),
		refused("another timestamp within the tolerance", header(HeaderTimestamp, strconv.Itoa(sentAt+1))),
		refused("a signature without a version", header(HeaderSignature, signature[3:])),
		refused("a signature of another version", header(HeaderSignature, "v2,"+signature[3:])),
		refused("a signature of version V1", header(HeaderSignature, "V1,"+signature[3:])),
		refused("a signature of version v1a", header(HeaderSignature, "v1a,"+signature[3:])),
		refused("a signature cut short", header(HeaderSignature, signature[:len(signature)-4])),
		refused("a signature without its padding", header(HeaderSignature, strings.TrimRight(signature, "="))),
		refused("a signature in other case", header(HeaderSignature, "v1,"+strings.ToLower(signature[3:]))),
		refused("signatures with commas between", header(HeaderSignature, "v1,AAAA,"+signature)),
		refused("a version alone", header(HeaderSignature, "v1,")),
		refused("a signature in Unicode", header(HeaderSignature, "v1,größer")),
	}
}

func payloadVectors(t *testing.T) []vector {
	t.Helper()
	var all []vector
	for _, c := range []struct{ name, body string }{
		{"a body that is empty", ""},
		{"a body that is no JSON", "event=permit.status_changed"},
		{"a body cut short", payload[:len(payload)-2]},
		{"a body with more behind its end", payload + "{}"},
		{"a body that is null", "null"},
		{"a body that is an array", "[" + payload + "]"},
		{"a body that is a text", `"permit.status_changed"`},
		{"an object without an event", `{"data":{}}`},
		{"an object whose event is no text", `{"event":7,"data":{}}`},
	} {
		all = append(all, message(t, c.name, "invalid_payload", text(c.body)))
	}
	return all
}

func TestVectors(t *testing.T) {
	made, err := encode(vectors(t))
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(vectorsFile, made, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(vectorsFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(written), string(made)); diff != "" {
		t.Errorf("%s is not up to date, see -update (-written +made):\n%s", vectorsFile, diff)
	}
}

func encode(all []vector) ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(map[string][]vector{"vectors": all})
	return b.Bytes(), err
}

// What this package and the SDKs both judge, they judge alike.
func TestVectors_verify(t *testing.T) {
	reasons := map[string]error{
		"ok": nil, "missing_header": ErrMissingHeader, "invalid_timestamp": ErrInvalidTimestamp, "timestamp_too_old": ErrStale,
		"timestamp_too_new": ErrStale, "no_matching_signature": ErrNoMatch, "invalid_payload": nil,
	}
	names := map[string]bool{}
	for _, v := range vectors(t) {
		if names[v.Name] {
			t.Errorf("two vectors are named %q", v.Name)
		}
		names[v.Name] = true
		var secrets []Secret
		malformed := len(v.Secrets) == 0
		for _, text := range v.Secrets {
			s, err := ParseSecret(text)
			malformed = malformed || err != nil
			secrets = append(secrets, s)
		}
		header := http.Header{}
		for name, value := range v.Headers {
			header.Set(name, value)
		}
		if v.Want == "invalid_secret" {
			if !malformed {
				t.Errorf("%s: the secrets are in order", v.Name)
			}
			continue
		}
		err := Verify(secrets, header, []byte(v.Body), time.Unix(v.Now, 0), time.Duration(v.Tolerance)*time.Second)
		if want, known := reasons[v.Want]; !known || !errors.Is(err, want) {
			t.Errorf("%s: Verify = %v, want %s", v.Name, err, v.Want)
		}
	}
}
