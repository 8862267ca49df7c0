package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/demo"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
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
		key, err := demo.NewSeeder(db.DB, now, newID).Seed(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%s=%s\n", keyVariable, key)
		return nil
	})
}

type keysCommand struct {
	Create createKeyCommand `cmd:"" help:"Make an API key and print it, once."`
}

type createKeyCommand struct {
	Organization string   `required:"" help:"Id (org_…) or name of the organization." placeholder:"ORG"`
	Name         string   `required:"" help:"What the key is for, such as \"CRM Integration - Production\"." placeholder:"NAME"`
	Permissions  []string `default:"read" enum:"read,write,admin" help:"Any of read, write and admin, with commas between. admin includes the other two; ${default} when left out." placeholder:"LIST"`
	ExpiresIn    string   `help:"Time until the key expires, such as 720h; never when left out." placeholder:"TIME"`
}

// Help tells what the one-line help leaves out.
func (createKeyCommand) Help() string {
	return `The key goes to standard output and is shown nowhere else, ever.

  plotwise keys create --organization "` + demo.Organization + `" --name "Reports" --permissions read`
}

// Run makes the key and prints it.
func (c *createKeyCommand) Run(ctx context.Context, g *globals) error {
	if n := utf8.RuneCountInString(c.Name); n > 100 || strings.TrimSpace(c.Name) == "" {
		return errors.New("--name: want 1 to 100 characters")
	}
	k := apikeys.Key{Name: c.Name}
	for _, p := range c.Permissions {
		k.Permissions = append(k.Permissions, identity.Permission(p))
	}
	if c.ExpiresIn != "" {
		d, err := time.ParseDuration(c.ExpiresIn)
		if err != nil || d <= 0 {
			return fmt.Errorf("--expires-in: %q: want a time such as 720h", c.ExpiresIn)
		}
		at := now().Add(d)
		k.ExpiresAt = &at
	}
	return g.withDatabase(ctx, func(db *database) (err error) {
		if k.OrganizationID, err = findOrganization(ctx, organizations.NewService(db.DB, now, newID), "--organization", c.Organization); err != nil {
			return err
		}
		key, err := apikeys.NewService(db.DB, now, newID).Create(ctx, k)
		if err != nil {
			return err
		}
		fmt.Println(key)
		fmt.Fprintln(os.Stderr, "This key is shown only now; keep it safe.")
		return nil
	})
}
