package webhooks

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/problem"
)

func TestCheckHeaders(t *testing.T) {
	for name, value := range map[string]string{
		"X-Environment": "production", "Authorization": "Bearer abc", "x": "", "!#$%&'*+.^_`|~09azAZ-": "token", strings.Repeat("a", 100): "long",
		"Webhook": "no prefix", "Webhooks-Id": "another", "X-Webhook-Id": "another", "Proxy": "no prefix", "Plotwise": "no prefix",
		"Accept": "*/*", "Idempotency-Key": "abc", "X-Value": " \t!~ ", "X-Content-Type": "another",
	} {
		if got := checkHeaders(map[string]string{name: value}); got != nil {
			t.Errorf("checkHeaders(%q: %q) = %+v, want nothing wrong", name, value, got)
		}
	}
	if got := checkHeaders(nil); got != nil {
		t.Errorf("checkHeaders of none = %+v, want nothing wrong", got)
	}
}

func TestCheckHeaders_refuses(t *testing.T) {
	const name, value = "must have a name of letters, digits and hyphens, 100 characters at most", "must have a value of visible ASCII characters, spaces and tabs"
	for _, c := range []struct{ name, value, pointer, message string }{
		{"", "x", "/headers/", name},
		{strings.Repeat("a", 101), "x", "/headers/" + strings.Repeat("a", 101), name},
		{"X Environment", "x", "/headers/X Environment", name},
		{"X-Environment:", "x", "/headers/X-Environment:", name},
		{"X-Environment\n", "x", "/headers/X-Environment\n", name},
		{"X-A\r\nHost", "x", "/headers/X-A\r\nHost", name},
		{"X-Größe", "x", "/headers/X-Größe", name},
		{"X-\x00", "x", "/headers/X-\x00", name},
		{"Host ", "x", "/headers/Host ", name},
		{"a/b", "x", "/headers/a~1b", name},
		{"~/~1", "x", "/headers/~0~1~01", name},
		{"X-A", "a\nb", "/headers/X-A", value},
		{"X-A", "a\r\nHost: example.com", "/headers/X-A", value},
		{"X-A", "a\n", "/headers/X-A", value},
		{"X-A", "\x00", "/headers/X-A", value},
		{"X-A", "\x7f", "/headers/X-A", value},
		{"X-A", "groß", "/headers/X-A", value},
		{"X-A", "\xff", "/headers/X-A", value},
		{"a~b", "\n", "/headers/a~0b", value},
	} {
		want := []problem.Detail{{Pointer: c.pointer, Code: "header", Message: c.message}}
		if diff := cmp.Diff(want, checkHeaders(map[string]string{c.name: c.value})); diff != "" {
			t.Errorf("checkHeaders(%q: %q) (-want +got):\n%s", c.name, c.value, diff)
		}
	}
}

func TestCheckHeaders_reserved(t *testing.T) {
	for _, name := range []string{
		"Accept-Encoding", "accept-encoding", "Connection", "Content-Encoding", "Content-Length", "CONTENT-LENGTH", "Content-Type", "Cookie", "Date",
		"Expect", "Host", "hOST", "Keep-Alive", "TE", "Te", "te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
		"Webhook-Id", "webhook-id", "WEBHOOK-TIMESTAMP", "webhook-signature", "Webhook-Anything", "Proxy-Authorization", "proxy-connection",
		"Plotwise-Event", "plotwise-x",
	} {
		want := []problem.Detail{{Pointer: "/headers/" + name, Code: "reserved", Message: "is set by Plotwise or by HTTP itself; choose another name"}}
		if diff := cmp.Diff(want, checkHeaders(map[string]string{name: "x"})); diff != "" {
			t.Errorf("checkHeaders(%s) (-want +got):\n%s", name, diff)
		}
	}
}

// Of two spellings of one name, nobody could tell which one is sent.
func TestCheckHeaders_twice(t *testing.T) {
	const message = "must be there once: upper and lower case are the same"
	want := []problem.Detail{
		{Pointer: "/headers/X-Environment", Code: "header", Message: message},
		{Pointer: "/headers/x-environment", Code: "header", Message: message},
	}
	got := checkHeaders(map[string]string{"X-Environment": "production", "x-environment": "staging", "X-Other": "x"})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("checkHeaders (-want +got):\n%s", diff)
	}
}
