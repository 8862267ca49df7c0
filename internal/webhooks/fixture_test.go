package webhooks

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/secret"
)

var (
	noon       = time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)
	errMissing = &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: "There is no such webhook."}
	errStale   = &problem.Error{
		Kind: problem.PreconditionFailed, Code: "precondition_failed",
		Message: "It was changed since: get it again, and send the ETag of that answer.",
		Details: []problem.Detail{{In: "header", Pointer: "If-Match", Code: "precondition_failed", Message: "must be the ETag of the newest answer"}},
	}
)

// Secrets in clear, each of 24 bytes.
const (
	secretA = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	secretB = "whsec_QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"
	secretC = "whsec_Q0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQ0ND"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

func newBox(t *testing.T) *secret.Box {
	t.Helper()
	key, err := secret.Parse(secret.Generate())
	if err != nil {
		t.Fatal(err)
	}
	return secret.NewBox(key)
}

// world is a service on its own database, whose clock the test sets, for two organizations.
type world struct {
	*Service
	db                  *postgres.DB
	now                 time.Time
	organization, other uuid.UUID
}

func newWorld(t *testing.T, allowed ...netip.Prefix) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), now: noon}
	w.Service = NewService(w.db, newBox(t), allowed, func() time.Time { return w.now }, newID)
	for _, organization := range []*uuid.UUID{&w.organization, &w.other} {
		var err error
		if *organization, err = organizations.NewService(w.db, time.Now, newID).Create(t.Context(), "Palmetto Builders", "starter"); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// slack returns a webhook to make, which a test changes as it needs.
func slack() Create {
	return Create{
		URL: "https://example.com/hook", Description: "Slack bridge", EventTypes: []string{"permit.status_changed"},
		Secret: secretA, Headers: map[string]string{"X-Environment": "production"},
	}
}

func (w *world) create(t *testing.T, c Create) Webhook {
	t.Helper()
	made, _, err := w.Create(t.Context(), w.organization, c)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (w *world) get(t *testing.T, webhook uuid.UUID) Webhook {
	t.Helper()
	found, err := w.Get(t.Context(), w.organization, webhook)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// row returns all that the database holds of a webhook, as text.
func (w *world) row(t *testing.T, webhook uuid.UUID) string {
	t.Helper()
	var text string
	if err := w.db.GetContext(t.Context(), &text, "select webhooks::text from webhooks where id = $1", webhook); err != nil {
		t.Fatal(err)
	}
	return text
}

// disable disables a webhook as a worker does.
func (w *world) disable(t *testing.T, webhook uuid.UUID) {
	t.Helper()
	err := postgres.InTx(t.Context(), w.db, func(tx *postgres.Tx) error {
		resubscribe(tx, w.organization, webhook)
		_, err := tx.ExecContext(t.Context(), "update webhooks set state = 'disabled', disabled_reason = 'It answered 410.' where id = $1", webhook)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// checkSecrets fails the test unless the webhook is sent to with the secrets and the headers at a time.
func (w *world) checkSecrets(t *testing.T, what string, webhook uuid.UUID, at time.Time, secrets []string, headers map[string]string) {
	t.Helper()
	var sealed []byte
	if err := w.db.GetContext(t.Context(), &sealed, "select sealed from webhooks where id = $1", webhook); err != nil {
		t.Fatal(err)
	}
	got, err := w.Unseal(webhook, sealed, at)
	if err != nil {
		t.Errorf("%s: Unseal at %s = %v", what, at, err)
		return
	}
	var texts []string
	for _, s := range got.Secrets {
		texts = append(texts, s.String())
	}
	if diff := cmp.Diff(secrets, texts); diff != "" {
		t.Errorf("%s: secrets at %s (-want +got):\n%s", what, at, diff)
	}
	if diff := cmp.Diff(headers, got.Headers, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: headers at %s (-want +got):\n%s", what, at, diff)
	}
}

func checkWebhook(t *testing.T, what string, got, want Webhook) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(Webhook{})); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// checkProblem fails the test unless err is the problem.
func checkProblem(t *testing.T, what string, err error, want *problem.Error) {
	t.Helper()
	var got *problem.Error
	if !errors.As(err, &got) {
		t.Errorf("%s = %v, want %v", what, err, want)
		return
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// invalid is the problem of a body that one thing is wrong with.
func invalid(pointer, code, message string) *problem.Error {
	return &problem.Error{
		Kind: problem.Unprocessable, Code: "invalid_body", Message: pointer + " " + message + ".",
		Details: []problem.Detail{{In: "body", Pointer: pointer, Code: code, Message: message}},
	}
}

func ptr[T any](v T) *T { return &v }
