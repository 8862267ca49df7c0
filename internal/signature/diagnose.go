package signature

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Captured is a message as a receiver got it, with what the receiver verifies it with: all of it as people paste it.
type Captured struct {
	Header  http.Header
	Body    []byte
	Secrets []Candidate // one of which should have signed it
	Others  []Candidate // that the receiver may have taken by mistake
	Sent    string      // the body as it was sent; "" when that is not known
	Yours   string      // the signature that the receiver's code computes; "" when that is not asked
}

// Candidate is the text of a secret, by what people call it.
type Candidate struct {
	Name string // such as "the secret of https://example.com/hook"
	Text string
}

// What came of a step.
const (
	Passed  = "passed"
	Failed  = "failed"
	Skipped = "skipped" // for want of what a step before needs
)

// Step is one thing that has to be so for a message to be verified.
type Step struct {
	Name  string
	State string
	Found string // what is there, in sentences
	Hint  string // what is probably the matter; ""
}

// Diagnose goes through the steps of verifying a message, and says which of them fail, and of which mistake that comes where
// it is a common one. Of secrets and right signatures it tells no more than the first characters.
func Diagnose(c Captured, now time.Time) []Step {
	d := diagnosis{Captured: c, id: c.Header.Get(HeaderID), timestamp: c.Header.Get(HeaderTimestamp), given: c.Header.Get(HeaderSignature)}
	d.headers()
	d.message()
	d.time(now)
	d.body()
	d.secret()
	d.version()
	d.match()
	if c.Yours != "" {
		d.yours()
	}
	return d.steps
}

// diagnosis is what the steps found so far.
type diagnosis struct {
	Captured
	steps                []Step
	id, timestamp, given string
	signatures           [][]byte // of v1
}

func (d *diagnosis) add(name, state, found, hint string) {
	d.steps = append(d.steps, Step{name, state, found, hint})
}

func (d *diagnosis) headers() {
	var missing, named []string
	for _, name := range []string{HeaderID, HeaderTimestamp, HeaderSignature} {
		if d.Header.Get(name) == "" {
			missing = append(missing, name)
		}
	}
	for name := range d.Header {
		if lower := strings.ToLower(name); strings.HasSuffix(lower, "-signature") || strings.HasSuffix(lower, "-timestamp") {
			named = append(named, lower)
		}
	}
	switch {
	case len(missing) == 0:
		d.add("Headers", Passed, "All three are there: webhook-id, webhook-timestamp and webhook-signature.", "")
	case len(d.Header) == 0:
		d.add("Headers", Failed, "There is no header in what you pasted.", "Paste one a line, as “name: value”.")
	case len(named) > 0 && len(missing) == 3:
		slices.Sort(named)
		d.add("Headers", Failed, "Missing: "+strings.Join(missing, ", ")+".", "There is "+strings.Join(named, ", ")+", which is not how Plotwise signs: is this a message of somebody else?")
	default:
		d.add("Headers", Failed, "Missing: "+strings.Join(missing, ", ")+".", "Proxies and frameworks drop headers that they do not know, or write them otherwise: look at the request as it arrives.")
	}
}

func (d *diagnosis) message() {
	switch {
	case d.id == "":
		d.add("Message id", Skipped, "There is no webhook-id.", "")
	case strings.ContainsAny(d.id, ". \t"):
		d.add("Message id", Failed, "An id holds no dot and no space.", "Was something pasted along with it?")
	default:
		d.add("Message id", Passed, d.id+" is the same on every retry: take it to leave out what you have handled already.", "")
	}
}

