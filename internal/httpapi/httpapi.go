// Package httpapi serves the API: one http.Handler out of every resource's handlers, with what stands around them.
package httpapi

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"github.com/plotwise/plotwise/gen/api"
	"github.com/plotwise/plotwise/internal/apikeys"
	"github.com/plotwise/plotwise/internal/audit"
	"github.com/plotwise/plotwise/internal/conditions"
	"github.com/plotwise/plotwise/internal/contacts"
	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/idempotency"
	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/inflight"
	"github.com/plotwise/plotwise/internal/jurisdictions"
	"github.com/plotwise/plotwise/internal/notes"
	"github.com/plotwise/plotwise/internal/notifications"
	"github.com/plotwise/plotwise/internal/organizations"
	"github.com/plotwise/plotwise/internal/permits"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/ratelimit"
	"github.com/plotwise/plotwise/internal/secret"
	"github.com/plotwise/plotwise/internal/usage"
	"github.com/plotwise/plotwise/internal/validation"
	"github.com/plotwise/plotwise/internal/watchlist"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// Options says how to serve.
type Options struct {
	DB                *postgres.DB
	Keys              *postgres.DB // a pool of its own for looking keys up; nil: DB
	Log               *slog.Logger
	Metrics           *Metrics
	PublicURL         string // without a slash at the end
	ValidateResponses string // enforce, report or off
	Engine            validation.Engine
	Docs              http.Handler
	Portal            http.Handler // the settings in the browser
	Limits            Limits
	Box               *secret.Box    // that secrets are encrypted in
	AllowNets         []netip.Prefix // where webhooks may be at any port and without TLS
	Outbox            *events.Outbox
	Hub               *events.Hub
	Meter             *usage.Meter       // nil: requests are not counted
	Caller            *identity.Identity // of every request, for measurements: no key is asked for and no limit holds; nil in service
	TestWait          time.Duration      // how long a test event may take
	ExportTimeout     time.Duration      // how long a client may take for one page of an export; 0 for 30 s
	Now               func() time.Time
	NewID             func() uuid.UUID
}

// handlers embeds the handlers of every resource: an operation that none of them has does not compile.
type handlers struct {
	permits.Handlers
	jurisdictionHandlers
	organizationHandlers
	watchlistHandlers
	noteHandlers
	conditionHandlers
	contactHandlers
	keyHandlers
	usageHandlers
	eventHandlers
	webhookHandlers
	deliveryHandlers
	notificationHandlers
}

// Embedded structs need names of their own.
type (
	jurisdictionHandlers struct{ jurisdictions.Handlers }
	organizationHandlers struct{ organizations.Handlers }
	watchlistHandlers    struct{ watchlist.Handlers }
	noteHandlers         struct{ notes.Handlers }
	conditionHandlers    struct{ conditions.Handlers }
	contactHandlers      struct{ contacts.Handlers }
	keyHandlers          struct{ apikeys.Handlers }
	usageHandlers        struct{ usage.Handlers }
	eventHandlers        struct{ events.Handlers }
	webhookHandlers      struct{ webhooks.Handlers }
	deliveryHandlers     struct{ deliveries.Handlers }
	notificationHandlers struct{ notifications.Handlers }
)

var _ api.StrictServerInterface = handlers{}

type server struct {
	db                *postgres.DB
	log               *slog.Logger
	metrics           *Metrics
	keys              *apikeys.Service
	limits            Limits
	addresses         *ratelimit.Memory
	searches, spare   chan struct{} // a place for each search for a key
	inFlight          *inflight.Gate
	meter             *usage.Meter
	caller            *identity.Identity
	idempotency       *idempotency.Keys
	audit             *audit.Log
	publicURL         string
	validateResponses string
	now               func() time.Time
	buffers           sync.Pool // of answers that were sent
}

// New returns the handler of everything that the API address serves.
func New(o Options) (http.Handler, error) {
	e, err := newEcho(o)
	if err != nil {
		return nil, err
	}
	return head(e), nil
}

