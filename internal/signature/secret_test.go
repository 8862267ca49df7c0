package signature

import (
	"encoding/json"
	"fmt"
	"html/template"
	"log/slog"
	"strings"
	"testing"
)

func TestParseSecret(t *testing.T) {
	for text, want := range map[string]string{
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":         "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",  // 24 bytes, the specification's own
		"whsec_" + strings.Repeat("A", 86) + "==":        "whsec_" + strings.Repeat("A", 86) + "==", // 64 bytes
		"012345678901234567890123":                       "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz",
		strings.Repeat("x", 64):                          "whsec_" + strings.Repeat("eHh4", 21) + "eA==",
		"grüße aus münchen!!!!":                          "whsec_Z3LDvMOfZSBhdXMgbcO8bmNoZW4hISEh", // 21 characters, 24 bytes
		"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":               "whsec_TWZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJMYUxhU3c=",
		"WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw":         "whsec_V0hTRUNfTWZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJMYUxhU3c=",
		"whsec-a password that somebody has made up":     "whsec_d2hzZWMtYSBwYXNzd29yZCB0aGF0IHNvbWVib2R5IGhhcyBtYWRlIHVw",
		"\x00\x01\x02\x03 control characters are bytes ": "whsec_AAECAyBjb250cm9sIGNoYXJhY3RlcnMgYXJlIGJ5dGVzIA==",
	} {
		got, err := ParseSecret(text)
		if err != nil || got.String() != want {
			t.Errorf("ParseSecret(%q) = %s, %v, want %s", text, got.String(), err, want)
		}
		if again, err := ParseSecret(got.String()); err != nil || !again.Equal(got) {
			t.Errorf("ParseSecret(%s) = %s, %v, want the same", got.String(), again.String(), err)
		}
	}
}

func TestParseSecret_refuses(t *testing.T) {
	const bare, encoded = "must be 24 to 64 bytes long, or whsec_ and the base64 of so many: these are ", "must have base64 of 24 to 64 bytes behind whsec_: these are "
	const broken = "must go on with base64 behind whsec_, of 24 to 64 bytes and with its padding"
	for text, want := range map[string]string{
		"":                                             bare + "0",
		strings.Repeat("x", 23):                        bare + "23",
		strings.Repeat("x", 65):                        bare + "65",
		strings.Repeat("ü", 33):                        bare + "66",
		"whsec_":                                       encoded + "0",
		"whsec_MfKQ9r8GKYqrTwjU":                       encoded + "12",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaQ=":       encoded + "23",
		"whsec_" + strings.Repeat("A", 87) + "A":       encoded + "66",
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwA":      broken,
		"whsec_" + strings.Repeat("A", 43):             broken, // without its padding
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_":       broken, // in the URL's alphabet
		"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n":     broken,
		"whsec_ a password that somebody has made up":  broken,
		"whsec_" + strings.Repeat("A", 42) + "B=":      broken, // with bits that stand for nothing
		"whsec_whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": broken,
	} {
		got, err := ParseSecret(text)
		if err == nil || err.Error() != want || got.String() != "" {
			t.Errorf("ParseSecret(%q) = %s, %v, want %s", text, got.String(), err, want)
		}
	}
}

func TestNewSecret(t *testing.T) {
	first, second := NewSecret(), NewSecret()
	if first.Equal(second) || len(first.key()) != 32 {
		t.Errorf("NewSecret twice = %s, %s", first.String(), second.String())
	}
	if got, err := ParseSecret(first.String()); err != nil || !got.Equal(first) {
		t.Errorf("ParseSecret(%s) = %s, %v", first.String(), got.String(), err)
	}
}

func TestSecret_Equal(t *testing.T) {
	one, zero := NewSecret(), Secret{}
	if one.Equal(zero) || zero.Equal(one) || !zero.Equal(Secret{}) || !one.Equal(one) {
		t.Error("the zero Secret equals itself alone")
	}
}

func TestSecret_hidden(t *testing.T) {
	const clear = "012345678901234567890123"
	s, err := ParseSecret(clear)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, v := range []any{
		s, &s,
		[]Secret{s},
		map[string]Secret{"s": s},
		struct{ Secret Secret }{s},
		struct{ secret Secret }{s},
		struct{ secret *Secret }{&s},
		fmt.Errorf("sign with %v", s),
		Secret{},
	} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Errorf("json of %T: %v", v, err)
		}
		slog.New(slog.NewTextHandler(&b, nil)).Info("secret", slog.Any("secret", v))
		slog.New(slog.NewJSONHandler(&b, nil)).Info("secret", slog.Any("secret", v))
	}
	if err := template.Must(template.New("").Parse("{{.}}")).Execute(&b, s); err != nil {
		t.Error(err)
	}
	for _, part := range []string{clear, s.String()[6:20], "3031323334", "48 49 50", "0x30, 0x31"} {
		if strings.Contains(strings.ToLower(b.String()), strings.ToLower(part)) {
			t.Errorf("%q is printed:\n%s", part, b.String())
		}
	}
	if got, want := fmt.Sprint(s), "whsec_[hidden]"; got != want {
		t.Errorf("printed = %s, want %s", got, want)
	}
}
