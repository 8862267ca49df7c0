package permits

import (
	"context"
	"database/sql"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/lib/pq"

	"github.com/plotwise/plotwise/internal/documents"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

//go:embed permits.sql
var sqlText string

var (
	statements           = postgres.ParseStatements(sqlText)
	getSQL               = statements.Get("get")
	existsSQL            = statements.Get("exists")
	newestSQL            = statements.Get("newest")
	listUnknownSlugsSQL  = statements.Get("listUnknownSlugs")
	listPartiesSQL       = statements.Get("listParties")
	listFeesSQL          = statements.Get("listFees")
	listInspectionsSQL   = statements.Get("listInspections")
	listStatusChangesSQL = statements.Get("listStatusChanges")
	listChangesSQL       = statements.Get("listChanges")
	listChangesAfterSQL  = statements.Get("listChangesAfter")
	countChangesSQL      = statements.Get("countChanges")
	listByUUIDSQL        = statements.Get("listByUUID")
	listNotesSQL         = statements.Get("listNotes")
	conditionExistsSQL   = statements.Get("conditionExists")
)

// exported is a row of an export with the value that it is ordered by.
type exported struct {
	Permit
	SortValue string `db:"sort_value"`
}

func (r exported) key() page.Key { return page.Key{Value: r.SortValue, ID: r.UUID} }

// listed is a row of a list with the value that it is ordered by.
type listed struct {
	UUID      uuid.UUID
	SortValue string
	Document  []byte // nil when there is none that is up to date
	checked   bool
}

func (r listed) key() page.Key { return page.Key{Value: r.SortValue, ID: r.UUID} }

// revised is a permit with its revision.
type revised struct {
	Permit
	Revision int32 `db:"revision"`
}

// changed is a row of a history with the value that it is ordered by.
type changed struct {
	Change
	SortValue string `db:"sort_value"`
}

func (r changed) key() page.Key { return page.Key{Value: r.SortValue, ID: r.ID} }

func list(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, kind *documents.Kind, p page.Request) ([]listed, error) {
	text, args := listQuery(organization, f, kind, p).SQL()
	found, err := q.QueryContext(ctx, text, args...)
	if err != nil {
		return nil, fmt.Errorf("list permits: %w", err)
	}
	defer func() { _ = found.Close() }()
	rows := make([]listed, 0, p.PerPage+1)
	for found.Next() { // by hand: it is what the server does most
		var r listed
		if err := found.Scan(&r.UUID, &r.SortValue, &r.Document); err != nil {
			return nil, fmt.Errorf("read a permit of a list: %w", err)
		}
		rows = append(rows, r)
	}
	if err := found.Err(); err != nil {
		return nil, fmt.Errorf("list permits: %w", err)
	}
	return rows, nil
}

func listQuery(organization uuid.UUID, f Filter, kind *documents.Kind, p page.Request) *postgres.Query {
	b := &postgres.Query{}
	b.Add(statements.Part("documents"), kind.Name(), kind.Hash())
	return rowsOf(b, organization, f, p).Add(statements.Part("documents_end"))
}

func listForExport(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, p page.Request) ([]exported, error) {
	text, args := exportQuery(organization, f, p).SQL()
	var rows []exported
	if err := q.SelectContext(ctx, &rows, text, args...); err != nil {
		return nil, fmt.Errorf("list permits for an export: %w", err)
	}
	return rows, nil
}

func exportQuery(organization uuid.UUID, f Filter, p page.Request) *postgres.Query {
	b := &postgres.Query{}
	return rowsOf(b.Add(statements.Part("columns")), organization, f, p)
}

// rowsOf adds to a select list what a page of a list is taken from.
func rowsOf(b *postgres.Query, organization uuid.UUID, f Filter, p page.Request) *postgres.Query {
	order := orderOf(f)
	b.Add(statements.Part("sorted_by_" + order.column))
	from(b, "from_", "", organization, f)
	filter(b, organization, f)
	order.after(b, f.Scope, p.After)
	b.Add(statements.Part("by_" + order.name()))
	if f.unfiltered() && p.Offset() == 0 {
		return b.Limit(p.PerPage + 1)
	}
	return b.Add(statements.Part("limit"), p.PerPage+1, p.Offset())
}

func listByUUID(ctx context.Context, q postgres.Querier, ids []uuid.UUID) ([]revised, error) {
	var rows []revised
	if err := q.SelectContext(ctx, &rows, listByUUIDSQL, pq.Array(ids)); err != nil {
		return nil, fmt.Errorf("list %d permits: %w", len(ids), err)
	}
	return rows, nil
}

func count(ctx context.Context, q postgres.Querier, organization uuid.UUID, f Filter, most int) (found counted, err error) {
	text, args := countQuery(organization, f, most).SQL()
	if err := q.GetContext(ctx, &found, text, args...); err != nil {
		return found, fmt.Errorf("count permits: %w", err)
	}
	return found, nil
}

func countQuery(organization uuid.UUID, f Filter, most int) *postgres.Query {
	b := &postgres.Query{}
	switch {
	case f.Scope == ScopeAll:
		from(b.Add(statements.Part("count_stamped")), "count_", "", organization, f)
		filter(b, organization, f)
		b.Add(statements.Part("by_" + orderOf(f).name())) // lets an index answer where a filter does not
	case f.plain():
		from(b.Add(statements.Part("count")), "count_", "_plain", organization, f)
	default:
		from(b.Add(statements.Part("count")), "count_", "", organization, f)
		filter(b, organization, f)
	}
	return b.Add(statements.Part("count_limit"), most)
}

// from adds the tables that a scope reads: the permits as p and, where the organization joined them at some time, that
// time as w.joined_at.
func from(b *postgres.Query, prefix, suffix string, organization uuid.UUID, f Filter) {
	part := statements.Part(prefix + f.Scope + suffix)
	switch f.Scope {
	case ScopeAll:
		b.Add(part)
	case ScopeCondition:
		b.Add(part, organization, f.Condition)
	default:
		b.Add(part, organization)
	}
}

func filter(b *postgres.Query, organization uuid.UUID, f Filter) {
	oneOf(b, "status", f.Statuses)
	oneOf(b, "jurisdiction", f.Jurisdictions)
	if f.State != "" {
		b.Add(statements.Part("state_is"), f.State)
	}
	if f.Stages != nil {
		b.Add(statements.Part("stage_in"), pq.Array(f.Stages))
	}
	if f.Types != nil {
		b.Add(statements.Part("type_in"), pq.Array(f.Types))
	}
	if f.Words != "" {
		b.Add(statements.Part("matches"), f.Words, f.Words, f.Words)
	}
	since(b, organization, f)
	if f.FiledAfter != nil {
		b.Add(statements.Part("filed_after"), *f.FiledAfter)
	}
	if f.FiledBefore != nil {
		b.Add(statements.Part("filed_before"), *f.FiledBefore)
	}
	if c := f.Near; c != nil {
		first, second := c.Boxes()
		b.Add(statements.Part("near"), first, second, c.Latitude, c.Longitude, c.RadiusM)
	}
}

func since(b *postgres.Query, organization uuid.UUID, f Filter) {
	if f.UpdatedSince == nil {
		return
	}
	switch at := *f.UpdatedSince; f.Scope {
	case ScopeAll:
		b.Add(statements.Part("updated_since"), at)
	case ScopePortfolio:
		b.Add(statements.Part("portfolio_since"), at, organization, at)
		fallthrough
	default:
		b.Add(statements.Part("joined_since"), at)
	}
}

// oneOf adds the condition on a column that indexes are ordered by: one value leaves that order usable, several do not.
func oneOf(b *postgres.Query, column string, values []string) {
	switch len(values) {
	case 0:
	case 1:
		b.Add(statements.Part(column+"_is"), values[0])
	default:
		b.Add(statements.Part(column+"_in"), pq.Array(values))
	}
}

// order is what a list is sorted by.
type order struct {
	column     string
	descending bool
}

func orderOf(f Filter) order {
	column, descending := strings.CutPrefix(f.Sort, "-")
	switch {
	case column == "":
		column = "uuid"
	case column == "updated_at" && f.Scope != ScopeAll:
		column = "joined"
	}
	return order{column, descending}
}

func (o order) name() string {
	if o.descending {
		return o.column + "_descending"
	}
	return o.column
}

// after adds the condition that leads past the last item of the page before.
func (o order) after(b *postgres.Query, scope string, last *page.Key) {
	switch {
	case last == nil:
	case o.column == "uuid" && scope == ScopeAll:
		b.Add(statements.Part("after_uuid"), last.ID)
	case o.column == "uuid":
		b.Add(statements.Part("after_uuid_joined"), last.ID, last.ID)
	case o.descending:
		b.Add(statements.Part("before_"+o.column), last.Value, last.ID)
	default:
		b.Add(statements.Part("after_"+o.column), last.Value, last.ID)
	}
}

// got is a permit's document with what the organization keeps with it.
type got struct {
	Document      []byte         `db:"document"` // nil when there is none that is up to date
	LastCheckedAt *time.Time     `db:"last_checked_at"`
	Tags          pq.StringArray `db:"tags"`
	Priority      *string        `db:"priority"` // nil when the permit is not on the watchlist
	AddedAt       *time.Time     `db:"added_at"`
	ConditionIDs  pq.StringArray `db:"condition_ids"`
	Noted         bool           `db:"noted"`
}

func get(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID, kind *documents.Kind) (got, error) {
	var g got
	switch err := q.GetContext(ctx, &g, getSQL, organization, permit, kind.Name(), kind.Hash()); {
	case errors.Is(err, sql.ErrNoRows):
		return g, problem.Missing("permit")
	case err != nil:
		return g, fmt.Errorf("get permit %s: %w", permit, err)
	}
	return g, nil
}

func (g got) own() (Own, error) {
	own := Own{LastCheckedAt: g.LastCheckedAt, ConditionIDs: make([]uuid.UUID, len(g.ConditionIDs))}
	if g.Priority != nil {
		own.Watched = &Watched{Tags: g.Tags, Priority: *g.Priority, AddedAt: *g.AddedAt}
	}
	for i, text := range g.ConditionIDs {
		var err error
		if own.ConditionIDs[i], err = uuid.Parse(text); err != nil {
			return own, fmt.Errorf("read the id of a condition: %w", err)
		}
	}
	return own, nil
}

func exists(ctx context.Context, q postgres.Querier, permit uuid.UUID) error {
	var found bool
	if err := q.GetContext(ctx, &found, existsSQL, permit); err != nil {
		return fmt.Errorf("look for permit %s: %w", permit, err)
	}
	if !found {
		return problem.Missing("permit")
	}
	return nil
}

// known returns invalid_parameter when a slug is that of no jurisdiction.
func known(ctx context.Context, q postgres.Querier, slugs []string) error {
	if len(slugs) == 0 {
		return nil
	}
	var unknown []string
	if err := q.SelectContext(ctx, &unknown, listUnknownSlugsSQL, pq.Array(slugs)); err != nil {
		return fmt.Errorf("look for jurisdictions: %w", err)
	}
	if len(unknown) > 0 {
		return problem.Parameter("jurisdiction", "not_found", fmt.Sprintf("must be the slug of a jurisdiction, as GET /v1/jurisdictions lists them; %s is none", strings.Join(unknown, ", ")))
	}
	return nil
}

func listParties(ctx context.Context, q postgres.Querier, permit uuid.UUID) ([]Party, error) {
	var found []Party
	if err := q.SelectContext(ctx, &found, listPartiesSQL, permit); err != nil {
		return nil, fmt.Errorf("list the parties of permit %s: %w", permit, err)
	}
	return found, nil
}

func listFees(ctx context.Context, q postgres.Querier, permit uuid.UUID) ([]Fee, error) {
	var found []Fee
	if err := q.SelectContext(ctx, &found, listFeesSQL, permit); err != nil {
		return nil, fmt.Errorf("list the fees of permit %s: %w", permit, err)
	}
	return found, nil
}

func listInspections(ctx context.Context, q postgres.Querier, permit uuid.UUID) ([]Inspection, error) {
	var found []Inspection
	if err := q.SelectContext(ctx, &found, listInspectionsSQL, permit); err != nil {
		return nil, fmt.Errorf("list the inspections of permit %s: %w", permit, err)
	}
	return found, nil
}

func listStatusChanges(ctx context.Context, q postgres.Querier, permit uuid.UUID) ([]Change, error) {
	var found []Change
	if err := q.SelectContext(ctx, &found, listStatusChangesSQL, permit); err != nil {
		return nil, fmt.Errorf("list the status changes of permit %s: %w", permit, err)
	}
	return found, nil
}

func listChanges(ctx context.Context, q postgres.Querier, permit uuid.UUID, p page.Request) ([]changed, error) {
	var rows []changed
	var err error
	if p.After != nil {
		err = q.SelectContext(ctx, &rows, listChangesAfterSQL, permit, p.After.Value, p.After.ID, p.PerPage+1)
	} else {
		err = q.SelectContext(ctx, &rows, listChangesSQL, permit, p.PerPage+1, p.Offset())
	}
	if err != nil {
		return nil, fmt.Errorf("list the changes of permit %s: %w", permit, err)
	}
	return rows, nil
}

func countChanges(ctx context.Context, q postgres.Querier, permit uuid.UUID, most int) (int, error) {
	var n int
	if err := q.GetContext(ctx, &n, countChangesSQL, permit, most); err != nil {
		return 0, fmt.Errorf("count the changes of permit %s: %w", permit, err)
	}
	return n, nil
}

func listNotes(ctx context.Context, q postgres.Querier, organization, permit uuid.UUID) ([]Note, error) {
	var found []Note
	if err := q.SelectContext(ctx, &found, listNotesSQL, organization, permit); err != nil {
		return nil, fmt.Errorf("list the notes on permit %s: %w", permit, err)
	}
	return found, nil
}

func conditionExists(ctx context.Context, q postgres.Querier, organization, condition uuid.UUID) error {
	var found bool
	if err := q.GetContext(ctx, &found, conditionExistsSQL, organization, condition); err != nil {
		return fmt.Errorf("look for condition %s: %w", condition, err)
	}
	if !found {
		return problem.Missing("condition")
	}
	return nil
}
