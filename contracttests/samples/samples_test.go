// Package samples runs the code samples of the specification against the server of this tree.
package samples

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/plotwise/plotwise/contracttests/target"
	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/spec"
)

// chosen are the languages whose samples are run: those that need no tools besides, unless others are named.
var chosen = flag.String("languages", "bash,go", "the languages whose samples are run")

// TestSamples_run runs each sample of each operation, about things that it may change or remove, and wants it to be
// answered with the operation's success.
func TestSamples_run(t *testing.T) {
	w := newWorld(t)
	jobs := map[string][]job{}
	for _, e := range entries(t, w.target.Options.BaseURL) {
		var found []string
		for _, s := range e.Samples {
			found = append(found, s.Lang)
			jobs[s.Lang] = append(jobs[s.Lang], job{e, s.Source})
		}
		if want := []string{"bash", "go", "typescript", "python"}; !slices.Equal(found, want) {
			t.Errorf("%s has samples in %q, want %q", e.ID, found, want)
		}
	}
	env := []string{"PATH=" + os.Getenv("PATH"), "PLOTWISE_API_KEY=" + w.target.Options.Key, "PLOTWISE_BASE_URL=" + w.target.Options.BaseURL}
	for _, name := range strings.Split(*chosen, ",") {
		t.Run(name, func(t *testing.T) {
			run := languages[name](t, jobs[name], slices.Clone(env))
			for _, j := range jobs[name] {
				t.Run(j.entry.ID, func(t *testing.T) { w.run(t, j, run) })
			}
		})
	}
}

// job is a sample to run.
type job struct {
	entry  spec.Entry
	source string
}

// world is a server that takes the ids of examples for those of things that it has, and notes what it is asked.
type world struct {
	target *target.Target
	permit string // a permit on the watchlist
	sent   string // a delivery to a webhook that stays
	mu     sync.Mutex
	live   *strings.Replacer
	seen   []exchange
}

type exchange struct {
	method, path string // as they came
	status       int
	body         []byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{target: target.New(t, 300), live: strings.NewReplacer()}
	handler := w.target.Handler
	w.target.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		defer w.mu.Unlock()
		e := exchange{method: r.Method, path: r.URL.Path}
		body, _ := io.ReadAll(r.Body) // what breaks off is no JSON
		body = []byte(w.live.Replace(string(body)))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
		r.URL.Path = w.live.Replace(r.URL.Path)
		noted := &recorder{ResponseWriter: rw}
		handler.ServeHTTP(noted, r)
		e.status, e.body = noted.status, noted.body.Bytes()
		w.seen = append(w.seen, e)
	})
	w.permit = w.do(t, "GET", "/v1/permits?scope=all&sort=-filed_date&per_page=1", "").id(t)
	w.sent = w.do(t, "GET", "/v1/deliveries?per_page=1", "").id(t)
	return w
}

type recorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

func (r *recorder) Write(b []byte) (int, error) {
	r.body.Write(b)
	return r.ResponseWriter.Write(b)
}

func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// entries returns the operations as the document has them that a server serves.
func entries(t *testing.T, server string) []spec.Entry {
	t.Helper()
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		t.Fatal(err)
	}
	document.PutServerFirst(server, "This server")
	found, err := document.Entries()
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (w *world) run(t *testing.T, j job, run runner) {
	t.Helper()
	e := j.entry
	w.do(t, "POST", "/v1/watchlist", fmt.Sprintf(`{"permit_uuid": %q}`, w.permit)) // a sample before may have taken it off
	dir := t.TempDir()
	w.put(w.replacer(t, e))
	output, err := run(t, j, dir)
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	seen := w.put(strings.NewReplacer())
	if len(seen) == 0 || len(seen) > 1 && !paged(e) {
		t.Fatalf("the sample sent %d requests, want 1, or several pages: %s", len(seen), output)
	}
	for _, got := range seen {
		if got.status == http.StatusCreated {
			w.removeLater(t, e.Path, got.body)
		}
		if got.method != e.Method || !matches(e.Path, got.path) || !slices.Contains(successes(e), fmt.Sprint(got.status)) {
			t.Errorf("%s %s = %d %.300s, want %s %s answered with one of %q", got.method, got.path, got.status, got.body, e.Method, e.Path, successes(e))
		}
	}
	got := seen[0].body
	if file := e.Answers[0].File; file != "" && !bytes.Contains(output, got) {
		if kept, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Equal(kept, got) {
			t.Errorf("%s holds %d bytes (%v), want the answer's %d", file, len(kept), err, len(got))
		}
	} else if tells(got) && len(bytes.TrimSpace(output)) == 0 {
		t.Errorf("the sample prints nothing of %.300s", got)
	}
}

