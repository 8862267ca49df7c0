package samples_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
	"github.com/plotwise/plotwise/internal/spec"
)

func parse(t *testing.T, text string) *spec.Document {
	t.Helper()
	document, err := spec.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return document
}

// sources returns the samples of an operation by their language.
func sources(t *testing.T, document *spec.Document, operation string) map[string]string {
	t.Helper()
	entries, err := document.Entries()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for _, e := range entries {
		for _, s := range e.Samples {
			if e.ID == operation {
				found[s.Lang] = s.Source
			}
		}
	}
	return found
}

func TestAdd(t *testing.T) {
	document := parse(t, things)
	if err := samples.Add(document, []byte(client)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ operation, lang, want string }{
		{"listThings", "bash", `curl 'https://api.example.com/things?q=it%27s+%22%245%22+%26+more&kinds=a&kinds=b&words=c,d&per_page=25' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY"
`},
		{"listThings", "go", `package main

import (
	"context"
	"fmt"
	"log"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

func main() {
	ctx := context.Background()
	client, err := plotwise.NewClient() // reads PLOTWISE_API_KEY
	if err != nil {
		log.Fatal(err)
	}
	for thing, err := range client.Things.ListAll(ctx, &plotwise.ThingListParams{
		Q:       new("it's \"$5\" & more"),
		Kinds:   []string{"a", "b"},
		Words:   new([]string{"c", "d"}),
		PerPage: new(int32(25)),
	}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(thing.ID, thing.Name)
	}
}
`},
		{"listThings", "typescript", `import { Plotwise } from "plotwise";

const client = new Plotwise(); // reads PLOTWISE_API_KEY
for await (const thing of client.things.list({
  q: 'it\'s "$5" & more',
  kinds: ["a", "b"],
  words: ["c", "d"],
  per_page: 25,
})) {
  console.log(thing.id, thing.name);
}
`},
		{"listThings", "python", `from plotwise import Plotwise

client = Plotwise()  # reads PLOTWISE_API_KEY
for thing in client.things.list(
    q='it\'s "$5" & more',
    kinds=["a", "b"],
    words=["c", "d"],
    per_page=25,
):
    print(thing.id, thing.name)
`},
		{"createThing", "bash", `curl 'https://api.example.com/things' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY" \
  -H "Idempotency-Key: $(date +%s)-$RANDOM" \
  -H "Content-Type: application/json" \
  -d '{
  "name": "it'\''s ` + "`so`" + `",
  "done": true,
  "left": null,
  "parts": [
    "true",
    "say \"null\": \"no\""
  ],
  "labels": {
    "no-name": ""
  }
}'
`},
		{"createThing", "go", `package main

import (
	"context"
	"fmt"
	"log"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

func main() {
	ctx := context.Background()
	client, err := plotwise.NewClient() // reads PLOTWISE_API_KEY
	if err != nil {
		log.Fatal(err)
	}
	thingSecret, err := client.Things.Create(ctx, plotwise.ThingCreate{
		Name:   "it's ` + "`so`" + `",
		Done:   true,
		Left:   nil,
		Parts:  []string{"true", "say \"null\": \"no\""},
		Labels: plotwise.Labels{"no-name": ""},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(thingSecret.ID, thingSecret.Name, thingSecret.Key)
}
`},
		{"createThing", "typescript", `import { Plotwise } from "plotwise";

const client = new Plotwise(); // reads PLOTWISE_API_KEY
const thingSecret = await client.things.create({
  name: "it's ` + "`so`" + `",
  done: true,
  left: null,
  parts: ["true", 'say "null": "no"'],
  labels: { "no-name": "" },
});
console.log(thingSecret.id, thingSecret.name, thingSecret.key);
`},
		{"createThing", "python", `from plotwise import Plotwise

client = Plotwise()  # reads PLOTWISE_API_KEY
thing_secret = client.things.create(
    name="it's ` + "`so`" + `",
    done=True,
    left=None,
    parts=["true", 'say "null": "no"'],
    labels={"no-name": ""},
)
print(thing_secret.id, thing_secret.name, thing_secret.key)
`},
		{"exportThing", "bash", `curl -f -o thing.csv 'https://api.example.com/things/a%2Fb' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY"
`},
		{"exportThing", "go", `package main

import (
	"context"
	"io"
	"log"
	"os"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

func main() {
	ctx := context.Background()
	client, err := plotwise.NewClient() // reads PLOTWISE_API_KEY
	if err != nil {
		log.Fatal(err)
	}
	file, err := client.Things.Export(ctx, "a/b")
	if err != nil {
		log.Fatal(err)
	}
	defer file.Close()
	saved, err := os.Create("thing.csv")
	if err != nil {
		log.Fatal(err)
	}
	if _, err := io.Copy(saved, file); err != nil {
		log.Fatal(err)
	}
	if err := saved.Close(); err != nil {
		log.Fatal(err)
	}
}
`},
		{"exportThing", "typescript", `import { writeFile } from "node:fs/promises";
import { Plotwise } from "plotwise";

const client = new Plotwise(); // reads PLOTWISE_API_KEY
const file = await client.things.export("a/b");
await writeFile("thing.csv", file.body ?? "");
`},
		{"exportThing", "python", `from plotwise import Plotwise

client = Plotwise()  # reads PLOTWISE_API_KEY
with client.things.export("a/b") as file:
    file.write_to("thing.csv")
`},
		{"deleteThing", "bash", `curl -X DELETE 'https://api.example.com/things/a%2Fb' \
  -H "Authorization: Bearer $PLOTWISE_API_KEY"
`},
		{"deleteThing", "go", `package main

import (
	"context"
	"log"

	plotwise "github.com/plotwise/plotwise/sdk/go"
)

func main() {
	ctx := context.Background()
	client, err := plotwise.NewClient() // reads PLOTWISE_API_KEY
	if err != nil {
		log.Fatal(err)
	}
	if err := client.Things.Delete(ctx, "a/b"); err != nil {
		log.Fatal(err)
	}
}
`},
		{"deleteThing", "typescript", `import { Plotwise } from "plotwise";

const client = new Plotwise(); // reads PLOTWISE_API_KEY
await client.things.delete("a/b");
`},
		{"deleteThing", "python", `from plotwise import Plotwise

client = Plotwise()  # reads PLOTWISE_API_KEY
client.things.delete("a/b")
`},
	} {
		if diff := cmp.Diff(c.want, sources(t, document, c.operation)[c.lang]); diff != "" {
			t.Errorf("sample of %s in %s (-want +got):\n%s", c.operation, c.lang, diff)
		}
	}
}

