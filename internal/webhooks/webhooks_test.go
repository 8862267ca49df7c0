package webhooks

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/outbound/outboundtest"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

func descriptions(webhooks []Webhook) []string {
	found := []string{}
	for _, w := range webhooks {
		found = append(found, w.Description)
	}
	return found
}

// createMany creates n webhooks, which their numbers describe.
func (w *world) createMany(t *testing.T, n int) {
	t.Helper()
	for i := range n {
		c := slack()
		c.Description = fmt.Sprint(i)
		w.create(t, c)
	}
}

func TestService_List(t *testing.T) {
	w := newWorld(t)
	w.createMany(t, 5)
	q := page.Query{PerPage: ptr(int32(2))}
	var got []string
	for {
		found, meta, err := w.List(t.Context(), w.organization, q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, descriptions(found)...)
		if q.Cursor == nil && meta.Total != 5 {
			t.Errorf("total = %d, want 5", meta.Total)
		}
		if meta.NextCursor == "" {
			break
		}
		q.Cursor = &meta.NextCursor
		w.create(t, slack()) // meanwhile
	}
	if want := []string{"4", "3", "2", "1", "0"}; !slices.Equal(got, want) {
		t.Errorf("the walk = %q, want %q", got, want)
	}
}

func TestService_List_pages(t *testing.T) {
	w := newWorld(t)
	w.createMany(t, 5)
	for number, want := range map[int32][]string{1: {"4", "3"}, 2: {"2", "1"}, 3: {"0"}, 4: {}} {
		found, meta, err := w.List(t.Context(), w.organization, page.Query{Page: &number, PerPage: ptr(int32(2))})
		if err != nil || !slices.Equal(descriptions(found), want) || meta.Total != 5 {
			t.Errorf("page %d = %q of %d, %v; want %q of 5", number, descriptions(found), meta.Total, err, want)
		}
	}
}

func TestService_List_whole(t *testing.T) {
	w := newWorld(t)
	want := w.create(t, slack())
	found, _, err := w.List(t.Context(), w.organization, page.Query{})
	if err != nil || len(found) != 1 {
		t.Fatalf("List = %+v, %v; want one", found, err)
	}
	checkWebhook(t, "List", found[0], want)
}

func TestService_List_foreignCursor(t *testing.T) {
	w := newWorld(t)
	w.createMany(t, 2)
	_, meta, err := w.List(t.Context(), w.organization, page.Query{PerPage: ptr(int32(1))})
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = w.List(t.Context(), w.other, page.Query{Cursor: &meta.NextCursor})
	checkProblem(t, "List with another organization's cursor", err, &problem.Error{
		Kind: problem.Invalid, Code: "invalid_cursor",
		Message: "The cursor is not one of this list: take next_cursor from an answer with the same filters, or start again without cursor.",
		Details: []problem.Detail{{In: "query", Pointer: "cursor", Code: "invalid_cursor", Message: "must be the next_cursor of an answer with the same filters"}},
	})
}

