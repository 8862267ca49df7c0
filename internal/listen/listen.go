// Package listen brings an organization's events to a developer's own machine, which no webhook can reach: it reads them
// from the API, signs them as webhooks are signed, and posts them. It is a client, with an API key and no database.
package listen

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/plotwise/plotwise/gen/client"
	"github.com/plotwise/plotwise/internal/outbound"
	"github.com/plotwise/plotwise/internal/signature"
)

// Start says with which event to begin.
type Start int

// The starts.
const (
	Resume     Start = iota // after the last one that was forwarded; the first time, with the next one that happens
	FromOldest              // of those that the API keeps
	FromNow                 // with the next one that happens
)

// DefaultBaseURL is where the API is, unless Options say otherwise.
const DefaultBaseURL = "https://api.plotwise.us"

// Options are what a Listener needs. Errors call them by the flags of the command line.
type Options struct {
	BaseURL     string // of the API; "" is DefaultBaseURL
	APIKey      string // with the read permission, and with admin for tests and retries
	ForwardTo   string // http:// is added where it has no scheme
	Types       []string
	Secret      string // as the API takes it for a webhook; "" has one made
	Start       Start
	CursorFile  string // "" is one of the user's cache directory
	PrintBodies bool

	Out   io.Writer // a line for each event
	Notes io.Writer // all else that a person should know

	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration) error // returns when it is over, or with the context's error
	Random func() float64
}

// Listener forwards events.
type Listener struct {
	options Options
	api     *api
	target  *outbound.Client
	secret  signature.Secret
	print   *printer
	cursor  *cursor
	types   []client.EventType

	forwarded, failed int
}

// New returns a Listener, or an error that names each flag with a wrong value, though not the value: it may be the key.
func New(o Options) (*Listener, error) {
	o.BaseURL = strings.TrimRight(cmp.Or(o.BaseURL, DefaultBaseURL), "/")
	if !strings.Contains(o.ForwardTo, "://") {
		o.ForwardTo = "http://" + o.ForwardTo
	}
	o.Types = slices.Compact(slices.Sorted(slices.Values(o.Types)))
	l := &Listener{options: o, print: &printer{out: o.Out, notes: o.Notes, now: o.Now}}
	l.target = outbound.NewClient(everywhere, timeout, nil, o.Now)
	var wrong []error
	if d := outbound.CheckURL(o.ForwardTo, everywhere); d != nil {
		wrong = append(wrong, fmt.Errorf("--forward-to: %s, such as http://localhost:3000/hook", d.Message))
	}
	if !isBaseURL(o.BaseURL) {
		wrong = append(wrong, fmt.Errorf("--base-url: must be a URL such as %s", DefaultBaseURL))
	}
	if o.APIKey == "" {
		wrong = append(wrong, errors.New("there is no API key: set PLOTWISE_API_KEY or --api-key"))
	} else if strings.ContainsFunc(o.APIKey, func(r rune) bool { return r <= ' ' || r > '~' }) {
		wrong = append(wrong, errors.New("--api-key: must be an API key, without spaces"))
	}
	for _, t := range o.Types {
		if !client.EventType(t).Valid() {
			wrong = append(wrong, fmt.Errorf("--events: %q is none of %s", t, strings.Join(EventTypes(), ", ")))
		}
		l.types = append(l.types, client.EventType(t))
	}
	l.secret = signature.NewSecret()
	if o.Secret != "" {
		var err error
		if l.secret, err = signature.ParseSecret(o.Secret); err != nil {
			wrong = append(wrong, fmt.Errorf("--secret: %w", err))
		}
	}
	l.api = newAPI(o, l.print.note)
	return l, errors.Join(wrong...)
}

// EventTypes returns the types that Options may name.
func EventTypes() []string {
	var names []string
	for _, t := range []client.EventType{
		client.EventTypePermitStatusChanged, client.EventTypePermitFeeChanged, client.EventTypePermitInspectionScheduled,
		client.EventTypePermitAddedToWatchlist, client.EventTypePermitRemovedFromWatchlist,
	} {
		names = append(names, string(t))
	}
	return names
}

// everywhere lets a developer forward to any address, at any port and without TLS: it is their own machine that calls.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func isBaseURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Hostname() != "" && u.User == nil && !strings.ContainsAny(text, "?#")
}

// Run forwards until the context ends, which lets a post that is under way finish and is no error. Whatever the API cannot
// answer now it waits for; it returns an error when the API refuses, and when the cursor cannot be kept.
func (l *Listener) Run(ctx context.Context) error {
	defer l.target.Close()
	err := l.run(ctx)
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

func (l *Listener) run(ctx context.Context) error {
	me, at, err := l.api.me(ctx)
	if err != nil {
		return err
	}
	o := me.Organization
	if l.cursor, err = openCursor(l.options.CursorFile, position{BaseURL: l.options.BaseURL, OrganizationID: o.ID, ForwardTo: l.options.ForwardTo}); err != nil {
		return err
	}
	var requests *requests
	if slices.Contains(me.APIKey.Permissions, client.PermissionAdmin) {
		if requests, err = newRequests(ctx, l.api, at); err != nil {
			return err
		}
	}
	after, where, err := l.begin(ctx)
	if err != nil {
		return err
	}
	l.announce(o.Name, where, requests != nil)
	messages := make(chan message)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return l.readFeed(ctx, after, messages) })
	if requests != nil {
		group.Go(func() error { return l.readRequests(ctx, requests, messages) })
	}
	group.Go(func() error { return l.forwardAll(ctx, messages) })
	err = group.Wait()
	l.summarize()
	return err
}

func (l *Listener) announce(organization, where string, byHand bool) {
	events := "Events"
	if len(l.types) > 0 {
		events = fmt.Sprintf("Events (%s)", strings.Join(l.options.Types, ", "))
	}
	l.print.line("%s of %s at %s go to %s.", events, printable(organization), l.options.BaseURL, l.options.ForwardTo)
	l.print.line("Signing secret: %s", l.secret.String())
	l.print.line("%s", where)
	if byHand {
		l.print.line("Test events and retries are forwarded too.")
	} else {
		l.print.line("Test events and retries are not forwarded: that takes a key with the admin permission.")
	}
	l.print.line("")
}

func (l *Listener) summarize() {
	where := ""
	if l.cursor.found {
		where = fmt.Sprintf(" The next run goes on after event %d.", l.cursor.After)
	}
	l.print.line("%d forwarded, %d failed.%s", l.forwarded, l.failed, where)
}

// isRefusal reports whether the API refused with that status.
func isRefusal(err error, status int) bool {
	var r refusal
	return errors.As(err, &r) && r.status == status
}

// isBeyond reports whether the API has no event of that number yet.
func isBeyond(err error) bool {
	var r refusal
	return errors.As(err, &r) && r.status == http.StatusBadRequest && r.code == "invalid_parameter"
}

// isExpired reports whether the API has deleted what comes after the cursor.
func isExpired(err error) bool { return isRefusal(err, http.StatusGone) }
