package ingest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
)

// intake takes the rows of an import's files into its staging.
type intake interface {
	// open begins a file.
	open(ctx context.Context, f File) error
	// next takes the file's next row. It returns io.EOF at the end, and a *RejectError for a row that cannot be taken.
	next(ctx context.Context) error
	// close ends a file, whether or not it could be opened and read to its end.
	close() error
	// abort gives the connection back where the files could not be read to their end.
	abort()
	staging() staging
}

// staging merges what was taken: a permits.Staging or a permits.EntryStaging.
type staging interface {
	Group(ctx context.Context) (permits.Summary, error)
	Merge(ctx context.Context, then func(tx *postgres.Tx, o permits.Outcome) error) (permits.Outcome, error)
	Finish(ctx context.Context) error
}

func (r *run) newIntake(conn *postgres.Conn) intake {
	if r.source.Dataset == Permits {
		return &permitIntake{run: r, conn: conn}
	}
	return &entryIntake{run: r, conn: conn}
}

// permitIntake takes permits.
type permitIntake struct {
	run    *run
	conn   *postgres.Conn
	staged *permits.Staging
	fields []string // that the first file gives
	reader *Reader
	record permits.Record
}

func (p *permitIntake) open(ctx context.Context, f File) (err error) {
	if p.reader, err = NewReader(f, p.run.source); err != nil {
		return err
	}
	fields := p.reader.Provides()
	if p.staged == nil {
		p.fields = fields
		p.staged, err = permits.Stage(ctx, p.conn, p.run.jurisdiction, fields)
		return err
	}
	if !slices.Equal(fields, p.fields) {
		return fmt.Errorf("this file gives %v, the ones before %v: import them one after another", fields, p.fields)
	}
	return nil
}

func (p *permitIntake) next(ctx context.Context) error {
	if err := p.reader.Next(&p.record); err != nil {
		return err
	}
	p.run.result.Rows++
	return p.staged.Add(ctx, &p.record)
}

func (p *permitIntake) close() error {
	if p.reader == nil {
		return nil
	}
	return p.reader.Close()
}

func (p *permitIntake) abort() {
	if p.staged != nil {
		p.staged.Abort()
	}
}

func (p *permitIntake) staging() staging { return p.staged }

// entryIntake takes inspections or fees. It hands them on many at a time, because each time their permits are looked up.
type entryIntake struct {
	run     *run
	conn    *postgres.Conn
	staged  *permits.EntryStaging
	file    string
	reader  *entryReader
	entries []permits.Entry
	rows    []*RejectError // of the entries, for those whose permit is not found
}

const handOver = 1000

func (e *entryIntake) open(ctx context.Context, f File) (err error) {
	if e.reader, err = newEntryReader(f, e.run.source); err != nil {
		return err
	}
	e.file = f.Name
	if e.staged != nil {
		return nil
	}
	stage := permits.StageInspections
	if e.run.source.Dataset == Fees {
		stage = permits.StageFees
	}
	e.staged, err = stage(ctx, e.conn, e.run.jurisdiction)
	return err
}

func (e *entryIntake) next(ctx context.Context) error {
	entry, row, err := e.reader.next()
	switch {
	case errors.Is(err, io.EOF):
		if err := e.add(ctx); err != nil {
			return err
		}
		return io.EOF
	case err != nil:
		return err
	}
	e.entries = append(e.entries, entry)
	e.rows = append(e.rows, &RejectError{Line: e.reader.line, Row: slices.Clone(row)})
	if len(e.entries) < handOver {
		return nil
	}
	return e.add(ctx)
}

func (e *entryIntake) add(ctx context.Context) error {
	if len(e.entries) == 0 {
		return nil
	}
	unknown, err := e.staged.Add(ctx, e.entries)
	if err != nil {
		return err
	}
	for _, n := range unknown {
		rejected := e.rows[n]
		rejected.Reason = "the jurisdiction has no permit of that number"
		if err := e.run.reject(e.file, rejected); err != nil {
			return err
		}
	}
	e.run.result.Rows += int64(len(e.entries) - len(unknown))
	e.entries, e.rows = e.entries[:0], e.rows[:0]
	return nil
}

func (e *entryIntake) close() error {
	if e.reader == nil {
		return nil
	}
	return e.reader.close()
}

func (e *entryIntake) abort() {} // it stages many rows at a time, and holds nothing between

func (e *entryIntake) staging() staging { return e.staged }
