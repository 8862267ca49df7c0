package sdkgen

import (
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func Test_goLanguage(t *testing.T) {
	files, err := goLanguage(newAPI(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"go/types.gen.go", "go/resources.gen.go"} {
		written, err := os.ReadFile("../../sdk/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(written), string(files[name])); diff != "" {
			t.Errorf("%s is not up to date, see make sdks (-written +made):\n%s", name, diff)
		}
	}
	if len(files) != 2 {
		t.Errorf("there are %d files, want 2", len(files))
	}
}

func Test_goSource(t *testing.T) {
	s, err := newGoSource([]byte(`package client
		// Kind is one of two.
		type Kind string
		const (
			KindOne Kind = "one"
			KindTwo Kind = "two"
			other = 3
		)
		type Tags = []Tag
		type Tag string
		type Unused struct{ Kind Kind }
		type ThingID = string
		type ThingUUID = openapi_types.UUID
		type Thing struct { Tags Tags; Kind *Kind; Next *Thing }
		type ThingCreate struct { union json.RawMessage }
		func (t ThingCreate) AsRed() (Red, error) { panic(t) }
		type Red struct { Of map[string]Leaf }
		type Leaf struct{}
		func NewThing(server string, thingID ThingID, params *ThingParams) {}
	`))
	if err != nil {
		t.Fatal(err)
	}
	s.reach("Thing")
	s.reach("ThingCreate")
	got, unions := s.reached()
	want := []goType{
		{Name: "Kind", Doc: "Kind is one of two.\n", Constants: []string{"KindOne", "KindTwo"}},
		{Name: "Leaf"},
		{Name: "Red"},
		{Name: "Tag"},
		{Name: "Thing"},
		{Name: "ThingCreate"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("types (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]goUnion{{"ThingCreate", []string{"Red"}}}, unions); diff != "" {
		t.Errorf("unions (-want +got):\n%s", diff)
	}
	parameters, err := s.parameters("NewThing")
	if diff := cmp.Diff([]goField{{"server", "string"}, {"thingID", "ThingID"}, {"params", "*ThingParams"}}, parameters); diff != "" || err != nil {
		t.Errorf("parameters, %v (-want +got):\n%s", err, diff)
	}
	if _, err := s.parameters("NewOther"); err == nil || err.Error() != "package client has no NewOther" {
		t.Errorf("parameters of nothing = %v", err)
	}
	for name, want := range map[string]string{"ThingID": "string", "ThingUUID": "UUID", "Kind": "Kind"} {
		if got := s.plain(name); got != want {
			t.Errorf("plain(%s) = %s, want %s", name, got, want)
		}
	}
	if _, err := newGoSource([]byte("package")); err == nil || !strings.HasPrefix(err.Error(), "read package client: ") {
		t.Errorf("newGoSource of half a file = %v", err)
	}
}

func Test_goComment(t *testing.T) {
	if got, want := goComment("One\ntwo\n", "", "Three\n\nfour"), "// One\n// two\n//\n// Three\n//\n// four"; got != want {
		t.Errorf("goComment = %q, want %q", got, want)
	}
}
