package samples_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
)

func TestLLMs(t *testing.T) {
	got, err := samples.LLMs(parse(t, things), []samples.Guide{{"Start", "https://api.example.com/docs/start", "In ten\nminutes."}, {Title: "Errors", URL: "/docs/guide"}})
	want := `# Things API

> Things that last.

Things are kept.

All of them.

To authenticate: Send a key.

## Guides

- [Start](https://api.example.com/docs/start): In ten minutes.
- [Errors](/docs/guide)

## Specification

- [OpenAPI (YAML)](https://api.example.com/docs/openapi.yaml): Every operation, schema and example in one document.
- [OpenAPI (JSON)](https://api.example.com/docs/openapi.json): The same as JSON.
- [Errors](https://api.example.com/docs/errors): Every error code: what it means, and whether to try again.

## Operations: things

` + "- [List things](https://api.example.com/docs/reference/listThings): `GET /things`. Every thing.\n" +
		"- [Create a thing](https://api.example.com/docs/reference/createThing): `POST /things`. Another thing.\n" +
		"- [Export a thing](https://api.example.com/docs/reference/exportThing): `GET /things/{thing_id}`. As a file.\n" +
		"- [Delete a thing](https://api.example.com/docs/reference/deleteThing): `DELETE /things/{thing_id}`. It is gone.\n"
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("LLMs (-want +got; %v):\n%s", err, diff)
	}
}

func TestLLMs_repository(t *testing.T) {
	got, err := samples.LLMs(parse(t, string(gen.YAML)), nil)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := parse(t, string(gen.YAML)).Entries()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if n := strings.Count(got, "(https://api.plotwise.us/docs/reference/"+e.ID+")"); n != 1 {
			t.Errorf("%s is linked %d times, want once", e.ID, n)
		}
	}
	if strings.Contains(got, "## Guides") || !strings.Contains(got, "Authorization: Bearer pw_live_…") {
		t.Errorf("want no guides, and how to authenticate: %.2000s", got)
	}
	for _, sentence := range []string{
		"`POST /v1/webhooks`. The URL has to be `https` on port 443, 80 or 8443, and publicly reachable: private, loopback and link-local addresses are refused, here where it shows and whenever something is sent.\n",
		"`DELETE /v1/notes/{note_id}`. The note is gone for good.\n",
	} {
		if !strings.Contains(got, sentence) {
			t.Errorf("want %q in %s", sentence, got)
		}
	}
}
