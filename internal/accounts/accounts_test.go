package accounts

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
	"github.com/plotwise/plotwise/internal/problem"
)

const (
	email    = "owner@example.com"
	password = "correct horse battery"
)

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// world is a service on its own database, whose clock the test sets, with two organizations; email is an owner of the first.
type world struct {
	*Service
	*Sessions
	db                  *postgres.DB
	at                  time.Time
	organization, other uuid.UUID
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{db: pgtest.Open(t), at: time.Date(2026, 1, 23, 12, 0, 0, 0, time.UTC)}
	now := func() time.Time { return w.at }
	w.Service, w.Sessions = NewService(w.db, now), NewSessions(w.db, now)
	for name, organization := range map[string]*uuid.UUID{"Palmetto Builders": &w.organization, "Live Oak Homes": &w.other} {
		var err error
		if *organization, err = organizations.NewService(w.db, now, newID).Create(t.Context(), name, "professional"); err != nil {
			t.Fatal(err)
		}
	}
	w.join(t, w.organization, "Owner@Example.com", "owner")
	return w
}

func (w *world) join(t *testing.T, organization uuid.UUID, email, role string) {
	t.Helper()
	m := members.Member{Email: email, Name: "Somebody", Role: role}
	if _, err := members.NewService(w.db, func() time.Time { return w.at }, newID).Add(t.Context(), organization, m); err != nil {
		t.Fatal(err)
	}
}

func (w *world) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.db.ExecContext(t.Context(), statement, args...); err != nil {
		t.Fatal(err)
	}
}

// refused fails the test unless an error is the problem of that code.
func refused(t *testing.T, err error, code string) {
	t.Helper()
	var found *problem.Error
	if !errors.As(err, &found) || found.Code != code {
		t.Errorf("%v, want %s", err, code)
	}
}

func TestService_Memberships(t *testing.T) {
	w := newWorld(t)
	w.join(t, w.other, "OWNER@example.com", "member")
	got, err := w.Memberships(t.Context(), " owner@EXAMPLE.com ")
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for _, m := range got {
		said = append(said, m.Organization+" "+m.Role)
	}
	if diff := cmp.Diff([]string{"Live Oak Homes member", "Palmetto Builders owner"}, said); diff != "" {
		t.Error(diff)
	}
}

func TestMembership_Manages(t *testing.T) {
	for role, want := range map[string]bool{"owner": true, "admin": true, "member": false, "": false} {
		if got := (Membership{Role: role}).Manages(); got != want {
			t.Errorf("%q: %t, want %t", role, got, want)
		}
	}
}

func TestService_SignIn(t *testing.T) {
	w := newWorld(t)
	if err := w.SetPassword(t.Context(), "OWNER@example.com", password); err != nil {
		t.Fatal(err)
	}
	if got, err := w.SignIn(t.Context(), " Owner@example.COM", password); err != nil || got != email {
		t.Errorf("SignIn = %q, %v; want %q", got, err, email)
	}
	for _, pair := range [][2]string{{email, "wrong"}, {email, ""}, {email, password + " "}, {"nobody@example.com", password}, {"", ""}, {email, strings.Repeat("x", 1<<20)}} {
		_, err := w.SignIn(t.Context(), pair[0], pair[1])
		refused(t, err, "wrong_password")
	}
	w.exec(t, "delete from members")
	_, err := w.SignIn(t.Context(), email, password)
	refused(t, err, "wrong_password")
}

// A password is hashed for an address that nobody has too, or the time would tell which ones somebody has. While others take all
// places, both wait for one.
func TestService_SignIn_hashesForEverybody(t *testing.T) {
	w := newWorld(t)
	if err := w.SetPassword(t.Context(), email, password); err != nil {
		t.Fatal(err)
	}
	w.join(t, w.organization, "invited@example.com", "member") // who has no password yet
	for range hashesAtOnce {
		w.hashing <- struct{}{}
	}
	for _, address := range []string{email, "invited@example.com", "nobody@example.com"} {
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		_, err := w.SignIn(ctx, address, "wrong")
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: %v, want that it waits to hash", address, err)
		}
	}
	for range hashesAtOnce {
		<-w.hashing
	}
	p, _, _, err := argon2id.DecodeHash(nobody)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(parameters, p); diff != "" {
		t.Errorf("the hash of nobody takes another time: %s", diff)
	}
}

func TestService_SetPassword(t *testing.T) {
	w := newWorld(t)
	for _, text := range []string{"", "elevenchars", strings.Repeat("é", 11), strings.Repeat("x", 201)} {
		refused(t, w.SetPassword(t.Context(), email, text), "invalid_body")
	}
	for _, text := range []string{"twelve chars", strings.Repeat("é", 200)} {
		w.at = w.at.Add(time.Minute)
		if err := w.SetPassword(t.Context(), email, text); err != nil {
			t.Errorf("SetPassword(%q) = %v", text, err)
		}
		if _, err := w.SignIn(t.Context(), email, text); err != nil {
			t.Errorf("SignIn with %q: %v", text, err)
		}
		if got, err := w.Changed(t.Context(), email); err != nil || !got.Equal(w.at) {
			t.Errorf("Changed = %v, %v; want %v", got, err, w.at)
		}
	}
	var hash string
	if err := w.db.GetContext(t.Context(), &hash, "select password_hash from accounts"); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(hash, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Errorf("the password is kept as %q", hash)
	}
	if got, err := w.Changed(t.Context(), "nobody@example.com"); err != nil || !got.IsZero() {
		t.Errorf("Changed of nobody = %v, %v", got, err)
	}
}

