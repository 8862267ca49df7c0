package sdkgen

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/spec"
)

// What is generated is committed, so that a change of it is seen.
func Test_typescript(t *testing.T) {
	files, err := typescript(newAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != len(typescriptOutput) {
		t.Errorf("typescript made %d files, want %d", len(files), len(typescriptOutput))
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("../../sdk", name))
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("sdk/%s is not up to date: run make sdks (-want +got):\n%s", name, diff)
		}
	}
}

func Test_typescriptResult(t *testing.T) {
	for want, result := range map[string]Result{
		"APIPromise<void>":      {Kind: Nothing},
		"APIPromise<Note>":      {Kind: Object, Envelope: "NoteResponse", Item: "Note"},
		"APIPromise<UsageList>": {Kind: List, Envelope: "UsageList", Item: "UsagePeriod"},
		"PagePromise<Permit>":   {Kind: Pages, Envelope: "PermitList", Item: "Permit"},
		"APIPromise<Response>":  {Kind: Stream},
	} {
		if got := typescriptResult(Method{Result: result}); got != want {
			t.Errorf("typescriptResult(%v) = %s, want %s", result, got, want)
		}
	}
}

func Test_typescriptComment(t *testing.T) {
	got := typescriptComment("  ", "Send a test.\n\nIt ends */ here.\n")
	want := "/**\n   * Send a test.\n   *\n   * It ends *\\/ here.\n   */"
	if got != want {
		t.Errorf("typescriptComment = %q, want %q", got, want)
	}
}

func Test_feed(t *testing.T) {
	query := func(names ...string) (m Method) {
		for _, name := range names {
			m.Query = append(m.Query, spec.Argument{Parameter: spec.Parameter{Name: name, In: "query"}})
		}
		return m
	}
	if !feed(query("after", "types", "wait")) {
		t.Error("a list with after and wait is no feed")
	}
	if feed(query("cursor", "wait")) || feed(query("after")) {
		t.Error("a list without after, or without wait, is a feed")
	}
}
