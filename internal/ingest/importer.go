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
	Read     func(rows int64)                        // so many more rows were read
	Grouped  func(permits int64)                     // all are read; so many permits are left to merge
	Merged   func(permits int64)                     // so many more are merged
	Rejected func(file string, r *RejectError) error // a row was left out
}

// Result counts what an import did.
type Result struct {
	Rows      int64 // read and taken
	Rejected  int64
	Permits   int64 // distinct numbers among the rows
	New       int64
	Changed   int64
	Unchanged int64
	Duration  time.Duration
}

// Merged is how many rows had the number of another row.
func (r Result) Merged() int64 { return r.Rows - r.Permits }

// Importer merges files into the permits of their jurisdiction.
type Importer struct {
	db            *postgres.DB
	jurisdictions *jurisdictions.Service
	conditions    *conditions.Service
	contacts      *contacts.Service
	now           func() time.Time
}

// NewImporter returns an Importer on the database.
func NewImporter(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Importer {
	found := contacts.NewService(db, newID)
	return &Importer{
		db: db, jurisdictions: jurisdictions.NewService(db, newID), contacts: found,
		conditions: conditions.NewService(db, found.Tracked, now, newID), now: now,
	}
}

// Import reads the files, in order, as one import. What it did is committed in batches: an import that is cut short
// leaves whole permits, and the same one again ends where it would have ended. The files have to give the same fields.
func (m *Importer) Import(ctx context.Context, s *Source, files []File, p Progress) (Result, error) {
	start := m.now()
	id, err := m.jurisdictions.Ensure(ctx, s.Jurisdiction.Slug, s.Jurisdiction.Name, s.Jurisdiction.Region)
	if err != nil {
		return Result{}, err
	}
	r := run{importer: m, source: s, jurisdiction: id, progress: p.complete()}
	err = postgres.WithConn(ctx, m.db, func(conn *postgres.Conn) error { return r.all(ctx, conn, files) })
	if err != nil {
		return r.result, fmt.Errorf("import %s: %w", s.Jurisdiction.Slug, err)
	}
	r.result.Duration = m.now().Sub(start)
	return r.result, nil
}

// complete puts functions that do nothing where there are none.
func (p Progress) complete() Progress {
	ignore := func(int64) {}
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
	staging      *permits.Staging
	fields       []string
	result       Result
}

func (r *run) all(ctx context.Context, conn *postgres.Conn, files []File) error {
	for _, f := range files {
		if err := r.read(ctx, conn, f); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	if r.staging == nil {
		return errors.New("there is no file to read")
	}
	sum, err := r.staging.Group(ctx)
	if err != nil {
		return err
	}
	r.result.Permits, r.result.Unchanged = sum.Permits, sum.Permits-sum.Pending
	r.progress.Grouped(sum.Pending)
	if err := r.merge(ctx); err != nil {
		return err
	}
	if err := r.staging.Finish(ctx); err != nil {
		return err
	}
	if err := r.importer.contacts.Drain(ctx); err != nil {
		return err
	}
	return r.importer.jurisdictions.Checked(ctx, r.jurisdiction, r.importer.now())
}

// reportEvery is how many rows or permits go between two reports of progress.
const reportEvery = 1000

func (r *run) read(ctx context.Context, conn *postgres.Conn, f File) error {
	reader, err := NewReader(f.Reader, r.source)
	if err != nil {
		return err
	}
	if err := r.begin(ctx, conn, reader.Provides()); err != nil {
		return err
	}
	var rec permits.Record
	for n := int64(1); ; n++ {
		err := reader.Next(&rec)
		var rejected *RejectError
		switch {
		case errors.Is(err, io.EOF):
			r.progress.Read((n - 1) % reportEvery)
			return nil
		case errors.As(err, &rejected):
			r.result.Rejected++
			if err := r.progress.Rejected(f.Name, rejected); err != nil {
				return err
			}
		case err != nil:
			return err
		default:
			r.result.Rows++
			if err := r.staging.Add(ctx, &rec); err != nil {
				return err
			}
		}
		if n%reportEvery == 0 {
			r.progress.Read(reportEvery)
		}
	}
}

// begin stages the first file, and holds each other one against it.
func (r *run) begin(ctx context.Context, conn *postgres.Conn, fields []string) error {
	if r.staging != nil {
		if fmt.Sprint(fields) != fmt.Sprint(r.fields) {
			return fmt.Errorf("this file gives %v, the ones before %v: import them one after another", fields, r.fields)
		}
		return nil
	}
	var err error
	r.fields = fields
	r.staging, err = permits.Stage(ctx, conn, r.jurisdiction, fields)
	return err
}

func (r *run) merge(ctx context.Context) error {
	for {
		o, err := r.staging.Merge(ctx, func(tx *postgres.Tx, o permits.Outcome) error { return r.follow(ctx, tx, o) })
		if err != nil || o.Looked == 0 {
			return err
		}
		r.result.New += int64(o.Added)
		r.result.Changed += int64(o.Changed)
		r.result.Unchanged += o.Looked - int64(o.Added) - int64(o.Changed)
		r.progress.Merged(o.Looked)
	}
}

// follow does what follows from a batch, in its transaction: permits that moved match other conditions, and have other
// contacts.
func (r *run) follow(ctx context.Context, tx *postgres.Tx, o permits.Outcome) error {
	if o.Added+o.Changed == 0 {
		return nil
	}
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
