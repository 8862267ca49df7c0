package contract

import (
	"slices"
	"testing"
)

func TestShellWords(t *testing.T) {
	for command, want := range map[string][]string{
		`curl 'http://a/b?c=d&e' -H 'A: b'`: {"curl", "http://a/b?c=d&e", "-H", "A: b"},
		`--data-binary 'it'\''s $(me) "x"'`: {"--data-binary", `it's $(me) "x"`},
		`  a   '' `:                         {"a", ""},
		"'two\nlines'":                      {"two\nlines"},
		``:                                  nil,
	} {
		if got, err := shellWords(command); err != nil || !slices.Equal(got, want) {
			t.Errorf("shellWords(%s) = %q, %v, want %q", command, got, err, want)
		}
	}
	for _, command := range []string{`curl 'a`, `curl "a"`, `curl $HOME`, "curl `id`", `curl a;id`, `curl a|sh`, `curl a>b`, "curl a\nid", `curl \a`, `curl ~`, `curl *`, `curl a&`, `(id)`, `A=b curl`, `curl {a,b}`, "curl\tx", `curl 'a'\`} {
		if got, err := shellWords(command); err == nil {
			t.Errorf("shellWords(%s) = %q, want an error", command, got)
		}
	}
}

func TestHarmless(t *testing.T) {
	const url = "http://127.0.0.1:1/word/1"
	for _, command := range []string{
		`curl 'http://127.0.0.1:1/word/1' -H 'Content-Type: application/json' --data-binary '{"a": "it'\''s"}'`,
		`curl -X POST --header 'A: b' --data-raw '' 'http://127.0.0.1:1/word/1'`,
	} {
		if err := harmless(command, url); err != nil {
			t.Errorf("harmless(%s) = %v", command, err)
		}
	}
	for _, command := range []string{
		``,
		`wget 'http://127.0.0.1:1/word/1'`,
		`curl`,
		`curl 'http://127.0.0.1:1/word/2'`,
		`curl 'http://127.0.0.1:1/word/1' 'http://127.0.0.1:1/word/1'`,
		`curl 'http://127.0.0.1:1/word/1' --data-binary '@/etc/passwd'`,
		`curl 'http://127.0.0.1:1/word/1' -H '@headers'`,
		`curl 'http://127.0.0.1:1/word/1' -o file`,
		`curl 'http://127.0.0.1:1/word/1' -K config`,
		`curl 'http://127.0.0.1:1/word/1' --data-binary`,
		`curl 'http://127.0.0.1:1/word/1' ; rm -r x`,
	} {
		if err := harmless(command, url); err == nil {
			t.Errorf("harmless(%s) = nil, want an error", command)
		}
	}
}
