package apikeys

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/problem"
)

// rotate gives a key another secret, and returns it.
func (w *world) rotate(t *testing.T, key uuid.UUID, grace time.Duration) (k Key, clear string) {
	t.Helper()
	k, clear, err := w.Rotate(t.Context(), organizationID, key, grace)
	if err != nil {
		t.Fatal(err)
	}
	return k, clear
}

func TestService_Rotate(t *testing.T) {
	w := newWorld(t)
	before, old := w.create(t, Key{Permissions: []identity.Permission{identity.Admin}, AllowedNetworks: []string{"::/0", "0.0.0.0/0"}})
	now, end := noon.Add(time.Minute), noon.Add(time.Minute+time.Hour)
	w.clock.set(now)
	got, clear := w.rotate(t, keyID, time.Hour)
	want := before
	want.LastFour, want.RotatedAt, want.PreviousExpiresAt, want.Version = clear[40:], &now, &end, 2
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Rotate (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, w.get(t, keyID)); diff != "" {
		t.Errorf("Get (-want +got):\n%s", diff)
	}
	if clear == old {
		t.Errorf("Rotate gave the secret %s again", clear)
	}
	for name, secret := range map[string]string{"old": old, "new": clear} {
		got, err := w.authenticate(t, secret, "203.0.113.7")
		if err != nil || got.KeyID != keyID {
			t.Errorf("%s secret: Authenticate = %+v, %v; want the key", name, got, err)
		}
	}
}

func TestService_Rotate_graceEnds(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct {
		name       string
		grace, end time.Duration
	}{
		{"an hour", time.Hour, time.Hour},
		{"a second", time.Second, time.Second},
		{"a day", 24 * time.Hour, 24 * time.Hour},
		{"more than a day", 48 * time.Hour, 24 * time.Hour},
	} {
		w.clock.set(noon)
		k, old := w.create(t, Key{})
		_, clear := w.rotate(t, k.ID, c.grace)
		w.clock.set(noon.Add(c.end - time.Nanosecond))
		w.checkGood(t, c.name+", just before the end of the grace", old)
		w.clock.set(noon.Add(c.end)) // known since a nanosecond
		w.checkRefused(t, c.name+", at its end", old, "expired_api_key")
		w.clock.set(noon.Add(c.end + time.Hour)) // asked again
		w.checkRefused(t, c.name+", after it", old, "expired_api_key")
		w.checkGood(t, c.name+", the new one", clear)
	}
}

func TestService_Rotate_withoutGrace(t *testing.T) {
	w := newWorld(t)
	_, old := w.create(t, Key{})
	k, clear := w.rotate(t, keyID, 0)
	if k.PreviousExpiresAt == nil || !k.PreviousExpiresAt.Equal(noon) {
		t.Errorf("PreviousExpiresAt = %v, want %s", k.PreviousExpiresAt, noon)
	}
	w.checkRefused(t, "old", old, "expired_api_key")
	w.checkGood(t, "new", clear)
}

func TestService_Rotate_twice(t *testing.T) {
	w := newWorld(t)
	_, first := w.create(t, Key{})
	_, second := w.rotate(t, keyID, time.Hour)
	k, third := w.rotate(t, keyID, time.Minute)
	w.checkRefused(t, "the one before the last", first, "invalid_api_key")
	w.checkGood(t, "the last one", second)
	w.checkGood(t, "the present one", third)
	if end := noon.Add(time.Minute); k.Version != 3 || k.PreviousExpiresAt == nil || !k.PreviousExpiresAt.Equal(end) {
		t.Errorf("version %d, PreviousExpiresAt %v; want 3 and %s", k.Version, k.PreviousExpiresAt, end)
	}
}

// The end of the key is that of both its secrets.
func TestService_Rotate_expiring(t *testing.T) {
	w := newWorld(t)
	end := noon.Add(time.Minute)
	_, old := w.create(t, Key{ExpiresAt: &end})
	_, clear := w.rotate(t, keyID, time.Hour)
	w.clock.set(end.Add(-time.Nanosecond))
	w.checkGood(t, "old, before the end", old)
	w.checkGood(t, "new, before the end", clear)
	w.clock.set(end)
	w.checkRefused(t, "old, at the end", old, "expired_api_key")
	w.checkRefused(t, "new, at the end", clear, "expired_api_key")
}

func TestService_Rotate_thenRevoked(t *testing.T) {
	w := newWorld(t)
	_, old := w.create(t, Key{})
	_, clear := w.rotate(t, keyID, time.Hour)
	if err := w.Revoke(t.Context(), organizationID, keyID, nil); err != nil {
		t.Fatal(err)
	}
	w.checkRefused(t, "old", old, "revoked_api_key")
	w.checkRefused(t, "new", clear, "revoked_api_key")
}

func TestService_Rotate_notActive(t *testing.T) {
	w := newWorld(t)
	end := noon.Add(time.Minute)
	expired, _ := w.create(t, Key{ExpiresAt: &end})
	revoked, _ := w.create(t, Key{})
	w.exec(t, "update api_keys set revoked_at = $1 where id = $2", noon, revoked.ID)
	w.clock.set(end)
	for state, key := range map[string]uuid.UUID{"expired": expired.ID, "revoked": revoked.ID} {
		before := w.get(t, key)
		_, _, err := w.Rotate(t.Context(), organizationID, key, 0)
		checkProblem(t, state, err, &problem.Error{
			Kind: problem.Conflict, Code: "api_key_not_active", Message: "This API key is " + state + "; create another.",
		})
		if diff := cmp.Diff(before, w.get(t, key)); diff != "" {
			t.Errorf("%s: a refused Rotate changed the key (-before +after):\n%s", state, diff)
		}
	}
}

func TestService_Rotate_missing(t *testing.T) {
	w := newWorld(t)
	theirs, clear := w.create(t, Key{OrganizationID: otherID})
	for name, key := range map[string]uuid.UUID{"of another organization": theirs.ID, "unknown": nthID(99)} {
		_, _, err := w.Rotate(t.Context(), organizationID, key, 0)
		checkProblem(t, name, err, errMissing)
	}
	w.checkGood(t, "of another organization", clear)
}

// Rotations at once come one after the other: the last secret is good, and the one before it in its grace.
func TestService_Rotate_parallel(t *testing.T) {
	w := newWorld(t)
	_, first := w.create(t, Key{})
	secrets := make([]string, 10)
	var wait sync.WaitGroup
	for i := range secrets {
		wait.Go(func() {
			var err error
			if _, secrets[i], err = w.Rotate(t.Context(), organizationID, keyID, time.Hour); err != nil {
				t.Errorf("Rotate = %v, want no error", err)
			}
		})
	}
	wait.Wait()
	good := 0
	for _, secret := range append(secrets, first) {
		if _, err := w.authenticate(t, secret, ""); err == nil {
			good++
		}
	}
	if k := w.get(t, keyID); good != 2 || k.Version != 11 {
		t.Errorf("%d secrets are good at version %d, want 2 at 11", good, k.Version)
	}
}
