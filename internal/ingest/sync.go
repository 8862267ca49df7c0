package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/postgres"
)

// ErrSyncRunning says that another process is syncing the same source.
var ErrSyncRunning = errors.New("it is being synced by another process")

// Syncer pulls sources from open-data portals and has them merged. It is safe for concurrent use; of those who sync one
// source at once, in whatever process, one does.
type Syncer struct {
	importer *Importer
	token    string
	sleep    func(context.Context, time.Duration) error
	random   func() float64
	pause    time.Duration // between two requests
	timeout  time.Duration // of one request
	bytes    int64         // of one answer
	changed  int64         // rows, beyond which everything is pulled
}

// NewSyncer returns a Syncer that imports by the importer. The token, where it is not empty, tells portals who asks; they
// let in more requests with one.
func NewSyncer(m *Importer, token string, sleep func(context.Context, time.Duration) error, random func() float64) *Syncer {
	return &Syncer{
		importer: m, token: token, sleep: sleep, random: random,
		pause: 250 * time.Millisecond, timeout: 2 * time.Minute, bytes: mostPageBytes, changed: mostChanged,
	}
}

// Sleep waits for so long, or until the context ends.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// Sync pulls what changed in the source's portal since the last sync, or all of it with full and the first time, and
// merges it as one import. How far it came is stored only after all was merged: a sync that was cut short is repeated
// from where it began, and loses nothing. It returns ErrSyncRunning when another process is at it.
func (y *Syncer) Sync(ctx context.Context, s *Source, full bool, p Progress) (Result, error) {
	if s.SODA == nil {
		return Result{}, fmt.Errorf("sync %s: the source has no soda section, which names its portal", s.Jurisdiction.Slug)
	}
	start := y.importer.now()
	id, err := y.importer.ensure(ctx, s)
	if err != nil {
		return Result{}, err
	}
	r := run{importer: y.importer, source: s, jurisdiction: id, progress: p.complete()}
	err = postgres.WithConn(ctx, y.importer.db, func(conn *postgres.Conn) error { return y.all(ctx, conn, &r, full) })
	if err != nil {
		return r.result, fmt.Errorf("sync %s of %s: %w", s.Dataset, s.Jurisdiction.Slug, err)
	}
	r.result.Duration = y.importer.now().Sub(start)
	return r.result, nil
}

// all works on the connection that holds the lock: who has lost the one has lost the other, and cannot store anything.
func (y *Syncer) all(ctx context.Context, conn *postgres.Conn, r *run, full bool) error {
	key := syncKey{r.jurisdiction, r.source.Dataset, r.source.SODA.Dataset}
	locked, err := tryLock(ctx, conn, key)
	if err != nil {
		return err
	}
	if !locked {
		return ErrSyncRunning
	}
	before, err := get(ctx, conn, key)
	if err != nil {
		return err
	}
	after := before
	if after.SourceHash, err = r.source.hash(); err != nil {
		return err
	}
	since := before.mark
	if full || !bytes.Equal(before.SourceHash, after.SourceHash) {
		since = mark{}
	}
	newest, err := y.merge(ctx, conn, r, since)
	if err != nil {
		return err
	}
	if newest.UpdatedAt != "" {
		after.mark = newest
	}
	return put(ctx, conn, key, after, r.result, y.importer.now())
}

// merge pulls and merges what is new since the mark, and returns the new one.
func (y *Syncer) merge(ctx context.Context, conn *postgres.Conn, r *run, since mark) (_ mark, err error) {
	p := &pull{portal: y.portal(r.source), source: r.source, progress: r.progress}
	defer func() { err = errors.Join(err, p.close()) }()
	found, err := p.probe(ctx, updated(">=", since.UpdatedAt))
	if err != nil {
		return mark{}, err
	}
	if found == since && since.UpdatedAt != "" {
		return since, r.checked(ctx)
	}
	if err := p.open(ctx); err != nil {
		return mark{}, err
	}
	if err := y.pull(ctx, p, since, found); err != nil {
		return mark{}, err
	}
	rows, err := p.reader()
	if err != nil {
		return mark{}, err
	}
	r.source = r.source.spooled()
	return p.newest, r.all(ctx, conn, []File{{Name: p.portal.resource, Reader: rows}})
}

// pull pulls everything, or what is new since a mark, where so many rows were found since, those of its own time included.
func (y *Syncer) pull(ctx context.Context, p *pull, since, found mark) error {
	if since.UpdatedAt == "" {
		return p.all(ctx, found.UpdatedAt, found.Rows)
	}
	condition, n := updated(">=", since.UpdatedAt), found.Rows
	if since.Rows > int64(p.source.SODA.pageSize()) {
		same, err := p.probe(ctx, updated("=", since.UpdatedAt))
		if err != nil {
			return err
		}
		if same.Rows <= since.Rows { // some changed since, none came
			condition, n = updated(">", since.UpdatedAt), found.Rows-same.Rows
			p.newest = mark{since.UpdatedAt, same.Rows}
		}
	}
	if n > y.changed {
		p.newest = mark{}
		return p.all(ctx, found.UpdatedAt, -1)
	}
	return p.whole(ctx, condition)
}

func (y *Syncer) portal(s *Source) *portal {
	return &portal{
		client: newClient(y.timeout), token: y.token, pause: y.pause, bytes: y.bytes, sleep: y.sleep, random: y.random, now: y.importer.now,
		resource: strings.TrimSuffix(s.SODA.URL, "/") + "/resource/" + s.SODA.Dataset + ".json",
	}
}
