package portal

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/plotwise/plotwise/internal/members"
)

// An organization's own people let somebody in to their own organization, and as nobody whom another one trusts.
func TestInvite(t *testing.T) {
	w := newWorld(t)
	invite := func(b *browser, email string) answer {
		return b.post(t, "/settings/organization/members", "name", "New", "email", email, "role", "admin")
	}
	b := w.as(t, owner)
	a := invite(b, "new@example.com")
	a.has(t, 200, "is a member now", w.PublicURL+"/settings/link/")
	if n := w.count(t, "select count(*) from audit_log a join members m on m.id = a.member_id where a.operation = 'addMember' and m.email = $1", owner); n != 1 {
		t.Errorf("%d entries in the audit log, want 1", n)
	}
	_, link, _ := strings.Cut(a.Body, w.PublicURL+"/settings/link/")
	newcomer := w.browser(t)
	newcomer.post(t, "/settings/link/"+link[:26]).leads(t, "/settings/password")
	newcomer.get(t, keysPath).has(t, 200, "new@example.com", "Palmetto Builders")
	w.now = w.now.Add(time.Minute)
	newcomer.post(t, "/settings/password", "password", password).leads(t, settings)

	for _, email := range []string{other, "NEW@example.com", "both@example.com"} {
		stranger := w.as(t, other)
		a := invite(stranger, email)
		a.has(t, 409)
		a.lacks(t, "/settings/link/")
	}
	if n := w.count(t, "select count(*) from members where organization_id = $1", w.liveOak); n != 2 {
		t.Errorf("%d members, want 2", n)
	}
	newcomer.get(t, keysPath).has(t, 200) // and none of this ended anything

	w.exec(t, "delete from members where email = 'new@example.com'") // then another organization trusts that address anew
	old := w.link(t, "new@example.com")
	w.now = w.now.Add(time.Minute)
	invite(w.as(t, other), "new@example.com").has(t, 200, "is a member now")
	newcomer.get(t, keysPath).leads(t, "/settings/sign-in?to=%2Fsettings%2Fdevelopers%2Fkeys")
	w.browser(t).signIn(t, "new@example.com", password).has(t, 401)
	w.browser(t).post(t, "/settings/link/"+old).has(t, 410)
}

// However many people there are, each is on one page.
func TestOrganization_pages(t *testing.T) {
	w := newWorld(t)
	w.exec(t, "update organizations set plan = 'enterprise'")
	for i := range 2 * membersPerPage {
		w.join(t, w.palmetto, "person"+strconv.Itoa(i)+"."+strings.Repeat("&", 200)+"@example.com", members.Plain)
	}
	b, path, seen := w.as(t, member), "/settings/organization", ""
	for range 3 {
		a := b.get(t, path)
		a.has(t, 200)
		seen += a.Body
		_, rest, _ := strings.Cut(a.Body, `<p><a class="button" href="`)
		path, _, _ = strings.Cut(rest, `"`)
	}
	if path != "" {
		t.Errorf("there is a fourth page: %s", path)
	}
	for i := range 2 * membersPerPage {
		if n := strings.Count(seen, ">person"+strconv.Itoa(i)+"."); n != 1 {
			t.Errorf("person %d is shown %d times, want once", i, n)
		}
	}
	for _, number := range []string{"-1", "x", "0"} {
		b.get(t, "/settings/organization?page="+number).has(t, 200, ">"+owner+"<")
	}
	b.get(t, "/settings/organization?page=9223372036854775807").has(t, 200, "Members")
}
