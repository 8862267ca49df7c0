package secret

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestLoadOrCreate(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "secret.key")
	first, err := LoadOrCreate(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(first); err != nil {
		t.Errorf("Parse(%q) = %v", first, err)
	}
	if again, err := LoadOrCreate(file); err != nil || again != first {
		t.Errorf("LoadOrCreate again = %q, %v, want %q", again, err, first)
	}
	info, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode(); got != 0o600 {
		t.Errorf("mode = %v, want -rw-------", got)
	}
	alone(t, file)
}

// Every process at once: some find a file, some make one, and all have the same key.
func TestLoadOrCreate_together(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret.key")
	var keys [32]string
	var started, done sync.WaitGroup
	started.Add(1)
	for i := range keys {
		done.Go(func() {
			started.Wait()
			var err error
			if keys[i], err = LoadOrCreate(file); err != nil {
				t.Error(err)
			}
		})
	}
	started.Done()
	done.Wait()
	for _, key := range keys {
		if key != keys[0] || key == "" {
			t.Errorf("keys differ: %q, %q", key, keys[0])
		}
	}
	alone(t, file)
}

func TestLoadOrCreate_late(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret.key")
	first, err := LoadOrCreate(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := create(file); !os.IsExist(err) && !strings.Contains(err.Error(), "exists") {
		t.Errorf("create = %v, want that it exists", err)
	}
	if got, err := load(file); err != nil || got != first {
		t.Errorf("load = %q, %v, want %q", got, err, first)
	}
	alone(t, file)
}

func TestLoadOrCreate_refuses(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut": Generate()[:20], "two": Generate() + "\n" + Generate()} {
		file := filepath.Join(t.TempDir(), "secret.key")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := LoadOrCreate(file)
		if err == nil || !strings.Contains(err.Error(), file) || got != "" {
			t.Errorf("%s: LoadOrCreate = %q, %v, want an error that names the file", name, got, err)
		}
		if text != "" && strings.Contains(err.Error(), text[:20]) {
			t.Errorf("%s: %v holds the key", name, err)
		}
		if kept, err := os.ReadFile(file); err != nil || string(kept) != text {
			t.Errorf("%s: the file is %q, %v, want it as it was", name, kept, err)
		}
	}
	if got, err := LoadOrCreate(t.TempDir()); err == nil {
		t.Errorf("LoadOrCreate(a directory) = %q, want an error", got)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := LoadOrCreate(filepath.Join(file, "secret.key")); err == nil {
		t.Errorf("LoadOrCreate(below a file) = %q, want an error", got)
	}
}

// alone checks that nothing but the file is left.
func alone(t *testing.T, file string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 {
		t.Errorf("%d files are left, want the key alone: %v", len(entries), entries)
	}
}
