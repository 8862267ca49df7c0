// Command bundle merges the files of openapi/ into gen/openapi.yaml and gen/openapi.json, after checking them.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/plotwise/plotwise/internal/spec"
)

type options struct {
	In  string `arg:"" type:"existingdir" help:"Directory of the specification's files, openapi.yaml among them."`
	Out string `arg:"" type:"existingdir" help:"Directory that gets openapi.yaml and openapi.json."`
}

func main() {
	var o options
	ctx := kong.Parse(&o, kong.Description("Merges the files of the OpenAPI document into one, and checks it."))
	ctx.FatalIfErrorf(o.run())
}

func (o options) run() error {
	root, err := spec.Bundle(os.DirFS(o.In))
	if err != nil {
		return err
	}
	if err := spec.Lint(root); err != nil {
		return fmt.Errorf("the specification breaks its rules:\n%w", err)
	}
	for name, render := range map[string]func() ([]byte, error){
		"openapi.yaml": func() ([]byte, error) { return spec.YAML(root) },
		"openapi.json": func() ([]byte, error) { return spec.JSON(root) },
	} {
		text, err := render()
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(o.Out, name), text, 0o644); err != nil { //nolint:gosec // public documents
			return fmt.Errorf("write the bundle: %w", err)
		}
	}
	return nil
}
