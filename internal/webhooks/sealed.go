package webhooks

import (
	"context"
	"encoding/json"
	"fmt"
	"net/textproto"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/problem"
	"github.com/plotwise/plotwise/internal/signature"
)

// contents are what is stored encrypted, all in one, so that nothing of it can be put elsewhere.
type contents struct {
	Secret        string            `json:"secret"`
	Previous      string            `json:"previous,omitempty"` // the secret before the last rotation
	PreviousUntil time.Time         `json:"previous_until"`
	Headers       map[string]string `json:"headers,omitempty"`
}

func (s *Service) seal(webhook uuid.UUID, c contents) ([]byte, error) {
	text, err := json.Marshal(c) //nolint:gosec // to be encrypted
	if err != nil {
		return nil, fmt.Errorf("encrypt the secrets of webhook %s: %w", webhook, err)
	}
	return s.box.Seal(text, webhook), nil
}

func (s *Service) open(w Webhook) (contents, error) {
	var c contents
	text, err := s.box.Open(w.sealed, w.ID)
	if err != nil {
		return c, fmt.Errorf("decrypt the secrets of webhook %s: %w", w.ID, err)
	}
	if err := json.Unmarshal(text, &c); err != nil {
		return c, fmt.Errorf("read the secrets of webhook %s: %w", w.ID, err)
	}
	return c, nil
}

// Target is what is needed to send to a webhook.
type Target struct {
	Secrets []signature.Secret // that are good at the time, the newest first
	Headers map[string]string
}

// Unseal returns what the sealed contents of a webhook say of a time.
func (s *Service) Unseal(webhook uuid.UUID, sealed []byte, at time.Time) (Target, error) {
	c, err := s.open(Webhook{ID: webhook, sealed: sealed})
	if err != nil {
		return Target{}, err
	}
	texts := []string{c.Secret}
	if c.Previous != "" && at.Before(c.PreviousUntil) {
		texts = append(texts, c.Previous)
	}
	t := Target{Headers: c.Headers}
	for _, text := range texts {
		parsed, err := signature.ParseSecret(text)
		if err != nil {
			return t, fmt.Errorf("read the secret of webhook %s: %w", webhook, err)
		}
		t.Secrets = append(t.Secrets, parsed)
	}
	return t, nil
}

// Target returns what a webhook is sent to with now: its live secrets, and its headers. It returns NotFound.
func (s *Service) Target(ctx context.Context, organization, webhook uuid.UUID) (Target, error) {
	w, err := s.Get(ctx, organization, webhook)
	if err != nil {
		return Target{}, err
	}
	return s.Unseal(w.ID, w.sealed, s.now())
}

// secretOf returns the secret that a text stands for, or a new one for none.
func secretOf(text string) (signature.Secret, []problem.Detail) {
	if text == "" {
		return signature.NewSecret(), nil
	}
	s, err := signature.ParseSecret(text)
	if err != nil {
		return s, []problem.Detail{{Pointer: "/secret", Code: "secret", Message: err.Error()}}
	}
	return s, nil
}

var (
	headerName  = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$") // a token (RFC 9110 §5.6.2)
	headerValue = regexp.MustCompile(`^[\t\x20-\x7e]*$`)

	// Plotwise or HTTP itself sets these.
	reserved = []string{
		"Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Cookie", "Date", "Expect", "Host", "Keep-Alive",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent",
	}
)

// checkHeaders returns what is wrong with the headers that are to be sent along.
func checkHeaders(headers map[string]string) []problem.Detail {
	spellings := map[string]int{}
	for name := range headers {
		spellings[textproto.CanonicalMIMEHeaderKey(name)]++
	}
	var details []problem.Detail
	for name, value := range headers {
		d := problem.Detail{Pointer: "/headers/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)}
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !headerName.MatchString(name):
			d.Code, d.Message = "header", "must have a name of letters, digits and hyphens, 100 characters at most"
		case !headerValue.MatchString(value):
			d.Code, d.Message = "header", "must have a value of visible ASCII characters, spaces and tabs"
		case slices.Contains(reserved, canonical), strings.HasPrefix(canonical, "Webhook-"), strings.HasPrefix(canonical, "Proxy-"), strings.HasPrefix(canonical, "Plotwise-"):
			d.Code, d.Message = "reserved", "is set by Plotwise or by HTTP itself; choose another name"
		case spellings[canonical] > 1:
			d.Code, d.Message = "header", "must be there once: upper and lower case are the same"
		default:
			continue
		}
		details = append(details, d)
	}
	slices.SortFunc(details, func(a, b problem.Detail) int { return strings.Compare(a.Pointer, b.Pointer) })
	return details
}
