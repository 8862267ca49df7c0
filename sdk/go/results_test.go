package plotwise

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// three are pages of two jurisdictions each; the one whose number is broken fails.
func three(brokenPage string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		n := r.FormValue("cursor")
		if n == "" {
			n = "1"
		}
		if n == brokenPage {
			answers(http.StatusGone, "{}")(w, r)
			return
		}
		next := map[string]string{"1": `"2"`, "2": `"3"`, "3": "null"}[n]
		_, _ = fmt.Fprintf(w, `{"data":[{"slug":"a%s"},{"slug":"b%s"}],"meta":{"per_page":2,"next_cursor":%s}}`, n, n, next)
	}
}

func TestListAll(t *testing.T) {
	for broken, want := range map[string][]string{"": {"a1", "b1", "a2", "b2", "a3", "b3"}, "1": nil, "3": {"a1", "b1", "a2", "b2"}} {
		f := newFake(t, three(broken))
		var got []string
		var failed error
		for j, err := range f.Jurisdictions.ListAll(t.Context(), &JurisdictionListParams{PerPage: new(int32(2)), Page: new(int32(1))}) {
			if err != nil {
				failed = err
				continue // which is the last
			}
			got = append(got, j.Slug)
		}
		if diff := cmp.Diff(want, got); diff != "" || (failed != nil) != (broken != "") {
			t.Errorf("broken at %q: %v, items (-want +got):\n%s", broken, failed, diff)
		}
		if query := f.requests()[0].URL.RawQuery; query != "page=1&per_page=2" {
			t.Errorf("the first query is %s", query)
		}
		if broken == "" && f.requests()[2].URL.RawQuery != "per_page=2&cursor=3" {
			t.Errorf("the last query is %s", f.requests()[2].URL.RawQuery)
		}
	}
}

func TestListAll_stops(t *testing.T) {
	f := newFake(t, three(""))
	for j, err := range f.Jurisdictions.ListAll(t.Context(), nil) {
		if err != nil {
			t.Fatal(err)
		}
		if j.Slug == "b1" {
			break
		}
	}
	if len(f.requests()) != 1 {
		t.Errorf("there were %d requests for the first page", len(f.requests()))
	}
	all := f.Jurisdictions.ListAll(t.Context(), nil)
	for range 2 { // it can be gone over again
		n := 0
		for range all {
			n++
		}
		if n != 6 {
			t.Errorf("there are %d items, want 6", n)
		}
	}
}

func TestPage_Next(t *testing.T) {
	f := newFake(t, three(""))
	page, err := f.Jurisdictions.List(t.Context(), nil, WithHeader("X-All", "pages"))
	pages := 0
	for ; page != nil; page, err = page.Next(t.Context()) {
		pages++
		if page.HasNext() != (pages < 3) || len(page.Data) != 2 || page.Meta.PerPage != 2 {
			t.Errorf("page %d is %+v", pages, page)
		}
	}
	if err != nil || pages != 3 || f.requests()[2].Header.Get("X-All") != "pages" {
		t.Errorf("%d pages, %v", pages, err)
	}
}

func feed(numbers ...int) string {
	items, last := "", 0
	for i, n := range numbers {
		if i > 0 {
			items += ","
		}
		items += fmt.Sprintf(`{"id":"evt_%d","number":%d,"payload":{"event":"permit.status_changed","data":{"new_status":"Issued"}}}`, n, n)
		last = n
	}
	return fmt.Sprintf(`{"data":[%s],"meta":{"next_after":%d,"has_more":false}}`, items, last)
}

