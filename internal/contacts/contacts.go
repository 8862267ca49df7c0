// Package contacts keeps, for each organization, the people and firms on the permits that it tracks, each of them once.
package contacts

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
)

// Contact is a person or firm. What no permit says is empty.
type Contact struct {
	ID          uuid.UUID   `db:"id"`
	EntityType  string      `db:"entity_type"` // company or person
	Name        string      `db:"name"`
	Person      string      `db:"person"`
	Company     string      `db:"company"`
	Phone       string      `db:"phone"`
	Email       string      `db:"email"`
	Address     string      `db:"address"` // in one line
	Roles       []string    `db:"-"`       // contractor, owner, applicant; sorted
	Licenses    []string    `db:"-"`       // sorted
	PermitCount int32       `db:"permit_count"`
	MergedIDs   []uuid.UUID `db:"-"`
	CreatedAt   time.Time   `db:"created_at"`
	UpdatedAt   time.Time   `db:"updated_at"`
}

// Filter says which contacts a list holds, and in which order: by creation, or by change with UpdatedSince.
type Filter struct {
	Words        string
	Role         string
	EntityType   string
	UpdatedSince *time.Time
}

// Service keeps contacts. It is safe for concurrent use.
type Service struct {
	db    *postgres.DB
	newID func() uuid.UUID
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, newID func() uuid.UUID) *Service {
	return &Service{db: db, newID: newID}
}

// List returns a page of an organization's contacts, or a problem of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, f Filter, p page.Query) ([]Contact, page.Meta, error) {
	q := postgres.From(ctx, s.db)
	since := ""
	if f.UpdatedSince != nil {
		since = f.UpdatedSince.UTC().Format(time.RFC3339Nano)
	}
	scope := fmt.Sprintf("contacts %s %q %s %s %s", organization, f.Words, f.Role, f.EntityType, since)
	rows, meta, err := page.List(p, scope, row.key,
		func(r page.Request) ([]row, error) { return list(ctx, q, organization, f, r) },
		func() (int, error) { return count(ctx, q, organization, f, page.MaxDepth+1) })
	if err != nil {
		return nil, meta, err
	}
	found := make([]Contact, len(rows))
	for i, r := range rows {
		found[i] = r.contact()
	}
	return found, meta, meta.Poll(f.UpdatedSince)
}

// Get returns a contact by its id or by one that was merged into it, or NotFound.
func (s *Service) Get(ctx context.Context, organization, contact uuid.UUID) (Contact, error) {
	return get(ctx, postgres.From(ctx, s.db), organization, contact)
}

// atOnce is how many permits have their contacts found in the transaction that tracks them. More than that are left to
// Drain, so that a large portfolio does not keep a request waiting.
const atOnce = 200

// drained is how many permits Drain takes in one transaction: the more, the seldomer a contact with many permits is
// described anew.
const drained = 1000

// Track is to be called in a transaction in which an organization is about to begin or cease to track permits, before it
// takes the lock of stamp_change(): who waits for the organization's contacts keeps nobody else waiting. What it returns
// is to be called with those permits afterwards.
func (s *Service) Track(ctx context.Context, tx *postgres.Tx, organization uuid.UUID) (then func(permits []uuid.UUID) error, err error) {
	if err := lock(ctx, tx, organization); err != nil {
		return nil, err
	}
	return func(permits []uuid.UUID) error {
		switch {
		case len(permits) == 0:
			return nil
		case len(permits) <= atOnce:
			return s.refresh(ctx, tx, organization, permits)
		}
		return enqueue(ctx, tx, organization, permits)
	}, nil
}

// Changed is to be called in a transaction that changed the parties of permits, or who tracks them. Drain does the rest.
func (s *Service) Changed(ctx context.Context, tx *postgres.Tx, permits []uuid.UUID) error {
	if len(permits) == 0 {
		return nil
	}
	return enqueueTracked(ctx, tx, permits)
}

// Drain finds the contacts that Track and Changed left over, a thousand permits a transaction, until none are left. An
// organization where that fails does not keep it from the others. Any number of processes may call it at once.
func (s *Service) Drain(ctx context.Context) error {
	for {
		behind, err := listBehind(ctx, s.db)
		if err != nil || len(behind) == 0 {
			return err
		}
		for _, organization := range behind {
			err = errors.Join(err, s.drain(ctx, organization))
		}
		if err != nil {
			return err
		}
	}
}

// drain works one organization's backlog off.
func (s *Service) drain(ctx context.Context, organization uuid.UUID) error {
	for left := true; left; {
		err := postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
			if err := lock(ctx, tx, organization); err != nil {
				return err
			}
			permits, err := take(ctx, tx, organization, drained)
			left = len(permits) > 0
			if err != nil || !left {
				return err
			}
			return s.refresh(ctx, tx, organization, permits)
		})
		if err != nil {
			return fmt.Errorf("find contacts of organization %s: %w", organization, err)
		}
	}
	return nil
}

// Run calls Drain every so often until the context ends. Failures go to the log; the next round tries again.
func (s *Service) Run(ctx context.Context, every time.Duration, log *slog.Logger) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := s.Drain(ctx); err != nil && ctx.Err() == nil {
			log.LogAttrs(ctx, slog.LevelWarn, "contacts are behind", slog.Any("error", err))
		}
	}
}

// refresh finds anew which contacts the parties of permits are. Those whose permits are not tracked any more let go of
// them; those that turn out to be one are merged. The transaction
// holds the lock of the organization's contacts.
func (s *Service) refresh(ctx context.Context, tx *postgres.Tx, organization uuid.UUID, permits []uuid.UUID) error {
	if err := settle(ctx, tx, organization, permits); err != nil {
		return err
	}
	touched, err := unlink(ctx, tx, organization, permits)
	if err != nil {
		return err
	}
	parties, err := listParties(ctx, tx, organization, permits)
	if err != nil {
		return err
	}
	known, err := knownKeys(ctx, tx, organization, keysOf(parties))
	if err != nil {
		return err
	}
	resolved := resolve(parties, known, s.newID)
	if err := store(ctx, tx, organization, parties, resolved); err != nil {
		return err
	}
	return describe(ctx, tx, organization, append(touched, resolved.contacts()...))
}
