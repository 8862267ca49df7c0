package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/validation"
)

// sizes are the databases that lists are compared on.
var sizes = []struct{ permits, organizations int }{{10_000, 10}, {100_000, 100}, {300_000, 300}, {1_000_000, 1000}}

const (
	sizeTurns = 5
	sizeSlice = 300 * time.Millisecond
	sizeKeys  = 1000 // that requests come with, of all organizations: as many of each database, so that on each the next one has to be looked up
	watches   = 100  // permits on each watchlist: the slots of the professional plan
	portfolio = 300  // permits in each portfolio
)

// fillStatements make a database of any size, with the columns that imports fill. Permits are of 20 jurisdictions, five statuses and 1,000
// descriptions (a search vector each), filed over ten years, spread over a square of two degrees; they have no parties, which
// lists do not read. Each organization watches permits from all over, and a condition of its own has its matches. The last commits are waited for,
// or vacuum would take none of what they wrote for settled.
var fillStatements = []string{
	"set session_replication_role = replica", // no triggers, among them those that look foreign keys up
	"set synchronous_commit = off",
	"set maintenance_work_mem = '512MB'",
	`insert into jurisdictions (id, slug, name, region)
	select gen_random_uuid(), 'county-' || n, 'County ' || n, 'FL' from generate_series(1, 20) n`,
	`create temp table words as
	select n as at, text, to_tsvector('english', text) as search
	from generate_series(0, 999) n,
	lateral (select 'New two-story residence with attached garage, covered porch ' || n || ' and patio, house ' || n % 97 || ' of the row' as text) t`,
	`insert into permits (uuid, jurisdiction_id, permit_number, status, stage, type, description, street, city, region, postal_code,
		latitude, longitude, filed_date, issued_date, expires_date, valuation, search, source_hash, updated_at)
	select cast(lpad(to_hex(1760000000000 + n / 100), 12, '0') || '7' || lpad(to_hex(n % 100 * 40), 3, '0') || 'b' || right(md5(cast(n as text)), 15) as uuid), j.id, 'BLD-' || 10 + n % 17 || '-' || lpad(cast(n as text), 7, '0'), s.status, s.stage, 'Residential New Construction', w.text,
		n % 9000 || ' SABAL PALM DR', 'Heron Bay', 'FL', cast(33600 + n % 300 as text), 27 + (cast(n as bigint) * 7919 % 20000) / 10000.0, -82 + (cast(n as bigint) * 104729 % 20000) / 10000.0,
		date '2016-01-01' + n % 3650, date '2016-02-15' + n % 3650, date '2017-02-15' + n % 3650, n % 900000,
		w.search, md5(cast(n as text))::uuid, timestamptz '{now}' - ({permits} - n) * interval '10 milliseconds'
	from generate_series(1, {permits}) n
	join (select row_number() over (order by slug) - 1 as at, id from jurisdictions) j on j.at = n % 20
	join (values (0, 'In Review', 'in_review'), (1, 'Issued', 'permit_issued'), (2, 'Inspections', 'inspection_phase'), (3, 'Finaled', 'permit_finaled'), (4, 'Expired', 'expired')) s (at, status, stage) on s.at = n / 20 % 5
	join words w on w.at = n * 31 % 1000
	order by n`,
	`create temp table numbered as select row_number() over (order by uuid) - 1 as n, uuid from permits`,
	"create index on numbered (n)",
	"analyze numbered",
	`insert into watchlist_items (organization_id, permit_uuid, tags, added_at)
	select o.id, p.uuid, '{downtown}', now() - interval '1 day'
	from (select id, row_number() over (order by id) as at from organizations) o
	cross join generate_series(1, {watches}) i
	join numbered p on p.n = (o.at * 7717 + i * 5009) % {permits}
	on conflict do nothing`,
	`insert into condition_matches (organization_id, condition_id, permit_uuid, matched_at)
	select o.id, o.id, p.uuid, now() - interval '1 day'
	from (select id, row_number() over (order by id) as at from organizations) o
	cross join generate_series(1, {portfolio}) i
	join numbered p on p.n = (o.at * 5501 + i * 3301) % {permits}
	on conflict do nothing`,
}

