package drills

import (
	"math"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/ratelimit/redistest"
)

const (
	overloadFor      = 60 * time.Second
	redisAway        = 20 * time.Second // since the start
	redisBack        = 40 * time.Second // likewise
	senders          = 2                // to each process
	sendEvery        = 100 * time.Millisecond
	starterPerMinute = 100
)

// TestLimit shows that an organization's limit holds over two processes that share a Redis, also over the loss of it.
func TestLimit(t *testing.T) {
	t.Parallel()
	var running sync.WaitGroup
	running.Go(func() { t.Run("Redis answers", func(t *testing.T) { limit(t, false) }) })
	running.Go(func() { t.Run("Redis is killed and comes back empty", func(t *testing.T) { limit(t, true) }) })
	running.Wait()
}

// sent is a request that was sent.
type sent struct {
	process  int
	asked    time.Time
	answered time.Time
	status   int
}

func limit(t *testing.T, lost bool) {
	t.Helper()
	w, redis := newWorld(t), redistest.Start(t)
	key, _ := w.key(t, w.organization(t, "Palmetto Builders", 0), identity.Read)
	settings := "PLOTWISE_REDIS_URL=" + redis.URL()
	processes := []*process{serve(t, "a", w.url, settings), serve(t, "b", w.url, settings)}
	start := time.Now()
	var mu sync.Mutex
	var all []sent
	var running sync.WaitGroup
	for i, p := range processes {
		for range senders {
			running.Go(func() {
				found := overload(t, p, i, key, start.Add(overloadFor))
				mu.Lock()
				defer mu.Unlock()
				all = append(all, found...)
			})
		}
	}
	var killed, restarted time.Time
	if lost {
		<-time.After(time.Until(start.Add(redisAway)))
		redis.Kill()
		killed = time.Now()
		<-time.After(time.Until(start.Add(redisBack)))
		restarted = time.Now()
		redis.Restart()
	}
	running.Wait()
	for _, p := range processes {
		p.checkStatuses(t)
	}
	checkTotal(t, all)
	if lost {
		for i := range processes {
			checkShare(t, all, i, killed, restarted)
		}
	}
}

// overload sends requests to a process evenly until the end.
func overload(t *testing.T, p *process, number int, key string, end time.Time) []sent {
	t.Helper()
	ticker := time.NewTicker(sendEvery)
	defer ticker.Stop()
	var found []sent
	for time.Now().Before(end) {
		s := sent{process: number, asked: time.Now()}
		a, err := p.do(t.Context(), request{method: http.MethodGet, path: "/v1/me", key: key})
		if s.answered, s.status = time.Now(), a.status; err != nil || a.status != http.StatusOK && a.code != "rate_limited" {
			t.Errorf("%s answers with %d %s, %v; want 200 or rate_limited", p.name, a.status, a.code, err)
			return found
		}
		found = append(found, s)
		<-ticker.C
	}
	return found
}

// share returns what a process's half of the limit allows in a time.
func share(d time.Duration) float64 { return starterPerMinute / 2 * d.Minutes() }

// checkTotal holds what was accepted against the limit, from the first request to the last: a minute's limit at once, and
// then as much as comes back, within 2 %, which is 4 requests. The loss of Redis explains 2 of them: a process may not have
// heard of the last request to the other one, and may go by its share for a moment more while the other one asks Redis.
func checkTotal(t *testing.T, all []sent) {
	t.Helper()
	accepted, first, last := 0, all[0].asked, all[0].answered
	for _, s := range all {
		if s.asked.Before(first) {
			first = s.asked
		}
		if s.answered.After(last) {
			last = s.answered
		}
		if s.status == http.StatusOK {
			accepted++
		}
	}
	want := starterPerMinute + starterPerMinute*last.Sub(first).Minutes()
	off, least, most := 100*(float64(accepted)-want)/want, 0.98*want, 1.02*want
	t.Logf("%d of %d requests were accepted in %.2f s, where the limit allows %.1f: %+.1f %%", accepted, len(all), last.Sub(first).Seconds(), want, off)
	if float64(accepted) < least || float64(accepted) > most {
		t.Errorf("%d requests were accepted, want %.1f to %.1f; by process and second: %v", accepted, least, most, bySecond(all, first))
	}
}

// bySecond returns how many requests each process accepted in each second.
func bySecond(all []sent, first time.Time) [2][]int {
	var found [2][]int
	for i := range found {
		found[i] = make([]int, int(overloadFor.Seconds())+2)
	}
	for _, s := range all {
		if s.status == http.StatusOK {
			found[s.process][min(int(s.answered.Sub(first).Seconds()), len(found[s.process])-1)]++
		}
	}
	return found
}

// checkShare holds what a process accepted while Redis was away against its half of the limit. The half was used up when
// it began, as the whole was.
func checkShare(t *testing.T, all []sent, process int, killed, restarted time.Time) {
	t.Helper()
	accepted := 0
	for _, s := range all {
		if s.process == process && s.status == http.StatusOK && s.asked.After(killed) && s.answered.Before(restarted) {
			accepted++
		}
	}
	want := share(restarted.Sub(killed))
	t.Logf("process %d accepted %d requests while Redis was away, where its half of the limit allows %.1f", process, accepted, want)
	if math.Abs(float64(accepted)-want) > 2 { // one at each end
		t.Errorf("process %d accepted %d requests while Redis was away, want %.1f give or take 2", process, accepted, want)
	}
}
