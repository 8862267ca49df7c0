package sdkgen

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/spec"
)

func newAPI(t *testing.T) *API {
	t.Helper()
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		t.Fatal(err)
	}
	api, err := NewAPI(document)
	if err != nil {
		t.Fatal(err)
	}
	return api
}

// The names are what users write: a change breaks their programs.
func TestNewAPI(t *testing.T) {
	var got []string
	for _, r := range newAPI(t).Resources {
		for _, m := range r.Methods {
			result := string(m.Result.Kind)
			if m.Result.Item != "" {
				result += " " + m.Result.Item
			}
			got = append(got, Snake(r.Words)+"."+Snake(m.Words)+": "+result)
		}
	}
	want := strings.Split(strings.TrimSpace(methods), "\n")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("methods (-want +got):\n%s", diff)
	}
}

const methods = `
api_keys.list: pages APIKey
api_keys.create: object APIKeySecret
api_keys.get: object APIKey
api_keys.revoke: nothing
api_keys.rotate: object APIKeySecret
conditions.list: pages Condition
conditions.create: object Condition
conditions.get: object Condition
conditions.update: object Condition
conditions.delete: nothing
conditions.list_permits: pages Permit
contacts.list: pages Contact
contacts.get: object Contact
deliveries.list: pages Delivery
deliveries.list_for_webhook: pages Delivery
deliveries.get: object DeliveryDetail
deliveries.retry: object Delivery
events.list: list Event
events.list_types: list EventTypeDescription
jurisdictions.list: pages Jurisdiction
notes.list: pages Note
notes.create: object Note
notes.get: object Note
notes.update: object Note
notes.delete: nothing
notifications.list: pages Notification
notifications.read: object Notification
organizations.get_me: object Me
organizations.get: object Organization
permits.list: pages Permit
permits.export: stream
permits.get: object PermitDetails
permits.list_history: pages PermitChange
usage.list: list UsagePeriod
usage.list_endpoints: list UsageEndpoint
usage.list_errors: list UsageError
watchlist.list: pages WatchlistItem
watchlist.add: object WatchlistItem
watchlist.batch_add: list WatchlistBatchResult
watchlist.get: object WatchlistItem
watchlist.update: object WatchlistItem
watchlist.remove: nothing
webhooks.list: pages Webhook
webhooks.create: object WebhookSecret
webhooks.get: object Webhook
webhooks.update: object Webhook
webhooks.delete: nothing
webhooks.rotate_secret: object WebhookSecret
webhooks.test: object DeliveryDetail
webhooks.recover: object WebhookRecovery
`

func Test_split(t *testing.T) {
	for name, want := range map[string][]string{
		"listAPIKeys": {"list", "api", "keys"}, "getMe": {"get", "me"}, "createAPIKey": {"create", "api", "key"}, "list": {"list"},
		"rotateWebhookSecret": {"rotate", "webhook", "secret"},
	} {
		if diff := cmp.Diff(want, split(name)); diff != "" {
			t.Errorf("split(%q) (-want +got):\n%s", name, diff)
		}
	}
}

func TestExported(t *testing.T) {
	for want, words := range map[string][]string{"APIKeys": {"api", "keys"}, "ListForWebhook": {"list", "for", "webhook"}, "WebhookID": {"webhook", "id"}} {
		if got := Exported(words); got != want {
			t.Errorf("Exported(%q) = %s, want %s", words, got, want)
		}
	}
}
