package deliveries

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/internal/outbound"
)

func TestWorker_outcome(t *testing.T) {
	after := func(text string) outbound.Result {
		return outbound.Result{Status: 503, Header: http.Header{"Retry-After": {text}}}
	}
	wait := func(d time.Duration) outcome { return outcome{state: "pending", next: ptr(noon.Add(d))} }
	succeeded, exhausted := outcome{state: "succeeded", endedAt: &noon}, outcome{state: "exhausted", endedAt: &noon}
	const s = time.Second
	for name, c := range map[string]struct {
		attempts int // before this one
		random   float64
		result   outbound.Result
		want     outcome
	}{
		"200":                            {0, 0.5, outbound.Result{Status: 200}, succeeded},
		"299 at last":                    {2, 0.5, outbound.Result{Status: 299}, succeeded},
		"200 after a retry by hand":      {9, 0.5, outbound.Result{Status: 200}, succeeded},
		"200, cut off":                   {0, 0.5, outbound.Result{Status: 200, Reason: outbound.Reset}, wait(30 * s)},
		"300":                            {0, 0.5, outbound.Result{Status: 300}, wait(30 * s)},
		"199":                            {0, 0.5, outbound.Result{Status: 199}, wait(30 * s)},
		"no answer":                      {0, 0.5, outbound.Result{Reason: outbound.Timeout}, wait(30 * s)},
		"a fifth less":                   {0, 0, outbound.Result{Status: 500}, wait(24 * s)},
		"almost a fifth more":            {0, 0.99, outbound.Result{Status: 500}, wait(35880 * time.Millisecond)},
		"the second step":                {1, 0.5, outbound.Result{Status: 500}, wait(150 * s)},
		"the second step, a fifth less":  {1, 0, outbound.Result{Status: 500}, wait(120 * s)},
		"the last one":                   {2, 0.5, outbound.Result{Status: 500}, exhausted},
		"beyond a schedule made shorter": {9, 0.5, outbound.Result{Status: 500}, exhausted},
		"410":                            {0, 0.5, outbound.Result{Status: 410}, outcome{state: "exhausted", endedAt: &noon, gone: true}},
		"410 at last":                    {2, 0.5, outbound.Result{Status: 410}, outcome{state: "exhausted", endedAt: &noon, gone: true}},
		"Retry-After":                    {0, 0.5, after("45"), wait(45 * s)},
		"Retry-After of twice the step":  {0, 0.5, after("60"), wait(60 * s)},
		"Retry-After of more":            {0, 0.5, after("61"), wait(60 * s)},
		"Retry-After of days":            {1, 0.5, after("9223372036854775807"), wait(300 * s)},
		"Retry-After of less":            {0, 0.5, after("5"), wait(30 * s)},
		"Retry-After of nothing":         {0, 0.5, after("0"), wait(30 * s)},
		"Retry-After before now":         {0, 0.5, after("-50"), wait(30 * s)},
		"Retry-After as a date":          {0, 0.5, after("Fri, 23 Jan 2026 12:00:50 GMT"), wait(50 * s)},
		"Retry-After as a late date":     {0, 0.5, after("Fri, 23 Jan 2027 12:00:50 GMT"), wait(60 * s)},
		"Retry-After as a past date":     {0, 0.5, after("Fri, 23 Jan 2026 11:00:00 GMT"), wait(30 * s)},
		"Retry-After as RFC 850 has it":  {0, 0.5, after("Friday, 23-Jan-26 12:00:40 GMT"), wait(40 * s)},
		"Retry-After of no meaning":      {0, 0.5, after("soon"), wait(30 * s)},
		"Retry-After when exhausted":     {2, 0.5, after("45"), exhausted},
	} {
		w := &Worker{options: usual, now: func() time.Time { return noon }, random: func() float64 { return c.random }}
		got := w.outcome(job{Attempts: 7, Tries: c.attempts}, c.result)
		if diff := cmp.Diff(c.want, got, cmp.AllowUnexported(outcome{})); diff != "" {
			t.Errorf("%s: outcome(after %d attempts, %+v) (-want +got):\n%s", name, c.attempts, c.result, diff)
		}
	}
}
