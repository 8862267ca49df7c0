package webhooks

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

const (
	hour = time.Hour
	day  = 24 * hour
)

// fail records a failure so long after noon, and returns what is to be told: "" for nothing.
func (w *world) fail(t *testing.T, webhook uuid.UUID, after time.Duration, f Failure) string {
	t.Helper()
	f.At = noon.Add(after)
	var trouble Trouble
	var tell bool
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) (err error) {
		trouble, tell, err = w.Fail(t.Context(), tx, w.organization, webhook, f)
		return err
	})
	switch {
	case err != nil:
		t.Error(err)
	case !tell:
		if trouble != (Trouble{}) {
			t.Errorf("Fail = %+v, want nothing when there is nothing to tell", trouble)
		}
		return ""
	case trouble.URL != "https://example.com/hook":
		t.Errorf("Fail = %+v, want the URL https://example.com/hook", trouble)
	case trouble.DisabledReason != "":
		return "disabled: " + trouble.DisabledReason
	}
	return "failing for " + noon.Add(after).Sub(trouble.Since).String()
}

func (w *world) succeed(t *testing.T, webhook uuid.UUID) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error { return w.Succeed(t.Context(), tx, w.organization, webhook) })
	if err != nil {
		t.Fatal(err)
	}
}

// written returns what changes with every write of the webhook's row.
func (w *world) written(t *testing.T, webhook uuid.UUID) string {
	t.Helper()
	var text string
	if err := w.db.GetContext(t.Context(), &text, "select concat(ctid, ' ', xmin, ' ', xmax) from webhooks where id = $1", webhook); err != nil {
		t.Fatal(err)
	}
	return text
}

var (
	attempt   = Failure{}
	exhausted = Failure{Exhausted: true}
	gone      = Failure{Exhausted: true, Gone: true}
)

func TestService_Fail(t *testing.T) {
	type step struct {
		after time.Duration
		Failure
		want string // what is told
	}
	for name, steps := range map[string][]step{
		"three exhausted, and more": {
			{0, attempt, ""},
			{hour, exhausted, ""},
			{hour, attempt, ""},
			{2 * hour, exhausted, ""},
			{3 * hour, exhausted, "failing for 3h0m0s"},
			{4 * hour, exhausted, ""},
			{5 * hour, exhausted, ""},
			{6 * hour, exhausted, ""},
			{2 * day, exhausted, ""},
			{3 * day, attempt, ""},
		},
		"a day": {
			{0, attempt, ""},
			{day - 1000, attempt, ""},
			{day, attempt, "failing for 24h0m0s"},
			{day, attempt, ""},
			{2 * day, exhausted, ""},
			{3 * day, exhausted, ""},
			{4 * day, exhausted, ""},
		},
		"five days": {
			{0, attempt, ""},
			{day, attempt, "failing for 24h0m0s"},
			{5*day - 1000, attempt, ""},
			{5 * day, attempt, "disabled: No attempt succeeded for five days."},
			{5 * day, attempt, ""},
			{6 * day, exhausted, ""},
			{6 * day, gone, ""},
		},
		"five days between two attempts": {{0, exhausted, ""}, {6 * day, attempt, "disabled: No attempt succeeded for five days."}},
		"gone at once":                   {{0, gone, "disabled: The endpoint answered 410 Gone."}, {hour, gone, ""}, {hour, exhausted, ""}},
		"gone after it was told of": {
			{0, exhausted, ""}, {0, exhausted, ""}, {0, exhausted, "failing for 0s"}, {hour, gone, "disabled: The endpoint answered 410 Gone."},
		},
	} {
		w := newWorld(t)
		webhook := w.create(t, slack()).ID
		for i, s := range steps {
			if got := w.fail(t, webhook, s.after, s.Failure); got != s.want {
				t.Errorf("%s: failure %d after %s told %q, want %q", name, i, s.after, got, s.want)
			}
		}
	}
}

func TestService_Fail_shows(t *testing.T) {
	w := newWorld(t)
	want := w.create(t, slack())
	w.fail(t, want.ID, hour, attempt)
	want.FailingSince = ptr(noon.Add(hour))
	checkWebhook(t, "failing", w.get(t, want.ID), want) // at the same version still: nobody changed it
	w.fail(t, want.ID, hour+5*day, attempt)
	want.State, want.DisabledReason = "disabled", ptr("No attempt succeeded for five days.")
	want.Version, want.UpdatedAt = 2, noon.Add(hour+5*day)
	checkWebhook(t, "disabled", w.get(t, want.ID), want)
}

// Only what is new is written.
func TestService_Fail_writes(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack()).ID
	for i, c := range []struct {
		what   string
		do     func()
		writes bool
	}{
		{"a success", func() { w.succeed(t, webhook) }, false},
		{"the first failure", func() { w.fail(t, webhook, 0, attempt) }, true},
		{"the next one", func() { w.fail(t, webhook, hour, attempt) }, false},
		{"an exhausted delivery", func() { w.fail(t, webhook, hour, exhausted) }, true},
		{"a failure after a day", func() { w.fail(t, webhook, day, attempt) }, true},
		{"an exhausted delivery that is told of", func() { w.fail(t, webhook, day, exhausted) }, false},
		{"a failure that is told of", func() { w.fail(t, webhook, 4*day, attempt) }, false},
		{"a success that ends it", func() { w.succeed(t, webhook) }, true},
		{"another success", func() { w.succeed(t, webhook) }, false},
		{"another failure", func() { w.fail(t, webhook, 5*day, attempt) }, true},
		{"five days of it", func() { w.fail(t, webhook, 10*day, attempt) }, true},
		{"a failure of what is disabled", func() { w.fail(t, webhook, 11*day, exhausted) }, false},
		{"a success of what is disabled", func() { w.succeed(t, webhook) }, false},
	} {
		before := w.written(t, webhook)
		c.do()
		if got := w.written(t, webhook) != before; got != c.writes {
			t.Errorf("step %d, %s: written %t, want %t", i, c.what, got, c.writes)
		}
	}
}

