package contract

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/plotwise/plotwise/internal/signature"
)

// delivery is what the server tells of an event on its way to a webhook.
type delivery struct {
	ID            string     `json:"id"`
	EventID       string     `json:"event_id"`
	Test          bool       `json:"test"`
	State         string     `json:"state"`
	AttemptCount  int        `json:"attempt_count"`
	NextAttemptAt *time.Time `json:"next_attempt_at"`
	CreatedAt     time.Time  `json:"created_at"`
	Body          string     `json:"body"`
	Attempts      []attempt  `json:"attempts"`
}

// attempt is what the server tells of a request that it made.
type attempt struct {
	StartedAt      time.Time         `json:"started_at"`
	URL            string            `json:"url"`
	RequestHeaders map[string]string `json:"request_headers"`
	RequestBody    string            `json:"request_body"`
	SignedText     string            `json:"signed_text"`
	Curl           string            `json:"curl"`
	Status         int               `json:"status"` // 0 when there was no answer
	ResponseBody   string            `json:"response_body"`
}

// deliveryOf returns the delivery of an answer.
func deliveryOf(e Exchange) delivery {
	var body struct {
		Data delivery `json:"data"`
	}
	_ = json.Unmarshal(e.Body, &body) // send held it against its schema
	return body.Data
}

// received is an arrival with what is known of it.
type received struct {
	arrival
	hook    *hook
	what    string
	event   happened
	test    bool
	attempt int      // its place among the attempts of its delivery, from 0
	log     Exchange // that tells of its delivery
}

// judge holds an arrival against the document, against its webhook and against the log.
func (l *live) judge(r received) {
	for _, faults := range [][]Fault{l.judgeHeaders(r), l.judgePayload(r), r.judgeSignatures()} {
		for _, f := range faults {
			l.failArrival(r.event.cause, r.arrival, r.what, f)
		}
	}
	for _, f := range l.judgeLog(r) {
		l.failArrival(r.log, r.arrival, r.what, f)
	}
}

// judgeHeaders holds the method and the headers against what every such request has.
func (l *live) judgeHeaders(r received) []Fault {
	var faults []Fault
	want := func(place, got, want string) {
		if got != want {
			faults = append(faults, Fault{place, "live", fmt.Sprintf("is %q, want %q", got, want)})
		}
	}
	want("method", r.method, http.MethodPost)
	mediaType, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	want("header Content-Type", mediaType, "application/json")
	if name := l.says.get("header").text(); name != "" {
		want("header "+name, r.header.Get(name), r.hook.header)
	}
	mark, marked := l.says.get("mark"), ""
	if r.test {
		marked = mark.get("value").text()
	}
	want("header "+mark.get("header").text(), r.header.Get(mark.get("header").text()), marked)
	want("header "+signature.HeaderID, r.header.Get(signature.HeaderID), deliveryOf(r.log).EventID)
	return faults
}

// judgePayload holds the body against the schema of the webhook of its name, and against what caused it.
func (l *live) judgePayload(r received) []Fault {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(r.body))
	if err != nil {
		return []Fault{{"body", "syntax", "is not JSON: " + err.Error()}}
	}
	schema := l.document.payload(r.event.event).get("schema")
	faults := append(broken(schema, value), undeclared(schema, value, "")...)
	object, _ := value.(map[string]any)
	if got := object["organization_id"]; l.organization != "" && got != l.organization {
		faults = append(faults, Fault{"/organization_id", "live", fmt.Sprintf("is %v, want %s", got, l.organization)})
	}
	if text, ok := object["timestamp"].(string); ok {
		at, err := time.Parse(time.RFC3339, text)
		if age := r.at.Sub(at).Abs(); err == nil && age > signature.Tolerance {
			faults = append(faults, Fault{"/timestamp", "fresh", fmt.Sprintf("is %s, %s away from now", text, age.Round(time.Second))})
		}
	}
	data, _ := object["data"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(r.event.data)) {
		if got := data[name]; got != r.event.data[name] {
			faults = append(faults, Fault{"/data/" + escape(name), "cause", fmt.Sprintf("is %v, want %s as in what caused it", got, r.event.data[name])})
		}
	}
	return faults
}

