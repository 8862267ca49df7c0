package contacts

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed contacts.sql
var sqlText string

var (
	statements        = postgres.ParseStatements(sqlText)
	lockSQL           = statements.Get("lock")
	enqueueSQL        = statements.Get("enqueue")
	enqueueTrackedSQL = statements.Get("enqueueTracked")
	listBehindSQL     = statements.Get("listBehind")
	takeSQL           = statements.Get("take")
	settleSQL         = statements.Get("settle")
	unlinkSQL         = statements.Get("unlink")
	listPartiesSQL    = statements.Get("listParties")
	knownKeysSQL      = statements.Get("knownKeys")
	createSQL         = statements.Get("create")
	mergePartiesSQL   = statements.Get("mergeParties")
	mergeKeysSQL      = statements.Get("mergeKeys")
	mergeContactsSQL  = statements.Get("mergeContacts")
	touchSQL          = statements.Get("touch")
	addKeysSQL        = statements.Get("addKeys")
	linkSQL           = statements.Get("link")
	describeSQL       = statements.Get("describe")
)

type row struct {
	Contact
	Roles     pq.StringArray `db:"roles"`
	Licenses  pq.StringArray `db:"licenses"`
	MergedIDs pq.StringArray `db:"merged_ids"`
	SortValue string         `db:"sort_value"`
}

func (r row) key() page.Key { return page.Key{Value: r.SortValue, ID: r.ID} }

func (r row) contact() Contact {
	c := r.Contact
	c.Roles, c.Licenses, c.MergedIDs = r.Roles, r.Licenses, make([]uuid.UUID, len(r.MergedIDs))
	for i, text := range r.MergedIDs {
		c.MergedIDs[i] = uuid.MustParse(text) // a uuid of Postgres
	}
	return c
}

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, p page.Request) ([]row, error) {
	var b postgres.Query
	b.Add(statements.Part("columns")).Add(statements.Part("of_organization"), organization)
	filter(&b, f)
	order := "by_id"
	if f.UpdatedSince != nil {
		order = "by_updated"
	}
	switch {
	case p.After == nil:
	case f.UpdatedSince != nil:
		b.Add(statements.Part("after_updated"), p.After.Value, p.After.ID)
	default:
		b.Add(statements.Part("after_id"), p.After.ID)
	}
	text, args := b.Add(statements.Part(order)).Add(statements.Part("limit"), p.PerPage+1, p.Offset()).SQL()
	var rows []row
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("list contacts: %w", err)
	}
	return rows, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, most int) (int, error) {
	var b postgres.Query
	b.Add(statements.Part("count")).Add(statements.Part("of_organization"), organization)
	filter(&b, f)
	text, args := b.Add(statements.Part("count_limit"), most).SQL()
	var n int
	if err := q.GetContext(ctx, &n, text, args...); err != nil {
		return 0, fmt.Errorf("count contacts: %w", err)
	}
	return n, nil
}

func filter(b *postgres.Query, f Filter) {
	if f.Words != "" {
		b.Add(statements.Part("matches"), f.Words)
	}
	if f.Role != "" {
		b.Add(statements.Part("role"), f.Role)
	}
	if f.EntityType != "" {
		b.Add(statements.Part("entity_type"), f.EntityType)
	}
	if f.UpdatedSince != nil {
		b.Add(statements.Part("updated_since"), *f.UpdatedSince)
	}
}

func get(ctx context.Context, q postgres.Querier, organization, contact uuid.UUID) (Contact, error) {
	var b postgres.Query
	text, args := b.Add(statements.Part("columns")).Add(statements.Part("is"), organization, organization, contact).SQL()
	var r row
	switch err := q.GetContext(ctx, &r, text, args...); {
	case errors.Is(err, sql.ErrNoRows):
		return Contact{}, problem.Missing("contact")
	case err != nil:
		return Contact{}, fmt.Errorf("get contact %s: %w", contact, err)
	}
	return r.contact(), nil
}

func lock(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) error {
	return exec(ctx, tx, "lock an organization's contacts", lockSQL, organization)
}

func enqueue(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, permits []uuid.UUID) error {
	return exec(ctx, tx, "leave contacts for later", enqueueSQL, organization, pq.Array(permits))
}

func enqueueTracked(ctx context.Context, tx *postgres.Tx, permits []uuid.UUID) error {
	return exec(ctx, tx, "leave contacts for later", enqueueTrackedSQL, pq.Array(permits))
}