// paged reports whether an operation answers page by page.
func paged(e spec.Entry) bool {
	return slices.ContainsFunc(e.Arguments, func(a spec.Argument) bool { return a.Name == "cursor" })
}

// tells reports whether an answer has data.
func tells(body []byte) bool {
	var envelope struct{ Data json.RawMessage }
	return json.Unmarshal(body, &envelope) == nil && len(envelope.Data) > 0 && string(envelope.Data) != "[]"
}

// matches reports whether a path is one of a template's.
func matches(template, path string) bool {
	want, got := strings.Split(template, "/"), strings.Split(path, "/")
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i] != got[i] && !strings.HasPrefix(want[i], "{") {
			return false
		}
	}
	return true
}

func successes(e spec.Entry) []string {
	var statuses []string
	for _, a := range e.Answers {
		if a.Status < "300" {
			statuses = append(statuses, a.Status)
		}
	}
	return statuses
}

// put has the server take the ids of examples for others, and returns what it was asked since that was done last.
func (w *world) put(live *strings.Replacer) []exchange {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := w.seen
	w.live, w.seen = live, nil
	return seen
}

// replacer returns what puts things of its own in the place of the ids that an operation's examples name.
func (w *world) replacer(t *testing.T, e spec.Entry) *strings.Replacer {
	t.Helper()
	pairs := []string{"01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10", w.permit} // which bodies name
	for _, a := range e.Arguments {
		if a.In == "path" {
			pairs = append(pairs, a.Example[0], w.find(t, a.Name))
		}
	}
	return strings.NewReplacer(pairs...)
}

// find returns the id of a thing that a path's parameter may name: one that is made for that, where the API makes such
// things.
func (w *world) find(t *testing.T, parameter string) string {
	t.Helper()
	switch parameter {
	case "permit_uuid":
		return w.permit
	case "api_key_id":
		return w.make(t, "/v1/api-keys", `{"name": "Sample", "permissions": ["read"]}`)
	case "condition_id":
		return w.make(t, "/v1/conditions", `{"type": "location", "name": "Sample", "latitude": 28.0712, "longitude": -82.5018, "radius_m": 1500}`)
	case "webhook_id":
		return w.make(t, "/v1/webhooks", `{"url": "https://example.com/sample", "event_types": ["permit.status_changed"]}`)
	case "note_id":
		return w.make(t, "/v1/permits/"+w.permit+"/notes", `{"body": "Sample"}`)
	case "contact_id":
		return w.do(t, "GET", "/v1/contacts?per_page=1", "").id(t)
	case "delivery_id":
		return w.sent
	case "notification_id":
		return w.do(t, "GET", "/v1/notifications?per_page=1", "").id(t)
	default:
		t.Fatalf("the test has no value for the parameter %s", parameter)
		return ""
	}
}

// make makes something until the test ends, and returns its id.
func (w *world) make(t *testing.T, path, body string) string {
	t.Helper()
	made := w.do(t, "POST", path, body)
	w.removeLater(t, path, made)
	return made.id(t)
}

// removeLater removes what an answer tells of when the test ends, where such things can be removed and still are there.
func (w *world) removeLater(t *testing.T, path string, made answer) {
	t.Helper()
	thing := path + "/" + made.id(t)
	t.Cleanup(func() { w.send(t, "DELETE", thing, "") })
}

type answer []byte

// id returns the id of what the answer holds, or of the first of a list.
func (a answer) id(t *testing.T) string {
	t.Helper()
	var envelope struct{ Data json.RawMessage }
	var list []struct{ ID, UUID string }
	err := json.Unmarshal(a, &envelope)
	if err == nil && !bytes.HasPrefix(envelope.Data, []byte("[")) {
		envelope.Data = slices.Concat([]byte("["), envelope.Data, []byte("]"))
	}
	if err = errors.Join(err, json.Unmarshal(envelope.Data, &list)); err != nil || len(list) == 0 {
		t.Fatalf("%.300s (%v), want something with an id", a, err)
	}
	return cmp.Or(list[0].ID, list[0].UUID)
}

func (w *world) do(t *testing.T, method, path, body string) answer {
	t.Helper()
	status, text := w.send(t, method, path, body)
	if status >= 300 {
		t.Fatalf("%s %s = %d %.300s, want a success", method, path, status, text)
	}
	return text
}

func (w *world) send(t *testing.T, method, path, body string) (int, answer) {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, w.target.Options.BaseURL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.target.Options.Key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var b bytes.Buffer
	if _, err := b.ReadFrom(resp.Body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, b.Bytes()
}
