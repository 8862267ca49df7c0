package apikeys

import (
	"encoding/hex"
	"regexp"
	"testing"
)

func TestChecksum(t *testing.T) {
	for text, want := range map[string]string{
		"": "000000", "123456789": "3jZRME", "pw_live_000000000000000000000000000000": "4WKB5w",
	} {
		if got := checksum(text); got != want {
			t.Errorf("checksum(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestGenerate(t *testing.T) {
	form := regexp.MustCompile(`^pw_live_[0-9A-Za-z]{36}$`)
	seen := map[string]bool{}
	for range 1000 {
		key := generate()
		if !form.MatchString(key) || !wellFormed(key) {
			t.Errorf("generate = %q, want pw_live_, 30 digits and their checksum", key)
		}
		if seen[key] {
			t.Errorf("generate = %q twice", key)
		}
		seen[key] = true
	}
}

func TestWellFormed(t *testing.T) {
	const good = "pw_live_000000000000000000000000000000" + "4WKB5w"
	if !wellFormed(good) {
		t.Errorf("wellFormed(%q) = false, want true", good)
	}
	for name, key := range map[string]string{
		"empty": "", "prefix only": "pw_live_", "cut": good[:43], "longer": good + "0", "space before": " " + good[:43], "space after": good + " ",
		"other prefix": "pw_test_" + good[8:], "lower-case sum": "pw_live_00000000000000000000000000000A" + "4WKB5w",
	} {
		if wellFormed(key) {
			t.Errorf("%s: wellFormed(%q) = true, want false", name, key)
		}
	}
	for i := range len(good) {
		for _, digit := range alphabet {
			if typo := good[:i] + string(digit) + good[i+1:]; typo != good && wellFormed(typo) {
				t.Errorf("wellFormed(%q) = true, want false for a mistyped digit", typo)
			}
		}
	}
}

func TestHash(t *testing.T) { // FIPS 180-4's example
	const want = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
	h := hash("abc")
	if got := hex.EncodeToString(h[:]); got != want {
		t.Errorf("hash = %s, want %s", got, want)
	}
}

func TestMask(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "nothing of the kind": "nothing of the kind", "pw_live_": "pw_live_", "starts with pw_live_ alone": "starts with pw_live_ alone",
		"pw_live_0000000000000000000000000000004WKB5w": "pw_live_…",
		"/v1/permits/pw_live_00Aaz9/notes, pw_live_1":  "/v1/permits/pw_live_…/notes, pw_live_…",
	} {
		if got := Mask(text); got != want {
			t.Errorf("Mask(%q) = %q, want %q", text, got, want)
		}
	}
}
