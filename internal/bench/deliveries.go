package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/memory"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/webhooks"
)

const (
	deliverers    = 10 // organizations
	hooksOfEach   = 5
	eventsOfEach  = 400 // each goes to every webhook of its organization
	deliveryCount = deliverers * hooksOfEach * eventsOfEach
	atOnce        = 200
	idleEvents    = 200
)

// deliveryTimes are what sending to webhooks takes, in seconds.
type deliveryTimes struct {
	ours, bare []float64
	latency    []float64 // from the commit of an event to its first attempt's arrival, when nothing else is sent
}

const deliveryRounds = 3

// deliveryCosts measures sending to webhooks, on a new database each round.
func (b *bench) deliveryCosts(ctx context.Context) error {
	defer debug.SetGCPercent(debug.SetGCPercent(memory.Percent)) // as the program
	var times deliveryTimes
	for round := range deliveryRounds {
		name := "deliveries" + strconv.Itoa(round)
		db, err := b.create(ctx, name)
		if err != nil {
			return err
		}
		if err := times.add(ctx, db); err != nil {
			return err
		}
		if err := b.drop(ctx, name, db); err != nil {
			return err
		}
		b.say(fmt.Sprintf("  round %d of %d", round+1, deliveryRounds))
	}
	rate := func(seconds []float64) string { return fmt.Sprintf("%.0f/s", deliveryCount/median(seconds)) }
	b.add(row{
		what: "deliveries from the queue to the log ÷ the bare client", ours: rate(times.ours), theirs: rate(times.bare),
		values: ratios(times.bare, times.ours), bar: 0.50,
	})
	slices.Sort(times.latency)
	at := func(share float64) float64 { return 1000 * times.latency[int(share*float64(len(times.latency)-1))] }
	b.add(row{what: "commit of an event to its first attempt, when idle: p50", values: []float64{at(0.50)}, unit: "ms", bar: 20, most: true})
	b.add(row{what: "commit of an event to its first attempt, when idle: p99", values: []float64{at(0.99)}, unit: "ms", bar: 200, most: true})
	return nil
}

// add measures how long a worker takes to send what waits in the queue and to log it, and how long the bare client
// takes to post the same bodies to the same receiver, as many at once.
func (d *deliveryTimes) add(ctx context.Context, db *postgres.DB) error {
	arrived := make(chan time.Time, 1)
	receiver := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		if r.URL.Path == "/idle" {
			arrived <- time.Now()
		}
	}))
	receiver.EnableHTTP2 = true
	receiver.StartTLS()
	defer receiver.Close()
	if err := trust(receiver.Certificate()); err != nil {
		return err
	}
	s, err := newSender(ctx, db, receiver.URL)
	if err != nil {
		return err
	}
	defer s.client.Close()
	if err := s.fill(ctx); err != nil {
		return err
	}
	took, err := s.drain(ctx)
	if err != nil {
		return err
	}
	d.ours = append(d.ours, took)
	if took, err = s.post(ctx, receiver.URL); err != nil {
		return err
	}
	d.bare = append(d.bare, took)
	latency, err := s.idle(ctx, receiver.URL, arrived)
	d.latency = append(d.latency, latency...)
	return err
}

// trust has this process trust a certificate, as it does those of the authorities that the system trusts.
func trust(certificate *x509.Certificate) error {
	file := filepath.Join(os.TempDir(), "plotwise-bench-receiver.pem")
	defer os.Remove(file)
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}), 0o600); err != nil {
		return err
	}
	if err := os.Setenv("SSL_CERT_FILE", file); err != nil {
		return err
	}
	_, err := x509.SystemCertPool() // is read once
	return err
}

// sender is what sends to the webhooks of some organizations.
type sender struct {
	db            *postgres.DB
	outbox        *events.Outbox
	webhooks      *webhooks.Service
	client        *outbound.Client
	organizations []uuid.UUID
}

var anywhere = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func utcNow() time.Time { return time.Now().UTC() }

func newSender(ctx context.Context, db *postgres.DB, url string) (*sender, error) {
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		return nil, err
	}
	s := &sender{
		db: db, outbox: events.NewOutbox(slog.New(slog.DiscardHandler), utcNow, newID), webhooks: webhooks.NewService(db, secret.NewBox(key), anywhere, utcNow, newID),
		client: outbound.NewClient(anywhere, 15*time.Second, nil, utcNow),
	}
	for i := range deliverers {
		made, err := organizations.NewService(db, utcNow, newID).Create(ctx, "Deliveries "+strconv.Itoa(i), "enterprise")
		if err != nil {
			return nil, err
		}
		s.organizations = append(s.organizations, made)
		for range hooksOfEach {
			if err := s.hook(ctx, made, url+"/hook", events.StatusChanged); err != nil {
				return nil, err
			}
		}
	}
	return s, nil
}

