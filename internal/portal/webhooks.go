package portal

import (
	"context"
	"errors"
	"maps"
	"net/textproto"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/page"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// The tabs of webhooks, of what was sent to them, and of the signature debugger.
const (
	tabWebhooks   = "webhooks"
	tabDeliveries = "deliveries"
	tabSignature  = "signature"
)

const webhooksPath = "/settings/developers/webhooks"

func webhookPath(webhook uuid.UUID) string {
	return webhooksPath + "/" + id.Format(id.Webhook, webhook)
}

// webhookRoutes adds the pages of webhooks: read for every member, manage for owners and admins.
func (p *portal) webhookRoutes(read, manage func(pattern string, h handler)) {
	read("GET /settings/developers/webhooks", p.webhooks)
	manage("GET /settings/developers/webhooks/new", p.newWebhook)
	manage("POST /settings/developers/webhooks", p.createWebhook)
	read("GET /settings/developers/webhooks/{id}", p.webhook)
	manage("GET /settings/developers/webhooks/{id}/edit", p.editWebhook)
	manage("POST /settings/developers/webhooks/{id}/edit", p.updateWebhook)
	manage("POST /settings/developers/webhooks/{id}/state", p.setWebhookState)
	manage("POST /settings/developers/webhooks/{id}/reveal", p.revealSecret)
	manage("GET /settings/developers/webhooks/{id}/rotate", p.confirmRotate)
	manage("POST /settings/developers/webhooks/{id}/rotate", p.rotateSecret)
	manage("GET /settings/developers/webhooks/{id}/delete", p.confirmDelete)
	manage("POST /settings/developers/webhooks/{id}/delete", p.deleteWebhook)
	manage("POST /settings/developers/webhooks/{id}/test", p.testWebhook)
	manage("POST /settings/developers/webhooks/{id}/recover", p.recoverWebhook)
	read("GET /settings/developers/webhooks/{id}/deliveries", p.deliveries)

	read("GET /settings/developers/deliveries", p.deliveries)
	read("GET /settings/developers/deliveries/{id}", p.delivery)
	manage("POST /settings/developers/deliveries/{id}/retry", p.retryDelivery)

	read("GET /settings/developers/signature", p.signatureForm)
	read("POST /settings/developers/signature", p.debugSignature)
}

// webhookItem is a webhook with how it answered lately.
type webhookItem struct {
	webhooks.Webhook
	Day  strip
	Last *deliveries.Attempt // nil when nothing was sent to it
}

// webhookList is a page of webhooks.
type webhookList struct {
	Items []webhookItem
	Next  string
}

func (p *portal) webhooks(v *visit) error {
	found, meta, err := p.Webhooks.List(v.ctx(), v.organizationID(), asked(v.r.URL.Query()))
	if err != nil {
		return err
	}
	items, err := p.withHealth(v, v.urlsFor(found)...)
	if err != nil {
		return err
	}
	return p.show(v, "webhooks", view{Title: "Webhooks", Tab: tabWebhooks, Body: webhookList{items, next(v.r.URL, meta)}})
}

// withHealth adds to webhooks how they answered lately.
func (p *portal) withHealth(v *visit, found ...webhooks.Webhook) ([]webhookItem, error) {
	ids := make([]uuid.UUID, len(found))
	for i, w := range found {
		ids[i] = w.ID
	}
	days, err := p.Deliveries.Day(v.ctx(), v.organizationID(), ids...)
	if err != nil {
		return nil, err
	}
	last, err := p.Deliveries.LastOfWebhooks(v.ctx(), v.organizationID(), ids...)
	if err != nil {
		return nil, err
	}
	items := make([]webhookItem, len(found))
	for i, w := range found {
		items[i] = webhookItem{Webhook: w, Day: newStrip(days[w.ID])}
		if a, sent := last[w.ID]; sent {
			items[i].Last = &a
		}
	}
	return items, nil
}

// called says which webhook it is: by what it is for, or else by where it is.
func called(w webhooks.Webhook) string {
	if w.Description != "" {
		return w.Description
	}
	_, place, _ := strings.Cut(w.URL, "://")
	return brief(place)
}

// pathWebhook returns the webhook that the path names.
func (p *portal) pathWebhook(v *visit) (webhooks.Webhook, error) {
	return p.findWebhook(v, id.UUID(id.Webhook, v.r.PathValue("id")))
}

func (p *portal) findWebhook(v *visit, webhook uuid.UUID) (webhooks.Webhook, error) {
	w, err := p.Webhooks.Get(v.ctx(), v.organizationID(), webhook)
	w.URL = v.urlFor(w.URL)
	return w, err
}

// urlsFor puts what the visitor may see in the place of the URLs.
func (v *visit) urlsFor(found []webhooks.Webhook) []webhooks.Webhook {
	for i := range found {
		found[i].URL = v.urlFor(found[i].URL)
	}
	return found
}

// urlFor returns the URL of a webhook as far as the visitor may see it: what follows the host may be a secret, so that is for
// owners and admins.
func (v *visit) urlFor(text string) string {
	u, err := url.Parse(text)
	if v.Current.Manages() || err == nil && u.RequestURI() == "/" {
		return text
	}
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host + "/…"
}

// mostWebhooks is how many webhooks a page offers to choose from.
const mostWebhooks = 100

// choices returns the webhooks to choose from, the newest first.
func (p *portal) choices(v *visit) ([]webhooks.Webhook, error) {
	most := int32(mostWebhooks)
	found, _, err := p.Webhooks.List(v.ctx(), v.organizationID(), page.Query{PerPage: &most})
	return v.urlsFor(found), err
}

// webhookForm is the page that makes or changes a webhook.
type webhookForm struct {
	ID      string // "" of a new one
	Version string // that is changed
	Types   []events.Type
	Headers []headerRow
}

// headerRow is a header to send along, as the form has it. The stored value of one that is kept is not shown.
type headerRow struct {
	Name, Value string
	Kept        bool // there is a stored value
	Error       string
}

func (p *portal) newWebhook(v *visit) error {
	all := make([]string, len(p.EventTypes))
	for i, t := range p.EventTypes {
		all[i] = t.Name
	}
	return p.show(v, "webhook-form", p.webhookView(webhookForm{}, url.Values{"event_types": all}, nil, nil))
}

// webhookView is the form, with rows to spare for headers, and beside the rows what is wrong with them.
func (p *portal) webhookView(f webhookForm, form url.Values, kept []string, err error) view {
	f.Types = p.EventTypes
	for i, name := range form["header_name"] {
		if row := (headerRow{Name: name, Value: at(form["header_value"], i), Kept: slices.Contains(kept, name)}); name != "" || row.Value != "" {
			row.Error = wrongHeader(err, name)
			f.Headers = append(f.Headers, row)
		}
	}
	for spare := 2; spare > 0 && len(f.Headers) < 10; spare-- {
		f.Headers = append(f.Headers, headerRow{})
	}
	title := "Add a webhook"
	if f.ID != "" {
		title = "Edit the webhook"
	}
	return view{Title: title, Tab: tabWebhooks, Body: f, Form: form}
}

// wrongHeader returns what a failure says of the header of that name; "" for nothing.
func wrongHeader(err error, name string) string {
	var found *problem.Error
	if errors.As(err, &found) {
		for _, d := range found.Details {
			if d.Pointer == headerPointer(name) {
				return d.Message
			}
		}
	}
	return ""
}

// headerPointer returns where a header stands in the body of an operation (RFC 6901).
func headerPointer(name string) string {
	return "/headers/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(strings.TrimSpace(name))
}

// at returns an item of a list, and "" beyond its end.
func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// webhookAgain shows the form once more, with what is wrong beside its field.
func (p *portal) webhookAgain(v *visit, err error, f webhookForm, kept []string) error {
	return p.again(v, err, "webhook-form", p.webhookView(f, v.r.PostForm, kept, err))
}

func (p *portal) createWebhook(v *visit) error {
	form := v.r.PostForm
	headers, err := headersOf(form, nil)
	c := webhooks.Create{
		URL: strings.TrimSpace(form.Get("url")), Description: strings.TrimSpace(form.Get("description")), EventTypes: texts(form["event_types"]),
		Secret: strings.TrimSpace(form.Get("secret")), Headers: headers,
	}
	body := map[string]any{"url": c.URL, "description": c.Description, "event_types": c.EventTypes, "headers": headers}
	if c.Secret != "" {
		body["secret"] = c.Secret
	}
	if err == nil {
		err = p.check("createWebhook", body)
	}
	var made webhooks.Webhook
	if err == nil {
		err = p.write(v, "createWebhook", func(ctx context.Context) (err error) {
			made, _, err = p.Webhooks.Create(ctx, v.organizationID(), c)
			return err
		})
	}
	if err != nil {
		return p.webhookAgain(v, err, webhookForm{}, nil)
	}
	return p.done(v, webhookPath(made.ID), "The webhook is added. Reveal its secret for your endpoint, and send it a test event.")
}

// headersOf reads the headers of a form: one without a value keeps the one that is stored. The result is never nil.
func headersOf(form url.Values, stored map[string]string) (map[string]string, error) {
	found := map[string]string{}
	var details []problem.Detail
	for i, name := range form["header_name"] {
		name, value := strings.TrimSpace(name), strings.TrimSpace(at(form["header_value"], i))
		_, twice := found[name]
		wrong := ""
		switch kept, known := stored[textproto.CanonicalMIMEHeaderKey(name)]; {
		case name == "" && value == "":
			continue
		case name == "":
			wrong = "must have a name"
		case twice:
			wrong = "must be there once"
		case value == "" && !known:
			wrong = "must have a value"
		case value == "":
			value = kept
		}
		if wrong != "" {
			details = append(details, problem.Detail{Pointer: headerPointer(name), Code: "header", Message: wrong})
		}
		found[name] = value
	}
	if len(details) > 0 {
		return found, problem.Body(details...)
	}
	return found, nil
}

// editing is the form of a webhook that there is.
func editing(w webhooks.Webhook) webhookForm {
	return webhookForm{ID: id.Format(id.Webhook, w.ID), Version: strconv.FormatInt(w.Version, 10)}
}

func (p *portal) editWebhook(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	form := url.Values{"url": {w.URL}, "description": {w.Description}, "event_types": w.EventTypes, "header_name": w.HeaderNames}
	return p.show(v, "webhook-form", p.webhookView(editing(w), form, w.HeaderNames, nil))
}

func (p *portal) updateWebhook(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	if err := p.write(v, "updateWebhook", func(ctx context.Context) error { return p.update(ctx, v, w.ID) }); err != nil {
		return p.webhookAgain(v, changedSince(err), editing(w), w.HeaderNames)
	}
	return p.done(v, webhookPath(w.ID), "The webhook is changed.")
}

// update changes a webhook as a form says, unless somebody else changed it since the form was shown.
func (p *portal) update(ctx context.Context, v *visit, webhook uuid.UUID) error {
	target, err := p.Webhooks.Target(ctx, v.organizationID(), webhook)
	if err != nil {
		return err
	}
	stored := map[string]string{}
	for name, value := range maps.All(target.Headers) {
		stored[textproto.CanonicalMIMEHeaderKey(name)] = value
	}
	form := v.r.PostForm
	headers, err := headersOf(form, stored)
	if err != nil {
		return err
	}
	place, description := strings.TrimSpace(form.Get("url")), strings.TrimSpace(form.Get("description"))
	u := webhooks.Update{URL: &place, Description: &description, EventTypes: texts(form["event_types"]), Headers: headers}
	if err := p.check("updateWebhook", map[string]any{"url": place, "description": description, "event_types": u.EventTypes, "headers": headers}); err != nil {
		return err
	}
	version := strconv.Quote(form.Get("version"))
	_, err = p.Webhooks.Update(ctx, v.organizationID(), webhook, &version, u)
	return err
}

// changedSince says in the words of a form that somebody else was faster.
func changedSince(err error) error {
	var found *problem.Error
	if errors.As(err, &found) && found.Kind == problem.PreconditionFailed {
		return problem.New(found.Kind, found.Code, "Somebody changed this webhook since you opened it. Below is what you entered: save once more to put it in the place of theirs.")
	}
	return err
}

func (p *portal) setWebhookState(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	state := v.r.PostFormValue("state")
	if err := p.check("updateWebhook", map[string]any{"state": state}); err != nil {
		return err
	}
	if err := p.write(v, "updateWebhook", func(ctx context.Context) error {
		_, err := p.Webhooks.Update(ctx, v.organizationID(), w.ID, nil, webhooks.Update{State: &state})
		return err
	}); err != nil {
		return err
	}
	if state == "paused" {
		return p.done(v, webhookPath(w.ID), "The webhook is paused: what happens is kept for it until you resume.")
	}
	return p.done(v, webhookPath(w.ID), "The webhook is active: what was kept for it is sent now.")
}

func (p *portal) confirmDelete(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	return p.show(v, "webhook-delete", view{Title: "Delete a webhook", Tab: tabWebhooks, Body: w})
}

func (p *portal) deleteWebhook(v *visit) error {
	w, err := p.pathWebhook(v)
	if err != nil {
		return err
	}
	if err := p.write(v, "deleteWebhook", func(ctx context.Context) error { return p.Webhooks.Delete(ctx, v.organizationID(), w.ID, nil) }); err != nil {
		return err
	}
	return p.done(v, webhooksPath, "“"+called(w)+"” is deleted: nothing is sent to it any more.")
}
