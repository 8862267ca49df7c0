package samples_test

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
)

type field struct {
	Key, Value  string
	Disabled    bool
	Description string
}

type request struct {
	Method string
	Header []field
	URL    struct {
		Raw             string
		Host, Path      []string
		Query, Variable []field
	}
	Body        struct{ Mode, Raw string }
	Description string
}

type collection struct {
	Info struct{ Name, Version, Schema string }
	Auth struct {
		Type   string
		Bearer []field
	}
	Variable []field
	Item     []struct {
		Name, Description string
		Item              []struct {
			Name     string
			Request  request
			Response []struct {
				Name     string
				Original request `json:"originalRequest"`
				Status   string
				Code     int
				Preview  string `json:"_postman_previewlanguage"`
				Header   []field
				Body     string
			}
		}
	}
}

func postman(t *testing.T, text string) collection {
	t.Helper()
	made, err := samples.Postman(parse(t, text))
	if err != nil {
		t.Fatal(err)
	}
	var c collection
	if err := json.Unmarshal(made, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPostman(t *testing.T) {
	c := postman(t, strings.Replace(things, "If-None-Match, in: header", "X-Kind, in: header, required: true", 1))
	if c.Info.Name != "Things API" || c.Info.Version != "1.2.3" || c.Info.Schema != "https://schema.getpostman.com/json/collection/v2.1.0/collection.json" {
		t.Errorf("info = %+v", c.Info)
	}
	if len(c.Item) != 1 || c.Item[0].Name != "things" || c.Item[0].Description != "What is kept." || len(c.Item[0].Item) != 4 {
		t.Fatalf("folders = %+v, want things alone with 4 operations", c.Item)
	}
	list, create, export, remove := c.Item[0].Item[0], c.Item[0].Item[1], c.Item[0].Item[2], c.Item[0].Item[3]
	want := []field{
		{Key: "q", Value: `it's "$5" & more`, Disabled: true, Description: "What to find."},
		{Key: "kinds", Value: "a", Disabled: true},
		{Key: "kinds", Value: "b", Disabled: true},
		{Key: "words", Value: "c,d", Disabled: true},
		{Key: "per_page", Value: "25", Disabled: true},
		{Key: "page", Value: "3", Disabled: true},
		{Key: "cursor", Disabled: true},
	}
	if diff := cmp.Diff(want, list.Request.URL.Query); diff != "" || list.Request.URL.Raw != "{{baseUrl}}/things" {
		t.Errorf("query of %s (-want +got):\n%s", list.Request.URL.Raw, diff)
	}
	if diff := cmp.Diff([]field{{Key: "X-Kind", Value: "it's"}}, list.Request.Header); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]field{{Key: "Idempotency-Key", Value: "{{$guid}}"}, {Key: "Content-Type", Value: "application/json"}}, create.Request.Header); diff != "" {
		t.Errorf("headers of POST (-want +got):\n%s", diff)
	}
	if create.Name != "Create a thing" || create.Request.Description != "Another thing." || create.Request.Body.Mode != "raw" || !strings.HasPrefix(create.Request.Body.Raw, "{\n  \"name\": ") {
		t.Errorf("POST = %+v", create.Request)
	}
	if r := create.Response; len(r) != 2 || r[0].Code != 201 || r[1].Code != 409 || r[1].Name != "It exists" || r[1].Status != "Conflict" || r[1].Preview != "json" || r[1].Body != "{\n  \"error\": \"exists\"\n}" {
		t.Errorf("answers of POST = %+v, want 201 and 409, without the 500 that is common", r)
	}
	if r := export.Response; len(r) != 1 || r[0].Preview != "text" || r[0].Body != "a,b\n" || r[0].Header[0].Value != "text/csv" || r[0].Original.URL.Raw != "{{baseUrl}}/things/:thing_id" {
		t.Errorf("answers of the export = %+v", r)
	}
	if diff := cmp.Diff([]field{{Key: "thing_id", Value: "a/b", Description: "The thing's id."}}, export.Request.URL.Variable); diff != "" {
		t.Errorf("path of the export (-want +got):\n%s", diff)
	}
	if r := remove.Response; len(r) != 1 || r[0].Code != 204 || r[0].Name != "It is gone." || r[0].Body != "" {
		t.Errorf("answers of DELETE = %+v", r)
	}
}

// TestPostman_repository holds the collection of the API to what Postman needs of it.
func TestPostman_repository(t *testing.T) {
	c := postman(t, string(gen.YAML))
	if c.Auth.Type != "bearer" || len(c.Auth.Bearer) != 1 || c.Auth.Bearer[0].Key != "token" || c.Auth.Bearer[0].Value != "{{apiKey}}" {
		t.Errorf("auth = %+v, want bearer with {{apiKey}}", c.Auth)
	}
	if len(c.Variable) != 2 || c.Variable[0] != (field{Key: "baseUrl", Value: "https://api.plotwise.us"}) || c.Variable[1].Key != "apiKey" || c.Variable[1].Value != "" {
		t.Errorf("variables = %+v, want baseUrl and an empty apiKey", c.Variable)
	}
	entries, err := parse(t, string(gen.YAML)).Entries()
	if err != nil {
		t.Fatal(err)
	}
	wanted := map[string]bool{} // operations that are not found yet
	for _, e := range entries {
		wanted[e.Method+" "+strings.NewReplacer("{", ":", "}", "").Replace(e.Path)] = true
	}
	names := map[string]bool{}
	for _, folder := range c.Item {
		for _, i := range folder.Item {
			r := i.Request
			path := "/" + strings.Join(r.URL.Path, "/")
			if !wanted[r.Method+" "+path] {
				t.Errorf("%s %s is no operation, or comes twice", r.Method, path)
			}
			delete(wanted, r.Method+" "+path)
			if names[i.Name] {
				t.Errorf("two requests have the name %q", i.Name)
			}
			names[i.Name] = true
			if !slices.Equal(r.URL.Host, []string{"{{baseUrl}}"}) || !strings.HasPrefix(r.URL.Raw, "{{baseUrl}}"+path) {
				t.Errorf("%s goes to %q (host %q), want {{baseUrl}}%s", i.Name, r.URL.Raw, r.URL.Host, path)
			}
			var named []string
			for _, v := range r.URL.Variable {
				named = append(named, ":"+v.Key)
				if v.Value == "" {
					t.Errorf("%s has no value for %s", i.Name, v.Key)
				}
			}
			if inPath := slices.DeleteFunc(slices.Clone(r.URL.Path), func(s string) bool { return !strings.HasPrefix(s, ":") }); !slices.Equal(inPath, named) {
				t.Errorf("%s has values for %q, want %q", i.Name, named, inPath)
			}
			if r.Body.Mode != "" && !json.Valid([]byte(r.Body.Raw)) {
				t.Errorf("%s sends %s, which is no JSON", i.Name, r.Body.Raw)
			}
			if len(i.Response) == 0 || strconv.Itoa(i.Response[0].Code)[0] != '2' {
				t.Errorf("%s saves %+v, want a success first", i.Name, i.Response)
			}
		}
	}
	if len(wanted) > 0 {
		t.Errorf("the collection lacks %v", wanted)
	}
}
