package deliveries

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/plotwise/plotwise/internal/postgres"
)

// Headers returns by name what was sent and what came back; the webhook's own have the value [hidden].
func (a Attempt) Headers() (request, response map[string]string, err error) {
	if err := json.Unmarshal(a.RequestHeaders, &request); err != nil {
		return nil, nil, fmt.Errorf("read the headers of attempt %s: %w", a.ID, err)
	}
	if err := json.Unmarshal(a.ResponseHeaders, &response); err != nil {
		return nil, nil, fmt.Errorf("read the headers of the answer to attempt %s: %w", a.ID, err)
	}
	return request, response, nil
}

// SignedText returns what the signature of the attempt is over, which had these headers.
func (a Attempt) SignedText(request map[string]string) string {
	return strings.Join([]string{request["Webhook-Id"], request["Webhook-Timestamp"], a.RequestBody}, ".")
}

// Curl returns a command for a shell that makes the same request, which had these headers.
func (a Attempt) Curl(request map[string]string) string {
	words := []string{"curl"}
	if strings.ContainsAny(a.URL, "[]") { // which curl takes for a pattern
		words = append(words, "--globoff")
	}
	words = append(words, quote(a.URL))
	for _, name := range slices.Sorted(maps.Keys(request)) {
		words = append(words, "-H", quote(name+": "+request[name]))
	}
	return strings.Join(append(words, "--data-binary", quote(a.RequestBody)), " ")
}

// quote makes one word of a text (POSIX XCU §2.2.2).
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'" }

// Succeeded reports whether the webhook answered with 2xx, and to the end.
func (a Attempt) Succeeded() bool {
	return a.Error == "" && a.Status != nil && *a.Status >= 200 && *a.Status <= 299
}

// Hour is how many attempts at a webhook began in an hour, by what came of them.
type Hour struct {
	WebhookID uuid.UUID `db:"webhook_id"`
	Start     time.Time `db:"start"`
	Succeeded int       `db:"succeeded"`
	Failed    int       `db:"failed"`
}

// Day returns for each of the webhooks the last 24 hours, the oldest first; the current one is the last. Tests do not count.
func (s *Service) Day(ctx context.Context, organization uuid.UUID, webhooks ...uuid.UUID) (map[uuid.UUID][]Hour, error) {
	first := s.now().UTC().Truncate(time.Hour).Add(-23 * time.Hour)
	counted, err := hours(ctx, postgres.From(ctx, s.db), organization, webhooks, first)
	if err != nil {
		return nil, err
	}
	days := map[uuid.UUID][]Hour{}
	for _, w := range webhooks {
		for i := range 24 {
			days[w] = append(days[w], Hour{WebhookID: w, Start: first.Add(time.Duration(i) * time.Hour)})
		}
	}
	for _, h := range counted {
		if i := int(h.Start.Sub(first) / time.Hour); i < 24 { // else the clock of a worker is ahead
			days[h.WebhookID][i].Succeeded, days[h.WebhookID][i].Failed = h.Succeeded, h.Failed
		}
	}
	return days, nil
}

// LastAttempts returns the last attempt at each of the deliveries that was tried, without its headers and bodies.
func (s *Service) LastAttempts(ctx context.Context, organization uuid.UUID, deliveries ...uuid.UUID) (map[uuid.UUID]Attempt, error) {
	found, err := listLast(ctx, postgres.From(ctx, s.db), listLastAttemptsSQL, organization, deliveries)
	byDelivery := map[uuid.UUID]Attempt{}
	for _, l := range found {
		byDelivery[l.DeliveryID] = l.Attempt
	}
	return byDelivery, err
}

// LastOfWebhooks returns the last attempt at each of the webhooks that was sent to, without its headers and bodies.
func (s *Service) LastOfWebhooks(ctx context.Context, organization uuid.UUID, webhooks ...uuid.UUID) (map[uuid.UUID]Attempt, error) {
	found, err := listLast(ctx, postgres.From(ctx, s.db), listWebhookAttemptsSQL, organization, webhooks)
	byWebhook := map[uuid.UUID]Attempt{}
	for _, l := range found {
		byWebhook[l.WebhookID] = l.Attempt
	}
	return byWebhook, err
}

// Body returns what is sent for an event of the organization, to the byte; "" when there is no such event.
func (s *Service) Body(ctx context.Context, organization, event uuid.UUID) (string, error) {
	return getBody(ctx, postgres.From(ctx, s.db), organization, event)
}
