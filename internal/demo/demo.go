// Package demo makes the demo organization: generated permits of counties that do not exist with their fees and
// inspections, a watchlist and a key. The permits go through the same import as a city's own.
package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/watchlist"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// Organization is the demo organization's name.
const Organization = "Palmetto Builders"

// OwnerEmail is the address of the demo organization's owner.
const OwnerEmail = "owner@example.com"

// KnownPermit is the number of a permit that the demo always has, on the watchlist.
const KnownPermit = "BLD-26-0521670"

const watched = 40

// Seeder fills an empty database.
type Seeder struct {
	organizations *organizations.Service
	keys          *apikeys.Service
	permits       *permits.Service
	watchlist     *watchlist.Service
	conditions    *conditions.Service
	contacts      *contacts.Service
	importer      *ingest.Importer
	early         *watchlist.Service // whose events are older than events are kept
	feed          *events.Feed
	webhooks      *webhooks.Service
	notices       *notifications.Service
	members       *members.Service
	db            *postgres.DB
	now           func() time.Time
}

// NewSeeder returns a Seeder on the database.
func NewSeeder(db *postgres.DB, outbox *events.Outbox, box *secret.Box, now func() time.Time, newID func() uuid.UUID) *Seeder {
	found := contacts.NewService(db, newID)
	longAgo := func() time.Time { return now().AddDate(0, 0, -31) }
	return &Seeder{
		organizations: organizations.NewService(db, now, newID), keys: apikeys.NewService(db, now, newID), permits: permits.NewService(db),
		watchlist: watchlist.NewService(db, found.Track, outbox, now), conditions: conditions.NewService(db, found.Track, now, newID),
		contacts: found, importer: ingest.NewImporter(db, outbox, now, newID), feed: events.NewFeed(db, events.NewHub(), now),
		webhooks: webhooks.NewService(db, box, nil, now, newID), notices: notifications.NewService(db, "", now, newID),
		members: members.NewService(db, now, newID), db: db, now: now,
		early: watchlist.NewService(db, found.Track, events.NewOutbox(slog.New(slog.DiscardHandler), longAgo, newID), now),
	}
}

// Seed makes the demo organization with its permits and returns a key of it with every permission, in clear. When the
// organization exists, it only makes another key. An interrupted Seed goes on where it was.
func (s *Seeder) Seed(ctx context.Context) (key string, err error) {
	organization, err := s.organizations.GetByName(ctx, Organization)
	var p *problem.Error
	if errors.As(err, &p) && p.Kind == problem.NotFound {
		if err := s.importAll(ctx, false); err != nil {
			return "", err
		}
		if organization, err = s.organizations.Create(ctx, Organization, "professional"); err == nil {
			err = s.organizations.SetTimeZone(ctx, organization, "America/New_York")
		}
	}
	if err != nil {
		return "", err
	}
	k := apikeys.Key{
		OrganizationID: organization, Name: "Demo", Permissions: []identity.Permission{identity.Read, identity.Write, identity.Admin},
	}
	if _, key, err = s.keys.Create(ctx, k); err != nil {
		return "", err
	}
	if err := s.fill(ctx, organization); err != nil {
		return "", err
	}
	return key, s.importAll(ctx, true)
}

// fill gives the organization a webhook, members, a watchlist and conditions, where it has none yet.
func (s *Seeder) fill(ctx context.Context, organization uuid.UUID) error {
	if err := s.hook(ctx, organization); err != nil {
		return err
	}
	if err := s.join(ctx, organization); err != nil {
		return err
	}
	if err := s.watch(ctx, organization); err != nil {
		return err
	}
	per := int32(1)
	_, meta, err := s.conditions.List(ctx, organization, page.Query{PerPage: &per})
	if err != nil || meta.Total > 0 {
		return err
	}
	for _, c := range []conditions.Condition{
		{Type: conditions.Company, Name: "Permits of Suncoast", Company: "SUNCOAST CUSTOM HOMES"},
		{Type: conditions.Location, Name: "Around Heron Bay", Latitude: 27.95, Longitude: -82.46, RadiusM: 3000},
	} {
		if _, err := s.conditions.Create(ctx, organization, c); err != nil {
			return err
		}
	}
	return s.feed.Prune(ctx)
}