// A success begins the count anew.
func TestService_Succeed(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack()).ID
	want := []string{"", "", "failing for 0s", ""}
	for range 2 {
		var got []string
		for range 4 {
			got = append(got, w.fail(t, webhook, 0, exhausted))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("four exhausted deliveries told (-want +got):\n%s", diff)
		}
		w.succeed(t, webhook)
		if since := w.get(t, webhook).FailingSince; since != nil {
			t.Errorf("after a success it is failing since %s, want not any more", since)
		}
	}
	w.fail(t, webhook, 0, exhausted)
	w.fail(t, webhook, 0, exhausted)
	w.succeed(t, webhook)
	if got := w.fail(t, webhook, 4*day, exhausted); got != "" {
		t.Errorf("the first failure after a success told %q, want nothing", got)
	}
}

// Who activates a webhook again begins anew; who only says that it is active does not.
func TestService_Update_health(t *testing.T) {
	for before, begins := range map[string]bool{"disabled": true, "paused": true, "active": false} {
		w := newWorld(t)
		webhook := w.create(t, slack()).ID
		w.fail(t, webhook, 0, exhausted)
		w.fail(t, webhook, 0, exhausted)
		switch before {
		case "disabled":
			w.fail(t, webhook, 0, gone)
		case "paused":
			if _, err := w.Update(t.Context(), w.organization, webhook, nil, Update{State: ptr("paused")}); err != nil {
				t.Fatal(err)
			}
		}
		if since := w.get(t, webhook).FailingSince; since == nil || !since.Equal(noon) {
			t.Errorf("%s: failing since %v, want %s", before, since, noon)
		}
		got, err := w.Update(t.Context(), w.organization, webhook, nil, Update{State: ptr("active")})
		if err != nil || (got.FailingSince == nil) != begins {
			t.Errorf("%s: Update to active = failing since %v, %v; want it to begin anew: %t", before, got.FailingSince, err, begins)
		}
		want := "failing for 4h0m0s"
		if begins {
			want = ""
		}
		if told := w.fail(t, webhook, 4*hour, exhausted); told != want {
			t.Errorf("%s: the third exhausted delivery told %q, want %q", before, told, want)
		}
	}
}

// What is paused or deleted is not sent to: what fails then was under way. Only that it is gone is taken at its word.
func TestService_Fail_notActive(t *testing.T) {
	w := newWorld(t)
	paused, deleted := w.create(t, slack()).ID, w.create(t, slack()).ID
	if _, err := w.Update(t.Context(), w.organization, paused, nil, Update{State: ptr("paused")}); err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.organization, deleted, nil); err != nil {
		t.Fatal(err)
	}
	for name, webhook := range map[string]uuid.UUID{"paused": paused, "deleted": deleted, "unknown": newID()} {
		for range 4 {
			if got := w.fail(t, webhook, 6*day, exhausted); got != "" {
				t.Errorf("failures of one %s told %q, want nothing", name, got)
			}
		}
		w.succeed(t, webhook)
	}
	if got := w.get(t, paused); got.FailingSince != nil || got.State != "paused" {
		t.Errorf("the paused webhook = %+v, want it as it was", got)
	}
	if got := w.fail(t, paused, 0, gone); got != "disabled: The endpoint answered 410 Gone." {
		t.Errorf("that the paused webhook is gone told %q, want that it is disabled", got)
	}
	if got := w.fail(t, deleted, 0, gone); got != "" {
		t.Errorf("that the deleted webhook is gone told %q, want nothing", got)
	}
}

// Another organization's webhook is not there.
func TestService_Fail_otherOrganization(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	w.organization = w.other
	if got := w.fail(t, webhook.ID, 0, gone); got != "" {
		t.Errorf("Fail for another organization told %q, want nothing", got)
	}
}

// Of many that fail at once each counts, and one tells.
func TestService_Fail_atOnce(t *testing.T) {
	for name, many := range map[string]int{"three": 3, "twenty": 20} {
		w := newWorld(t)
		webhook := w.create(t, slack()).ID
		var mutex sync.Mutex
		var wait sync.WaitGroup
		told := map[string]int{}
		for range many {
			wait.Go(func() {
				got := w.fail(t, webhook, 0, exhausted)
				mutex.Lock()
				defer mutex.Unlock()
				told[got]++
			})
		}
		wait.Wait()
		if diff := cmp.Diff(map[string]int{"": many - 1, "failing for 0s": 1}, told); diff != "" {
			t.Errorf("%s at once told (-want +got):\n%s", name, diff)
		}
	}
}
