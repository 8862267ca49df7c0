package drills

import (
	"context"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
)

// series is what usage counts apart.
type series struct {
	KeyID     string
	Operation string
	Status    int
	Code      string
}

// counted returns the requests that a table of usage has.
func (w *world) counted(t *testing.T, table string) map[series]int {
	t.Helper()
	var rows []struct {
		KeyID     uuid.UUID `db:"api_key_id"`
		Operation string    `db:"operation"`
		Status    int       `db:"status"`
		Code      string    `db:"code"`
		Requests  int       `db:"requests"`
	}
	err := w.db.SelectContext(t.Context(), &rows, "select api_key_id, operation, status, code, sum(requests) as requests from "+table+
		" group by api_key_id, operation, status, code")
	if err != nil {
		t.Fatal(err)
	}
	found := map[series]int{}
	for _, r := range rows {
		found[series{id.Format(id.APIKey, r.KeyID), r.Operation, r.Status, r.Code}] = r.Requests
	}
	return found
}

// logged returns the requests in the logs that usage has to count: those of a known key for an operation.
func logged(t *testing.T, processes ...*process) map[series]int {
	t.Helper()
	found := map[series]int{}
	for _, p := range processes {
		for _, l := range p.lines(t) {
			if l.Message == "request" && l.KeyID != "" && l.Operation != "" {
				found[series{l.KeyID, l.Operation, l.Status, l.Code}]++
			}
		}
	}
	return found
}

// requests returns how many requests the logs have.
func requests(t *testing.T, processes ...*process) int {
	t.Helper()
	n := 0
	for _, p := range processes {
		for _, l := range p.lines(t) {
			if l.Message == "request" {
				n++
			}
		}
	}
	return n
}

func sum(counts map[series]int) int {
	n := 0
	for _, requests := range counts {
		n += requests
	}
	return n
}

const (
	mixedRequests = 50_000
	mixedSenders  = 4 // to each process
	seed          = 20260123
)

// TestUsage shows that usage has every request of the log, and no other, when processes are stopped in the middle of a load.
func TestUsage(t *testing.T) {
	w := newWorld(t)
	mix := w.mix(t)
	// One flushes all the time and the other, as good as, only when it is stopped.
	processes := []*process{
		serve(t, "a", w.url, "PLOTWISE_USAGE_FLUSH_INTERVAL=200ms"), serve(t, "b", w.url, "PLOTWISE_USAGE_FLUSH_INTERVAL=1h"),
	}
	start := time.Now()
	var answered atomic.Int64
	var stopping atomic.Bool
	enough := make(chan struct{})
	var running sync.WaitGroup
	for i, p := range processes {
		for j := range mixedSenders {
			random := rand.New(rand.NewPCG(seed, uint64(i*mixedSenders+j)))
			running.Go(func() {
				for { // until it takes no more
					m := mix[random.IntN(len(mix))]
					a, err := p.do(t.Context(), m.request)
					if err != nil && stopping.Load() {
						return
					}
					if err != nil || !slices.Contains(m.statuses, a.status) {
						t.Errorf("%s %s with the key %q is answered with %d %s, %v; want one of %v", m.method, m.path, m.key, a.status, a.code, err, m.statuses)
						return
					}
					if answered.Add(1) == mixedRequests {
						close(enough)
					}
				}
			})
		}
	}
	select {
	case <-enough:
	case <-time.After(2 * time.Minute):
		t.Errorf("%d of %d requests were answered in two minutes", answered.Load(), mixedRequests)
	}
	stopping.Store(true)
	for _, p := range processes {
		p.terminate(t) // under load
	}
	running.Wait()
	for _, p := range processes {
		p.awaitEnd(t)
		p.checkStatuses(t)
	}
	inLog := logged(t, processes...)
	for _, table := range []string{"usage_minutes", "usage_days"} {
		if diff := cmp.Diff(inLog, w.counted(t, table)); diff != "" {
			t.Errorf("the log and %s (-log +table):\n%s", table, diff)
		}
	}
	if n := requests(t, processes...) - int(answered.Load()); n < 0 || n > 2*mixedSenders {
		t.Errorf("the log has %d requests more than were answered, want at most one for each sender when it ended", n)
	}
	t.Logf("%d requests were answered in %s; %d of them are of a known key, in %d series", answered.Load(), time.Since(start).Round(time.Millisecond), sum(inLog), len(inLog))
	checkMix(t, inLog)
}

// checkMix fails the test unless every kind of answer is among the requests.
func checkMix(t *testing.T, counts map[series]int) {
	t.Helper()
	byCode := map[string]int{}
	for s, requests := range counts {
		byCode[s.Code] += requests
	}
	for _, code := range []string{
		"", "revoked_api_key", "expired_api_key", "address_not_allowed", "permission_denied", "not_found", "invalid_body", "invalid_parameter", "rate_limited",
	} {
		if byCode[code] == 0 {
			t.Errorf("no request was answered with the code %q: %v", code, byCode)
		}
	}
	t.Logf("answers by code: %v", byCode)
}

// mixed is a request of the mix, with the statuses that it may be answered with.
type mixed struct {
	request
	statuses []int
}

