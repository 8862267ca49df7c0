package examples

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const crmToken = "crm-token"

// crm holds contacts by their external ids, as the API shows them.
type crm struct {
	url string

	mu       sync.Mutex
	contacts map[string]contact
	written  []string // the ids that were put since reset
	removed  []string
	refuse   func(call int) int // the status to refuse a call with, counted from 1 since reset; 0 for none
	calls    int
}

type contact struct {
	ID          string
	Name        string
	Phone       string
	Email       string
	Roles       []string
	PermitCount int      `json:"permit_count"`
	MergedIDs   []string `json:"merged_ids"`
}

func newCRM(t *testing.T) *crm {
	t.Helper()
	c := &crm{contacts: map[string]contact{}}
	c.reset(nil)
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	c.url = server.URL + "/api/"
	return c
}

func (c *crm) reset(refuse func(call int) int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written, c.removed, c.calls, c.refuse = nil, nil, 0, refuse
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	id, ok := strings.CutPrefix(r.URL.Path, "/api/contacts/")
	if !ok || r.Header.Get("Authorization") != "Bearer "+crmToken {
		http.Error(w, "no such path or token", http.StatusNotFound)
		return
	}
	c.calls++
	if c.refuse != nil {
		if status := c.refuse(c.calls); status != 0 {
			w.Header().Set("Retry-After", "2")
			http.Error(w, "refused", status)
			return
		}
	}
	var given contact
	_, known := c.contacts[id]
	switch {
	case r.Method == http.MethodPut && json.NewDecoder(r.Body).Decode(&given) == nil && given.ID == id:
		c.contacts[id] = given
		c.written = append(c.written, id)
	case r.Method == http.MethodDelete && known:
		delete(c.contacts, id)
		c.removed = append(c.removed, id)
	case r.Method == http.MethodDelete:
		http.NotFound(w, r)
	default:
		http.Error(w, "what is that?", http.StatusBadRequest)
	}
}

// transfer runs the program crm in a directory.
func (c *crm) transfer(t *testing.T, w *world, dir string) result {
	t.Helper()
	return finish(t, dir, []string{"PLOTWISE_BASE_URL=" + w.url, "PLOTWISE_API_KEY=" + w.key, "CRM_URL=" + c.url, "CRM_TOKEN=" + crmToken}, "crm")
}

// want fails the test unless a run ended well and the CRM has the contacts that the API has, by number of page.
func (c *crm) want(t *testing.T, w *world, r result) {
	t.Helper()
	if r.code != 0 {
		t.Fatalf("crm ends with %d: %s", r.code, r.stderr)
	}
	if diff := cmp.Diff(contactsOf(t, w), c.contacts); diff != "" {
		t.Errorf("the API's contacts and those of the CRM (-API +CRM):\n%s", diff)
	}
}

func contactsOf(t *testing.T, w *world) map[string]contact {
	t.Helper()
	all := map[string]contact{}
	for page := 1; ; page++ {
		var answer struct {
			Data []contact
			Meta struct{ Total int }
		}
		w.get(t, fmt.Sprintf("/v1/contacts?per_page=100&page=%d", page), &answer)
		for _, c := range answer.Data {
			all[c.ID] = c
		}
		if len(answer.Data) == 0 || len(all) == answer.Meta.Total {
			return all
		}
	}
}

const contactHeader = "PermitNum,StatusCurrent,ContractorFullName,ContractorLicNum,ContractorPhone,ContractorEmail"

// builder returns the row of a permit with a contractor of its own.
func builder(n int, phone string) string {
	return fmt.Sprintf("24-%04d,Received,Builder %d,LIC%d,%s,builder%d@example.com", n, n, n, phone, n)
}

