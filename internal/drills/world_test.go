package drills

import (
	"context"
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

const unlimited = 1_000_000 // requests a minute

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a database of its own.
type world struct {
	url string
	db  *postgres.DB
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{url: pgtest.New(t)}
	w.db = pgtest.OpenURL(t, w.url)
	return w
}

// organization makes an organization on the starter plan; perMinute of 0 is the plan's limit.
func (w *world) organization(t *testing.T, name string, perMinute int32) uuid.UUID {
	t.Helper()
	s := organizations.NewService(w.db, time.Now, newID)
	made, err := s.Create(t.Context(), name, "starter")
	if err != nil {
		t.Fatal(err)
	}
	if perMinute > 0 {
		w.setPlan(t, made, "starter", perMinute)
	}
	return made
}

func (w *world) setPlan(t *testing.T, organization uuid.UUID, plan string, perMinute int32) {
	t.Helper()
	if err := organizations.NewService(w.db, time.Now, newID).SetPlan(t.Context(), organization, plan, &perMinute); err != nil {
		t.Fatal(err)
	}
}

// key makes an API key and returns it with its id.
func (w *world) key(t *testing.T, organization uuid.UUID, permissions ...identity.Permission) (clear, name string) {
	t.Helper()
	k := apikeys.Key{OrganizationID: organization, Name: "Drill", Permissions: permissions}
	made, clear, err := apikeys.NewService(w.db, time.Now, newID).Create(t.Context(), k)
	if err != nil {
		t.Fatal(err)
	}
	return clear, id.Format(id.APIKey, made.ID)
}

// role makes another superuser, whose connections can be told from those of others, and returns its name and its URL.
func (w *world) role(t *testing.T) (name, of string) {
	t.Helper()
	name = "drill_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	if _, err := w.db.ExecContext(t.Context(), "create role "+name+" superuser login password 'drill'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = w.db.ExecContext(context.WithoutCancel(t.Context()), "drop role "+name) })
	u, err := url.Parse(w.url)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(name, "drill")
	return name, u.String()
}

// made returns the id and the key that an answer shows.
func (a answer) made() (name, clear string) {
	var body struct{ Data struct{ ID, Key string } }
	_ = json.Unmarshal(a.body, &body) // which then names nothing
	return body.Data.ID, body.Data.Key
}