func newEcho(o Options) (*echo.Echo, error) {
	document, err := validation.Served()
	if err == nil {
		err = document.Prepare(o.Engine)
	}
	if err != nil {
		return nil, err
	}
	s := &server{
		db: o.DB, log: o.Log, metrics: o.Metrics, keys: apikeys.NewService(o.DB, o.Now, o.NewID),
		idempotency: idempotency.NewKeys(o.Now), audit: audit.NewLog(o.Now, o.NewID),
		limits: o.Limits, addresses: ratelimit.NewMemory(o.Now), inFlight: inflight.NewGate(o.Limits.InFlight), searches: make(chan struct{}, searches), spare: make(chan struct{}, spare), meter: o.Meter, caller: o.Caller,
		publicURL: o.PublicURL, validateResponses: o.ValidateResponses, now: o.Now,
	}
	if o.Keys != nil {
		s.keys.LookUpOn(o.Keys)
	}
	e := echo.New()
	e.HTTPErrorHandler, e.IPExtractor = s.handleError, addressOf(o.Limits.TrustedProxies)
	e.Use(s.requestID, s.observe, s.recover, allowHead, middleware.CORSWithConfig(cors))
	e.GET("/healthz", s.healthz)
	e.GET("/readyz", s.readyz)
	e.GET("/", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs") })
	e.GET("/llms.txt", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs/llms.txt") })
	e.GET("/favicon.ico", func(c echo.Context) error { return c.Redirect(http.StatusFound, "/docs/assets/logo.svg") })
	e.GET("/robots.txt", func(c echo.Context) error { return c.String(http.StatusOK, robots) })
	e.Any("/docs", echo.WrapHandler(o.Docs))
	e.Any("/docs/*", echo.WrapHandler(o.Docs))
	e.Any("/settings", fromClient(o.Portal))
	e.Any("/settings/*", fromClient(o.Portal))
	middlewares, routes := map[string][]echo.MiddlewareFunc{}, map[string]usage.Route{}
	for id, op := range document.Operations {
		middlewares[id], routes[id] = []echo.MiddlewareFunc{s.operation(op.Using(o.Engine))}, usage.Route{Method: op.Method, Path: op.Path}
	}
	h := newHandlers(o, s.permitCheck(document))
	h.keyHandlers = keyHandlers{apikeys.Handlers{Keys: s.keys, Now: o.Now}}
	h.usageHandlers = usageHandlers{usage.Handlers{Usage: usage.NewService(o.DB, o.Now), Routes: routes}}
	if h.Types, err = EventTypes(); err != nil {
		return nil, err
	}
	h.deliveryHandlers = deliveryHandlers{deliveries.Handlers{Deliveries: deliveries.NewService(o.DB, o.Outbox, o.Hub, h.Types, o.TestWait, o.Now)}}
	api.RegisterHandlersWithOptions(e, api.NewStrictHandler(h, nil), api.RegisterHandlersOptions{OperationMiddlewares: middlewares})
	return e, nil
}

// robots lets search engines read the documentation and nothing else.
const robots = "User-agent: *\nAllow: /docs\nAllow: /llms.txt\nDisallow: /\n"

// fromClient hands requests on with the client's address, which proxies may have told, as the one they come from.
func fromClient(next http.Handler) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request().Clone(c.Request().Context())
		r.RemoteAddr = net.JoinHostPort(c.RealIP(), "0")
		next.ServeHTTP(c.Response(), r)
		return nil
	}
}

