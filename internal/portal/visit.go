package portal

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/accounts"
	"github.com/plotwise/plotwise/internal/audit"
	"github.com/plotwise/plotwise/internal/postgres"
	"github.com/plotwise/plotwise/internal/problem"
)

// visit is one request of somebody, and what its page shows of them.
type visit struct {
	w http.ResponseWriter
	r *http.Request

	loaded bool // the session is there

	Email       string // "" of nobody
	Memberships []accounts.Membership
	Current     accounts.Membership // of the organization that is looked at
	Unread      int                 // notifications, for those who manage
}

// handler answers a request, or returns why not.
type handler func(v *visit) error

// view is what a template gets.
type view struct {
	*visit
	Title  string
	Tab    string // of the navigation
	Flash  string // what was done just now
	Body   any
	Form   url.Values        // as it was filled in
	Failed string            // why the form was not taken
	Errors map[string]string // by field
}

// ctx returns the request's context.
func (v *visit) ctx() context.Context { return v.r.Context() }

// anybody serves those too who have not signed in.
func (p *portal) anybody(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
		w.Header().Set("Cache-Control", "no-store") // secrets may be on it, and others may sit down at the machine
		v := &visit{w: w, r: r, loaded: true}
		err := p.recognize(v) //nolint:contextcheck // the visit has it
		if err == nil {
			err = readForm(r)
		}
		if err == nil {
			err = h(v)
		}
		if err != nil {
			p.fail(v, err) //nolint:contextcheck // the visit has it
		}
	})
}

var errUnreadable = problem.New(problem.Invalid, "malformed_form", "What your browser sent cannot be read.")

// readForm reads the query and the form of a request. It refuses what Postgres keeps in no text.
func readForm(r *http.Request) error {
	if err := r.ParseForm(); err != nil {
		return errUnreadable
	}
	for _, texts := range r.Form {
		for _, text := range texts {
			if !utf8.ValidString(text) || strings.Contains(text, "\x00") {
				return errUnreadable
			}
		}
	}
	return nil
}

// members serves those who have signed in and belong to an organization.
func (p *portal) members(h handler) http.Handler {
	return p.anybody(func(v *visit) error {
		if v.Email == "" {
			to := "/settings/sign-in"
			if v.r.Method == http.MethodGet || v.r.Method == http.MethodHead {
				to += "?to=" + url.QueryEscape(v.r.URL.RequestURI())
			}
			return v.redirect(to)
		}
		return h(v)
	})
}

// managers serves owners and admins.
func (p *portal) managers(h handler) http.Handler {
	return p.members(func(v *visit) error {
		if !v.Current.Manages() {
			return problem.New(problem.Forbidden, "role", "This takes an owner or an admin of the organization; you are a member.")
		}
		if err := v.checkOrganization(); err != nil {
			return err
		}
		return h(v)
	})
}

// The values of a session.
const (
	sessionEmail        = "email"
	sessionOrganization = "organization"
	sessionSince        = "since"   // when they signed in
	sessionByLink       = "by_link" // without a password, which they may set without knowing the old one
	sessionFlash        = "flash"
)

// recognize reads from the session who it is. Somebody who is no member any more, or whose password was changed since, is
// nobody.
func (p *portal) recognize(v *visit) error {
	ctx := v.ctx()
	email := p.sessions.GetString(ctx, sessionEmail)
	if email == "" {
		return nil
	}
	found, err := p.Accounts.Memberships(ctx, email)
	if err != nil {
		return err
	}
	changed, err := p.Accounts.Changed(ctx, email)
	if err != nil {
		return err
	}
	if len(found) == 0 || p.sessions.GetInt64(ctx, sessionSince) < changed.UnixMicro() {
		return p.sessions.Destroy(ctx)
	}
	v.Email, v.Memberships, v.Current = email, found, found[0]
	for _, m := range found {
		if m.OrganizationID.String() == p.sessions.GetString(ctx, sessionOrganization) {
			v.Current = m
		}
	}
	return p.unread(v)
}

func (v *visit) redirect(to string) error {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
	return nil
}

func (p *portal) redirect(to string) handler {
	return func(v *visit) error { return v.redirect(to) }
}

// done leads on and says what was done.
func (p *portal) done(v *visit, to, what string) error {
	p.sessions.Put(v.ctx(), sessionFlash, what)
	return v.redirect(to)
}