func (d *diagnosis) time(now time.Time) {
	if d.timestamp == "" {
		d.add("Timestamp", Skipped, "There is no webhook-timestamp.", "")
		d.add("Age", Skipped, "There is no time to compare with.", "")
		return
	}
	at, err := timestamp(d.timestamp)
	if err != nil {
		d.add("Timestamp", Failed, "It is no time in Unix seconds: want digits alone, such as "+fmt.Sprint(now.Unix())+".", "")
		d.add("Age", Skipped, "There is no time to compare with.", "")
		return
	}
	if at.Year() > 9999 {
		d.add("Timestamp", Failed, "Read as seconds it lies after the year 9999.", "These may be milliseconds: the header has seconds.")
		d.add("Age", Skipped, "There is no time to compare with.", "")
		return
	}
	d.add("Timestamp", Passed, "It was signed at "+at.UTC().Format("15:04:05 UTC on Jan 2, 2006")+".", "")
	switch age := now.Sub(at).Round(time.Second); {
	case age > Tolerance:
		d.add("Age", Failed, "It is "+words(age)+" old; receivers refuse what is older than 5 minutes.",
			"For a message that you captured a while ago that is as it should be. For one that just came, compare your server's clock.")
	case age < -Tolerance:
		d.add("Age", Failed, "It lies "+words(-age)+" ahead of our clock; receivers refuse what is more than 5 minutes ahead.", "Was the timestamp changed on the way?")
	default:
		d.add("Age", Passed, "It is "+words(age.Abs())+" from now, within the 5 minutes that receivers allow.", "")
	}
}

