package plotwise_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

type scenario struct {
	Name  string `yaml:"name"`
	Steps []step `yaml:"steps"`
}

// step is one of scenarios.yaml, which says at its top what each field is.
type step struct {
	Call     string            `yaml:"call"`
	With     map[string]any    `yaml:"with"`
	All      bool              `yaml:"all"`
	Count    *int              `yaml:"count"`
	AtLeast  *int              `yaml:"at_least"`
	Begins   string            `yaml:"begins"`
	Save     map[string]string `yaml:"save"`
	Expect   map[string]any    `yaml:"expect"`
	Fails    *failure          `yaml:"fails"`
	Key      string            `yaml:"key"`
	IfMatch  string            `yaml:"if_match"`
	Received string            `yaml:"received"`
	Secret   string            `yaml:"secret"`
}

type failure struct {
	Status int    `yaml:"status"`
	Code   string `yaml:"code"`
	Type   string `yaml:"type"`
}

func TestScenarios(t *testing.T) {
	base := environment(t, "PLOTWISE_SDK_BASE_URL")
	var scenarios []scenario
	readYAML(t, "../scenarios.yaml", &scenarios)
	for _, s := range scenarios {
		t.Run(s.Name, func(t *testing.T) {
			r := newRunner(t, base)
			for i, step := range s.Steps {
				if err := r.run(t.Context(), step); err != nil {
					t.Fatalf("step %d, %s%s: %v", i+1, step.Call, step.Received, err)
				}
			}
		})
	}
}

func environment(t *testing.T, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Skip(name + " is not set: it says which server to test against")
	}
	return value
}

func readYAML(t *testing.T, file string, to any) {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, to); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

// runner runs the steps of a scenario.
type runner struct {
	caller
	base    string
	client  *plotwise.Client
	names   map[string]any
	arrived chan message
	waiting []message // arrived, and no step has asked for it
}

type message struct {
	header http.Header
	body   []byte
}

func newRunner(t *testing.T, base string) *runner {
	t.Helper()
	client, err := plotwise.NewClient(plotwise.WithBaseURL(base), plotwise.WithAPIKey(os.Getenv("PLOTWISE_SDK_API_KEY")))
	if err != nil {
		t.Fatal(err)
	}
	r := &runner{caller: newCaller(t), base: base, client: client, arrived: make(chan message, 100)}
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			t.Error(err)
		}
		r.arrived <- message{request.Header, body}
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(receiver.Close)
	r.names = map[string]any{"receiver": receiver.URL, "soon": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)}
	return r
}

func (r *runner) run(ctx context.Context, s step) error {
	if s.Received != "" {
		event, err := r.receive(ctx, s)
		if err != nil {
			return err
		}
		return r.hold(s, event)
	}
	client := r.client
	if s.Key != "" {
		var err error
		if client, err = plotwise.NewClient(plotwise.WithBaseURL(r.base), plotwise.WithAPIKey(r.fill(s.Key).(string))); err != nil {
			return err
		}
	}
	var options []plotwise.CallOption
	if s.IfMatch != "" {
		options = append(options, plotwise.WithIfMatch(r.fill(s.IfMatch).(string)))
	}
	with, _ := r.fill(s.With).(map[string]any)
	result, err := r.call(ctx, client, s.Call, with, s.All, options...)
	if s.Fails != nil {
		return s.Fails.hold(err)
	}
	if err != nil {
		return err
	}
	return r.hold(s, result)
}

// hold reports what of a failure is not as it has to be.
func (f failure) hold(err error) error {
	var e *plotwise.Error
	if err == nil {
		return fmt.Errorf("it succeeds, want %d %s", f.Status, f.Code)
	}
	if !errors.As(err, &e) || e.Status != f.Status || string(e.Code) != f.Code {
		return fmt.Errorf("failure = %w, want %d %s", err, f.Status, f.Code)
	}
	if e.RequestID == "" || e.DocURL == "" || e.Message == "" {
		return fmt.Errorf("the failure does not tell all: %w", err)
	}
	return nil
}

// hold reports what of a result is not as it has to be, and saves the rest.
func (r *runner) hold(s step, result any) error {
	if text, _ := result.(string); !strings.HasPrefix(text, s.Begins) {
		return fmt.Errorf("the file begins with %.40q, want %q", text, s.Begins)
	}
	if s.Count != nil || s.AtLeast != nil {
		items, err := at(result, "/data")
		if err != nil {
			return err
		}
		list, _ := items.([]any)
		if s.Count != nil && len(list) != *s.Count || s.AtLeast != nil && len(list) < *s.AtLeast {
			return fmt.Errorf("there are %d items", len(list))
		}
	}
	for pointer, name := range s.Expect {
		got, err := at(result, pointer)
		if err != nil {
			return err
		}
		want, err := plain(r.fill(name))
		if err != nil {
			return err
		}
		if diff := cmp.Diff(want, got); diff != "" {
			return fmt.Errorf("%s (-want +got):\n%s", pointer, diff)
		}
	}
	for name, pointer := range s.Save {
		value, err := at(result, pointer)
		if err != nil {
			return err
		}
		r.names[name] = value
	}
	return nil
}

// patience is how long an event may take to arrive.
const patience = 30 * time.Second

// receive waits for an event of the step's type, and verifies it.
func (r *runner) receive(ctx context.Context, s step) (any, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		for i, m := range r.waiting {
			if !strings.Contains(string(m.body), strconv.Quote(s.Received)) {
				continue
			}
			r.waiting = slices.Delete(r.waiting, i, i+1)
			event, err := plotwise.VerifyWebhook(m.body, m.header, []string{r.fill(s.Secret).(string)})
			if err != nil {
				return nil, err
			}
			if string(event.Type) != s.Received {
				return nil, fmt.Errorf("the event is %s, want %s", event.Type, s.Received)
			}
			return plain(event.Payload)
		}
		select {
		case m := <-r.arrived:
			r.waiting = append(r.waiting, m)
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for %s: %w", s.Received, ctx.Err())
		}
	}
}

// at returns what a JSON pointer (RFC 6901) leads to.
func at(value any, pointer string) (any, error) {
	for key := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch within := value.(type) {
		case map[string]any:
			inner, found := within[strings.NewReplacer("~1", "/", "~0", "~").Replace(key)]
			if !found {
				return nil, fmt.Errorf("%s leads nowhere", pointer)
			}
			value = inner
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(within) {
				return nil, fmt.Errorf("%s leads nowhere", pointer)
			}
			value = within[i]
		default:
			return nil, fmt.Errorf("%s leads nowhere", pointer)
		}
	}
	return value, nil
}

var named = regexp.MustCompile(`\$\{(\w+)\}`)

// fill puts what was saved in the place of names; those that nothing is saved under stay, and fit nothing.
func (r *runner) fill(value any) any {
	switch value := value.(type) {
	case string:
		if name, ok := strings.CutPrefix(value, "$"); ok && !strings.HasPrefix(name, "{") {
			if saved, found := r.names[name]; found {
				return saved
			}
		}
		return named.ReplaceAllStringFunc(value, func(name string) string { return fmt.Sprint(r.names[name[2:len(name)-1]]) })
	case []any:
		filled := make([]any, len(value))
		for i, v := range value {
			filled[i] = r.fill(v)
		}
		return filled
	case map[string]any:
		filled := map[string]any{}
		for k, v := range value {
			filled[k] = r.fill(v)
		}
		return filled
	}
	return value
}