// show answers with a page.
func (p *portal) show(v *visit, name string, w view) error {
	return p.answer(v, http.StatusOK, name, w)
}

func (p *portal) answer(v *visit, status int, name string, w view) error {
	w.visit = v
	if v.loaded {
		w.Flash = p.sessions.PopString(v.ctx(), sessionFlash)
	}
	if w.Form == nil {
		w.Form = url.Values{}
	}
	var b bytes.Buffer
	if err := p.templates[name].ExecuteTemplate(&b, "page", w); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	h := v.w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	v.w.WriteHeader(status)
	_, _ = b.WriteTo(v.w) // the client may be gone
	return nil
}

// again shows a form once more with what is wrong in it; any other failure is returned.
func (p *portal) again(v *visit, err error, name string, w view) error {
	var found *problem.Error
	if !errors.As(err, &found) || found.Kind == problem.NotFound {
		return err
	}
	w.Form, w.Failed, w.Errors = v.r.PostForm, found.Message, map[string]string{}
	for _, d := range found.Details {
		field, _, _ := strings.Cut(strings.TrimPrefix(d.Pointer, "/"), "/")
		if _, told := w.Errors[field]; !told {
			w.Errors[field] = d.Message
		}
		w.Failed = "Something is missing or wrong: see the fields below."
	}
	v.tellWait(found)
	return p.answer(v, found.Kind.Status(), name, w)
}

// tellWait says when to try again, where that is known (RFC 9110 §10.2.3).
func (v *visit) tellWait(found *problem.Error) {
	if found.RetryAfter > 0 {
		v.w.Header().Set("Retry-After", fmt.Sprint(int(math.Ceil(found.RetryAfter.Seconds()))))
	}
}

// fail shows why a request is refused; what is the server's own fault is logged and not shown.
func (p *portal) fail(v *visit, err error) {
	var found *problem.Error
	if !errors.As(err, &found) {
		p.Log.LogAttrs(v.ctx(), slog.LevelError, "a page of the settings failed", slog.String("page", v.r.Pattern), slog.Any("error", err))
		found = &problem.Error{Message: "Something went wrong on our side. Try again in a moment."}
	}
	v.tellWait(found)
	if err := p.answer(v, found.Kind.Status(), "failure", view{Title: http.StatusText(found.Kind.Status()), Body: found}); err != nil {
		p.Log.LogAttrs(v.ctx(), slog.LevelError, "a failure cannot be shown", slog.Any("error", err))
		http.Error(v.w, found.Message, found.Kind.Status())
	}
}

func (p *portal) missing(*visit) error {
	return problem.New(problem.NotFound, "not_found", "There is no such page.")
}

// check holds a form, as the body of an operation, against the specification.
func (p *portal) check(operation string, body map[string]any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return p.operations[operation].CheckBody(text)
}

// write carries an operation out, and keeps who did it, in one transaction.
func (p *portal) write(v *visit, operation string, do func(ctx context.Context) error) error {
	return postgres.InTx(v.ctx(), p.DB, func(tx *postgres.Tx) error {
		if err := do(postgres.WithTx(v.ctx(), tx)); err != nil {
			return err
		}
		return p.record(v.ctx(), tx, v, operation)
	})
}

// wait carries an operation out that waits for what others do: no transaction is open meanwhile. Who did it is kept
// afterwards, also when they are gone.
func (p *portal) wait(v *visit, operation string, do func(ctx context.Context) error) error {
	if err := do(v.ctx()); err != nil {
		return err
	}
	ctx := context.WithoutCancel(v.ctx())
	return postgres.InTx(ctx, p.DB, func(tx *postgres.Tx) error { return p.record(ctx, tx, v, operation) })
}

// record keeps who did something.
func (p *portal) record(ctx context.Context, tx *postgres.Tx, v *visit, operation string) error {
	return p.audit.Record(ctx, tx, audit.Entry{
		OrganizationID: v.Current.OrganizationID, MemberID: v.Current.MemberID, Operation: operation, Method: v.r.Method, Path: v.r.URL.Path,
	})
}

// organizationID returns that of the organization that is looked at.
func (v *visit) organizationID() uuid.UUID { return v.Current.OrganizationID }
