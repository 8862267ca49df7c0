package apikeys

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const nearly = 500*time.Millisecond - time.Nanosecond

func TestService_Authenticate_fromMemory(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.checkGood(t, "at first", clear)
	w.close(t)
	for _, age := range []time.Duration{0, time.Millisecond, nearly} {
		w.clock.set(noon.Add(age))
		w.checkGood(t, "after "+age.String(), clear)
	}
	for _, age := range []time.Duration{500 * time.Millisecond, time.Hour} {
		w.clock.set(noon.Add(age))
		w.checkAsks(t, "after "+age.String(), clear)
	}
}

func TestService_Authenticate_unknownFromMemory(t *testing.T) {
	w := newWorld(t)
	unknown := generate()
	w.checkRefused(t, "at first", unknown, "invalid_api_key")
	w.close(t)
	w.clock.set(noon.Add(nearly))
	w.checkRefused(t, "just before 500 ms", unknown, "invalid_api_key")
	w.clock.set(noon.Add(500 * time.Millisecond))
	w.checkAsks(t, "after 500 ms", unknown)
}

// Revoked by another process, a key is good for less than 500 ms more.
func TestService_Authenticate_revokedElsewhere(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	for name, age := range map[string]time.Duration{"at once": 0, "later": 300 * time.Millisecond} {
		w.exec(t, "update api_keys set revoked_at = null")
		w.clock.set(noon.Add(time.Hour + age)) // known again
		w.memory.known.InvalidateAll()
		w.checkGood(t, name, clear)
		w.exec(t, "update api_keys set revoked_at = $1", noon)
		w.clock.set(noon.Add(time.Hour + age + nearly))
		w.checkGood(t, name+", just before 500 ms", clear)
		w.clock.set(noon.Add(time.Hour + age + 500*time.Millisecond))
		w.checkRefused(t, name+", after 500 ms", clear, "revoked_api_key")
	}
}

// What a query tells is as old as the query's start.
func TestService_Authenticate_slowQuery(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.clock.step = nearly
	w.checkGood(t, "in good time", clear)
	w.clock.step = 0
	w.exec(t, "update api_keys set revoked_at = $1", noon)
	w.clock.set(noon.Add(nearly))
	w.checkGood(t, "just before 500 ms", clear)
	w.clock.set(noon.Add(500 * time.Millisecond))
	w.checkRefused(t, "500 ms after the query's start", clear, "revoked_api_key")
}

// An answer that took 500 ms says nothing of now, however often it comes.
func TestService_Authenticate_lateAnswers(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.clock.step = 500 * time.Millisecond
	_, err := w.authenticate(t, clear, "")
	checkProblem(t, "late", err, errLate)
	if reads := w.clock.readings(); reads < 4 || !w.NeedsSearch(clear) {
		t.Errorf("asked %d times, remembered: %t; want several times, and no", reads/2, !w.NeedsSearch(clear))
	}
}

// lockTable makes every query for a key wait until release is called.
func (w *world) lockTable(t *testing.T) (release func()) {
	t.Helper()
	other := pgtest.OpenURL(t, w.url)
	tx, err := other.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback() })
	if _, err := tx.ExecContext(t.Context(), "lock table api_keys in access exclusive mode"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("in 30 s it did not come that %s", what)
		}
	}
}

// waiting returns how many queries wait for the table.
func waiting(t *testing.T, on *postgres.DB) (n int) {
	t.Helper()
	err := on.GetContext(t.Context(), &n, "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestService_Authenticate_shared(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.checkGood(t, "at first", clear)
	w.clock.set(noon.Add(time.Second))
	const callers = 20
	release, before := w.lockTable(t), w.clock.readings()
	var wait sync.WaitGroup
	for range callers {
		wait.Go(func() { w.checkGood(t, "at once", clear) })
	}
	// Each of them looks at the clock to see that what is known is old, and the query's start is one more reading.
	await(t, "all found that the key has to be asked for", func() bool { return w.clock.readings() > before+callers })
	release()
	wait.Wait()
	if got := w.db.Stats().OpenConnections; got != 1 {
		t.Errorf("%d callers at once made for %d connections, want 1 for one query", callers, got)
	}
}

func TestService_Authenticate_sharedWithOneWhoHangsUp(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.checkGood(t, "at first", clear)
	w.clock.set(noon.Add(time.Second))
	watch := pgtest.OpenURL(t, w.url)
	release, before := w.lockTable(t), w.clock.readings()
	ctx, hangUp := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := w.Authenticate(ctx, clear, netip.Addr{})
		first <- err
	}()
	await(t, "the query waits", func() bool { return waiting(t, watch) == 1 })
	go func() {
		_, err := w.Authenticate(t.Context(), clear, netip.Addr{})
		second <- err
	}()
	await(t, "the second caller found that the key has to be asked for", func() bool { return w.clock.readings() == before+3 })
	hangUp()
	if err := <-first; !errors.Is(err, context.Canceled) {
		t.Errorf("who hung up got %v, want %v", err, context.Canceled)
	}
	release()
	if err := <-second; err != nil {
		t.Errorf("who shared the query got %v, want no error", err)
	}
}

