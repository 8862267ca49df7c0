// Package apikeys makes API keys and recognizes them. A key exists in clear only in the answer to its making.
package apikeys

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/etag"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// Key is an API key, without its secret.
type Key struct {
	OrganizationID    uuid.UUID
	ID                uuid.UUID
	Name              string
	Permissions       []identity.Permission
	Prefix            string
	LastFour          string
	AllowedNetworks   []string // CIDR; from anywhere when empty
	CreatedAt         time.Time
	CreatedBy         *uuid.UUID // the key that made it; nil: the operator
	CreatorName       string     // of that key
	LastUsedAt        *time.Time // nil: never
	ExpiresAt         *time.Time // nil: never
	RevokedAt         *time.Time
	RotatedAt         *time.Time
	PreviousExpiresAt *time.Time // of the secret before the last rotation
	Version           int64
}

// The states of a key.
const (
	Active  = "active"
	Expired = "expired"
	Revoked = "revoked"
)

// State returns the key's state at a time.
func (k Key) State(at time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return Revoked
	case k.ExpiresAt != nil && !at.Before(*k.ExpiresAt):
		return Expired
	}
	return Active
}

// previousUntil returns until when the secret before the last rotation is good: no longer than the key.
func (k Key) previousUntil() *time.Time {
	if k.PreviousExpiresAt != nil && k.ExpiresAt != nil && k.ExpiresAt.Before(*k.PreviousExpiresAt) {
		return k.ExpiresAt
	}
	return k.PreviousExpiresAt
}

func (k Key) position() page.Key { return page.Key{ID: k.ID} }

// Service makes and recognizes API keys. It is safe for concurrent use.
type Service struct {
	db      *postgres.DB
	lookups *postgres.DB // what keys are looked up on
	now     func() time.Time
	newID   func() uuid.UUID
	memory  *memory
}

// NewService returns a Service on the database.
func NewService(db *postgres.DB, now func() time.Time, newID func() uuid.UUID) *Service {
	return &Service{db: db, lookups: db, now: now, newID: newID, memory: newMemory()}
}

// LookUpOn makes the Service look keys up on a pool of its own, so that requests that keep the other one busy do not keep
// keys from being recognized. Call it before the Service is used.
func (s *Service) LookUpOn(pool *postgres.DB) { s.lookups = pool }

// List returns a page of an organization's keys in a state ("" for all), the newest first, or the problems of page.List.
func (s *Service) List(ctx context.Context, organization uuid.UUID, state string, p page.Query) ([]Key, page.Meta, error) {
	q, at := postgres.From(ctx, s.db), s.now()
	return page.List(p, fmt.Sprintf("api-keys %s %s", organization, state), Key.position,
		func(r page.Request) ([]Key, error) { return list(ctx, q, organization, state, at, r) },
		func() (int, error) { return count(ctx, q, organization, state, at, page.MaxDepth+1) })
}

// Get returns a key, or NotFound.
func (s *Service) Get(ctx context.Context, organization, key uuid.UUID) (Key, error) {
	return get(ctx, postgres.From(ctx, s.db), organization, key)
}

// Find returns the key of that id, whosever it is, or NotFound. It is for the operator.
func (s *Service) Find(ctx context.Context, key uuid.UUID) (Key, error) {
	return find(ctx, postgres.From(ctx, s.db), key)
}

// Create stores a key and returns it with its secret in clear, which nothing can do again. OrganizationID, Name,
// Permissions, AllowedNetworks, CreatedBy and ExpiresAt are the caller's; permissions lose their order and their doubles.
// It returns invalid_body for an end that is past and for networks that are none.
func (s *Service) Create(ctx context.Context, k Key) (made Key, clear string, err error) {
	if k.AllowedNetworks, err = networks(k.AllowedNetworks); err != nil {
		return Key{}, "", err
	}
	if at := k.ExpiresAt; at != nil && (!at.After(s.now()) || !at.Before(latestExpiry)) {
		return Key{}, "", problem.Body(problem.Detail{Pointer: "/expires_at", Code: "future", Message: "must be in the future, and before the year 3000"})
	}
	k.ID, k.CreatedAt = s.newID(), s.now()
	slices.Sort(k.Permissions)
	k.Permissions = slices.Compact(k.Permissions)
	clear = generate()
	q := postgres.From(ctx, s.db)
	if err := insert(ctx, q, k, clear); err != nil {
		return Key{}, "", err
	}
	made, err = get(ctx, q, k.OrganizationID, k.ID)
	return made, clear, err
}

var latestExpiry = time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC)

