package examples

import (
	"os/exec"
	"strings"
	"testing"
)

func TestHelp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		settings []string
		missing  string
	}{
		"slack":             {nil, "PLOTWISE_WEBHOOK_SECRET is not set"},
		"slack at half":     {[]string{"PLOTWISE_WEBHOOK_SECRET=" + webhookSecret}, "SLACK_WEBHOOK_URL is not set"},
		"slack with a text": {[]string{"PLOTWISE_WEBHOOK_SECRET=hidden", "SLACK_WEBHOOK_URL=http://127.0.0.1:1"}, "PLOTWISE_WEBHOOK_SECRET is not whsec_ and base64"},
		"crm":               {nil, "PLOTWISE_API_KEY is not set"},
		"crm with a key":    {[]string{"PLOTWISE_API_KEY=hidden"}, "CRM_URL is not set"},
		"crm with a URL":    {[]string{"PLOTWISE_API_KEY=hidden", "CRM_URL=http://127.0.0.1:1"}, "CRM_TOKEN is not set"},
		"report":            {nil, "PLOTWISE_API_KEY is not set"},
	} {
		program, _, _ := strings.Cut(name, " ")
		if r := finish(t, t.TempDir(), c.settings, program); r.code != 1 || !strings.Contains(r.stderr, c.missing) || strings.Contains(r.stderr, "hidden") {
			t.Errorf("%s ends with %d and %q, want 1 and %s", name, r.code, r.stderr, c.missing)
		}
		r := finish(t, t.TempDir(), nil, program, "-h")
		variable, _, _ := strings.Cut(c.missing, " ")
		if r.code != 0 || !strings.Contains(r.stdout+r.stderr, variable) {
			t.Errorf("%s -h ends with %d and %q, want 0 and %s explained", program, r.code, r.stdout+r.stderr, variable)
		}
	}
}

// TestCopied builds each program in a module of its own, as readers do.
func TestCopied(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"slack", "crm", "report"} {
		dir := t.TempDir()
		if out, err := exec.Command("cp", program+"/main.go", dir).CombinedOutput(); err != nil {
			t.Fatalf("copy %s: %v: %s", program, err, out)
		}
		for _, arguments := range [][]string{{"mod", "init", "example.com/" + program}, {"vet", "."}} {
			command := exec.Command("go", arguments...)
			command.Dir, command.Env = dir, append(environ(), "GOPROXY=off")
			if out, err := command.CombinedOutput(); err != nil {
				t.Errorf("go %s with %s: %v: %s", strings.Join(arguments, " "), program, err, out)
			}
		}
	}
}
