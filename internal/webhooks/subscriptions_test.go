package webhooks

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/postgres"
)

// tell tells the organization of so many changes of status.
func (w *world) tell(t *testing.T, n int) {
	t.Helper()
	outbox := events.NewOutbox(slog.New(slog.DiscardHandler), func() time.Time { return noon }, newID)
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		for range n {
			outbox.Append(tx, events.NewStatusChanged(events.Permit{OrganizationID: w.organization, UUID: newID(), Number: "A-1"}, "Issued", "Final"))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func (w *world) update(t *testing.T, webhook uuid.UUID, u Update) {
	t.Helper()
	if _, err := w.Update(t.Context(), w.organization, webhook, nil, u); err != nil {
		t.Fatal(err)
	}
}

// checkSpans fails the test unless these are what a webhook was subscribed to: after which number, until which, to what.
func (w *world) checkSpans(t *testing.T, what string, webhook uuid.UUID, want ...string) {
	t.Helper()
	got := []string{}
	if err := w.db.SelectContext(t.Context(), &got, `select concat_ws(' ', after_number, coalesce(cast(until_number as text), 'open'),
			replace(array_to_string(event_types, ','), 'permit.', ''))
		from webhook_subscriptions where organization_id = $1 and webhook_id = $2 order by after_number`, w.organization, webhook); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("%s: spans (-want +got):\n%s", what, diff)
	}
}

func TestResubscribe(t *testing.T) {
	w := newWorld(t)
	hook := w.create(t, slack()).ID
	w.checkSpans(t, "before the first event", hook, "0 open status_changed")
	w.tell(t, 3)
	for _, u := range []Update{
		{Description: ptr("x")},
		{State: ptr("paused")},
		{URL: ptr("https://example.com/b")},
		{State: ptr("active")},
		{EventTypes: []string{"permit.status_changed"}},
		{Headers: map[string]string{}},
	} {
		w.update(t, hook, u)
	}
	if _, _, err := w.RotateSecret(t.Context(), w.organization, hook, ""); err != nil {
		t.Fatal(err)
	}
	w.checkSpans(t, "other changes, and to paused and back", hook, "0 open status_changed")

	w.update(t, hook, Update{EventTypes: []string{"permit.status_changed", "permit.fee_changed"}})
	w.update(t, hook, Update{EventTypes: []string{"permit.fee_changed", "permit.status_changed"}})
	w.checkSpans(t, "another type, and another order of them", hook, "0 3 status_changed", "3 open status_changed,fee_changed")
	w.update(t, hook, Update{EventTypes: []string{"permit.fee_changed"}, State: ptr("paused")})
	w.checkSpans(t, "other types before the next event", hook, "0 3 status_changed", "3 open fee_changed")

	w.tell(t, 2)
	w.disable(t, hook)
	w.checkSpans(t, "disabled", hook, "0 3 status_changed", "3 5 fee_changed")
	w.tell(t, 1)
	w.update(t, hook, Update{EventTypes: []string{"permit.status_changed"}})
	w.checkSpans(t, "another type while it is disabled", hook, "0 3 status_changed", "3 5 fee_changed")
	w.update(t, hook, Update{State: ptr("paused")})
	w.checkSpans(t, "enabled", hook, "0 3 status_changed", "3 5 fee_changed", "6 open status_changed")
	w.disable(t, hook)
	w.checkSpans(t, "disabled before the next event", hook, "0 3 status_changed", "3 5 fee_changed")
	w.update(t, hook, Update{State: ptr("active")})
	w.tell(t, 1)
	if err := w.Delete(t.Context(), w.organization, hook, nil); err != nil {
		t.Fatal(err)
	}
	w.checkSpans(t, "deleted", hook, "0 3 status_changed", "3 5 fee_changed", "6 7 status_changed")
}

// Webhooks of an organization have spans of their own, and the other organization's numbers do not matter.
func TestResubscribe_others(t *testing.T) {
	w := newWorld(t)
	first := w.create(t, slack()).ID
	w.tell(t, 2)
	second := w.create(t, slack()).ID
	theirs, _, err := w.Create(t.Context(), w.other, slack())
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Delete(t.Context(), w.organization, first, nil); err != nil {
		t.Fatal(err)
	}
	w.checkSpans(t, "the first", first, "0 2 status_changed")
	w.checkSpans(t, "the second", second, "2 open status_changed")
	w.organization = w.other
	w.checkSpans(t, "the other organization's", theirs.ID, "0 open status_changed")
}

// What is refused or rolled back leaves no span, and changes none.
func TestResubscribe_rolledBack(t *testing.T) {
	w := newWorld(t)
	hook := w.create(t, slack()).ID
	refused := errors.New("refused")
	var made Webhook
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		ctx := postgres.WithTx(t.Context(), tx)
		var err error
		if made, _, err = w.Create(ctx, w.organization, slack()); err != nil {
			return err
		}
		return errors.Join(w.Delete(ctx, w.organization, hook, nil), refused)
	})
	if !errors.Is(err, refused) || made.ID == uuid.Nil {
		t.Fatalf("InTx = %v after %s was made, want %v", err, made.ID, refused)
	}
	if _, err := w.Update(t.Context(), w.organization, hook, ptr(`"0"`), Update{EventTypes: []string{"permit.fee_changed"}}); err == nil {
		t.Error("Update with a stale If-Match was taken")
	}
	w.checkSpans(t, "the one that stays", hook, "0 open status_changed")
	w.checkSpans(t, "the one that was never there", made.ID)
}

// In one transaction with events, a webhook is told of these.
func TestResubscribe_withEvents(t *testing.T) {
	w := newWorld(t)
	w.tell(t, 2)
	outbox := events.NewOutbox(slog.New(slog.DiscardHandler), func() time.Time { return noon }, newID)
	var made Webhook
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) (err error) {
		outbox.Append(tx, events.NewStatusChanged(events.Permit{OrganizationID: w.organization, UUID: newID(), Number: "A-1"}, "Issued", "Final"))
		made, _, err = w.Create(postgres.WithTx(t.Context(), tx), w.organization, slack())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	w.checkSpans(t, "made with an event", made.ID, "2 open status_changed")
	var delivered int
	if err := w.db.GetContext(t.Context(), &delivered, "select count(*) from deliveries where webhook_id = $1", made.ID); err != nil || delivered != 1 {
		t.Errorf("%d deliveries, %v; want that event's", delivered, err)
	}
}
