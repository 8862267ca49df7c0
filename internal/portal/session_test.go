package portal

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/members"
)

const (
	password = "correct horse battery"
	settings = "/settings/developers"
)

func (w *world) setPassword(t *testing.T, email, text string) {
	t.Helper()
	if err := w.Accounts.SetPassword(t.Context(), email, text); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Minute)
}

func (b *browser) signIn(t *testing.T, email, text string) answer {
	t.Helper()
	return b.post(t, "/settings/sign-in", "email", email, "password", text)
}

// cookie returns the session's token; "" when the browser has none.
func (b *browser) cookie(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(b.w.PublicURL + "/settings")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range b.jar.Cookies(u) {
		if c.Name == "plotwise_session" {
			return c.Value
		}
	}
	return ""
}

func (b *browser) setCookie(t *testing.T, value string) {
	t.Helper()
	u, err := url.Parse(b.w.PublicURL + "/settings")
	if err != nil {
		t.Fatal(err)
	}
	b.jar.SetCookies(u, []*http.Cookie{{Name: "plotwise_session", Value: value, Path: "/settings"}})
}

func TestSignIn(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, owner, password)
	b := w.browser(t)
	b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
	b.get(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys").has(t, 200, `name="to" value="/settings/developers/keys"`)
	b.post(t, "/settings/sign-in", "email", "  OWNER@palmetto.example ", "password", password, "to", keysPath).leads(t, keysPath)
	b.get(t, keysPath).has(t, 200, "API keys", owner)
	b.get(t, "/settings/sign-in").leads(t, settings)
	b.get(t, "/settings/sign-in?to=%2Fsettings%2Forganization").leads(t, "/settings/organization")
	b.get(t, "/settings/sign-in?to=%2F%2Fevil.example%2Fsettings%2F").leads(t, settings)
	b.get(t, "/settings/").leads(t, settings)
	w.now = w.now.Add(time.Second)
	if a := b.do(t, http.MethodHead, keysPath, nil, nil); a.Status != 200 {
		t.Errorf("HEAD: %d, want 200", a.Status)
	}
}

// Nobody learns which addresses have an account.
func TestSignIn_wrong(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, owner, password)
	var said []string
	for _, pair := range [][2]string{{owner, "wrong"}, {"nobody@example.com", "wrong"}, {member, "wrong"}, {owner, ""}, {member, ""}} {
		b := w.browser(t)
		a := b.signIn(t, pair[0], pair[1])
		a.has(t, 401, "The e-mail address or the password is wrong.")
		said = append(said, strings.ReplaceAll(a.Body, pair[0], "ADDRESS"))
		b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
		if strings.Contains(a.Body, `value="wrong"`) {
			t.Errorf("the page repeats the password: %s", a.Body)
		}
	}
	for i, text := range said {
		if text != said[0] {
			t.Errorf("answer %d is %s, want the same as the first, %s", i, text, said[0])
		}
	}
}

// A password of somebody who left lets nobody in.
func TestSignIn_formerMember(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, member, password)
	w.exec(t, "delete from members where email = $1", member)
	w.browser(t).signIn(t, member, password).has(t, 401, "The e-mail address or the password is wrong.")
}

func TestSignIn_throttledByAddress(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	b.address = "[2001:db8:1:2::1]:1"
	for i := range attemptsPerMinute {
		b.signIn(t, "somebody"+strconv.Itoa(i)+"@example.com", "wrong").has(t, 401)
	}
	b.address = "[2001:db8:1:2:ffff::9]:1" // of the same network
	a := b.signIn(t, "else@example.com", "wrong")
	a.has(t, 429, "Too many attempts to sign in.")
	if got := a.Header.Get("Retry-After"); got != "6" {
		t.Errorf("Retry-After: %q, want 6", got)
	}
	b.get(t, "/settings/link/"+w.link(t, owner)).has(t, 429)
	b.post(t, "/settings/link/"+w.link(t, owner)).has(t, 429)
	b.address = "[2001:db8:1:3::1]:1"
	b.signIn(t, "else@example.com", "wrong").has(t, 401)
	b.address = "[2001:db8:1:2::1]:1"
	w.now = w.now.Add(6 * time.Second)
	b.signIn(t, "else@example.com", "wrong").has(t, 401)
}

