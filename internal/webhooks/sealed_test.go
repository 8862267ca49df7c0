package webhooks

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
)

// environment are the headers of slack.
var environment = map[string]string{"X-Environment": "production"}

func (w *world) rotate(t *testing.T, webhook uuid.UUID, given string) Webhook {
	t.Helper()
	rotated, _, err := w.RotateSecret(t.Context(), w.organization, webhook, given)
	if err != nil {
		t.Fatal(err)
	}
	return rotated
}

func TestService_RotateSecret(t *testing.T) {
	w := newWorld(t)
	want := w.create(t, slack())
	w.now = noon.Add(time.Minute)
	got, shown, err := w.RotateSecret(t.Context(), w.organization, want.ID, secretB)
	if err != nil || shown.String() != secretB {
		t.Fatalf("RotateSecret shows %s, %v; want %s", shown.String(), err, secretB)
	}
	want.Version, want.UpdatedAt = 2, w.now
	checkWebhook(t, "RotateSecret", got, want)
	checkWebhook(t, "Get", w.get(t, want.ID), want)
	for _, c := range []struct {
		after time.Duration
		want  []string
	}{
		{0, []string{secretB, secretA}},
		{23 * time.Hour, []string{secretB, secretA}},
		{24*time.Hour - time.Nanosecond, []string{secretB, secretA}},
		{24 * time.Hour, []string{secretB}},
		{24*time.Hour + time.Nanosecond, []string{secretB}},
		{365 * 24 * time.Hour, []string{secretB}},
	} {
		w.checkSecrets(t, "RotateSecret", want.ID, w.now.Add(c.after), c.want, environment)
	}
}

func TestService_RotateSecret_twice(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	w.rotate(t, webhook.ID, secretB)
	w.now = noon.Add(time.Hour)
	w.rotate(t, webhook.ID, secretC)
	w.checkSecrets(t, "within 24 h of both", webhook.ID, w.now, []string{secretC, secretB}, environment)
	w.checkSecrets(t, "24 h after the first", webhook.ID, noon.Add(24*time.Hour), []string{secretC, secretB}, environment)
	w.checkSecrets(t, "24 h after the second", webhook.ID, noon.Add(25*time.Hour), []string{secretC}, environment)
}

func TestService_RotateSecret_givenSecret(t *testing.T) {
	w := newWorld(t)
	for given, want := range givenSecrets {
		webhook := w.create(t, Create{URL: "https://example.com", EventTypes: []string{"permit.status_changed"}, Secret: secretC})
		_, shown, err := w.RotateSecret(t.Context(), w.organization, webhook.ID, given)
		if err != nil || shown.String() != want {
			t.Errorf("RotateSecret to %q shows %s, %v; want %s", given, shown.String(), err, want)
			continue
		}
		w.checkSecrets(t, "RotateSecret to "+given, webhook.ID, noon, []string{want, secretC}, nil)
	}
}

func TestService_RotateSecret_madeSecret(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	_, shown, err := w.RotateSecret(t.Context(), w.organization, webhook.ID, "")
	if err != nil || len(shown.String()) != 50 || shown.String() == secretA {
		t.Errorf("RotateSecret made %s, %v; want whsec_ and 32 bytes in base64", shown.String(), err)
	}
	w.checkSecrets(t, "RotateSecret", webhook.ID, noon, []string{shown.String(), secretA}, environment)
}

func TestService_RotateSecret_refusedSecret(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	row := w.row(t, webhook.ID)
	for given, message := range refusedSecrets {
		_, _, err := w.RotateSecret(t.Context(), w.organization, webhook.ID, given)
		checkProblem(t, "RotateSecret to "+given, err, invalid("/secret", "secret", message))
	}
	if got := w.row(t, webhook.ID); got != row {
		t.Errorf("the row = %s, want it as it was: %s", got, row)
	}
}

func TestService_RotateSecret_disabled(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	w.disable(t, webhook.ID)
	got := w.rotate(t, webhook.ID, secretB)
	if got.State != "disabled" || got.DisabledReason == nil || *got.DisabledReason != "It answered 410." {
		t.Errorf("RotateSecret = %+v, want it disabled still, for its reason", got)
	}
}

