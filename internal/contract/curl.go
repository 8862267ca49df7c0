package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/plotwise/plotwise/internal/signature"
)

// curlPath returns where curl is; false when it or a shell is missing here.
func curlPath() (string, bool) {
	path, err := exec.LookPath("curl")
	_, noShell := exec.LookPath("sh")
	return path, err == nil && noShell == nil
}

// checkCurl runs the command that the log gives for an attempt, with the hidden value filled in: the same arrives again.
func (l *live) checkCurl(ctx context.Context) bool {
	const what = "the curl of an attempt"
	h, ok := l.make(ctx, l.events)
	if !ok {
		return false
	}
	r, ok := l.sendTest(ctx, h, l.events[0], what)
	if !ok {
		return false
	}
	d := deliveryOf(r.log)
	if len(d.Attempts) != 1 { // which was told already
		return false
	}
	a := d.Attempts[0]
	if err := harmless(a.Curl, l.receiver.url+h.path); err != nil {
		l.fail(r.log, what, Fault{"/data/attempts/0/curl", "curl", fmt.Sprintf("is not run: %v", err)})
		return false
	}
	name, hidden := l.says.get("header").text(), l.says.get("hidden").text()
	output, err := l.shell(ctx, strings.ReplaceAll(a.Curl, name+": "+hidden, name+": "+h.header))
	if err != nil {
		l.fail(r.log, what, Fault{"/data/attempts/0/curl", "curl", fmt.Sprintf("ends with %v: %.300s", err, output)})
		return false
	}
	h.due[d.EventID] = due{2, r.log}
	again, ok := l.arrives(ctx, h, r.log, what, func(a arrival) bool { return a.n > r.n })
	if ok {
		l.sameRequest(r, again, slices.Sorted(maps.Keys(a.RequestHeaders)))
	}
	return ok
}

// sameRequest wants another arrival to be the same to the byte, in the headers that the log names.
func (l *live) sameRequest(r received, again arrival, headers []string) {
	different := func(what, got, want string) {
		if got != want {
			l.failArrival(r.log, again, r.what, Fault{"/data/attempts/0/curl", "curl", fmt.Sprintf("sends the %s %.200q, want %.200q", what, got, want)})
		}
	}
	different("method", again.method, r.method)
	different("path", again.path, r.path)
	different("body", string(again.body), string(r.body))
	for _, name := range append(headers, signature.HeaderSignature) {
		different("header "+name, again.header.Get(name), r.header.Get(name))
	}
}

// shell runs a command. No file of the user's, and no proxy, has a say in it.
func (l *live) shell(ctx context.Context, command string) ([]byte, error) {
	path, _ := curlPath()
	ctx, stop := context.WithTimeout(ctx, l.patience())
	defer stop()
	run := exec.CommandContext(ctx, "sh", "-c", command) //nolint:gosec // harmless let it pass
	run.Env = []string{"PATH=" + filepath.Dir(path), "HOME=/nonexistent", "CURL_HOME=/nonexistent"}
	var output bytes.Buffer
	run.Stdout, run.Stderr = &output, &output
	err := run.Run()
	return output.Bytes(), err
}

// harmless returns why a command that a server gave is not to be run: only curl is, with a method, headers and a body, to
// the URL, and only where a shell finds nothing in it to expand.
func harmless(command, url string) error {
	words, err := shellWords(command)
	if err != nil {
		return err
	}
	if len(words) == 0 || words[0] != "curl" {
		return errors.New("it runs something else than curl")
	}
	urls := 0
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-X", "--request", "-H", "--header", "--data-binary", "--data-raw":
			if i++; i == len(words) || strings.HasPrefix(words[i], "@") { // which names a file
				return fmt.Errorf("its option %s is not plain", words[i-1])
			}
		case url:
			urls++
		default:
			return fmt.Errorf("%.100q is neither the URL nor an option that is needed", words[i])
		}
	}
	if urls != 1 {
		return errors.New("it does not go to the URL")
	}
	return nil
}

// shellWords splits a command at its spaces, as a shell does (POSIX XCU §2.2.2). Outside of single quotes it takes but
// letters, digits, - and quotes behind a backslash.
func shellWords(command string) ([]string, error) {
	var words []string
	var word strings.Builder
	inWord := false
	for rest := command; rest != ""; {
		switch c := rest[0]; {
		case c == '\'':
			text, after, closed := strings.Cut(rest[1:], "'")
			if !closed {
				return nil, errors.New("a quote is not closed")
			}
			word.WriteString(text)
			rest, inWord = after, true
		case strings.HasPrefix(rest, `\'`):
			word.WriteByte('\'')
			rest, inWord = rest[2:], true
		case c == ' ':
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			rest, inWord = rest[1:], false
		case c == '-' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			word.WriteByte(c)
			rest, inWord = rest[1:], true
		default:
			return nil, fmt.Errorf("%q stands outside of single quotes", c)
		}
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}
