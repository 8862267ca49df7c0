package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/plotwise/plotwise/internal/ingest"
)

type syncCommand struct {
	Source  []string `required:"" sep:"none" help:"A shipped source with a portal (${portals}), or the path of a source file; may be given several times." placeholder:"SOURCE"`
	Full    bool     `help:"Pull everything, not only what changed since the last sync."`
	Rejects string   `default:"plotwise.rejects.csv" help:"File for the rows that cannot be taken, each with its line and reason." placeholder:"FILE"`
}

// Help tells what the one-line help leaves out.
func (syncCommand) Help() string {
	return `Pulls the rows that changed since the last sync from the Socrata (SODA) portal that the source's soda section names, and
merges them as import does; the first time, and after a change of the source file, all of them. A sync that fails has
to be repeated, and loses nothing. Portals let in more requests with an app token: PLOTWISE_SODA_APP_TOKEN.

It may be run from cron, on any number of machines: of those that sync a source at once one does, and the others say so
and exit 0. The exit code is 1 when any source failed; the others are synced nevertheless, in the order given. Name
the permits before their inspections and fees.

Portals do not tell what they deleted, and a row that was rejected is not pulled again before it changes: run --full
once in a while.

  plotwise sync --source austin-portal --source seattle
  plotwise sync --source ./mine.yaml --full

How to write a source file: internal/ingest/sources/README.md.`
}

// Run syncs the sources, one after another, and prints a summary of each.
func (c *syncCommand) Run(ctx context.Context, g *globals) error {
	var sources []*ingest.Source
	for _, name := range c.Source {
		s, err := ingest.LoadSource(name)
		if err != nil {
			return err
		}
		if s.SODA == nil {
			return fmt.Errorf("the source %s has no soda section, which names its portal", name)
		}
		sources = append(sources, s)
	}
	return g.withDatabase(ctx, func(db *database) error {
		importer := ingest.NewImporter(db.DB, g.outbox(), now, newID)
		syncer := ingest.NewSyncer(importer, g.config.SODAToken, ingest.Sleep, rand.Float64)
		rejects := &ingest.RejectFile{Path: c.Rejects}
		var failed []error
		for i, s := range sources {
			if ctx.Err() != nil {
				break
			}
			fmt.Printf("%s:\n", c.Source[i])
			failed = append(failed, c.sync(ctx, syncer, s, rejects))
		}
		if rejects.Written() {
			fmt.Printf("The rejected rows are in %s.\n", c.Rejects)
		}
		return errors.Join(append(failed, ctx.Err(), rejects.Close())...)
	})
}

func (c *syncCommand) sync(ctx context.Context, syncer *ingest.Syncer, s *ingest.Source, rejects *ingest.RejectFile) error {
	view := &view{reported: now()}
	result, err := syncer.Sync(ctx, s, c.Full, ingest.Progress{
		Pulled: view.pulled, Read: view.read, Grouped: view.grouped, Merged: view.merged, Rejected: rejects.Add,
	})
	view.end()
	switch {
	case errors.Is(err, ingest.ErrSyncRunning):
		fmt.Println("Another process is syncing it: nothing to do.")
		return nil
	case err != nil:
		return err
	case result.Rows+result.Rejected == 0:
		fmt.Println("Nothing is new.")
		return nil
	}
	fmt.Print(summary(s.Dataset, result))
	return nil
}

// portals lists the shipped sources that have one, for the help.
func portals() string {
	var found []string
	for _, name := range ingest.SourceNames() {
		if s, err := ingest.LoadSource(name); err == nil && s.SODA != nil {
			found = append(found, name)
		}
	}
	return strings.Join(found, ", ")
}
