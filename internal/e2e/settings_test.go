//go:build e2e

package e2e

import (
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

const (
	keysPath = "/settings/developers/keys"
	password = "correct horse battery staple"
)

// TestSettings goes through the settings as the demo organization's owner does, from the link that the server prints. The
// parts follow on each other.
func TestSettings(t *testing.T) {
	t.Parallel()
	other := program.command(t, "org", "create", "Sabal Roofing")
	program.command(t, "org", "add-member", "--organization", other, "--email", "owner@example.com", "--name", "Sabal owner", "--role", "admin")
	b := open(t)
	for _, part := range []struct {
		name string
		do   func(b *tab)
	}{
		{"sign in by link", signInByLink},
		{"sign in by password", signInByPassword},
		{"errors", keyErrors},
		{"keys", keys},
		{"webhooks", webhooks},
		{"records", records},
		{"organization", organization},
		{"switch", switchByKeyboard},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.do(b.in(t)) }) {
			t.FailNow()
		}
	}
}

func signInByLink(b *tab) {
	link := strings.TrimPrefix(program.link, program.url)
	b.visit(link)
	b.shows("This link lets owner@example.com in, once.")
	b.inspect("settings-link")
	b.follow("Continue", "/settings/password")
	b.inspect("settings-password")
	b.fill("New password", password)
	b.follow("Set password", keysPath)
	b.shows("Your password is set.")
	b.inspect("settings-keys")

	b.allow(http.StatusGone, http.StatusNotFound)
	b.visit(link)
	b.shows("link")
	if eval[bool](b, `[...document.querySelectorAll('button')].some((e) => e.textContent === 'Continue')`) {
		b.Error("the link that was used still lets somebody in")
	}
	b.inspect("settings-link-used")
}

func signInByPassword(b *tab) {
	b.visit(keysPath)
	b.press("Demo owner")
	b.inspect("settings-menu")
	b.press("Demo owner") // the pictures took it to a phone and back
	if !eval[bool](b, `document.querySelector('.menu.person').open`) {
		b.press("Demo owner")
	}
	b.follow("Sign out", "/settings/sign-in")
	b.visit(keysPath + "/new")
	b.at("/settings/sign-in")
	b.inspect("settings-sign-in")
	b.allow(http.StatusUnauthorized)
	b.fill("E-mail", "owner@example.com")
	b.fill("Password", "wrong horse battery staple")
	b.press("Sign in")
	b.shows("The e-mail address or the password is wrong.")
	b.inspect("settings-sign-in-wrong")
	if got := eval[string](b, `document.querySelector('[name=email]').value`); got != "owner@example.com" {
		b.Errorf("the address is %q after a wrong password, want it kept", got)
	}
	b.fill("Password", password)
	b.follow("Sign in", keysPath+"/new") // where they were going
}

func keyErrors(b *tab) {
	b.visit(keysPath + "/new")
	b.allow(http.StatusUnprocessableEntity)
	b.fill("Name", "   ")
	b.press("Read")
	b.press("Limits")
	b.fill("Allowed networks", "the office")
	b.press("Create")
	b.shows("Something is missing or wrong")
	for _, name := range []string{"name", "allowed_networks"} {
		field := `document.querySelector('[name=` + name + `]')`
		if !eval[bool](b, field+`.checkVisibility() && `+field+`.getAttribute('aria-invalid') === 'true'`) {
			b.Errorf("%s is not marked as wrong", name)
		}
		if hint := eval[string](b, `document.getElementById(`+field+`.getAttribute('aria-describedby'))?.innerText ?? ''`); !strings.Contains(hint, "must") {
			b.Errorf("%s is described by %q, want what is wrong with it", name, hint)
		}
	}
	b.shows("Choose at least one.")
	b.inspect("settings-key-wrong")
}

func keys(b *tab) {
	b.visit(keysPath)
	b.follow("Create API key", keysPath+"/new")
	b.inspect("settings-key-new")
	b.press("Read") // off
	b.press("Write")
	if !eval[bool](b, `document.querySelector('[value=read]').checked`) {
		b.Error("Write does not tick Read")
	}
	b.fill("Name", "CRM Integration - E2E")
	b.press("Create")
	b.shows("This is the only time")
	b.inspect("settings-key-secret")
	b.press("Copy")
	b.shows("Copied")
	key := b.clipboard()
	if !strings.HasPrefix(key, "pw_live_") {
		b.Fatalf("Copy puts %q into the clipboard, want the key", key)
	}
	curl := eval[string](b, `document.querySelector('figure.code code').textContent`)
	if out, err := exec.Command("bash", "-c", curl+` --silent --show-error --output /dev/null --write-out '%{http_code}'`).CombinedOutput(); err != nil || string(out) != "200" {
		b.Errorf("the command on the page is answered with %s (%v), want 200", out, err)
	}
	b.do("reload", chromedp.Reload()) // which sends the form again
	b.at(keysPath)
	b.shows("That form was sent before, so nothing was done again.")
	if n := eval[int](b, `[...document.querySelectorAll('tbody th')].filter((e) => e.innerText.trim() === 'CRM Integration - E2E').length`); n != 1 {
		b.Errorf("there are %d keys of that name, want 1", n)
	}
	if strings.Contains(eval[string](b, `document.documentElement.outerHTML`), key) {
		b.Error("the list shows the key")
	}
	rotated := rotate(b, "CRM Integration - E2E", key)
	revoke(b, "CRM Integration - E2E", rotated)
}