func TestEventsStream(t *testing.T) {
	bodies := []string{feed(5, 6), `{"data":[],"meta":{"next_after":9,"has_more":false}}`, feed(10)}
	var asked atomic.Int64
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if n := int(asked.Add(1)); n <= len(bodies) {
			answers(http.StatusOK, bodies[n-1])(w, r)
			return
		}
		answers(http.StatusGone, `{"error":{"code":"cursor_expired","message":"Gone.","details":[]}}`)(w, r)
	})
	var got []int64
	var failed *Error
	for e, err := range f.Events.Stream(t.Context(), &EventListParams{After: new(int64(4)), Types: []EventType{EventTypePermitStatusChanged}}) {
		if err != nil {
			if !errors.As(err, &failed) || failed.Code != CodeCursorExpired || failed.Status != http.StatusGone {
				t.Errorf("Stream = %v", err)
			}
			continue // which is the last
		}
		got = append(got, e.Number)
		changed, err := e.Payload.AsPermitStatusChanged()
		if err != nil || changed.Data.NewStatus != "Issued" {
			t.Errorf("payload = %+v, %v", changed, err)
		}
	}
	if diff := cmp.Diff([]int64{5, 6, 10}, got); diff != "" || failed == nil {
		t.Errorf("failure %v, numbers (-want +got):\n%s", failed, diff)
	}
	var queries []string
	for _, r := range f.requests() {
		queries = append(queries, r.URL.RawQuery)
	}
	want := []string{"after=4", "after=6", "after=9", "after=10"}
	for i, q := range want {
		want[i] = q + "&types=permit.status_changed&wait=20"
	}
	if diff := cmp.Diff(want, queries); diff != "" {
		t.Errorf("queries (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]time.Duration{time.Second}, f.slept); diff != "" { // after the empty answer, which came at once
		t.Errorf("waits (-want +got):\n%s", diff)
	}
}

func TestEventsStream_ends(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, feed(1, 2)))
	for e, err := range f.Events.Stream(t.Context(), nil) {
		if err != nil || e.Number == 2 {
			break
		}
	}
	if len(f.requests()) != 1 {
		t.Errorf("there were %d requests", len(f.requests()))
	}
	f = newFake(t, answers(http.StatusOK, `{"data":[],"meta":{"next_after":0,"has_more":false}}`))
	ctx, cancel := context.WithCancel(t.Context())
	f.core.sleep = func(ctx context.Context, _ time.Duration) error {
		cancel()
		return sleep(ctx, time.Hour)
	}
	failures := 0
	for _, err := range f.Events.Stream(ctx, nil) {
		if failures++; !errors.Is(err, context.Canceled) {
			t.Errorf("Stream = %v, want that it was cancelled", err)
		}
	}
	if failures != 1 || len(f.requests()) != 1 {
		t.Errorf("%d failures after %d requests", failures, len(f.requests()))
	}
}

func TestExport(t *testing.T) {
	const text = "uuid,permit_number\n1,größer\n"
	f := newFake(t, failing(1, http.StatusServiceUnavailable, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/csv")
		_, _ = io.WriteString(w, text[:9])
		_ = http.NewResponseController(w).Flush()
		select { // longer than an attempt and the call may take: the time is for the answer to begin
		case <-time.After(300 * time.Millisecond):
		case <-r.Context().Done():
		}
		_, _ = io.WriteString(w, text[9:])
	}), WithTimeout(200*time.Millisecond), WithTotalTimeout(250*time.Millisecond))
	f.core.random = func() float64 { return -1 } // no wait
	var response Response
	file, err := f.Permits.Export(t.Context(), PermitExportParams{Format: "csv"}, WithResponse(&response))
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(file)
	if string(got) != text || err != nil || response.Header.Get("Content-Type") != "text/csv" || response.Body != nil {
		t.Errorf("the file is %q, %v, of %+v", got, err, response)
	}
	if err := file.Close(); err != nil {
		t.Error(err)
	}
}

func TestExport_fails(t *testing.T) {
	f := newFake(t, answers(http.StatusNotFound, notFound))
	var e *Error
	if _, err := f.Permits.Export(t.Context(), PermitExportParams{Format: "csv"}); !errors.As(err, &e) || e.Code != CodeNotFound {
		t.Errorf("Export = %v", err)
	}
	f = newFake(t, truncated)
	file, err := f.Permits.Export(t.Context(), PermitExportParams{Format: "ndjson"})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var failed *ConnectionError
	if text, err := io.ReadAll(file); !errors.As(err, &failed) || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("half a file = %q, %v", text, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	f = newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		held(w, r)
	})
	file, err = f.Permits.Export(ctx, PermitExportParams{Format: "ndjson"})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	cancel()
	if _, err := file.Read(make([]byte, 1)); !errors.Is(err, context.Canceled) {
		t.Errorf("a file that is cancelled = %v", err)
	}
}
