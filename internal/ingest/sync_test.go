package ingest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const sodaSource = `
jurisdiction: {slug: test, name: Test County, region: FL}
columns: {permit_number: permit_no, status: state, contractor_company: builder}
statuses: {In Review: in_review, Issued: permit_issued, Final: permit_finaled}
soda: {url: URL, dataset: abcd-1234, page_size: 2}
`

// newPortal returns a portal with the columns of sodaSource.
func newPortal(t *testing.T) *sodaServer {
	t.Helper()
	return newSODAServer(t, "permit_no", "state", "builder")
}

// sodaTest syncs one source.
type sodaTest struct {
	*Syncer
	db     *postgres.DB
	source *Source
	waits  []time.Duration // but for the pauses
}

func newSODATest(t *testing.T, s *sodaServer, source string) *sodaTest {
	t.Helper()
	parsed, err := ParseSource(strings.NewReader(strings.ReplaceAll(source, "URL", s.URL)), "test")
	if err != nil {
		t.Fatal(err)
	}
	y := &sodaTest{db: pgtest.Open(t), source: parsed}
	y.Syncer = NewSyncer(newImporter(y.db), "", y.wait, func() float64 { return 0.5 })
	return y
}

func (y *sodaTest) wait(ctx context.Context, d time.Duration) error {
	if d != y.pause {
		y.waits = append(y.waits, d)
	}
	return ctx.Err()
}

// sync syncs and wants a result.
func (y *sodaTest) sync(t *testing.T, name string, want Result) {
	t.Helper()
	got, err := y.Sync(t.Context(), y.source, false, Progress{})
	if err != nil {
		t.Fatalf("%s: Sync = %v", name, err)
	}
	got.Duration = 0
	if got != want {
		t.Errorf("%s: Sync = %+v, want %+v", name, got, want)
	}
}

// permits returns the permits, each with its status and companies.
func (y *sodaTest) permits(t *testing.T) []string {
	t.Helper()
	return query(t, y.db, `select concat_ws(' ', permit_number, status, string_agg(company, '+' order by company))
		from permits left join permit_parties on permit_uuid = uuid group by uuid order by 1`)
}

func (y *sodaTest) watermark(t *testing.T) []string {
	t.Helper()
	return query(t, y.db, "select concat_ws(' ', watermark, watermark_rows, last_rows, last_new, last_changed, last_unchanged) from soda_syncs")
}