func (s *sender) hook(ctx context.Context, organization uuid.UUID, url, kind string) error {
	_, _, err := s.webhooks.Create(ctx, organization, webhooks.Create{URL: url, EventTypes: []string{kind}})
	return err
}

// fill queues the deliveries.
func (s *sender) fill(ctx context.Context) error {
	for i := range eventsOfEach {
		err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
			for _, o := range s.organizations {
				p := events.Permit{OrganizationID: o, UUID: newID(), Number: "BLD-26-" + strconv.Itoa(i)}
				s.outbox.Append(tx, events.NewStatusChanged(p, "Pending", "In Review"))
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	_, err := s.db.ExecContext(ctx, "analyze events, deliveries")
	return err
}

func (s *sender) worker() *deliveries.Worker {
	return deliveries.NewWorker(deliveries.Options{
		DB: s.db, Client: s.client, Webhooks: s.webhooks, Notices: notifications.NewService(s.db, "http://bench.test", utcNow, newID),
		Schedule: []time.Duration{time.Minute}, AtOnce: atOnce, PerWebhook: 20, Lease: time.Minute,
		Log: slog.New(slog.DiscardHandler), Now: utcNow, NewID: newID,
	})
}

// drain runs a worker until all is sent and logged, and returns how long that took.
func (s *sender) drain(ctx context.Context) (seconds float64, err error) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	start := time.Now()
	running.Go(func() { s.worker().Run(ctx) })
	defer running.Wait()
	defer cancel()
	for {
		var left bool
		if err := s.db.GetContext(ctx, &left, "select exists (select from deliveries where state = 'pending')"); err != nil {
			return 0, err
		}
		if !left {
			seconds = time.Since(start).Seconds()
			var logged int
			err := s.db.GetContext(ctx, &logged, "select count(*) from attempts where status = 200")
			if err == nil && logged != deliveryCount {
				err = fmt.Errorf("%d attempts are logged, want %d", logged, deliveryCount)
			}
			return seconds, err
		}
		time.Sleep(50 * time.Millisecond) // looking costs too
	}
}

// post posts the same bodies with net/http alone.
func (s *sender) post(ctx context.Context, url string) (seconds float64, err error) {
	var bodies [][]byte
	if err := s.db.SelectContext(ctx, &bodies, "select cast(e.body as bytea) from deliveries d join events e on e.organization_id = d.organization_id and e.id = d.event_id"); err != nil {
		return 0, err
	}
	transport := &http.Transport{MaxIdleConnsPerHost: atOnce, ForceAttemptHTTP2: true}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	next := make(chan []byte, len(bodies))
	for _, body := range bodies {
		next <- body
	}
	close(next)
	failed := make(chan error, atOnce)
	var running sync.WaitGroup
	start := time.Now()
	for range atOnce {
		running.Go(func() {
			for body := range next {
				if err := postOne(ctx, client, url+"/hook", body); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failed)
	return time.Since(start).Seconds(), <-failed
}

func postOne(ctx context.Context, client *http.Client, url string, body []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	_ = response.Body.Close()
	return err
}

// idle sends one event after the other, and returns how long after its commit each arrived.
func (s *sender) idle(ctx context.Context, url string, arrived <-chan time.Time) (seconds []float64, err error) {
	o := s.organizations[0]
	if err := s.hook(ctx, o, url+"/idle", events.InspectionScheduled); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	running.Go(func() { s.worker().Run(ctx) })
	defer running.Wait()
	defer cancel()
	for i := range idleEvents {
		err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
			p := events.Permit{OrganizationID: o, UUID: newID(), Number: "BLD-26-" + strconv.Itoa(i)}
			s.outbox.Append(tx, events.NewInspectionScheduled(p, events.Inspection{ID: "1", Type: "Roof", ScheduledDate: time.Now()}))
			return nil
		})
		if err != nil {
			return nil, err
		}
		committed := time.Now()
		select {
		case at := <-arrived:
			seconds = append(seconds, max(0, at.Sub(committed).Seconds()))
		case <-time.After(10 * time.Second):
			return nil, fmt.Errorf("event %d did not arrive", i)
		}
		time.Sleep(time.Duration(5+i%20) * time.Millisecond) // out of step with whatever ticks
	}
	return seconds, nil
}
