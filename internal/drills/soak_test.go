package drills

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/embedded"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/signature"
)

const (
	soakTimeout = time.Second // that a receiver may take
	soakLease   = soakTimeout + 30*time.Second
	batchSize   = 20 // events of a transaction, all of one organization
)

// soakTypes are the types of events: each organization has a webhook for each type. So every event goes to exactly one
// webhook, and there are as many deliveries as events: 100,000 of them fit into five minutes on two cores.
var soakTypes = []string{events.StatusChanged, events.FeeChanged, events.InspectionScheduled, events.Added, events.Removed}

// scale is how big a soak is.
type scale struct {
	events        int
	organizations int
	perSecond     int           // events
	every         time.Duration // between two disturbances
	disturbances  []func(*soak, *testing.T)
	killing       bool // whether workers are killed after these until few deliveries are left
}

// soakScale returns a small scale, or that of PLOTWISE_SOAK events.
func soakScale(t *testing.T) scale {
	t.Helper()
	text := os.Getenv("PLOTWISE_SOAK")
	if text == "" {
		return scale{
			events: 2_000, organizations: 2, perSecond: 350, every: 1400 * time.Millisecond,
			disturbances: []func(*soak, *testing.T){(*soak).kill, (*soak).crash, (*soak).kill},
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n <= 0 || n%batchSize != 0 {
		t.Fatalf("PLOTWISE_SOAK=%s: want a number of events, a multiple of %d", text, batchSize)
	}
	return scale{
		events: n, organizations: 10, perSecond: 2_500, every: 5 * time.Second, killing: true,
		disturbances: []func(*soak, *testing.T){(*soak).kill, (*soak).restart, (*soak).kill, (*soak).kill, (*soak).crash},
	}
}

// TestSoak shows that every event reaches its webhook, with receivers that fail, hang and break off, while workers are
// killed and Postgres goes and crashes: after one recovery nothing is missing, the audit is clean, and whatever came twice
// has its reason.
func TestSoak(t *testing.T) {
	t.Parallel()
	s := newSoak(t, soakScale(t))
	filled := s.fill(t)
	s.disturb(t, filled)
	if err := <-filled; err != nil {
		t.Fatal(err)
	}
	s.drain(t)
	s.receiver.sound.Store(true)
	s.recover(t)
	s.drain(t)
	took := time.Since(s.begun)
	for _, p := range append(s.workers[:], s.api) {
		p.terminate(t)
		p.awaitEnd(t)
	}
	a := s.audit(t, 0)
	n := s.scale.events
	if !a.Clean || a.Events != n || a.Pairs != n || a.Deliveries["succeeded"] != n || len(a.Findings) != 0 {
		t.Errorf("audit = %+v, want %d events, all of them delivered, and nothing found", a, n)
	}
	s.judge(t, took)
}

// soak is a world with a Postgres of its own, and what was done to it.
type soak struct {
	*world
	scale    scale
	begun    time.Time
	server   *server
	api      *process
	workers  [2]*process
	started  []*process // all workers that ever were
	receiver *receiver
	orgs     []soakOrganization

	mu        sync.Mutex
	committed map[uuid.UUID]committed // by event
	appended  atomic.Int64

	kills     []time.Time
	crashes   []outage
	restarts  []outage // without a crash
	recovered int
}

type soakOrganization struct {
	id    uuid.UUID
	admin string   // a key
	hooks []string // webhooks, in the order of soakTypes
	first int      // number of the first of them at the receiver
}

// committed is what is known of an event that was committed.
type committed struct {
	hook   int
	permit uuid.UUID
}

// outage is a time without Postgres.
type outage struct{ down, up time.Time }

func newSoak(t *testing.T, of scale) *soak {
	t.Helper()
	s := &soak{scale: of, receiver: newReceiver(t), server: newServer(t), committed: map[uuid.UUID]committed{}}
	s.world = &world{url: s.server.running.URL("plotwise")}
	if code, out, failure := complete(t, s.url, "migrate"); code != 0 {
		t.Fatalf("migrate ended with %d: %s%s", code, out, failure)
	}
	s.db = pgtest.OpenURL(t, s.url)
	s.api = serveAlone(t, "api", s.url, s.settings()...)
	for i := range of.organizations {
		o := soakOrganization{id: s.organization(t, fmt.Sprintf("Soaked %d", i), unlimited)}
		o.admin, _ = s.key(t, o.id, identity.Admin)
		for j, kind := range soakTypes {
			number := i*len(soakTypes) + j
			name, secret := hook(t, s.api, o.admin, fmt.Sprintf("%s/hook/%d", s.receiver.url, number), kind)
			o.hooks = append(o.hooks, name)
			if got := s.receiver.add(secret); got != number {
				t.Fatalf("the receiver counts %d hooks before %s, want %d", got, name, number)
			}
		}
		o.first = i * len(soakTypes)
		s.orgs = append(s.orgs, o)
	}
	for i := range s.workers {
		s.work(t, i)
	}
	s.begun = time.Now()
	return s
}

func (s *soak) settings() []string {
	return []string{
		"PLOTWISE_WEBHOOK_SCHEDULE=100ms,200ms,400ms,800ms,1600ms", "PLOTWISE_WEBHOOK_TIMEOUT=" + soakTimeout.String(), "PLOTWISE_WEBHOOK_ALLOW_NETS=127.0.0.0/8",
	}
}

// hook makes a webhook by the API, and returns its id and its secret.
func hook(t *testing.T, api *process, admin, url, kind string) (name string, secret signature.Secret) {
	t.Helper()
	a, err := api.want(t.Context(), http.StatusCreated, request{
		method: http.MethodPost, path: "/v1/webhooks", key: admin, body: fmt.Sprintf(`{"url":%q,"event_types":[%q]}`, url, kind),
	})
	if err != nil {
		t.Fatal(err)
	}
	var body struct{ Data struct{ ID, Secret string } }
	if err := json.Unmarshal(a.body, &body); err != nil {
		t.Fatal(err)
	}
	if secret, err = signature.ParseSecret(body.Data.Secret); err != nil {
		t.Fatal(err)
	}
	return body.Data.ID, secret
}

func (s *soak) work(t *testing.T, i int) {
	t.Helper()
	s.workers[i] = work(t, fmt.Sprintf("worker-%d", len(s.started)), s.url, s.settings()...)
	s.started = append(s.started, s.workers[i])
}

// fill commits events at a steady pace, and tells when all are or why not.
func (s *soak) fill(t *testing.T) <-chan error {
	t.Helper()
	done := make(chan error, 1)
	batches := make(chan int)
	var running sync.WaitGroup
	errs := make(chan error, 4)
	ctx, cancel := context.WithCancel(t.Context())
	for range cap(errs) {
		running.Go(func() {
			for batch := range batches {
				if err := s.append(ctx, batch); err != nil {
					errs <- err
					cancel()
					return
				}
			}
		})
	}
	go func() {
		defer cancel()
		pace := time.NewTicker(time.Second * batchSize / time.Duration(s.scale.perSecond))
		defer pace.Stop()
		for batch := 0; batch < s.scale.events/batchSize && ctx.Err() == nil; batch++ {
			<-pace.C
			select {
			case batches <- batch:
			case <-ctx.Done():
			}
		}
		close(batches)
		running.Wait()
		close(errs)
		done <- <-errs
		close(done)
	}()
	t.Cleanup(func() { cancel(); <-done })
	return done
}

// append commits the events of a batch by the outbox, and notes what was committed. When the news of a commit is lost with
// the connection it looks: what is not there by then never will be, for its transaction ended with the connection.
func (s *soak) append(ctx context.Context, batch int) error {
	o := s.orgs[batch%len(s.orgs)]
	var permits []uuid.UUID
	var told []events.Event
	for i := range batchSize {
		p := events.Permit{OrganizationID: o.id, UUID: newID(), Number: fmt.Sprintf("BLD-26-%d-%d", batch, i)}
		permits, told = append(permits, p.UUID), append(told, soakEvent(ctx, soakTypes[i%len(soakTypes)], p))
	}
	for {
		var made []uuid.UUID
		outbox := events.NewOutbox(slog.New(slog.DiscardHandler), utcNow, func() uuid.UUID { made = append(made, newID()); return made[len(made)-1] })
		err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error { outbox.Append(tx, told...); return nil })
		if err != nil && !postgres.IsUnavailable(err) {
			return err
		}
		if err != nil {
			there, lookErr := s.there(ctx, o.id, made)
			if lookErr != nil {
				return lookErr
			}
			if !there {
				continue
			}
		}
		s.mu.Lock()
		for i, event := range made {
			s.committed[event] = committed{hook: o.first + i%len(soakTypes), permit: permits[i]}
		}
		s.mu.Unlock()
		s.appended.Add(batchSize)
		return nil
	}
}

func utcNow() time.Time { return time.Now().UTC() }

func soakEvent(ctx context.Context, kind string, p events.Permit) events.Event {
	switch kind {
	case events.StatusChanged:
		return events.NewStatusChanged(p, "Pending", "In Review")
	case events.FeeChanged:
		amount := "125.00"
		return events.NewFeeChanged(p, events.Fee{Name: "Plan review", NewAmount: &amount})
	case events.InspectionScheduled:
		return events.NewInspectionScheduled(p, events.Inspection{ID: "1", Type: "Roof", ScheduledDate: time.Now()})
	case events.Added:
		return events.NewAdded(ctx, p)
	}
	return events.NewRemoved(ctx, p)
}

// there reports whether events are in the database, once that answers.
func (s *soak) there(ctx context.Context, organization uuid.UUID, made []uuid.UUID) (found bool, err error) {
	if len(made) == 0 {
		return false, nil
	}
	last := fmt.Errorf("not asked")
	err = until(ctx, patience, func() bool {
		last = s.db.GetContext(ctx, &found, "select exists (select from events where organization_id = $1 and id = any($2))", organization, pq.Array(made))
		return last == nil
	})
	if err != nil {
		return false, fmt.Errorf("look for events whose commit is not known: %w: %w", err, last)
	}
	return found, nil
}

// disturb does what is to be done to workers and to Postgres while events are sent.
func (s *soak) disturb(t *testing.T, filled <-chan error) {
	t.Helper()
	beat := time.NewTicker(s.scale.every)
	defer beat.Stop()
	for i := 0; ; i++ {
		<-beat.C
		pending := s.pending(t)
		s.progress(t, pending)
		switch {
		case i < len(s.scale.disturbances):
			s.scale.disturbances[i](s, t)
		case !s.scale.killing || len(filled) > 0 && pending < s.scale.events/20:
			return
		default:
			s.kill(t)
		}
	}
}

// kill kills a worker and starts another one; they take turns.
func (s *soak) kill(t *testing.T) {
	t.Helper()
	i := len(s.kills) % len(s.workers)
	if p := s.workers[i]; p.isOver() {
		t.Errorf("%s ended before it was killed: %v", p.name, p.err)
	}
	s.workers[i].kill()
	s.kills = append(s.kills, time.Now())
	s.work(t, i)
}

func (s *soak) restart(t *testing.T) {
	t.Helper()
	s.restarts = append(s.restarts, s.server.restart(t, (*server).stop))
}

func (s *soak) crash(t *testing.T) {
	t.Helper()
	s.crashes = append(s.crashes, s.server.restart(t, (*server).crash))
}

// progress says how far it is: make soak shows that as it goes on.
func (s *soak) progress(t *testing.T, pending int) {
	t.Helper()
	t.Logf("%5.1f s: %6d events committed, %6d of them pending; %6d requests; %d kills, %d restarts and %d crashes of Postgres",
		time.Since(s.begun).Seconds(), s.appended.Load(), pending, s.receiver.requests.Load(), len(s.kills), len(s.restarts), len(s.crashes))
}

func (s *soak) pending(t *testing.T) (n int) {
	t.Helper()
	if err := s.db.GetContext(t.Context(), &n, "select count(*) from deliveries where state = 'pending'"); err != nil {
		t.Fatal(err)
	}
	return n
}

// drain waits until nothing is pending: what was under way at a kill, until its lease is over.
func (s *soak) drain(t *testing.T) {
	t.Helper()
	beat := time.NewTicker(100 * time.Millisecond)
	defer beat.Stop()
	end := time.Now().Add(2*soakLease + time.Duration(s.scale.events)*time.Millisecond)
	for i := 0; ; i++ {
		n := s.pending(t)
		if i%50 == 0 {
			s.progress(t, n)
		}
		if n == 0 {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%d deliveries are pending still", n)
		}
		<-beat.C
	}
}

// recover asks once for each webhook that what is exhausted be sent again, and once more while some remains.
func (s *soak) recover(t *testing.T) {
	t.Helper()
	for _, o := range s.orgs {
		for _, hook := range o.hooks {
			for remaining := 1; remaining > 0; {
				a, err := s.api.want(t.Context(), http.StatusAccepted, request{
					method: http.MethodPost, path: "/v1/webhooks/" + hook + "/recover", key: o.admin, body: fmt.Sprintf(`{"since":%q}`, s.begun.UTC().Format(time.RFC3339)),
				})
				if err != nil {
					t.Fatal(err)
				}
				var body struct {
					Data struct{ Queued, Remaining int }
				}
				if err := json.Unmarshal(a.body, &body); err != nil {
					t.Fatal(err)
				}
				remaining = body.Data.Remaining
				s.recovered += body.Data.Queued
			}
		}
	}
}

// server is a Postgres that is stopped and started again at the same URL.
type server struct {
	options embedded.Options
	running *embedded.Server
}

func newServer(t *testing.T) *server {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "soak-") //nolint:usetesting // which the server's user can reach, also when the test runs as root
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// The machine does not crash, so nothing has to reach the disk; what Postgres itself has not written yet is lost all the same.
	s := &server{options: embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Settings: map[string]string{"fsync": "off"}}}
	s.start(t)
	t.Cleanup(func() {
		_ = s.running.Stop(context.WithoutCancel(t.Context()))
		if u, err := url.Parse(s.running.URL("plotwise")); err == nil {
			_ = os.RemoveAll(u.Query().Get("host"))
		}
	})
	return s
}

func (s *server) start(t *testing.T) {
	t.Helper()
	var err error
	if s.running, err = embedded.Start(t.Context(), s.options); err != nil {
		t.Fatal(err)
	}
}

// stop lets the server roll back and write what it has in memory.
func (s *server) stop(t *testing.T) {
	t.Helper()
	if err := s.running.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// crash has the server end at once and write nothing.
func (s *server) crash(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(s.options.Dir, "postgres", "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(text), "\n")
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGQUIT); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.running.Exited():
	case <-time.After(patience):
		t.Fatal("Postgres did not end at SIGQUIT")
	}
}

func (s *server) restart(t *testing.T, stop func(*server, *testing.T)) outage {
	t.Helper()
	o := outage{down: time.Now()}
	stop(s, t)
	s.start(t)
	o.up = time.Now()
	return o
}

// name tells a webhook in a failure.
func (s *soak) name(hook int) string {
	o := s.orgs[hook/len(soakTypes)]
	return o.hooks[hook%len(soakTypes)] + " of " + id.Format(id.Organization, o.id)
}
