package portal

import (
	"crypto/sha256"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/problem"
)

// attemptsPerMinute are those to sign in from one address, and to one account.
const attemptsPerMinute = 10

func (p *portal) signInForm(v *visit) error {
	to := v.r.URL.Query().Get("to")
	if v.Email != "" {
		return v.redirect(ours(to)) // from another window
	}
	return p.show(v, "sign-in", view{Title: "Sign in", Form: url.Values{"to": {to}}})
}

func (p *portal) signIn(v *visit) error {
	page, since := view{Title: "Sign in"}, p.Now()
	email, password := v.r.PostFormValue("email"), v.r.PostFormValue("password")
	if err := p.throttle(v, email); err != nil {
		return p.again(v, err, "sign-in", page)
	}
	email, err := p.Accounts.SignIn(v.ctx(), email, password)
	if err != nil {
		return p.again(v, err, "sign-in", page)
	}
	return p.enter(v, entry{email: email, since: since, to: ours(v.r.PostFormValue("to"))})
}

// throttle counts an attempt to sign in to an account.
func (p *portal) throttle(v *visit, email string) error {
	if err := p.throttleAddress(v); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(strings.ToLower(strings.TrimSpace(email)))) // which may be of any length
	return p.attempt(v, "account "+string(sum[:]))
}

// throttleAddress counts an attempt from where the visitor is: an IPv4 address, or an IPv6 network of the size that one gets.
func (p *portal) throttleAddress(v *visit) error {
	host, _, _ := net.SplitHostPort(v.r.RemoteAddr)
	if a, err := netip.ParseAddr(host); err == nil && a.Unmap().Is6() {
		if network, err := a.WithZone("").Prefix(64); err == nil {
			host = network.String()
		}
	}
	return p.attempt(v, "address "+host)
}

func (p *portal) attempt(v *visit, name string) error {
	if r := p.attempts.Take(v.ctx(), name, attemptsPerMinute); !r.Allowed {
		return &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", Message: "Too many attempts to sign in. Wait a minute and try again.", RetryAfter: r.RetryAfter}
	}
	return nil
}

// ours returns a path of the settings, and their beginning for everything else (CWE-601).
func ours(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(path.Clean(u.Path), "/settings/") || strings.Contains(to, `\`) {
		return "/settings/developers"
	}
	return to
}

// entry is somebody who comes in.
type entry struct {
	email  string
	since  time.Time // before what let them in was looked at: a password that is set meanwhile ends the session
	byLink bool
	to     string
}

// enter begins a session, under a new token so that one that somebody else knows is worth nothing (CWE-384).
func (p *portal) enter(v *visit, e entry) error {
	ctx := v.ctx()
	if err := p.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := p.sessions.RenewToken(ctx); err != nil {
		return err
	}
	p.sessions.Put(ctx, sessionEmail, e.email)
	p.sessions.Put(ctx, sessionSince, e.since.UnixMicro())
	p.sessions.Put(ctx, sessionByLink, e.byLink)
	return v.redirect(e.to)
}

func (p *portal) signOut(v *visit) error {
	if err := p.sessions.Destroy(v.ctx()); err != nil {
		return err
	}
	return v.redirect("/settings/sign-in")
}

// linkForm asks before a link is used: mail programs open links by themselves.
func (p *portal) linkForm(v *visit) error {
	if err := p.throttleAddress(v); err != nil {
		return err
	}
	email, err := p.Accounts.Open(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	return p.show(v, "link", view{Title: "Sign in", Body: email})
}

func (p *portal) useLink(v *visit) error {
	if err := p.throttleAddress(v); err != nil {
		return err
	}
	since := p.Now()
	email, err := p.Accounts.Use(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	known, err := p.Accounts.HasPassword(v.ctx(), email)
	if err != nil {
		return err
	}
	to := "/settings/developers"
	if !known {
		to = "/settings/password"
	}
	return p.enter(v, entry{email: email, since: since, byLink: true, to: to})
}

// passwordPage says whether the old password is asked for: of those who came in by it, so that a browser that is left alone does
// not give the account away.
type passwordPage struct{ Asks bool }

func (p *portal) passwordForm(v *visit) error {
	asks := !p.sessions.GetBool(v.ctx(), sessionByLink)
	return p.show(v, "password", view{Title: "Password", Body: passwordPage{asks}})
}

func (p *portal) setPassword(v *visit) error {
	asks := !p.sessions.GetBool(v.ctx(), sessionByLink)
	page := view{Title: "Password", Body: passwordPage{asks}}
	if asks {
		if err := p.checkPassword(v); err != nil {
			return p.again(v, err, "password", page)
		}
	}
	if err := p.Accounts.SetPassword(v.ctx(), v.Email, v.r.PostFormValue("password")); err != nil {
		return p.again(v, err, "password", page)
	}
	p.sessions.Put(v.ctx(), sessionSince, p.Now().UnixMicro()) // every other session is over
	p.sessions.Put(v.ctx(), sessionByLink, false)
	if err := p.sessions.RenewToken(v.ctx()); err != nil {
		return err
	}
	return p.done(v, "/settings/developers", "Your password is set. It ended your other sessions.")
}

// checkPassword holds the old password against the account.
func (p *portal) checkPassword(v *visit) error {
	if err := p.throttle(v, v.Email); err != nil {
		return err
	}
	_, err := p.Accounts.SignIn(v.ctx(), v.Email, v.r.PostFormValue("current"))
	var found *problem.Error
	if errors.As(err, &found) && found.Kind == problem.Unauthenticated {
		return problem.Body(problem.Detail{Pointer: "/current", Code: "wrong_password", Message: "is not the password that you have now"})
	}
	return err
}

func (p *portal) switchOrganization(v *visit) error {
	for _, m := range v.Memberships {
		if id.Format(id.Organization, m.OrganizationID) == v.r.PostFormValue("organization") {
			p.sessions.Put(v.ctx(), sessionOrganization, m.OrganizationID.String())
			return v.redirect("/settings/developers")
		}
	}
	return &problem.Error{Kind: problem.NotFound, Code: "not_found", Message: http.StatusText(http.StatusNotFound)}
}