func TestService_Update_betweenSecrets(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	w.rotate(t, webhook.ID, secretB)
	w.now = noon.Add(time.Hour)
	if _, err := w.Update(t.Context(), w.organization, webhook.ID, nil, Update{Headers: map[string]string{"X-A": "a"}}); err != nil {
		t.Fatal(err)
	}
	w.checkSecrets(t, "Update", webhook.ID, noon.Add(24*time.Hour-1), []string{secretB, secretA}, map[string]string{"X-A": "a"})
	w.checkSecrets(t, "Update", webhook.ID, noon.Add(24*time.Hour), []string{secretB}, map[string]string{"X-A": "a"})
}

func TestService_Unseal_refuses(t *testing.T) {
	s := NewService(nil, newBox(t), nil, nil, nil)
	webhook := newID()
	sealed, err := s.seal(webhook, contents{Secret: secretA, Headers: environment})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Unseal(webhook, sealed, noon); err != nil {
		t.Fatalf("Unseal = %v, want no error", err)
	}
	check := func(what string, s *Service, webhook uuid.UUID, sealed []byte) {
		t.Helper()
		want := "decrypt the secrets of webhook " + webhook.String() +
			": the sealed text cannot be opened: it was changed or moved to another row, or sealed under another key"
		got, err := s.Unseal(webhook, sealed, noon)
		if err == nil || err.Error() != want || got.Secrets != nil || got.Headers != nil {
			t.Errorf("%s: Unseal = %v, %v; want %s", what, got, err, want)
		}
	}
	check("another webhook's id", s, newID(), sealed)
	check("another key", NewService(nil, newBox(t), nil, nil, nil), webhook, sealed)
	check("nothing", s, webhook, nil)
	check("cut", s, webhook, sealed[:len(sealed)-1])
	check("longer", s, webhook, append(slices.Clone(sealed), 0))
	for i := range sealed {
		tampered := bytes.Clone(sealed)
		tampered[i] ^= 1
		check("tampered", s, webhook, tampered)
	}
}

func TestService_Unseal_unreadable(t *testing.T) {
	box := newBox(t)
	s := NewService(nil, box, nil, nil, nil)
	webhook := newID()
	for text, want := range map[string]string{
		"":                    "read the secrets of webhook " + webhook.String() + ": unexpected end of JSON input",
		"{}":                  "read the secret of webhook " + webhook.String() + ": must be 24 to 64 bytes long, or whsec_ and the base64 of so many: these are 0",
		`{"secret":"whsec_"}`: "read the secret of webhook " + webhook.String() + ": must have base64 of 24 to 64 bytes behind whsec_: these are 0",
	} {
		if got, err := s.Unseal(webhook, box.Seal([]byte(text), webhook), noon); err == nil || err.Error() != want {
			t.Errorf("Unseal of %q = %v, %v; want %s", text, got, err, want)
		}
	}
}

// What cannot be decrypted is no problem of the caller's, and stays as it is.
func TestService_Update_tampered(t *testing.T) {
	w := newWorld(t)
	webhook := w.create(t, slack())
	if _, err := w.db.ExecContext(t.Context(), "update webhooks set sealed = sealed || '\\x00' where id = $1", webhook.ID); err != nil {
		t.Fatal(err)
	}
	row := w.row(t, webhook.ID)
	want := "decrypt the secrets of webhook " + webhook.ID.String() +
		": the sealed text cannot be opened: it was changed or moved to another row, or sealed under another key"
	if _, err := w.Update(t.Context(), w.organization, webhook.ID, nil, Update{Headers: map[string]string{}}); err == nil || err.Error() != want {
		t.Errorf("Update of the headers = %v, want %s", err, want)
	}
	if _, _, err := w.RotateSecret(t.Context(), w.organization, webhook.ID, secretB); err == nil || err.Error() != want {
		t.Errorf("RotateSecret = %v, want %s", err, want)
	}
	if got := w.row(t, webhook.ID); got != row {
		t.Errorf("the row = %s, want it as it was: %s", got, row)
	}
}
