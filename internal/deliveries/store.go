package deliveries

import (
	"context"
	_ "embed"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed deliveries.sql
var sqlText string

var (
	statements       = postgres.ParseStatements(sqlText)
	lockClaimsSQL    = statements.Get("lockClaims")
	cancelSQL        = statements.Get("cancel")
	claimSQL         = statements.Get("claim")
	insertAttemptSQL = statements.Get("insertAttempt")
	finishSQL        = statements.Get("finish")
	disableSQL       = statements.Get("disable")
	listAttemptsSQL  = statements.Get("listAttempts")
	webhookExistsSQL = statements.Get("webhookExists")
	isActiveSQL      = statements.Get("isActive")
	retrySQL         = statements.Get("retry")
	notifySQL        = statements.Get("notify")
)

// claim leases what is due, room of it at most, and cancels what has no webhook any more.
func claim(ctx context.Context, db *postgres.DB, now time.Time, lease time.Duration, perWebhook, room int) ([]job, error) {
	var jobs []job
	err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		if _, err := tx.ExecContext(ctx, lockClaimsSQL); err != nil {
			return fmt.Errorf("wait for a turn to claim deliveries: %w", err)
		}
		if _, err := tx.ExecContext(ctx, cancelSQL, now); err != nil {
			return fmt.Errorf("cancel deliveries: %w", err)
		}
		if err := tx.SelectContext(ctx, &jobs, claimSQL, now, now.Add(lease), perWebhook, room); err != nil {
			return fmt.Errorf("claim deliveries: %w", err)
		}
		return nil
	})
	return jobs, err
}

// record notes an attempt and what it makes of its delivery, unless somebody else has the lease by now.
func record(ctx context.Context, db *postgres.DB, j job, a Attempt, o outcome) error {
	return postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		_, err := tx.ExecContext(ctx, insertAttemptSQL, j.OrganizationID, a.ID, j.ID, a.Number, a.StartedAt, a.RequestHeaders, a.Status, a.ResponseHeaders,
			a.ResponseBody, a.Truncated, a.Error, a.Address, a.DNS, a.Connect, a.TLS, a.Wait, a.Total)
		if err != nil {
			return fmt.Errorf("log an attempt at delivery %s: %w", j.ID, err)
		}
		if _, err := tx.ExecContext(ctx, finishSQL, j.OrganizationID, j.ID, j.Fence, o.state, o.next, o.endedAt); err != nil {
			return fmt.Errorf("record what came of delivery %s: %w", j.ID, err)
		}
		if !o.gone {
			return nil
		}
		const why = "The endpoint answered 410 Gone."
		if _, err := tx.ExecContext(ctx, disableSQL, j.OrganizationID, j.WebhookID, why, *o.endedAt); err != nil {
			return fmt.Errorf("disable webhook %s: %w", j.WebhookID, err)
		}
		return nil
	})
}

// filtered joins what a filter says to a query.
func filtered(b *postgres.Query, organization uuid.UUID, f Filter) *postgres.Query {
	b.Add(statements.Part("list"), organization)
	if f.WebhookID != nil {
		b.Add(statements.Part("of_webhook"), *f.WebhookID)
	}
	if f.State != "" {
		b.Add(statements.Part("in_state"), f.State)
	}
	return b
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, p page.Request) ([]Delivery, error) {
	var b postgres.Query
	filtered(&b, organization, f)
	if p.After != nil {
		b.Add(statements.Part("after"), p.After.ID)
	}
	text, args := b.Add(statements.Part("limit"), p.PerPage+1, p.Offset()).SQL()
	var found []Delivery
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return nil, fmt.Errorf("list the deliveries of organization %s: %w", organization, err)
	}
	return found, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, most int) (int, error) {
	var b postgres.Query
	text, args := filtered(b.Add(statements.Part("counted")), organization, f).Add(statements.Part("end_counted"), most).SQL()
	var n int
	if err := q.GetContext(ctx, &n, text, args...); err != nil {
		return 0, fmt.Errorf("count the deliveries of organization %s: %w", organization, err)
	}
	return n, nil
}

func get(ctx context.Context, q postgres.Querier, organization, delivery uuid.UUID) (Delivery, error) {
	var b postgres.Query
	text, args := filtered(&b, organization, Filter{}).Add(statements.Part("is"), delivery).SQL()
	var found []Delivery
	if err := q.SelectContext(ctx, &found, text, args...); err != nil {
		return Delivery{}, fmt.Errorf("get delivery %s: %w", delivery, err)
	}
	if len(found) == 0 {
		return Delivery{}, problem.Missing("delivery")
	}
	return found[0], nil
}

func listAttempts(ctx context.Context, q postgres.Querier, organization, delivery uuid.UUID) ([]Attempt, error) {
	var found []Attempt
	if err := q.SelectContext(ctx, &found, listAttemptsSQL, organization, delivery); err != nil {
		return nil, fmt.Errorf("list the attempts at delivery %s: %w", delivery, err)
	}
	return found, nil
}

func checkWebhook(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID) error {
	exists, err := ask(ctx, q, webhookExistsSQL, organization, webhook)
	if err == nil && !exists {
		return problem.Missing("webhook")
	}
	return err
}

func isActive(ctx context.Context, q postgres.Querier, organization, webhook uuid.UUID) (bool, error) {
	return ask(ctx, q, isActiveSQL, organization, webhook)
}

func ask(ctx context.Context, q postgres.Querier, statement string, organization, webhook uuid.UUID) (bool, error) {
	var yes bool
	if err := q.GetContext(ctx, &yes, statement, organization, webhook); err != nil {
		return false, fmt.Errorf("look for webhook %s: %w", webhook, err)
	}
	return yes, nil
}

// retry makes a delivery due, and tells the workers.
func retry(ctx context.Context, tx *postgres.Tx, organization, delivery uuid.UUID, at time.Time) error {
	if _, err := tx.ExecContext(ctx, retrySQL, organization, delivery, at); err != nil {
		return fmt.Errorf("retry delivery %s: %w", delivery, err)
	}
	if _, err := tx.ExecContext(ctx, notifySQL, events.Channel, organization); err != nil {
		return fmt.Errorf("tell the workers of delivery %s: %w", delivery, err)
	}
	return nil
}
