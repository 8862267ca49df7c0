package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/organizations"
)

type auditCommand struct {
	Organization string        `help:"Id (org_…) or name of an organization, to audit it alone; all when left out." placeholder:"ORG"`
	Overdue      time.Duration `default:"10m" help:"How long a delivery may be due before it is overdue; ${default} when left out." placeholder:"TIME"`
	Strict       bool          `help:"Let warnings fail the audit too."`
	Examples     int           `default:"5" help:"Examples of each finding at most; ${default} when left out." placeholder:"N"`
	JSON         bool          `name:"json" help:"Print the result as JSON."`
}

// Help tells what the one-line help leaves out.
func (auditCommand) Help() string {
	return `Every event has to have a delivery for every webhook that was subscribed to its type when it was numbered, and each delivery
has to be succeeded, pending, exhausted, or cancelled with a reason. The audit does not ask what inserts the deliveries: it
holds them against the history of subscriptions, and against the logged attempts. It also looks for gaps in the numbers of
events, and holds the bodies of all events against today's schemas, but those that were written under another one.

Warnings are deliveries that have been due for long, of a webhook that is not paused and with no worker at them, and events
that broke their schema and were quarantined; with --strict they fail the audit as the others do.

It reads a snapshot and changes nothing, so it may run beside servers and workers, and takes about ten seconds for a million
deliveries. Events that were deleted after 30 days are not looked for.

  plotwise audit
  plotwise audit --organization "Palmetto Builders" --strict --json

Exit codes: 0 nothing was found; 1 something was; 2 the audit could not be done; 80 the command line is not right.`
}

// errFound says that the audit has findings, which are printed already.
var errFound = errors.New("the audit has findings")

// notDone is the exit code of a command that could not do its work: that of audit tells it from findings.
func notDone(command string) int {
	if command == "audit" {
		return 2
	}
	return 1
}

// Run audits and prints what was proven and found.
func (c *auditCommand) Run(ctx context.Context, g *globals) error {
	if c.Overdue < 0 {
		return fmt.Errorf("--overdue: %s: want 0s or more", c.Overdue)
	}
	if c.Examples < 0 || c.Examples > 1000 {
		return fmt.Errorf("--examples: %d: want 0 to 1000", c.Examples)
	}
	return g.withDatabase(ctx, func(db *database) error {
		o := deliveries.AuditOptions{Overdue: c.Overdue, Examples: c.Examples}
		if c.Organization != "" {
			found, err := findOrganization(ctx, organizations.NewService(db.DB, now, newID), "--organization", c.Organization)
			if err != nil {
				return err
			}
			o.Organization = &found
		}
		view := &view{reported: now()}
		o.Progress = view.audited
		begun := now()
		a, err := deliveries.NewAuditor(db.DB, now).Audit(ctx, o)
		view.end()
		if err != nil {
			return err
		}
		if err := c.print(a, now().Sub(begun)); err != nil {
			return err
		}
		if !a.Clean(c.Strict) {
			return errFound
		}
		return nil
	})
}

func (c *auditCommand) print(a deliveries.Audit, took time.Duration) error {
	if !c.JSON {
		return printTable(auditText(a, took, a.Clean(c.Strict)))
	}
	text, err := json.MarshalIndent(newAuditResult(a, took, a.Clean(c.Strict)), "", "  ")
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(append(text, '\n'))
	return err
}

// auditText renders an audit for people, with tabs between columns.
func auditText(a deliveries.Audit, took time.Duration, clean bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Audited %d organizations, %d events and %d webhooks in %s, as of %s.\n\nDELIVERIES\tCOUNT\n",
		a.Organizations, a.Events, a.Webhooks, took.Round(10*time.Millisecond), instant(&a.At))
	for _, state := range []string{deliveries.Pending, deliveries.Succeeded, deliveries.Exhausted, deliveries.Cancelled} {
		fmt.Fprintf(&b, "%s\t%d\n", state, a.Deliveries[state])
	}
	if len(a.Findings) > 0 {
		b.WriteString("\nFINDING\tCOUNT\tWHAT IS WRONG\n")
	}
	for _, f := range a.Findings {
		kind := f.Kind
		if f.Warning {
			kind += " (warning)"
		}
		fmt.Fprintf(&b, "%s\t%d\t%s\n", kind, f.Count, f.Meaning)
	}
	for _, f := range a.Findings {
		examplesText(&b, f)
	}
	fmt.Fprintf(&b, "\n%d pairs of an event and a webhook that was subscribed to it were looked for, and %d bodies held against today's schemas.\n", a.Pairs, a.Bodies)
	if a.Unrecorded > 0 {
		fmt.Fprintf(&b, "Of %d events it is not known who was subscribed: they are older than the history of subscriptions.\n", a.Unrecorded)
	}
	if a.OlderBodies > 0 {
		fmt.Fprintf(&b, "%d bodies were written under other schemas than today's, and are not held against these.\n", a.OlderBodies)
	}
	switch {
	case !clean:
		b.WriteString("The audit failed.\n")
	case len(a.Findings) > 0:
		b.WriteString("Clean, but for the warnings: each pair has its delivery, and each delivery what proves its state.\n")
	default:
		b.WriteString("Clean: each pair has its delivery, and each delivery what proves its state.\n")
	}
	return b.String()
}