func TestSignIn_throttledByAccount(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, owner, password)
	for i := range attemptsPerMinute {
		b := w.browser(t)
		b.address = "192.0.2." + strconv.Itoa(i+1) + ":1"
		b.signIn(t, owner, "wrong").has(t, 401)
	}
	b := w.browser(t)
	b.address = "192.0.2.100:1"
	a := b.signIn(t, " OWNER@PALMETTO.example", password)
	a.has(t, 429, "Too many attempts to sign in.")
	if got := a.Header.Get("Retry-After"); got != "6" {
		t.Errorf("Retry-After: %q, want 6", got)
	}
	b.signIn(t, member, "wrong").has(t, 401)
	w.now = w.now.Add(6 * time.Second)
	b.signIn(t, owner, password).leads(t, settings)
}

// One who opens links keeps nobody else from opening theirs.
func TestLink_throttledByAddressAlone(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	for range attemptsPerMinute + 5 {
		b.get(t, "/settings/link/AAAA")
	}
	c := w.browser(t)
	c.address = "198.51.100.7:1"
	c.get(t, "/settings/link/"+w.link(t, owner)).has(t, 200, owner)
}

func TestLink_once(t *testing.T) {
	w := newWorld(t)
	b := w.browser(t)
	path := "/settings/link/" + w.link(t, owner)
	for range 3 { // as mail programs do
		b.get(t, path).has(t, 200, "This link lets <strong>"+owner+"</strong> in, once.")
	}
	b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
	b.post(t, path).leads(t, "/settings/password")
	b.get(t, keysPath).has(t, 200, owner)
	c := w.browser(t)
	c.get(t, path).has(t, 410, "This link was used already")
	c.post(t, path).has(t, 410, "This link was used already")
	c.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
}

func TestLink_over(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, w *world){
		"expired":         func(_ *testing.T, w *world) { w.now = w.now.Add(time.Hour) },
		"no member":       func(t *testing.T, w *world) { t.Helper(); w.exec(t, "delete from members where email = $1", owner) },
		"password is set": func(t *testing.T, w *world) { t.Helper(); w.setPassword(t, owner, password) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			path := "/settings/link/" + w.link(t, owner)
			spoil(t, w)
			w.browser(t).get(t, path).has(t, 410, "This link was used already, or its time is over.")
			w.browser(t).post(t, path).has(t, 410, "This link was used already, or its time is over.")
		})
	}
}

func TestOurs(t *testing.T) {
	for to, want := range map[string]string{
		"/settings/developers/keys?state=all":  "/settings/developers/keys?state=all",
		"":                                     settings,
		"/":                                    settings,
		"/docs":                                settings,
		"https://evil.example/settings/":       settings,
		"//evil.example/settings/":             settings,
		"/\\evil.example/settings/":            settings,
		"/settings/\\evil.example":             settings,
		"/settings/../../evil":                 settings,
		"/settings/..//evil.example":           settings,
		"/settings/%2e%2e//evil.example":       settings,
		"/settings/\tx":                        settings,
		"/settings/\r\nSet-Cookie: a=b":        settings,
		"javascript:alert(1)":                  settings,
		" /settings/developers":                settings,
		"/settings.evil.example/":              settings,
		"https:/settings/developers":           settings,
		"///evil.example/settings/developers/": settings,
	} {
		if got := ours(to); got != want {
			t.Errorf("ours(%q) = %q, want %q", to, got, want)
		}
	}
}

// A session whose token somebody else knows is not the one that is signed in (CWE-384).
func TestSession_fixation(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, owner, password)
	b := w.browser(t)
	b.setCookie(t, "planted")
	b.signIn(t, owner, password).leads(t, settings)
	if b.cookie(t) == "planted" {
		t.Error("the planted token is signed in")
	}
	thief := w.browser(t)
	thief.setCookie(t, "planted")
	thief.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")

	before := b.cookie(t) // the thief's own session, say
	b.signIn(t, owner, password).leads(t, settings)
	if b.cookie(t) == before {
		t.Error("signing in keeps the token")
	}
	thief.setCookie(t, before)
	thief.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
}

func TestSession_storedUnderHash(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	if n := w.count(t, "select count(*) from sessions where token = $1", b.cookie(t)); n != 0 {
		t.Errorf("%d sessions lie under the cookie's value itself", n)
	}
	thief := w.browser(t)
	var hash string
	if err := w.DB.GetContext(t.Context(), &hash, "select token from sessions where expiry > $1", w.now); err != nil {
		t.Fatal(err)
	}
	thief.setCookie(t, hash)
	thief.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
}

