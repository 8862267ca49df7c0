package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
)

const (
	changedPermits = 20_000
	changedImports = 3    // without conditions, and with them: single ones differ much
	tenants        = 1000 // each with five conditions
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// conditionTimes are the seconds that conditions cost.
type conditionTimes struct {
	without, with     []float64 // importing changed permits
	drained           []float64 // finding the contacts of those, after the import with conditions
	company, location []float64 // creating one condition
	matches           int       // of all conditions
	found             []int64   // permits of the created ones
}

const conditionRounds = 1

// conditionCosts measures what conditions cost, on a copy of the files' permits each round; and, on the last one, what matching costs
// as there is more of anything.
func (b *bench) conditionCosts(ctx context.Context) error {
	var times conditionTimes
	for round := range conditionRounds {
		name := "conditions" + strconv.Itoa(round)
		db, err := b.copyOfImported(ctx, name)
		if err != nil {
			return err
		}
		if err := b.conditionRound(ctx, db, &times); err != nil {
			return err
		}
		b.say(fmt.Sprintf("  round %d of %d", round+1, conditionRounds))
		if round == conditionRounds-1 {
			b.addConditions(times)
			if err := b.matchingCurves(ctx, db); err != nil {
				return err
			}
		}
		if err := b.drop(ctx, name, db); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) addConditions(times conditionTimes) {
	seconds := func(values []float64) string { return fmt.Sprintf("%.2f s", median(values)) }
	b.add(row{
		what: fmt.Sprintf("import of %d changed permits, %d conditions ÷ none", changedPermits, 5*tenants), ours: seconds(times.with), theirs: seconds(times.without),
		values: ratios(times.with, times.without), bar: 2, most: true,
		lines: []string{
			"finding their contacts afterwards, in the background: " + seconds(times.drained),
			fmt.Sprintf("%d matches of all conditions", times.matches),
		},
	})
	b.add(row{what: fmt.Sprintf("create a company condition, %d permits found", times.found[0]), values: times.company, unit: "s", bar: 2, most: true})
	b.add(row{what: fmt.Sprintf("create a location condition, %d permits found", times.found[1]), values: times.location, unit: "s", bar: 2, most: true})
}

// conditionRound measures, on a database that holds the files' permits, imports of permits whose contractor changed, first
// without conditions and then with five of each of a thousand organizations; and how long a new condition takes.
func (b *bench) conditionRound(ctx context.Context, db *postgres.DB, times *conditionTimes) error {
	for version := range changedImports {
		took, err := b.importChanged(ctx, db, version)
		if err != nil {
			return err
		}
		times.without = append(times.without, took)
	}
	if err := populate(ctx, db, times); err != nil {
		return err
	}
	for version := range changedImports {
		took, err := b.importChanged(ctx, db, changedImports+version)
		if err != nil {
			return err
		}
		times.with = append(times.with, took)
		start := time.Now()
		if err := contacts.NewService(db, newID).Drain(ctx); err != nil {
			return err
		}
		times.drained = append(times.drained, time.Since(start).Seconds())
	}
	return backfills(ctx, db, times)
}

// importChanged imports the first permits with another phone number and status.
func (b *bench) importChanged(ctx context.Context, db *postgres.DB, version int) (float64, error) {
	text, err := b.changed(version)
	if err != nil {
		return 0, err
	}
	source, err := ingest.LoadSource("austin")
	if err != nil {
		return 0, err
	}
	result, err := ingest.NewImporter(db, events.NewOutbox(slog.New(slog.DiscardHandler), time.Now, newID), time.Now, newID).Import(ctx, source, []ingest.File{{Name: "changed", Reader: bytes.NewReader(text)}}, ingest.Progress{})
	if err == nil && result.Changed != changedPermits {
		err = fmt.Errorf("%d permits changed, want %d", result.Changed, changedPermits)
	}
	return result.Duration.Seconds(), err
}

func (b *bench) changed(version int) ([]byte, error) {
	rows, err := b.rows()
	if err != nil {
		return nil, err
	}
	header := rows[0]
	number, status := slices.Index(header, "permit_number"), slices.Index(header, "status")
	owner, phone := slices.Index(header, "folder_owner"), slices.Index(header, "folder_owner_phone")
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	if err := w.Write(header); err != nil {
		return nil, err
	}
	seen := map[string]bool{"permit_number": true}
	for _, row := range rows[1:] {
		if len(seen) > changedPermits || seen[row[number]] || row[owner] == "" {
			continue
		}
		seen[row[number]] = true
		row = slices.Clone(row)
		row[status] = []string{"On Hold", "Suspended"}[version%2]
		row[phone] = fmt.Sprintf("(512) 555-%04d", version)
		if err := w.Write(row); err != nil {
			return nil, err
		}
	}
	w.Flush()
	return text.Bytes(), w.Error()
}

// populate makes organizations with two companies, two persons and a circle of 500 m each, drawn from the permits, and
// finds their permits and contacts.
func populate(ctx context.Context, db *postgres.DB, times *conditionTimes) error {
	for range tenants {
		if _, err := organizations.NewService(db, time.Now, newID).Create(ctx, "Tenant", "professional"); err != nil {
			return err
		}
	}
	_, err := db.ExecContext(ctx, `
		with o as (select id, row_number() over () as n from organizations),
		     company as (select company as text, row_number() over (order by md5(company)) as n from (select distinct company from permit_parties where company <> '') d),
		     person as (select person as text, row_number() over (order by md5(person)) as n from (select distinct person from permit_parties where person <> '') d),
		     place as (select latitude, longitude, row_number() over (order by md5(cast(uuid as text))) as n from permits where latitude is not null)
		insert into conditions (organization_id, id, type, name, company, person, latitude, longitude, radius_m, key, words, area, other_area, created_at, updated_at)
		select o.id, gen_random_uuid(), 'company', 'c', text, '', cast(null as double precision), cast(null as double precision), cast(null as integer), condition_key('company', text, '', ''), cast(null as text[]), cast(null as box), cast(null as box), now(), now()
		from o join company on company.n in (o.n, o.n + 1000)
		union all
		select o.id, gen_random_uuid(), 'person', 'p', '', text, null, null, null, condition_key('person', '', '', text), person_words(text), null, null, now(), now()
		from o join person on person.n in (o.n, o.n + 1000)
		union all
		select o.id, gen_random_uuid(), 'location', 'l', '', '', latitude, longitude, 500, null, null, area, null, now(), now()
		from o join place on place.n = o.n
		cross join lateral (select box(point(longitude - 0.0053, latitude - 0.0046), point(longitude + 0.0053, latitude + 0.0046)) as area) boxes`)
	if err != nil {
		return err
	}
	return matchAll(ctx, db, times)
}

// matchAll matches every permit, as an import does with those of a batch.
func matchAll(ctx context.Context, db *postgres.DB, times *conditionTimes) error {
	var permits []uuid.UUID
	if err := db.SelectContext(ctx, &permits, "select uuid from permits order by uuid"); err != nil {
		return err
	}
	found := contacts.NewService(db, newID)
	match := conditions.NewService(db, found.Track, time.Now, newID)
	for batch := range slices.Chunk(permits, 1000) {
		err := postgres.InTx(ctx, db, func(tx *postgres.Tx) error {
			var at time.Time
			if err := tx.GetContext(ctx, &at, "select stamp_change()"); err != nil {
				return err
			}
			if _, err := match.Match(ctx, tx, batch, at); err != nil {
				return err
			}
			return found.Changed(ctx, tx, batch)
		})
		if err != nil {
			return err
		}
	}
	if err := found.Drain(ctx); err != nil {
		return err
	}
	if _, err := db.ExecContext(ctx, "analyze"); err != nil {
		return err
	}
	return db.GetContext(ctx, &times.matches, "select count(*) from condition_matches")
}

// backfills measures how long it takes to create the condition of the company with the most permits, and of the circle
// of 1,500 m around the middle of all.
func backfills(ctx context.Context, db *postgres.DB, times *conditionTimes) error {
	organization, err := organizations.NewService(db, time.Now, newID).Create(ctx, "Enterprise", "enterprise")
	if err != nil {
		return err
	}
	found := contacts.NewService(db, newID)
	s := conditions.NewService(db, found.Track, time.Now, newID)
	company, location := conditions.Condition{Type: conditions.Company}, conditions.Condition{Type: conditions.Location, RadiusM: 1500}
	err = db.GetContext(ctx, &company.Company, "select company from permit_parties where company_key <> '' group by company_key, company order by count(*) desc limit 1")
	if err != nil {
		return err
	}
	err = db.QueryRowxContext(ctx, `select percentile_cont(0.5) within group (order by latitude), percentile_cont(0.5) within group (order by longitude)
		from permits where latitude is not null`).Scan(&location.Latitude, &location.Longitude)
	if err != nil {
		return err
	}
	for _, c := range []struct {
		condition conditions.Condition
		times     *[]float64
	}{{company, &times.company}, {location, &times.location}} {
		start := time.Now()
		created, err := s.Create(ctx, organization, c.condition)
		if err != nil {
			return err
		}
		*c.times = append(*c.times, time.Since(start).Seconds())
		times.found = append(times.found, created.MatchCount)
	}
	return nil
}
