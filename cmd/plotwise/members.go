package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/accounts"
	"github.com/plotwise/plotwise/internal/audit"
	"github.com/plotwise/plotwise/internal/demo"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
)

type addMemberCommand struct {
	Organization string `required:"" help:"Id (org_…) or name of the organization." placeholder:"ORG"`
	Email        string `required:"" help:"Where mail reaches the member." placeholder:"EMAIL"`
	Name         string `required:"" help:"The member's name, 1 to 200 characters." placeholder:"NAME"`
	Role         string `required:"" enum:"${roles}" help:"One of ${roles}. Owners and admins get mail when a webhook fails." placeholder:"ROLE"`
}

// Help tells what the one-line help leaves out.
func (addMemberCommand) Help() string {
	return `The id goes to standard output. Each member takes one of the seats of the organization's plan.
Somebody whom another organization has already signs in to both with one password: make sure that it is the same person.

  plotwise org add-member --organization "` + demo.Organization + `" --email name@example.com --name "Permits desk" --role admin`
}

// Run adds the member and prints the id.
func (c *addMemberCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		organization, err := findOrganization(ctx, organizations.NewService(db.DB, now, newID), "--organization", c.Organization)
		if err != nil {
			return err
		}
		var added members.Member
		if err := audited(ctx, db, "addMember", organization, func(ctx context.Context) (err error) {
			added, err = members.NewService(db.DB, now, newID).Add(ctx, organization, members.Member{Email: c.Email, Name: c.Name, Role: c.Role})
			return err
		}); err != nil {
			return err
		}
		fmt.Println(id.Format(id.Member, added.ID))
		return nil
	})
}

type listMembersCommand struct {
	Organization string `required:"" help:"Id (org_…) or name of the organization." placeholder:"ORG"`
}

// Run prints the members, the first one first.
func (c *listMembersCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		organization, err := findOrganization(ctx, organizations.NewService(db.DB, now, newID), "--organization", c.Organization)
		if err != nil {
			return err
		}
		found, err := members.NewService(db.DB, now, newID).List(ctx, organization)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			fmt.Fprintln(os.Stderr, "There is no member yet: add one with plotwise org add-member.")
			return nil
		}
		var b strings.Builder
		b.WriteString("ID\tNAME\tEMAIL\tROLE\tADDED\n")
		for _, m := range found {
			fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%s\n", id.Format(id.Member, m.ID), printable(m.Name), printable(m.Email), m.Role, instant(&m.CreatedAt))
		}
		return printTable(b.String())
	})
}

type signInLinkCommand struct {
	Email    string        `required:"" help:"The member's address." placeholder:"EMAIL"`
	Lifetime time.Duration `default:"24h" help:"How long the link works, up to 168h." placeholder:"24h"`
}

// Help tells what the one-line help leaves out.
func (signInLinkCommand) Help() string {
	return `The link goes to standard output. It signs the member in once, without a password, and lets them set one. Set
PLOTWISE_PUBLIC_URL, so that it leads to the server.

  plotwise org sign-in-link --email ` + demo.OwnerEmail
}

// Run makes a link for a member and prints it.
func (c *signInLinkCommand) Run(ctx context.Context, g *globals) error {
	if c.Lifetime <= 0 || c.Lifetime > 7*24*time.Hour {
		return fmt.Errorf("--lifetime: want more than 0 and up to 168h, not %s", c.Lifetime)
	}
	return g.withDatabase(ctx, func(db *database) error {
		link, err := c.link(ctx, db, cmp.Or(g.config.PublicURL, localURL(g.config.Addr)))
		if err == nil {
			fmt.Println(link)
		}
		return err
	})
}

// link makes the link, and notes that in each organization that it leads into.
func (c *signInLinkCommand) link(ctx context.Context, db *database, publicURL string) (link string, err error) {
	err = postgres.InTx(ctx, db.DB, func(tx *postgres.Tx) error {
		ctx := postgres.WithTx(ctx, tx)
		found, err := accounts.NewService(db.DB, now).Memberships(ctx, c.Email)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("no organization has a member %s: add them with plotwise org add-member", c.Email)
		}
		for _, m := range found {
			if err := audit.NewLog(now, newID).Record(ctx, tx, audit.Entry{OrganizationID: m.OrganizationID, Operation: "createSignInLink"}); err != nil {
				return err
			}
		}
		link, err = signInLink(ctx, db, publicURL, c.Email, c.Lifetime)
		return err
	})
	return link, err
}

// signInLink returns a URL that lets a member in once.
func signInLink(ctx context.Context, db *database, publicURL, email string, lifetime time.Duration) (string, error) {
	token, err := accounts.NewService(db.DB, now).Link(ctx, email, lifetime)
	return publicURL + "/settings/link/" + token, err
}
