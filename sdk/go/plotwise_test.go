package plotwise

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

func TestNewClient_refuses(t *testing.T) {
	t.Setenv("PLOTWISE_API_KEY", "")
	key := WithAPIKey(testKey)
	for name, c := range map[string]struct {
		options []ClientOption
		want    string
	}{
		"no key":           {nil, "plotwise: there is no API key: set PLOTWISE_API_KEY, or give one by WithAPIKey"},
		"an empty key":     {[]ClientOption{WithAPIKey("")}, "there is no API key"},
		"a line break":     {[]ClientOption{WithAPIKey(testKey + "\n")}, "plotwise: the API key holds white space or other characters that no key has"},
		"a space":          {[]ClientOption{WithAPIKey(" " + testKey)}, "white space"},
		"an umlaut":        {[]ClientOption{WithAPIKey(testKey + "ü")}, "other characters"},
		"no URL":           {[]ClientOption{key, WithBaseURL("api.plotwise.us")}, "the base URL"},
		"another scheme":   {[]ClientOption{key, WithBaseURL("ftp://api.plotwise.us")}, "the base URL"},
		"a query":          {[]ClientOption{key, WithBaseURL("https://api.plotwise.us?v=1")}, "the base URL"},
		"a password":       {[]ClientOption{key, WithBaseURL("https://me:secret@api.plotwise.us")}, "the base URL"},
		"no time":          {[]ClientOption{key, WithTimeout(0)}, "a timeout has to be over 0"},
		"no time in total": {[]ClientOption{key, WithTotalTimeout(-time.Second)}, "a timeout has to be over 0"},
		"less retries":     {[]ClientOption{key, WithRetries(-1)}, "retries not under"},
		"a header's name":  {[]ClientOption{key, WithHeader("X Y", "z")}, `the header "X Y"`},
		"a header's value": {[]ClientOption{key, WithHeader("X-Y", "z\r\nX-Z: 1")}, `the header "X-Y"`},
		"the user agent":   {[]ClientOption{key, WithUserAgent("a\nb")}, "the user agent"},
	} {
		_, err := NewClient(c.options...)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: NewClient = %v, want %q", name, err, c.want)
		}
	}
}

func TestNewClient_environment(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, aNote))
	t.Setenv("PLOTWISE_API_KEY", "pw_live_of_the_environment")
	t.Setenv("PLOTWISE_BASE_URL", f.url+"/")
	client, err := NewClient()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		client *Client
		want   string
	}{{client, "Bearer pw_live_of_the_environment"}, {f.Client, "Bearer " + testKey}} {
		if _, err := c.client.Notes.Get(t.Context(), "note_1"); err != nil {
			t.Fatal(err)
		}
		last := f.requests()[len(f.requests())-1]
		if got := last.Header.Get("Authorization"); got != c.want || last.URL.Path != "/v1/notes/note_1" {
			t.Errorf("Authorization, path = %s, %s, want %s", got, last.URL.Path, c.want)
		}
	}
	t.Setenv("PLOTWISE_BASE_URL", "")
	if client, err = NewClient(); err != nil {
		t.Fatal(err)
	}
	if got, want := client.Notes.core.baseURL, "https://api.plotwise.us/"; got != want {
		t.Errorf("base URL = %s, want %s", got, want)
	}
}

func TestClient_headers(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, aNote), WithUserAgent("report/2"), WithHeader("X-Of", "client"), WithHeader("X-Both", "client"))
	f.connect(t, WithBaseURL(f.url+"/proxied/"), WithUserAgent("report/2"), WithHeader("X-Of", "client"), WithHeader("X-Both", "client"))
	if err := calls["PATCH"](t.Context(), f.Client, WithHeader("X-Both", "call"), WithIfMatch(`"1"`)); err != nil {
		t.Fatal(err)
	}
	r := f.requests()[0]
	for name, want := range map[string]string{
		"X-Of": "client", "X-Both": "call", "If-Match": `"1"`, "Content-Type": "application/json", "Accept": "application/json",
		"User-Agent": "plotwise-go/1.0.0 go/" + strings.TrimPrefix(runtime.Version(), "go") + " report/2",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s = %s, want %s", name, got, want)
		}
	}
	if r.URL.Path != "/proxied/v1/notes/note_1" || r.body != `{"body":"größer"}` {
		t.Errorf("path, body = %s, %s", r.URL.Path, r.body)
	}
	if err := calls["GET"](t.Context(), f.Client); err != nil || f.requests()[1].Header.Get("X-Both") != "client" {
		t.Errorf("the option of a call stays: %v, %v", err, f.requests()[1].Header)
	}
}

