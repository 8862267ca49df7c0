package plotwise_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"testing"
	"time"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

// fault is one of faults.yaml, which says at its top what each field is.
type fault struct {
	Fault    string         `yaml:"fault"`
	Call     string         `yaml:"call"`
	With     map[string]any `yaml:"with"`
	Attempts int            `yaml:"attempts"`
	Keys     int            `yaml:"keys"`
	Succeeds bool           `yaml:"succeeds"`
	Error    string         `yaml:"error"`
}

func TestFaults(t *testing.T) {
	proxy := environment(t, "PLOTWISE_SDK_PROXY_URL")
	var faults []fault
	readYAML(t, "../faults.yaml", &faults)
	caller := newCaller(t)
	for i, f := range faults {
		t.Run(fmt.Sprintf("%s of %s", f.Fault, f.Call), func(t *testing.T) {
			t.Parallel() // they wait most of the time
			id := "go-" + strconv.Itoa(i)
			client, err := plotwise.NewClient(
				plotwise.WithBaseURL(proxy), plotwise.WithAPIKey(os.Getenv("PLOTWISE_SDK_API_KEY")), plotwise.WithTimeout(time.Second),
				plotwise.WithHeader("X-Fault", f.Fault), plotwise.WithHeader("X-Fault-Id", id),
				plotwise.WithTransport(&http.Transport{DisableKeepAlives: true}), // which would send some again that broke on an old connection
			)
			if err != nil {
				t.Fatal(err)
			}
			_, err = caller.call(t.Context(), client, f.Call, f.With, false)
			if err := f.hold(err); err != nil {
				t.Error(err)
			}
			got := told(t, proxy, id)
			if got.Attempts != f.Attempts || f.Keys > 0 && len(got.Keys) != f.Keys {
				t.Errorf("attempts, keys = %d, %q, want %d, %d", got.Attempts, got.Keys, f.Attempts, f.Keys)
			}
		})
	}
}

type counted struct {
	Attempts int      `json:"attempts"`
	Keys     []string `json:"keys"`
}

// told returns what the proxy has counted.
func told(t *testing.T, proxy, id string) (c counted) {
	t.Helper()
	request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodGet, proxy+"/faults/"+id, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if err := json.NewDecoder(response.Body).Decode(&c); err != nil {
		t.Fatal(err)
	}
	return c
}

// statuses are those of the classes that errors have in other languages.
var statuses = map[string]int{
	"BadRequestError": 400, "AuthenticationError": 401, "PermissionDeniedError": 403, "NotFoundError": 404, "MethodNotAllowedError": 405,
	"ConflictError": 409, "GoneError": 410, "PreconditionFailedError": 412, "ContentTooLargeError": 413, "UnsupportedMediaTypeError": 415,
	"UnprocessableEntityError": 422, "RateLimitError": 429,
}

// hold reports when the outcome is another than the fault has to have.
func (f fault) hold(err error) error {
	var answer *plotwise.Error
	var broken *plotwise.ConnectionError
	holds := false
	switch {
	case f.Succeeds:
		holds = err == nil
	case f.Error == "APIConnectionError":
		holds = errors.As(err, &broken) && !broken.Timeout()
	case f.Error == "APITimeoutError":
		holds = errors.As(err, &broken) && broken.Timeout()
	case f.Error == "InternalServerError":
		holds = errors.As(err, &answer) && answer.Status >= http.StatusInternalServerError
	case f.Error == "APIError":
		holds = errors.As(err, &answer)
	default:
		holds = errors.As(err, &answer) && answer.Status == statuses[f.Error]
	}
	if !holds && err == nil {
		return fmt.Errorf("it succeeds, want %s", f.Error)
	}
	if !holds {
		return fmt.Errorf("outcome = %w, want success %t, %s", err, f.Succeeds, f.Error)
	}
	return nil
}
