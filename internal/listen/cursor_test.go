package listen_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/listen"
)

func (w *world) writeCursor(t *testing.T, text string) {
	t.Helper()
	if err := os.WriteFile(w.cursorFile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (w *world) readCursor(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(w.cursorFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// of returns the beginning of a cursor of this world.
func (w *world) of() string {
	return `{"base_url":"` + w.api.URL + `","organization_id":"` + id.Format(id.Organization, w.organization) + `","forward_to":"http://` + w.address + `/hook","after":`
}

func TestCursor(t *testing.T) {
	w := newWorld(t)
	w.tell(t, "1")
	r := w.resume(t)
	if got, want := w.readCursor(t), w.of()+"1}\n"; got != want {
		t.Errorf("the cursor is %s, want %s", got, want)
	}
	w.tell(t, "2")
	w.awaitStatuses(t, "2")
	r.out.await(t, "→ 204")
	r.end(t)
	if got, want := w.readCursor(t), w.of()+"2}\n"; got != want {
		t.Errorf("the cursor is %s, want %s", got, want)
	}
	if info, err := os.Stat(w.cursorFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the cursor is %v, %v; want a file of mode 0600", info, err)
	}
	if found, err := os.ReadDir(filepath.Dir(w.cursorFile)); err != nil || len(found) != 1 {
		t.Errorf("beside the cursor there is %v, %v; want nothing", found, err)
	}
	w.writeCursor(t, w.of()+"2000}\n")
	r = w.resume(t)
	r.notes.await(t, "The last run ended at event 2000, which is not there any more: was the database set back? Beginning with what happens now, after event 2.")
	r.end(t)
	w.refuseCursors(t)
}

// refuseCursors tries files that are not to be used, nor changed.
func (w *world) refuseCursors(t *testing.T) {
	t.Helper()
	for name, c := range map[string]struct{ text, want string }{
		"of another API":          {strings.Replace(w.of(), w.api.URL, "https://api.plotwise.us", 1) + "1}", " holds the cursor of org_"},
		"of another organization": {strings.Replace(w.of(), `"org_`, `"org_x`, 1) + "1}", " holds the cursor of org_x"},
		"no cursor":               {"export PATH=/bin\n", " holds no cursor: "},
		"other JSON":              {`{"after": 1}`, " holds no cursor: "},
		"before the first":        {w.of() + "-1}", " holds no cursor: "},
		"empty":                   {"", " holds no cursor: "},
	} {
		w.writeCursor(t, c.text)
		for _, start := range []listen.Start{listen.Resume, listen.FromNow, listen.FromOldest} {
			err := w.listen(t, func(o *listen.Options) { o.Start = start }).err(t)
			if err == nil || !strings.HasPrefix(err.Error(), w.cursorFile+c.want) {
				t.Errorf("%s, start %d: Run = %v, want %s", name, start, err, c.want)
			}
		}
		if got := w.readCursor(t); got != c.text {
			t.Errorf("%s: the file holds %q now, want %q", name, got, c.text)
		}
	}
	w.cursorFile = filepath.Join(t.TempDir(), "nowhere", "cursor.json")
	if err := w.listen(t, func(*listen.Options) {}).err(t); err == nil || !strings.HasPrefix(err.Error(), "keep the cursor: ") {
		t.Errorf("in a directory that is not there: Run = %v, want that it cannot be kept", err)
	}
}

// TestCursor_usual: without a name there is one for each API, organization and URL in the user's cache directory.
func TestCursor_usual(t *testing.T) {
	w := newWorld(t)
	home := t.TempDir()
	for _, name := range []string{"HOME", "XDG_CACHE_HOME", "LocalAppData"} {
		t.Setenv(name, home)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	w.cursorFile = ""
	w.resume(t).end(t)
	w.resume(t).end(t)
	w.tell(t, "1")
	r := w.listen(t, func(o *listen.Options) { o.ForwardTo += "/other" })
	r.notes.await(t, "Beginning with what happens now, after event 1.")
	r.end(t)
	found, err := filepath.Glob(filepath.Join(cache, "plotwise", "listen", "*.json"))
	if err != nil || len(found) != 2 {
		t.Errorf("there are the cursors %v, %v; want 2", found, err)
	}
	r = w.resume(t)
	r.notes.await(t, "Going on after event 0, where the last run ended.")
	w.awaitStatuses(t, "1")
	r.end(t)
}
