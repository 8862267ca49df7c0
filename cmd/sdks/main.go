// Command sdks writes what the SDKs have from the specification into their folders.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/alecthomas/kong"

	"github.com/plotwise/plotwise/gen"
	"github.com/plotwise/plotwise/internal/sdkgen"
	"github.com/plotwise/plotwise/internal/spec"
)

type options struct {
	Out string `arg:"" type:"existingdir" help:"Directory of the SDKs, with a folder for each language."`
}

func main() {
	var o options
	ctx := kong.Parse(&o, kong.Description("Writes the generated parts of the SDKs."))
	ctx.FatalIfErrorf(o.run())
}

func (o options) run() error {
	document, err := spec.Parse(gen.YAML)
	if err != nil {
		return err
	}
	api, err := sdkgen.NewAPI(document)
	if err != nil {
		return err
	}
	files, err := sdkgen.Render(api)
	if err != nil {
		return err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(o.Out, filepath.FromSlash(name)), text, 0o644); err != nil { //nolint:gosec // public source code
			return fmt.Errorf("write an SDK: %w", err)
		}
	}
	return nil
}
