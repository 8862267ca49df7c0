package httpapi

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"github.com/plotwise/plotwise/internal/identity"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/ratelimit"
)

// Limits says how many requests are let in.
type Limits struct {
	Organizations  ratelimit.Limiter // by organization
	PerAddress     int               // requests a minute without a valid API key, by /24 (IPv4) or /64 (IPv6)
	InFlight       int               // requests of one organization at once, in this process
	TrustedProxies []netip.Prefix    // that may say in X-Forwarded-For whom they forward for
}

// admit lets a request in, before anything else is done with it: it says who sends it, as far as the API key exists also
// of one that is refused, and counts it against a limit, which the answer's headers tell. Whoever was let in has to leave.
func (s *server) admit(c echo.Context) (leave func(), err error) {
	if s.caller != nil {
		c.Set(callerKey, *s.caller)
		return func() {}, nil
	}
	ctx, key := c.Request().Context(), bearer(c.Request())
	if !s.keys.Remembers(key) { // who has no good key may not make the database search for it without end
		if err := s.limitAddress(c, s.addresses.Peek); err != nil {
			return nil, err
		}
	}
	caller, err := s.keys.Authenticate(ctx, key, address(c))
	if caller.KeyID != uuid.Nil {
		c.Set(callerKey, caller)
	}
	var refused *problem.Error
	switch {
	case errors.As(err, &refused) && refused.Kind != problem.Unavailable:
		return nil, errors.Join(s.limitAddress(c, s.addresses.Take), err)
	case err != nil:
		return nil, errors.Join(err, s.limitAddress(c, s.addresses.Peek))
	}
	result := s.limits.Organizations.Take(ctx, caller.OrganizationID.String(), caller.RequestsPerMinute)
	s.tellLimit(c, "organization", result)
	if !result.Allowed {
		return nil, rateLimited("This organization may send", result)
	}
	return s.inFlight.enter(caller.OrganizationID)
}

// bearer returns the API key that a request carries (RFC 6750 §2.1); "" when it carries none.
func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
}

// limitAddress counts a request that no valid key came with, or only looks, as take says. It returns rate_limited.
func (s *server) limitAddress(c echo.Context, take func(ctx context.Context, name string, perMinute int) ratelimit.Result) error {
	result := take(c.Request().Context(), network(address(c)), s.limits.PerAddress)
	s.tellLimit(c, "address", result)
	if !result.Allowed {
		return rateLimited("Without a valid API key, this address may send", result)
	}
	return nil
}

// network returns the network that an address is limited with.
func network(a netip.Addr) string {
	bits := 64
	if a = a.Unmap(); a.Is4() {
		bits = 24
	}
	prefix, err := a.Prefix(bits)
	if err != nil { // there is no address on a Unix socket
		return "local"
	}
	return prefix.String()
}

// address returns where a request comes from; the zero Addr when it cannot be told.
func address(c echo.Context) netip.Addr {
	a, _ := netip.ParseAddr(c.RealIP())
	return a
}

// addressOf returns what tells where a request comes from: the peer, or what trusted proxies say of whom they forward for.
func addressOf(proxies []netip.Prefix) echo.IPExtractor {
	if len(proxies) == 0 {
		return echo.ExtractIPDirect()
	}
	options := []echo.TrustOption{echo.TrustLoopback(false), echo.TrustLinkLocal(false), echo.TrustPrivateNet(false)}
	for _, p := range proxies {
		options = append(options, echo.TrustIPRange(&net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}))
	}
	return echo.ExtractIPFromXFFHeader(options...)
}

// tellLimit writes the state of a limit into the answer's headers: those of draft-ietf-httpapi-ratelimit-headers, and the
// three that came before it.
func (s *server) tellLimit(c echo.Context, policy string, r ratelimit.Result) {
	header := c.Response().Header()
	header.Set("RateLimit-Policy", fmt.Sprintf(`%q;q=%d;w=60`, policy, r.Limit))
	header.Set("RateLimit", fmt.Sprintf(`%q;r=%d;t=%d`, policy, r.Remaining, seconds(r.ResetAfter)))
	header.Set("X-RateLimit-Limit", strconv.Itoa(r.Limit))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(r.Remaining))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(seconds(time.Duration(s.now().UnixNano())+r.ResetAfter), 10))
}

// seconds rounds up: a client that waits so long has waited long enough.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

func rateLimited(who string, r ratelimit.Result) error {
	wait := max(1, seconds(r.RetryAfter))
	unit := "seconds"
	if wait == 1 {
		unit = "second"
	}
	p := problem.New(problem.TooMany, "rate_limited", fmt.Sprintf("%s %d requests a minute; send this one again in %d %s.", who, r.Limit, wait, unit))
	p.RetryAfter = r.RetryAfter
	return p
}

// gate counts the requests of each organization that are under way.
type gate struct {
	most  int
	mu    sync.Mutex
	count map[uuid.UUID]int
}

func newGate(most int) *gate { return &gate{most: most, count: map[uuid.UUID]int{}} }

// enter lets a request in, or returns too_many_in_flight.
func (g *gate) enter(organization uuid.UUID) (leave func(), err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count[organization] >= g.most {
		p := problem.New(problem.TooMany, "too_many_in_flight",
			fmt.Sprintf("%d requests of this organization are under way; send this one again when one of them is answered.", g.most))
		p.RetryAfter = time.Second
		return nil, p
	}
	g.count[organization]++
	return func() { g.leave(organization) }, nil
}

func (g *gate) leave(organization uuid.UUID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.count[organization]--; g.count[organization] == 0 {
		delete(g.count, organization)
	}
}

// strangers counts requests that no operation is there for against the limit of their address: nobody asked for a key.
func (s *server) strangers(c echo.Context, err error) error {
	if !strings.HasPrefix(c.Request().URL.Path, "/v1/") || c.Response().Header().Get("RateLimit") != "" {
		return err
	}
	return errors.Join(s.limitAddress(c, s.addresses.Take), err)
}

// callerOf returns who sends a request that was let in.
func callerOf(c echo.Context) identity.Identity {
	caller, _ := c.Get(callerKey).(identity.Identity)
	return caller
}
