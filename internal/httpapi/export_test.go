package httpapi_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestExport_formats(t *testing.T) {
	w := newWorld(t)
	text := w.get(t, "/v1/permits/export?format=csv&scope=all")
	lines, err := csv.NewReader(strings.NewReader(string(text.body))).ReadAll()
	if err != nil || text.status != http.StatusOK || text.header.Get("Content-Type") != "text/csv" || text.header.Get("Content-Disposition") != `attachment; filename="permits.csv"` {
		t.Fatalf("csv = %d %v, %v", text.status, text.header, err)
	}
	if len(lines) != 5 || lines[0][1] != "permit_number" || lines[1][1] != "B-1" || lines[4][1] != "B-4" || lines[1][7] != "1 Palm Ave, Tampa, FL 33601" || lines[1][19] != "1000.50" {
		t.Errorf("csv = %q, want the header and B-1 to B-4", lines)
	}
	text = w.get(t, "/v1/permits/export?format=ndjson")
	list := w.get(t, "/v1/permits")
	var listed struct{ Data []json.RawMessage }
	if err := json.Unmarshal(list.body, &listed); err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	for _, p := range listed.Data {
		want.Write(p)
		want.WriteByte('\n')
	}
	if string(text.body) != want.String() || text.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("ndjson = %s, want %s", text.body, want.String())
	}
	text = w.get(t, "/v1/permits/export?format=geojson&scope=all")
	var collection struct {
		Type     string
		Features []struct {
			ID       string
			Geometry *struct{ Coordinates []float64 }
		}
	}
	if err := json.Unmarshal(text.body, &collection); err != nil || text.header.Get("Content-Type") != "application/geo+json" {
		t.Fatalf("geojson = %s, %v", text.body, err)
	}
	if f := collection.Features; collection.Type != "FeatureCollection" || len(f) != 4 || f[0].Geometry.Coordinates[0] != -82.46 || f[0].Geometry.Coordinates[1] != 27.95 || f[3].Geometry != nil {
		t.Errorf("geojson = %+v, want four features, the last without a place", collection)
	}
	for format, want := range map[string]string{"csv": "uuid,permit_number", "ndjson": "", "geojson": `{"type":"FeatureCollection","features":[]}`} {
		if a := w.get(t, "/v1/permits/export?q=nothing&format="+format); a.status != http.StatusOK || !strings.HasPrefix(string(a.body), want) {
			t.Errorf("empty %s = %d %s", format, a.status, a.body)
		}
	}
}

// freed waits until the organization may begin another export.
func (w *world) freed(t *testing.T) {
	t.Helper()
	for range 10_000 {
		if a := w.get(t, "/v1/permits/export?format=csv"); a.status == http.StatusOK {
			return
		}
	}
	t.Fatal("the places of exports that ended are not free again")
}

// many adds so many permits with a description of so many characters.
func (w *world) many(t *testing.T, n, characters int) {
	t.Helper()
	_, err := w.db.ExecContext(t.Context(), `
		insert into permits (uuid, jurisdiction_id, permit_number, status, description, search, source_hash, updated_at)
		select uuid_v7(), j.id, 'M-' || i, 'Issued', repeat('y', $2), '', gen_random_uuid(), now()
		from jurisdictions j, generate_series(1, $1) i`, n, characters)
	if err != nil {
		t.Fatal(err)
	}
}

func TestExport_walksPages(t *testing.T) {
	w := newWorld(t)
	w.many(t, 1200, 10)
	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(string(w.get(t, "/v1/permits/export?format=ndjson&scope=all").body)))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var p struct{ UUID string }
		if err := json.Unmarshal(lines.Bytes(), &p); err != nil || seen[p.UUID] {
			t.Fatalf("line %s: %v, or it comes twice", lines.Text(), err)
		}
		seen[p.UUID] = true
	}
	if len(seen) != 1204 {
		t.Errorf("%d permits, want 1204", len(seen))
	}
}

