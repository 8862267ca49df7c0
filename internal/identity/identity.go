// Package identity says who makes a request: the organization and the API key, carried by the context.
package identity

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Permission is what an API key may do.
type Permission string

// The permissions. Admin includes the other two; Write does not include Read.
const (
	Read  Permission = "read"
	Write Permission = "write"
	Admin Permission = "admin"
)

// Identity is the caller of a request.
type Identity struct {
	OrganizationID    uuid.UUID
	KeyID             uuid.UUID
	KeyName           string
	Permissions       []Permission // a set, sorted
	RequestsPerMinute int          // the organization's limit
	Superseded        bool         // by a rotation, in whose grace the key's secret still is
}

// May reports whether the caller has the permission; every caller has the empty one.
func (i Identity) May(p Permission) bool {
	return p == "" || slices.Contains(i.Permissions, p) || slices.Contains(i.Permissions, Admin)
}

// Use is that a key was used.
type Use struct {
	OrganizationID uuid.UUID
	KeyID          uuid.UUID
	At             time.Time
}

type contextKey struct{}

// With returns a context that carries the caller.
func With(ctx context.Context, i Identity) context.Context {
	return context.WithValue(ctx, contextKey{}, i)
}

// Lookup returns the caller, and whether there is one.
func Lookup(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(contextKey{}).(Identity)
	return i, ok
}

// From returns the caller. It panics where nobody is authenticated: only handlers of the API call it, and those run
// behind authentication.
func From(ctx context.Context) Identity {
	i, ok := Lookup(ctx)
	if !ok {
		panic("identity: the context carries no caller")
	}
	return i
}
