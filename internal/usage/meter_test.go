package usage

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

func TestMeter_Flush(t *testing.T) {
	w := newWorld(t)
	second := noon.Add(time.Minute)
	w.Count(request(nil))
	w.Count(request(func(r *Request) { r.Took, r.At = 1500*time.Microsecond, noon.Add(59*time.Second) }))
	w.Count(request(func(r *Request) { r.Took, r.At = 20*time.Millisecond, second.In(time.FixedZone("east", 3600)) }))
	w.Count(request(func(r *Request) { r.Status, r.Code = 404, "not_found" }))
	w.Count(request(func(r *Request) { r.Status, r.Code = 404, "other" }))
	w.Count(request(func(r *Request) { r.Operation = "getPermit" }))
	w.Count(request(func(r *Request) { r.KeyID = secondKeyID }))
	w.Count(request(func(r *Request) { r.OrganizationID, r.KeyID = otherID, theirKeyID }))
	w.checkSum(t, "before Flush", 0, 0)
	w.flush(t)
	want := []counted{
		{organizationID, noon, keyID, "getPermit", 200, "", 1, 10, 10},
		{organizationID, noon, keyID, "listPermits", 200, "", 2, 11.5, 10},
		{organizationID, noon, keyID, "listPermits", 404, "not_found", 1, 10, 10},
		{organizationID, noon, keyID, "listPermits", 404, "other", 1, 10, 10},
		{organizationID, noon, secondKeyID, "listPermits", 200, "", 1, 10, 10},
		{organizationID, second, keyID, "listPermits", 200, "", 1, 20, 20},
		{otherID, noon, theirKeyID, "listPermits", 200, "", 1, 10, 10},
	}
	if diff := cmp.Diff(want, w.minutes(t)); diff != "" {
		t.Errorf("minutes (-want +got):\n%s", diff)
	}
	today := date2026(1, 23)
	want = []counted{
		{organizationID, today, keyID, "getPermit", 200, "", 1, 10, 10},
		{organizationID, today, keyID, "listPermits", 200, "", 3, 31.5, 20},
		{organizationID, today, keyID, "listPermits", 404, "not_found", 1, 10, 10},
		{organizationID, today, keyID, "listPermits", 404, "other", 1, 10, 10},
		{organizationID, today, secondKeyID, "listPermits", 200, "", 1, 10, 10},
		{otherID, today, theirKeyID, "listPermits", 200, "", 1, 10, 10},
	}
	if diff := cmp.Diff(want, w.days(t)); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
}

func TestMeter_Flush_adds(t *testing.T) {
	w := newWorld(t)
	for _, took := range []time.Duration{20 * time.Millisecond, 30 * time.Millisecond, 10 * time.Millisecond} {
		w.count(2, func(r *Request) { r.Took = took })
		w.flush(t)
	}
	want := []counted{{organizationID, date2026(1, 23), keyID, "listPermits", 200, "", 6, 120, 30}}
	if diff := cmp.Diff(want, w.days(t)); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
	want[0].At = noon
	if diff := cmp.Diff(want, w.minutes(t)); diff != "" {
		t.Errorf("minutes (-want +got):\n%s", diff)
	}
	w.checkSum(t, "three times", 6, 3)
}

func TestMeter_Flush_nothing(t *testing.T) {
	w := newWorld(t)
	w.flush(t)
	w.checkSum(t, "nothing counted", 0, 0)
	w.count(1, nil)
	w.flush(t)
	w.flush(t)
	w.checkSum(t, "nothing since", 1, 1)
}

// A batch that fails is added later, once, and what was counted since in a batch of its own.
func TestMeter_Flush_fails(t *testing.T) {
	w := newWorld(t)
	w.exec(t, "create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$")
	for _, c := range []struct{ name, on string }{
		{"at the first statement", "before insert on usage_flushes"},
		{"in the middle", "before insert on usage_days"},
		{"at the last statement", "before update on api_keys"},
	} {
		w.exec(t, "truncate usage_flushes, usage_minutes, usage_days")
		w.Meter = w.newMeter()
		w.exec(t, "create trigger refuse "+c.on+" for each row execute function refuse()")
		w.count(3, nil)
		for range 2 {
			if err := w.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
				t.Errorf("%s: Flush = %v, want it refused", c.name, err)
			}
			w.count(2, nil)
		}
		w.checkSum(t, c.name+", failed", 0, 0)
		w.exec(t, "drop trigger refuse on "+c.on[strings.LastIndex(c.on, " ")+1:])
		w.flush(t)
		w.checkSum(t, c.name+", tried again", 7, 2)
	}
}

