package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/jurisdictions"
	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
)

// File is one file of an import.
type File struct {
	Name   string
	Reader io.Reader
}

// Progress is told how an import goes on. Its functions may be nil.
type Progress struct {
	Pulled   func(rows, of int64)                    // so many more rows came from a portal, of so many in all; -1 is unknown
	Read     func(rows int64)                        // so many more rows were read
	Grouped  func(permits int64)                     // all are read; so many permits are left to merge
	Merged   func(permits int64)                     // so many more are merged
	Rejected func(file string, r *RejectError) error // a row was left out
}

// Result counts what an import did.
type Result struct {
	Rows      int64 // read and taken
	Rejected  int64
	Merged    int64 // rows that had the number of another row
	Permits   int64 // that the rows are about
	New       int64 // permits that are new or, of other datasets, had none of them before
	Changed   int64
	Unchanged int64
	Duration  time.Duration
}

// Importer merges files into the permits of their jurisdiction, or into their inspections or fees.
type Importer struct {
	db            *postgres.DB
	jurisdictions *jurisdictions.Service
	conditions    *conditions.Service
	contacts      *contacts.Service
	outbox        *events.Outbox
	now           func() time.Time
}

// NewImporter returns an Importer on the database.
func NewImporter(db *postgres.DB, outbox *events.Outbox, now func() time.Time, newID func() uuid.UUID) *Importer {
	found := contacts.NewService(db, newID)
	return &Importer{
		db: db, jurisdictions: jurisdictions.NewService(db, newID), contacts: found, outbox: outbox,
		conditions: conditions.NewService(db, found.Track, now, newID), now: now,
	}
}

// Import reads the files, in order, as one import. What it did is committed in batches: an import that is cut short
// leaves whole permits, and the same one again ends where it would have ended. Files of permits have to give the same
// fields. The contacts of organizations that track changed permits are left to contacts.Drain.
//
// Of permits whose JSON array breaks off, it imports what comes before that, and returns a *CutError with what it did. Of
// fees and inspections it imports nothing then: what is missing would count as removed.
func (m *Importer) Import(ctx context.Context, s *Source, files []File, p Progress) (Result, error) {
	start := m.now()
	id, err := m.ensure(ctx, s)
	if err != nil {
		return Result{}, err
	}
	r := run{importer: m, source: s, jurisdiction: id, progress: p.complete()}
	err = postgres.WithConn(ctx, m.db, func(conn *postgres.Conn) error { return r.all(ctx, conn, files) })
	r.result.Duration = m.now().Sub(start)
	if err != nil {
		return r.result, fmt.Errorf("import %s: %w", s.Jurisdiction.Slug, err)
	}
	return r.result, nil
}

func (m *Importer) ensure(ctx context.Context, s *Source) (uuid.UUID, error) {
	return m.jurisdictions.Ensure(ctx, s.Jurisdiction.Slug, s.Jurisdiction.Name, s.Jurisdiction.Region)
}

// complete puts functions that do nothing where there are none.
func (p Progress) complete() Progress {
	ignore := func(int64) {}
	if p.Pulled == nil {
		p.Pulled = func(int64, int64) {}
	}
	if p.Read == nil {
		p.Read = ignore
	}
	if p.Grouped == nil {
		p.Grouped = ignore
	}
	if p.Merged == nil {
		p.Merged = ignore
	}
	if p.Rejected == nil {
		p.Rejected = func(string, *RejectError) error { return nil }
	}
	return p
}

// run is one import.
type run struct {
	importer     *Importer
	source       *Source
	jurisdiction uuid.UUID
	progress     Progress
	taking       intake
	result       Result
}