func TestService_otherOrganization(t *testing.T) {
	w := newWorld(t)
	made := w.create(t, slack())
	row := w.row(t, made.ID)
	w.checkNone(t, w.other)
	for name, id := range map[string]uuid.UUID{"another's": made.ID, "unknown": newID()} {
		_, err := w.Get(t.Context(), w.other, id)
		checkProblem(t, "Get of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, id, nil, Update{Description: ptr("theirs")})
		checkProblem(t, "Update of one "+name, err, errMissing)
		_, err = w.Update(t.Context(), w.other, id, ptr(`"99"`), Update{URL: ptr("http://example.com")})
		checkProblem(t, "Update with If-Match of one "+name, err, errMissing)
		_, _, err = w.RotateSecret(t.Context(), w.other, id, secretB)
		checkProblem(t, "RotateSecret of one "+name, err, errMissing)
		checkProblem(t, "Delete of one "+name, w.Delete(t.Context(), w.other, id, nil), errMissing)
	}
	if got := w.row(t, made.ID); got != row {
		t.Errorf("the row = %s, want it as it was: %s", got, row)
	}
}

// preconditions are values of If-Match, with the version in the place of %d, and whether they hold.
var preconditions = map[string]bool{
	`"%d"`: true, `"%d.ungWv48Bz-pBQUDeXa4iIw"`: true, `*`: true, `"0", "%d"`: true,
	`"0"`: false, `W/"%d"`: false, `"0", "99"`: false, ``: false,
}

func TestService_Update_ifMatch(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	for form, holds := range preconditions {
		header := strings.Replace(form, "%d", fmt.Sprint(webhook.Version), 1)
		got, err := w.Update(t.Context(), w.organization, webhook.ID, &header, Update{Description: ptr("by " + form)})
		if !holds {
			checkProblem(t, "Update with If-Match "+header, err, errStale)
			checkWebhook(t, "Get after a refused Update with If-Match "+header, w.get(t, webhook.ID), webhook)
			continue
		}
		if err != nil || got.Version != webhook.Version+1 {
			t.Errorf("Update of version %d with If-Match %s = version %d, %v; want the next one", webhook.Version, header, got.Version, err)
		}
		webhook = got
	}
}

func TestService_Delete(t *testing.T) {
	w := newWorld(t)
	kept := w.create(t, slack())
	for form, holds := range preconditions {
		webhook := w.create(t, slack())
		header := strings.Replace(form, "%d", fmt.Sprint(webhook.Version), 1)
		err := w.Delete(t.Context(), w.organization, webhook.ID, &header)
		if !holds {
			checkProblem(t, "Delete with If-Match "+header, err, errStale)
			checkWebhook(t, "Get after a refused Delete with If-Match "+header, w.get(t, webhook.ID), webhook)
			continue
		}
		if err != nil {
			t.Errorf("Delete with If-Match %s = %v, want no error", header, err)
		}
		checkProblem(t, "Delete again", w.Delete(t.Context(), w.organization, webhook.ID, nil), errMissing)
		_, err = w.Get(t.Context(), w.organization, webhook.ID)
		checkProblem(t, "Get of what was deleted", err, errMissing)
		_, err = w.Update(t.Context(), w.organization, webhook.ID, nil, Update{State: ptr("active")})
		checkProblem(t, "Update of what was deleted", err, errMissing)
		_, _, err = w.RotateSecret(t.Context(), w.organization, webhook.ID, "")
		checkProblem(t, "RotateSecret of what was deleted", err, errMissing)
	}
	checkWebhook(t, "Get of another one", w.get(t, kept.ID), kept)
}

func TestService_Delete_withoutIfMatch(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	w.disable(t, webhook.ID)
	if err := w.Delete(t.Context(), w.organization, webhook.ID, nil); err != nil {
		t.Errorf("Delete = %v, want no error", err)
	}
	w.checkNone(t, w.organization)
}

func TestService_Update(t *testing.T) {
	w := newWorld(t)
	want := w.create(t, slack())
	headers := map[string]string{"X-Environment": "production"}
	for i, c := range []struct {
		name   string
		update Update
		change func()
	}{
		{"URL", Update{URL: ptr("https://example.com:8443/other")}, func() { want.URL = "https://example.com:8443/other" }},
		{"description", Update{Description: ptr("Teams bridge")}, func() { want.Description = "Teams bridge" }},
		{"description cleared", Update{Description: ptr("")}, func() { want.Description = "" }},
		{
			"event types",
			Update{EventTypes: []string{"permit.fee_changed", "permit.inspection_scheduled"}},
			func() { want.EventTypes = []string{"permit.fee_changed", "permit.inspection_scheduled"} },
		},
		{"state paused", Update{State: ptr("paused")}, func() { want.State = "paused" }},
		{"URL of a paused one", Update{URL: ptr("https://example.com/third")}, func() { want.URL = "https://example.com/third" }},
		{"state active", Update{State: ptr("active")}, func() { want.State = "active" }},
		{"headers", Update{Headers: map[string]string{"X-B": "b", "X-A": "a"}}, func() {
			want.HeaderNames, headers = []string{"X-A", "X-B"}, map[string]string{"X-A": "a", "X-B": "b"}
		}},
		{"description beside headers", Update{Description: ptr("kept headers")}, func() { want.Description = "kept headers" }},
		{"headers cleared", Update{Headers: map[string]string{}}, func() { want.HeaderNames, headers = []string{}, nil }},
	} {
		w.now = noon.Add(time.Duration(i+1) * time.Minute)
		c.change()
		want.Version, want.UpdatedAt = want.Version+1, w.now
		got, err := w.Update(t.Context(), w.organization, want.ID, nil, c.update)
		if err != nil {
			t.Fatalf("%s: Update = %v", c.name, err)
		}
		checkWebhook(t, c.name+": Update", got, want)
		checkWebhook(t, c.name+": Get", w.get(t, want.ID), want)
		w.checkSecrets(t, c.name, want.ID, w.now, []string{secretA}, headers)
	}
	if want.Version != 11 {
		t.Errorf("version = %d, want 11", want.Version)
	}
}

func TestService_Update_disabled(t *testing.T) {
	w := newWorld(t)
	for state, want := range map[string]Update{"active": {State: ptr("active")}, "paused": {State: ptr("paused")}} {
		webhook := w.create(t, slack())
		w.disable(t, webhook.ID)
		got, err := w.Update(t.Context(), w.organization, webhook.ID, nil, Update{Description: ptr("x")})
		if err != nil || got.State != "disabled" || got.DisabledReason == nil || *got.DisabledReason != "It answered 410." {
			t.Errorf("Update of the description = %+v, %v; want it disabled still, for its reason", got, err)
		}
		got, err = w.Update(t.Context(), w.organization, webhook.ID, nil, want)
		if err != nil || got.State != state || got.DisabledReason != nil {
			t.Errorf("Update to %s = %+v, %v; want that without a reason", state, got, err)
		}
	}
}

func TestService_Update_refused(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	row := w.row(t, webhook.ID)
	for _, h := range outboundtest.Hostile {
		if h.Code == "" {
			continue
		}
		_, err := w.Update(t.Context(), w.organization, webhook.ID, nil, Update{
			URL: &h.URL, Description: ptr("x"), EventTypes: []string{"permit.fee_changed"}, State: ptr("paused"), Headers: map[string]string{},
		})
		checkProblem(t, "Update with URL "+h.URL, err, invalid("/url", h.Code, h.Message))
		if got := w.row(t, webhook.ID); got != row {
			t.Errorf("the row after URL %s = %s, want it as it was: %s", h.URL, got, row)
		}
	}
	_, err := w.Update(t.Context(), w.organization, webhook.ID, nil, Update{Description: ptr("x"), Headers: map[string]string{"Host": "example.com"}})
	checkProblem(t, "Update with a reserved header", err, invalid("/headers/Host", "reserved", "is set by Plotwise or by HTTP itself; choose another name"))
	_, err = w.Update(t.Context(), w.organization, webhook.ID, nil, Update{URL: ptr("http://example.com"), Headers: map[string]string{"~": "\n", "/": "x"}})
	checkProblem(t, "Update with all wrong", err, &problem.Error{
		Kind: problem.Unprocessable, Code: "invalid_body", Message: "/url must start with https://. 2 more details follow.",
		Details: []problem.Detail{
			{In: "body", Pointer: "/url", Code: "https", Message: "must start with https://"},
			{In: "body", Pointer: "/headers/~0", Code: "header", Message: "must have a value of visible ASCII characters, spaces and tabs"},
			{In: "body", Pointer: "/headers/~1", Code: "header", Message: "must have a name of letters, digits and hyphens, 100 characters at most"},
		},
	})
	if got := w.row(t, webhook.ID); got != row {
		t.Errorf("the row = %s, want it as it was: %s", got, row)
	}
}

// Who sends is told of a webhook that is resumed, with the commit, and of no other change.
func TestService_Update_notifies(t *testing.T) {
	w := newWorld(t)
	made := w.create(t, slack())
	heard := make(chan string, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() {
		w.db.Listen(ctx, events.Channel, slog.New(slog.DiscardHandler), func(payload string) { heard <- payload })
	})
	defer func() { cancel(); listening.Wait() }()
	if got := <-heard; got != "" {
		t.Fatalf("heard %q, want that it listens", got)
	}
	change := func(ctx context.Context, u Update) {
		t.Helper()
		if _, err := w.Update(ctx, w.organization, made.ID, nil, u); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		change(t.Context(), Update{State: ptr("active"), Description: ptr("Another"), EventTypes: []string{"permit.fee_changed"}})
		change(t.Context(), Update{State: ptr("paused")})
	}
	rolledBack := errors.New("rolled back")
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		change(postgres.WithTx(t.Context(), tx), Update{State: ptr("active")})
		return rolledBack
	})
	if !errors.Is(err, rolledBack) {
		t.Fatal(err)
	}
	if _, err := w.db.ExecContext(t.Context(), "select pg_notify($1, 'the end')", events.Channel); err != nil {
		t.Fatal(err)
	}
	var got []string
	for payload := range heard {
		if payload == "the end" {
			break
		}
		got = append(got, payload)
	}
	if want := []string{w.organization.String()}; !slices.Equal(got, want) { // at the second change of the state to active
		t.Errorf("heard %q, want %q", got, want)
	}
}

func TestService_Target(t *testing.T) {
	w := newWorld(t)
	made := w.create(t, slack())
	if _, _, err := w.RotateSecret(t.Context(), w.organization, made.ID, secretB); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{{0, []string{secretB, secretA}}, {24 * time.Hour, []string{secretB}}} {
		w.now = noon.Add(c.after)
		got, err := w.Target(t.Context(), w.organization, made.ID)
		if err != nil || got.Headers["X-Environment"] != "production" {
			t.Errorf("Target after %s = %+v, %v; want the header", c.after, got, err)
		}
		var texts []string
		for _, s := range got.Secrets {
			texts = append(texts, s.String())
		}
		if !slices.Equal(texts, c.want) {
			t.Errorf("secrets after %s = %q, want %q", c.after, texts, c.want)
		}
	}
	_, err := w.Target(t.Context(), w.other, made.ID)
	checkProblem(t, "Target of another's", err, errMissing)
}