func TestSyncer_Sync(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	for i, id := range []string{"row-z", "row-a", "row-m", "row-b", "row-y"} { // their order is not that of the texts
		s.put(id, fmt.Sprintf("0%d:00:00.000", i/4), fmt.Sprintf("A-%d", i), "In Review", "Acme")
	}
	y.sync(t, "the first sync", Result{Rows: 5, Permits: 5, New: 5})
	if got := len(s.asked()); got != 5 {
		t.Errorf("the first sync made %d requests, want a probe, one for the columns and three pages", got)
	}
	if diff := cmp.Diff([]string{"2026-03-01T01:00:00.000Z 1 5 5 0 0"}, y.watermark(t)); diff != "" {
		t.Errorf("the watermark (-want +got):\n%s", diff)
	}
	checked := query(t, y.db, "select last_checked_at::text from jurisdictions")

	y.sync(t, "nothing new", Result{})
	if got := len(s.asked()); got != 1 {
		t.Errorf("with nothing new there were %d requests, want a probe", got)
	}
	if diff := cmp.Diff([]string{"2026-03-01T01:00:00.000Z 1 0 0 0 0"}, y.watermark(t)); diff != "" {
		t.Errorf("the watermark with nothing new (-want +got):\n%s", diff)
	}
	if got := query(t, y.db, "select last_checked_at::text from jurisdictions"); got[0] <= checked[0] {
		t.Errorf("last_checked_at went from %s to %s, want it later", checked, got)
	}

	s.put("row-a", "02:00:00.000", "A-1", "Issued", "Acme")
	s.put("row-n", "02:00:00.000", "A-9", "Issued", "Bolt")
	y.sync(t, "one changed, one new", Result{Rows: 3, Permits: 3, New: 1, Changed: 1, Unchanged: 1}) // A-4 is as old as the watermark
	want := []string{"A-0 In Review Acme", "A-1 Issued Acme", "A-2 In Review Acme", "A-3 In Review Acme", "A-4 In Review Acme", "A-9 Issued Bolt"}
	if diff := cmp.Diff(want, y.permits(t)); diff != "" {
		t.Errorf("permits (-want +got):\n%s", diff)
	}
	want = []string{"A-1 permit stage in_review > permit_issued", "A-1 permit status In Review > Issued"}
	if diff := cmp.Diff(want, query(t, y.db, changes)); diff != "" {
		t.Errorf("changes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"2026-03-01T02:00:00.000Z 2 3 1 1 1"}, y.watermark(t)); diff != "" {
		t.Errorf("the watermark after changes (-want +got):\n%s", diff)
	}
	if got := slices.Compact(s.agents); !cmp.Equal(got, []string{userAgent}) || s.most != 1 {
		t.Errorf("the portal saw the agents %q and %d requests at once, want %q and one", got, s.most, userAgent)
	}
}

func TestSyncer_Sync_full(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	s.put("row-1", "01:00:00.000", "A-1", "Issued", "Acme")
	s.put("row-2", "02:00:00.000", "A-2", "Issued", "Acme")
	y.sync(t, "the first sync", Result{Rows: 2, Permits: 2, New: 2})
	r, err := y.Sync(t.Context(), y.source, true, Progress{})
	if err != nil || r.Rows != 2 || r.Unchanged != 2 {
		t.Errorf("a full sync = %+v, %v, want both rows unchanged", r, err)
	}
	y.source.Statuses["Issued"] = "permit_finaled"
	y.sync(t, "another mapping", Result{Rows: 2, Permits: 2, Changed: 2})
	s.put("row-1", "03:00:00.000", "A-1", "Final", "Acme")
	y.changed = 1
	y.sync(t, "more changes than are asked for one by one", Result{Rows: 2, Permits: 2, Changed: 1, Unchanged: 1})
	y.source.SODA.Where = "state = 'Final'"
	y.sync(t, "another condition", Result{Rows: 1, Permits: 1, Unchanged: 1})
}

func TestSyncer_Sync_sameTimeLater(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	s.put("row-1", "01:00:00.000", "A-1", "Issued")
	y.sync(t, "the first sync", Result{Rows: 1, Permits: 1, New: 1})
	s.put("row-2", "01:00:00.000", "A-2", "Issued")
	y.sync(t, "a row with the watermark's time", Result{Rows: 2, Permits: 2, New: 1, Unchanged: 1})
	y.sync(t, "nothing new", Result{})
}

func TestSyncer_Sync_manyOfOneTime(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	for i := range 5 {
		s.put(fmt.Sprintf("row-%d", i), "01:00:00.000", fmt.Sprintf("A-%d", i), "In Review")
	}
	y.sync(t, "the first sync", Result{Rows: 5, Permits: 5, New: 5})
	s.put("row-5", "01:00:00.000", "A-5", "In Review")
	y.sync(t, "one more of the same time", Result{Rows: 6, Permits: 6, New: 1, Unchanged: 5})
	s.rows = s.rows[:4]
	y.sync(t, "some deleted", Result{})
	s.asked()
	y.sync(t, "nothing new", Result{})
	if got := len(s.asked()); got != 1 {
		t.Errorf("after rows were deleted there were %d requests, want a probe", got)
	}
	s.put("row-1", "02:00:00.000", "A-1", "Issued")
	y.sync(t, "one changed", Result{Rows: 1, Permits: 1, Changed: 1})
}

func TestSyncer_Sync_rowsChangeMeanwhile(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	for i := range 6 {
		s.put(fmt.Sprintf("row-%d", i), "01:00:00.000", fmt.Sprintf("A-%d", i), "In Review", "Acme")
	}
	s.before = func(n int) {
		if n == 4 { // the second page
			s.put("row-0", "02:00:00.000", "A-0", "Issued", "Bolt")  // which was pulled already
			s.put("row-5", "02:00:00.000", "A-5", "Issued", "Cable") // which is still to come
			s.put("row-6", "02:00:00.000", "A-6", "Issued", "Dyno")
		}
	}
	y.sync(t, "the first sync", Result{Rows: 7, Permits: 7, New: 7})
	want := []string{
		"A-0 Issued Bolt", "A-1 In Review Acme", "A-2 In Review Acme", "A-3 In Review Acme", "A-4 In Review Acme", "A-5 Issued Cable", "A-6 Issued Dyno",
	}
	if diff := cmp.Diff(want, y.permits(t)); diff != "" {
		t.Errorf("permits (-want +got):\n%s", diff)
	}
	s.before = nil
	y.sync(t, "nothing new", Result{})
}

func TestSyncer_Sync_wholePermits(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	for i, firm := range []string{"Acme", "Bolt", "Cable"} {
		s.put(fmt.Sprintf("row-%d", i), "01:00:00.000", "O'B-1", "In Review", firm)
	}
	s.put("row-9", "01:30:00.000", "A-2", "Issued")
	y.sync(t, "the first sync", Result{Rows: 4, Merged: 2, Permits: 2, New: 2})
	s.put("row-0", "02:00:00.000", "O'B-1", "Issued", "Acme")
	s.put("row-8", "02:00:00.000", nil, "Issued", "Nobody")
	var rejected []string
	r, err := y.Sync(t.Context(), y.source, false, Progress{Rejected: func(_ string, r *RejectError) error {
		rejected = append(rejected, r.Row[0]+" "+r.Reason)
		return nil
	}})
	if err != nil || r.Rows != 4 || r.Changed != 1 || r.Rejected != 1 {
		t.Errorf("Sync = %+v, %v, want 4 rows, 1 permit changed, 1 row rejected", r, err)
	}
	if diff := cmp.Diff([]string{"row-8 permit_number is empty"}, rejected); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"A-2 Issued", "O'B-1 Issued Acme+Bolt+Cable"}, y.permits(t)); diff != "" {
		t.Errorf("permits (-want +got):\n%s", diff)
	}
}

