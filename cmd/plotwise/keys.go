package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/audit"
	"github.com/plotwise/plotwise/internal/demo"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

type keysCommand struct {
	Create createKeyCommand `cmd:"" help:"Make an API key and print it, once."`
	List   listKeysCommand  `cmd:"" help:"List an organization's API keys."`
	Revoke revokeKeyCommand `cmd:"" help:"Revoke an API key."`
}

type createKeyCommand struct {
	Organization string   `required:"" help:"Id (org_…) or name of the organization." placeholder:"ORG"`
	Name         string   `required:"" help:"What the key is for, such as \"CRM Integration - Production\"." placeholder:"NAME"`
	Permissions  []string `default:"read" enum:"read,write,admin" help:"Any of read, write and admin, with commas between. admin includes the other two; ${default} when left out." placeholder:"LIST"`
	Networks     []string `name:"allowed-networks" help:"Networks and addresses that the key may be used from, with commas between; anywhere when left out." placeholder:"CIDR"`
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
	if len(c.Permissions) == 0 {
		return errors.New("--permissions: want read, write or admin, or several with commas between")
	}
	k := apikeys.Key{Name: c.Name, AllowedNetworks: c.Networks}
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
		var key string
		var made apikeys.Key
		if err := audited(ctx, db, "createAPIKey", k.OrganizationID, func(ctx context.Context) (err error) {
			made, key, err = apikeys.NewService(db.DB, now, newID).Create(ctx, k)
			return err
		}); err != nil {
			return err
		}
		fmt.Println(key)
		fmt.Fprintf(os.Stderr, "This key is shown only now; keep it safe. Its id is %s.\n", id.Format(id.APIKey, made.ID))
		return nil
	})
}

type listKeysCommand struct {
	Organization string `required:"" help:"Id (org_…) or name of the organization." placeholder:"ORG"`
	State        string `default:"" enum:",active,expired,revoked" help:"Only keys that are active, expired or revoked; all when left out." placeholder:"STATE"`
}

// Run prints the keys, the newest first.
func (c *listKeysCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		organization, err := findOrganization(ctx, organizations.NewService(db.DB, now, newID), "--organization", c.Organization)
		if err != nil {
			return err
		}
		found, err := allKeys(ctx, apikeys.NewService(db.DB, now, newID), organization, c.State)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			fmt.Fprintln(os.Stderr, "There is no such key.")
			return nil
		}
		var b strings.Builder
		b.WriteString("ID\tNAME\tPERMISSIONS\tKEY\tSTATE\tLAST USED\tEXPIRES\tCREATED\n")
		for _, k := range found {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s…%s\t%s\t%s\t%s\t%s\n", id.Format(id.APIKey, k.ID), printable(k.Name), joined(k.Permissions), k.Prefix, k.LastFour,
				k.State(now()), instant(k.LastUsedAt), instant(k.ExpiresAt), instant(&k.CreatedAt))
		}
		return printTable(b.String())
	})
}

func allKeys(ctx context.Context, s *apikeys.Service, organization uuid.UUID, state string) ([]apikeys.Key, error) {
	var all []apikeys.Key
	perPage := int32(100)
	query := page.Query{PerPage: &perPage}
	for {
		found, meta, err := s.List(ctx, organization, state, query)
		if all = append(all, found...); err != nil || meta.NextCursor == "" {
			return all, err
		}
		query.Cursor = &meta.NextCursor
	}
}

// audited does something as the operator, and notes it in the same transaction.
func audited(ctx context.Context, db *database, operation string, organization uuid.UUID, do func(ctx context.Context) error) error {
	return postgres.InTx(ctx, db.DB, func(tx *postgres.Tx) error {
		if err := do(postgres.WithTx(ctx, tx)); err != nil {
			return err
		}
		return audit.NewLog(now, newID).Record(ctx, tx, audit.Entry{OrganizationID: organization, Operation: operation})
	})
}

// printable returns a text of a customer without what would move the cursor of a terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return '�'
		}
		return r
	}, text)
}

func joined(permissions []identity.Permission) string {
	texts := make([]string, len(permissions))
	for i, p := range permissions {
		texts[i] = string(p)
	}
	return strings.Join(texts, ",")
}

func instant(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339)
}

type revokeKeyCommand struct {
	Key   string `arg:"" help:"Id of the key (key_…); plotwise keys list shows it."`
	Force bool   `help:"Revoke it even when it is the organization's only active key with the admin permission."`
}

// Help tells what the one-line help leaves out.
func (revokeKeyCommand) Help() string {
	return `Running servers refuse the key within a second. Revoking it again changes nothing.`
}

// Run revokes the key.
func (c *revokeKeyCommand) Run(ctx context.Context, g *globals) error {
	key, ok := id.Parse(id.APIKey, c.Key)
	if !ok {
		return fmt.Errorf("key %q: want an id such as key_01k0n5v8e3e5ra1c8d7m2n4p6q, not the key itself", c.Key[:min(len(c.Key), 12)])
	}
	return g.withDatabase(ctx, func(db *database) error {
		s := apikeys.NewService(db.DB, now, newID)
		k, err := s.Find(ctx, key)
		if err != nil {
			return err
		}
		if err := audited(ctx, db, "revokeAPIKey", k.OrganizationID, func(ctx context.Context) error {
			if c.Force {
				return s.ForceRevoke(ctx, k.OrganizationID, k.ID)
			}
			return s.Revoke(ctx, k.OrganizationID, k.ID, nil)
		}); err != nil {
			return err
		}
		fmt.Printf("%s (%s) is revoked.\n", c.Key, printable(k.Name))
		return nil
	})
}
