package apikeys

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/problem"
)

var (
	admin = []identity.Permission{identity.Admin}

	errLastAdmin = &problem.Error{
		Kind: problem.Conflict, Code: "last_admin_key",
		Message: "This is the only active API key of the organization with the admin permission; create another first.",
	}
	errStale = &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{In: "header", Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer"}},
	}
)

func (w *world) revoke(t *testing.T, key uuid.UUID) {
	t.Helper()
	if err := w.Revoke(t.Context(), organizationID, key, nil); err != nil {
		t.Fatalf("Revoke(%s) = %v, want no error", key, err)
	}
}

func TestService_Revoke(t *testing.T) {
	w := newWorld(t)
	want, _ := w.create(t, Key{})
	now := noon.Add(time.Minute)
	w.clock.set(now)
	w.revoke(t, keyID)
	want.RevokedAt, want.Version = &now, 2
	if diff := cmp.Diff(want, w.get(t, keyID)); diff != "" {
		t.Errorf("after Revoke (-want +got):\n%s", diff)
	}
	w.clock.set(now.Add(time.Minute))
	w.revoke(t, keyID)
	if diff := cmp.Diff(want, w.get(t, keyID)); diff != "" {
		t.Errorf("after another Revoke (-want +got):\n%s", diff)
	}
}

func TestService_Revoke_missing(t *testing.T) {
	w := newWorld(t)
	w.create(t, Key{Permissions: admin})
	theirs, clear := w.create(t, Key{OrganizationID: otherID, Permissions: admin})
	for name, key := range map[string]uuid.UUID{"of another organization": theirs.ID, "unknown": nthID(99)} {
		checkProblem(t, name, w.Revoke(t.Context(), organizationID, key, pointer(`"1.x"`)), errMissing)
	}
	w.checkGood(t, "of another organization", clear)
}

func TestService_Revoke_ifMatch(t *testing.T) {
	w := newWorld(t)
	w.create(t, Key{})
	w.rotate(t, keyID, 0)
	for _, tag := range []string{`"1.x"`, `"3.x"`, `W/"2.x"`, `"none"`} {
		checkProblem(t, tag, w.Revoke(t.Context(), organizationID, keyID, &tag), errStale)
	}
	if k := w.get(t, keyID); k.RevokedAt != nil {
		t.Fatalf("the key was revoked at %s by an old tag", k.RevokedAt)
	}
	if err := w.Revoke(t.Context(), organizationID, keyID, pointer(`"1.x", "2.x"`)); err != nil {
		t.Errorf("Revoke with the key's tag = %v, want no error", err)
	}
	checkProblem(t, "again, with the tag of before", w.Revoke(t.Context(), organizationID, keyID, pointer(`"2.x"`)), errStale)
	if err := w.Revoke(t.Context(), organizationID, keyID, pointer(`*`)); err != nil {
		t.Errorf("Revoke again with * = %v, want no error", err)
	}
}

