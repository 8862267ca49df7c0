// Command stop ends the test server, if one runs, and removes what it kept.
package main

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/plotwise/plotwise/internal/postgres/embedded"
	"github.com/plotwise/plotwise/internal/postgres/pgtest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if _, err := os.Stat(pgtest.Dir()); os.IsNotExist(err) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s, err := embedded.Start(ctx, pgtest.Options())
	if err != nil {
		return err
	}
	if err := s.Stop(ctx); err != nil {
		return err
	}
	return os.RemoveAll(pgtest.Dir())
}
