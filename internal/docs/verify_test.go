package docs

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/docs/examples/verify"
	"github.com/plotwise/plotwise/internal/signature"
)

// vector is a request to a webhook's endpoint, and whether it is to be believed.
type vector struct {
	Name    string            `json:"name"`
	Secret  string            `json:"secret"`
	Headers map[string]string `json:"headers"`
	Body    []byte            `json:"body"` // in JSON, base64
	Now     int64             `json:"now"`
	want    bool
}

func vectors() []vector {
	const id, body = "evt_01k0n5v8e2f7tbqzr6m4c3x9wd", `{"event":"permit.status_changed","data":{"permit_number":"BLD-26-0521670","note":"größer"}}`
	mine, old, foreign := signature.NewSecret(), signature.NewSecret(), signature.NewSecret()
	at := time.Unix(1_800_000_000, 0)
	sign := func(secrets ...signature.Secret) string { return signature.Sign(secrets, id, at, []byte(body)) }
	good := func() vector {
		return vector{Secret: mine.String(), Body: []byte(body), Now: at.Unix(), Headers: map[string]string{
			"webhook-id": id, "webhook-timestamp": strconv.FormatInt(at.Unix(), 10), "webhook-signature": sign(mine),
		}}
	}
	var all []vector
	add := func(name string, want bool, change func(v *vector)) {
		v := good()
		v.Name, v.want = name, want
		change(&v)
		all = append(all, v)
	}
	header := func(name, value string) func(*vector) { return func(v *vector) { v.Headers[name] = value } }
	later := func(seconds int64) func(*vector) { return func(v *vector) { v.Now += seconds } }
	add("good", true, func(*vector) {})
	add("five minutes old", true, later(300))
	add("five minutes early", true, later(-300))
	add("stale", false, later(301))
	add("from the future", false, later(-301))
	add("rotated, old secret", true, func(v *vector) { v.Secret, v.Headers["webhook-signature"] = old.String(), sign(old, mine) })
	add("rotated, new secret", true, header("webhook-signature", sign(old, mine)))
	add("other schemes beside", true, header("webhook-signature", "v1a,AAAA v2,BBBB "+sign(mine)))
	add("wrong secret", false, func(v *vector) { v.Secret = foreign.String() })
	add("several wrong signatures", false, header("webhook-signature", sign(old, foreign)))
	add("altered body", false, func(v *vector) { v.Body = append(v.Body, '\n') })
	add("empty body", false, func(v *vector) { v.Body = nil })
	add("other id", false, header("webhook-id", id[:len(id)-1]))
	add("other time", false, header("webhook-timestamp", "1800000001"))
	for _, name := range []string{"webhook-id", "webhook-timestamp", "webhook-signature"} {
		add("without "+name, false, func(v *vector) { delete(v.Headers, name) })
		add("empty "+name, false, header(name, ""))
	}
	for _, text := range []string{"now", "1800000000.0", "+1800000000", "01800000000", "1.8e9", "9223372036854775808", "-1", "٣"} {
		add("timestamp "+text, false, header("webhook-timestamp", text))
	}
	bare := sign(mine)[len("v1,"):]
	for _, text := range []string{bare, "v2," + bare, "v1," + bare[:len(bare)-1], "v1,", "v1", " ", "V1," + bare, "v1,ü" + bare, sign(mine) + "x", bare + " v1"} {
		add("signature "+text, false, header("webhook-signature", text))
	}
	add("no secret", false, func(v *vector) {
		v.Secret = "whsec_"
		mac := hmac.New(sha256.New, nil) // which anybody can compute
		mac.Write([]byte(signature.SignedText(id, at, []byte(body))))
		v.Headers["webhook-signature"] = "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	})
	return all
}

func TestVerify_go(t *testing.T) {
	for _, v := range vectors() {
		header := http.Header{}
		for name, value := range v.Headers {
			header.Set(name, value)
		}
		if err := verify.Verify(v.Secret, header, v.Body, time.Unix(v.Now, 0)); (err == nil) != v.want {
			t.Errorf("%s: Verify = %v, want success %t", v.Name, err, v.want)
		}
	}
}

// types are the annotations of verify.ts, without which it is JavaScript.
var types = regexp.MustCompile(`(?m)^import type .*$|: (string|number|void|Buffer|IncomingHttpHeaders)\b`)

// The functions in other languages believe the same requests as the one in Go.
func TestVerify_others(t *testing.T) {
	for _, l := range []struct {
		command, file, main, program string
		change                       func([]byte) []byte
	}{
		{"node", "verify.ts", "main.mjs", `import { verify } from "./verify.mjs";
import { readFileSync } from "node:fs";
const believed = ({ secret, headers, body, now }) => {
  try { verify(secret, headers, Buffer.from(body ?? "", "base64"), now); return true; } catch { return false; }
};
console.log(JSON.stringify(JSON.parse(readFileSync(0, "utf8")).map(believed)));
`, func(text []byte) []byte { return types.ReplaceAll(text, nil) }},
		{"python3", "verify.py", "main.py", `import base64, json, sys
from verify import verify
def believed(v):
    try:
        verify(v["secret"], v["headers"], base64.b64decode(v["body"] or ""), v["now"])
        return True
    except ValueError:
        return False
print(json.dumps([believed(v) for v in json.load(sys.stdin)]))
`, nil},
		{"ruby", "verify.rb", "main.rb", `require "json"
require_relative "verify"
believed = JSON.parse($stdin.read).map do |v|
  verify(v["secret"], v["headers"], (v["body"] || "").unpack1("m0"), now: v["now"])
  true
rescue ArgumentError
  false
end
puts JSON.generate(believed)
`, nil},
	} {
		t.Run(l.command, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(l.command); err != nil {
				t.Skipf("%s is not installed", l.command)
			}
			text, err := os.ReadFile(filepath.Join("examples", "verify", l.file))
			if err != nil {
				t.Fatal(err)
			}
			name := l.file
			if l.change != nil {
				text, name = l.change(text), "verify.mjs"
			}
			checkVectors(t, l.command, l.main, map[string]string{name: string(text), l.main: l.program})
		})
	}
}

// checkVectors runs a program of these files, which says of each vector whether it believes it.
func checkVectors(t *testing.T, command, main string, program map[string]string) {
	t.Helper()
	dir, all := t.TempDir(), vectors()
	for name, text := range program {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	in, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), command, filepath.Join(dir, main))
	run.Stdin = bytes.NewReader(in)
	var failure bytes.Buffer
	run.Stderr = &failure
	out, err := run.Output()
	var got []bool
	if err := json.Unmarshal(out, &got); err != nil || len(got) != len(all) {
		t.Fatalf("%s printed %q: %v\n%s", command, out, err, failure.Bytes())
	}
	if err != nil {
		t.Errorf("%s ended with %v", command, err)
	}
	for i, v := range all {
		if got[i] != v.want {
			t.Errorf("%s: believed = %t, want %t", v.Name, got[i], v.want)
		}
	}
}
