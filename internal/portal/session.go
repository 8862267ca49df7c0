package portal

import (
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/problem"
)

// attemptsPerMinute are those to sign in from one address, and to one account.
const attemptsPerMinute = 10

func (p *portal) signInForm(v *visit) error {
	if v.Email != "" {
		return v.redirect("/settings/developers")
	}
	return p.show(v, "sign-in", view{Title: "Sign in", Form: url.Values{"to": {v.r.URL.Query().Get("to")}}})
}

func (p *portal) signIn(v *visit) error {
	page := view{Title: "Sign in"}
	email, password := v.r.PostFormValue("email"), v.r.PostFormValue("password")
	if err := p.throttle(v, email); err != nil {
		return p.again(v, err, "sign-in", page)
	}
	email, err := p.Accounts.SignIn(v.ctx(), email, password)
	if err != nil {
		return p.again(v, err, "sign-in", page)
	}
	return p.enter(v, email, ours(v.r.PostFormValue("to")))
}

// throttle counts an attempt to sign in.
func (p *portal) throttle(v *visit, email string) error {
	host, _, _ := net.SplitHostPort(v.r.RemoteAddr)
	for _, name := range []string{"address " + host, "account " + strings.ToLower(strings.TrimSpace(email))} {
		if r := p.attempts.Take(v.ctx(), name, attemptsPerMinute); !r.Allowed {
			return &problem.Error{Kind: problem.TooMany, Code: "too_many_attempts", Message: "Too many attempts to sign in. Wait a minute and try again.", RetryAfter: r.RetryAfter}
		}
	}
	return nil
}

// ours returns a path of the settings, and their beginning for everything else.
func ours(to string) string {
	if u, err := url.Parse(to); err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(to, "/settings/") || strings.Contains(to, `\`) {
		return "/settings/developers"
	}
	return to
}

// enter begins a session, under a new token so that one that somebody else knows is worth nothing (CWE-384).
func (p *portal) enter(v *visit, email, to string) error {
	ctx := v.ctx()
	if err := p.sessions.Clear(ctx); err != nil {
		return err
	}
	if err := p.sessions.RenewToken(ctx); err != nil {
		return err
	}
	p.sessions.Put(ctx, sessionEmail, email)
	p.sessions.Put(ctx, sessionSince, p.Now().UnixMicro())
	return v.redirect(to)
}

func (p *portal) signOut(v *visit) error {
	if err := p.sessions.Destroy(v.ctx()); err != nil {
		return err
	}
	return v.redirect("/settings/sign-in")
}

// linkForm asks before a link is used: mail programs open links by themselves.
func (p *portal) linkForm(v *visit) error {
	if err := p.throttle(v, "by link"); err != nil {
		return err
	}
	email, err := p.Accounts.Open(v.ctx(), v.r.PathValue("token"))
	if err != nil {
		return err
	}
	return p.show(v, "link", view{Title: "Sign in", Body: email})
}

func (p *portal) useLink(v *visit) error {
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
	return p.enter(v, email, to)
}

func (p *portal) passwordForm(v *visit) error {
	return p.show(v, "password", view{Title: "Password"})
}

func (p *portal) setPassword(v *visit) error {
	if err := p.Accounts.SetPassword(v.ctx(), v.Email, v.r.PostFormValue("password")); err != nil {
		return p.again(v, err, "password", view{Title: "Password"})
	}
	p.sessions.Put(v.ctx(), sessionSince, p.Now().UnixMicro()) // every other session is over
	if err := p.sessions.RenewToken(v.ctx()); err != nil {
		return err
	}
	return p.done(v, "/settings/developers", "Your password is set. It ended your other sessions.")
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
