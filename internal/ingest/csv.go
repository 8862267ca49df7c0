package ingest

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
)

// csvRows are the rows of a CSV file (RFC 4180).
type csvRows struct {
	csv   *csv.Reader
	width int      // values that a row has
	first []string // a row read ahead, where there is no header
}

func openCSV(text io.Reader, s *Source) (rows, header, error) {
	c := &csvRows{csv: csv.NewReader(text)}
	c.csv.FieldsPerRecord, c.csv.ReuseRecord, c.csv.LazyQuotes = -1, true, true
	if s.Delimiter != "" {
		c.csv.Comma = []rune(s.Delimiter)[0]
	}
	row, err := c.csv.Read()
	if errors.Is(err, io.EOF) {
		return nil, header{}, errors.New("the file is empty")
	}
	if err != nil {
		return nil, header{}, fmt.Errorf("read the first row: %w", err)
	}
	c.width = len(row)
	names := slices.Clone(row)
	if !s.hasHeader() {
		c.first = slices.Clone(row)
		for i := range names {
			names[i] = strconv.Itoa(i + 1)
		}
	}
	return c, newHeader(names), nil
}

func (c *csvRows) read() (row []string, line int, err error) {
	if c.first != nil {
		row, c.first = c.first, nil
		return row, 1, nil
	}
	row, err = c.csv.Read()
	var broken *csv.ParseError
	switch {
	case errors.As(err, &broken):
		return nil, 0, &RejectError{Line: broken.StartLine, Reason: broken.Err.Error()}
	case err != nil:
		return nil, 0, err
	}
	line, _ = c.csv.FieldPos(0)
	if len(row) != c.width {
		reason := fmt.Sprintf("the row has %d values, not %d", len(row), c.width)
		return nil, 0, &RejectError{Line: line, Reason: reason, Row: slices.Clone(row)}
	}
	return row, line, nil
}

func (c *csvRows) close() error { return nil } // it has nothing of its own