func TestSignOut(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	token := b.cookie(t)
	b.post(t, "/settings/sign-out").leads(t, "/settings/sign-in")
	if b.cookie(t) != "" {
		t.Error("the browser still has the cookie")
	}
	b.setCookie(t, token)
	b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
	b.get(t, "/settings/sign-out").has(t, 404)
}

// A request that was under way when the session was ended does not bring it back.
func TestSignOut_meanwhile(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	token := b.cookie(t)
	p := &portal{Options: w.Options}
	sessions := p.newSessions()
	ctx, err := sessions.Load(t.Context(), token) // the request begins
	if err != nil {
		t.Fatal(err)
	}
	b.post(t, "/settings/sign-out").leads(t, "/settings/sign-in")
	sessions.Put(ctx, sessionFlash, "done") // and ends
	if _, _, err := sessions.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	b.setCookie(t, token)
	b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
}

func TestPassword_endsOtherSessions(t *testing.T) {
	w := newWorld(t)
	b, elsewhere, colleague := w.as(t, owner), w.as(t, owner), w.as(t, admin)
	token := b.cookie(t)
	w.now = w.now.Add(time.Minute)
	b.post(t, "/settings/password", "password", password).leads(t, settings)
	if b.cookie(t) == token {
		t.Error("the token stays the same")
	}
	b.get(t, keysPath).has(t, 200, "Your password is set. It ended your other sessions.")
	b.get(t, keysPath).lacks(t, "Your password is set.")
	elsewhere.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
	colleague.get(t, keysPath).has(t, 200, admin)
	elsewhere.setCookie(t, token)
	elsewhere.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
}

func TestPassword_asksForTheOldOne(t *testing.T) {
	w := newWorld(t)
	w.setPassword(t, owner, password)
	b := w.browser(t)
	b.signIn(t, owner, password).leads(t, settings)
	b.get(t, "/settings/password").has(t, 200, `name="current"`)
	b.post(t, "/settings/password", "password", "another good password").has(t, 422, "It is not the password that you have now.")
	b.post(t, "/settings/password", "password", "another good password", "current", "wrong").has(t, 422, "It is not the password that you have now.")
	b.post(t, "/settings/password", "password", "short", "current", password).has(t, 422, "must have 12 to 200 characters")
	w.now = w.now.Add(time.Minute)
	b.post(t, "/settings/password", "password", "another good password", "current", password).leads(t, settings)
	c := w.browser(t)
	c.signIn(t, owner, password).has(t, 401)
	c.signIn(t, owner, "another good password").leads(t, settings)

	forgetful := w.as(t, owner) // by a link
	a := forgetful.get(t, "/settings/password")
	a.has(t, 200)
	a.lacks(t, `name="current"`)
	w.now = w.now.Add(time.Minute)
	forgetful.post(t, "/settings/password", "password", "a third good password").leads(t, settings)
	forgetful.get(t, "/settings/password").has(t, 200, `name="current"`)
}

func TestMember_removed(t *testing.T) {
	w := newWorld(t)
	b, both := w.as(t, owner), w.as(t, both)
	b.get(t, keysPath).has(t, 200)
	both.get(t, keysPath).has(t, 200, "Live Oak Homes")
	w.exec(t, "delete from members where organization_id = $1 and email = $2", w.palmetto, owner)
	w.exec(t, "delete from members where organization_id = $1 and email = 'both@example.com'", w.palmetto)
	token := b.cookie(t)
	b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
	both.get(t, keysPath).lacks(t, "Palmetto Builders")
	w.join(t, w.palmetto, owner, members.Owner) // a session that is over stays so
	b.setCookie(t, token)
	b.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
}

func TestCookie(t *testing.T) {
	for publicURL, secure := range map[string]bool{"http://127.0.0.1:8080": false, "https://api.example.com": true} {
		w := newWorldAt(t, publicURL)
		a := w.browser(t).post(t, "/settings/link/"+w.link(t, owner))
		cookies := (&http.Response{Header: a.Header}).Cookies()
		if len(cookies) != 1 {
			t.Fatalf("%s: %d cookies, want 1", publicURL, len(cookies))
		}
		c := cookies[0]
		if c.Name != "plotwise_session" || !c.HttpOnly || c.Secure != secure || c.SameSite != http.SameSiteLaxMode || c.Path != "/settings" || c.Domain != "" || c.MaxAge > 24*60*60+1 {
			t.Errorf("%s: %+v; want HttpOnly, SameSite=Lax, Path=/settings, a day at most, and Secure %t", publicURL, c, secure)
		}
	}
}

