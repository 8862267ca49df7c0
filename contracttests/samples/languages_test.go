package samples

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"go/format"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// root is that of the repository.
const root = "../.."

// runner runs a sample in a directory, and returns what it prints.
type runner func(t *testing.T, j job, dir string) ([]byte, error)

// language says how the samples in a language are checked, all at once, and then run with these variables.
type language func(t *testing.T, jobs []job, env []string) runner

var languages = map[string]language{"bash": bash, "go": compiled, "typescript": node, "python": python}

func bash(_ *testing.T, _ []job, env []string) runner {
	return func(t *testing.T, j job, dir string) ([]byte, error) {
		t.Helper()
		command := exec.CommandContext(t.Context(), "bash", "-c", j.source)
		command.Dir, command.Env = dir, env
		return command.CombinedOutput()
	}
}

// compiled vets the Go samples as they are, in a module of their own, and builds them into one program, which runs the one
// that its argument names.
func compiled(t *testing.T, jobs []job, env []string) runner {
	t.Helper()
	dir := t.TempDir()
	var imports, cases strings.Builder
	requireSDK(t, dir)
	for _, j := range jobs {
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
	check(t, dir, []string{"GOFLAGS=-mod=mod", "GOWORK=off"}, "go", "vet", "./as_is/...")
	check(t, dir, []string{"GOFLAGS=-mod=mod", "GOWORK=off"}, "go", "build", "-o", "run", ".")
	return func(t *testing.T, j job, at string) ([]byte, error) {
		t.Helper()
		command := exec.CommandContext(t.Context(), filepath.Join(dir, "run"), j.entry.ID)
		command.Dir, command.Env = at, env
		return command.CombinedOutput()
	}
}

// requireSDK makes a module that has this one, and the versions that this one has, from the disk.
func requireSDK(t *testing.T, dir string) {
	t.Helper()
	const module = "github.com/plotwise/plotwise"
	for name, change := range map[string]func(string) string{
		"go.mod": func(text string) string {
			text = strings.Replace(text, "module "+module+"\n", "module samples\n", 1)
			return fmt.Sprintf("%s\nrequire %[2]s v0.0.0\n\nreplace %[2]s => %[3]s\n", text, module, absolute(t, "."))
		},
		"go.sum": func(text string) string { return text },
	} {
		text, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		write(t, dir, name, change(string(text)))
	}
}

// node checks the types of the TypeScript samples against the SDK as it is built, and runs them in one process.
func node(t *testing.T, jobs []job, env []string) runner {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "package.json", `{"type": "module"}`)
	write(t, dir, "tsconfig.json", `{"compilerOptions": {
		"strict": true, "noUnusedLocals": true, "target": "es2022", "module": "nodenext", "types": ["node"], "rootDir": "src", "outDir": "out"
	}}`)
	for _, j := range jobs {
		write(t, dir, filepath.Join("src", j.entry.ID+".ts"), j.source)
	}
	if err := os.Mkdir(filepath.Join(dir, "node_modules"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, target := range map[string]string{"plotwise": "sdk/typescript", "@types": "sdk/typescript/node_modules/@types"} {
		if err := os.Symlink(absolute(t, target), filepath.Join(dir, "node_modules", name)); err != nil {
			t.Fatal(err)
		}
	}
	check(t, dir, nil, "node", absolute(t, "sdk/typescript/node_modules/typescript/lib/tsc.js"))
	command := exec.Command("node", "testdata/run.mjs") // ends with its input
	command.Env = env
	return driven(t, command, func(j job) string { return filepath.Join(dir, "out", j.entry.ID+".js") })
}

// python checks the layout of the Python samples, and their types against the SDK, and runs them in one process.
func python(t *testing.T, jobs []job, env []string) runner {
	t.Helper()
	dir := t.TempDir()
	for _, j := range jobs {
		write(t, dir, j.entry.ID+".py", j.source)
	}
	tools := absolute(t, "bin/python/bin")
	sdk := absolute(t, "sdk/python/src")
	check(t, dir, nil, filepath.Join(tools, "ruff"), "format", "--quiet", "--isolated", "--diff", ".")
	check(t, dir, []string{"MYPYPATH=" + sdk}, filepath.Join(tools, "mypy"), "--strict", "--cache-dir", absolute(t, "bin/python/mypy"), ".")
	command := exec.Command(filepath.Join(tools, "python"), "testdata/run.py") // ends with its input
	command.Env = append(env, "PYTHONPATH="+sdk)
	return driven(t, command, func(j job) string { return filepath.Join(dir, j.entry.ID+".py") })
}

// driven starts a process that runs the files that it is told to, one after another.
func driven(t *testing.T, command *exec.Cmd, file func(job) string) runner {
	t.Helper()
	in, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	command.Stderr = os.Stderr
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := command.Wait(); err != nil {
			t.Error(err)
		}
	})
	answers := bufio.NewReader(out)
	return func(t *testing.T, j job, dir string) ([]byte, error) {
		t.Helper()
		if err := json.NewEncoder(in).Encode(map[string]string{"path": file(j), "dir": dir}); err != nil {
			return nil, err
		}
		return outcome(answers)
	}
}

// outcome reads what a sample prints, up to the line that says what came of it.
func outcome(answers *bufio.Reader) ([]byte, error) {
	output, err := answers.ReadBytes(0)
	if err != nil {
		return output, err
	}
	end, err := answers.ReadString('\n')
	if err == nil && end != "done\n" {
		err = errors.New(strings.TrimSpace(end))
	}
	return output[:len(output)-1], err
}

// check runs a command that has to succeed.
func check(t *testing.T, dir string, env []string, name string, arguments ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, arguments...)
	command.Dir, command.Env = dir, append(os.Environ(), env...)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(name), strings.Join(arguments, " "), err, output)
	}
}

// absolute returns the path of what stands in the repository.
func absolute(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	return path
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