// A database that does not answer is not waited for, and what is old is not believed.
func TestService_Authenticate_silentDatabase(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.checkGood(t, "at first", clear)
	w.lockTable(t)
	w.clock.set(noon.Add(500 * time.Millisecond))
	_, err := w.authenticate(t, clear, "")
	checkProblem(t, "silent", err, errLate)
}

// A pool full of connections that are dead does not show.
func TestService_Authenticate_deadConnections(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	watch := pgtest.OpenURL(t, w.url)
	for round := range 3 {
		w.fillPool(t, 10)
		_, err := watch.ExecContext(t.Context(), `
			select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`)
		if err != nil {
			t.Fatal(err)
		}
		w.clock.set(noon.Add(time.Duration(round) * time.Second))
		w.checkGood(t, "dead connections", clear)
	}
}

// fillPool opens so many connections and leaves them idle.
func (w *world) fillPool(t *testing.T, n int) {
	t.Helper()
	open := make([]*sqlx.Conn, n)
	for i := range open {
		var err error
		if open[i], err = w.db.Connx(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range open {
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestService_NeedsSearch(t *testing.T) {
	w := newWorld(t)
	expires := noon.Add(time.Hour)
	_, good := w.create(t, Key{})
	_, expiring := w.create(t, Key{ExpiresAt: &expires})
	revokedKey, revoked := w.create(t, Key{})
	w.exec(t, "update api_keys set revoked_at = $1 where id = $2", noon, revokedKey.ID)
	unknown := generate()
	secrets := map[string]string{"good": good, "expiring": expiring, "revoked": revoked, "unknown": unknown, "mistyped": "pw_live_", "none": ""}
	for name, secret := range secrets {
		if want := name != "mistyped" && name != "none"; w.NeedsSearch(secret) != want {
			t.Errorf("%s: NeedsSearch = %t before it was asked for, want %t", name, !want, want)
		}
		_, _ = w.authenticate(t, secret, "")
	}
	w.close(t)
	w.clock.set(expires) // a while ago, and nobody is asked
	for name, want := range map[string]bool{"good": false, "expiring": false, "revoked": true, "unknown": true, "mistyped": false, "none": false} {
		if got := w.NeedsSearch(secrets[name]); got != want {
			t.Errorf("%s: NeedsSearch = %t, want %t", name, got, want)
		}
	}
}

func TestService_NeedsSearch_onceRevoked(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	w.checkGood(t, "at first", clear)
	w.exec(t, "update api_keys set revoked_at = $1", noon)
	w.clock.set(noon.Add(time.Second))
	w.checkRefused(t, "revoked", clear, "revoked_api_key")
	if !w.NeedsSearch(clear) {
		t.Error("NeedsSearch = false for a key that is known to be revoked, want true")
	}
}

// A query whose connection dies under it is made again.
func TestService_Authenticate_killedQuery(t *testing.T) {
	w := newWorld(t)
	_, clear := w.create(t, Key{})
	watch := pgtest.OpenURL(t, w.url)
	release := w.lockTable(t)
	answered := make(chan error, 1)
	go func() {
		_, err := w.Authenticate(t.Context(), clear, netip.Addr{})
		answered <- err
	}()
	await(t, "the query waits", func() bool { return waiting(t, watch) == 1 })
	_, err := watch.ExecContext(t.Context(), `
		select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := <-answered; err != nil {
		t.Errorf("Authenticate = %v, want no error", err)
	}
}
