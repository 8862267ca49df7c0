package samples

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// runner returns the command that runs a sample.
type runner func(ctx context.Context, j job) *exec.Cmd

func bash(ctx context.Context, j job) *exec.Cmd {
	return exec.CommandContext(ctx, "bash", "-c", j.source)
}

// compile vets the Go samples as they are, and builds them into one program, which runs the one that its argument names.
func compile(t *testing.T, jobs []job) runner {
	t.Helper()
	dir := t.TempDir()
	var imports, cases strings.Builder
	write(t, dir, "go.mod", "module samples\n\ngo 1.26\n")
	for _, j := range jobs {
		if j.lang != "go" {
			continue
		}
		id := strings.ToLower(j.entry.ID)
		if tidy, err := format.Source([]byte(j.source)); err != nil || string(tidy) != j.source {
			t.Errorf("the sample of %s is not formatted (%v):\n%s", j.entry.ID, err, j.source)
		}
		write(t, dir, filepath.Join("as_is", id, "main.go"), j.source)
		write(t, dir, filepath.Join("called", id, "sample.go"), strings.NewReplacer("package main", "package "+id, "func main()", "func Main()").Replace(j.source))
		fmt.Fprintf(&imports, "import %q\n", "samples/called/"+id)
		fmt.Fprintf(&cases, "\tcase %q:\n\t\t%s.Main()\n", j.entry.ID, id)
	}
	write(t, dir, "main.go", "package main\n\nimport \"os\"\n"+imports.String()+"\nfunc main() {\n\tswitch os.Args[1] {\n"+cases.String()+"\t}\n}\n")
	for _, arguments := range [][]string{{"vet", "./as_is/..."}, {"build", "-o", "run", "."}} {
		command := exec.CommandContext(t.Context(), "go", arguments...)
		command.Dir, command.Env = dir, append(os.Environ(), "GOFLAGS=", "GOWORK=off")
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(arguments, " "), err, output)
		}
	}
	return func(ctx context.Context, j job) *exec.Cmd {
		return exec.CommandContext(ctx, filepath.Join(dir, "run"), j.entry.ID)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// node runs TypeScript, of which the samples use no more than JavaScript has; nil where Node 20 is not installed.
func node(t *testing.T) runner {
	t.Helper()
	if exec.CommandContext(t.Context(), "node", "--eval", "process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)").Run() != nil {
		return nil
	}
	dir := t.TempDir()
	return func(ctx context.Context, j job) *exec.Cmd {
		write(t, dir, j.entry.ID+".mjs", j.source)
		return exec.CommandContext(ctx, "node", filepath.Join(dir, j.entry.ID+".mjs"))
	}
}

// python runs Python; nil where Python 3.10 or httpx is not installed.
func python(t *testing.T) runner {
	t.Helper()
	if exec.CommandContext(t.Context(), "python3", "-c", "import sys, httpx; sys.exit(sys.version_info < (3, 10))").Run() != nil {
		return nil
	}
	return func(ctx context.Context, j job) *exec.Cmd {
		return exec.CommandContext(ctx, "python3", "-c", j.source)
	}
}

// TestSamples_python compiles the Python samples, where Python 3.10 is installed, with or without httpx.
func TestSamples_python(t *testing.T) {
	compiles := "import json, sys\nfor name, source in json.load(sys.stdin).items():\n    compile(source, name, 'exec')\n"
	if exec.CommandContext(t.Context(), "python3", "-c", "import sys; sys.exit(sys.version_info < (3, 10))").Run() != nil {
		t.Skip("Python 3.10 is not installed")
	}
	sources := map[string]string{}
	for _, e := range entries(t, "https://api.plotwise.us") {
		for _, s := range e.Samples {
			if s.Lang == "python" {
				sources[e.ID] = s.Source
			}
		}
	}
	text, err := json.Marshal(sources)
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), "python3", "-c", compiles)
	command.Stdin = bytes.NewReader(text)
	if output, err := command.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, output)
	}
}
