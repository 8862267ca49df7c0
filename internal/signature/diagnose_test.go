package signature

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	hook    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	another = "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
)

var signedAt = time.Unix(1_769_165_100, 0)

// captured is a message that verifies, which a test changes as it needs.
func captured(t *testing.T) Captured {
	t.Helper()
	return Captured{
		Header: signed(signedAt, Sign([]Secret{parse(t, hook)}, messageID, signedAt, []byte(body))), Body: []byte(body),
		Secrets: []Candidate{{"your secret", hook}}, Sent: body,
	}
}

// states are what came of the steps, without their words.
func states(steps []Step) string {
	var found []string
	for _, s := range steps {
		found = append(found, s.Name+" "+s.State)
	}
	return strings.Join(found, ", ")
}

func step(t *testing.T, steps []Step, name string) Step {
	t.Helper()
	for _, s := range steps {
		if s.Name == name {
			return s
		}
	}
	t.Fatalf("there is no step %q in %s", name, states(steps))
	return Step{}
}

func TestDiagnose(t *testing.T) {
	got := Diagnose(captured(t), signedAt.Add(3*time.Second))
	want := []Step{
		{"Headers", Passed, "All three are there: webhook-id, webhook-timestamp and webhook-signature.", ""},
		{"Message id", Passed, "evt_01k0n5v8e2f7tbqzr6m4c3x9wd is the same on every retry: take it to leave out what you have handled already.", ""},
		{"Timestamp", Passed, "It was signed at 10:45:00 UTC on Jan 23, 2026.", ""},
		{"Age", Passed, "It is 3 seconds from now, within the 5 minutes that receivers allow.", ""},
		{"Body", Passed, "93 bytes, the same as Plotwise sent under this id.", ""},
		{"Secret", Passed, "It has the right form: the key is what the base64 behind whsec_ stands for.", ""},
		{"Signature version", Passed, "There is one signature of version v1.", ""},
		{"Signature", Passed, "It is the one that your secret gives: v1,XtUADvcp2…", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Diagnose (-want +got):\n%s", diff)
	}
}

// Each step fails on its own, and those that need it are left out.
func TestDiagnose_steps(t *testing.T) {
	header := func(name, value string) func(*Captured) {
		return func(c *Captured) {
			if c.Header.Set(name, value); value == "" {
				c.Header.Del(name)
			}
		}
	}
	secret := func(text string) func(*Captured) {
		return func(c *Captured) { c.Secrets = []Candidate{{"your secret", text}} }
	}
	for name, c := range map[string]struct {
		change            func(*Captured)
		step, state, says string
	}{
		"no header":         {func(c *Captured) { c.Header = http.Header{} }, "Headers", Failed, "no header in what you pasted"},
		"one missing":       {header(HeaderTimestamp, ""), "Headers", Failed, "Missing: webhook-timestamp."},
		"another's":         {func(c *Captured) { c.Header = http.Header{"X-Hub-Signature": {"x"}} }, "Headers", Failed, "There is x-hub-signature, which is not how Plotwise signs"},
		"no time":           {header(HeaderTimestamp, ""), "Age", Skipped, "no time"},
		"a dot":             {header(HeaderID, "evt_1.2"), "Message id", Failed, "no dot"},
		"a date":            {header(HeaderTimestamp, "2026-01-23T10:45:00Z"), "Timestamp", Failed, "such as 1769165103"},
		"milliseconds":      {header(HeaderTimestamp, "1769165100000"), "Timestamp", Failed, "milliseconds"},
		"microseconds":      {header(HeaderTimestamp, "1769165100000000"), "Timestamp", Failed, "milliseconds"},
		"old":               {header(HeaderTimestamp, "1769157900"), "Age", Failed, "It is 2 hours old"},
		"early":             {header(HeaderTimestamp, "1769251503"), "Age", Failed, "24 hours ahead"},
		"just in time":      {header(HeaderTimestamp, "1769164803"), "Age", Passed, "300 seconds from now"},
		"no body":           {func(c *Captured) { c.Body = nil }, "Body", Failed, "no body"},
		"unknown body":      {func(c *Captured) { c.Sent = "" }, "Body", Passed, "nothing to compare"},
		"another body":      {func(c *Captured) { c.Body = []byte(`{"event":"permit.fee_changed"}`) }, "Body", Failed, `differs from byte 18 on: “"permit.status_chang” was sent, you have “"permit.fee_changed"”`},
		"spaced body":       {func(c *Captured) { c.Body = spaced([]byte(body)) }, "Body", Failed, "changed its white space"},
		"a line more":       {func(c *Captured) { c.Body = []byte(body + "\n") }, "Body", Failed, `“ßer"}}” was sent, you have “ßer"}}↵”. The body has a line break at its end`},
		"no secret":         {func(c *Captured) { c.Secrets = nil }, "Secret", Skipped, "choose one"},
		"no signature":      {func(c *Captured) { c.Secrets = nil }, "Signature", Skipped, "missing"},
		"short secret":      {secret("short"), "Secret", Failed, "these are 5"},
		"quoted secret":     {secret(`"` + hook + `"`), "Secret", Passed, "its characters themselves"},
		"secret and a line": {secret(hook + "\n"), "Secret", Failed, "take them off"},
		"another version":   {header(HeaderSignature, "v2,abc v1a,def"), "Signature version", Failed, "“v2,abc v1a,def”"},
		"cut off":           {header(HeaderSignature, "v1,COdGAYs3zNV"), "Signature version", Failed, "cut off"},
		"two signatures": {func(c *Captured) {
			c.Header.Set(HeaderSignature, sign([]byte("x"), "x")+" "+c.Header.Get(HeaderSignature))
		}, "Signature version", Passed, "2 signatures"},
		"one of two": {func(c *Captured) {
			c.Header.Set(HeaderSignature, sign([]byte("x"), "x")+" "+c.Header.Get(HeaderSignature))
		}, "Signature", Passed, "your secret"},
	} {
		m := captured(t)
		c.change(&m)
		s := step(t, Diagnose(m, signedAt.Add(3*time.Second)), c.step)
		if s.State != c.state || !strings.Contains(s.Found+" "+s.Hint, c.says) {
			t.Errorf("%s: %s = %s: %s %s; want it %s: %s", name, c.step, s.State, s.Found, s.Hint, c.state, c.says)
		}
	}
}

// What receivers get wrong is told from what does not match for another reason.
func TestDiagnose_mistakes(t *testing.T) {
	key := parse(t, hook).key()
	at := fmt.Sprint(signedAt.Unix())
	angled := `{"a":"<b> & c","d":[1,2]}`
	escaped := `{"a":"\u003cb\u003e \u0026 c","d":[1,2]}`
	for name, c := range map[string]struct {
		secret string
		body   string // as the receiver has it
		given  string // the signature
		want   string
	}{
		"the prefix":     {hook, body, sign([]byte(hook), messageID+"."+at+"."+body), "with whsec_: the key is what"},
		"not decoded":    {hook, body, sign([]byte(hook[6:]), messageID+"."+at+"."+body), "decode it first"},
		"decoded":        {hook[6:], body, sign(key, messageID+"."+at+"."+body), "without whsec_ in front"},
		"white space":    {hook + " ", body, sign(key, messageID+"."+at+"."+body), "white space or quotes"},
		"body alone":     {hook, body, sign(key, body), "The body alone"},
		"no id":          {hook, body, sign(key, at+"."+body), "without the id"},
		"no timestamp":   {hook, body, sign(key, messageID+"."+body), "without the timestamp"},
		"other order":    {hook, body, sign(key, at+"."+messageID+"."+body), "before the id"},
		"no dots":        {hook, body, sign(key, messageID+at+body), "without the dots"},
		"spaces":         {hook, string(spaced([]byte(body))), sign(key, messageID+"."+at+"."+body), "changed its white space"},
		"indented":       {hook, "{\n  \"a\": 1\n}", sign(key, messageID+"."+at+`.{"a":1}`), "changed its white space"},
		"a line":         {hook, body + "\n", sign(key, messageID+"."+at+"."+body), "line break at its end"},
		"unescaped":      {hook, angled, sign(key, messageID+"."+at+"."+escaped), "changed its escapes"},
		"escaped":        {hook, escaped, sign(key, messageID+"."+at+"."+angled), "changed its escapes"},
		"another secret": {another, body, sign([]byte("neither of the other secrets"), messageID+"."+at+"."+body), "with the secret of the other webhook"},
		"two mistakes":   {hook, body, sign([]byte(hook), body), "with whsec_: the key is what the base64 behind whsec_ stands for. The body alone"},
		"none known":     {hook, body, sign([]byte("unknown"), body), "None of the usual mistakes"},
	} {
		m := captured(t)
		m.Sent, m.Body = "", []byte(c.body)
		m.Secrets = []Candidate{{"your secret", c.secret}}
		m.Others = []Candidate{{"the secret of the other webhook", "neither of the other secrets"}, {"no secret", "x"}}
		m.Header.Set(HeaderSignature, c.given)
		s := step(t, Diagnose(m, signedAt), "Signature")
		if s.State != Failed || !strings.Contains(s.Hint, c.want) {
			t.Errorf("%s: %s: %s %s; want it failed: %s", name, s.State, s.Found, s.Hint, c.want)
		}
		if strings.Contains(s.Found, sign(key, messageID+"."+at+"."+c.body)) {
			t.Errorf("%s: %s tells a whole signature", name, s.Found)
		}
	}
	m := captured(t) // whose body is another than was sent
	m.Body = []byte(`{}`)
	if s := step(t, Diagnose(m, signedAt), "Signature"); s.State != Failed || s.Hint != anotherBody {
		t.Errorf("another body: %s: %s %s; want it failed: %s", s.State, s.Found, s.Hint, anotherBody)
	}
}

func TestDiagnose_yours(t *testing.T) {
	text := messageID + "." + fmt.Sprint(signedAt.Unix()) + "." + body
	good := sign(parse(t, hook).key(), text)
	mac, err := base64.StdEncoding.DecodeString(good[3:])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ yours, state, want string }{
		"right":      {" " + good + "\n", Passed, "the right one"},
		"bare":       {good[3:], Failed, "Write v1, in front"},
		"hex":        {hex.EncodeToString(mac), Failed, "written in hex"},
		"Stripe's":   {"v1=" + hex.EncodeToString(mac), Failed, "written in hex"},
		"of URLs":    {"v1," + base64.RawURLEncoding.EncodeToString(mac), Failed, "base64 of URLs"},
		"no HMAC":    {"v1,abc", Failed, "no HMAC-SHA256"},
		"no time":    {sign(parse(t, hook).key(), messageID+"."+body), Failed, "without the timestamp"},
		"two faults": {sign([]byte(hook), text)[3:], Failed, "stands for. Write v1, in front"},
		"Python's":   {sign(parse(t, hook).key(), messageID+"."+fmt.Sprint(signedAt.Unix())+"."+string(spaced([]byte(body)))), Failed, "changed its white space"},
		"unknown":    {sign([]byte("unknown"), body), Failed, "None of the usual"},
	} {
		m := captured(t)
		m.Yours = c.yours
		steps := Diagnose(m, signedAt)
		if s := step(t, steps, "Your code's signature"); s.State != c.state || !strings.Contains(s.Found+" "+s.Hint, c.want) {
			t.Errorf("%s: %s: %s %s; want it %s: %s", name, s.State, s.Found, s.Hint, c.state, c.want)
		}
		if s := step(t, steps, "Signature"); s.State != Passed {
			t.Errorf("%s: the message's own is %s: %s, want it passed", name, s.State, s.Found)
		}
	}
	m := captured(t)
	m.Yours, m.Secrets = good, nil
	if s := step(t, Diagnose(m, signedAt), "Your code's signature"); s.State != Skipped {
		t.Errorf("without a secret: %+v, want it skipped", s)
	}
}

func FuzzDiagnose(f *testing.F) {
	f.Add(messageID, "1769165100", "v1,abc", body, hook, "v1,abc")
	f.Add("", "x", "v1, v1,,", `{"a":"\`, "whsec_", "=")
	f.Add(messageID, "1769165100", "v1,abc", strings.Repeat("[", 9_000)+strings.Repeat("]", 9_000), hook, "") // which would be 300 MB with its indents
	f.Fuzz(func(t *testing.T, id, at, given, body, secret, yours string) {
		c := Captured{
			Header: http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {given}}, Body: []byte(body),
			Secrets: []Candidate{{"your secret", secret}}, Sent: body + " ", Yours: yours,
		}
		if got := Diagnose(c, signedAt); len(got) < 8 {
			t.Errorf("Diagnose(%+v) = %+v, want every step", c, got)
		}
	})
}