func TestSyncer_Sync_fees(t *testing.T) {
	s := newSODAServer(t, "permitnum", "feenum", "feename", "feeamount")
	y := newSODATest(t, s, `
jurisdiction: {slug: test, name: Test County, region: FL}
dataset: fees
soda: {url: URL, dataset: abcd-1234}
`)
	importFiles(t, y.db, testSource, "PermitNum,StatusCurrent\nA-1,Issued\n")
	s.put("row-1", "01:00:00.000", "A-1", "1", "Plan Review", "12.50")
	s.put("row-2", "01:00:00.000", "A-1", "2", "Permit", 100)
	s.put("row-3", "01:30:00.000", "A-9", "3", "Permit", 100)
	y.sync(t, "the first sync", Result{Rows: 2, Rejected: 1, Permits: 1, New: 1})
	s.put("row-2", "02:00:00.000", "A-1", "2", "Permit", 125)
	y.sync(t, "one fee changed", Result{Rows: 2, Rejected: 1, Permits: 1, Changed: 1})
	got := query(t, y.db, "select concat_ws(' ', number, name, amount) from permit_fees order by 1")
	if diff := cmp.Diff([]string{"1 Plan Review 12.50", "2 Permit 125.00"}, got); diff != "" {
		t.Errorf("fees (-want +got):\n%s", diff)
	}
}

func TestSyncer_Sync_columns(t *testing.T) {
	s := newSODAServer(t, "permitnum", "statuscurrent", "appended", "location", "point", "estprojectcost", "checked", "description")
	s.put("row-1", "01:00:00.000", "A-1", "Issued", "x", map[string]any{"latitude": "27.5", "longitude": "-82.5", "human_address": "{}"},
		map[string]any{"type": "Point", "coordinates": []any{-82.25, 27.25}}, 1200.5, true, "two\r\nlines, \"quoted\"")
	source := `
jurisdiction: {slug: test, name: Test County, region: FL}
columns: {latitude: Location.latitude, longitude: location.longitude, type: checked}
soda: {url: URL, dataset: abcd-1234}
`
	const state = `select concat_ws('|', permit_number, status, latitude, longitude, valuation, type, description) from permits`
	y := newSODATest(t, s, source)
	y.sync(t, "a location", Result{Rows: 1, Permits: 1, New: 1})
	if got, want := query(t, y.db, state), "A-1|Issued|27.5|-82.5|1200.50|true|two\nlines, \"quoted\""; got[0] != want {
		t.Errorf("the permit is %q, want %q", got, want)
	}
	if got, want := s.asked()[2].Get("$select"), ":id,:updated_at,checked,location,permitnum,statuscurrent,description,estprojectcost"; got != want {
		t.Errorf("$select = %q, want %q", got, want)
	}
	y = newSODATest(t, s, strings.NewReplacer("Location", "point", "location", "point").Replace(source))
	y.sync(t, "a point", Result{Rows: 1, Permits: 1, New: 1})
	if got, want := query(t, y.db, "select latitude || ' ' || longitude from permits"), "27.25 -82.25"; got[0] != want {
		t.Errorf("the point is %q, want %q", got, want)
	}

	s.quiet = true // then only the columns that the source names are known
	y = newSODATest(t, s, source)
	_, err := y.Sync(t.Context(), y.source, false, Progress{})
	if want := "sync permits of test: the portal does not say that it has a column PermitNum: name the permit number's under columns"; err == nil || err.Error() != want {
		t.Errorf("without the portal's columns Sync = %v, want %s", err, want)
	}
	y = newSODATest(t, s, strings.Replace(source, "{latitude", "{permit_number: PermitNum, latitude", 1))
	y.sync(t, "named columns", Result{Rows: 1, Permits: 1, New: 1})
}

