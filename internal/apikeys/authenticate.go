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
	patience   = 2 * time.Second        // with the database, for one key
	attempts   = 30                     // at a query: more than a pool can hold broken connections
	remembered = 10_000                 // keys at most
)

// memory holds what the database said of keys, for a moment.
type memory struct {
	known   *otter.Cache[digest, knowledge]
	queries singleflight.Group
}

func newMemory() *memory {
	return &memory{known: otter.Must(&otter.Options[digest, knowledge]{MaximumSize: remembered})}
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

// Remembers reports whether the key was a good one when it was last asked for, which may be a while ago. It asks nobody.
func (s *Service) Remembers(clear string) bool {
	k, ok := s.memory.known.GetIfPresent(hash(clear))
	return ok && k.exists && !k.revoked
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
	switch {
	case !k.exists:
		err = errInvalid()
	case k.revoked:
		err = problem.New(problem.Unauthenticated, "revoked_api_key", "This API key was revoked; create another.")
	case k.expiresAt != nil && !s.now().Before(*k.expiresAt):
		err = problem.New(problem.Unauthenticated, "expired_api_key",
			fmt.Sprintf("This API key expired at %s; create another.", k.expiresAt.UTC().Format(time.RFC3339)))
	case !allows(k.networks, from):
		err = problem.New(problem.Forbidden, "address_not_allowed", fmt.Sprintf("This API key may not be used from %s.", from.Unmap()))
	}
	return k.identity, err
}

func errInvalid() error {
	return problem.New(problem.Unauthenticated, "invalid_api_key", "There is no such API key; check that it was copied whole.")
}

// ask returns what is known of a key, from memory when that is fresh, else from the database. Requests with the same key
// share one query, which goes on when the one that started it hangs up.
func (s *Service) ask(ctx context.Context, h digest) (knowledge, error) {
	if k, ok := s.memory.known.GetIfPresent(h); ok && s.now().Before(k.goodBefore) {
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

// learn asks the database until it answers in good time: an answer that is old when it comes says nothing of now. The
// connections of a pool may all be broken, so it asks more often than a pool is large.
func (s *Service) learn(ctx context.Context, h digest) (knowledge, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var err error
	for range attempts {
		var k knowledge
		start := s.now()
		k, err = authenticate(ctx, s.db, h)
		switch fresh := s.now().Before(start.Add(lifetime)); {
		case err == nil && fresh:
			k.goodBefore = start.Add(lifetime)
			s.memory.known.Set(h, k)
			return k, nil
		case ctx.Err() != nil || err == nil:
			err = errLate
		case !postgres.IsUnavailable(err):
			return knowledge{}, err
		}
		if ctx.Err() != nil {
			break
		}
	}
	return knowledge{}, err
}

// errLate says that the database did not answer in good time.
var errLate = problem.New(problem.Unavailable, "service_unavailable", "The service cannot answer just now; try again in a few seconds.")
