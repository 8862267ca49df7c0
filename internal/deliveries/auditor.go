package deliveries

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
)

// Audit is what an audit proved, and what it found.
type Audit struct {
	At            time.Time // of the snapshot that was audited
	Organizations int
	Events        int64
	Webhooks      int64            // that were ever subscribed to anything, deleted ones among them
	Pairs         int64            // of an event and a webhook that was subscribed to it
	Deliveries    map[string]int64 // by state
	Unrecorded    int64            // events from before subscriptions were recorded: of these the pairs are not known
	Bodies        int64            // that were held against today's schemas
	OlderBodies   int64            // that were not, since another schema held when they were written
	Findings      []Finding        // in the order of Findings, those without any left out
}

// Finding is something that should not be.
type Finding struct {
	Kind     string
	Meaning  string
	Warning  bool // it is no breach of what is promised
	Count    int64
	Examples []Example // the first ones
}

// Example is where a finding was made; ids that do not matter are nil.
type Example struct {
	OrganizationID uuid.UUID
	EventID        uuid.UUID
	WebhookID      uuid.UUID
	DeliveryID     uuid.UUID
	Detail         string
}

// Clean reports whether nothing was found; warnings count when it is strict.
func (a Audit) Clean(strict bool) bool {
	for _, f := range a.Findings {
		if strict || !f.Warning {
			return false
		}
	}
	return true
}

// Findings are the kinds of findings that there are.
func Findings() []Finding {
	return []Finding{
		{Kind: "missing", Meaning: "a webhook was subscribed to an event and has no delivery of it"},
		{Kind: "surplus", Meaning: "a webhook has a delivery of an event that it was not subscribed to"},
		{Kind: "subscription", Meaning: "the history of subscriptions does not end with what a webhook is subscribed to"},
		{Kind: "gap", Meaning: "no event has a number that was given"},
		{Kind: "beyond", Meaning: "a number is above the organization's counter"},
		{Kind: "succeeded_without_2xx", Meaning: "a delivery succeeded, and its last attempt was not answered with 2xx"},
		{Kind: "exhausted_without_failure", Meaning: "a delivery is exhausted, and its last attempt did not fail"},
		{Kind: "cancelled_without_reason", Meaning: "a delivery is cancelled without a reason"},
		{Kind: "attempts_miscounted", Meaning: "a delivery's attempts are not the ones that are logged"},
		{Kind: "invalid_body", Meaning: "an event's body breaks the schema that it was written under"},
		{Kind: "overdue", Meaning: "a delivery is due for long, its webhook is not paused, and no worker has it", Warning: true},
		{Kind: "quarantined", Meaning: "an event broke its schema when it was written, and never leaves", Warning: true},
	}
}

// AuditOptions say what to audit, and how.
type AuditOptions struct {
	Organization *uuid.UUID              // nil for all
	Overdue      time.Duration           // how long a delivery may be due
	Examples     int                     // of each finding at most
	Progress     func(numbers, of int64) // is told of so many more numbers of events; nil for nobody
}

// Auditor proves that every event has a delivery for every webhook that was subscribed to it. What it holds the deliveries
// against is the history of subscriptions, which the outbox knows nothing of. It is safe for concurrent use.
type Auditor struct {
	db  *postgres.DB
	now func() time.Time
}

// NewAuditor returns an Auditor on the database.
func NewAuditor(db *postgres.DB, now func() time.Time) *Auditor {
	return &Auditor{db: db, now: now}
}

// Audit audits a snapshot of the database, beside whatever else goes on in it. It only reads.
func (a *Auditor) Audit(ctx context.Context, o AuditOptions) (Audit, error) {
	r := &inspection{AuditOptions: o, found: map[string]*Finding{}, Audit: Audit{Deliveries: map[string]int64{}}}
	for _, state := range []string{Pending, Succeeded, Exhausted, Cancelled} {
		r.Deliveries[state] = 0
	}
	err := postgres.InSnapshot(ctx, a.db, func(tx *postgres.Tx) error {
		r.tx, r.At = tx, a.now()
		return r.all(ctx)
	})
	for _, f := range Findings() {
		if found := r.found[f.Kind]; found != nil {
			f.Count, f.Examples = found.Count, found.Examples
			r.Findings = append(r.Findings, f)
		}
	}
	return r.Audit, err
}