// since returns the ids of the contacts that changed at the time that the state file holds, or later.
func since(t *testing.T, w *world, state string) (ids []string) {
	t.Helper()
	var answer struct{ Data []contact }
	w.get(t, "/v1/contacts?per_page=100&updated_since="+strings.TrimSpace(state), &answer)
	for _, c := range answer.Data {
		ids = append(ids, c.ID)
	}
	return ids
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestCRM follows a CRM over several runs: it has what the API has after each that ends well.
func TestCRM(t *testing.T) {
	t.Parallel()
	w, c, dir := newWorld(t), newCRM(t), t.TempDir()
	var rows, numbers []string
	for n := range 130 {
		rows, numbers = append(rows, builder(n, fmt.Sprintf("(813) 555-%04d", n))), append(numbers, fmt.Sprintf("24-%04d", n))
	}
	w.importFile(t, "permits", contactHeader, rows...)
	w.watch(t, numbers...)
	eventually(t, "the contacts are there", func() bool { return len(contactsOf(t, w)) == 130 })

	c.reset(func(call int) int { return map[int]int{20: 429, 90: 503}[call] })
	r := c.transfer(t, w, dir)
	c.want(t, w, r)
	if len(c.contacts) != 130 || len(c.written) != 130 || strings.Count(r.stderr, "trying again in 2s") != 2 {
		t.Errorf("the first run puts %d contacts and says %q, want 130 and two waits of 2 s", len(c.written), r.stderr)
	}
	state := readFile(t, filepath.Join(dir, "crm.state"))
	latest := since(t, w, state)
	c.reset(nil)
	c.want(t, w, c.transfer(t, w, dir))
	if diff := cmp.Diff(latest, c.written); diff != "" || len(latest) != 1 {
		t.Errorf("a run after which nothing changed puts (-want, the latest +got):\n%s", diff)
	}

	w.importFile(t, "permits", contactHeader, builder(3, "(813) 555-7003"), builder(7, "(813) 555-7007"))
	eventually(t, "the contacts changed", func() bool { return len(since(t, w, state)) == 3 })
	changed := since(t, w, state)
	c.reset(func(call int) int { return map[bool]int{true: http.StatusForbidden}[call > 2] })
	r = c.transfer(t, w, dir)
	if r.code != 1 || !strings.Contains(r.stderr, "PUT /contacts/"+changed[2]+": 403 Forbidden: refused") || len(c.written) != 2 {
		t.Errorf("a run that fails ends with %d after %d contacts, and says %q; want 1, 2 and the third contact", r.code, len(c.written), r.stderr)
	}
	if got := readFile(t, filepath.Join(dir, "crm.state")); got != state {
		t.Errorf("a run that fails leaves %q, want what was there, %q", got, state)
	}
	c.reset(nil)
	c.want(t, w, c.transfer(t, w, dir))
	if diff := cmp.Diff(changed, c.written); diff != "" {
		t.Errorf("the run after one that failed puts (-want +got):\n%s", diff)
	}
	if got := c.contacts[changed[2]].Phone; got != "(813) 555-7007" && got != "(813) 555-7003" {
		t.Errorf("the CRM has the phone number %q, want the new one", got)
	}

	w.importFile(t, "permits", contactHeader, "24-9000,Received,Builder 10,LIC10,,builder11@example.com")
	w.watch(t, "24-9000")
	for _, body := range []func(int) int{func(call int) int { return map[int]int{3: 500}[call] }, nil} { // the second time all is there
		c.reset(body)
		c.want(t, w, c.transfer(t, w, dir))
	}
	if len(c.contacts) != 129 {
		t.Errorf("the CRM has %d contacts after two became one, want 129", len(c.contacts))
	}
	w.do(t, http.StatusNoContent, http.MethodDelete, "/v1/watchlist/"+w.uuid(t, "24-0050"), "", nil)
	c.want(t, w, c.transfer(t, w, dir))
	var without []string
	for _, one := range c.contacts {
		if one.PermitCount == 0 {
			without = append(without, one.Name)
		}
	}
	if diff := cmp.Diff([]string{"Builder 50"}, without); diff != "" {
		t.Errorf("contacts without permits in the CRM (-want +got):\n%s", diff)
	}
}

func TestCRM_fails(t *testing.T) {
	t.Parallel()
	w, c := newWorld(t), newCRM(t)
	good := []string{"PLOTWISE_BASE_URL=" + w.url, "PLOTWISE_API_KEY=" + w.key, "CRM_URL=" + c.url, "CRM_TOKEN=" + crmToken}
	for name, x := range map[string]struct {
		setting string // in place of the good ones
		state   string // "" for none
		want    string
	}{
		"a wrong key":         {"PLOTWISE_API_KEY=pw_live_wrong", "", `401 Unauthorized: {"error":`},
		"no state":            {"", "yesterday", "crm.state does not hold a time"},
		"an empty state":      {"", "\n", "crm.state does not hold a time"},
		"a path of the API's": {"PLOTWISE_BASE_URL=" + w.url + "/v2", "", "404 Not Found"},
	} {
		dir := t.TempDir()
		if x.state != "" {
			if err := os.WriteFile(filepath.Join(dir, "crm.state"), []byte(x.state), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r := finish(t, dir, append(slices.Clone(good), x.setting), "crm")
		if r.code != 1 || !strings.Contains(r.stderr, x.want) || strings.Contains(r.stderr, "pw_live_") {
			t.Errorf("with %s, crm ends with %d and says %q; want 1 and %s, without the key", name, r.code, r.stderr, x.want)
		}
	}
	if c.calls != 0 {
		t.Errorf("the CRM was called %d times, want 0", c.calls)
	}
	r := finish(t, t.TempDir(), good, "crm") // an organization without contacts
	if r.code != 0 || !strings.Contains(r.stderr, "0 contacts written") {
		t.Errorf("without contacts, crm ends with %d and says %q, want 0", r.code, r.stderr)
	}
}