// words says a duration in its largest unit.
func words(d time.Duration) string {
	n, unit := int(d/time.Second), "second"
	switch {
	case d >= 48*time.Hour:
		n, unit = int(d/(24*time.Hour)), "day"
	case d >= 2*time.Hour:
		n, unit = int(d/time.Hour), "hour"
	case d >= 10*time.Minute:
		n, unit = int(d/time.Minute), "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprint(n, " ", unit)
}

// body compares what was received with what was sent, where that is known.
func (d *diagnosis) body() {
	size := count(len(d.Body))
	switch got := string(d.Body); {
	case got == "":
		d.add("Body", Failed, "There is no body in what you pasted.", "Paste it as it was received, before anything parses it.")
	case d.Sent == "":
		d.add("Body", Passed, size+". No event of your organization has this id, so there is nothing to compare it with.", "")
	case got == d.Sent:
		d.add("Body", Passed, size+", the same as Plotwise sent under this id.", "")
	default:
		at := 0
		for at < min(len(got), len(d.Sent)) && got[at] == d.Sent[at] {
			at++
		}
		d.add("Body", Failed, fmt.Sprintf("Plotwise sent %s under this id; yours has %d, and differs from byte %d on: “%s” was sent, you have “%s”.",
			count(len(d.Sent)), len(got), at+1, around(d.Sent, at), around(got, at)), changedHow(d.Body, []byte(d.Sent)))
	}
}

func count(bytes int) string {
	if bytes == 1 {
		return "1 byte"
	}
	return fmt.Sprint(bytes, " bytes")
}

// around returns the characters about a byte of a text, with signs for those that cannot be seen.
func around(text string, at int) string {
	return strings.NewReplacer("\r", "␍", "\n", "↵", "\t", "⇥").Replace(strings.ToValidUTF8(text[max(0, at-8):min(len(text), at+12)], ""))
}

func (d *diagnosis) secret() {
	if len(d.Secrets) == 0 {
		d.add("Secret", Skipped, "There is no secret.", "Paste it, or choose one of your webhooks.")
		return
	}
	for _, s := range d.Secrets {
		if _, err := ParseSecret(s.Text); err != nil {
			hint := ""
			if _, err := ParseSecret(strings.Trim(s.Text, " \t\r\n\"'")); err == nil {
				hint = "Without the white space or quotes around it, it is one: take them off where your code reads it."
			}
			d.add("Secret", Failed, "A secret "+err.Error()+".", hint)
			return
		}
	}
	if strings.HasPrefix(d.Secrets[0].Text, Prefix) {
		d.add("Secret", Passed, "It has the right form: the key is what the base64 behind whsec_ stands for.", "")
		return
	}
	d.add("Secret", Passed, "It has the right form: without whsec_ in front, its characters themselves are the key.", "")
}

// version collects the signatures of the version that receivers know.
func (d *diagnosis) version() {
	if d.given == "" {
		d.add("Signature version", Skipped, "There is no webhook-signature.", "")
		return
	}
	var other []string
	for one := range strings.FieldsSeq(d.given) {
		encoded, known := strings.CutPrefix(one, scheme)
		if !known {
			other = append(other, beginning(one))
			continue
		}
		if mac, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(mac) == 32 {
			d.signatures = append(d.signatures, mac)
			continue
		}
		other = append(other, beginning(one))
	}
	switch {
	case len(d.signatures) == 1:
		d.add("Signature version", Passed, "There is one signature of version v1.", "")
	case len(d.signatures) > 1:
		d.add("Signature version", Passed, fmt.Sprintf("There are %d signatures of version v1: during a rotation each live secret signs, and one that matches is enough.", len(d.signatures)), "")
	default:
		d.add("Signature version", Failed, "There is no v1 signature in “"+strings.Join(other, " ")+"”: want v1, and the base64 of 32 bytes.", "Was the header cut off or changed?")
	}
}

// beginning returns as much of a signature as tells it from others.
func beginning(signature string) string {
	if len(signature) <= 12 {
		return signature
	}
	return strings.ToValidUTF8(signature[:12], "") + "…"
}

// wanted returns the right signature by a secret; "" for a text that is none.
func (d *diagnosis) wanted(c Candidate) string {
	s, err := ParseSecret(c.Text)
	if err != nil {
		return ""
	}
	return sign(s.key(), d.id+"."+d.timestamp+"."+string(d.Body))
}

func (d *diagnosis) match() {
	const name = "Signature"
	if len(d.signatures) == 0 || d.id == "" || d.timestamp == "" || len(d.Secrets) == 0 || len(d.Body) == 0 {
		d.add(name, Skipped, "Something that it takes is missing: see above.", "")
		return
	}
	var computed []string
	for _, s := range d.Secrets {
		want := d.wanted(s)
		if want == "" {
			continue
		}
		if matches(want, d.given) {
			d.add(name, Passed, "It is the one that "+s.Name+" gives: "+beginning(want), "")
			return
		}
		computed = append(computed, beginning(want))
	}
	found := "None matches: the header has " + beginning(scheme+base64.StdEncoding.EncodeToString(d.signatures[0]))
	if len(computed) > 0 {
		found += ", and over this id, timestamp and body your secret gives " + strings.Join(computed, " or ")
	}
	hint := d.mistakes(d.signatures)
	if hint == "" {
		hint = "None of the usual mistakes explains it: the body or the secret is another one. Take the body before anything parses it, and compare the secret."
	}
	d.add(name, Failed, found, hint)
}

// yours compares what the receiver's code computes.
func (d *diagnosis) yours() {
	const name = "Your code's signature"
	if d.id == "" || d.timestamp == "" || len(d.Secrets) == 0 || len(d.Body) == 0 {
		d.add(name, Skipped, "Something that it takes is missing: see above.", "")
		return
	}
	text := strings.TrimSpace(d.Yours)
	for _, s := range d.Secrets {
		if want := d.wanted(s); want != "" && matches(want, text) {
			d.add(name, Passed, "Your code computes the right one.", "")
			return
		}
	}
	mac, remark := decode(text)
	if mac == nil {
		d.add(name, Failed, "“"+beginning(text)+"” is no HMAC-SHA256: want v1, and the base64 of 32 bytes.", "")
		return
	}
	hint := d.mistakes([][]byte{mac})
	switch {
	case hint == "":
		hint = "None of the usual mistakes explains it: is it another secret, or another message?"
	case hint == right:
		hint = remark
	case remark != "":
		hint += " " + remark
	}
	d.add(name, Failed, "Your code computes another one: "+beginning(text), hint)
}

// decode reads a signature in whichever form code writes one, and says what is odd about the form.
func decode(text string) (mac []byte, remark string) {
	bare := text
	for _, prefix := range []string{scheme, "v1=", "sha256="} {
		bare = strings.TrimPrefix(bare, prefix)
	}
	if !strings.HasPrefix(text, scheme) {
		remark = "Write v1, in front of it before you compare."
	}
	if mac, err := hex.DecodeString(bare); err == nil && len(mac) == 32 {
		return mac, "It is written in hex; the header has base64."
	}
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding} {
		if mac, err := encoding.DecodeString(bare); err == nil && len(mac) == 32 {
			return mac, remark
		}
	}
	for _, encoding := range []*base64.Encoding{base64.URLEncoding, base64.RawURLEncoding} {
		if mac, err := encoding.DecodeString(bare); err == nil && len(mac) == 32 {
			return mac, "It is written in the base64 of URLs; the header has the usual one, with + and /."
		}
	}
	return nil, ""
}
