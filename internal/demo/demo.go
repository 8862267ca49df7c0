// Package demo makes the demo organization: generated permits of counties that do not exist with their fees and
// inspections, a watchlist and a key. The permits go through the same import as a city's own.
package demo

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/ingest"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/watchlist"
)

// Organization is the demo organization's name.
const Organization = "Palmetto Builders"

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
}

// NewSeeder returns a Seeder on the database.
func NewSeeder(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Seeder {
	found := contacts.NewService(db, newID)
	return &Seeder{
		organizations: organizations.NewService(db, now, newID), keys: apikeys.NewService(db, now, newID), permits: permits.NewService(db),
		watchlist: watchlist.NewService(db, found.Track, now), conditions: conditions.NewService(db, found.Track, now, newID),
		contacts: found, importer: ingest.NewImporter(db, now, newID),
	}
}

// Seed makes the demo organization with its permits and returns a key of it with every permission, in clear. When the
// organization exists, it only makes another key. An interrupted Seed goes on where it was.
func (s *Seeder) Seed(ctx context.Context) (key string, err error) {
	if err := s.importAll(ctx); err != nil {
		return "", err
	}
	organization, err := s.organizations.GetByName(ctx, Organization)
	var p *problem.Error
	if errors.As(err, &p) && p.Kind == problem.NotFound {
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
	return key, nil
}

// fill gives the organization a watchlist and conditions, where it has none yet.
func (s *Seeder) fill(ctx context.Context, organization uuid.UUID) error {
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
	return s.contacts.Drain(ctx)
}

// watch puts the first permits and the known one on the watchlist.
func (s *Seeder) watch(ctx context.Context, organization uuid.UUID) error {
	if _, _, err := s.watchlist.Add(ctx, organization, watchlist.Create{
		PermitNumber: KnownPermit, Tags: []string{"heron-lake"}, Priority: "high",
	}); err != nil {
		return err
	}
	per := int32(watched)
	first, _, err := s.permits.List(ctx, organization, permits.Filter{Scope: permits.ScopeAll}, page.Query{PerPage: &per})
	if err != nil {
		return err
	}
	for _, p := range first {
		if _, _, err := s.watchlist.Add(ctx, organization, watchlist.Create{PermitUUID: &p.UUID}); err != nil {
			return err
		}
	}
	return nil
}

// importAll imports each county's files twice: as they were first seen, and a week later, so that there is a history.
func (s *Seeder) importAll(ctx context.Context) error {
	for _, county := range counties {
		for _, later := range []bool{false, true} {
			for _, dataset := range []string{ingest.Permits, ingest.Fees, ingest.Inspections} {
				if err := s.importFile(ctx, county, dataset, later); err != nil {
					return err
				}
			}
		}
	}
	return nil
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