// hook gives the organization a webhook, where it has none yet, and a notification of it. It is paused: what it would be
// told can be looked at, and nothing is sent to anybody.
func (s *Seeder) hook(ctx context.Context, organization uuid.UUID) error {
	_, meta, err := s.webhooks.List(ctx, organization, page.Query{})
	if err != nil || meta.Total > 0 {
		return err
	}
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		ctx := postgres.WithTx(ctx, tx)
		w, _, err := s.webhooks.Create(ctx, organization, webhooks.Create{
			URL: "https://hooks.example.com/plotwise", Description: "Paused: put your own address here, and resume it",
			EventTypes: []string{events.StatusChanged, events.FeeChanged, events.InspectionScheduled, events.Added, events.Removed},
		})
		if err != nil {
			return err
		}
		if err := s.fail(ctx, tx, organization, w); err != nil {
			return err
		}
		paused := "paused"
		_, err = s.webhooks.Update(ctx, organization, w.ID, nil, webhooks.Update{State: &paused})
		return err
	})
}

// fail has the webhook fail for a day, and the organization told of that.
func (s *Seeder) fail(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, w webhooks.Webhook) error {
	yesterday := s.now().Add(-24 * time.Hour)
	if _, _, err := s.webhooks.Fail(ctx, tx, organization, w.ID, webhooks.Failure{At: yesterday}); err != nil {
		return err
	}
	if _, _, err := s.webhooks.Fail(ctx, tx, organization, w.ID, webhooks.Failure{At: s.now()}); err != nil {
		return err
	}
	return s.notices.Add(ctx, tx, organization, notifications.NewWebhookFailing(notifications.Webhook{
		ID: w.ID, URL: w.URL, Since: yesterday, Last: "status 503", Disabled: yesterday.Add(webhooks.DisableAfter),
	}))
}

// join gives the organization members, where it has none yet: after it was told of its webhook, so that nobody is sent mail.
func (s *Seeder) join(ctx context.Context, organization uuid.UUID) error {
	found, err := s.members.List(ctx, organization)
	if err != nil || len(found) > 0 {
		return err
	}
	for _, m := range []members.Member{
		{Email: OwnerEmail, Name: "Demo owner", Role: members.Owner},
		{Email: "member@example.com", Name: "Demo member", Role: members.Plain},
	} {
		if _, err := s.members.Add(ctx, organization, m); err != nil {
			return err
		}
	}
	return nil
}

// watch puts the first permits and the known one on the watchlist.
func (s *Seeder) watch(ctx context.Context, organization uuid.UUID) error {
	if _, _, err := s.early.Add(ctx, organization, watchlist.Create{
		PermitNumber: KnownPermit, Tags: []string{"heron-lake"}, Priority: "high",
	}); err != nil {
		return err
	}
	per := int32(watched)
	first, _, err := s.permits.List(ctx, organization, permits.Filter{Scope: permits.ScopeAll}, page.Query{PerPage: &per})
	if err != nil {
		return err
	}
	for i, p := range first {
		list := s.watchlist
		if i < 2 { // one of them may be the known one
			list = s.early
		}
		if _, _, err := list.Add(ctx, organization, watchlist.Create{PermitUUID: &p.UUID}); err != nil {
			return err
		}
	}
	return nil
}

// importAll imports each county's files, as they were first seen or as they are a week later. In between the organization
// begins to watch, so that there is a history, and events of it.
func (s *Seeder) importAll(ctx context.Context, later bool) error {
	for _, county := range counties {
		for _, dataset := range []string{ingest.Permits, ingest.Fees, ingest.Inspections} {
			if err := s.importFile(ctx, county, dataset, later); err != nil {
				return err
			}
		}
	}
	return s.contacts.Drain(ctx)
}

func (s *Seeder) importFile(ctx context.Context, c county, dataset string, later bool) error {
	source, err := ingest.ParseSource(strings.NewReader(c.source(dataset)), c.slug)
	if err != nil {
		return err
	}
	text, err := c.file(dataset, later)
	if err != nil {
		return err
	}
	file := ingest.File{Name: c.slug + "-" + dataset + ".csv", Reader: bytes.NewReader(text)}
	_, err = s.importer.Import(ctx, source, []ingest.File{file}, ingest.Progress{})
	return err
}

// file renders one of a county's datasets as CSV with the column names that need no mapping.
func (c county) file(dataset string, later bool) ([]byte, error) {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(c.rows(dataset, later)); err != nil {
		return nil, fmt.Errorf("write the demo %s of %s: %w", dataset, c.slug, err)
	}
	return b.Bytes(), nil
}

func (c county) rows(dataset string, later bool) [][]string {
	headers := map[string][]string{ingest.Permits: header, ingest.Fees: feeHeader, ingest.Inspections: inspectionHeader}
	rows := [][]string{headers[dataset]}
	for _, p := range c.draw(later) {
		switch dataset {
		case ingest.Fees:
			rows = append(rows, p.fees()...)
		case ingest.Inspections:
			rows = append(rows, p.inspections(later)...)
		default:
			rows = append(rows, p.row)
		}
	}
	return rows
}
