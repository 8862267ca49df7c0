package ingest

import (
	"encoding/csv"
	"fmt"
	"os"
	"strconv"
)

// RejectFile keeps the rows that were left out, as CSV: file, line, reason, then the row's own values. The file is made
// with the first of them.
type RejectFile struct {
	Path string
	file *os.File
	csv  *csv.Writer
}

// Add writes one row.
func (f *RejectFile) Add(name string, r *RejectError) error {
	if f.file == nil {
		file, err := os.OpenFile(f.Path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return fmt.Errorf("create the reject file: %w", err)
		}
		f.file, f.csv = file, csv.NewWriter(file)
		if err := f.csv.Write([]string{"file", "line", "reason"}); err != nil {
			return fmt.Errorf("write the reject file: %w", err)
		}
	}
	if err := f.csv.Write(append([]string{name, strconv.Itoa(r.Line), r.Reason}, r.Row...)); err != nil {
		return fmt.Errorf("write the reject file: %w", err)
	}
	return nil
}

// Written reports whether there is a file.
func (f *RejectFile) Written() bool { return f.file != nil }

// Close writes what is still held back.
func (f *RejectFile) Close() error {
	if f.file == nil {
		return nil
	}
	f.csv.Flush()
	if err := f.csv.Error(); err != nil {
		return fmt.Errorf("write the reject file: %w", err)
	}
	if err := f.file.Close(); err != nil {
		return fmt.Errorf("close the reject file: %w", err)
	}
	return nil
}
