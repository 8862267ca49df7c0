package portal

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
)

// tabKeys is the tab of API keys.
const tabKeys = "keys"

const keysPath = "/settings/developers/keys"

// keyPage is a key that has just got its secret, which is shown this once.
type keyPage struct {
	Key     apikeys.Key
	Secret  string
	Curl    string
	Rotated bool
}

// keyList is a page of keys.
type keyList struct {
	Keys    []apikeys.Key
	Revoked bool // with the revoked and the expired ones
	Next    string
}

func (p *portal) keys(v *visit) error {
	query := v.r.URL.Query()
	list := keyList{Revoked: query.Get("state") == "all"}
	state := apikeys.Active
	if list.Revoked {
		state = ""
	}
	found, meta, err := p.Keys.List(v.ctx(), v.organizationID(), state, asked(query))
	if err != nil {
		return err
	}
	list.Keys, list.Next = found, next(v.r.URL, meta)
	return p.show(v, "keys", view{Title: "API keys", Tab: tabKeys, Body: list})
}

// asked returns the page that a query asks for.
func asked(query url.Values) page.Query {
	if cursor := query.Get("cursor"); cursor != "" {
		return page.Query{Cursor: &cursor}
	}
	return page.Query{}
}

// next returns the link to the page after; "" at the end.
func next(u *url.URL, meta page.Meta) string {
	if meta.NextCursor == "" {
		return ""
	}
	query := u.Query()
	query.Set("cursor", meta.NextCursor)
	return u.Path + "?" + query.Encode()
}

func (p *portal) newKey(v *visit) error {
	return p.show(v, "key-new", view{Title: "Create an API key", Tab: tabKeys, Form: url.Values{"permissions": {"read"}}})
}

func (p *portal) createKey(v *visit) error {
	form := view{Title: "Create an API key", Tab: tabKeys}
	k, err := p.keyOf(v.r.PostForm)
	if err != nil {
		return p.again(v, err, "key-new", form)
	}
	k.OrganizationID = v.organizationID()
	var clear string
	err = p.write(v, "createAPIKey", func(ctx context.Context) (err error) {
		if err := p.once(ctx, v); err != nil {
			return err
		}
		k, clear, err = p.Keys.Create(ctx, k)
		return err
	})
	if errors.Is(err, errSent) {
		return p.done(v, keysPath, sentBefore+" If you did not copy the key, revoke it and create another.")
	}
	if err != nil {
		return p.again(v, err, "key-new", form)
	}
	return p.showSecret(v, k, clear, false)
}

// keyOf reads the form of a new key.
func (p *portal) keyOf(form url.Values) (k apikeys.Key, err error) {
	body := map[string]any{"name": strings.TrimSpace(form.Get("name")), "permissions": texts(form["permissions"])}
	k.Name = strings.TrimSpace(form.Get("name"))
	for _, permission := range form["permissions"] {
		k.Permissions = append(k.Permissions, identity.Permission(permission))
	}
	if networks := strings.Fields(strings.ReplaceAll(form.Get("allowed_networks"), ",", " ")); len(networks) > 0 {
		body["allowed_networks"], k.AllowedNetworks = networks, networks
	}
	if text := form.Get("expires_at"); text != "" {
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			return k, problem.Body(problem.Detail{Pointer: "/expires_at", Code: "date", Message: "must be a date, such as 2027-01-31"})
		}
		body["expires_at"], k.ExpiresAt = at.Format(time.RFC3339), &at
	}
	return k, p.check("createAPIKey", body)
}

// texts returns a list that is never null in JSON.
func texts(list []string) []string { return append([]string{}, list...) }

func (p *portal) showSecret(v *visit, k apikeys.Key, clear string, rotated bool) error {
	curl := `curl -H "Authorization: Bearer ` + clear + `" "` + p.PublicURL + `/v1/me"`
	return p.show(v, "key-secret", view{Title: "Copy your API key", Tab: tabKeys, Body: keyPage{Key: k, Secret: clear, Curl: curl, Rotated: rotated}})
}

// keyOfPath returns the key that the path names.
func (p *portal) keyOfPath(v *visit) (apikeys.Key, error) {
	return p.Keys.Get(v.ctx(), v.organizationID(), id.UUID(id.APIKey, v.r.PathValue("id")))
}

func (p *portal) rotateKey(v *visit) error {
	var k apikeys.Key
	var clear string
	err := p.write(v, "rotateAPIKey", func(ctx context.Context) (err error) {
		if err := p.once(ctx, v); err != nil {
			return err
		}
		k, clear, err = p.Keys.Rotate(ctx, v.organizationID(), id.UUID(id.APIKey, v.r.PathValue("id")), 24*time.Hour)
		return err
	})
	if errors.Is(err, errSent) {
		return p.done(v, keysPath, sentBefore+" If you did not copy the new secret, rotate the key once more.")
	}
	if err != nil {
		return err
	}
	return p.showSecret(v, k, clear, true)
}

func (p *portal) confirmRevoke(v *visit) error {
	k, err := p.keyOfPath(v)
	if err != nil {
		return err
	}
	return p.show(v, "key-revoke", view{Title: "Revoke an API key", Tab: tabKeys, Body: k})
}

func (p *portal) revokeKey(v *visit) error {
	k, err := p.keyOfPath(v)
	if err != nil {
		return err
	}
	err = p.write(v, "revokeAPIKey", func(ctx context.Context) error { return p.Keys.Revoke(ctx, v.organizationID(), k.ID, nil) })
	if err != nil {
		return p.again(v, err, "key-revoke", view{Title: "Revoke an API key", Tab: tabKeys, Body: k})
	}
	return p.done(v, keysPath, "“"+k.Name+"” is revoked: requests with it are refused.")
}