func TestService_Revoke_lastAdmin(t *testing.T) {
	w := newWorld(t)
	end := noon.Add(time.Minute)
	for _, c := range []struct {
		name    string
		other   *Key
		revoked bool // the other one is
		want    *problem.Error
	}{
		{name: "alone", want: errLastAdmin},
		{name: "beside another", other: &Key{Permissions: admin}},
		{name: "beside one that is good for a day", other: &Key{Permissions: admin, ExpiresAt: pointer(end.Add(24*time.Hour + time.Microsecond))}},
		{name: "beside one that ends before", other: &Key{Permissions: admin, ExpiresAt: pointer(end.Add(24 * time.Hour))}, want: errLastAdmin},
		{name: "beside one that expired", other: &Key{Permissions: admin, ExpiresAt: &end}, want: errLastAdmin},
		{name: "beside one that was revoked", other: &Key{Permissions: admin}, revoked: true, want: errLastAdmin},
		{name: "beside one that may read and write", other: &Key{Permissions: []identity.Permission{identity.Read, identity.Write}}, want: errLastAdmin},
		{name: "beside another organization's", other: &Key{OrganizationID: otherID, Permissions: admin}, want: errLastAdmin},
	} {
		w.exec(t, "delete from api_keys")
		w.clock.set(noon)
		k, _ := w.create(t, Key{Permissions: []identity.Permission{identity.Admin, identity.Read}})
		if c.other != nil {
			other, _ := w.create(t, *c.other)
			if c.revoked {
				w.exec(t, "update api_keys set revoked_at = $1 where id = $2", noon, other.ID)
			}
		}
		w.clock.set(end)
		err := w.Revoke(t.Context(), organizationID, k.ID, nil)
		if c.want == nil {
			if err != nil {
				t.Errorf("%s: Revoke = %v, want no error", c.name, err)
			}
			continue
		}
		checkProblem(t, c.name, err, c.want)
		checkProblem(t, c.name+", with an old tag", w.Revoke(t.Context(), organizationID, k.ID, pointer(`"0.none"`)), c.want)
		if k := w.get(t, k.ID); k.RevokedAt != nil || k.Version != 1 {
			t.Errorf("%s: revoked at %v with version %d, want it unchanged", c.name, k.RevokedAt, k.Version)
		}
	}
}

// What makes no others, or does not any more, can go though it is the last one.
func TestService_Revoke_noAdmin(t *testing.T) {
	w := newWorld(t)
	end := noon.Add(time.Minute)
	reader, _ := w.create(t, Key{})
	expired, _ := w.create(t, Key{Permissions: admin, ExpiresAt: &end})
	w.clock.set(end)
	for _, key := range []uuid.UUID{reader.ID, expired.ID, expired.ID} {
		w.revoke(t, key)
	}
}

// However many admin keys are revoked at once, by each other or by themselves, one is left.
func TestService_Revoke_parallel(t *testing.T) {
	w := newWorld(t)
	for round := range 24 {
		keys := make([]Key, 2+round%3)
		for i := range keys {
			keys[i], _ = w.create(t, Key{Permissions: admin})
		}
		start, errs := make(chan struct{}), make([]error, len(keys))
		var wait sync.WaitGroup
		for i, k := range keys {
			wait.Go(func() {
				<-start
				errs[i] = w.Revoke(t.Context(), organizationID, k.ID, nil)
			})
		}
		close(start)
		wait.Wait()
		var left []uuid.UUID
		for i, k := range keys {
			if w.get(t, k.ID).RevokedAt != nil {
				continue
			}
			left = append(left, k.ID)
			checkProblem(t, fmt.Sprintf("round %d, the one left", round), errs[i], errLastAdmin)
			errs[i] = nil
		}
		if err := errors.Join(errs...); err != nil || len(left) != 1 {
			t.Fatalf("round %d: %d of %d keys are left, and the others are revoked with %v; want 1 and no error", round, len(left), len(keys), err)
		}
		if err := w.ForceRevoke(t.Context(), organizationID, left[0]); err != nil {
			t.Fatal(err)
		}
	}
}

func TestService_ForceRevoke(t *testing.T) {
	w := newWorld(t)
	w.create(t, Key{Permissions: admin})
	theirs, clear := w.create(t, Key{OrganizationID: otherID})
	for _, key := range []uuid.UUID{keyID, keyID, theirs.ID} { // the last admin, once more, and what is another's
		if err := w.ForceRevoke(t.Context(), organizationID, key); err != nil {
			t.Errorf("ForceRevoke(%s) = %v, want no error", key, err)
		}
		w.clock.set(noon.Add(time.Minute))
	}
	if k := w.get(t, keyID); k.RevokedAt == nil || !k.RevokedAt.Equal(noon) || k.Version != 2 {
		t.Errorf("revoked at %v with version %d, want %s and 2", k.RevokedAt, k.Version, noon)
	}
	w.checkGood(t, "of another organization", clear)
}
