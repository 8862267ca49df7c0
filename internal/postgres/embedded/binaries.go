package embedded

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version of Postgres that will do.
const oldest = 14

// ErrNotInstalled says that no Postgres was found, and how to get one.
var ErrNotInstalled = errors.New("Postgres 14 or newer is not installed: run `apt-get install postgresql` (Debian, Ubuntu) " + //nolint:staticcheck // a name
	"or `brew install postgresql@17` (macOS), or set PLOTWISE_DATABASE_URL to one that runs elsewhere")

// places are where installations put their binaries, besides the PATH.
var places = []string{
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",
	"/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
}

// binaries returns the directory of the newest installation, or of the one that fits the cluster in data.
func binaries(data string) (string, error) {
	installed := installations()
	if len(installed) == 0 {
		return "", ErrNotInstalled
	}
	text, err := os.ReadFile(filepath.Join(data, "PG_VERSION")) //nolint:gosec // our own directory
	if errors.Is(err, os.ErrNotExist) {
		newest := slices.Max(keys(installed))
		if newest < oldest {
			return "", ErrNotInstalled
		}
		return installed[newest], nil
	}
	if err != nil {
		return "", fmt.Errorf("read the cluster's version: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return "", fmt.Errorf("read the cluster's version in %s: %q is no number", data, strings.TrimSpace(string(text)))
	}
	dir, ok := installed[version]
	if !ok {
		return "", fmt.Errorf("%s was made by Postgres %d, and installed is %v: install Postgres %d, or move the directory away to start afresh",
			data, version, keys(installed), version)
	}
	return dir, nil
}

func keys(installed map[int]string) []int {
	var versions []int
	for v := range installed {
		versions = append(versions, v)
	}
	slices.Sort(versions)
	return versions
}

var versionText = regexp.MustCompile(`\(PostgreSQL\) (\d+)`)

// installations returns the directories that hold both initdb and postgres, by major version.
func installations() map[int]string {
	dirs := filepath.SplitList(os.Getenv("PATH")) //nolint:forbidigo // the PATH is no setting of ours
	for _, pattern := range places {
		matches, err := filepath.Glob(pattern)
		if err != nil { // the patterns are constants
			panic(err)
		}
		dirs = append(dirs, matches...)
	}
	found := map[int]string{}
	for _, dir := range dirs {
		if !executable(filepath.Join(dir, "initdb")) || !executable(filepath.Join(dir, "postgres")) {
			continue
		}
		out, err := exec.Command(filepath.Join(dir, "postgres"), "--version").Output() //nolint:gosec,noctx // found just now
		if err != nil {
			continue
		}
		if m := versionText.FindSubmatch(out); m != nil {
			if version, err := strconv.Atoi(string(m[1])); err == nil && found[version] == "" {
				found[version] = dir
			}
		}
	}
	return found
}

func executable(file string) bool {
	info, err := os.Stat(file) //nolint:gosec // a place on the PATH
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}
