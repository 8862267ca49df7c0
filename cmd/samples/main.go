// Command samples gives the operations of gen/openapi.yaml and gen/openapi.json their code samples. Those in Go need the
// types of package client, which is generated from the same document before.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/samples"
	"github.com/plotwise/plotwise/internal/spec"
)

type options struct {
	Out string `arg:"" type:"existingdir" help:"Directory of openapi.yaml and openapi.json, which are written anew."`
}

func main() {
	var o options
	ctx := kong.Parse(&o, kong.Description("Puts code samples into the OpenAPI document."))
	ctx.FatalIfErrorf(o.run())
}

func (o options) run() error {
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		return err
	}
	if err := samples.Add(document, gen.Client); err != nil {
		return err
	}
	for name, render := range map[string]func() ([]byte, error){"openapi.yaml": document.YAML, "openapi.json": document.JSON} {
		text, err := render()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.Out, name), text, 0o644); err != nil { //nolint:gosec // public documents
			return fmt.Errorf("write the document: %w", err)
		}
	}
	return nil
}
