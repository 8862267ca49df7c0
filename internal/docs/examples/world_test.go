package examples

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a server with a worker, and an organization with a key.
type world struct {
	url      string // of the API
	key      string // with every permission
	db       *postgres.DB
	settings []string // of the environment of plotwise
}

func newWorld(t *testing.T) *world {
	t.Helper()
	url := pgtest.New(t)
	w := &world{db: pgtest.OpenURL(t, url)}
	made, err := organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", "enterprise")
	if err != nil {
		t.Fatal(err)
	}
	_, w.key, err = apikeys.NewService(w.db, time.Now, newID).Create(t.Context(), apikeys.Key{
		OrganizationID: made, Name: "Example", Permissions: []identity.Permission{identity.Read, identity.Write, identity.Admin},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.settings = []string{
		"PLOTWISE_DATABASE_URL=" + url, "PLOTWISE_ADDR=127.0.0.1:0", "PLOTWISE_ADMIN_ADDR=none",
		"PLOTWISE_SECRET_KEY=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8",
		"PLOTWISE_WEBHOOK_SCHEDULE=100ms,100ms,100ms,100ms,100ms",
	}
	p := start(t, w.settings, "plotwise", "serve")
	served := regexp.MustCompile(`msg=serving url=(\S+)`)
	eventually(t, "plotwise says where it serves", func() bool {
		if found := served.FindStringSubmatch(p.said.String()); found != nil {
			w.url = found[1]
		}
		return w.url != ""
	})
	return w
}

// do sends a request, fails the test unless it is answered with that status, and reads the answer.
func (w *world) do(t *testing.T, status int, method, path, body string, into any) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, w.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+w.key)
	if body != "" {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != status {
		t.Fatalf("%s %s answers %s %s, %v; want %d", method, path, response.Status, text, err, status)
	}
	if into == nil {
		return
	}
	if err := json.Unmarshal(text, into); err != nil {
		t.Fatalf("%s %s answers %s: %v", method, path, text, err)
	}
}

func (w *world) get(t *testing.T, path string, into any) {
	t.Helper()
	w.do(t, http.StatusOK, http.MethodGet, path, "", into)
}

// source says how the files of the tests are read.
const source = `jurisdiction: {slug: port-loma, name: City of Port Loma, region: FL}
dataset: %s
`

const statuses = `statuses: {Received: application_accepted, Under review: in_review, Issued: permit_issued, Closed out: permit_finaled}
`

// importFile imports rows of a dataset of the city's, with the column names that need no mapping.
func (w *world) importFile(t *testing.T, dataset, header string, rows ...string) {
	t.Helper()
	dir := t.TempDir()
	text := fmt.Sprintf(source, dataset)
	if dataset == "permits" {
		text += statuses
	}
	for name, text := range map[string]string{"source.yaml": text, "rows.csv": header + "\n" + strings.Join(rows, "\n") + "\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if r := finish(t, dir, w.settings, "plotwise", "import", "--source", "./source.yaml", "rows.csv"); r.code != 0 {
		t.Fatalf("import %s: exit code %d: %s%s", dataset, r.code, r.stdout, r.stderr)
	}
}

// watch puts permits on the watchlist, a hundred at once.
func (w *world) watch(t *testing.T, numbers ...string) {
	t.Helper()
	for len(numbers) > 0 {
		some := numbers[:min(100, len(numbers))]
		numbers = numbers[len(some):]
		var answer struct{ Data []struct{ Status int } }
		body := `{"items":[{"permit_number":"` + strings.Join(some, `"},{"permit_number":"`) + `"}]}`
		w.do(t, http.StatusOK, http.MethodPost, "/v1/watchlist/batch", body, &answer)
		for i, item := range answer.Data {
			if item.Status != http.StatusCreated {
				t.Fatalf("adding %s to the watchlist answers %d, want 201", some[i], item.Status)
			}
		}
	}
}

// uuid returns the UUID of a permit.
func (w *world) uuid(t *testing.T, number string) string {
	t.Helper()
	var answer struct{ Data []struct{ UUID string } }
	w.get(t, "/v1/permits?scope=all&q="+number, &answer)
	if len(answer.Data) != 1 {
		t.Fatalf("%d permits have the number %s, want 1", len(answer.Data), number)
	}
	return answer.Data[0].UUID
}
