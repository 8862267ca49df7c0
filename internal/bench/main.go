// Command bench measures imports against what Postgres can do at most with the same rows, what letting requests in costs,
// and sending to webhooks, on this machine, in turns. With the argument "admission" or "deliveries" it measures that alone.
// The city's files come from the directory that PLOTWISE_BENCH_DATA names (austin/*.csv.gz below it); without it the
// rows are generated.
package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/embedded"
)

func main() {
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

const rounds = 3

func run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "plotwise-bench-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	server, err := embedded.Start(ctx, embedded.Options{Dir: dir, Log: slog.New(slog.DiscardHandler), Settings: map[string]string{"max_wal_size": "4GB"}})
	if err != nil {
		return err
	}
	defer func() { _ = server.Stop(context.WithoutCancel(ctx)) }()
	b := &bench{server: server}
	if len(os.Args) > 1 {
		b.only = os.Args[1]
	}
	if b.only != "deliveries" {
		if b.files, err = load(); err != nil {
			return err
		}
	}
	for round := range rounds {
		if err := b.round(ctx, round); err != nil {
			return err
		}
	}
	return b.report()
}

// load returns the files to import: the named ones, or generated rows.
func load() ([][]byte, error) {
	dir := os.Getenv("PLOTWISE_BENCH_DATA")
	if dir == "" {
		fmt.Println("PLOTWISE_BENCH_DATA names no directory with austin/*.csv.gz: measuring with generated rows.")
		text, err := generate(147_115)
		return [][]byte{text}, err
	}
	names, err := filepath.Glob(filepath.Join(dir, "austin", "*permits*.csv.gz"))
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("there are no austin/*permits*.csv.gz in %s", dir)
	}
	var files [][]byte
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		files = append(files, text)
	}
	return files, nil
}