// listBehind returns the organizations that have something in the backlog.
func listBehind(ctx context.Context, q postgres.Querier) ([]uuid.UUID, error) {
	var behind []uuid.UUID
	if err := q.SelectContext(ctx, &behind, listBehindSQL); err != nil {
		return nil, fmt.Errorf("look into the contacts' backlog: %w", err)
	}
	return behind, nil
}

// take takes permits out of an organization's backlog.
func take(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, most int) ([]uuid.UUID, error) {
	return selectIDs(ctx, tx, "take permits out of the contacts' backlog", takeSQL, organization, most)
}

// settle takes permits out of the backlog whose contacts are found now.
func settle(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, permits []uuid.UUID) error {
	return exec(ctx, tx, "take permits out of the contacts' backlog", settleSQL, organization, pq.Array(permits))
}

// unlink parts permits from their contacts, and returns these.
func unlink(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, permits []uuid.UUID) ([]uuid.UUID, error) {
	return selectIDs(ctx, tx, "part permits from their contacts", unlinkSQL, organization, pq.Array(permits))
}

func listParties(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, permits []uuid.UUID) ([]party, error) {
	var parties []party
	if err := tx.SelectContext(ctx, &parties, listPartiesSQL, organization, pq.Array(permits)); err != nil {
		return nil, fmt.Errorf("list the parties of tracked permits: %w", err)
	}
	return parties, nil
}

func knownKeys(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, keys []string) (map[string]uuid.UUID, error) {
	var rows []struct {
		Key       string    `db:"key"`
		ContactID uuid.UUID `db:"contact_id"`
	}
	if err := tx.SelectContext(ctx, &rows, knownKeysSQL, organization, pq.Array(keys)); err != nil {
		return nil, fmt.Errorf("look contacts up: %w", err)
	}
	known := make(map[string]uuid.UUID, len(rows))
	for _, r := range rows {
		known[r.Key] = r.ContactID
	}
	return known, nil
}

// store writes what was resolved: contacts that are new, those that are one, and who the parties are.
func store(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, parties []party, r resolution) error {
	if err := exec(ctx, tx, "create contacts", createSQL, organization, pq.Array(r.created)); err != nil {
		return err
	}
	if err := merge(ctx, tx, organization, r.merged); err != nil {
		return err
	}
	keys := slices.Sorted(maps.Keys(r.keys))
	contacts := make([]uuid.UUID, len(keys))
	for i, k := range keys {
		contacts[i] = r.keys[k]
	}
	if err := exec(ctx, tx, "add keys of contacts", addKeysSQL, organization, pq.Array(keys), pq.Array(contacts)); err != nil {
		return err
	}
	permits, positions := make([]uuid.UUID, len(parties)), make([]int32, len(parties))
	for i, p := range parties {
		permits[i], positions[i] = p.PermitUUID, int32(p.Position)
	}
	return exec(ctx, tx, "link parties to contacts", linkSQL, organization, pq.Array(permits), pq.Array(positions), pq.Array(r.of))
}

func merge(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, merged map[uuid.UUID]uuid.UUID) error {
	if len(merged) == 0 {
		return nil
	}
	from := slices.SortedFunc(maps.Keys(merged), compare)
	into := make([]uuid.UUID, len(from))
	for i, c := range from {
		into[i] = merged[c]
	}
	for _, statement := range []string{mergePartiesSQL, mergeKeysSQL, mergeContactsSQL} {
		if err := exec(ctx, tx, "merge contacts", statement, organization, pq.Array(from), pq.Array(into)); err != nil {
			return err
		}
	}
	return exec(ctx, tx, "merge contacts", touchSQL, organization, pq.Array(into)) // merged_ids changed, whatever else did
}

// describe brings the contacts' values up to date with their permits.
func describe(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, contacts []uuid.UUID) error {
	return exec(ctx, tx, "describe contacts", describeSQL, organization, pq.Array(contacts))
}

func exec(ctx context.Context, tx *postgres.Tx, what, statement string, args ...any) error {
	if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func selectIDs(ctx context.Context, tx *postgres.Tx, what, statement string, args ...any) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	if err := tx.SelectContext(ctx, &ids, statement, args...); err != nil {
		return nil, fmt.Errorf("%s: %w", what, err)
	}
	return ids, nil
}
