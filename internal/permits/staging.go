package permits

import (
	"context"
	"crypto/md5" //nolint:gosec // tells rows apart, keeps no secret
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
)

// batchSize is how many permits one transaction merges at most.
const batchSize = 1000

// Record is a permit as a source's row has it, in BLDS 1.2 terms. Empty means that the source leaves the value empty.
type Record struct {
	PermitNumber  string // 1 to 100 characters; with the jurisdiction, the permit's key
	Status        string
	Stage         string
	Type          string
	Description   string
	Street        string
	City          string
	Region        string
	PostalCode    string
	Latitude      *float64 // both or neither
	Longitude     *float64
	FiledDate     string // YYYY-MM-DD
	IssuedDate    string
	ExpiresDate   string
	CompletedDate string
	Valuation     string // US dollars, decimal
	Parties       []Party
}

// Staging merges the rows of one import into a jurisdiction's permits: Add them all, Group, then Merge until it is
// done. Rows with the same permit number are one permit: the last one's values, and the parties of all. It lives on one
// connection and is not for concurrent use.
type Staging struct {
	batches
	jurisdiction uuid.UUID
	fields       []string
	rows         *postgres.Copy
	position     int64
	given        string // the fields, for fingerprints
	said         []byte // all that the last row says
}

// Summary counts what an import brought.
type Summary struct {
	Rows    int64 `db:"rows"`
	Merged  int64 `db:"merged"` // rows that another row of the same number took the place of, or was united with
	Permits int64 `db:"permits"`
	Pending int64 `db:"pending"` // new, or other than when last seen: those that Merge looks at
}

// Outcome counts what one Merge did.
type Outcome struct {
	Looked  int64          // how many permits it looked at; 0 when there was nothing left
	Added   int            `db:"added"` // permits that are new
	First   int            `db:"first"` // permits that got their first fees, or inspections; their baseline
	Changed int            `db:"changed"`
	At      time.Time      // the changes' updated_at
	Moved   []uuid.UUID    // permits that are new, or whose parties or place changed
	Events  []events.Event // for the organizations that watch the permits
}

// Stage begins an import on a connection of its own. The fields are those that the source gives; a stored permit keeps
// its value of any other. It returns ErrImportRunning when the jurisdiction is being imported by somebody else.
func Stage(ctx context.Context, conn *postgres.Conn, jurisdiction uuid.UUID, fields []string) (*Staging, error) {
	if err := createStaging(ctx, conn, jurisdiction); err != nil {
		return nil, err
	}
	rows, err := startCopy(ctx, conn)
	if err != nil {
		return nil, err
	}
	return &Staging{batches: batches{conn: conn}, jurisdiction: jurisdiction, fields: fields, given: fmt.Sprintf("%q", fields), rows: rows}, nil
}

// Abort ends an import that will not be grouped: before that its connection is no use for anything else. After Group it
// does nothing.
func (s *Staging) Abort() { s.rows.Abort() }

// Add stages one row.
func (s *Staging) Add(ctx context.Context, r *Record) error {
	s.position++
	parties := []byte("[]")
	if len(r.Parties) > 0 {
		var err error
		if parties, err = json.Marshal(r.Parties); err != nil {
			return fmt.Errorf("stage permit %q: %w", r.PermitNumber, err)
		}
	}
	return stage(ctx, s.rows, s.position, r, parties, s.fingerprint(r, parties))
}

// fingerprint tells a row from any other one, so that what did not change since is not looked at.
func (s *Staging) fingerprint(r *Record, parties []byte) uuid.UUID {
	said := append(s.said[:0], s.given...)
	for _, v := range []string{
		r.Status, r.Stage, r.Type, r.Description, r.Street, r.City, r.Region, r.PostalCode,
		r.FiledDate, r.IssuedDate, r.ExpiresDate, r.CompletedDate, r.Valuation,
	} {
		said = append(append(said, v...), 0)
	}
	if r.Latitude != nil {
		said = fmt.Appendf(said, "%g %g", *r.Latitude, *r.Longitude)
	}
	s.said = append(said, parties...)
	return md5.Sum(s.said) //nolint:gosec // as above
}

// Group ends the adding: it finds the permits that are not known so already, and unites the rows of each.
func (s *Staging) Group(ctx context.Context) (Summary, error) {
	var sum Summary
	if err := finishCopy(ctx, s.rows); err != nil {
		return sum, err
	}
	if err := group(ctx, s.conn, s.jurisdiction); err != nil {
		return sum, err
	}
	sum, err := summarize(ctx, s.conn)
	if err != nil || sum.Pending == 0 {
		return sum, err
	}
	s.pending = sum.Pending
	return sum, unite(ctx, s.conn)
}

// Merge merges the next permits, at most batchSize, in one transaction; changes become rows of the history. What
// then does belongs to the same transaction.
func (s *Staging) Merge(ctx context.Context, then func(tx *postgres.Tx, o Outcome) error) (Outcome, error) {
	return s.next(ctx, func(tx *postgres.Tx, o *Outcome) error { return s.merge(ctx, tx, o) }, then)
}

func (s *Staging) merge(ctx context.Context, tx *postgres.Tx, o *Outcome) error {
	if err := fillBatch(ctx, tx, s.fields, s.merged, s.merged+o.Looked); err != nil {
		return err
	}
	if err := stamp(ctx, tx, o); err != nil {
		return err
	}
	if err := mergeBatch(ctx, tx, s.jurisdiction, o.At); err != nil {
		return err
	}
	if err := listMoved(ctx, tx, o); err != nil {
		return err
	}
	if err := listStatusEvents(ctx, tx, o); err != nil {
		return err
	}
	return countBatch(ctx, tx, o)
}

// Finish brings the planner's statistics up to date after a large import.
func (s *Staging) Finish(ctx context.Context) error {
	if s.merged < batchSize {
		return nil
	}
	return analyze(ctx, s.conn)
}

// batches counts how far a merge has come.
type batches struct {
	conn    *postgres.Conn
	pending int64 // permits in all
	merged  int64
}

// next merges the next batch, and does what belongs to it, in one transaction.
func (b *batches) next(ctx context.Context, merge func(*postgres.Tx, *Outcome) error, then func(*postgres.Tx, Outcome) error) (Outcome, error) {
	o := Outcome{Looked: min(batchSize, b.pending-b.merged)}
	if o.Looked == 0 {
		return o, nil
	}
	err := postgres.InTx(ctx, b.conn, func(tx *postgres.Tx) error {
		if err := merge(tx, &o); err != nil {
			return err
		}
		return then(tx, o)
	})
	b.merged += o.Looked
	return o, err
}
