package examples

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	reportHeader = "PermitNum,StatusCurrent,PermitType,OriginalAddress1,AppliedDate"
	stageOrder   = "application accepted, in review, permit issued, permit finaled, unknown, all"
)

// runReport runs the program report and returns what it printed, with dates that stand for all.
func runReport(t *testing.T, w *world, url, dir string) string {
	t.Helper()
	r := finish(t, dir, []string{"PLOTWISE_BASE_URL=" + url, "PLOTWISE_API_KEY=" + w.key}, "report", "-csv", "out.csv")
	if r.code != 0 {
		t.Fatalf("report ends with %d: %s", r.code, r.stderr)
	}
	return regexp.MustCompile(`(January|February|March|April|May|June|July|August|September|October|November|December) \d{1,2}, \d{4}(, \d\d:\d\d UTC)?`).
		ReplaceAllString(r.stdout, "DATE")
}

// total returns how many permits of a stage are on the watchlist; of all for "".
func total(t *testing.T, w *world, stage string) int {
	t.Helper()
	var answer struct{ Meta struct{ Total int } }
	query := ""
	if stage != "" {
		query = "&stage=" + stage
	}
	w.get(t, "/v1/permits?per_page=1"+query, &answer)
	return answer.Meta.Total
}

// TestReport follows the reports of several weeks.
func TestReport(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t), t.TempDir()
	var rows, numbers []string
	words := []string{"Received", "Under review", "Issued", "Closed out", "Under review"}
	for n := range 123 {
		numbers = append(numbers, fmt.Sprintf("24-%04d", n))
		rows = append(rows, fmt.Sprintf(`%s,%s,Roof,"%d Palm Ave",2026-01-%02d`, numbers[n], words[n%len(words)], n+1, n%28+1))
	}
	rows[0] = `24-0000,"On hold, *twice*",=1+2,"@9 <Gulf_Dr>",` // no stage is known of that
	w.importFile(t, "permits", reportHeader, rows...)
	w.importFile(t, "fees", "PermitNum,FeeNum,FeeName,FeeAmount", "24-0003,1,Plan Review Fee,125.00")
	w.watch(t, numbers[:120]...)
	first := runReport(t, w, w.url, dir)
	want := "# Permits on DATE\n\n| stage | permits |\n|---|---:|\n| application accepted | 23 |\n| in review | 48 |\n" +
		"| permit issued | 24 |\n| permit finaled | 24 |\n| unknown | 1 |\n| all | 120 |\n"
	if diff := cmp.Diff(want, first); diff != "" {
		t.Errorf("the first report (-want +got):\n%s", diff)
	}
	checkTotals(t, w, first)
	checkCSV(t, w, filepath.Join(dir, "out.csv"))
	if got := runReport(t, w, w.url, dir); got != first+"\n## Since DATE\n\nNothing changed.\n" {
		t.Errorf("the second report is %q, want that nothing changed", got)
	}

	w.watch(t, "24-0121")
	w.importFile(t, "permits", reportHeader, `24-0002,Closed out,Roof,"3 Palm Ave",2026-01-03`, `24-0120,Issued,Roof,"121 Palm Ave",2026-01-05`, `24-0000,"On hold, *twice*",=1+2,"@9 <Gulf_Dr>",2026-01-09`)
	w.importFile(t, "fees", "PermitNum,FeeNum,FeeName,FeeAmount", "24-0003,1,Plan Review Fee,150.00", "24-0003,2,Impact Fee,4873.00")
	w.do(t, http.StatusNoContent, http.MethodDelete, "/v1/watchlist/"+w.uuid(t, "24-0119"), "", nil)
	third := runReport(t, w, w.url, dir)
	_, got, _ := strings.Cut(third, "## Since DATE\n\n")
	want = "- 24-0121, 122 Palm Ave: new on the watchlist, Under review\n" +
		"- 24-0002, 3 Palm Ave: permit status: Issued → Closed out\n" +
		"- 24-0002, 3 Palm Ave: permit stage: permit\\_issued → permit\\_finaled\n" +
		"- 24-0003, 4 Palm Ave: fee Impact Fee: none → 4873.00\n" +
		"- 24-0003, 4 Palm Ave: fee Plan Review Fee: 125.00 → 150.00\n" +
		"- 24-0000, @9 \\<Gulf\\_Dr>: permit filed\\_date: none → 2026-01-09\n" +
		"- 24-0119: no longer on the watchlist\n"
	if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
		t.Errorf("what changed until the third report (-want +got):\n%s", diff)
	}
	checkTotals(t, w, third)
	checkCSV(t, w, filepath.Join(dir, "out.csv"))
	if fourth := runReport(t, w, w.url, dir); !strings.HasSuffix(fourth, "\n\nNothing changed.\n") {
		t.Errorf("the fourth report is %q, want that nothing changed", fourth)
	}
}

