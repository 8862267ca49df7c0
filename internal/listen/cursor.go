package listen

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// position is how far the events of an organization were forwarded.
type position struct {
	BaseURL        string `json:"base_url"`
	OrganizationID string `json:"organization_id"`
	ForwardTo      string `json:"forward_to"`
	After          int64  `json:"after"` // the number of the last event
}

// cursor keeps a position in a file.
type cursor struct {
	position
	path  string
	found bool // the file is there
}

// openCursor reads the file, or one of the user's cache directory that is of this position alone. It refuses a file that
// is none of a cursor, or of another API or organization, whose events have other numbers.
func openCursor(path string, of position) (*cursor, error) {
	if path == "" {
		dir, err := os.UserCacheDir()
		if err != nil {
			return nil, fmt.Errorf("find the cache directory, in which the cursor would be: %w; name a file with --cursor-file", err)
		}
		sum := sha256.Sum256([]byte(strings.Join([]string{of.BaseURL, of.OrganizationID, of.ForwardTo}, "\n")))
		path = filepath.Join(dir, "plotwise", "listen", hex.EncodeToString(sum[:8])+".json")
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("keep the cursor: %w", err)
		}
	}
	c := &cursor{position: of, path: path}
	text, err := os.ReadFile(path) //nolint:gosec // the user's own choice
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cursor: %w", err)
	}
	var kept position
	if err := json.Unmarshal(text, &kept); err != nil || kept.OrganizationID == "" || kept.After < 0 {
		return nil, fmt.Errorf("%s holds no cursor: delete it, or name another file with --cursor-file", path)
	}
	if kept.BaseURL != of.BaseURL || kept.OrganizationID != of.OrganizationID {
		return nil, fmt.Errorf("%s holds the cursor of %s at %s, not of %s at %s: name another file with --cursor-file",
			path, printable(kept.OrganizationID), printable(kept.BaseURL), of.OrganizationID, of.BaseURL)
	}
	c.After, c.found = kept.After, true
	return c, nil
}

// save keeps the number of the last event. The file is the old one or the new one, whenever it is read.
func (c *cursor) save(after int64) error {
	if c.found && c.After == after {
		return nil
	}
	next := c.position
	next.After = after
	text, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := replace(c.path, append(text, '\n')); err != nil {
		return fmt.Errorf("keep the cursor: %w", err)
	}
	c.After, c.found = after, true
	return nil
}

func replace(path string, text []byte) error {
	file, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*") // for its owner alone
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}
