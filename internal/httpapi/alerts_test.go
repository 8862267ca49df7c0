package httpapi_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/plotwise/plotwise/internal/deliveries"
	"github.com/plotwise/plotwise/internal/events"
)

// Every metric that an alert rule names is there, and every rule says what to do.
func TestMetrics_alerts(t *testing.T) {
	text, err := os.ReadFile("../docs/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var rules struct {
		Groups []struct {
			Rules []struct {
				Alert, Expr string
				Annotations struct{ Summary, Action string }
			}
		}
	}
	if err := yaml.Unmarshal(text, &rules); err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.get(t, "/v1/me")
	w.metrics.Register(events.NewQuarantineGauge(w.db, slog.New(slog.DiscardHandler), nowUTC))
	w.metrics.LimitedLocally(func() uint64 { return 0 })
	w.metrics.Register(deliveries.NewWorker(deliveries.Options{DB: w.db, Log: slog.New(slog.DiscardHandler), Now: nowUTC}).Metrics)
	page := httptest.NewRecorder()
	w.metrics.Admin().ServeHTTP(page, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	named := regexp.MustCompile(`plotwise_[a-z_]+`)
	for _, rule := range rules.Groups[0].Rules {
		found := named.FindAllString(rule.Expr, -1)
		if rule.Alert == "" || len(found) == 0 || rule.Annotations.Summary == "" || rule.Annotations.Action == "" {
			t.Errorf("%+v wants a name, a metric, a summary and an action", rule)
		}
		for _, name := range found {
			if !strings.Contains(page.Body.String(), "\n"+name) {
				t.Errorf("%s names %s, and there is no such metric", rule.Alert, name)
			}
		}
	}
	for _, line := range []string{`plotwise_delivery_queue{state="due"} 0`, "plotwise_delivery_oldest_due_seconds 0"} {
		if !strings.Contains(page.Body.String(), line+"\n") {
			t.Errorf("/metrics lacks %q:\n%s", line, page.Body)
		}
	}
}
