package deliveries

import (
	"errors"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// auditStorm is much at once: events that are told and taken back, webhooks that come, change and go, workers that send to
// them, and audits.
type auditStorm struct {
	*world
	urls []string // of receivers: what each answers is chance
}

var stormTypes = []string{events.StatusChanged, events.Added, events.Removed}

var errTaken = errors.New("taken back")

// tellAll writes events of any type for one or both organizations; some transactions are taken back.
func (s *auditStorm) tellAll(t *testing.T, random *rand.Rand, transactions int) {
	t.Helper()
	for range transactions {
		err := postgres.InTx(t.Context(), s.db, func(tx *postgres.Tx) error {
			for range 1 + random.IntN(4) {
				p := events.Permit{OrganizationID: []uuid.UUID{organizationID, otherID}[random.IntN(2)], UUID: permitID, Number: "BLD-26-0521670"}
				s.outbox.Append(tx, []events.Event{
					events.NewStatusChanged(p, "Pending", "Issued"), events.NewAdded(t.Context(), p), events.NewRemoved(t.Context(), p),
				}[random.IntN(3)])
			}
			if random.IntN(5) == 0 {
				return errTaken
			}
			return nil
		})
		if err != nil && !errors.Is(err, errTaken) {
			t.Errorf("InTx = %v", err)
		}
	}
}

// some returns types of events.
func some(random *rand.Rand) []string {
	var types []string
	for _, i := range random.Perm(len(stormTypes))[:1+random.IntN(len(stormTypes))] {
		types = append(types, stormTypes[i])
	}
	return types
}

// changeAll makes, changes and deletes webhooks of an organization, and retries deliveries; others do the same.
func (s *auditStorm) changeAll(t *testing.T, random *rand.Rand, organization uuid.UUID, changes int) {
	t.Helper()
	ctx := t.Context()
	for range changes {
		found, _, err := s.webhooks.List(ctx, organization, page.Query{})
		if err == nil && (len(found) == 0 || len(found) < 8 && random.IntN(4) == 0) {
			_, _, err = s.webhooks.Create(ctx, organization, webhooks.Create{URL: s.urls[random.IntN(len(s.urls))], EventTypes: some(random)})
		} else if err == nil {
			id := found[random.IntN(len(found))].ID
			switch random.IntN(6) {
			case 0:
				_, err = s.webhooks.Update(ctx, organization, id, nil, webhooks.Update{State: ptr("paused")})
			case 1:
				_, err = s.webhooks.Update(ctx, organization, id, nil, webhooks.Update{State: ptr("active")})
			case 2:
				err = s.webhooks.Delete(ctx, organization, id, nil)
			case 3:
				err = s.retryOne(t, organization, id)
			default:
				_, err = s.webhooks.Update(ctx, organization, id, nil, webhooks.Update{EventTypes: some(random)})
			}
		}
		var p *problem.Error
		if err != nil && (!errors.As(err, &p) || p.Kind != problem.NotFound && p.Code != "webhook_not_active") { // another one was quicker
			t.Errorf("a change of a webhook = %v", err)
		}
	}
}

func (s *auditStorm) retryOne(t *testing.T, organization, webhook uuid.UUID) error {
	t.Helper()
	found, _, err := s.List(t.Context(), organization, Filter{WebhookID: &webhook}, page.Query{PerPage: ptr(int32(1))})
	if err != nil || len(found) == 0 {
		return err
	}
	_, err = s.Retry(t.Context(), organization, found[0].ID)
	return err
}

// TestAuditor_Audit_storm: whatever goes on, every snapshot is clean.
func TestAuditor_Audit_storm(t *testing.T) {
	s := &auditStorm{world: newWorld(t)}
	var answers atomic.Uint64
	r := receive(t, func(_ int, w http.ResponseWriter) {
		w.WriteHeader([]int{200, 200, 500, 200, 204, 200, 410, 302}[answers.Add(1)%8])
	})
	s.urls = []string{r.URL + "/a", r.URL + "/b"}
	o := Options{Schedule: []time.Duration{time.Millisecond}, AtOnce: 4, PerWebhook: 2, Lease: time.Minute}
	for range 2 {
		defer s.run(t, o)()
	}
	var busy, auditing sync.WaitGroup
	const tellers, transactions, changes = 4, 40, 60
	for i := range uint64(tellers) {
		busy.Go(func() { s.tellAll(t, rand.New(rand.NewPCG(i, 1)), transactions) })
	}
	for i, organization := range []uuid.UUID{organizationID, organizationID, otherID} {
		busy.Go(func() { s.changeAll(t, rand.New(rand.NewPCG(uint64(i), 2)), organization, changes) })
	}
	over := make(chan struct{})
	auditing.Go(func() {
		for {
			a := s.audit(t, AuditOptions{Overdue: time.Hour, Examples: 3})
			if !a.Clean(true) {
				t.Errorf("meanwhile: Audit = %+v, want it clean", a)
				return
			}
			select {
			case <-over:
				return
			default:
			}
		}
	})
	busy.Wait()
	close(over)
	auditing.Wait()
	a := s.audit(t, AuditOptions{Overdue: time.Hour, Examples: 3})
	if !a.Clean(true) || a.Events == 0 || a.Pairs == 0 || a.Pairs == a.Events*a.Webhooks {
		t.Errorf("Audit = %+v, want it clean, with some pairs and not all that could be", a)
	}
	if n := s.query(t, "select 'one' from webhook_subscriptions where until_number is not null"); len(n) < 10 {
		t.Errorf("%d spans ended, want many", len(n))
	}
}
