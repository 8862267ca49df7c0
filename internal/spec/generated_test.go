package spec_test

import (
	"bytes"
	"os"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
	"github.com/plotwise/plotwise/internal/spec"
)

// repository returns the bundle of the repository's own files.
func repository(t *testing.T) *yaml.Node {
	t.Helper()
	root, err := spec.Bundle(os.DirFS("../../openapi"))
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func TestGenerated(t *testing.T) {
	root := repository(t)
	if err := samples.Add(spec.NewDocument(root), gen.Client); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		render func(*yaml.Node) ([]byte, error)
		want   []byte
	}{
		{"gen/openapi.yaml", spec.YAML, gen.YAML},
		{"gen/openapi.json", spec.JSON, gen.JSON},
		{"gen/postman.json", func(root *yaml.Node) ([]byte, error) { return samples.Postman(spec.NewDocument(root)) }, gen.Postman},
	} {
		got, err := c.render(root)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, c.want) {
			t.Errorf("%s differs from openapi/ at byte %d: run make gen", c.name, difference(got, c.want))
		}
	}
}

// difference returns where two texts part.
func difference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

// The served document is parsed and rendered again, which changes nothing.
func TestDocument_roundTrip(t *testing.T) {
	for name, text := range map[string][]byte{"YAML": gen.YAML, "JSON": gen.JSON} {
		doc, err := spec.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := doc.JSON(); err != nil || !bytes.Equal(got, gen.JSON) {
			t.Errorf("JSON of the %s differs at byte %d (%v)", name, difference(got, gen.JSON), err)
		}
	}
	doc, err := spec.Parse(gen.YAML)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := doc.YAML(); err != nil || !bytes.Equal(got, gen.YAML) {
		t.Errorf("YAML of the YAML differs at byte %d (%v)", difference(got, gen.YAML), err)
	}
}