func newHandlers(o Options, check func(permit []byte) error) handlers {
	found := contacts.NewService(o.DB, o.NewID)
	return handlers{
		Handlers:             permits.Handlers{Permits: permits.NewService(o.DB), Check: check, Now: o.Now, Timeout: cmp.Or(o.ExportTimeout, 30*time.Second)},
		jurisdictionHandlers: jurisdictionHandlers{jurisdictions.Handlers{Jurisdictions: jurisdictions.NewService(o.DB, o.NewID)}},
		organizationHandlers: organizationHandlers{organizations.Handlers{Organizations: organizations.NewService(o.DB, o.Now, o.NewID)}},
		watchlistHandlers:    watchlistHandlers{watchlist.Handlers{Watchlist: watchlist.NewService(o.DB, found.Track, o.Outbox, o.Now)}},
		noteHandlers:         noteHandlers{notes.Handlers{Notes: notes.NewService(o.DB, o.Now, o.NewID)}},
		conditionHandlers:    conditionHandlers{conditions.Handlers{Conditions: conditions.NewService(o.DB, found.Track, o.Now, o.NewID)}},
		contactHandlers:      contactHandlers{contacts.Handlers{Contacts: found}},
		webhookHandlers:      webhookHandlers{webhooks.Handlers{Webhooks: webhooks.NewService(o.DB, o.Box, o.AllowNets, o.Now, o.NewID)}},
		notificationHandlers: notificationHandlers{notifications.Handlers{Notifications: notifications.NewService(o.DB, o.PublicURL, o.Now, o.NewID)}},
		eventHandlers:        eventHandlers{events.Handlers{Feed: events.NewFeed(o.DB, o.Hub, o.Now)}},
	}
}

// EventTypes returns the types of events that the specification describes.
func EventTypes() ([]events.Type, error) {
	document, err := validation.Served()
	if err != nil {
		return nil, err
	}
	types := make([]events.Type, len(document.Webhooks))
	for i, w := range document.Webhooks {
		types[i] = events.Type{Name: w.Name, Description: w.Description, Example: w.Example}
		if err := json.Unmarshal(w.Body.Text, &types[i].Schema); err != nil {
			return nil, fmt.Errorf("read the schema of %s: %w", w.Name, err)
		}
	}
	return types, nil
}

// cors lets pages of any origin call the API with a key, and read its headers (Fetch standard §3.2).
var cors = middleware.CORSConfig{
	AllowOrigins:  []string{"*"},
	AllowMethods:  []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPatch, http.MethodDelete},
	AllowHeaders:  []string{"Authorization", "Content-Type", "Idempotency-Key", "If-Match", "If-None-Match"},
	ExposeHeaders: []string{"ETag", "Link", "Location", "Content-Disposition", "X-Request-Id", "Retry-After", "RateLimit-Policy", "RateLimit", "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Idempotency-Replayed", "WWW-Authenticate"},
	MaxAge:        86400,
}

// allowHead names HEAD in what answers to OPTIONS allow, as 405 does.
func allowHead(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if c.Request().Method == http.MethodOptions {
			c.Response().Before(func() {
				header := c.Response().Header()
				if methods := header.Get("Allow"); methods != "" {
					header.Set("Allow", withHead(methods))
				}
			})
		}
		return next(c)
	}
}

// head serves HEAD as GET: net/http leaves the body out, and the headers are those of the GET (RFC 9110 §9.3.2).
func head(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			get := *r
			get.Method = http.MethodGet
			r = &get
		}
		next.ServeHTTP(w, r)
	})
}

// public returns the URL under which the caller made the request.
func (s *server) public(u *url.URL) *url.URL {
	base, err := url.Parse(s.publicURL)
	if err != nil { // checked with the configuration
		panic(err)
	}
	base.Path, base.RawQuery = u.Path, u.RawQuery
	return base
}

// healthz answers while the process runs.
func (s *server) healthz(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]string{"status": "ok"})
}

// readyz answers 200 when requests can be served: the database answers, and its schema is one that this program knows.
func (s *server) readyz(c echo.Context) error {
	ctx, cancel := context.WithTimeout(c.Request().Context(), 2*time.Second)
	defer cancel()
	status, err := ready(ctx, s.db.DB.DB)
	if err != nil {
		s.log.LogAttrs(ctx, slog.LevelWarn, "not ready", slog.Any("error", err))
	}
	code := http.StatusOK
	if status != "ok" {
		code = http.StatusServiceUnavailable
	}
	return c.JSON(code, map[string]string{"status": status})
}

func ready(ctx context.Context, db *sql.DB) (string, error) {
	current, newest, err := postgres.Versions(ctx, db)
	switch {
	case err != nil:
		return "the database does not answer", err
	case current < newest:
		return "the database's schema is older than this program: run plotwise migrate", nil
	}
	return "ok", nil
}