// inspection is an audit that goes on.
type inspection struct {
	AuditOptions
	Audit
	tx    *postgres.Tx
	total int64 // numbers to audit
	found map[string]*Finding
}

func (r *inspection) all(ctx context.Context) error {
	organizations, err := listAudited(ctx, r.tx, r.Organization)
	if err != nil {
		return err
	}
	for _, o := range organizations {
		r.total += max(0, o.Last-o.Pruned)
	}
	for _, o := range organizations {
		if err := r.organization(ctx, o); err != nil {
			return err
		}
	}
	return nil
}

// A step has about so many pairs: few enough to be found by indexes, and to be held in memory.
const (
	stepPairs  = 10_000
	stepEvents = 5_000 // at most
	stepLeast  = 50
)

func (r *inspection) organization(ctx context.Context, o audited) error {
	r.Organizations++
	r.Webhooks += o.Webhooks
	tallies, err := overall(ctx, r.tx, o, r.Examples)
	if err != nil {
		return err
	}
	if err := r.addAll(o.ID, tallies); err != nil {
		return err
	}
	size := min(max(stepPairs/max(o.Spans, 1), stepLeast), stepEvents)
	for after := o.Pruned; after < o.Last; {
		s, err := next(ctx, r.tx, o, after, size)
		if err != nil {
			return err
		}
		if err := r.step(ctx, o, s); err != nil {
			return err
		}
		if r.Progress != nil {
			r.Progress(s.until-after, r.total)
		}
		after = s.until
	}
	return nil
}

func (r *inspection) step(ctx context.Context, o audited, s step) error {
	r.Events += s.events
	if missing := s.until - s.after - s.events; missing > 0 {
		numbers, err := gaps(ctx, r.tx, s, r.Examples)
		if err != nil {
			return err
		}
		var examples []Example
		for _, n := range numbers {
			examples = append(examples, Example{OrganizationID: o.ID, Detail: "number " + n})
		}
		r.add("gap", missing, examples...)
	}
	tallies, err := judge(ctx, r.tx, s, o.Unrecorded, r.At, r.At.Add(-r.Overdue), r.Examples)
	if err != nil {
		return err
	}
	if err := r.addAll(o.ID, tallies); err != nil {
		return err
	}
	return eachBody(ctx, r.tx, s, func(c content) {
		current, err := events.Check(c.Type, c.SchemaHash, c.Body)
		switch {
		case !current:
			r.OlderBodies++
			return
		case err != nil:
			r.add("invalid_body", 1, Example{OrganizationID: o.ID, EventID: c.ID, Detail: err.Error()})
		}
		r.Bodies++
	})
}

func (r *inspection) addAll(organization uuid.UUID, tallies []tally) error {
	for _, t := range tallies {
		_, isState := r.Deliveries[t.Kind]
		switch {
		case isState:
			r.Deliveries[t.Kind] += t.Count
		case t.Kind == "pair":
			r.Pairs += t.Count
		case t.Kind == "unrecorded":
			r.Unrecorded += t.Count
		default:
			examples, err := t.listed(organization)
			if err != nil {
				return err
			}
			r.add(t.Kind, t.Count, examples...)
		}
	}
	return nil
}

// add counts a finding, and keeps the examples that there is room for.
func (r *inspection) add(kind string, count int64, examples ...Example) {
	f := r.found[kind]
	if f == nil {
		f = &Finding{}
		r.found[kind] = f
	}
	f.Count += count
	f.Examples = append(f.Examples, examples[:min(len(examples), r.Examples-len(f.Examples))]...)
}