func TestSwitch(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, both)
	b.get(t, keysPath).has(t, 200, `<span class="name">Live Oak Homes</span>`, "Switch to")
	b.post(t, "/settings/switch", "organization", id.Format(id.Organization, w.palmetto)).leads(t, settings)
	b.get(t, keysPath).has(t, 200, `<span class="name">Palmetto Builders</span>`, "/settings/developers/keys/new")

	c := w.as(t, owner)
	c.post(t, "/settings/switch", "organization", id.Format(id.Organization, w.liveOak)).has(t, 404)
	c.post(t, "/settings/switch", "organization", "").has(t, 404)
	c.get(t, keysPath).has(t, 200, `<span class="name">Palmetto Builders</span>`)

	w.exec(t, "delete from members where organization_id = $1 and email = $2", w.palmetto, "both@example.com")
	b.get(t, keysPath).has(t, 200, `<span class="name">Live Oak Homes</span>`)
}

// A page that was opened for one organization changes nothing of another.
func TestSwitch_meanwhile(t *testing.T) {
	w := newWorld(t)
	const support = "support@example.com"
	w.join(t, w.palmetto, support, members.Admin)
	w.join(t, w.liveOak, support, members.Admin)
	b := w.as(t, support)
	of := id.Format(id.Organization, w.liveOak)
	for _, page := range []string{"/settings/organization", keysPath + "/new", "/settings/developers/webhooks/new"} {
		b.get(t, page).has(t, 200, `<input type="hidden" name="organization" value="`+of+`">`)
	}
	b.post(t, "/settings/switch", "organization", id.Format(id.Organization, w.palmetto)).leads(t, settings)
	for path, form := range map[string][]string{
		"/settings/organization/members": {"name", "New", "email", "new@example.com", "role", "admin"},
		keysPath:                         {"name", "CRM", "permissions", "read", "once", "a"},
		"/settings/developers/webhooks":  {"url", "https://hooks.example.com/in", "event_types", "permit.status_changed"},
	} {
		b.post(t, path, append(form, "organization", of)...).has(t, 409, "You have switched to Palmetto Builders since that page was opened")
	}
	if n := w.count(t, "select count(*) from audit_log"); n != 0 {
		t.Errorf("%d changes were made", n)
	}
}

// What is no text is refused before it comes to the database.
func TestForm_unreadable(t *testing.T) {
	w := newWorld(t)
	b := w.as(t, owner)
	for _, text := range []string{"\xff", "a\x00b"} {
		const said = "What your browser sent cannot be read."
		escaped := url.QueryEscape(text)
		w.browser(t).signIn(t, text, password).has(t, 400, said)
		b.get(t, eventsPath+"?type="+escaped).has(t, 400, said)
		b.get(t, keysPath+"?cursor="+escaped).has(t, 400, said)
		b.post(t, keysPath, "name", text, "permissions", "read").has(t, 400, said)
		b.post(t, "/settings/organization/members", "name", text, "email", "new@example.com", "role", "admin").has(t, 400, said)
	}
	b.get(t, keysPath+"?state=%zz").has(t, 400)
	if n := w.count(t, "select count(*) from audit_log"); n != 0 {
		t.Errorf("%d changes were made", n)
	}
}

func TestFailure(t *testing.T) {
	w := newWorld(t)
	w.browser(t).get(t, "/settings/nowhere").has(t, 404, "There is no such page.", "Sign in")
	b := w.as(t, owner)
	b.get(t, "/settings/nowhere").has(t, 404, "There is no such page.", "Developer settings")
	b.get(t, "/settings/developers/keys/key_00000000000000000000000000/revoke").has(t, 404)
	b.get(t, "/settings/assets/nothing.css").has(t, 404)
	if err := w.DB.Close(); err != nil {
		t.Fatal(err)
	}
	a := b.get(t, keysPath)
	a.has(t, 500, "Something went wrong on our side.")
	a.lacks(t, "sql", "closed")
	w.browser(t).signIn(t, owner, password).has(t, 500, "Something went wrong on our side.")
}