// settle brings a database into the state that autovacuum keeps one in.
var settle = []string{"set synchronous_commit = on", "update change_clock set last = '{now}'", "vacuum (freeze, analyze)"}

// indexesOf are what finds rows of the tables that are filled, beside their primary keys: how each is dropped, and made again.
const indexesOf = `select case when c.oid is null then format('drop index %s', i.indexrelid::regclass) else format('alter table %s drop constraint %I', i.indrelid::regclass, c.conname) end as drop,
		case when c.oid is null then pg_get_indexdef(i.indexrelid) else format('alter table %s add constraint %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) end as make
	from pg_index i left join pg_constraint c on c.conindid = i.indexrelid and c.contype = 'u'
	where i.indrelid in ('permits'::regclass, 'watchlist_items'::regclass, 'condition_matches'::regclass) and not i.indisprimary
	order by i.indexrelid`

// fill makes permits, the last of which changed at that time, and what organizations that are there have of them. Indexes are built
// afterwards.
func fill(ctx context.Context, db *postgres.DB, permits int, last time.Time) error {
	return postgres.WithConn(ctx, db, func(conn *postgres.Conn) error {
		var indexes []struct{ Drop, Make string }
		if err := conn.SelectContext(ctx, &indexes, indexesOf); err != nil {
			return err
		}
		var before, after []string
		for _, i := range indexes {
			before, after = append(before, i.Drop), append(after, i.Make)
		}
		numbers := strings.NewReplacer("{permits}", strconv.Itoa(permits), "{now}", last.Format(time.RFC3339), "{watches}", strconv.Itoa(watches), "{portfolio}", strconv.Itoa(portfolio))
		for _, text := range slices.Concat(before, fillStatements, after, settle) {
			text = numbers.Replace(text)
			if _, err := conn.ExecContext(ctx, text); err != nil {
				return fmt.Errorf("%.40s …: %w", text, err)
			}
		}
		return nil
	})
}

// sized is a database of one size, served.
type sized struct {
	permits int
	address string
	tenants []tenant // each with a key of its own
}

// sizeCost measures lists of several databases in turns: as there is more, they are to take as long as before.
func (b *bench) sizeCost(ctx context.Context) error {
	start := time.Now().UTC().Truncate(time.Second)
	lists := []struct{ name, path string }{
		{"all permits, the first page", listPath},
		{"all permits, the page after it", ""},
		{"a watchlist of 100", "/v1/permits?per_page=25"},
		{"a portfolio of 300", "/v1/permits?scope=portfolio&per_page=25"},
		{"a status of a county", "/v1/permits?scope=all&jurisdiction=county-7&status=In+Review&per_page=25"},
		{"the last 1,000 changes", "/v1/permits?scope=all&per_page=25&updated_since=" + start.Add(-10*time.Second).Format(time.RFC3339)},
	}
	var paths []string
	for _, l := range lists {
		paths = append(paths, l.path)
	}
	served := make([]sized, len(sizes))
	for i, size := range sizes {
		var end func()
		var err error
		if served[i], end, err = b.serveSize(ctx, size.permits, size.organizations, start, paths); err != nil {
			return err
		}
		defer end()
		b.say(fmt.Sprintf("  %s permits and %d organizations are there", short(size.permits), size.organizations))
	}
	for _, l := range lists {
		if err := b.compareSizes(ctx, served, l.name, l.path); err != nil {
			return err
		}
	}
	return nil
}