// reset breaks off in the middle of an answer; before its first byte the client would ask again by itself.
func reset(w http.ResponseWriter, _ *http.Request) {
	fmt.Fprint(w, "[")
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func TestSyncer_Sync_tries(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		wait  time.Duration
	}{
		"429":               {answer(429, `{"message": "Too many requests"}`), time.Second},
		"429 for 7 seconds": {answer(429, "", "Retry-After", "7"), 7 * time.Second},
		"503 until a date":  {answer(503, "", "Retry-After", at.Add(90*time.Second).Format(http.TimeFormat)), 90 * time.Second},
		"500":               {answer(500, "<html>"), time.Second},
		"202":               {answer(202, "{}"), time.Second},
		"connection reset":  {reset, time.Second},
		"truncated JSON":    {answer(200, `[{":id": "row-1", ":upda`), time.Second},
		"no answer in time": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPortal(t)
			y := newSODATest(t, s, sodaSource)
			y.importer.now = func() time.Time { return at }
			if name == "no answer in time" {
				y.timeout = 200 * time.Millisecond
			}
			for i := range 3 {
				s.put(fmt.Sprintf("row-%d", i), "01:00:00.000", fmt.Sprintf("A-%d", i), "Issued", "Acme")
			}
			s.faults = []http.HandlerFunc{nil, nil, nil, c.fault} // the second page
			y.sync(t, name, Result{Rows: 3, Permits: 3, New: 3})
			if !cmp.Equal(y.waits, []time.Duration{c.wait}) {
				t.Errorf("the waits are %v, want %v", y.waits, c.wait)
			}
		})
	}
}

func TestSyncer_Sync_failsInTheMiddle(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	for i := range 5 {
		s.put(fmt.Sprintf("row-%d", i), "01:00:00.000", fmt.Sprintf("A-%d", i), "Issued", "Acme")
	}
	down := answer(503, `{"message": "Down for\n maintenance"}`)
	s.faults = []http.HandlerFunc{nil, nil, nil, down, down, down, down, down}
	_, err := y.Sync(t.Context(), y.source, false, Progress{})
	want := "sync permits of test: GET " + s.URL + "/resource/abcd-1234.json?$limit=2&$order=:updated_at,:id" +
		"&$select=:id,:updated_at,permit_no,state,builder" +
		"&$where=(:updated_at > '2026-03-01T01:00:00.000Z' or (:updated_at = '2026-03-01T01:00:00.000Z' and :id > 'row-1'))" +
		": 503 Service Unavailable: Down for maintenance, after 5 tries"
	if err == nil || err.Error() != want {
		t.Errorf("Sync = %v\nwant %s", err, want)
	}
	if want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}; !cmp.Equal(y.waits, want) {
		t.Errorf("the waits are %v, want %v", y.waits, want)
	}
	if got := append(y.watermark(t), y.permits(t)...); len(got) != 0 {
		t.Errorf("after a failure there is %q, want nothing", got)
	}
	y.sync(t, "again", Result{Rows: 5, Permits: 5, New: 5})
	if diff := cmp.Diff([]string{"2026-03-01T01:00:00.000Z 5 5 5 0 0"}, y.watermark(t)); diff != "" {
		t.Errorf("the watermark (-want +got):\n%s", diff)
	}
}

func TestSyncer_Sync_keepsItsWatermarkWhenTheImportFails(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	s.put("row-1", "01:00:00.000", "A-1", "Issued")
	y.sync(t, "the first sync", Result{Rows: 1, Permits: 1, New: 1})
	s.put("row-2", "02:00:00.000", "", "Issued")
	s.put("row-3", "02:00:00.000", "A-3", "Issued")
	full := errors.New("the disk is full")
	_, err := y.Sync(t.Context(), y.source, false, Progress{Rejected: func(string, *RejectError) error { return full }})
	if !errors.Is(err, full) {
		t.Errorf("Sync = %v, want %v", err, full)
	}
	if diff := cmp.Diff([]string{"2026-03-01T01:00:00.000Z 1 1 1 0 0"}, y.watermark(t)); diff != "" {
		t.Errorf("the watermark (-want +got):\n%s", diff)
	}
	y.sync(t, "again", Result{Rows: 2, Rejected: 1, Permits: 2, New: 1, Unchanged: 1})
}

