//go:build interop

// Package interop makes clients from the OpenAPI document with openapi-generator, as its users do, and uses each of them
// against a server: make sdk-interop.
package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/contracttests/target"
)

// options are what the guide says to generate with. Two names are words of TypeScript and Python; what an API of webhooks would
// be is no part of a client, and in Python not even valid; and answers grow.
var options = []string{
	"--model-name-mappings", "Error=ApiError,from=FromDay",
	"--openapi-generator-ignore-list", "**/WebhookEvents*,**/webhook_events*,**/test_webhook_events*",
	"--additional-properties", "disallowAdditionalPropertiesIfNotPresent=false",
}

// remarks are warnings that the generator has for every document of the kind, however good.
var remarks = []string{
	"OpenAPI 3.1 support is still in beta",
	"Failed to get the schema name: null",      // even of one with a single schema
	"Ignoring complex example on request body", // which Java's documentation leaves out
}

// want is what each program has to print.
const want = `2 permits
the same, issued: never
7 conditions and types of event
location 2500
404 not_found
`

// languages are the generators, and the commands that build what they make, and use it. Each runs in the client's folder;
// {root} stands for the repository.
var languages = []struct {
	generator, program string
	commands           [][]string
}{
	{"java", "Use.java", [][]string{
		{"mvn", "-q", "-B", "compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath", "-Dmdep.includeScope=runtime"},
		{"sh", "-c", `java -cp "target/classes:$(cat classpath)" Use.java`},
	}},
	{"typescript-fetch", "use.ts", [][]string{
		{"{root}/sdk/typescript/node_modules/.bin/tsc", "--strict", "--target", "ES2022", "--lib", "ES2022,DOM", "--module", "CommonJS", "--outDir", "out", "use.ts", "index.ts"},
		{"node", "out/use.js"},
	}},
	{"python", "use.py", [][]string{
		{"python3", "-m", "venv", "venv"},
		{"venv/bin/pip", "install", "--quiet", "--disable-pip-version-check", "."},
		{"venv/bin/python", "-m", "compileall", "-q", "openapi_client"},
		{"venv/bin/python", "-I", "use.py"},
	}},
}

func TestGenerators(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	x := target.New(t, 1_000_000)
	environment := append(os.Environ(), "PLOTWISE_BASE_URL="+x.Options.BaseURL, "PLOTWISE_API_KEY="+x.Options.Key)
	for _, l := range languages {
		t.Run(l.generator, func(t *testing.T) {
			directory := t.TempDir()
			generate(t, root, l.generator, directory)
			program, err := os.ReadFile(filepath.Join("programs", l.program))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(directory, l.program), program, 0o600); err != nil {
				t.Fatal(err)
			}
			var said string
			for _, words := range l.commands {
				said = run(t, directory, environment, strings.Split(strings.ReplaceAll(strings.Join(words, "\x00"), "{root}", root), "\x00"))
			}
			if said != want {
				t.Errorf("%s printed\n%s\nwant\n%s", l.program, said, want)
			}
		})
	}
}

// generate makes a client in the directory. What the generator has to say of the document is an error.
func generate(t *testing.T, root, generator, directory string) {
	t.Helper()
	words := []string{
		"java", "-jar", filepath.Join(root, "bin", "openapi-generator-cli-"+os.Getenv("OPENAPI_GENERATOR")+".jar"), "generate",
		"-i", filepath.Join(root, "gen", "openapi.yaml"), "-g", generator, "-o", directory,
	}
	for line := range strings.Lines(run(t, root, os.Environ(), append(words, options...))) {
		harmless := slices.ContainsFunc(remarks, func(r string) bool { return strings.Contains(line, r) })
		if !harmless && (strings.Contains(line, " WARN ") || strings.Contains(line, " ERROR ")) {
			t.Errorf("the generator for %s warns: %s", generator, line)
		}
	}
}

// run returns what a command puts out, on both outputs.
func run(t *testing.T, directory string, environment, words []string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), words[0], words[1:]...)
	command.Dir, command.Env = directory, environment
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(words, " "), err, output)
	}
	return string(output)
}

func TestOptions(t *testing.T) {
	guide, err := os.ReadFile("../../internal/docs/guides/sdks.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range options {
		if !strings.Contains(string(guide), o) {
			t.Errorf("the guide does not say %s", o)
		}
	}
}
