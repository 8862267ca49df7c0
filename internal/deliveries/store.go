package deliveries

import (
	"bytes"
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed deliveries.sql
var sqlText string

var (
	statements         = postgres.ParseStatements(sqlText)
	relaxSQL           = statements.Get("relax")
	lockClaimsSQL      = statements.Get("lockClaims")
	cancelSQL          = statements.Get("cancel")
	endLeasesSQL       = statements.Get("endLeases")
	claimSQL           = statements.Get("claim")
	insertAttemptsSQL  = statements.Get("insertAttempts")
	finishSQL          = statements.Get("finish")
	getSQL             = statements.Get("get")
	listAttemptsSQL    = statements.Get("listAttempts")
	listOfEventSQL     = statements.Get("listOfEvent")
	webhookExistsSQL   = statements.Get("webhookExists")
	getWebhookStateSQL = statements.Get("getWebhookState")
	retrySQL           = statements.Get("retry")
	recoverSQL         = statements.Get("recover")
	insertTestSQL      = statements.Get("insertTest")
	cancelTestSQL      = statements.Get("cancelTest")
	pruneAttemptsSQL   = statements.Get("pruneAttempts")
	measureSQL         = statements.Get("measure")
)

// cancel settles what has no webhook any more, or a disabled one.
func cancel(ctx context.Context, q postgres.Querier, now time.Time) error {
	if _, err := q.ExecContext(ctx, cancelSQL, now); err != nil {
		return fmt.Errorf("cancel deliveries: %w", err)
	}
	return nil
}

// relax lets the transaction's commit be told before it is on the disk.
func relax(ctx context.Context, tx *postgres.Tx) error {
	if _, err := tx.ExecContext(ctx, relaxSQL); err != nil {
		return fmt.Errorf("relax a commit: %w", err)
	}
	return nil
}

// claim leases what is due, room of it at most, and every test. Of the organizations in busy so many requests are under way.
func claim(ctx context.Context, db *postgres.DB, now time.Time, lease time.Duration, perWebhook, room int, busy map[uuid.UUID]int) ([]job, error) {
	var jobs []job
	organizations, requests := []string{}, []int64{}
	for organization, n := range busy {
		organizations, requests = append(organizations, organization.String()), append(requests, int64(n))
	}
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		if err := relax(ctx, tx); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, lockClaimsSQL); err != nil {
			return fmt.Errorf("wait for a turn to claim deliveries: %w", err)
		}
		if _, err := tx.ExecContext(ctx, endLeasesSQL, now); err != nil {
			return fmt.Errorf("end leases: %w", err)
		}
		if err := tx.SelectContext(ctx, &jobs, claimSQL, now, now.Add(lease), perWebhook, room, pq.Array(organizations), pq.Array(requests)); err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
		return nil
	})
	return jobs, err
}

