package ingest

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
)

// spool keeps what is wanted of a JSON file, as CSV: where a row is, why it is rejected ("" when it is not), and its values
// or, of a rejected one, its text. Objects need not have the same keys, so that only at the end of a file it is known
// which columns it has.
type spool struct {
	columns []string          // in lower case
	wanted  map[string]bool   // the keys that give them
	names   map[string]string // the file's keys as they are written: in lower case
	shown   []string          // the first of them, for who looks for another one
	has     []bool            // the columns that some object has
	fields  map[string]any    // of the current object
	row     []string
	file    *os.File
	out     *csv.Writer
	objects int
	refused error // the first rejected row
	end     error // io.EOF or a *CutError
}

const (
	mostNames  = 10_000 // that are remembered, so that a file cannot fill the memory with them
	longName   = 100    // bytes; longer ones are not remembered
	shownNames = 50
)

// openJSON returns a function that opens a file of that format.
func openJSON(format string) func(io.Reader, *Source) (rows, header, error) {
	return func(text io.Reader, s *Source) (rows, header, error) {
		if !s.hasHeader() {
			return nil, header{}, errors.New("header: false is for CSV files: the objects of a JSON file name their values")
		}
		in := bufio.NewReaderSize(text, 1<<16)
		var from objects = &ndjson{in: in}
		if format == formatJSON {
			var err error
			if from, err = openArray(in); err != nil {
				return nil, header{}, err
			}
		}
		p, err := newSpool(s.wantedColumns())
		if err != nil {
			return nil, header{}, err
		}
		if err := p.fill(from); err != nil {
			return nil, header{}, errors.Join(err, p.close())
		}
		return p.rows()
	}
}

// wantedColumns returns the columns that a JSON file may give, in lower case: those that the source names and, for its
// other fields, all of the dataset.
func (s *Source) wantedColumns() []string {
	columns := s.namedColumns()
	for _, f := range datasets[s.Dataset].fields {
		if s.Columns[f] != nil {
			continue
		}
		for _, c := range datasets[s.Dataset].columns[f] {
			if c = strings.ToLower(c); !slices.Contains(columns, c) {
				columns = append(columns, c)
			}
		}
	}
	return columns
}

func newSpool(columns []string) (*spool, error) {
	file, err := os.CreateTemp("", "plotwise-import-*.csv")
	if err != nil {
		return nil, fmt.Errorf("make a file for what is read: %w", err)
	}
	p := &spool{
		columns: columns, wanted: map[string]bool{}, names: map[string]string{}, has: make([]bool, len(columns)),
		fields: map[string]any{}, row: make([]string, len(columns)+2), file: file, out: csv.NewWriter(bufio.NewWriterSize(file, 1<<16)),
	}
	for _, c := range columns {
		field, _, _ := strings.Cut(c, ".")
		p.wanted[c], p.wanted[field] = true, true
	}
	return p, nil
}

func (p *spool) close() error { return errors.Join(p.file.Close(), os.Remove(p.file.Name())) }

// fill reads the file to its end.
func (p *spool) fill(from objects) error {
	for {
		object, line, err := from.next()
		var rejected *RejectError
		var cut *CutError
		switch {
		case errors.As(err, &rejected):
			err = p.reject(rejected)
		case errors.Is(err, io.EOF) || errors.As(err, &cut):
			p.end = err
			return p.check()
		case err == nil:
			err = p.add(object, line)
		}
		if err != nil {
			return err
		}
	}
}

// rows returns what was kept, with the columns that the file has.
func (p *spool) rows() (rows, header, error) {
	p.out.Flush()
	_, err := p.file.Seek(0, io.SeekStart)
	if err := errors.Join(p.out.Error(), err); err != nil {
		return nil, header{}, errors.Join(fmt.Errorf("keep what is read: %w", err), p.close())
	}
	r := &spooledRows{spool: p, in: csv.NewReader(bufio.NewReaderSize(p.file, 1<<16))}
	r.in.FieldsPerRecord, r.in.ReuseRecord = -1, true
	h := header{p.shown, map[string]int{}}
	for i, c := range p.columns {
		if p.has[i] {
			h.at[c] = len(r.kept)
			r.kept = append(r.kept, i)
		}
	}
	r.row = make([]string, len(r.kept))
	return r, h, nil
}

// check fails where no row can be read at all.
func (p *spool) check() error {
	var cut *CutError
	switch {
	case p.objects > 0:
		return nil
	case p.refused != nil:
		return fmt.Errorf("no row can be read: %w", p.refused)
	case errors.As(p.end, &cut):
		return errors.New(cut.Error()) // there is nothing to keep
	}
	return errors.New("the file is empty")
}

// add keeps an object.
func (p *spool) add(object []byte, line int) error {
	if object[0] != '{' {
		return p.reject(&RejectError{Line: line, Reason: "the row is no object", Row: []string{string(object)}})
	}
	clear(p.fields)
	if err := members(object, p.take); err != nil {
		return p.reject(&RejectError{Line: line, Reason: err.Error(), Row: []string{string(object)}})
	}
	p.objects++
	p.row = append(p.row[:0], strconv.Itoa(line), "")
	for i, c := range p.columns {
		value, ok := lookup(p.fields, c)
		p.has[i] = p.has[i] || ok
		p.row = append(p.row, text(value))
	}
	return p.write(p.row)
}

// take keeps a member of the object, if it is wanted.
func (p *spool) take(key, value []byte) (err error) {
	name := p.name(key)
	if !p.wanted[name] {
		return nil
	}
	if _, twice := p.fields[name]; twice {
		return errTwice(unquote(key))
	}
	p.fields[name], err = parse(value)
	return err
}

// name returns a key in lower case.
func (p *spool) name(key []byte) string {
	if name, known := p.names[string(key)]; known {
		return name
	}
	name := strings.TrimSpace(unquote(key))
	if len(p.shown) < shownNames {
		p.shown = append(p.shown, clip(name))
	}
	name = strings.ToLower(name)
	if len(p.names) < mostNames && len(key) < longName {
		p.names[string(key)] = name
	}
	return name
}

func (p *spool) reject(r *RejectError) error {
	if p.refused == nil {
		p.refused = r
	}
	return p.write(append([]string{strconv.Itoa(r.Line), r.Reason}, r.Row...))
}

func (p *spool) write(row []string) error {
	if err := p.out.Write(row); err != nil {
		return fmt.Errorf("keep what is read: %w", err)
	}
	return nil
}

// spooledRows are the rows of a spool.
type spooledRows struct {
	spool *spool
	in    *csv.Reader
	kept  []int // the columns that the file has
	row   []string
}

func (r *spooledRows) read() (row []string, line int, err error) {
	kept, err := r.in.Read()
	if errors.Is(err, io.EOF) {
		return nil, 0, r.spool.end
	}
	if err != nil {
		return nil, 0, fmt.Errorf("read what was kept: %w", err)
	}
	if line, err = strconv.Atoi(kept[0]); err != nil {
		return nil, 0, fmt.Errorf("read what was kept: %w", err)
	}
	if kept[1] != "" {
		return nil, 0, &RejectError{Line: line, Reason: kept[1], Row: slices.Clone(kept[2:])}
	}
	for i, c := range r.kept {
		r.row[i] = kept[c+2]
	}
	return r.row, line, nil
}

func (r *spooledRows) close() error { return r.spool.close() }
