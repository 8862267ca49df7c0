package secret

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"
)

var (
	row   = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8057")
	other = uuid.MustParse("01890a5d-ac96-774b-bcce-b302099a8058")
)

const keyText = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

func box(t *testing.T, text string) *Box {
	t.Helper()
	key, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return NewBox(key)
}

func TestBox_Open(t *testing.T) {
	b := box(t, keyText)
	for _, plain := range []string{"", "x", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", strings.Repeat("long ", 10_000)} {
		sealed := b.Seal([]byte(plain), row)
		if len(sealed) != 1+12+len(plain)+16 || sealed[0] != 1 {
			t.Errorf("Seal of %d bytes = %d bytes of version %d", len(plain), len(sealed), sealed[0])
		}
		if got, err := box(t, keyText).Open(sealed, row); err != nil || string(got) != plain {
			t.Errorf("Open(Seal(%.40q)) = %.40q, %v", plain, got, err)
		}
		if len(plain) > 1 && bytes.Contains(sealed, []byte(plain)) {
			t.Errorf("Seal(%.40q) holds it in clear", plain)
		}
	}
}

// What stands in databases has to open for ever. Python's cryptography made this one.
func TestBox_Open_stored(t *testing.T) {
	sealed, err := hex.DecodeString("01" + "000102030405060708090a0b" + "306aa57ea6badd31fcacff4fc4455c238814e8be0d43")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := box(t, keyText).Open(sealed, row); err != nil || string(got) != "whsec_" {
		t.Errorf("Open = %q, %v", got, err)
	}
}

func TestBox_Seal_twice(t *testing.T) {
	b, seen := box(t, keyText), map[string]bool{}
	for range 1000 {
		seen[string(b.Seal([]byte("same"), row)[1:13])] = true
	}
	if len(seen) != 1000 {
		t.Errorf("1,000 texts have %d nonces, want as many", len(seen))
	}
}

func TestBox_Open_refuses(t *testing.T) {
	const plain = "the plain text"
	b := box(t, keyText)
	sealed := b.Seal([]byte(plain), row)
	refused := func(what string, b *Box, sealed []byte, id uuid.UUID) {
		t.Helper()
		got, err := b.Open(sealed, id)
		if err == nil || got != nil {
			t.Errorf("%s: Open = %q, %v, want an error alone", what, got, err)
		} else if err.Error() != errUnreadable.Error() {
			t.Errorf("%s: Open = %v, want %v", what, err, errUnreadable)
		}
	}
	refused("another row", b, sealed, other)
	refused("the nil row", b, sealed, uuid.Nil)
	refused("another key", box(t, Generate()), sealed, row)
	refused("longer", b, append(bytes.Clone(sealed), 0), row)
	for n := range len(sealed) {
		refused(fmt.Sprintf("the first %d bytes", n), b, sealed[:n], row)
		refused(fmt.Sprintf("without the first %d bytes", n+1), b, sealed[n+1:], row)
	}
	for bit := range 8 * len(sealed) {
		flipped := bytes.Clone(sealed)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(fmt.Sprintf("bit %d flipped", bit), b, flipped, row)
	}
	for bit := range 8 * len(row) {
		id := row
		id[bit/8] ^= 1 << (bit % 8)
		refused(fmt.Sprintf("bit %d of the id flipped", bit), b, sealed, id)
	}
}

func TestParse_refuses(t *testing.T) {
	const want = "want base64 of 32 random bytes, as openssl rand -base64 32 prints: "
	for text, reason := range map[string]string{
		"":                    "it is base64 of 0 bytes",
		"AAAA":                "it is base64 of 3 bytes",
		keyText[:43] + "A":    "it is base64 of 33 bytes",
		keyText[:43]:          "it is no base64",
		keyText + keyText:     "it is no base64",
		"-" + keyText[1:]:     "it is no base64", // which only the URL's alphabet has
		keyText[:42] + "9=":   "it is no base64", // with bits that stand for nothing
		"hunter2":             "it is no base64",
		"AAECAwQFBgcICQoLDA0": "it is no base64",
	} {
		if _, err := Parse(text); err == nil || err.Error() != want+reason {
			t.Errorf("Parse(%q) = %v, want %s", text, err, want+reason)
		}
	}
}

func TestGenerate(t *testing.T) {
	first, second := Generate(), Generate()
	if first == second {
		t.Errorf("Generate twice = %s", first)
	}
	if _, err := Parse("\n " + first + " \n"); err != nil {
		t.Errorf("Parse(Generate()) = %v", err)
	}
}

func TestKey_hidden(t *testing.T) {
	key, err := Parse(keyText)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, v := range []any{key, &key, []Key{key}, map[string]Key{"key": key}, struct{ Key Key }{key}, struct{ key Key }{key}, struct{ key *Key }{&key}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&b, verb+"\n", v)
		}
		if err := json.NewEncoder(&b).Encode(v); err != nil {
			t.Errorf("json of %T: %v", v, err)
		}
		slog.New(slog.NewTextHandler(&b, nil)).Info("key", slog.Any("key", v))
		slog.New(slog.NewJSONHandler(&b, nil)).Info("key", slog.Any("key", v))
	}
	for _, part := range []string{keyText[:12], "0001020304", "0 1 2 3 4", "0x0, 0x1", "0:0x0"} {
		if strings.Contains(strings.ToLower(b.String()), strings.ToLower(part)) {
			t.Errorf("%q is printed:\n%s", part, b.String())
		}
	}
}