func TestSyncer_Sync_refusals(t *testing.T) {
	const token = "s3cretT0ken"
	for name, c := range map[string]struct {
		fault http.HandlerFunc
		want  string
	}{
		"the portal's words": {answer(400, `{"message": "No such column: colour"}`), "400 Bad Request: No such column: colour"},
		"none":               {answer(404, "<html>"), "404 Not Found"},
		"the token echoed":   {answer(403, `{"message": "Invalid app_token specified: s3cretT0ken"}`), "403 Forbidden: Invalid app_token specified: …"},
		"elsewhere":          {answer(302, "", "Location", "https://other.example/x"), "302 Found to https://other.example/x: want that portal as soda.url"},
		"too long a wait":    {answer(429, "", "Retry-After", "3600"), "429 Too Many Requests, and the portal wants no other try for 1h0m0s"},
		"no list":            {answer(200, `{"data": []}`), "the answer is no list of rows"},
		"too large":          {answer(200, `[{"a": "`+strings.Repeat("x", 2<<20)+`"}]`), "the answer is over 1 MiB: want a smaller soda.page_size"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPortal(t)
			s.token = token
			y := newSODATest(t, s, sodaSource)
			y.token, y.bytes = token, 1<<20
			s.faults = []http.HandlerFunc{c.fault}
			_, err := y.Sync(t.Context(), y.source, false, Progress{})
			want := "sync permits of test: GET " + s.URL + "/resource/abcd-1234.json?$select=max(:updated_at) as newest,count(*) as found: " + c.want
			if err == nil || err.Error() != want {
				t.Errorf("Sync = %v\nwant %s", err, want)
			}
			if strings.Contains(fmt.Sprint(err), token) || len(y.waits) != 0 {
				t.Errorf("the error is %v after the waits %v, want neither the token nor a wait", err, y.waits)
			}
			y.sync(t, "with the token", Result{})
		})
	}
}

func TestSyncer_Sync_withoutToken(t *testing.T) {
	s := newPortal(t)
	s.token = "other"
	y := newSODATest(t, s, sodaSource)
	if _, err := y.Sync(t.Context(), y.source, false, Progress{}); err == nil || !strings.Contains(err.Error(), "Invalid app_token specified") {
		t.Errorf("Sync = %v, want the portal's words", err)
	}
	y.source.SODA = nil
	_, err := y.Sync(t.Context(), y.source, false, Progress{})
	if want := "sync test: the source has no soda section, which names its portal"; err == nil || err.Error() != want {
		t.Errorf("Sync = %v, want %s", err, want)
	}
}

func TestSyncer_Sync_noSystemFields(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	s.faults = []http.HandlerFunc{nil, nil, answer(200, `[{":id": "row-1", ":updated_at": 1400000000}]`)}
	_, err := y.Sync(t.Context(), y.source, false, Progress{})
	want := "sync permits of test: " + s.URL + "/resource/abcd-1234.json: the rows have no :id and :updated_at: want a portal of SODA 2.1"
	if err == nil || err.Error() != want {
		t.Errorf("Sync = %v, want %s", err, want)
	}
}

func TestSyncer_Sync_oneOfMany(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	s.put("row-1", "01:00:00.000", "A-1", "Issued")
	asked, goOn := make(chan struct{}), make(chan struct{})
	s.faults = []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-goOn
		s.query(w, r)
	}}
	done := make(chan error)
	go func() {
		_, err := y.Sync(t.Context(), y.source, false, Progress{})
		done <- err
	}()
	<-asked
	other := &sodaTest{db: y.db}
	other.Syncer = NewSyncer(newImporter(y.db), "", other.wait, func() float64 { return 0 })
	if _, err := other.Sync(t.Context(), y.source, false, Progress{}); !errors.Is(err, ErrSyncRunning) {
		t.Errorf("a second sync = %v, want %v", err, ErrSyncRunning)
	}
	close(goOn)
	if err := <-done; err != nil {
		t.Errorf("the first sync = %v", err)
	}
	if diff := cmp.Diff([]string{"A-1 Issued"}, y.permits(t)); diff != "" {
		t.Errorf("permits (-want +got):\n%s", diff)
	}
	y.sync(t, "after both", Result{})
}

func TestSyncer_Sync_canceled(t *testing.T) {
	s := newPortal(t)
	y := newSODATest(t, s, sodaSource)
	ctx, cancel := context.WithCancel(t.Context())
	s.faults = []http.HandlerFunc{func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}}
	if _, err := y.Sync(ctx, y.source, false, Progress{}); !errors.Is(err, context.Canceled) || len(y.waits) != 0 {
		t.Errorf("Sync = %v after the waits %v, want an end at once", err, y.waits)
	}
}
