package deliveries

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

//go:embed auditor.sql
var auditorSQL string

var (
	auditorStatements = postgres.ParseStatements(auditorSQL)
	organizationsSQL  = auditorStatements.Get("organizations")
	overallSQL        = auditorStatements.Get("overall")
	nextSQL           = auditorStatements.Get("next")
	gapsSQL           = auditorStatements.Get("gaps")
	judgeSQL          = auditorStatements.Get("judge")
	bodiesSQL         = auditorStatements.Get("bodies")
)

// audited is an organization to audit, with the numbers of its events.
type audited struct {
	ID         uuid.UUID `db:"id"`
	Last       int64     `db:"last"`
	Pruned     int64     `db:"pruned"`     // events up to it are deleted
	Unrecorded int64     `db:"unrecorded"` // who was subscribed to events up to it is not known
	Spans      int64     `db:"spans"`
	Webhooks   int64     `db:"webhooks"` // that have a span, deleted ones among them
}

// listAudited returns the organization, or all of them when it is nil.
func listAudited(ctx context.Context, q postgres.Querier, organization *uuid.UUID) ([]audited, error) {
	var all []audited
	if err := q.SelectContext(ctx, &all, organizationsSQL, organization); err != nil {
		return nil, fmt.Errorf("list the organizations to audit: %w", err)
	}
	return all, nil
}

// tally is how many there are of something, with the first ones where it is wrong.
type tally struct {
	Kind     string `db:"kind"`
	Count    int64  `db:"count"`
	Examples []byte `db:"examples"` // JSON, or nil
}

// listed returns the examples.
func (t tally) listed(organization uuid.UUID) ([]Example, error) {
	if t.Examples == nil {
		return nil, nil
	}
	var rows []struct {
		Event, Webhook, Delivery uuid.UUID
		Detail                   string
	}
	if err := json.Unmarshal(t.Examples, &rows); err != nil {
		return nil, fmt.Errorf("read the examples of %s: %w", t.Kind, err)
	}
	var all []Example
	for _, r := range rows {
		all = append(all, Example{OrganizationID: organization, EventID: r.Event, WebhookID: r.Webhook, DeliveryID: r.Delivery, Detail: r.Detail})
	}
	return all, nil
}

// overall tallies what is wrong with an organization as a whole.
func overall(ctx context.Context, q postgres.Querier, o audited, examples int) ([]tally, error) {
	var found []tally
	if err := q.SelectContext(ctx, &found, overallSQL, o.ID, o.Last, examples); err != nil {
		return nil, fmt.Errorf("audit organization %s: %w", o.ID, err)
	}
	return found, nil
}

// step is a part of an organization's events: those with numbers above after, up to until.
type step struct {
	organization uuid.UUID
	after, until int64
	events       int64
}

// next returns the step of so many events that comes after a number.
func next(ctx context.Context, q postgres.Querier, o audited, after, size int64) (step, error) {
	var row struct {
		Until  int64 `db:"until"`
		Events int64 `db:"events"`
	}
	if err := q.GetContext(ctx, &row, nextSQL, o.ID, after, o.Last, size); err != nil {
		return step{}, fmt.Errorf("find the events of organization %s after %d: %w", o.ID, after, err)
	}
	if row.Events < size {
		row.Until = o.Last
	}
	return step{o.ID, after, row.Until, row.Events}, nil
}

// gaps returns the first numbers of a step that no event has.
func gaps(ctx context.Context, q postgres.Querier, s step, limit int) ([]string, error) {
	var found []string
	if err := q.SelectContext(ctx, &found, gapsSQL, s.organization, s.after, s.until, limit); err != nil {
		return nil, fmt.Errorf("find the gaps of organization %s after %d: %w", s.organization, s.after, err)
	}
	return found, nil
}

// judge tallies the pairs and the deliveries of a step, and what is wrong with them. Pairs after unrecorded are known; what
// was due before overdue is late.
func judge(ctx context.Context, q postgres.Querier, s step, unrecorded int64, now, overdue time.Time, examples int) ([]tally, error) {
	var found []tally
	if err := q.SelectContext(ctx, &found, judgeSQL, s.organization, s.after, s.until, unrecorded, now, overdue, examples); err != nil {
		return nil, fmt.Errorf("audit the deliveries of organization %s after event %d: %w", s.organization, s.after, err)
	}
	return found, nil
}

// content is an event with what webhooks get.
type content struct {
	ID         uuid.UUID `db:"id"`
	Type       string    `db:"type"`
	SchemaHash []byte    `db:"schema_hash"`
	Body       string    `db:"body"`
}

// eachBody calls do with each event of a step, one after the other.
func eachBody(ctx context.Context, q postgres.Querier, s step, do func(c content)) (err error) {
	rows, err := q.QueryxContext(ctx, bodiesSQL, s.organization, s.after, s.until)
	if err != nil {
		return fmt.Errorf("read the events of organization %s after %d: %w", s.organization, s.after, err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var c content
		if err := rows.StructScan(&c); err != nil {
			return fmt.Errorf("read an event of organization %s: %w", s.organization, err)
		}
		do(c)
	}
	return rows.Err()
}
