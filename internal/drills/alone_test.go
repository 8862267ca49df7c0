package drills

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Beside no server, a command says that the database is new, and then which it uses; what a server leaves for shells is
// what their programs get.
func TestAlone(t *testing.T) {
	t.Parallel()
	dir, err := os.MkdirTemp("/tmp", "alone-") //nolint:usetesting // the user that Postgres runs as has to reach it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	run := func(program string, arguments ...string) (out, failure string) {
		command := exec.CommandContext(t.Context(), program, arguments...)
		command.Dir, command.Env = dir, environ("PLOTWISE_DATA_DIR="+filepath.Join(dir, "data"))
		var stdout, stderr bytes.Buffer
		command.Stdout, command.Stderr = &stdout, &stderr
		if err := command.Run(); err != nil {
			t.Errorf("%s %q: %v: %s", program, arguments, err, &stderr)
		}
		return stdout.String(), stderr.String()
	}
	if _, said := run(binary, "org", "list"); !strings.Contains(said, "Warning: there was no database in "+dir+"/data, so a NEW, EMPTY one was made just now.\n") {
		t.Errorf("beside no server, org list says %q, want a warning that the database is new", said)
	}
	out, said := run(binary, "seed")
	if !strings.Contains(said, "Using the database in "+dir+"/data.\n") || strings.Contains(said, "Warning") {
		t.Errorf("the second time, seed says %q, want which database it uses", said)
	}
	if !strings.HasPrefix(out, "PLOTWISE_API_KEY=pw_live_") {
		t.Errorf("seed puts out %q, want the key", out)
	}
	s := serve(t, "alone", "", "PLOTWISE_DATA_DIR="+filepath.Join(dir, "data"))
	t.Cleanup(func() { s.terminate(t); s.awaitEnd(t) }) // with its Postgres
	for _, shell := range []string{"bash", "zsh"} {
		if _, err := exec.LookPath(shell); err != nil {
			continue
		}
		if out, _ := run(shell, "-c", `. data/demo.env && sh -c 'echo "$PLOTWISE_API_KEY $PLOTWISE_BASE_URL"'`); !strings.HasPrefix(out, "pw_live_") || !strings.HasSuffix(out, " "+s.url+"\n") {
			t.Errorf("after . demo.env, a program of %s has the key and the URL %q, want one of %s", shell, out, s.url)
		}
	}
	listen := exec.CommandContext(t.Context(), binary, "listen", "--forward-to", "localhost:1")
	listen.Env = environ()
	if out, err := listen.CombinedOutput(); err == nil || string(out) != "plotwise: there is no API key: set PLOTWISE_API_KEY or --api-key\n" {
		t.Errorf("listen without a key ended with %v: %q", err, out)
	}
}
