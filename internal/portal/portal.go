// Package portal is the settings of an organization in the browser: API keys, usage, webhooks and what was sent to them, for
// people who sign in. Its forms are held against the specification as requests of the API are, and call the same services.
package portal

import (
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/accounts"
	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/audit"
	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/idempotency"
	"github.com/plotwise/plotwise/internal/members"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/web"
	"github.com/plotwise/plotwise/internal/webhooks"
)

//go:embed templates assets
var files embed.FS

// Options are what a portal needs.
type Options struct {
	DB        *postgres.DB
	PublicURL string // under which browsers reach the server; with https its cookies go over nothing else

	Accounts      *accounts.Service
	Keys          *apikeys.Service
	Members       *members.Service
	Organizations *organizations.Service
	Webhooks      *webhooks.Service
	Deliveries    *deliveries.Service
	EventTypes    []events.Type

	Usage         *usage.Service
	Events        *events.Feed
	Notifications *notifications.Service

	Log   *slog.Logger
	Now   func() time.Time
	NewID func() uuid.UUID
}

// portal serves the pages.
type portal struct {
	Options
	sessions   *scs.SessionManager
	operations map[string]*validation.Operation
	attempts   *ratelimit.Memory // to sign in
	audit      *audit.Log
	sent       *idempotency.Keys             // of forms
	templates  map[string]*template.Template // by the name of the page
	files      map[string]*web.File
}

// How long a session lasts, and how long without a request.
const (
	sessionLifetime = 14 * 24 * time.Hour
	sessionIdle     = 24 * time.Hour
)

// New returns the handler of /settings and everything below it. Requests bring the client's address in RemoteAddr.
func New(o Options) (http.Handler, error) {
	document, err := validation.Served()
	if err != nil {
		return nil, err
	}
	p := &portal{
		Options: o, operations: document.Operations, attempts: ratelimit.NewMemory(o.Now), audit: audit.NewLog(o.Now, o.NewID),
		sent: idempotency.NewKeys(o.Now), files: map[string]*web.File{},
	}
	p.sessions = p.newSessions()
	if err := p.parseTemplates(); err != nil {
		return nil, err
	}
	if err := p.addFiles(); err != nil {
		return nil, err
	}
	guard, err := p.guard()
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	for path, f := range p.files { // which need no session
		mux.Handle("GET "+path, f)
	}
	mux.Handle("/", guard.Handler(p.sessions.LoadAndSave(p.routes())))
	return web.Secured(mux), nil
}

// guard refuses what pages of other origins send (CSRF, CWE-352). A proxy may give requests another Host than browsers see.
func (p *portal) guard() (*http.CrossOriginProtection, error) {
	guard := http.NewCrossOriginProtection()
	u, err := url.Parse(p.PublicURL)
	if err == nil {
		err = guard.AddTrustedOrigin(u.Scheme + "://" + u.Host)
	}
	if err != nil {
		return nil, fmt.Errorf("read the public URL: %w", err)
	}
	guard.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.fail(&visit{w: w, r: r}, problem.New(problem.Forbidden, "cross_origin", "This came from a page of another site, so nothing was done.")) //nolint:contextcheck // the visit has it
	}))
	return guard, nil
}

// store is the part of scs's that is used: with contexts.
type store struct {
	scs.Store // nil
	*accounts.Sessions
}

// newSessions keeps sessions in Postgres, under the hash of the cookie's value.
func (p *portal) newSessions() *scs.SessionManager {
	s := scs.New()
	s.Store, s.HashTokenInStore = store{Sessions: accounts.NewSessions(p.DB, p.Now)}, true
	s.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) { p.fail(&visit{w: w, r: r}, err) }
	s.Lifetime, s.IdleTimeout = sessionLifetime, sessionIdle
	s.Cookie.Name, s.Cookie.Path, s.Cookie.HttpOnly, s.Cookie.SameSite = "plotwise_session", "/settings", true, http.SameSiteLaxMode
	s.Cookie.Secure = strings.HasPrefix(p.PublicURL, "https:")
	return s
}

func (p *portal) routes() *http.ServeMux {
	mux := http.NewServeMux()
	open := func(pattern string, h handler) { mux.Handle(pattern, p.anybody(h)) }
	read := func(pattern string, h handler) { mux.Handle(pattern, p.members(h)) }
	manage := func(pattern string, h handler) { mux.Handle(pattern, p.managers(h)) }

	open("GET /settings/sign-in", p.signInForm)
	open("POST /settings/sign-in", p.signIn)
	open("POST /settings/sign-out", p.signOut)
	open("GET /settings/link/{token}", p.linkForm)
	open("POST /settings/link/{token}", p.useLink)
	read("GET /settings/password", p.passwordForm)
	read("POST /settings/password", p.setPassword)
	read("POST /settings/switch", p.switchOrganization)

	read("GET /settings", p.redirect("/settings/developers"))
	read("GET /settings/{$}", p.redirect("/settings/developers"))
	read("GET /settings/organization", p.organization)
	manage("POST /settings/organization/members", p.invite)

	read("GET /settings/developers", p.redirect("/settings/developers/keys"))
	read("GET /settings/developers/keys", p.keys)
	manage("GET /settings/developers/keys/new", p.newKey)
	manage("POST /settings/developers/keys", p.createKey)
	manage("POST /settings/developers/keys/{id}/rotate", p.rotateKey)
	manage("GET /settings/developers/keys/{id}/revoke", p.confirmRevoke)
	manage("POST /settings/developers/keys/{id}/revoke", p.revokeKey)
	p.usageRoutes(mux)
	p.webhookRoutes(read, manage)
	open("/settings/", p.missing)
	return mux
}

// parseTemplates reads the pages, each of which fills the layout.
func (p *portal) parseTemplates() error {
	shared, err := template.New("").Funcs(p.functions()).ParseFS(files, "templates/layout/*.html")
	if err != nil {
		return fmt.Errorf("read the templates of the settings: %w", err)
	}
	names, err := fs.Glob(files, "templates/*.html")
	if err != nil {
		return err
	}
	p.templates = map[string]*template.Template{}
	for _, name := range names {
		own, err := shared.Clone()
		if err == nil {
			own, err = own.ParseFS(files, name)
		}
		if err != nil {
			return fmt.Errorf("read the templates of the settings: %w", err)
		}
		p.templates[strings.TrimSuffix(strings.TrimPrefix(name, "templates/"), ".html")] = own
	}
	return nil
}

func (p *portal) addFiles() error {
	for path, name := range map[string]string{"logo.svg": "logo.svg", "base.css": "style.css", "copy.js": "copy.js"} {
		p.files["/settings/assets/"+path] = web.NewFile(web.MediaType(name), web.Asset(name))
	}
	return fs.WalkDir(files, "assets", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := files.ReadFile(name)
		p.files["/settings/"+name] = web.NewFile(web.MediaType(name), text)
		return err
	})
}
