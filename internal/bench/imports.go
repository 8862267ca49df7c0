package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/postgres"
)

const importRounds = 3

// importTimes are what imports take, and what is compared with them, in seconds: one of each round.
type importTimes struct{ first, again, insert, copied []float64 }

// importCosts measures, on a new database each round, a first import of the files, the same import again, and what Postgres can do at
// most with the same rows.
func (b *bench) importCosts(ctx context.Context) error {
	var times importTimes
	for round := range importRounds {
		if err := b.importRound(ctx, "imports"+strconv.Itoa(round), &times); err != nil {
			return err
		}
		b.say(fmt.Sprintf("  round %d of %d", round+1, importRounds))
	}
	seconds := func(values []float64) string { return fmt.Sprintf("%.2f s", median(values)) }
	b.add(row{
		what: "first import ÷ INSERT … SELECT of the prepared rows", ours: seconds(times.first), theirs: seconds(times.insert),
		values: ratios(times.insert, times.first), bar: 0.40,
	})
	b.add(row{
		what: "unchanged import again ÷ raw COPY of the rows", ours: seconds(times.again), theirs: seconds(times.copied),
		values: ratios(times.copied, times.again), bar: 0.15,
	})
	return nil
}

func (b *bench) importRound(ctx context.Context, name string, times *importTimes) error {
	db, err := b.create(ctx, name)
	if err != nil {
		return err
	}
	for _, of := range []*[]float64{&times.first, &times.again} {
		took, err := b.importAll(ctx, db)
		if err != nil {
			return err
		}
		*of = append(*of, took)
	}
	if err := b.baselines(ctx, db, times); err != nil {
		return err
	}
	return b.drop(ctx, name, db)
}

func (b *bench) importAll(ctx context.Context, db *postgres.DB) (float64, error) {
	source, err := ingest.LoadSource("austin")
	if err != nil {
		return 0, err
	}
	texts, err := b.files()
	if err != nil {
		return 0, err
	}
	var files []ingest.File
	for i, text := range texts {
		files = append(files, ingest.File{Name: strconv.Itoa(i), Reader: bytes.NewReader(text)})
	}
	result, err := ingest.NewImporter(db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(ctx, source, files, ingest.Progress{})
	return result.Duration.Seconds(), err
}

// baselines measures the same rows in one INSERT … SELECT into the same tables with the same indexes, and in one COPY.
func (b *bench) baselines(ctx context.Context, db *postgres.DB, times *importTimes) error {
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
	times.insert = append(times.insert, inserting.Seconds())
	took, err := b.copyRaw(ctx, db)
	times.copied = append(times.copied, took)
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