// TestExport_cutsOff: a permit that breaks the specification beyond the first page cuts the connection.
func TestExport_cutsOff(t *testing.T) {
	w := newWorld(t)
	w.many(t, 1200, 10)
	if _, err := w.db.ExecContext(t.Context(), "update permits set city = repeat('x', 300) where permit_number = 'M-1100'"); err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"csv", "ndjson", "geojson"} {
		body, _ := w.open(t, t.Context(), format)
		text, err := io.ReadAll(body)
		if err == nil || strings.Contains(string(text), "xxx") || len(text) == 0 {
			t.Errorf("%s: %d bytes and %v, want a part of it and a broken connection", format, len(text), err)
		}
	}
	if !strings.Contains(w.log.String(), "breaks the specification") {
		t.Errorf("the log does not say why:\n%s", w.log)
	}
	w.Config.Handler = w.handler(t, "off")
	if a := w.get(t, "/v1/permits/export?format=csv&scope=all"); a.status != http.StatusOK || !strings.Contains(string(a.body), "xxx") {
		t.Errorf("without validation = %d, want the whole file", a.status)
	}
}

// open begins an export; the caller reads it, or not.
func (w *world) open(t *testing.T, ctx context.Context, format string) (body io.Reader, status int) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+"/v1/permits/export?scope=all&format="+format, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+w.key)
	response, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { response.Body.Close() })
	return response.Body, response.StatusCode
}

// TestExport_twoAtOnce: the third is refused while two are being read, and taken when a client of them has hung up.
func TestExport_twoAtOnce(t *testing.T) {
	w := newWorld(t)
	w.many(t, 3_000, 9_000) // more than the connections' buffers hold
	ctx, hangUp := context.WithCancel(t.Context())
	for range 2 {
		if _, status := w.open(t, ctx, "ndjson"); status != http.StatusOK {
			t.Fatalf("export = %d", status)
		}
	}
	third := w.get(t, "/v1/permits/export?format=csv")
	if third.status != http.StatusTooManyRequests || third.failure(t).Error.Code != "too_many_exports" || third.header.Get("Retry-After") == "" {
		t.Errorf("the third export = %d %s, want 429 too_many_exports", third.status, third.body)
	}
	hangUp()
	w.freed(t)
	if got := w.count(t, "select count(*) from pg_stat_activity where datname = current_database() and state = 'active' and query like '%permits p%' and pid <> pg_backend_pid()"); got != 0 {
		t.Errorf("%d statements still run, want none", got)
	}
}

// TestExport_slowClient: a client that stops reading is cut off after its time for a page, and its place is free.
func TestExport_slowClient(t *testing.T) {
	w := newWorld(t)
	w.many(t, 3_000, 9_000)
	w.exportTimeout = 200 * time.Millisecond
	w.Config.Handler = w.handler(t, "enforce")
	for range 2 {
		if _, status := w.open(t, t.Context(), "ndjson"); status != http.StatusOK {
			t.Fatalf("export = %d", status)
		}
	}
	w.freed(t)
	if !strings.Contains(w.log.String(), "cut an answer off") {
		t.Errorf("the log does not say that an export was cut off:\n%s", w.log)
	}
}

// TestExport_outlivesWriteTimeout: an export takes as long as it takes, if only each page is taken in time.
func TestExport_outlivesWriteTimeout(t *testing.T) {
	w := newWorld(t)
	w.many(t, 3_000, 9_000)
	server := httptest.NewUnstartedServer(w.Config.Handler)
	server.Config.WriteTimeout = 50 * time.Millisecond
	server.Start()
	t.Cleanup(server.Close)
	w.URL = server.URL
	body, _ := w.open(t, t.Context(), "ndjson")
	text, err := io.ReadAll(body)
	if lines := strings.Count(string(text), "\n"); err != nil || lines != 3_004 {
		t.Errorf("%d lines, %v; want 3004", lines, err)
	}
}