// mix returns requests that are answered in many ways, the cheap ones more often than others.
func (w *world) mix(t *testing.T) []mixed {
	t.Helper()
	large, small := w.organization(t, "Palmetto Builders", unlimited), w.organization(t, "Heron Homes", 0)
	if _, err := w.db.ExecContext(t.Context(), "update organizations set time_zone = 'America/New_York' where id = $1", large); err != nil {
		t.Fatal(err)
	}
	admin, _ := w.key(t, large, identity.Admin)
	reader, _ := w.key(t, large, identity.Read)
	writer, _ := w.key(t, large, identity.Write)
	limited, _ := w.key(t, small, identity.Read)
	changed := func(set string) string {
		clear, name := w.key(t, large, identity.Read)
		if _, err := w.db.ExecContext(t.Context(), "update api_keys set "+set+" where id = $1", id.UUID(id.APIKey, name)); err != nil {
			t.Fatal(err)
		}
		return clear
	}
	revoked, expired, elsewhere := changed("revoked_at = now()"), changed("expires_at = created_at"), changed("allowed_networks = '{203.0.113.0/24}'")
	const unknownKey = "/v1/api-keys/key_01k0n5v8e3e5ra1c8d7m2n4p6q"
	get, head, post, remove := http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete
	have := map[string]string{"If-None-Match": "*"}
	mix := []mixed{
		{request{method: head, path: "/v1/me", key: admin}, []int{200}},
		{request{method: get, path: "/v1/jurisdictions", key: reader}, []int{200}},
		{request{method: get, path: "/v1/api-keys?per_page=1", key: admin}, []int{200}},
		{request{method: get, path: "/v1/permits/01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10", key: reader}, []int{404}},
		{request{method: remove, path: unknownKey, key: admin}, []int{404}},
		{request{method: get, path: "/v1/permits?colour=red", key: reader}, []int{400}},
		{request{method: post, path: "/v1/watchlist", key: writer, body: `{"tags":["lake"]}`}, []int{422}},
		{request{method: post, path: "/v1/watchlist", key: reader, body: `{"tags":["lake"]}`}, []int{403}},
		{request{method: get, path: "/v1/me", key: revoked}, []int{401}},
		{request{method: get, path: "/v1/me", key: expired}, []int{401}},
		{request{method: get, path: "/v1/me", key: elsewhere}, []int{403}},
		{request{method: get, path: "/v1/me", key: limited}, []int{200, 429}},
		{request{method: get, path: "/v1/organization", key: limited}, []int{200, 429}},
		// These are nobody's, or for no operation, and not to be counted.
		{request{method: get, path: "/v1/me"}, []int{401}},
		{request{method: get, path: "/v1/me", key: "pw_live_0000000000000000000000000000004WKB5w"}, []int{401}},
		{request{method: get, path: "/v1/nothing", key: admin}, []int{404}},
		{request{method: get, path: "/healthz", key: admin}, []int{200}},
	}
	for _, key := range []string{admin, reader, writer} {
		for range 3 {
			mix = append(mix, mixed{request{method: get, path: "/v1/me", key: key, header: have}, []int{304}},
				mixed{request{method: get, path: "/v1/organization", key: key, header: have}, []int{304}})
		}
	}
	return mix
}

const (
	kills      = 3
	flushEvery = time.Second
	mayBeLost  = flushEvery + 500*time.Millisecond // and the time that a flush takes
)

// TestUsage_killed shows that kill -9 loses the counts of the time since the last flush at most, and that nothing is
// counted that the log does not have.
func TestUsage_killed(t *testing.T) {
	w := newWorld(t)
	organization := w.organization(t, "Palmetto Builders", unlimited)
	for try := range kills {
		key, name := w.key(t, organization, identity.Read)
		before, started := w.flushes(t), time.Now()
		p := serve(t, "killed", w.url, "PLOTWISE_USAGE_FLUSH_INTERVAL="+flushEvery.String())
		over, running := load(t.Context(), p, key)
		eventually(t, "usage is flushed twice", func() bool { return w.flushes(t) >= before+2 })
		<-time.After(time.Duration(try+1) * flushEvery / (kills + 1)) // at another moment between two flushes each time
		killed := time.Now()
		p.kill()
		over.Store(true)
		running.Wait()
		recent := 0
		for _, l := range p.lines(t) {
			if l.KeyID == name && l.Time.After(killed.Add(-mayBeLost)) {
				recent++
			}
		}
		inLog, inTable := logged(t, p), w.counted(t, "usage_minutes")
		for s, requests := range inTable {
			if s.KeyID == name && requests > inLog[s] {
				t.Errorf("usage has %d requests of %+v, the log %d", requests, s, inLog[s])
			}
		}
		lost := of(inLog, name) - of(inTable, name)
		if flushes, most := w.flushes(t)-before, int(killed.Sub(started)/flushEvery); flushes > most {
			t.Errorf("usage was flushed %d times in %s, want %d times at most", flushes, killed.Sub(started), most)
		}
		t.Logf("of %d requests %d are lost; the log has %d of the last %s", of(inLog, name), lost, recent, mayBeLost)
		if lost > recent {
			t.Errorf("%d requests are lost, want %d at most, those of the last %s", lost, recent, mayBeLost)
		}
		if minutes, days := of(inTable, name), of(w.counted(t, "usage_days"), name); minutes != days {
			t.Errorf("usage has %d requests by minute and %d by day", minutes, days)
		}
	}
}

// flushes returns how often usage was flushed.
func (w *world) flushes(t *testing.T) int {
	t.Helper()
	var n int
	if err := w.db.GetContext(t.Context(), &n, "select count(*) from usage_flushes"); err != nil {
		t.Fatal(err)
	}
	return n
}

// of returns the requests of a key.
func of(counts map[series]int, name string) int {
	n := 0
	for s, requests := range counts {
		if s.KeyID == name {
			n += requests
		}
	}
	return n
}

// load sends requests until they fail and it is over.
func load(ctx context.Context, p *process, key string) (*atomic.Bool, *sync.WaitGroup) {
	var over atomic.Bool
	var running sync.WaitGroup
	for range mixedSenders {
		running.Go(func() {
			for !over.Load() {
				_, _ = p.do(ctx, request{method: http.MethodGet, path: "/v1/me", key: key}) // it fails when the process is killed
			}
		})
	}
	return &over, &running
}