// lines returns the set of lines: what changed at the same instant has no order.
func lines(text string) map[string]bool {
	set := map[string]bool{}
	for line := range strings.Lines(text) {
		set[line] = true
	}
	return set
}

// checkTotals compares a report's numbers with the API's own counts.
func checkTotals(t *testing.T, w *world, report string) {
	t.Helper()
	var stages []string
	for _, row := range regexp.MustCompile(`(?m)^\| ([a-z ]+) \| (\d+) \|$`).FindAllStringSubmatch(report, -1) {
		stages = append(stages, row[1])
		stage := strings.TrimSuffix(strings.ReplaceAll(row[1], " ", "_"), "all")
		if want := fmt.Sprint(total(t, w, stage)); row[2] != want {
			t.Errorf("the report has %s permits of %s, the API %s", row[2], row[1], want)
		}
	}
	if got := strings.Join(stages, ", "); got != stageOrder {
		t.Errorf("the report has the stages %s, want %s", got, stageOrder)
	}
}

// checkCSV compares a file with what the database has.
func checkCSV(t *testing.T, w *world, name string) {
	t.Helper()
	rows, err := csv.NewReader(strings.NewReader(readFile(t, name))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var want []struct{ Number, Status, Type, Address, Stage, Filed string }
	err = w.db.SelectContext(t.Context(), &want, `select p.permit_number as number, p.status, p.type, p.street as address, p.stage,
		coalesce(cast(p.filed_date as text), '') as filed from watchlist_items w join permits p on p.uuid = w.permit_uuid`)
	if err != nil {
		t.Fatal(err)
	}
	expected := map[string]bool{}
	for _, p := range want {
		if p.Number == "24-0000" {
			p.Type, p.Address = "'=1+2", "'@9 <Gulf_Dr>"
		}
		expected[fmt.Sprint([]string{p.Number, "City of Port Loma", p.Stage, p.Status, p.Type, p.Address, p.Filed, ""})] = true
	}
	found := map[string]bool{}
	for _, row := range rows[1:] {
		found[fmt.Sprint(row[:8])] = true
	}
	if diff := cmp.Diff(expected, found); diff != "" || len(rows) != len(want)+1 {
		t.Errorf("%d permits of the watchlist, and the %d of the file (-want +got):\n%s", len(want), len(rows)-1, diff)
	}
}

// TestReport_fails has the API fail in the middle: for a moment, which is waited for, and for good, which changes nothing.
func TestReport_fails(t *testing.T) {
	t.Parallel()
	w, dir := newWorld(t), t.TempDir()
	w.importFile(t, "permits", reportHeader, `24-0001,Received,Roof,"1 Palm Ave",2026-01-03`)
	w.watch(t, "24-0001")
	upstream, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	var histories atomic.Int32
	proxy := httputil.NewSingleHostReverseProxy(upstream)
	front := httptest.NewServer(http.HandlerFunc(func(a http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/history") {
			switch histories.Add(1) {
			case 1, 3:
				a.Header().Set("Retry-After", "1")
				http.Error(a, "a moment", http.StatusTooManyRequests)
				return
			case 2:
				http.Error(a, "not yours", http.StatusForbidden)
				return
			}
		}
		proxy.ServeHTTP(a, r)
	}))
	t.Cleanup(front.Close)
	runReport(t, w, front.URL, dir)
	state := readFile(t, filepath.Join(dir, "report.state"))
	w.importFile(t, "permits", reportHeader, `24-0001,Issued,Roof,"1 Palm Ave",2026-01-03`)
	file := readFile(t, filepath.Join(dir, "out.csv"))
	r := finish(t, dir, []string{"PLOTWISE_BASE_URL=" + front.URL, "PLOTWISE_API_KEY=" + w.key}, "report", "-csv", "out.csv")
	if r.code != 1 || r.stdout != "" || !strings.Contains(r.stderr, "403 Forbidden: not yours") || strings.Contains(r.stderr, w.key) {
		t.Errorf("a report that fails ends with %d, prints %q and says %q; want 1, nothing and why", r.code, r.stdout, r.stderr)
	}
	if readFile(t, filepath.Join(dir, "report.state")) != state || readFile(t, filepath.Join(dir, "out.csv")) != file {
		t.Error("a report that fails changes its files, want them as they were")
	}
	got := runReport(t, w, front.URL, dir)
	if want := "- 24-0001, 1 Palm Ave: permit status: Received → Issued\n"; !strings.Contains(got, want) {
		t.Errorf("the report after one that failed is %q, want %q in it", got, want)
	}
	if err := os.WriteFile(filepath.Join(dir, "report.state"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	r = finish(t, dir, []string{"PLOTWISE_BASE_URL=" + w.url, "PLOTWISE_API_KEY=" + w.key}, "report", "-csv", "out.csv")
	if r.code != 1 || !strings.Contains(r.stderr, "read report.state: ") {
		t.Errorf("with a broken state, report ends with %d and says %q, want 1 and the file's name", r.code, r.stderr)
	}
}