func TestClient_key_hidden(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, aNote))
	var b bytes.Buffer
	for _, v := range []any{f.Client, *f.Client, f.Notes, *f.core} {
		fmt.Fprintf(&b, "%v %+v %#v %s\n", v, v, v, v)
		slog.New(slog.NewTextHandler(&b, nil)).Info("client", slog.Any("client", v))
	}
	if err := json.NewEncoder(&b).Encode(f.Client); err != nil {
		t.Error(err)
	}
	if strings.Contains(b.String(), testKey) || !strings.Contains(b.String(), "plotwise.core") {
		t.Errorf("the key shows, or nothing does: %s", b.String())
	}
}

func TestClient_ids(t *testing.T) {
	f := newFake(t, answers(http.StatusOK, aNote))
	for _, id := range []string{"", ".", ".."} {
		if err := f.Notes.Delete(t.Context(), id); err == nil || !strings.Contains(err.Error(), "is no id") {
			t.Errorf("Delete(%q) = %v, want that it is no id", id, err)
		}
	}
	if len(f.requests()) > 0 {
		t.Errorf("there were %d requests", len(f.requests()))
	}
	if _, err := f.Notes.Get(t.Context(), "../permits?x=/ü"); err != nil || f.requests()[0].RequestURI != "/v1/notes/..%2Fpermits%3Fx=%2F%C3%BC" {
		t.Errorf("Get = %v, by %s", err, f.requests()[0].RequestURI)
	}
}

func TestParseUUID(t *testing.T) {
	got, err := ParseUUID("01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10")
	if err != nil || got.String() != "01980a3c-5e00-7d21-8f4e-2b6f1c9a7e10" {
		t.Errorf("ParseUUID = %s, %v", got, err)
	}
	if _, err := ParseUUID("BLD-26-0521670"); err == nil || err.Error() != `plotwise: "BLD-26-0521670" is no UUID` {
		t.Errorf("ParseUUID of a number = %v", err)
	}
}

func TestNewDate(t *testing.T) {
	if got, want := NewDate(2026, time.February, 3).String(), "2026-02-03"; got != want {
		t.Errorf("NewDate = %s, want %s", got, want)
	}
}

func TestNewConditionCreate(t *testing.T) {
	made, err := NewConditionCreate(LocationConditionCreate{Name: new("Office"), Latitude: 28.07, Longitude: -82.5, RadiusM: 2500})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(made)
	if want := `{"latitude":28.07,"longitude":-82.5,"name":"Office","radius_m":2500,"type":"location"}`; err != nil || string(text) != want {
		t.Errorf("NewConditionCreate = %s, %v, want %s", text, err, want)
	}
}

// Who imports this package gets no server and no database with it.
func TestDependencies(t *testing.T) {
	output, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		var failed *exec.ExitError
		errors.As(err, &failed)
		t.Fatalf("%v: %s", err, failed.Stderr)
	}
	allowed := regexp.MustCompile(`^(github.com/(plotwise/plotwise/(gen/client|sdk/go)|oapi-codegen/runtime(/types)?|apapsch/go-jsonmerge/v2|google/uuid)|[^.]+|(vendor|crypto)/.+)$`)
	for name := range strings.Lines(string(output)) {
		if name = strings.TrimSpace(name); name == "database/sql" || !allowed.MatchString(name) {
			t.Errorf("it imports %s", name)
		}
	}
}