// rotate gives a key a new secret, and returns that.
func rotate(b *tab, name, key string) string {
	b.visit(keysPath)
	asked := chromedp.Events(b.ctx, page.JavascriptDialogOpening)
	go func() {
		for e, err := range asked {
			if err != nil {
				return
			}
			_, _ = chromedp.Call(b.ctx, page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: strings.Contains(e.Message, name)})
			return
		}
	}()
	b.do("rotate", chromedp.Click(row(name, "button")))
	b.shows("The secret before works for another 24 hours.")
	rotated := eval[string](b, `document.querySelector('.secret').dataset.copy`)
	for _, k := range []string{key, rotated} {
		if status, text, err := program.status(b.Context(), "/v1/me", k); err != nil || status != http.StatusOK {
			b.Errorf("after Rotate a secret is answered with %d %s (%v), want 200 for both", status, text, err)
		}
	}
	return rotated
}

// row selects what is in the row of a table that has a name.
func row(name, what string) chromedp.JSPath {
	return chromedp.JSPath(`[...document.querySelectorAll('tbody tr')].find((e) => e.cells[0].innerText.trim() === ` + quote(name) + `)?.querySelector(` + quote(what) + `)`)
}

func revoke(b *tab, name, key string) {
	b.visit(keysPath)
	b.do("ask to revoke it", chromedp.Click(row(name, "a")))
	b.shows("This cannot be undone.")
	b.inspect("settings-key-revoke")
	b.press("Revoke")
	b.shows("is revoked")
	revoked := time.Now()
	for {
		status, text, err := program.status(b.Context(), "/v1/me", key)
		if err != nil || status != http.StatusOK && status != http.StatusUnauthorized {
			b.Fatalf("a revoked key is answered with %d %s (%v)", status, text, err)
		}
		if status == http.StatusUnauthorized {
			return
		}
		if time.Since(revoked) > time.Second {
			b.Fatal("a revoked key works for more than a second")
		}
	}
}

func organization(b *tab) {
	b.visit(keysPath)
	b.follow("Organization", "/settings/organization")
	b.shows("Palmetto Builders")
	b.inspect("settings-organization")
	b.allow(http.StatusConflict, http.StatusUnprocessableEntity)
	b.fill("Name", "Grace Hopper")
	b.fill("E-mail", "owner@example.com")
	b.press("Invite")
	b.until("it says that the member is there already", `document.querySelector('.failed')`)
	b.inspect("settings-invite-wrong")
	b.fill("E-mail", "grace@example.com")
	b.press("Invite")
	b.shows("is a member now")
	b.inspect("settings-invited")
	link := eval[string](b, `document.querySelector('.secret').dataset.copy`)

	guest := open(b.T)
	guest.visit(strings.TrimPrefix(link, program.url))
	guest.shows("grace@example.com")
	guest.follow("Continue", "/settings/password")
	guest.follow("Not now", keysPath)
	guest.shows("API keys")
	if eval[bool](guest, `[...document.querySelectorAll('a, button')].some((e) => /Create|Revoke|Rotate/.test(e.textContent))`) {
		b.Error("a member is offered what takes an admin")
	}
	guest.inspect("settings-keys-member")
	guest.allow(http.StatusForbidden)
	guest.visit(keysPath + "/new")
	guest.shows("This takes an owner or an admin")
	guest.inspect("settings-forbidden")
}

func switchByKeyboard(b *tab) {
	b.visit(keysPath)
	b.keys(kb.Tab)
	if got := eval[string](b, `document.activeElement.textContent`); got != "Skip to the content" {
		b.Errorf("the first thing that Tab leads to is %q, want the way to the content", got)
	}
	b.tabTo("Palmetto Builders")
	b.keys(kb.Enter)
	b.tabTo("Sabal Roofing")
	b.picture("settings-switch-1440-light")
	b.keys(kb.Enter)
	b.until("the other organization is shown", `document.querySelector('.organizations summary')?.innerText.trim() === 'Sabal Roofing'`)
	b.shows("No API keys yet")
	b.inspect("settings-keys-empty")
	b.press("Sabal Roofing")
	b.keys(kb.Escape)
	b.until("Escape closes the menu", `!document.querySelector('.menu[open]')`)
}