func TestService_Link(t *testing.T) {
	w := newWorld(t)
	token, err := w.Link(t.Context(), "OWNER@example.com", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var kept int
	if err := w.db.GetContext(t.Context(), &kept, "select count(*) from sign_in_links where token_hash = sha256(convert_to($1, 'utf8'))", token); err != nil || kept != 1 {
		t.Errorf("%d links under the hash of the token, %v; want 1", kept, err)
	}
	w.at = w.at.Add(time.Hour - time.Second)
	for range 2 {
		if got, err := w.Open(t.Context(), token); err != nil || got != email {
			t.Errorf("Open = %q, %v; want %q", got, err, email)
		}
	}
	if got, err := w.Use(t.Context(), token); err != nil || got != email {
		t.Errorf("Use = %q, %v; want %q", got, err, email)
	}
	for name, use := range map[string]func(context.Context, string) (string, error){"Open": w.Open, "Use": w.Use} {
		for _, text := range []string{token, "", "AAAA"} {
			if _, err := use(t.Context(), text); err == nil {
				t.Errorf("%s(%q) lets somebody in", name, text)
			} else {
				refused(t, err, "link_over")
			}
		}
	}
}

// Of all who use a link at once, one gets in.
func TestService_Use_atOnce(t *testing.T) {
	w := newWorld(t)
	token, err := w.Link(t.Context(), email, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	let := make(chan bool, 8)
	for range cap(let) {
		go func() {
			_, err := w.Use(t.Context(), token)
			let <- err == nil
		}()
	}
	n := 0
	for range cap(let) {
		if <-let {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d got in, want 1", n)
	}
}

func TestService_Invite(t *testing.T) {
	w := newWorld(t)
	if err := w.SetPassword(t.Context(), email, password); err != nil {
		t.Fatal(err)
	}
	w.join(t, w.other, email, "member")
	for _, organization := range []uuid.UUID{w.other, w.organization} {
		_, err := w.Invite(t.Context(), organization, "OWNER@example.com", time.Hour)
		refused(t, err, "member_elsewhere")
	}
	if known, err := w.HasPassword(t.Context(), email); err != nil || !known {
		t.Errorf("HasPassword = %t, %v; want that it stays", known, err)
	}
	w.exec(t, "delete from members where organization_id = $1", w.organization)
	before, err := w.Link(t.Context(), email, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(time.Minute)
	token, err := w.Invite(t.Context(), w.other, email, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if known, err := w.HasPassword(t.Context(), email); err != nil || known {
		t.Errorf("HasPassword = %t, %v; want that of before to be over", known, err)
	}
	if changed, err := w.Changed(t.Context(), email); err != nil || !changed.Equal(w.at) {
		t.Errorf("Changed = %v, %v; want %v, which ends the sessions of before", changed, err, w.at)
	}
	_, err = w.Use(t.Context(), before)
	refused(t, err, "link_over")
	if got, err := w.Use(t.Context(), token); err != nil || got != email {
		t.Errorf("Use = %q, %v; want %q", got, err, email)
	}
}

func TestSessions(t *testing.T) {
	w := newWorld(t)
	find := func(want string) {
		t.Helper()
		data, found, err := w.FindCtx(t.Context(), "token")
		if err != nil || string(data) != want || found != (want != "") {
			t.Errorf("FindCtx = %q, %t, %v; want %q", data, found, err, want)
		}
	}
	commit := func(data string) {
		t.Helper()
		if err := w.CommitCtx(t.Context(), "token", []byte(data), w.at.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
	}
	find("")
	commit("one")
	find("one")
	w.at = w.at.Add(59 * time.Minute)
	commit("two") // goes on for another hour
	w.at = w.at.Add(59 * time.Minute)
	find("two")
	if err := w.DeleteCtx(t.Context(), "token"); err != nil {
		t.Fatal(err)
	}
	find("")
	commit("three") // by a request that was under way
	find("")
	var kept string
	if err := w.db.GetContext(t.Context(), &kept, "select convert_from(data, 'utf8') from sessions"); err != nil || kept != "" {
		t.Errorf("%q is kept of a session that was ended, %v", kept, err)
	}
	if err := w.DeleteCtx(t.Context(), "nothing"); err != nil {
		t.Errorf("DeleteCtx of none: %v", err)
	}
}

func TestSessions_expire(t *testing.T) {
	w := newWorld(t)
	if err := w.CommitCtx(t.Context(), "token", []byte("one"), w.at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(time.Hour)
	if _, found, err := w.FindCtx(t.Context(), "token"); found || err != nil {
		t.Errorf("FindCtx = %t, %v; want that it is over", found, err)
	}
}

func TestService_Prune(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Link(t.Context(), email, time.Hour); err != nil {
		t.Fatal(err)
	}
	if err := w.CommitCtx(t.Context(), "token", []byte("one"), w.at.Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		after time.Duration
		want  int
	}{{2 * time.Hour, 2}, {time.Second, 0}} {
		w.at = w.at.Add(step.after)
		if err := w.Prune(t.Context()); err != nil {
			t.Fatal(err)
		}
		var n int
		if err := w.db.GetContext(t.Context(), &n, "select (select count(*) from sessions) + (select count(*) from sign_in_links)"); err != nil || n != step.want {
			t.Errorf("after %s: %d are left, %v; want %d", step.after, n, err, step.want)
		}
	}
}