func TestAdd_refuses(t *testing.T) {
	for _, c := range []struct{ old, broken, want string }{
		{", example: a/b", "", "make the samples of the SDKs: exportThing: the parameter thing_id is required and has no example"},
		{"per_page: 25}\n", "limit: 25}\n", `listThings: x-sample: there is no optional parameter "limit"`},
		{"per_page: 25}\n", "If-None-Match: a}\n", "make the samples of the SDKs: listThings: samples do not know how the SDKs send the header If-None-Match"},
		{"done: true", "made: true", "make the samples of the SDKs: createThing in Go: ThingCreate has no field for made"},
		{"done: true", "done: 'true'", "make the samples of the SDKs: createThing in Go: Done: true is no bool"},
		{"'say \"null\": \"no\"'", "1", "make the samples of the SDKs: createThing in Go: Parts: 1 is no string"},
	} {
		err := samples.Add(parse(t, strings.Replace(things, c.old, c.broken, 1)), []byte(client))
		if err == nil || err.Error() != c.want {
			t.Errorf("Add with %q in the place of %q = %v, want %s", c.broken, c.old, err, c.want)
		}
	}
}

// Samples that are made again take the place of those before.
func TestAdd_twice(t *testing.T) {
	document := parse(t, string(gen.YAML))
	if err := samples.Add(document, gen.Client); err != nil {
		t.Fatal(err)
	}
	if got, err := document.YAML(); err != nil || !bytes.Equal(got, gen.YAML) {
		t.Errorf("the document is another with its samples made again (%v): run make gen", err)
	}
}
