package portal

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/plotwise/plotwise/internal/id"
	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/signature"
	"github.com/plotwise/plotwise/internal/webhooks"
)

// signaturePage is the signature debugger.
type signaturePage struct {
	Webhooks []webhooks.Webhook // whose secrets may be taken; none for members
	Steps    []signature.Step   // nil before anything was pasted
	Failed   int                // of the steps
	Skipped  int
}

const signatureTitle = "Signature debugger"

// signatureForm is empty, or filled in with an attempt that a query names.
func (p *portal) signatureForm(v *visit) error {
	shown, err := p.signaturePage(v)
	if err != nil {
		return err
	}
	query := v.r.URL.Query()
	form := url.Values{"webhook": {query.Get("webhook")}}
	if text := query.Get("delivery"); text != "" {
		d, err := p.Deliveries.Get(v.ctx(), v.organizationID(), id.UUID(id.Delivery, text))
		if err != nil {
			return err
		}
		attempt, err := newAttemptPage(d, wholeNumber(query.Get("attempt")))
		if err != nil {
			return err
		}
		var lines []string
		for _, h := range attempt.Request {
			lines = append(lines, h.Name+": "+h.Value)
		}
		form = url.Values{"headers": {strings.Join(lines, "\n")}, "body": {attempt.Body.Text}, "webhook": {id.Format(id.Webhook, d.WebhookID)}}
	}
	return p.show(v, "signature", view{Title: signatureTitle, Tab: tabSignature, Body: shown, Form: form})
}

func (p *portal) signaturePage(v *visit) (signaturePage, error) {
	if !v.Current.Manages() {
		return signaturePage{}, nil
	}
	found, err := p.choices(v)
	return signaturePage{Webhooks: found}, err
}

// How much may be pasted, in bytes.
const (
	mostPasted  = 32 << 10
	mostOneLine = 300
)

// debugSignature goes through the steps of verifying what was pasted. Nothing of that is stored.
func (p *portal) debugSignature(v *visit) error {
	shown, err := p.signaturePage(v)
	if err != nil {
		return err
	}
	page := view{Title: signatureTitle, Tab: tabSignature, Body: shown}
	form := v.r.PostForm
	if err := tooLong(form); err != nil {
		return p.again(v, err, "signature", page)
	}
	c := signature.Captured{
		Header: pastedHeader(form.Get("headers")), Body: []byte(strings.ReplaceAll(form.Get("body"), "\r\n", "\n")), // forms make CRLF of every line break
		Yours: strings.TrimSpace(form.Get("computed")),
	}
	if c.Secrets, c.Others, err = p.secretsFor(v, shown.Webhooks); err != nil {
		return p.again(v, err, "signature", page)
	}
	if c.Sent, err = p.Deliveries.Body(v.ctx(), v.organizationID(), id.UUID(id.Event, c.Header.Get(signature.HeaderID))); err != nil {
		return err
	}
	shown.Steps = signature.Diagnose(c, p.Now())
	for _, s := range shown.Steps {
		switch s.State {
		case signature.Failed:
			shown.Failed++
		case signature.Skipped:
			shown.Skipped++
		}
	}
	page.Body, page.Form = shown, form
	return p.show(v, "signature", page)
}

// tooLong refuses what is more than anybody pastes, and takes it out of the form.
func tooLong(form url.Values) error {
	var details []problem.Detail
	for _, field := range []struct {
		name string
		most int
	}{{"headers", mostPasted}, {"body", mostPasted}, {"secret", mostOneLine}, {"computed", mostOneLine}} {
		if len(form.Get(field.name)) > field.most {
			details = append(details, problem.Detail{Pointer: "/" + field.name, Code: "maxLength", Message: fmt.Sprintf("must have at most %s bytes", number(field.most))})
			form.Del(field.name)
		}
	}
	if len(details) > 0 {
		return problem.Body(details...)
	}
	return nil
}

// secretsFor returns the secrets that should have signed, pasted or of a webhook, and the organization's other ones.
func (p *portal) secretsFor(v *visit, known []webhooks.Webhook) (right, others []signature.Candidate, err error) {
	pasted, chosen := v.r.PostForm.Get("secret"), v.r.PostForm.Get("webhook")
	if strings.TrimSpace(pasted) != "" {
		right, chosen = []signature.Candidate{{Name: "the secret that you pasted", Text: pasted}}, ""
	}
	if chosen != "" && !slices.ContainsFunc(known, func(w webhooks.Webhook) bool { return id.Format(id.Webhook, w.ID) == chosen }) {
		return nil, nil, problem.Body(problem.Detail{Pointer: "/webhook", Code: "enum", Message: "must be one of your webhooks"})
	}
	for _, w := range known {
		target, err := p.Webhooks.Target(v.ctx(), v.organizationID(), w.ID)
		if err != nil {
			return nil, nil, err
		}
		if found := candidates(w, target.Secrets); id.Format(id.Webhook, w.ID) == chosen {
			right = found
		} else {
			others = append(others, found...)
		}
	}
	return right, others, nil
}

var (
	ofCurl  = regexp.MustCompile(`(?:-H|--header)[ =]?(?:'([^':]+):([^']*)'|"([^":]+):([^"]*)")`)
	quoted  = regexp.MustCompile(`^["']([^"']+)["']\s*(?::|=>|=)\s*["']?(.*?)["']?[,;]?$`)
	ofShell = regexp.MustCompile(`^HTTP_([A-Z_]+)\s*[:=]\s*["']?(.*?)["']?$`) // CGI (RFC 3875 §4.1.18) and those who took after it
)

// pastedHeader reads headers however people come by them: a line each, as curl -v prints or takes them, as JSON, or as the
// variables of CGI. It reads what it can.
func pastedHeader(text string) http.Header {
	found := http.Header{}
	var object map[string]any
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber() // a timestamp stays as it is written
	if decoder.Decode(&object) == nil {
		for name, value := range object {
			if list, several := value.([]any); several && len(list) > 0 {
				value = list[0]
			}
			found.Set(name, fmt.Sprint(value))
		}
		return found
	}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if options := ofCurl.FindAllStringSubmatch(line, -1); options != nil {
			for _, o := range options {
				found.Set(strings.TrimSpace(o[1]+o[3]), strings.TrimSpace(o[2]+o[4]))
			}
			continue
		}
		line = strings.TrimLeft(line, "<>* ")
		if m := quoted.FindStringSubmatch(line); m != nil {
			found.Set(m[1], m[2])
		} else if m := ofShell.FindStringSubmatch(line); m != nil {
			found.Set(strings.ReplaceAll(m[1], "_", "-"), m[2])
		} else if name, value, ok := strings.Cut(line, ":"); ok && name != "" && !strings.ContainsAny(name, " /") {
			found.Set(name, strings.TrimSpace(value))
		}
	}
	return found
}