// record notes attempts and what they make of their deliveries, and judges each, with whether its webhook was failing
// before: but for those that somebody else has the lease of by now.
func record(ctx context.Context, db *postgres.DB, batch []*finished, judge func(ctx context.Context, tx *postgres.Tx, f *finished, failing bool) error) error {
	return postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		if err := relax(ctx, tx); err != nil {
			return err
		}
		if err := insertAttempts(ctx, tx, batch); err != nil {
			return err
		}
		failing, err := finish(ctx, tx, batch)
		if err != nil {
			return err
		}
		for _, f := range slices.SortedFunc(slices.Values(batch), byWebhook) { // which may be locked, always in this order
			failing, held := failing[f.ID]
			if !held {
				continue
			}
			if f.Test {
				err = events.Notify(ctx, tx, f.OrganizationID) // who waits for it
			} else {
				err = judge(ctx, tx, f, failing)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func byWebhook(a, b *finished) int { return bytes.Compare(a.WebhookID[:], b.WebhookID[:]) }

func insertAttempts(ctx context.Context, tx *postgres.Tx, batch []*finished) error {
	n := len(batch)
	organizations, ids, deliveries := make([]string, n), make([]string, n), make([]string, n)
	numbers, statuses, started := make([]int64, n), make([]int64, n), make([]time.Time, n)
	urls, requests, responses, bodies := make([]string, n), make([]string, n), make([]string, n), make([]string, n)
	truncated, reasons, addresses := make([]bool, n), make([]string, n), make([]string, n)
	var times [5][]float64
	for i, f := range batch {
		a := f.attempt
		organizations[i], ids[i], deliveries[i] = f.OrganizationID.String(), a.ID.String(), f.ID.String()
		numbers[i], started[i], urls[i] = int64(a.Number), a.StartedAt, a.URL
		if a.Status != nil {
			statuses[i] = int64(*a.Status)
		}
		requests[i], responses[i], bodies[i] = string(a.RequestHeaders), string(a.ResponseHeaders), a.ResponseBody
		truncated[i], reasons[i], addresses[i] = a.Truncated, a.Error, a.Address
		for j, ms := range []float64{a.DNS, a.Connect, a.TLS, a.Wait, a.Total} {
			times[j] = append(times[j], ms)
		}
	}
	_, err := tx.ExecContext(ctx, insertAttemptsSQL, pq.Array(organizations), pq.Array(ids), pq.Array(deliveries), pq.Array(numbers), pq.Array(started),
		pq.Array(urls), pq.Array(requests), pq.Array(statuses), pq.Array(responses), pq.Array(bodies), pq.Array(truncated), pq.Array(reasons),
		pq.Array(addresses), pq.Array(times[0]), pq.Array(times[1]), pq.Array(times[2]), pq.Array(times[3]), pq.Array(times[4]))
	if err != nil {
		return fmt.Errorf("log %d attempts, the first at delivery %s: %w", n, batch[0].ID, err)
	}
	return nil
}

// finish returns of the deliveries that were still the worker's to finish whether their webhooks were failing.
func finish(ctx context.Context, tx *postgres.Tx, batch []*finished) (failing map[uuid.UUID]bool, err error) {
	n := len(batch)
	organizations, webhooks, ids, fences, states := make([]string, n), make([]string, n), make([]string, n), make([]int64, n), make([]string, n)
	next, ended, requested := make([]*time.Time, n), make([]*time.Time, n), make([]*time.Time, n)
	for i, f := range batch {
		organizations[i], webhooks[i], ids[i], fences[i] = f.OrganizationID.String(), f.WebhookID.String(), f.ID.String(), f.Fence
		states[i], next[i], ended[i], requested[i] = f.outcome.state, f.outcome.next, f.outcome.endedAt, f.RequestedAt
	}
	var found []struct {
		ID      uuid.UUID `db:"id"`
		Failing bool      `db:"failing"`
	}
	err = tx.SelectContext(ctx, &found, finishSQL, pq.Array(organizations), pq.Array(webhooks), pq.Array(ids), pq.Array(fences), pq.Array(states), pq.Array(next),
		pq.Array(ended), pq.Array(requested))
	if err != nil {
		return nil, fmt.Errorf("record what came of %d deliveries, %s first: %w", n, batch[0].ID, err)
	}
	failing = make(map[uuid.UUID]bool, len(found))
	for _, f := range found {
		failing[f.ID] = f.Failing
	}
	return failing, nil
}

// onePlan reports whether an index has the list in its order, so that one plan is the best for all values.
func (f Filter) onePlan() bool { return f == Filter{State: f.State} }

// filtered begins a query with a part, and joins what a filter says to it.
func filtered(part string, organization uuid.UUID, f Filter) *postgres.Query {
	b := (&postgres.Query{}).Add(statements.Part(part), organization)
	if f.WebhookID != nil {
		b.Add(statements.Part("of_webhook"), *f.WebhookID)
	}
	if f.State != "" {
		b.Add(statements.Part("in_state"), f.State)
		if f.State != Succeeded {
			b.Add(statements.Part("unsettled"))
		}
	}
	if f.EventType != "" {
		b.Add(statements.Part("of_type"), f.EventType)
	}
	if f.CreatedSince != nil {
		b.Add(statements.Part("created"), *f.CreatedSince)
	}
	if f.RequestedSince != nil {
		b.Add(statements.Part("requested"), *f.RequestedSince)
	}
	return b
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, p page.Request) ([]Delivery, error) {
	text, args := listQuery(organization, f, p).SQL()
	var found []Delivery
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the deliveries of organization %s: %w", organization, err)
	}
	return found, nil
}

func listQuery(organization uuid.UUID, f Filter, p page.Request) *postgres.Query {
	b := filtered("list", organization, f)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	b.Add(statements.Part("by_id"))
	if f.onePlan() && p.Offset() == 0 {
		return b.Limit(p.PerPage + 1)
	}
	return b.Add(statements.Part("limit"), p.PerPage+1, p.Offset())
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, most int) (int, error) {
	text, args := countQuery(organization, f, most).SQL()
	var n int
	if err := q.GetContext(ctx, &n, text, args...); err != nil {
		return 0, fmt.Errorf("count the deliveries of organization %s: %w", organization, err)
	}
	return n, nil
}

func countQuery(organization uuid.UUID, f Filter, most int) *postgres.Query {
	b := filtered("counted", organization, f)
	if f.onePlan() {
		b.Limit(most)
	} else {
		b.Add(statements.Part("limit_counted"), most)
	}
	return b.Add(statements.Part("end_counted"))
}

func get(ctx context.Context, q postgres.Querier, organization, delivery uuid.UUID) (Detail, error) {
	var d Detail
	err := q.GetContext(ctx, &d, getSQL, organization, delivery)
	if errors.Is(err, sql.ErrNoRows) {
		return d, problem.Missing("delivery")
	}
	if err != nil {
		return d, fmt.Errorf("get delivery %s: %w", delivery, err)
	}
	return d, nil
}

func listAttempts(ctx context.Context, q postgres.Querier, organization, delivery uuid.UUID) ([]Attempt, error) {
	var found []Attempt
	if err := q.SelectContext(ctx, &found, listAttemptsSQL, organization, delivery); err != nil {
		return nil, fmt.Errorf("list the attempts at delivery %s: %w", delivery, err)
	}
	return found, nil
}

func checkWebhook(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID) error {
	var exists bool
	if err := q.GetContext(ctx, &exists, webhookExistsSQL, organization, webhook); err != nil {
		return fmt.Errorf("look for webhook %s: %w", webhook, err)
	}
	if !exists {
		return problem.Missing("webhook")
	}
	return nil
}

// checkSendable returns errNotActive for a webhook that is disabled, or NotFound.
func checkSendable(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID) error {
	var state string
	switch err := tx.GetContext(ctx, &state, getWebhookStateSQL, organization, webhook); {
	case errors.Is(err, sql.ErrNoRows):
		return problem.Missing("webhook")
	case err != nil:
		return fmt.Errorf("get the state of webhook %s: %w", webhook, err)
	case state == "disabled":
		return errNotActive
	}
	return nil
}

// retry makes a delivery due, and tells the workers.
func retry(ctx context.Context, tx *postgres.Tx, organization, delivery uuid.UUID, at time.Time) error {
	if _, err := tx.ExecContext(ctx, retrySQL, organization, delivery, at); err != nil {
		return fmt.Errorf("retry delivery %s: %w", delivery, err)
	}
	return events.Notify(ctx, tx, organization)
}

func recoverFailed(ctx context.Context, tx *postgres.Tx, organization, webhook uuid.UUID, since, at time.Time, atMost int) (Recovery, error) {
	var r Recovery
	if err := tx.GetContext(ctx, &r, recoverSQL, organization, webhook, since, at, recoverEvery.Seconds(), atMost); err != nil {
		return r, fmt.Errorf("recover webhook %s: %w", webhook, err)
	}
	return r, events.Notify(ctx, tx, organization)
}

// insertTest queues a test event, and tells the workers.
func insertTest(ctx context.Context, tx *postgres.Tx, organization, webhook, event uuid.UUID, at time.Time) (delivery uuid.UUID, err error) {
	if err := tx.GetContext(ctx, &delivery, insertTestSQL, organization, webhook, event, at); err != nil {
		return delivery, fmt.Errorf("queue a test event for webhook %s: %w", webhook, err)
	}
	return delivery, events.Notify(ctx, tx, organization)
}

func cancelTest(ctx context.Context, q postgres.Querier, organization, delivery uuid.UUID, at time.Time) error {
	if _, err := q.ExecContext(ctx, cancelTestSQL, organization, delivery, at); err != nil {
		return fmt.Errorf("cancel the test event of delivery %s: %w", delivery, err)
	}
	return nil
}

func measure(ctx context.Context, q postgres.Querier, now time.Time) (queue, error) {
	var found queue
	if err := q.GetContext(ctx, &found, measureSQL, now); err != nil {
		return found, fmt.Errorf("measure the queue of deliveries: %w", err)
	}
	return found, nil
}

// pruneAttempts deletes some attempts that are older, and returns how many.
func pruneAttempts(ctx context.Context, q postgres.Querier, before time.Time) (int64, error) {
	result, err := q.ExecContext(ctx, pruneAttemptsSQL, before)
	if err != nil {
		return 0, fmt.Errorf("delete old attempts: %w", err)
	}
	return result.RowsAffected()
}

func listOfEvent(ctx context.Context, q postgres.Querier, organization, event uuid.UUID) ([]Sent, error) {
	var found []Sent
	if err := q.SelectContext(ctx, &found, listOfEventSQL, organization, event); err != nil {
		return nil, fmt.Errorf("list the deliveries of event %s: %w", event, err)
	}
	return found, nil
}