// generate returns rows with the columns of the austin source, gzipped.
func generate(n int) ([]byte, error) {
	var b bytes.Buffer
	zipped := gzip.NewWriter(&b)
	w := csv.NewWriter(zipped)
	header := []string{
		"permit_number", "status", "sub_type", "work_description", "permit_location", "city", "state", "postal_code", "lat", "lng",
		"date_issued", "total_job_valuation", "folder_owner", "folder_owner_phone", "folder_owner_addrcity", "folder_owner_addrprovince", "folder_owner_addrpostal",
	}
	if err := w.Write(header); err != nil {
		return nil, err
	}
	for i := range n {
		row := []string{
			fmt.Sprintf("2015-%06d BP", i), []string{"Final", "Active", "Expired"}[i%3], "R- 101 Single Family Houses",
			fmt.Sprintf("New two story residence with attached garage, covered porch %d and patio, lot %d", i%977, i%4111),
			fmt.Sprintf("%d SAMPLE ST", i%9000), "", "", "787" + strconv.Itoa(10+i%50), fmt.Sprintf("%.6f", 30+float64(i%5000)/10000), fmt.Sprintf("%.6f", -97-float64(i%7000)/10000),
			fmt.Sprintf("%02d/%02d/2015", 1+i%12, 1+i%28), strconv.Itoa(i % 90000), fmt.Sprintf("Person %d, Firm %d Electric", i%3000, i%800), "(512) 555-0100", "Austin", "TX", "78701",
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	err := zipped.Close() // before the bytes are all there
	return b.Bytes(), err
}

type bench struct {
	server                       *embedded.Server
	files                        [][]byte
	first, again, insert, copied []float64 // seconds
	costs                        conditionTimes
	deliveries                   deliveryTimes
	only                         string       // which measurement; "" for all
	admitted, waved              atomic.Int64 // lists answered with authentication, limits and metering, and without
}

func (b *bench) round(ctx context.Context, round int) error {
	name := "bench" + strconv.Itoa(round)
	db, err := b.open(ctx, name)
	if err != nil {
		return err
	}
	defer db.Close()
	switch b.only {
	case "admission":
		if _, err := b.importAll(ctx, db); err != nil {
			return err
		}
		return b.admissionCost(ctx, db)
	case "deliveries":
		return b.deliveryCost(ctx, db)
	}
	for _, times := range []*[]float64{&b.first, &b.again} {
		took, err := b.importAll(ctx, db)
		if err != nil {
			return err
		}
		*times = append(*times, took)
	}
	if err := b.admissionCost(ctx, db); err != nil {
		return err
	}
	if err := b.conditionCosts(ctx, db); err != nil {
		return err
	}
	if err := b.deliveryCost(ctx, db); err != nil {
		return err
	}
	return b.baselines(ctx, db)
}

func (b *bench) open(ctx context.Context, name string) (*postgres.DB, error) {
	admin, err := postgres.Open(postgres.Options{URL: b.server.URL("postgres"), MaxConnections: 2})
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	if _, err := admin.ExecContext(ctx, "create database "+name); err != nil {
		return nil, err
	}
	db, err := postgres.Open(postgres.Options{URL: b.server.URL(name), MaxConnections: 20})
	if err != nil {
		return nil, err
	}
	return db, postgres.Migrate(ctx, db.DB.DB)
}

func (b *bench) importAll(ctx context.Context, db *postgres.DB) (float64, error) {
	source, err := ingest.LoadSource("austin")
	if err != nil {
		return 0, err
	}
	var files []ingest.File
	for i, text := range b.files {
		files = append(files, ingest.File{Name: strconv.Itoa(i), Reader: bytes.NewReader(text)})
	}
	result, err := ingest.NewImporter(db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(ctx, source, files, ingest.Progress{})
	return result.Duration.Seconds(), err
}

// baselines measures the same rows in one INSERT … SELECT into the same tables with the same indexes, and in one COPY.
func (b *bench) baselines(ctx context.Context, db *postgres.DB) error {
	columns := "uuid, jurisdiction_id, permit_number, status, stage, type, description, street, city, region, postal_code, latitude, longitude, " +
		"filed_date, issued_date, expires_date, completed_date, valuation, search, source_hash, updated_at"
	const partyColumns = "permit_uuid, position, role, person, company, license, phone, email, street, city, region, postal_code"
	for _, statement := range []string{
		"create table prepared as select * from permits", "create table prepared_parties as select " + partyColumns + " from permit_parties",
		"truncate permits, permit_parties, permit_changes, watchlist_items cascade", "checkpoint",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	var inserting time.Duration
	for _, statement := range []string{
		"insert into permits (" + columns + ") select " + columns + " from prepared",
		"insert into permit_parties (" + partyColumns + ") select " + partyColumns + " from prepared_parties",
	} {
		start := time.Now()
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
		inserting += time.Since(start)
		// Without it, the check of each party's permit may read all permits: their table was empty a moment ago.
		if _, err := db.ExecContext(ctx, "analyze permits"); err != nil {
			return err
		}
	}
	b.insert = append(b.insert, inserting.Seconds())
	took, err := b.copyRaw(ctx, db)
	b.copied = append(b.copied, took)
	return err
}

// copyRaw sends the files' own rows into a table of text without indexes.
func (b *bench) copyRaw(ctx context.Context, db *postgres.DB) (float64, error) {
	rows, err := b.rows()
	if err != nil {
		return 0, err
	}
	width := len(rows[0])
	names := make([]string, width)
	for i := range names {
		names[i] = "c" + strconv.Itoa(i)
	}
	if _, err := db.ExecContext(ctx, "create table raw ("+strings.Join(names, " text, ")+" text)"); err != nil {
		return 0, err
	}
	start := time.Now()
	err = postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
		stmt, err := tx.PrepareContext(ctx, "copy raw ("+strings.Join(names, ", ")+") from stdin")
		if err != nil {
			return err
		}
		values := make([]any, width)
		for _, row := range rows {
			for i := range values {
				values[i] = row[i]
			}
			if _, err := stmt.ExecContext(ctx, values...); err != nil {
				return err
			}
		}
		if _, err := stmt.ExecContext(ctx); err != nil {
			return err
		}
		return stmt.Close()
	})
	return time.Since(start).Seconds(), err
}

func (b *bench) rows() ([][]string, error) {
	var all [][]string
	for _, text := range b.files {
		zipped, err := gzip.NewReader(bytes.NewReader(text))
		if err != nil {
			return nil, err
		}
		r := csv.NewReader(zipped)
		r.LazyQuotes = true
		for {
			row, err := r.Read()
			if err == io.EOF {
				break
			}
			if err != nil {
				return nil, err
			}
			if len(all) == 0 || len(row) == len(all[0]) {
				all = append(all, row)
			}
		}
	}
	return all, nil
}

func (b *bench) report() error {
	rss, err := peakMemory()
	if err != nil {
		return err
	}
	fmt.Printf("%-62s %8s %8s %6s\n", "best of "+strconv.Itoa(rounds)+" rounds", "ours", "theirs", "ratio")
	row := func(what string, ours, theirs []float64, bar float64) {
		o, t := least(ours), least(theirs)
		fmt.Printf("%-62s %7.2fs %7.2fs %6.2f (at least %.2f)\n", what, o, t, t/o, bar)
	}
	switch b.only {
	case "admission":
		b.reportAdmission()
		return nil
	case "deliveries":
		b.reportDeliveries()
		return nil
	}
	row("first import ÷ INSERT … SELECT of the prepared rows", b.first, b.insert, 0.40)
	row("unchanged import again ÷ raw COPY of the rows", b.again, b.copied, 0.15)
	c := b.costs
	fmt.Printf("%-62s %7.2fs %7.2fs %6.2f (at most 2.00)\n", fmt.Sprintf("import of %d changed permits, %d conditions ÷ none", changedPermits, 5*tenants),
		least(c.with), least(c.without), least(c.with)/least(c.without))
	fmt.Printf("%-62s %7.2fs\n", "  finding their contacts afterwards, in the background", least(c.drained))
	fmt.Printf("%-62s %7.2fs (at most 2.00 s)\n", fmt.Sprintf("create a company condition, %d permits found", c.found[0]), least(c.company))
	fmt.Printf("%-62s %7.2fs (at most 2.00 s)\n", fmt.Sprintf("create a location condition, %d permits found", c.found[1]), least(c.location))
	b.reportAdmission()
	b.reportDeliveries()
	fmt.Printf("%-62s %d\n", "permits that match the conditions", c.matches)
	fmt.Printf("%-62s %s\n", "peak memory of this process, which also holds the files' rows", rss)
	return nil
}

func (b *bench) reportAdmission() {
	perSecond := func(n *atomic.Int64) float64 {
		return float64(n.Load()) / (rounds * admissionSlices * sliceLength.Seconds())
	}
	with, without := perSecond(&b.admitted), perSecond(&b.waved)
	fmt.Printf("%-62s %6.0f/s %6.0f/s %6.2f (at least 0.92)\n", "lists of 25 with keys, limits and metering ÷ without", with, without, with/without)
}

func least(values []float64) float64 {
	best := values[0]
	for _, v := range values {
		best = min(best, v)
	}
	return best
}

// peakMemory returns the most memory that this process had at once, as Linux counts it.
func peakMemory() (string, error) {
	text, err := os.ReadFile("/proc/self/status")
	if os.IsNotExist(err) {
		return "not known here", nil
	}
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			return strings.TrimSpace(value), nil
		}
	}
	return "", err
}