func TestMeter_Flush_commitFails(t *testing.T) {
	w := newWorld(t)
	w.exec(t, "create function refuse() returns trigger language plpgsql as $$ begin raise 'refused'; end $$")
	w.exec(t, "create constraint trigger refuse after insert on usage_days deferrable initially deferred for each row execute function refuse()")
	w.count(3, nil)
	if err := w.Flush(t.Context()); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("Flush = %v, want it refused", err)
	}
	w.checkSum(t, "failed", 0, 0)
	w.exec(t, "drop trigger refuse on usage_days")
	w.flush(t)
	w.checkSum(t, "tried again", 3, 1)
}

func TestMeter_Flush_canceled(t *testing.T) {
	w := newWorld(t)
	w.count(3, nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Flush(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Flush = %v, want %v", err, context.Canceled)
	}
	w.count(1, nil)
	w.flush(t)
	w.checkSum(t, "after a canceled Flush", 4, 2)
}

// A batch that was committed counts once, though nobody heard of it.
func TestMeter_Flush_lostReply(t *testing.T) {
	w := newWorld(t)
	w.count(3, nil)
	w.freeze()
	for range 3 {
		if err := w.add(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.checkSum(t, "added", 3, 1)
	}
	w.count(2, nil)
	w.flush(t)
	w.checkSum(t, "the next one", 5, 2)
}

// Processes number their batches each for itself.
func TestMeter_Flush_twoMeters(t *testing.T) {
	w := newWorld(t)
	meters := []*Meter{w.Meter, w.newMeter(), w.newMeter()}
	operations := []string{"listPermits", "getPermit", "listNotes", "getMe", "listContacts"}
	var wait sync.WaitGroup
	for n, m := range meters {
		for part := range 2 {
			wait.Go(func() {
				for i := range 500 {
					m.Count(request(func(r *Request) {
						r.Operation = operations[(i+n)%len(operations)]
						r.At = noon.Add(time.Duration((i*7+part)%20) * time.Minute)
						if i%2 == n%2 {
							r.KeyID = secondKeyID
						}
						if i%5 == 0 {
							r.OrganizationID, r.KeyID = otherID, theirKeyID
						}
					}))
					if i%50 != 0 {
						continue
					}
					if err := m.Flush(t.Context()); err != nil {
						t.Errorf("Flush = %v, want no error", err)
					}
				}
			})
		}
	}
	wait.Wait()
	for _, m := range meters {
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var batches int64
	if err := w.db.GetContext(t.Context(), &batches, "select count(*) from usage_flushes"); err != nil {
		t.Fatal(err)
	}
	w.checkSum(t, "three meters at once", 3000, batches)
}

// Large batches that add to the same rows at once wait for each other in one order.
func TestMeter_Flush_sameRows(t *testing.T) {
	w := newWorld(t)
	meters := []*Meter{w.Meter, w.newMeter(), w.newMeter(), w.newMeter()}
	const rounds, minutes = 5, 1000
	for range rounds {
		start := make(chan struct{})
		var wait sync.WaitGroup
		for _, m := range meters {
			for i := range minutes {
				m.Count(request(func(r *Request) { r.At = noon.Add(time.Duration(i) * time.Minute) }))
				m.Count(request(func(r *Request) { r.At, r.KeyID = noon.Add(time.Duration(i)*24*time.Hour), secondKeyID }))
			}
			wait.Go(func() {
				<-start
				if err := m.Flush(t.Context()); err != nil {
					t.Errorf("Flush = %v, want no error", err)
				}
			})
		}
		close(start)
		wait.Wait()
	}
	w.checkSum(t, "four meters at once", 2*rounds*minutes*4, rounds*4)
}

func TestMeter_Flush_daysOfTheOrganization(t *testing.T) {
	w := newWorld(t)
	for _, c := range []struct{ zone, at, want string }{
		{"UTC", "2026-01-23T23:59:59Z", "2026-01-23"},
		{"UTC", "2026-01-24T00:00:00Z", "2026-01-24"},
		{"America/New_York", "2026-01-24T04:59:59Z", "2026-01-23"},
		{"America/New_York", "2026-01-24T05:00:00Z", "2026-01-24"},
		{"America/New_York", "2026-03-08T04:59:59Z", "2026-03-07"}, // summer time begins: 23 hours
		{"America/New_York", "2026-03-08T05:00:00Z", "2026-03-08"},
		{"America/New_York", "2026-03-09T03:59:59Z", "2026-03-08"},
		{"America/New_York", "2026-03-09T04:00:00Z", "2026-03-09"},
		{"America/New_York", "2026-11-01T03:59:59Z", "2026-10-31"}, // and ends: 25 hours
		{"America/New_York", "2026-11-01T04:00:00Z", "2026-11-01"},
		{"America/New_York", "2026-11-02T04:59:59Z", "2026-11-01"},
		{"America/New_York", "2026-11-02T05:00:00Z", "2026-11-02"},
		{"Asia/Kolkata", "2026-01-23T18:29:59Z", "2026-01-23"},
		{"Asia/Kolkata", "2026-01-23T18:30:00Z", "2026-01-24"},
		{"Asia/Kolkata", "2025-12-31T18:30:00Z", "2026-01-01"},
		{"Pacific/Kiritimati", "2026-01-23T10:00:00Z", "2026-01-24"},
	} {
		w.exec(t, "truncate usage_days")
		w.zone(t, organizationID, c.zone)
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		w.count(1, func(r *Request) { r.At = at })
		w.flush(t)
		if got := w.days(t); len(got) != 1 || got[0].At.Format(time.DateOnly) != c.want {
			t.Errorf("%s in %s is counted in %+v, want in %s", c.at, c.zone, got, c.want)
		}
	}
}

// Minutes of one batch fall into days of several organizations.
func TestMeter_Flush_daysOfTwoOrganizations(t *testing.T) {
	w := newWorld(t)
	w.zone(t, organizationID, "America/New_York")
	w.zone(t, otherID, "Asia/Kolkata")
	midnight := date2026(1, 24)
	w.count(1, func(r *Request) { r.At = midnight })
	w.count(2, func(r *Request) { r.At = midnight.Add(5 * time.Hour) })
	w.count(4, func(r *Request) { r.At, r.OrganizationID, r.KeyID = midnight, otherID, theirKeyID })
	w.flush(t)
	want := []counted{
		{organizationID, date2026(1, 23), keyID, "listPermits", 200, "", 1, 10, 10},
		{organizationID, date2026(1, 24), keyID, "listPermits", 200, "", 2, 20, 10},
		{otherID, date2026(1, 24), theirKeyID, "listPermits", 200, "", 4, 40, 10},
	}
	if diff := cmp.Diff(want, w.days(t)); diff != "" {
		t.Errorf("days (-want +got):\n%s", diff)
	}
}

// lastUsed returns when a key was last used, as text; "" for never.
func (w *world) lastUsed(t *testing.T, key uuid.UUID) string {
	t.Helper()
	var at *time.Time
	if err := w.db.GetContext(t.Context(), &at, "select last_used_at from api_keys where id = $1", key); err != nil {
		t.Fatal(err)
	}
	if at == nil {
		return ""
	}
	return at.UTC().Format(time.RFC3339)
}

func TestMeter_Flush_touchesKeys(t *testing.T) {
	w := newWorld(t)
	w.count(1, func(r *Request) { r.At = noon.Add(3 * time.Second) })
	w.count(1, func(r *Request) { r.At = noon.Add(2 * time.Second) })
	w.count(1, func(r *Request) { r.At, r.Status, r.Code = noon.Add(5*time.Second), 403, "permission_denied" })
	w.count(1, func(r *Request) {
		r.At, r.Status, r.Code, r.Admitted = noon.Add(time.Hour), 401, "expired_api_key", false
	})
	w.count(1, func(r *Request) { r.KeyID, r.Status, r.Code, r.Admitted = secondKeyID, 401, "revoked_api_key", false })
	w.count(1, func(r *Request) { r.KeyID = uuid.New() }) // which is no more
	w.flush(t)
	for key, want := range map[uuid.UUID]string{keyID: "2026-01-23T12:00:05Z", secondKeyID: "", theirKeyID: ""} {
		if got := w.lastUsed(t, key); got != want {
			t.Errorf("key %s was last used at %q, want %q", key, got, want)
		}
	}
	for at, want := range map[time.Duration]string{-time.Hour: "2026-01-23T12:00:05Z", time.Minute: "2026-01-23T12:01:00Z"} {
		w.exec(t, "update api_keys set last_used_at = $2 where id = $1", keyID, noon.Add(5*time.Second))
		w.count(1, func(r *Request) { r.At = noon.Add(at) })
		w.flush(t)
		if got := w.lastUsed(t, keyID); got != want {
			t.Errorf("used %s after noon, the key was last used at %q, want %q", at, got, want)
		}
	}
}

// When a key was used is no change of it.
func TestMeter_Flush_keepsVersions(t *testing.T) {
	w := newWorld(t)
	w.count(1, nil)
	w.flush(t)
	var version int64
	if err := w.db.GetContext(t.Context(), &version, "select version from api_keys where id = $1", keyID); err != nil || version != 1 {
		t.Errorf("version %d, %v, want 1", version, err)
	}
}

func TestMeter_Tidy(t *testing.T) {
	w := newWorld(t)
	const day = 24 * time.Hour
	for _, age := range []time.Duration{0, 35 * day, 35*day + time.Minute, 400 * day} {
		w.count(1, func(r *Request) { r.At = noon.Add(-age) })
	}
	w.flush(t)
	for i, age := range []time.Duration{7 * day, 7*day + time.Microsecond} {
		w.exec(t, "insert into usage_flushes (replica, number, flushed_at) values ($1, $2, $3)", keyID, i, noon.Add(-age))
	}
	for range 2 {
		if err := w.Tidy(t.Context()); err != nil {
			t.Fatal(err)
		}
		minutes := w.minutes(t)
		if len(minutes) != 2 || !minutes[0].At.Equal(noon.Add(-35*day)) || !minutes[1].At.Equal(noon) {
			t.Errorf("minutes = %+v, want those of 35 days ago and of now", minutes)
		}
		if got := w.days(t); len(got) != 3 {
			t.Errorf("days = %+v, want all three", got)
		}
		var batches int
		if err := w.db.GetContext(t.Context(), &batches, "select count(*) from usage_flushes"); err != nil || batches != 2 {
			t.Errorf("%d batches, %v, want the 2 of the last 7 days", batches, err)
		}
	}
}

// What is too much for one statement is deleted by several.
func TestMeter_Tidy_many(t *testing.T) {
	w := newWorld(t)
	w.exec(t, `
		insert into usage_minutes (organization_id, minute, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
		select $1, cast($2 as timestamptz) - i * interval '1 minute', $3, 'listPermits', 200, '', 1, 1, 1 from generate_series(1, 25000) i`,
		organizationID, noon.Add(-keepMinutes), keyID)
	w.count(1, nil)
	w.flush(t)
	if err := w.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := w.minutes(t); len(got) != 1 {
		t.Errorf("%d minutes are left, want 1", len(got))
	}
}

func TestMeter_Run(t *testing.T) {
	w := newWorld(t)
	ctx, stop := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	wait.Go(func() { w.Run(ctx, time.Millisecond, slog.New(slog.DiscardHandler)) })
	w.count(1, nil)
	for deadline := time.Now().Add(30 * time.Second); len(w.days(t)) == 0; {
		if time.Now().After(deadline) {
			t.Fatal("in 30 s nothing was flushed")
		}
	}
	stop()
	wait.Wait()
	w.count(1, nil)
	w.flush(t)
	w.checkSum(t, "one by Run, one after it", 2, 2)
}
