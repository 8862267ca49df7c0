package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/plotwise/plotwise/internal/demo"
	"github.com/plotwise/plotwise/internal/postgres"
)

type migrateCommand struct{}

// Help tells what the one-line help leaves out.
func (migrateCommand) Help() string {
	return `Migrations only go forward, and any number of processes may run them at once: one does, the others wait.`
}

// Run migrates and prints the version.
func (migrateCommand) Run(ctx context.Context, g *globals) (err error) {
	g.config.StatementTimeout, g.config.LockTimeout = 0, 0
	db, err := g.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.close(ctx)) }()
	fmt.Fprintln(os.Stderr, g.which(db))
	if err := db.migrate(ctx); err != nil {
		return err
	}
	current, _, err := postgres.Versions(ctx, db.DB.DB.DB)
	if err != nil {
		return err
	}
	fmt.Printf("The schema has version %d, which is the newest.\n", current)
	return nil
}

type seedCommand struct{}

// Help tells what the one-line help leaves out.
func (seedCommand) Help() string {
	return `The demo organization, ` + demo.Organization + `, is on the professional plan; 2,000 made-up permits of three counties
that do not exist come with it. Running it again only makes another key.`
}

// Run seeds and prints the key.
func (seedCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		key, err := g.seed(ctx, db)
		if err != nil {
			return err
		}
		fmt.Printf("PLOTWISE_API_KEY=%s\n", key)
		return nil
	})
}
