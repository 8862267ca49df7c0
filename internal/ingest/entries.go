package ingest

import (
	"github.com/plotwise/plotwise/internal/permits"
)

// entryReader reads the fees or the inspections of one file.
type entryReader struct {
	*table
	read func(t *table, row []string) (permits.Entry, error)
}

// newEntryReader returns a reader of the file, which holds what the source's dataset says, and has to be closed.
func newEntryReader(file File, s *Source) (*entryReader, error) {
	t, err := openTable(file, s)
	if err != nil {
		return nil, err
	}
	read := readInspection
	if s.Dataset == Fees {
		read = readFee
	}
	return &entryReader{t, read}, nil
}

// next returns the next entry with the row that it was read from. It returns io.EOF at the end, and a *RejectError for
// a row that cannot be taken.
func (r *entryReader) next() (permits.Entry, []string, error) {
	row, err := r.table.next()
	if err != nil {
		return nil, nil, err
	}
	entry, err := r.read(r.table, row)
	if err != nil {
		return nil, nil, r.reject(row, err)
	}
	return entry, row, nil
}

func readFee(t *table, row []string) (permits.Entry, error) {
	f := &permits.FeeRecord{}
	texts := []target{{"permit_number", &f.PermitNumber}, {"number", &f.Number}, {"name", &f.Name}}
	amounts := []target{{"amount", &f.Amount}, {"paid_amount", &f.PaidAmount}}
	if err := t.texts(row, texts...); err != nil {
		return nil, err
	}
	if err := t.parsed(row, parseAmount, amounts...); err != nil {
		return nil, err
	}
	if err := t.dates(row, target{"assessed_date", &f.AssessedDate}, target{"paid_date", &f.PaidDate}); err != nil {
		return nil, err
	}
	return f, t.present(append(texts, amounts...)...)
}

func readInspection(t *table, row []string) (permits.Entry, error) {
	n := &permits.InspectionRecord{}
	texts := []target{
		{"permit_number", &n.PermitNumber},
		{"number", &n.Number},
		{"type", &n.Type},
		{"description", &n.Description},
		{"result", &n.Result},
		{"inspector", &n.Inspector},
		{"notes", &n.Notes},
	}
	if err := t.texts(row, texts...); err != nil {
		return nil, err
	}
	if err := t.dates(row, target{"scheduled_date", &n.ScheduledDate}, target{"inspected_date", &n.InspectedDate}); err != nil {
		return nil, err
	}
	return n, t.present(texts...)
}