// networks returns networks in their canonical form, each once.
func networks(texts []string) ([]string, error) {
	found := make([]string, 0, len(texts))
	var details []problem.Detail
	for i, text := range texts {
		n, err := network(text)
		if err != nil {
			details = append(details, problem.Detail{
				Pointer: fmt.Sprintf("/allowed_networks/%d", i), Code: "network", Message: "must be an IP address or network, such as 203.0.113.0/24",
			})
			continue
		}
		found = append(found, n.String())
	}
	if details != nil {
		return nil, problem.Body(details...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// network reads a network; an address is the network of itself. One of IPv4-mapped addresses (RFC 4291 §2.5.5.2) is the
// IPv4 network, since requests come from IPv4 addresses.
func network(text string) (netip.Prefix, error) {
	n, err := netip.ParsePrefix(text)
	if address, addressErr := netip.ParseAddr(text); addressErr == nil && address.Zone() == "" {
		n, err = netip.PrefixFrom(address, address.BitLen()), nil
	}
	if n.Addr().Is4In6() && n.Bits() >= 96 {
		n = netip.PrefixFrom(n.Addr().Unmap(), n.Bits()-96)
	}
	return n.Masked(), err
}

// Touch notes when keys were used, in the transaction.
func (s *Service) Touch(ctx context.Context, tx *postgres.Tx, uses []identity.Use) error {
	return touch(ctx, tx, uses)
}

// maxGrace is how long the secret before a rotation may stay good.
const maxGrace = 24 * time.Hour

// Rotate gives a key a new secret and returns it in clear, which nothing can do again. The one before stays good for the
// grace, up to 24 hours; one before that does not. It returns NotFound, and api_key_not_active for a key that is not.
func (s *Service) Rotate(ctx context.Context, organization, key uuid.UUID, grace time.Duration) (rotated Key, clear string, err error) {
	clear = generate()
	err = postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		k, err := lock(ctx, tx, organization, key)
		if err != nil {
			return err
		}
		if state := k.State(s.now()); state != Active {
			return problem.New(problem.Conflict, "api_key_not_active", fmt.Sprintf("This API key is %s; create another.", state))
		}
		if err := rotate(ctx, tx, k, clear, s.now(), s.now().Add(min(grace, maxGrace))); err != nil {
			return err
		}
		rotated, err = get(ctx, tx, organization, key)
		return err
	})
	return rotated, clear, err
}

// lastingFor is how long a key has to stay good to count as one that may make others.
const lastingFor = 24 * time.Hour

// Revoke makes a key be refused, within a second everywhere; revoking it again changes nothing. The request's If-Match is
// ifMatch. It returns NotFound, precondition_failed, and last_admin_key when no other key that may make others stays good for a day.
func (s *Service) Revoke(ctx context.Context, organization, key uuid.UUID, ifMatch *string) error {
	return postgres.InTx(ctx, s.db, func(tx *postgres.Tx) error {
		locked, err := lockAdmins(ctx, tx, organization, key, s.now().Add(lastingFor))
		if err != nil {
			return err
		}
		i := slices.IndexFunc(locked, func(k Key) bool { return k.ID == key })
		if i < 0 {
			return problem.Missing("API key")
		}
		k := locked[i]
		if len(locked) == 1 && k.State(s.now()) == Active && slices.Contains(k.Permissions, identity.Admin) {
			return problem.New(problem.Conflict, "last_admin_key",
				"This is the only active API key of the organization with the admin permission; create another first.")
		}
		if err := etag.Check(ifMatch, k.Version); err != nil || k.RevokedAt != nil {
			return err
		}
		return revoke(ctx, tx, organization, key, s.now())
	})
}

// ForceRevoke revokes a key as Revoke does, also the last one that may make others. It is for the operator.
func (s *Service) ForceRevoke(ctx context.Context, organization, key uuid.UUID) error {
	return revoke(ctx, postgres.From(ctx, s.db), organization, key, s.now())
}

// allows reports whether the networks let an address in.
func allows(networks []netip.Prefix, from netip.Addr) bool {
	return len(networks) == 0 || slices.ContainsFunc(networks, func(n netip.Prefix) bool { return n.Contains(from.Unmap().WithZone("")) })
}

func parsed(texts []string) ([]netip.Prefix, error) {
	found := make([]netip.Prefix, 0, len(texts))
	for _, text := range texts {
		network, err := netip.ParsePrefix(strings.TrimSpace(text))
		if err != nil {
			return nil, fmt.Errorf("read an API key's networks: %w", err)
		}
		found = append(found, network)
	}
	return found, nil
}
