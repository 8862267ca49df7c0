package permits

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/oapi-codegen/runtime/types"

	"github.com/plotwise/plotwise/gen/api"
)

// file writes an export. The answer begins with the first page, so that a failure before it is answered as one; a
// failure after it has to cut the connection.
type file struct {
	ctx     context.Context //nolint:containedctx // the generated interface has no room for it
	export  *Export
	first   []Permit
	format  api.ExportFormat
	check   func(document []byte) error
	now     func() time.Time
	timeout time.Duration // how long the client may take for one page
	encoder encoder
}

// encoder renders permits in one format.
type encoder interface {
	mediaType() string
	begin(b *bytes.Buffer)
	permit(b *bytes.Buffer, p api.Permit, document []byte)
	end(b *bytes.Buffer)
}

func encoderOf(format api.ExportFormat) encoder {
	switch format {
	case api.ExportFormatNdjson:
		return ndjson{}
	case api.ExportFormatGeojson:
		return &geojson{}
	default:
		return csvEncoder{}
	}
}

// VisitExportPermitsResponse writes the file.
func (f *file) VisitExportPermitsResponse(w http.ResponseWriter) error {
	defer f.export.Close()
	w.Header().Set("Content-Type", f.encoder.mediaType())
	w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", "permits."+string(f.format)))
	w.WriteHeader(http.StatusOK)
	var b bytes.Buffer
	f.encoder.begin(&b)
	for permits := f.first; len(permits) > 0; {
		if err := f.render(&b, permits); err != nil {
			return err
		}
		if err := f.send(w, &b); err != nil {
			return err
		}
		var err error
		if permits, err = f.export.Next(f.ctx); err != nil {
			return err
		}
	}
	f.encoder.end(&b)
	return f.send(w, &b)
}

// render appends permits to b, each of which has to be valid.
func (f *file) render(b *bytes.Buffer, permits []Permit) error {
	for _, p := range permits {
		shown := permitToAPI(p)
		document, err := json.Marshal(shown)
		if err != nil {
			return fmt.Errorf("render permit %s: %w", p.UUID, err)
		}
		if err := f.check(document); err != nil {
			return fmt.Errorf("permit %s breaks the specification: %w", p.UUID, err)
		}
		f.encoder.permit(b, shown, document)
	}
	return nil
}

func (f *file) send(w http.ResponseWriter, b *bytes.Buffer) error {
	control := http.NewResponseController(w)
	if err := control.SetWriteDeadline(f.now().Add(f.timeout)); err != nil {
		return fmt.Errorf("set the deadline of an export: %w", err)
	}
	if _, err := b.WriteTo(w); err != nil {
		return fmt.Errorf("send an export: %w", err)
	}
	if err := control.Flush(); err != nil {
		return fmt.Errorf("send an export: %w", err)
	}
	return nil
}

type ndjson struct{}

func (ndjson) mediaType() string   { return "application/x-ndjson" }
func (ndjson) begin(*bytes.Buffer) {}
func (ndjson) end(*bytes.Buffer)   {}
func (ndjson) permit(b *bytes.Buffer, _ api.Permit, document []byte) {
	b.Write(document)
	b.WriteByte('\n')
}

// geojson is a FeatureCollection (RFC 7946 §3.3); it knows whether a comma is due.
type geojson struct{ started bool }

func (*geojson) mediaType() string     { return "application/geo+json" }
func (*geojson) begin(b *bytes.Buffer) { b.WriteString(`{"type":"FeatureCollection","features":[`) }
func (*geojson) end(b *bytes.Buffer)   { b.WriteString("]}\n") }
func (g *geojson) permit(b *bytes.Buffer, p api.Permit, document []byte) {
	if g.started {
		b.WriteByte(',')
	}
	g.started = true
	point := "null"
	if l := p.Location; l.Latitude != nil && l.Longitude != nil {
		point = fmt.Sprintf(`{"type":"Point","coordinates":[%s,%s]}`, decimal(l.Longitude), decimal(l.Latitude))
	}
	fmt.Fprintf(b, "\n"+`{"type":"Feature","id":"%s","geometry":%s,"properties":%s}`, p.UUID, point, document)
}

// csvEncoder writes lines of CSV (RFC 4180) with CRLF.
type csvEncoder struct{}

var csvHeader = []string{
	"uuid", "permit_number", "status", "stage", "state", "type", "description", "address", "street", "city", "region", "postal_code", "latitude", "longitude",
	"jurisdiction", "filed_date", "issued_date", "expires_date", "completed_date", "valuation_amount", "valuation_currency", "updated_at",
}

func (csvEncoder) mediaType() string { return "text/csv" }
func (csvEncoder) end(*bytes.Buffer) {}

func (csvEncoder) begin(b *bytes.Buffer) { writeLine(b, csvHeader) }

func (csvEncoder) permit(b *bytes.Buffer, p api.Permit, _ []byte) {
	amount, currency := "", ""
	if p.Valuation != nil {
		amount, currency = p.Valuation.Amount, string(p.Valuation.Currency)
	}
	l := p.Location
	line := []string{
		p.UUID.String(), p.PermitNumber, p.Status, string(p.Stage), string(p.State), p.Type, p.Description, p.Address, l.Street, l.City, l.Region, l.PostalCode,
		decimal(l.Latitude), decimal(l.Longitude), p.Jurisdiction.Slug,
	}
	for _, date := range []*types.Date{p.FiledDate, p.IssuedDate, p.ExpiresDate, p.CompletedDate} {
		text := ""
		if date != nil {
			text = date.String()
		}
		line = append(line, text)
	}
	writeLine(b, append(line, amount, currency, p.UpdatedAt.Format(time.RFC3339Nano)))
}

func writeLine(b *bytes.Buffer, values []string) {
	w := csv.NewWriter(b)
	w.UseCRLF = true
	_ = w.Write(values) // into memory
	w.Flush()
}

func decimal(f *float64) string {
	if f == nil {
		return ""
	}
	return strconv.FormatFloat(*f, 'f', -1, 64)
}