// judgeSignatures wants a fresh timestamp and one signature by each secret of the webhook, over the id, the timestamp and
// the body (Standard Webhooks), and no other signature.
func (r received) judgeSignatures() []Fault {
	seconds, err := strconv.ParseInt(r.header.Get(signature.HeaderTimestamp), 10, 64)
	if err != nil {
		return []Fault{{"header " + signature.HeaderTimestamp, "live", fmt.Sprintf("is %q, want seconds since 1970", r.header.Get(signature.HeaderTimestamp))}}
	}
	var faults []Fault
	signed := time.Unix(seconds, 0)
	if age := r.at.Sub(signed).Abs(); age > signature.Tolerance {
		faults = append(faults, Fault{"header " + signature.HeaderTimestamp, "fresh", fmt.Sprintf("is %d, %s away from now", seconds, age.Round(time.Second))})
	}
	const place = "header " + signature.HeaderSignature
	for i, secret := range r.hook.secrets {
		err := signature.Verify([]signature.Secret{secret}, r.header, r.body, signed, signature.Tolerance)
		if part := r.partlySigned(secret); err != nil && part != "" {
			faults = append(faults, Fault{place, "part", "is over " + part + ", want id, timestamp and body"})
		} else if err != nil {
			faults = append(faults, Fault{place, "signature", fmt.Sprintf("is none by secret %d of %d: %v", i+1, len(r.hook.secrets), err)})
		}
	}
	if len(faults) > 0 {
		return faults
	}
	if n := strings.Count(" "+r.header.Get(signature.HeaderSignature), " v1,"); n != len(r.hook.secrets) {
		faults = append(faults, Fault{place, "surplus", fmt.Sprintf("holds %d signatures of the webhook's %d secrets", n, len(r.hook.secrets))})
	}
	return append(faults, r.judgeAltered(signed)...)
}

// partlySigned returns what else a signature by the secret is over; "" when it is not known.
func (r received) partlySigned(secret signature.Secret) string {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret.String(), signature.Prefix))
	if err != nil {
		return ""
	}
	id, at := r.header.Get(signature.HeaderID), r.header.Get(signature.HeaderTimestamp)
	for part, text := range map[string]string{"the body alone": "", "timestamp and body": at + ".", "id and body": id + "."} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(text + string(r.body)))
		if strings.Contains(r.header.Get(signature.HeaderSignature), base64.StdEncoding.EncodeToString(mac.Sum(nil))) {
			return part
		}
	}
	return ""
}

// judgeAltered wants the signatures not to be good for anything else: each part is altered in its turn.
func (r received) judgeAltered(signed time.Time) []Fault {
	var faults []Fault
	refuse := func(part string, secrets []signature.Secret, header http.Header, body []byte, now time.Time) {
		if err := signature.Verify(secrets, header, body, now, signature.Tolerance); !errors.Is(err, signature.ErrNoMatch) {
			faults = append(faults, Fault{"header " + signature.HeaderSignature, "altered", "is good for another " + part + " too"})
		}
	}
	with := func(name, value string) http.Header {
		header := r.header.Clone()
		header.Set(name, value)
		return header
	}
	later := signed.Add(time.Second)
	refuse("body", r.hook.secrets, r.header, append(bytes.Clone(r.body), ' '), signed)
	refuse("id", r.hook.secrets, with(signature.HeaderID, r.header.Get(signature.HeaderID)+"0"), r.body, signed)
	refuse("timestamp", r.hook.secrets, with(signature.HeaderTimestamp, strconv.FormatInt(later.Unix(), 10)), r.body, later)
	refuse("secret", []signature.Secret{signature.NewSecret()}, r.header, r.body, signed)
	return faults
}

// judgeLog wants the log to show what arrived, and what it was answered, but no value of the webhook's own header.
func (l *live) judgeLog(r received) []Fault {
	d := deliveryOf(r.log)
	if len(d.Attempts) <= r.attempt {
		return []Fault{{"/data/attempts", "log", fmt.Sprintf("has %d attempts, and not the one that arrived", len(d.Attempts))}}
	}
	a, at := d.Attempts[r.attempt], fmt.Sprintf("/data/attempts/%d/", r.attempt)
	var faults []Fault
	want := func(place, keyword string, got, want any) {
		if got != want {
			faults = append(faults, Fault{place, keyword, fmt.Sprintf("is %.300q, want %.300q", fmt.Sprint(got), fmt.Sprint(want))})
		}
	}
	want("/data/test", "live", d.Test, r.test)
	want(at+"url", "log", a.URL, l.receiver.url+r.hook.path)
	want("/data/body", "bytes", d.Body, string(r.body))
	want(at+"request_body", "bytes", a.RequestBody, string(r.body))
	if a.SignedText != "" {
		want(at+"signed_text", "bytes", a.SignedText, r.header.Get(signature.HeaderID)+"."+r.header.Get(signature.HeaderTimestamp)+"."+string(r.body))
	}
	want(at+"status", "log", a.Status, r.answer.status)
	want(at+"response_body", "log", a.ResponseBody, r.answer.body)
	for _, name := range slices.Sorted(maps.Keys(a.RequestHeaders)) {
		if value := a.RequestHeaders[name]; value != l.says.get("hidden").text() {
			want(at+"request_headers/"+escape(name), "log", value, r.header.Get(name))
		}
	}
	if bytes.Contains(r.log.Body, []byte(r.hook.header)) {
		faults = append(faults, Fault{"body", "hidden", "shows the value of the webhook's own header"})
	}
	return faults
}
