package permits

import (
	"context"
	"crypto/md5" //nolint:gosec // tells rows apart, keeps no secret
	"fmt"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Entry is a source's row about a permit that it names by number: a *FeeRecord or an *InspectionRecord.
type Entry interface {
	permitNumber() string
	values() []any // in the order in which they are copied
}

// FeeRecord is a fee as a source's row has it. Empty means that the source leaves the value empty.
type FeeRecord struct {
	PermitNumber string
	Number       string // the city's own; one number is one fee of the permit
	Name         string // 1 to 200 characters
	Amount       string // US dollars, decimal; always there
	PaidAmount   string
	AssessedDate string // YYYY-MM-DD
	PaidDate     string
}

func (r *FeeRecord) permitNumber() string { return r.PermitNumber }

func (r *FeeRecord) values() []any {
	return []any{r.Number, r.Name, r.Amount, optional(r.PaidAmount), optional(r.AssessedDate), optional(r.PaidDate)}
}

// InspectionRecord is an inspection as a source's row has it. Empty means that the source leaves the value empty.
type InspectionRecord struct {
	PermitNumber  string
	Number        string // the city's own; one number is one inspection of the permit
	Type          string // 1 to 200 characters
	Description   string
	Result        string
	ScheduledDate string // YYYY-MM-DD
	InspectedDate string
	Inspector     string
	Notes         string
}

func (r *InspectionRecord) permitNumber() string { return r.PermitNumber }

func (r *InspectionRecord) values() []any {
	return []any{r.Number, r.Type, r.Description, r.Result, optional(r.ScheduledDate), optional(r.InspectedDate), r.Inspector, r.Notes}
}

// kind is what sets fees and inspections apart while they are merged: the name of their table and hash, the scope of
// their changes, the parts of staging_entries.sql that are theirs alone, and what lists their events.
type kind struct {
	name, scope          string
	create, copy, insert string
	events               func(ctx context.Context, tx *postgres.Tx, o *Outcome) error
}

var (
	feeKind        = kind{name: "fees", scope: "fee", create: "createFees", copy: "copyFees", insert: "insertFees", events: listFeeEvents}
	inspectionKind = kind{name: "inspections", scope: "inspection", create: "createInspections", copy: "copyInspections", insert: "insertInspections", events: listInspectionEvents}
)

// EntryStaging merges the rows of one import into the fees, or the inspections, of a jurisdiction's permits: Add them
// all, Group, then Merge until it is done. The rows of a permit become the whole of its fees or inspections; a permit
// without rows keeps what it has. Of rows with the same number the last one counts. It lives on one connection and is
// not for concurrent use.
type EntryStaging struct {
	batches
	jurisdiction uuid.UUID
	kind         kind
	position     int64
}

// StageFees begins an import of fees on a connection of its own. It returns ErrImportRunning when the jurisdiction is
// being imported by somebody else.
func StageFees(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID) (*EntryStaging, error) {
	return stageEntries(ctx, conn, jurisdiction, feeKind)
}

// StageInspections begins an import of inspections, as StageFees does for fees.
func StageInspections(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID) (*EntryStaging, error) {
	return stageEntries(ctx, conn, jurisdiction, inspectionKind)
}

func stageEntries(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID, k kind) (*EntryStaging, error) {
	if err := createEntryStaging(ctx, conn, jurisdiction, k); err != nil {
		return nil, err
	}
	return &EntryStaging{batches: batches{conn: conn}, jurisdiction: jurisdiction, kind: k}, nil
}

// Add stages rows, all FeeRecords or all InspectionRecords as the import was begun. It leaves out those that name a
// permit which the jurisdiction does not have, and returns their places in the slice.
func (s *EntryStaging) Add(ctx context.Context, rows []Entry) (unknown []int, err error) {
	err = postgres.InTx(ctx, s.conn, func(tx *postgres.Tx) error {
		known, err := listKnown(ctx, tx, s.jurisdiction, rows)
		if err != nil {
			return err
		}
		staged := make([][]any, 0, len(rows))
		for i, r := range rows {
			permit, ok := known[r.permitNumber()]
			if !ok {
				unknown = append(unknown, i)
				continue
			}
			s.position++
			values := r.values()
			staged = append(staged, append([]any{permit.String(), s.position, entryFingerprint(values).String()}, values...))
		}
		return copyEntries(ctx, tx, s.kind, staged)
	})
	return unknown, err
}

func entryFingerprint(values []any) uuid.UUID {
	h := md5.New() //nolint:gosec // as above
	for _, v := range values {
		h.Write(fmt.Appendf(nil, "%#v\x00", v))
	}
	return uuid.UUID(h.Sum(nil))
}

// Group ends the adding: it drops the rows whose number comes again, and finds the permits whose rows are not those
// that are known already.
func (s *EntryStaging) Group(ctx context.Context) (Summary, error) {
	if err := groupEntries(ctx, s.conn, s.kind); err != nil {
		return Summary{}, err
	}
	sum, err := summarizeEntries(ctx, s.conn)
	sum.Merged = s.position - sum.Rows
	s.pending = sum.Pending
	return sum, err
}

// Merge replaces the rows of the next permits, at most batchSize, in one transaction. What differs becomes rows of the
// history, except where nothing was imported before. What then does belongs to the same transaction.
func (s *EntryStaging) Merge(ctx context.Context, then func(tx *postgres.Tx, o Outcome) error) (Outcome, error) {
	return s.next(ctx, func(tx *postgres.Tx, o *Outcome) error {
		return mergeEntries(ctx, tx, s.kind, s.merged, o)
	}, then)
}

// Finish brings the planner's statistics up to date after a large import.
func (s *EntryStaging) Finish(ctx context.Context) error {
	if s.merged < batchSize {
		return nil
	}
	return runEntries(ctx, s.conn, s.kind, "analyze")
}
