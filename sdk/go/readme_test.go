package plotwise

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The README's first program runs, and the rest of its code compiles.
func TestREADME(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var program, rest string
	for i, block := range strings.Split(string(text), "```go\n")[1:] {
		code, _, _ := strings.Cut(block, "```")
		switch {
		case i == 0:
			program = code
		case strings.HasPrefix(code, "func "):
			rest += code
		default:
			rest += "func _() error {\n" + code + "return use(note, webhook, err, last, permit, etag)\n}\n"
		}
	}
	f := newFake(t, answers(http.StatusOK, `{"data":[{"permit_number":"BLD-26-0521670","address":"1 Main St"}],"meta":{"per_page":20,"next_cursor":null}}`))
	command := exec.CommandContext(t.Context(), "go", "run", "-overlay", overlay(t, map[string]string{"main.go": program, "rest.go": restHeader + rest}), "./readme")
	command.Env = append(os.Environ(), "PLOTWISE_API_KEY="+testKey, "PLOTWISE_BASE_URL="+f.url)
	output, err := command.CombinedOutput()
	if want := "BLD-26-0521670 1 Main St\n"; err != nil || string(output) != want {
		t.Errorf("the program says %s, %v, want %s", output, err, want)
	}
	if got := f.requests(); len(got) != 1 || got[0].RequestURI != "/v1/permits?status=In+Review" || got[0].Header.Get("Authorization") != "Bearer "+testKey {
		t.Errorf("the requests are %v", got)
	}
}

// overlay returns a file that has the go command find texts in a package that is not on the disk.
func overlay(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir, err := filepath.Abs("readme")
	if err != nil {
		t.Fatal(err)
	}
	replaced, temporary := map[string]string{}, t.TempDir()
	for name, text := range texts {
		replaced[filepath.Join(dir, name)] = filepath.Join(temporary, name)
		if err := os.WriteFile(filepath.Join(temporary, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(temporary, "overlay.json")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// What the README's code speaks of.
const restHeader = `package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

var (
	ctx      context.Context
	client   *plotwise.Client
	err      error
	permit   *plotwise.PermitDetails
	note     *plotwise.Note
	webhook  *plotwise.Webhook
	body     plotwise.WebhookCreate
	id       plotwise.UUID
	last     int64
	orderID  string
	etag     string
	page     *plotwise.Page[plotwise.Contact]
)

func use(...any) error { return nil }

func save([]plotwise.Contact) {}

var _ = []any{new(int32(50)), new(plotwise.PermitScopeAll), new(plotwise.NewDate(2026, time.May, 4)), errors.New, io.EOF, slog.Info, http.NoBody, os.Exit, fmt.Print}
`
