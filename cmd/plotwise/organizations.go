package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
)

type orgCommand struct {
	Create  createOrgCommand `cmd:"" help:"Make an organization and print its id."`
	SetPlan setPlanCommand   `cmd:"" name:"set-plan" help:"Put an organization on another plan."`
	SetZone setZoneCommand   `cmd:"" name:"set-time-zone" help:"Set where an organization's days begin."`
	List    listOrgsCommand  `cmd:"" help:"List the organizations with what they use."`

	AddMember   addMemberCommand   `cmd:"" name:"add-member" help:"Add somebody to an organization."`
	ListMembers listMembersCommand `cmd:"" name:"list-members" help:"List an organization's members."`
	SignInLink  signInLinkCommand  `cmd:"" name:"sign-in-link" help:"Make a link that signs a member in, once."`
}

type createOrgCommand struct {
	Name string `arg:"" help:"The organization's name, 1 to 200 characters."`
	Zone string `name:"time-zone" default:"UTC" help:"Where its days begin, such as America/New_York; ${default} when left out." placeholder:"ZONE"`
	Plan string `default:"starter" enum:"${plans}" help:"One of ${plans}; ${default} when left out." placeholder:"PLAN"`
}

// Help tells what the one-line help leaves out.
func (createOrgCommand) Help() string {
	return `The id goes to standard output. A key for it:

  plotwise keys create --organization "$(plotwise org create "Palmetto Builders")" --name "First key" --permissions read,write`
}

// Run makes the organization and prints its id.
func (c *createOrgCommand) Run(ctx context.Context, g *globals) error {
	name := strings.TrimSpace(c.Name)
	if n := utf8.RuneCountInString(name); n == 0 || n > 200 {
		return errors.New("name: want 1 to 200 characters")
	}
	return g.withDatabase(ctx, func(db *database) error {
		var created uuid.UUID
		err := postgres.InTx(ctx, db.DB, func(tx *postgres.Tx) (err error) {
			ctx := postgres.WithTx(ctx, tx)
			s := organizations.NewService(db.DB, now, newID)
			if created, err = s.Create(ctx, name, c.Plan); err != nil {
				return err
			}
			return s.SetTimeZone(ctx, created, c.Zone)
		})
		if err != nil {
			return err
		}
		fmt.Println(id.Format(id.Organization, created))
		return nil
	})
}

type setPlanCommand struct {
	Organization      string `arg:"" help:"Id (org_…) or name of the organization."`
	Plan              string `arg:"" enum:"${plans}" help:"One of ${plans}."`
	RequestsPerMinute *int32 `help:"Limit agreed with this organization; the plan's own when left out." placeholder:"N"`
}

// Help tells what the one-line help leaves out.
func (setPlanCommand) Help() string {
	return `What the organization uses beyond a smaller plan stays; it only cannot add to it.

  plotwise org set-plan "Palmetto Builders" enterprise --requests-per-minute 5000`
}

// Run changes the plan and prints what holds now.
func (c *setPlanCommand) Run(ctx context.Context, g *globals) error {
	if n := c.RequestsPerMinute; n != nil && (*n < 1 || *n > 1_000_000) {
		return fmt.Errorf("--requests-per-minute: %d: want 1 to 1,000,000", *n)
	}
	return g.withDatabase(ctx, func(db *database) error {
		s := organizations.NewService(db.DB, now, newID)
		found, err := findOrganization(ctx, s, "organization", c.Organization)
		if err != nil {
			return err
		}
		if err := s.SetPlan(ctx, found, c.Plan, c.RequestsPerMinute); err != nil {
			return err
		}
		o, err := s.Get(ctx, found)
		if err != nil {
			return err
		}
		return printOrganizations(o)
	})
}

type setZoneCommand struct {
	Organization string `arg:"" help:"Id (org_…) or name of the organization."`
	Zone         string `arg:"" help:"Name of the IANA database, such as America/New_York."`
}

// Help tells what the one-line help leaves out.
func (setZoneCommand) Help() string {
	return `Usage is told by days of this zone. What was counted before stays with the day that it was counted on.`
}

// Run changes the time zone and prints what holds now.
func (c *setZoneCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		s := organizations.NewService(db.DB, now, newID)
		found, err := findOrganization(ctx, s, "organization", c.Organization)
		if err != nil {
			return err
		}
		if err := s.SetTimeZone(ctx, found, c.Zone); err != nil {
			return err
		}
		o, err := s.Get(ctx, found)
		if err != nil {
			return err
		}
		return printOrganizations(o)
	})
}

type listOrgsCommand struct{}

// Run prints the organizations.
func (listOrgsCommand) Run(ctx context.Context, g *globals) error {
	return g.withDatabase(ctx, func(db *database) error {
		found, err := organizations.NewService(db.DB, now, newID).List(ctx)
		if err != nil {
			return err
		}
		if len(found) == 0 {
			fmt.Fprintln(os.Stderr, `There is no organization yet: make one with plotwise org create "NAME".`)
			return nil
		}
		return printOrganizations(found...)
	})
}

func printOrganizations(all ...organizations.Organization) error {
	var b strings.Builder
	b.WriteString("ID\tNAME\tPLAN\tREQUESTS/MINUTE\tPERMIT SLOTS\tSEATS\tCONDITIONS\tTIME ZONE\n")
	for _, o := range all {
		fmt.Fprintf(&b, "%s\t%s\t%s\t%d\t%s\t%s\t%s\t%s\n", id.Format(id.Organization, o.ID), printable(o.Name), o.Plan, o.RequestsPerMinute,
			used(o.UsedPermitSlots, o.PermitSlots), used(o.UsedSeats, o.Seats), used(o.UsedConditions, o.Conditions), o.TimeZone)
	}
	return printTable(b.String())
}

// printTable prints lines whose columns are set apart by tabs.
func printTable(lines string) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	if _, err := w.Write([]byte(lines)); err != nil {
		return err
	}
	return w.Flush()
}

func used(n int32, limit *int32) string {
	if limit == nil {
		return fmt.Sprintf("%d of any number", n)
	}
	return fmt.Sprintf("%d of %d", n, *limit)
}

// findOrganization returns the organization of that id or name; what names the argument for the failure.
func findOrganization(ctx context.Context, s *organizations.Service, what, text string) (uuid.UUID, error) {
	var found uuid.UUID
	var err error
	if parsed, ok := id.Parse(id.Organization, text); ok {
		var o organizations.Organization
		o, err = s.Get(ctx, parsed)
		found = o.ID
	} else {
		found, err = s.GetByName(ctx, text)
	}
	if err != nil {
		return found, fmt.Errorf("%s %q: %w", what, text, err)
	}
	return found, nil
}
