package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"github.com/plotwise/plotwise/internal/ingest"
)

type importCommand struct {
	Source  string   `required:"" help:"A shipped source (${sources}), or the path of a source file." placeholder:"SOURCE"`
	Rejects string   `default:"plotwise.rejects.csv" help:"File for the rows that cannot be taken, each with its line and reason." placeholder:"FILE"`
	Files   []string `arg:"" name:"file" help:"CSV, JSON or NDJSON files, plain or gzip; - is standard input."`
}

// Help tells what the one-line help leaves out.
func (importCommand) Help() string {
	return `The files are one import: rows with the same permit number are one permit, of which the last row wins. The first import
of a permit is its baseline; later ones record what changed. The same files again change nothing, and an import that
was cut short can simply be run again. Files with the column names of BLDS 1.2 need no mapping.

A name that ends in .json (an array of objects), .ndjson or .jsonl (an object a line), with .gz or without, tells the
format; other files are CSV, and standard input is, unless the source says its format. Of permits whose array breaks off,
those before that are imported, and the exit code is 1.

Inspections and fees come in files of their own, which their source names as its dataset. Such a file holds all that its
permits have; permits that it does not name keep theirs. Import the permits first.

  plotwise import --source austin permits_2014.csv.gz permits_2015.csv.gz
  plotwise import --source ./fees.yaml fees.csv
  plotwise import --source seattle permits.ndjson.gz
  curl -s https://city.example/permits.csv | plotwise import --source ./mine.yaml -

How to write a source file: internal/ingest/sources/README.md.`
}

// Run imports the files and prints a summary.
func (c *importCommand) Run(ctx context.Context, g *globals) error {
	source, err := ingest.LoadSource(c.Source)
	if err != nil {
		return err
	}
	inputs, err := openAll(c.Files)
	if err != nil {
		return err
	}
	defer inputs.close()
	return g.withDatabase(ctx, func(db *database) error { return c.importAll(ctx, g, db, source, inputs) })
}

func (c *importCommand) importAll(ctx context.Context, g *globals, db *database, source *ingest.Source, in *inputs) error {
	rejects := &ingest.RejectFile{Path: c.Rejects}
	view := newView(in.size)
	result, err := ingest.NewImporter(db.DB, g.outbox(), now, newID).Import(ctx, source, in.files(view), ingest.Progress{
		Read: view.read, Grouped: view.grouped, Merged: view.merged, Rejected: rejects.Add,
	})
	view.end()
	err = errors.Join(err, rejects.Close())
	var cut *ingest.CutError
	if err != nil && (!errors.As(err, &cut) || source.Dataset != ingest.Permits) {
		return err
	}
	fmt.Print(summary(source.Dataset, result))
	if rejects.Written() {
		fmt.Printf("  The rejected rows are in %s.\n", c.Rejects)
	}
	return err
}

func summary(dataset string, r ingest.Result) string {
	rate := float64(r.Rows+r.Rejected) / max(r.Duration.Seconds(), 0.001)
	took := r.Duration.Round(10 * time.Millisecond)
	if dataset == ingest.Permits {
		return fmt.Sprintf(`Imported %s as %s in %s (%.0f rows/s).
  new %d, changed %d, unchanged %d
  merged %d (rows with the number of another row), rejected %d
`, count(r.Rows, "row"), count(r.Permits, "permit"), took, rate, r.New, r.Changed, r.Unchanged, r.Merged, r.Rejected)
	}
	return fmt.Sprintf(`Imported %s as %s of %s in %s (%.0f rows/s).
  permits with their first %s %d, changed %d, unchanged %d
  merged %d (rows with the number of another row), rejected %d
`, count(r.Rows, "row"), count(r.Rows-r.Merged, strings.TrimSuffix(dataset, "s")), count(r.Permits, "permit"), took, rate, dataset, r.New, r.Changed, r.Unchanged, r.Merged, r.Rejected)
}

func count(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// inputs are the open files of an import.
type inputs struct {
	opened []*os.File
	size   int64 // of all of them, -1 when it cannot be known
}

// openAll opens every file before anything is imported, so that a mistyped name stops the import at once.
func openAll(names []string) (*inputs, error) {
	in := &inputs{}
	for _, name := range names {
		f := os.Stdin
		if name != "-" {
			var err error
			if f, err = os.Open(name); err != nil { //nolint:gosec // the user's own choice
				in.close()
				return nil, err
			}
		}
		in.opened = append(in.opened, f)
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() && in.size >= 0 {
			in.size += info.Size()
		} else {
			in.size = -1
		}
	}
	return in, nil
}

func (in *inputs) close() {
	for _, f := range in.opened {
		_ = f.Close() // only read from
	}
}

func (in *inputs) files(v *view) []ingest.File {
	var files []ingest.File
	for _, f := range in.opened {
		files = append(files, ingest.File{Name: f.Name(), Reader: io.TeeReader(f, v)})
	}
	return files
}

// view shows how an import, or an audit, goes on: bars on a terminal, else a line every few seconds.
type view struct {
	bar      *progressbar.ProgressBar
	rows     int64
	permits  int64
	pending  int64
	reported time.Time
}

func newView(size int64) *view {
	v := &view{reported: now()}
	if terminal() {
		v.bar = progressbar.DefaultBytes(size, "reading")
	}
	return v
}

func terminal() bool { return term.IsTerminal(int(os.Stderr.Fd())) }

// pulled counts rows from a portal, of so many, or of -1 where that is unknown.
func (v *view) pulled(rows, of int64) {
	if v.bar == nil && terminal() {
		v.bar = progressbar.Default(of, "pulling")
	}
	if v.bar != nil {
		_ = v.bar.Add64(rows)
	}
	v.rows += rows
	v.line("pulled %d rows", v.rows)
}

// audited counts numbers of events, of so many.
func (v *view) audited(numbers, of int64) {
	if v.bar == nil && terminal() {
		v.bar = progressbar.Default(of, "auditing")
	}
	if v.bar != nil {
		_ = v.bar.Add64(numbers)
	}
	v.rows, v.pending = v.rows+numbers, of
	v.line("audited %d of %d events", v.rows, of)
}

// Write counts the bytes that were read.
func (v *view) Write(p []byte) (int, error) {
	if v.bar != nil {
		_ = v.bar.Add(len(p)) // only drawing can fail
	}
	return len(p), nil
}

func (v *view) read(rows int64) {
	v.rows += rows
	v.line("read %d rows", v.rows)
}

func (v *view) grouped(permits int64) {
	v.pending = permits
	if v.bar != nil {
		_ = v.bar.Finish()
		fmt.Fprintln(os.Stderr)
		if permits > 0 {
			v.bar = progressbar.Default(permits, "merging")
		}
	}
}

func (v *view) merged(permits int64) {
	v.permits += permits
	if v.bar != nil {
		_ = v.bar.Add64(permits)
	}
	v.line("merged %d of %d permits", v.permits, v.pending)
}

const lineEvery = 2 * time.Second

func (v *view) line(format string, args ...any) {
	if v.bar != nil || now().Sub(v.reported) < lineEvery {
		return
	}
	v.reported = now()
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (v *view) end() {
	if v.bar != nil && v.pending > 0 {
		fmt.Fprintln(os.Stderr)
	}
}

// sources lists the shipped sources for the help.
func sources() string { return strings.Join(ingest.SourceNames(), ", ") }
