package drills

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

const (
	keyPrefix  = "pw_live_"
	keyRandom  = 30 // characters after it
	leakyKeys  = 3  // made by the API, and as many by the command
	idempotent = "Idempotency-Key"
)

// TestSecrets shows that no API key is in the database or in a log, however clumsily it was made and sent.
func TestSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	organization := w.organization(t, "Palmetto Builders", unlimited)
	admin, _ := w.key(t, organization, identity.Admin)
	p := serve(t, "a", w.url, "PLOTWISE_LOG_LEVEL=debug")
	places := map[string][]byte{}
	keys := map[string]string{"of the caller": admin}
	for i := range leakyKeys {
		makeKeys(t, p, admin, i, keys)
		name := fmt.Sprintf("by command %d", i)
		keys[name], places["what the command "+name+" said"] = w.commandKey(t, organization)
	}
	for name, key := range maps.Clone(keys) {
		mistyped := mistype(key)
		keys[name+", mistyped"] = mistyped
		for _, k := range []string{key, mistyped} {
			leak(t, p, admin, k)
		}
		refused := command(w, "keys", "revoke", key)
		said, err := refused.CombinedOutput()
		if err == nil {
			t.Errorf("keys revoke takes a key, want its id alone")
		}
		places["what keys revoke said of the key "+name] = said
	}
	p.terminate(t)
	p.awaitEnd(t)
	p.checkStatuses(t)
	var err error
	if places["the log"], err = os.ReadFile(p.log); err != nil {
		t.Fatal(err)
	}
	places["the dump of the database"] = w.dump(t)
	if log, ok := w.postgresLog(t); ok {
		places["the log of Postgres"] = log
	}
	search(t, keys, places)
}

