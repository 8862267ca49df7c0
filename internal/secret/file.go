package secret

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// LoadOrCreate returns the key that the file holds, as text that Parse reads. Where there is no file it makes one, with
// mode 0600, and its directory. Any number of processes may call it at once: all get the same key. A file that holds no
// key is an error, and is left as it is: what was sealed under its key is lost with it.
func LoadOrCreate(file string) (string, error) {
	text, err := load(file)
	if !errors.Is(err, fs.ErrNotExist) {
		return text, err
	}
	if err := create(file); err != nil && !errors.Is(err, fs.ErrExist) { // then another process was faster
		return "", fmt.Errorf("create the secret key %s: %w", file, err)
	}
	return load(file)
}

func load(file string) (string, error) {
	found, err := os.ReadFile(file) //nolint:gosec // our own file
	if err != nil {
		return "", fmt.Errorf("read the secret key: %w", err)
	}
	text := strings.TrimSpace(string(found))
	if _, err := Parse(text); err != nil {
		return "", fmt.Errorf("read the secret key %s: %w", file, err)
	}
	return text, nil
}

// create writes the key under another name, which O_EXCL makes this process's own, and links it into place: whoever sees
// the file sees all of it, and the second link fails with fs.ErrExist.
func create(file string) error {
	dir := filepath.Dir(file)
	if err := os.MkdirAll(dir, 0o755); err != nil { //nolint:gosec // Postgres's own user has to pass through it
		return err
	}
	unfinished, err := os.CreateTemp(dir, filepath.Base(file)+".") // with mode 0600
	if err != nil {
		return err
	}
	_, err = unfinished.WriteString(Generate() + "\n")
	if err == nil {
		err = unfinished.Sync()
	}
	if err = errors.Join(err, unfinished.Close()); err == nil {
		err = os.Link(unfinished.Name(), file)
	}
	return errors.Join(err, os.Remove(unfinished.Name()))
}
