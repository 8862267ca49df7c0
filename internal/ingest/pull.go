package ingest

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"
)

// A pull takes rows from a portal into a file, the spool, from which they are then imported like any other file: so no
// lock of the database is held while a portal takes its time, and a pull that fails has merged nothing.
//
// Pages follow each other by the key (:updated_at, :id), not by $offset. A row that changes while it is paged moves to
// the end of that order; by offset all rows behind it would move up, and the first of the next page would be skipped.
// By key nothing moves: the row is only met again, and its first version is dropped.
//
// A pull since a watermark finds the permits of which a row changed, and then takes all rows of those permits. The
// changed rows alone would say too little: an import takes what it is given of a permit for all there is of it, its
// other inspections and fees would count as removed, and of several rows with one number only some parties be left.
// It starts at the watermark itself, not after it, since rows with the same time may have come later; those that were
// there already are found unchanged. Only where they are very many, as after a dataset was loaded at a stroke, and there
// are not more of them than before, it starts after them.
type pull struct {
	portal   *portal
	source   *Source
	progress Progress
	columns  []string // that are taken, beside :id and :updated_at
	number   string   // the column of the permit number
	file     *os.File
	spool    *csv.Writer
	newest   mark              // of the rows that were met
	late     map[string]string // :id: the last :updated_at of rows that changed while they were pulled
}

const (
	// Beyond so many changed rows everything is pulled, in fewer requests than their permits would take.
	mostChanged = 20_000
	// An address may be so long with most servers.
	mostNumberBytes = 4000
)

// sodaRow is a row with its system fields.
type sodaRow struct {
	id        string
	updatedAt string
	at        time.Time // the same
	fields    map[string]any
}

// open makes the spool and learns which columns there are to take. The caller has to close.
func (p *pull) open(ctx context.Context) error {
	has, err := p.fields(ctx)
	if err != nil {
		return err
	}
	p.columns = p.source.sodaColumns(has)
	if p.number, err = p.source.numberColumn(p.columns); err != nil {
		return err
	}
	if p.file, err = os.CreateTemp("", "plotwise-pull-*.csv"); err != nil {
		return fmt.Errorf("make a file for what is pulled: %w", err)
	}
	p.spool, p.late = csv.NewWriter(p.file), map[string]string{}
	return p.write(append([]string{":id", ":updated_at"}, p.columns...))
}

func (p *pull) close() error {
	if p.file == nil {
		return nil
	}
	return errors.Join(p.file.Close(), os.Remove(p.file.Name()))
}

func (p *pull) write(row []string) error {
	if err := p.spool.Write(row); err != nil {
		return fmt.Errorf("keep what is pulled: %w", err)
	}
	return nil
}

// reader returns what was pulled, as CSV.
func (p *pull) reader() (io.Reader, error) {
	p.spool.Flush()
	_, err := p.file.Seek(0, io.SeekStart)
	if err := errors.Join(p.spool.Error(), err); err != nil {
		return nil, fmt.Errorf("keep what is pulled: %w", err)
	}
	return &latest{in: csv.NewReader(p.file), late: p.late}, nil
}

// fields returns the columns that the portal says to have. It says so in a header that it leaves out where the names are
// too many; then only the columns that the source names are known.
func (p *pull) fields(ctx context.Context) ([]string, error) {
	_, head, err := p.portal.get(ctx, url.Values{"$select": {"*"}, "$limit": {"1"}})
	if err != nil {
		return nil, err
	}
	var fields []string
	if text := head.Get("X-SODA2-Fields"); text != "" {
		if err := json.Unmarshal([]byte(text), &fields); err != nil {
			return nil, fmt.Errorf("read the portal's header X-SODA2-Fields: %w", err)
		}
	}
	return fields, nil
}

// probe returns the newest time of the rows that meet a condition, and how many they are. Of those since a watermark that
// is the watermark's time, and as many as had it, when nothing is new.
func (p *pull) probe(ctx context.Context, condition string) (mark, error) {
	query := url.Values{"$select": {"max(:updated_at) as newest,count(*) as found"}}
	p.where(query, condition)
	rows, _, err := p.portal.get(ctx, query)
	if err != nil || len(rows) == 0 {
		return mark{}, err
	}
	n, err := strconv.ParseInt(text(rows[0]["found"]), 10, 64)
	if err != nil {
		return mark{}, fmt.Errorf("count the rows of %s: %w", p.portal.resource, err)
	}
	return mark{text(rows[0]["newest"]), n}, nil
}

// all pulls every row, of so many if that is known. What changes after the time that was the newest may be met twice.
func (p *pull) all(ctx context.Context, newest string, of int64) error {
	began, err := moment(newest)
	if err != nil {
		return err
	}
	return p.pages(ctx, p.wanted(), "", func(rows []sodaRow) error {
		for _, r := range rows {
			p.meet(r)
			if r.at.After(began) {
				p.late[r.id] = r.updatedAt
			}
			if err := p.keep(r); err != nil {
				return err
			}
		}
		p.progress.Pulled(int64(len(rows)), of)
		return nil
	})
}

// whole pulls all rows of the permits of which a row meets the condition.
func (p *pull) whole(ctx context.Context, condition string) error {
	var numbers []string
	known := map[string]bool{"": true}
	err := p.pages(ctx, []string{p.number}, condition, func(rows []sodaRow) error {
		for _, r := range rows {
			p.meet(r)
			number := text(r.fields[p.number])
			if strings.TrimSpace(number) == "" { // to be rejected like any other
				if err := p.keep(r); err != nil {
					return err
				}
			} else if !known[number] {
				known[number] = true
				numbers = append(numbers, number)
			}
		}
		return nil
	})
	for err == nil && len(numbers) > 0 {
		some := chunk(numbers)
		numbers = numbers[len(some):]
		err = p.permits(ctx, some)
	}
	return err
}

