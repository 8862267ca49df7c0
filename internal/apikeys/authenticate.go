package apikeys

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"github.com/maypok86/otter/v2"
	"golang.org/x/sync/singleflight"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

const (
	lifetime   = 500 * time.Millisecond // of what is known of a key, from the start of the query that told it
	patience   = time.Second            // with the database, for one key
	remembered = 10_000                 // keys at most, and as many texts that are none
)

// memory holds what the database said of keys, for a moment.
type memory struct {
	known   *otter.Cache[digest, knowledge]
	unknown *otter.Cache[digest, knowledge] // apart, so that they put no key out
	queries singleflight.Group
}

func newMemory() *memory {
	options := otter.Options[digest, knowledge]{MaximumSize: remembered}
	return &memory{known: otter.Must(&options), unknown: otter.Must(&options)}
}

func (m *memory) remember(h digest, k knowledge) {
	if k.exists {
		m.known.Set(h, k)
		return
	}
	m.unknown.Set(h, k)
}

// recall returns what is remembered of a key, however old it is.
func (m *memory) recall(h digest) (knowledge, bool) {
	if k, ok := m.known.GetIfPresent(h); ok {
		return k, true
	}
	return m.unknown.GetIfPresent(h)
}

// knowledge is what the database said of a key.
type knowledge struct {
	exists     bool
	identity   identity.Identity
	networks   []netip.Prefix
	expiresAt  *time.Time
	revoked    bool
	goodBefore time.Time // when it has to be asked again
}

// NeedsSearch reports whether the database has to be searched for the key: it is well-formed, and was no good one when it
// was last asked for, if it ever was.
func (s *Service) NeedsSearch(clear string) bool {
	k, ok := s.memory.known.GetIfPresent(hash(clear))
	return wellFormed(clear) && (!ok || k.revoked)
}

// Authenticate returns who the key belongs to. It returns missing_api_key, invalid_api_key, expired_api_key,
// revoked_api_key, and address_not_allowed when the key may not be used from that address; as far as the key exists, the
// identity is told all the same. A mistyped key is refused without asking the database. What is known of a key is up to
// 500 ms old, so that one revoked is refused everywhere within a second; where the database does not answer in time, the
// failure is one of postgres.IsUnavailable or service_unavailable.
func (s *Service) Authenticate(ctx context.Context, clear string, from netip.Addr) (identity.Identity, error) {
	switch {
	case clear == "":
		return identity.Identity{}, problem.New(problem.Unauthenticated, "missing_api_key", `Send an API key: "Authorization: Bearer pw_live_…".`)
	case !wellFormed(clear):
		return identity.Identity{}, errInvalid()
	}
	k, err := s.ask(ctx, hash(clear))
	if err != nil {
		return identity.Identity{}, err
	}
	return k.identity, s.judge(k, from)
}

// Confirm returns, in the transaction of a write, why the key is no good one now, whatever is remembered of it: a key that
// was revoked, or a secret that was rotated out, changes nothing any more.
func (s *Service) Confirm(ctx context.Context, tx *postgres.Tx, clear string, from netip.Addr) error {
	k, err := authenticate(ctx, tx, hash(clear))
	if err != nil {
		return err
	}
	return s.judge(k, from)
}

// judge returns why a key is refused, or nil.
func (s *Service) judge(k knowledge, from netip.Addr) (err error) {
	switch {
	case !k.exists:
		err = errInvalid()
	case k.revoked:
		err = problem.New(problem.Unauthenticated, "revoked_api_key", "This API key was revoked; create another.")
	case k.expiresAt != nil && !s.now().Before(*k.expiresAt):
		text := "This API key expired at %s; create another."
		if k.identity.Superseded {
			text = "This secret was rotated, and was good until %s; use the new one."
		}
		err = problem.New(problem.Unauthenticated, "expired_api_key", fmt.Sprintf(text, k.expiresAt.UTC().Format(time.RFC3339)))
	case !allows(k.networks, from):
		err = problem.New(problem.Forbidden, "address_not_allowed", fmt.Sprintf("This API key may not be used from %s.", from.Unmap()))
	}
	return err
}

func errInvalid() error {
	return problem.New(problem.Unauthenticated, "invalid_api_key", "There is no such API key; check that it was copied whole.")
}

// ask returns what is known of a key, from memory when that is fresh, else from the database. Requests with the same key
// share one query, which goes on when the one that started it hangs up.
func (s *Service) ask(ctx context.Context, h digest) (knowledge, error) {
	if k, ok := s.memory.recall(h); ok && s.now().Before(k.goodBefore) {
		return k, nil
	}
	answer := s.memory.queries.DoChan(string(h[:]), func() (any, error) { return s.learn(context.WithoutCancel(ctx), h) })
	select {
	case <-ctx.Done():
		return knowledge{}, ctx.Err()
	case a := <-answer:
		if a.Err != nil {
			return knowledge{}, a.Err
		}
		return a.Val.(knowledge), nil
	}
}

// learn asks the database until it answers in good time: an answer that is old when it comes says nothing of now, and the
// connections that were open may all be broken.
func (s *Service) learn(ctx context.Context, h digest) (knowledge, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var failed error = errLate
	for wait := time.Millisecond; ; wait *= 2 {
		start := s.now()
		k, err := authenticate(ctx, s.lookups, h)
		switch {
		case err == nil && s.now().Before(start.Add(lifetime)):
			k.goodBefore = start.Add(lifetime)
			s.memory.remember(h, k)
			return k, nil
		case err != nil && ctx.Err() == nil && !postgres.IsUnavailable(err):
			return knowledge{}, err
		case err != nil && ctx.Err() == nil:
			failed = err
		}
		select {
		case <-ctx.Done():
			return knowledge{}, failed
		case <-time.After(wait):
		}
	}
}

// errLate says that the database did not answer in good time.
var errLate = problem.New(problem.Unavailable, "service_unavailable", "The service cannot answer just now; try again in a few seconds.")
