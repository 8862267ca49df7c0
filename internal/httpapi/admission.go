package httpapi

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
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
	caller, err := s.recognize(c, bearer(c.Request()))
	if caller.KeyID != uuid.Nil {
		c.Set(callerKey, caller)
	}
	if err != nil {
		return nil, s.limitStranger(c, err)
	}
	c.Set(admittedKey, true)
	result := s.limits.Organizations.Take(c.Request().Context(), caller.OrganizationID.String(), caller.RequestsPerMinute)
	s.tellLimit(c, "organization", result)
	if !result.Allowed {
		return nil, rateLimited("This organization may send", result)
	}
	return s.inFlight.Enter(caller.OrganizationID)
}

const (
	searches = 4 // of keys at once, so that nobody makes the database search for what does not exist without end
	spare    = 1 // of them for addresses that used their limit up: a good key may be among what they send
)

// recognize returns who the key belongs to. Keys that are known to be good are not held up by others.
func (s *server) recognize(c echo.Context, key string) (identity.Identity, error) {
	ctx := c.Request().Context()
	if s.keys.NeedsSearch(key) {
		done, err := s.search(c)
		if err != nil {
			return identity.Identity{}, err
		}
		defer done()
	}
	caller, err := s.keys.Authenticate(ctx, key, address(c))
	var missing *problem.Error
	if errors.As(err, &missing) && missing.Code == "missing_api_key" {
		told := *missing
		told.Message += " " + seen(c.Request())
		err = &told
	}
	return caller, err
}

// seen says where a request without an API key carries something else, or has the key in another place.
func seen(r *http.Request) string {
	query := r.URL.Query()
	switch authorization := r.Header.Get("Authorization"); {
	case strings.HasPrefix(authorization, "pw_"):
		return "The Authorization header lacks the word Bearer before the key."
	case authorization != "":
		return "The Authorization header does not say Bearer and a key."
	case r.Header.Get("X-API-Key") != "":
		return "X-API-Key is not read: send the key as Authorization."
	case query.Has("api_key"), query.Has("key"), query.Has("access_token"):
		return "Keys in the URL are not read, since logs keep those: send it as Authorization."
	}
	return "There is no Authorization header."
}

// search waits for its turn to search for a key. An address that used its limit up does not wait.
func (s *server) search(c echo.Context) (done func(), err error) {
	ctx := c.Request().Context()
	name := network(address(c))
	if result := s.addresses.Peek(ctx, name, s.limits.PerAddress); !result.Allowed {
		select {
		case s.spare <- struct{}{}:
			return func() { <-s.spare }, nil
		default:
			return nil, rateLimited(withoutKey, result)
		}
	}
	select {
	case s.searches <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if result := s.addresses.Peek(ctx, name, s.limits.PerAddress); !result.Allowed { // those before used it up
		<-s.searches
		return nil, rateLimited(withoutKey, result)
	}
	return func() { <-s.searches }, nil
}

const withoutKey = "Without a valid API key, this address may send"

// limitStranger counts a request that came without a valid key against the limit of its address. It returns the failure
// to answer with: err, or rate_limited. A failure that is ours is neither counted nor hidden.
func (s *server) limitStranger(c echo.Context, err error) error {
	take := s.addresses.Peek
	var p *problem.Error
	refused := errors.As(err, &p) && p.Kind != problem.Unavailable && p.Kind != problem.TooMany
	if refused {
		take = s.addresses.Take
	}
	result := take(c.Request().Context(), network(address(c)), s.limits.PerAddress)
	s.tellLimit(c, "address", result)
	if refused && !result.Allowed {
		return rateLimited(withoutKey, result)
	}
	return err
}

// bearer returns the API key that a request carries (RFC 6750 §2.1); "" when it carries none.
func bearer(r *http.Request) string {
	scheme, key, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(key)
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
	limit, remaining := strconv.Itoa(r.Limit), strconv.Itoa(r.Remaining)
	header.Set("RateLimit-Policy", `"`+policy+`";q=`+limit+`;w=60`)
	header.Set("RateLimit", `"`+policy+`";r=`+remaining+`;t=`+strconv.FormatInt(seconds(r.ResetAfter), 10))
	header.Set("X-RateLimit-Limit", limit)
	header.Set("X-RateLimit-Remaining", remaining)
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

// strangers lets a request in that no operation is there for, so that it counts against a limit as others do.
func (s *server) strangers(c echo.Context, err error) error {
	var fromEcho *echo.HTTPError
	if !strings.HasPrefix(c.Request().URL.Path, "/v1/") || c.Response().Header().Get("RateLimit") != "" || !errors.As(err, &fromEcho) {
		return err
	}
	known, ok := echoProblem(c, fromEcho)
	if !ok {
		return err
	}
	caller, keyErr := s.recognize(c, bearer(c.Request()))
	if keyErr != nil {
		return s.limitStranger(c, known)
	}
	result := s.limits.Organizations.Take(c.Request().Context(), caller.OrganizationID.String(), caller.RequestsPerMinute)
	if s.tellLimit(c, "organization", result); !result.Allowed {
		return rateLimited("This organization may send", result)
	}
	return known
}

// callerOf returns who sends a request that was let in.
func callerOf(c echo.Context) identity.Identity {
	caller, _ := c.Get(callerKey).(identity.Identity)
	return caller
}