// permits pulls all rows of some permits.
func (p *pull) permits(ctx context.Context, numbers []string) error {
	literals := make([]string, len(numbers))
	for i, n := range numbers {
		literals[i] = literal(n)
	}
	var found []sodaRow
	last := map[string]int{} // of a row that changes meanwhile, the last version
	err := p.pages(ctx, p.wanted(), p.number+" in ("+strings.Join(literals, ",")+")", func(rows []sodaRow) error {
		for _, r := range rows {
			last[r.id] = len(found)
			found = append(found, r)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for i, r := range found {
		if last[r.id] != i {
			continue
		}
		if err := p.keep(r); err != nil {
			return err
		}
	}
	p.progress.Pulled(int64(len(found)), -1)
	return nil
}

// chunk returns the first numbers that fit into one request.
func chunk(numbers []string) []string {
	size := 0
	for i, n := range numbers {
		if size += len(url.QueryEscape(literal(n) + ",")); size > mostNumberBytes && i > 0 {
			return numbers[:i]
		}
	}
	return numbers
}

// wanted returns the fields to select for the columns, of which one may be a member: location for location.latitude.
func (p *pull) wanted() []string {
	var fields []string
	known := map[string]bool{}
	for _, c := range p.columns {
		if field, _, _ := strings.Cut(c, "."); !known[field] {
			known[field] = true
			fields = append(fields, field)
		}
	}
	return fields
}

// pages hands on the rows that meet a condition, page by page in the order of (:updated_at, :id).
func (p *pull) pages(ctx context.Context, fields []string, condition string, take func([]sodaRow) error) error {
	size := p.source.SODA.pageSize()
	after := ""
	for {
		query := url.Values{
			"$select": {strings.Join(append([]string{":id", ":updated_at"}, fields...), ",")},
			"$order":  {":updated_at,:id"}, "$limit": {strconv.Itoa(size)},
		}
		p.where(query, condition, after)
		page, _, err := p.portal.get(ctx, query)
		if err != nil {
			return err
		}
		rows, err := sodaRows(page)
		if err != nil {
			return fmt.Errorf("%s: %w", p.portal.resource, err)
		}
		if err := take(rows); err != nil || len(rows) < size {
			return err
		}
		last := rows[len(rows)-1]
		at := literal(last.updatedAt)
		after = ":updated_at > " + at + " or (:updated_at = " + at + " and :id > " + literal(last.id) + ")"
	}
}

// where puts the conditions that there are into the query, and the source's own.
func (p *pull) where(query url.Values, conditions ...string) {
	var all []string
	for _, c := range append([]string{p.source.SODA.Where}, conditions...) {
		if c != "" {
			all = append(all, "("+c+")")
		}
	}
	if len(all) > 0 {
		query.Set("$where", strings.Join(all, " and "))
	}
}

// meet counts a row; they come in the order of their time.
func (p *pull) meet(r sodaRow) {
	if r.updatedAt != p.newest.UpdatedAt {
		p.newest = mark{UpdatedAt: r.updatedAt}
	}
	p.newest.Rows++
}

func (p *pull) keep(r sodaRow) error {
	row := append(make([]string, 0, len(p.columns)+2), r.id, r.updatedAt)
	for _, c := range p.columns {
		row = append(row, member(r.fields, c))
	}
	return p.write(row)
}

func sodaRows(page []map[string]any) ([]sodaRow, error) {
	rows := make([]sodaRow, len(page))
	for i, fields := range page {
		r := sodaRow{id: text(fields[":id"]), updatedAt: text(fields[":updated_at"]), fields: fields}
		var err error
		if r.at, err = moment(r.updatedAt); err != nil || r.id == "" {
			return nil, errors.New("the rows have no :id and :updated_at: want a portal of SODA 2.1")
		}
		rows[i] = r
	}
	return rows, nil
}

// moment reads a fixed timestamp; without one it is the beginning of time.
func moment(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}

// updated is the condition of rows whose time compares with another; none where there is no other.
func updated(compares, watermark string) string {
	if watermark == "" {
		return ""
	}
	return ":updated_at " + compares + " " + literal(watermark)
}

// literal writes a text as SoQL has it.
func literal(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// member returns the text of a column; "" where there is none.
func member(fields map[string]any, column string) string {
	value, _ := lookup(fields, column)
	return text(value)
}

func text(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	default:
		written, err := json.Marshal(v)
		if err != nil { // it was JSON just now
			return ""
		}
		return string(written)
	}
}

// latest reads a spool without the first versions of rows that were met again.
type latest struct {
	in   *csv.Reader
	late map[string]string
	out  bytes.Buffer
}

// Read returns CSV.
func (l *latest) Read(into []byte) (int, error) {
	for l.out.Len() == 0 {
		row, err := l.in.Read()
		if err != nil {
			return 0, err
		}
		if at, again := l.late[row[0]]; again && at != row[1] {
			continue
		}
		w := csv.NewWriter(&l.out)
		if err := w.Write(row); err != nil {
			return 0, err
		}
		w.Flush()
	}
	return l.out.Read(into)
}

// newClient returns a client whose requests end within the time, and that leaves redirections to the caller.
func newClient(timeout time.Duration) *http.Client {
	return &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
