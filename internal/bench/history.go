package main

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// histories are how many days of traffic the databases hold that pages are compared on. Nothing of it is pruned, though events
// are, after 30 days.
var histories = []int{35, 90, 180, 365}

const (
	eventsOfDay = 500 // of the organization that is asked about, and as many of others
	historyTurn = 300 * time.Millisecond
)

// historyStatements give $1, an organization, its past of $2 days: by the day, requests of 12 operations with two keys and three outcomes;
// of the last 35 days by the minute; events like the one that is there, each with a delivery of which one in a hundred failed, and an attempt.
var historyStatements = []string{
	`insert into usage_days (organization_id, day, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
	select $1, current_date - d, k.id, 'operation' || o, s.status, s.code, 100 + d % 17, 900, 40
	from generate_series(0, $2 - 1) d cross join generate_series(1, 12) o
	cross join (values (200, ''), (404, 'not_found'), (429, 'rate_limited')) s (status, code)
	cross join (select id from api_keys where organization_id = $1 union all select gen_random_uuid()) k`,
	`insert into usage_minutes (organization_id, minute, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
	select $1, date_trunc('minute', now()) - m * interval '1 minute', k.id, 'listPermits', 200, '', 1 + m % 60, 90, 9
	from generate_series(0, least($2, 35) * 1440 - 1) m cross join (select id from api_keys where organization_id = $1) k`,
	`insert into events (organization_id, id, number, type, permit_uuid, body, schema_hash, created_at)
	select $1, uuid_v7(), e.number + n, e.type, e.permit_uuid, e.body, e.schema_hash, now() - ($2 * ` + fmt.Sprint(eventsOfDay) + ` - n) * interval '172 seconds'
	from events e cross join generate_series(1, $2 * ` + fmt.Sprint(eventsOfDay) + `) n
	where e.organization_id = $1 and e.number = 1`,
	`update event_counters set last = 1 + $2 * ` + fmt.Sprint(eventsOfDay) + ` where organization_id = $1`,
	`insert into deliveries (organization_id, id, webhook_id, event_id, state, attempts, tries, created_at, finished_at)
	select e.organization_id, uuid_v7(), w.id, e.id, case when e.number % 100 = 0 then 'exhausted' else 'succeeded' end, 1, 1, e.created_at, e.created_at
	from events e join webhooks w on w.organization_id = e.organization_id
	where e.organization_id = $1 and e.number between 2 and 1 + $2 * ` + fmt.Sprint(eventsOfDay) + ` order by e.number`,
	`insert into attempts (organization_id, id, delivery_id, number, started_at, url, request_headers, status, response_headers, response_body, truncated,
		error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
	select organization_id, uuid_v7(), id, 1, created_at, 'https://hooks.example/plotwise', '{"Content-Type": ["application/json"]}',
		case state when 'succeeded' then 200 else 500 end, '{"Content-Length": ["2"]}', 'ok', false, '', '203.0.113.7:443', 1, 10, 20, 30, 61
	from deliveries where organization_id = $1 and finished_at is not null and $2 > 0 order by id`,
}

// historyCost measures pages about the past: with a year of it they are to take as long as with a month.
func (b *bench) historyCost(ctx context.Context) error {
	pages := []struct{ name, path string }{
		{"usage", "/v1/usage"},
		{"usage by endpoint", "/v1/usage/endpoints"},
		{"events, the oldest", "/v1/events?per_page=25"},
		{"events, the newest", ""},
		{"deliveries", "/v1/deliveries?per_page=25"},
		{"failed deliveries", "/v1/deliveries?per_page=25&state=exhausted"},
	}
	addresses, whose := make([]string, len(histories)), make([]tenant, len(histories))
	for i, days := range histories {
		name := fmt.Sprintf("history%d", days)
		db, err := b.create(ctx, name)
		if err != nil {
			return err
		}
		defer func() { _ = b.drop(context.WithoutCancel(ctx), name, db) }()
		if whose[i], err = remember(ctx, db, days); err != nil {
			return err
		}
		address, end, err := listenService(ctx, db, validation.Fast)
		if err != nil {
			return err
		}
		defer end()
		addresses[i] = address
		b.say(fmt.Sprintf("  %d days of traffic are there", days))
	}
	for _, page := range pages {
		sides := make([]side, len(histories))
		for i, days := range histories {
			path := page.path
			if path == "" {
				path = fmt.Sprintf("/v1/events?per_page=25&after=%d", days*eventsOfDay-24)
			}
			sides[i] = b.latency(fmt.Sprint(days), addresses[i], whose[i].get(path))
		}
		figures, err := takeTurns(ctx, sizeTurns, historyTurn, sides...)
		if err != nil {
			return err
		}
		last := len(histories) - 1
		b.add(row{
			what: "p50 of a page of " + page.name + ", a year of traffic ÷ 35 days", ours: fmt.Sprintf("%.2f ms", median(figures[last])), theirs: fmt.Sprintf("%.2f ms", median(figures[0])),
			values: ratios(figures[last], figures[0]), bar: 1.3, most: true, lines: []string{curve("ms, by days", histories, figures)},
		})
	}
	return nil
}

// remember makes two organizations with a past, and returns the first.
func remember(ctx context.Context, db *postgres.DB, days int) (who tenant, err error) {
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		return who, err
	}
	hooks := webhooks.NewService(db, secret.NewBox(key), anywhere, utcNow, newID)
	outbox := events.NewOutbox(slog.New(slog.DiscardHandler), utcNow, newID)
	tenants, err := newTenants(ctx, db, 2)
	if err != nil {
		return who, err
	}
	for _, t := range tenants {
		if _, _, err := hooks.Create(ctx, t.OrganizationID, webhooks.Create{URL: "https://hooks.example/plotwise", EventTypes: []string{events.StatusChanged}}); err != nil {
			return who, err
		}
		err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
			p := events.Permit{OrganizationID: t.OrganizationID, UUID: uuid.New(), Number: "BLD-26-0521670"}
			outbox.Append(tx, events.NewStatusChanged(p, "In Review", "Issued"))
			return nil
		})
		if err != nil {
			return who, err
		}
		if err := past(ctx, db, t.OrganizationID, days); err != nil {
			return who, err
		}
	}
	_, err = db.ExecContext(ctx, "vacuum analyze")
	return tenants[0], err
}

func past(ctx context.Context, db *postgres.DB, organization uuid.UUID, days int) error {
	return postgres.WithConn(ctx, db, func(conn *postgres.Conn) error {
		if _, err := conn.ExecContext(ctx, "set session_replication_role = replica"); err != nil {
			return err
		}
		for _, text := range historyStatements {
			text = strings.NewReplacer("$1", "cast('"+organization.String()+"' as uuid)", "$2", fmt.Sprint(days)).Replace(text)
			if _, err := conn.ExecContext(ctx, text); err != nil {
				return fmt.Errorf("%.40s …: %w", text, err)
			}
		}
		return nil
	})
}