func (r *run) all(ctx context.Context, conn *postgres.Conn, files []File) error {
	if len(files) == 0 {
		return errors.New("there is no file to read")
	}
	r.taking = r.newIntake(conn)
	defer r.taking.abort()
	cut, err := r.readAll(ctx, files)
	if err != nil {
		return err
	}
	staging := r.taking.staging()
	sum, err := staging.Group(ctx)
	if err != nil {
		return err
	}
	r.result.Merged, r.result.Permits, r.result.Unchanged = sum.Merged, sum.Permits, sum.Permits-sum.Pending
	r.progress.Grouped(sum.Pending)
	if err := r.merge(ctx, staging); err != nil {
		return err
	}
	if err := staging.Finish(ctx); err != nil {
		return err
	}
	if cut != nil {
		return cut
	}
	return r.checked(ctx)
}

// readAll reads the files, up to where one breaks off if what comes before that is to be kept.
func (r *run) readAll(ctx context.Context, files []File) (cut, err error) {
	for _, f := range files {
		err := r.read(ctx, f)
		var broken *CutError
		switch {
		case errors.As(err, &broken) && r.source.Dataset == Permits:
			return fmt.Errorf("%s: %w; what comes before is imported", f.Name, err), nil
		case errors.As(err, &broken):
			return nil, fmt.Errorf("%s: %w; nothing is imported, as what is missing would count as removed", f.Name, err)
		case err != nil:
			return nil, fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil, nil
}

// checked records that the source was read to its end; inspections and fees say nothing of how fresh the permits are.
func (r *run) checked(ctx context.Context) error {
	if r.source.Dataset != Permits {
		return nil
	}
	return r.importer.jurisdictions.Checked(ctx, r.jurisdiction, r.importer.now())
}

// reportEvery is how many rows or permits go between two reports of progress.
const reportEvery = 1000

func (r *run) read(ctx context.Context, f File) (err error) {
	f.Reader = &interruptible{ctx, f.Reader}
	defer func() { err = errors.Join(err, r.taking.close()) }()
	if err := r.taking.open(ctx, f); err != nil {
		return err
	}
	for n := int64(1); ; n++ {
		err := r.taking.next(ctx)
		var rejected *RejectError
		switch {
		case errors.Is(err, io.EOF):
			r.progress.Read((n - 1) % reportEvery)
			return nil
		case errors.As(err, &rejected):
			if err := r.reject(f.Name, rejected); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		if n%reportEvery == 0 {
			r.progress.Read(reportEvery)
		}
	}
}

// interruptible reads a file, which may be long, until its context ends.
type interruptible struct {
	ctx  context.Context
	from io.Reader
}

// Read returns the context's error once it has ended.
func (i *interruptible) Read(p []byte) (int, error) {
	if err := i.ctx.Err(); err != nil {
		return 0, err
	}
	return i.from.Read(p)
}

func (r *run) reject(file string, rejected *RejectError) error {
	r.result.Rejected++
	return r.progress.Rejected(file, rejected)
}

func (r *run) merge(ctx context.Context, s staging) error {
	for {
		o, err := s.Merge(ctx, func(tx *postgres.Tx, o permits.Outcome) error { return r.follow(ctx, tx, o) })
		if err != nil || o.Looked == 0 {
			return err
		}
		seen := int64(o.Added + o.First)
		r.result.New += seen
		r.result.Changed += int64(o.Changed)
		r.result.Unchanged += o.Looked - seen - int64(o.Changed)
		r.progress.Merged(o.Looked)
	}
}

// follow does what follows from a batch, in its transaction: who watches its permits is told, permits that moved match
// other conditions, and their contacts are to be found anew.
func (r *run) follow(ctx context.Context, tx *postgres.Tx, o permits.Outcome) error {
	if o.Added+o.First+o.Changed == 0 {
		return nil
	}
	r.importer.outbox.Append(tx, o.Events...)
	if err := r.importer.jurisdictions.Changed(ctx, tx, r.jurisdiction, o.Added, o.At); err != nil {
		return err
	}
	some, err := r.importer.conditions.Match(ctx, tx, o.Moved, o.At)
	if err != nil {
		return err
	}
	if !some && o.Changed == 0 { // nobody tracks a new permit that no condition matches
		return nil
	}
	return r.importer.contacts.Changed(ctx, tx, o.Moved)
}