// makeKeys makes a key by the API, rotates it, and tells what they were.
func makeKeys(t *testing.T, p *process, admin string, number int, keys map[string]string) {
	t.Helper()
	header := map[string]string{idempotent: fmt.Sprintf("drill-%d", number)}
	made, err := p.want(t.Context(), http.StatusCreated, request{
		method: http.MethodPost, path: "/v1/api-keys", key: admin, body: `{"name":"Drill","permissions":["read"]}`, header: header,
	})
	if err != nil {
		t.Fatal(err)
	}
	name, clear := made.made()
	keys[fmt.Sprintf("by the API %d", number)] = clear
	rotated, err := p.want(t.Context(), http.StatusOK, request{
		method: http.MethodPost, path: "/v1/api-keys/" + name + "/rotate", key: admin, body: `{"grace_seconds":3600}`, header: header,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, keys[fmt.Sprintf("rotated by the API %d", number)] = rotated.made()
}

func command(w *world, args ...string) *exec.Cmd {
	c := exec.Command(binary, args...)
	c.Env = environ("PLOTWISE_DATABASE_URL="+w.url, "PLOTWISE_LOG_LEVEL=debug", "PLOTWISE_LOG_FORMAT=json")
	return c
}

// commandKey makes a key by plotwise keys create, and returns it with what else the command said.
func (w *world) commandKey(t *testing.T, organization uuid.UUID) (key string, said []byte) {
	t.Helper()
	var out, log bytes.Buffer
	c := command(w, "keys", "create", "--organization", id.Format(id.Organization, organization), "--name", "Drill", "--permissions", "read")
	c.Stdout, c.Stderr = &out, &log
	if err := c.Run(); err != nil {
		t.Fatalf("plotwise keys create: %v\n%s", err, log.Bytes())
	}
	return strings.TrimSpace(out.String()), log.Bytes()
}

// mistype returns the key with another character in its middle.
func mistype(key string) string {
	middle := len(keyPrefix) + keyRandom/2
	other := "x"
	if key[middle] == 'x' {
		other = "y"
	}
	return key[:middle] + other + key[middle+1:]
}

// leak sends a key in every place where it does not belong.
func leak(t *testing.T, p *process, admin, key string) {
	t.Helper()
	get, post, create := http.MethodGet, http.MethodPost, `{"name":"Drill","permissions":["read"]}`
	escaped := strings.ReplaceAll(key, "_", "%5F")
	for _, r := range []request{
		{method: get, path: "/v1/me", key: key},
		{method: get, path: "/v1/me", header: map[string]string{"Authorization": key}},
		{method: get, path: "/v1/me", header: map[string]string{"Authorization": "Basic " + key}},
		{method: get, path: "/v1/me", header: map[string]string{"Authorization": "Bearer: " + key}},
		{method: get, path: "/v1/me", header: map[string]string{"X-Api-Key": key}},
		{method: get, path: "/v1/me", key: admin, header: map[string]string{"X-Request-Id": key}},
		{method: get, path: "/v1/me", key: admin, header: map[string]string{"X-Forwarded-For": key, "If-None-Match": key, "User-Agent": key, "Origin": key}},
		{method: get, path: "/v1/me?api_key=" + key},
		{method: get, path: "/v1/permits?cursor=" + key + "&api_key=" + key, key: admin},
		{method: get, path: "/v1/permits/" + key, key: admin},
		{method: get, path: "/v1/permits/" + escaped, key: admin},
		{method: get, path: "/v1/permits/" + key},
		{method: get, path: "/v1/api-keys/" + key, key: admin},
		{method: get, path: "/v1/api-keys/key_01k0n5v8e3e5ra1c8d7m2n4p6q;" + key, key: admin},
		{method: http.MethodDelete, path: "/v1/api-keys/" + key, key: admin},
		{method: get, path: "/v1/" + key + "/" + key, key: admin},
		{method: get, path: "/" + key},
		{method: key, path: "/v1/me", key: admin},
		{method: post, path: "/v1/api-keys", key: admin, body: create, header: map[string]string{idempotent: key}},
		{method: post, path: "/v1/api-keys", key: admin, body: create, header: map[string]string{"X-Request-Id": key}},
		{method: post, path: "/v1/api-keys", key: admin, body: create, header: map[string]string{"Content-Type": key}},
		{method: post, path: "/v1/api-keys", key: admin, body: `{"name":"` + key},
		{method: post, path: "/v1/api-keys", key: admin, body: `{"` + key + `":1}`},
		{method: post, path: "/v1/api-keys", key: admin, body: `{"name":"Drill","permissions":["` + key + `"],"allowed_networks":["` + key + `"]}`},
		{method: post, path: "/v1/watchlist", key: admin, body: `{"permit_number":"` + key + `"}`},
		{method: http.MethodDelete, path: "/v1/api-keys/key_01k0n5v8e3e5ra1c8d7m2n4p6q", key: admin, header: map[string]string{"If-Match": key}},
	} {
		if _, err := p.do(t.Context(), r); err != nil {
			t.Error(err)
		}
	}
}

// search fails the test for every half of a key's random part that is in one of the places, in clear or in hexadecimal
// digits, as a dump has bytes.
func search(t *testing.T, keys map[string]string, places map[string][]byte) {
	t.Helper()
	for place, text := range places {
		for name, key := range keys {
			if len(key) < len(keyPrefix)+keyRandom {
				t.Fatalf("the key %s is %q", name, key)
			}
			random := key[len(keyPrefix) : len(keyPrefix)+keyRandom]
			for _, half := range []string{random[:keyRandom/2], random[keyRandom/2:]} {
				for _, written := range []string{half, hex.EncodeToString([]byte(half))} {
					if i := bytes.Index(text, []byte(written)); i >= 0 {
						t.Errorf("%s holds the key %s: %s", place, name, lineAround(text, i))
						break
					}
				}
			}
		}
	}
	t.Logf("%d keys were searched for in %d places", len(keys), len(places))
}

func lineAround(text []byte, i int) []byte {
	start := bytes.LastIndexByte(text[:i], '\n') + 1
	end := bytes.IndexByte(text[i:], '\n')
	if end < 0 {
		end = len(text) - i
	}
	return text[start : i+end]
}

// dump returns what pg_dump writes of the database.
func (w *world) dump(t *testing.T) []byte {
	t.Helper()
	var bin string
	if err := w.db.GetContext(t.Context(), &bin, "select setting from pg_config where name = 'BINDIR'"); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(bin, "pg_dump")
	if _, err := os.Stat(name); errors.Is(err, os.ErrNotExist) { // the server runs elsewhere
		if name, err = exec.LookPath("pg_dump"); err != nil {
			t.Fatal("pg_dump is not installed: run `apt-get install postgresql-client` (Debian, Ubuntu) or `brew install libpq` (macOS)")
		}
	}
	out, err := exec.Command(name, "--dbname="+w.url).Output()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		t.Fatalf("pg_dump: %v\n%s", err, failed.Stderr)
	} else if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte("COPY public.api_keys")) {
		t.Fatalf("the dump holds no keys: %.200s", out)
	}
	return out
}

// postgresLog returns the log of the server that the tests start for themselves; false for one that runs elsewhere.
func (w *world) postgresLog(t *testing.T) ([]byte, bool) {
	t.Helper()
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	if u.Host != "" {
		return nil, false
	}
	var data string
	if err := w.db.GetContext(t.Context(), &data, "show data_directory"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(filepath.Dir(data), "postgres.log"))
	if err != nil {
		t.Fatal(err)
	}
	return text, true
}