// examplesText renders where a finding was made.
func examplesText(b *strings.Builder, f deliveries.Finding) {
	if len(f.Examples) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s:\n", f.Kind)
	for _, e := range f.Examples {
		columns := []string{"", id.Format(id.Organization, e.OrganizationID)}
		for _, of := range exampleIDs(e) {
			if of != "" {
				columns = append(columns, of)
			}
		}
		if e.Detail != "" {
			columns = append(columns, printable(strings.Join(strings.Fields(e.Detail), " ")))
		}
		fmt.Fprintln(b, strings.Join(columns, "\t"))
	}
}

// exampleIDs returns the ids of an example's event, webhook and delivery; "" for those that do not matter.
func exampleIDs(e deliveries.Example) [3]string {
	var found [3]string
	for i, of := range []struct {
		prefix string
		id     uuid.UUID
	}{{id.Event, e.EventID}, {id.Webhook, e.WebhookID}, {id.Delivery, e.DeliveryID}} {
		if of.id != uuid.Nil {
			found[i] = id.Format(of.prefix, of.id)
		}
	}
	return found
}

// auditResult is an audit for machines.
type auditResult struct {
	Clean         bool             `json:"clean"`
	AsOf          time.Time        `json:"as_of"`
	Seconds       float64          `json:"seconds"`
	Organizations int              `json:"organizations"`
	Events        int64            `json:"events"`
	Unrecorded    int64            `json:"unrecorded_events"`
	Webhooks      int64            `json:"webhooks"`
	Pairs         int64            `json:"pairs"`
	Deliveries    map[string]int64 `json:"deliveries"`
	Bodies        int64            `json:"bodies"`
	OlderBodies   int64            `json:"older_bodies"`
	Findings      []auditFinding   `json:"findings"`
}

type auditFinding struct {
	Kind     string         `json:"kind"`
	Meaning  string         `json:"meaning"`
	Warning  bool           `json:"warning"`
	Count    int64          `json:"count"`
	Examples []auditExample `json:"examples"`
}

type auditExample struct {
	OrganizationID string `json:"organization_id"`
	EventID        string `json:"event_id,omitempty"`
	WebhookID      string `json:"webhook_id,omitempty"`
	DeliveryID     string `json:"delivery_id,omitempty"`
	Detail         string `json:"detail"`
}

func newAuditResult(a deliveries.Audit, took time.Duration, clean bool) auditResult {
	r := auditResult{
		Clean: clean, AsOf: a.At.Truncate(time.Second), Seconds: took.Seconds(), Organizations: a.Organizations, Events: a.Events, Unrecorded: a.Unrecorded,
		Webhooks: a.Webhooks, Pairs: a.Pairs, Deliveries: a.Deliveries, Bodies: a.Bodies, OlderBodies: a.OlderBodies, Findings: []auditFinding{},
	}
	for _, f := range a.Findings {
		found := auditFinding{Kind: f.Kind, Meaning: f.Meaning, Warning: f.Warning, Count: f.Count, Examples: []auditExample{}}
		for _, e := range f.Examples {
			ids := exampleIDs(e)
			found.Examples = append(found.Examples, auditExample{
				OrganizationID: id.Format(id.Organization, e.OrganizationID), EventID: ids[0], WebhookID: ids[1], DeliveryID: ids[2], Detail: e.Detail,
			})
		}
		r.Findings = append(r.Findings, found)
	}
	return r
}