// serveSize fills a database, the last permit of which changed at that time, and serves it until it is ended. The lists were asked for once: documents are there.
func (b *bench) serveSize(ctx context.Context, permits, organizations int, last time.Time, paths []string) (of sized, end func(), err error) {
	name := fmt.Sprintf("size%d", permits)
	db, err := b.create(ctx, name)
	if err != nil {
		return of, nil, err
	}
	drop := func() { _ = b.drop(context.WithoutCancel(ctx), name, db) }
	defer func() {
		if err != nil {
			drop()
		}
	}()
	of.permits = permits
	if of.tenants, err = newTenants(ctx, db, organizations); err != nil {
		return of, nil, err
	}
	for len(of.tenants) < sizeKeys {
		who, err := of.tenants[len(of.tenants)%organizations].another(ctx, db)
		if err != nil {
			return of, nil, err
		}
		of.tenants = append(of.tenants, who)
	}
	if err := fill(ctx, db, permits, last); err != nil {
		return of, nil, err
	}
	var unserve func()
	if of.address, unserve, err = listenService(ctx, db, validation.Fast); err != nil {
		return of, nil, err
	}
	end = func() {
		unserve()
		drop()
	}
	for _, path := range paths {
		requests, err := of.requests(ctx, path)
		if err == nil {
			err = b.warm(of.address, requests)
		}
		if err != nil {
			unserve()
			return of, nil, err
		}
	}
	if _, err := db.ExecContext(ctx, "vacuum analyze documents"); err != nil { // as autovacuum does
		unserve()
		return of, nil, err
	}
	return of, end, nil
}

// compareSizes measures one list of databases of all sizes.
func (b *bench) compareSizes(ctx context.Context, served []sized, name, path string) error {
	sides, numbers := make([]side, len(served)), make([]int, len(served))
	for i, of := range served {
		requests, err := of.requests(ctx, path)
		if err != nil {
			return err
		}
		rand.Shuffle(len(requests), func(x, y int) { requests[x], requests[y] = requests[y], requests[x] })
		sides[i], numbers[i] = b.latency(short(of.permits), of.address, requests...), of.permits
	}
	figures, err := takeTurns(ctx, sizeTurns, sizeSlice, sides...)
	if err != nil {
		return err
	}
	last := len(figures) - 1
	b.add(row{
		what: "p50 of a list of " + name + ", 1M permits ÷ 10k", ours: fmt.Sprintf("%.2f ms", median(figures[last])), theirs: fmt.Sprintf("%.2f ms", median(figures[0])),
		values: ratios(figures[last], figures[0]), bar: 1.3, most: true, lines: []string{curve("ms", numbers, figures)},
	})
	return nil
}

// requests returns those of all keys for a list; without a path, one for the second page of all permits.
func (s sized) requests(ctx context.Context, path string) ([]request, error) {
	if path == "" {
		path, err := following(ctx, s.address, s.tenants[0])
		return []request{s.tenants[0].get(path)}, err
	}
	requests := make([]request, len(s.tenants))
	for i, who := range s.tenants {
		requests[i] = who.get(path)
	}
	return requests, nil
}

// following returns the path of the page after the first of all permits, by its cursor: nothing is counted for it.
func following(ctx context.Context, address string, who tenant) (string, error) {
	text, err := get(ctx, "http://"+address+listPath, who.key)
	if err != nil {
		return "", err
	}
	var first struct {
		Meta struct {
			NextCursor string `json:"next_cursor"`
		}
	}
	err = json.Unmarshal(text, &first)
	return listPath + "&cursor=" + first.Meta.NextCursor, err
}

// newTenants makes organizations, each with a key.
func newTenants(ctx context.Context, db *postgres.DB, n int) ([]tenant, error) {
	if _, err := db.ExecContext(ctx, "do $$ begin execute format('alter database %I set synchronous_commit = off', current_database()); end $$"); err != nil {
		return nil, err
	}
	made := make([]tenant, n)
	for i := range made {
		var err error
		if made[i], err = newTenant(ctx, db); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// warm asks for everything once: documents are rendered when they are first asked for.
func (b *bench) warm(address string, requests []request) error {
	for asked := 0; asked < len(requests); {
		a, err := b.client.send(order{address, requests[asked:], callers, time.Second / 10})
		if err != nil {
			return err
		}
		asked += max(1, a.count())
	}
	return nil
}
