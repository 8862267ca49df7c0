package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

const (
	profileDir = "bin/profile" // which git ignores
	profileFor = 10 * time.Second
)

// profile keeps where the program spends its time and its memory while it answers lists, and prints the top of each.
func (b *bench) profile(ctx context.Context) (err error) {
	who, p, err := b.serveTenant(ctx)
	if err != nil {
		return err
	}
	defer func() { err = end(err, p) }()
	if err := os.MkdirAll(profileDir, 0o755); err != nil {
		return err
	}
	loaded := make(chan error, 1)
	go func() {
		a, err := b.client.send(order{p.address, []request{who.get(listPath)}, callers, profileFor + 4*time.Second})
		b.say(fmt.Sprintf("  %.0f lists of 25 a second", a.perSecond()))
		loaded <- err
	}()
	time.Sleep(time.Second) // until documents are there, and the pool is
	for _, of := range []struct{ name, path, top string }{
		{"cpu", fmt.Sprintf("profile?seconds=%.0f", profileFor.Seconds()), "-nodecount=30"},
		{"heap", "heap", "-sample_index=inuse_space"},
		{"allocations", "allocs", "-sample_index=alloc_space"},
	} {
		text, err := get(ctx, "http://"+p.admin+"/debug/pprof/"+of.path, "")
		if err != nil {
			return err
		}
		file := filepath.Join(profileDir, of.name+".pprof")
		if err := os.WriteFile(file, text, 0o644); err != nil {
			return err
		}
		out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-nodecount=20", of.top, file).CombinedOutput()
		if err != nil {
			return fmt.Errorf("go tool pprof: %w: %s", err, out)
		}
		fmt.Printf("%s, kept in %s\n%s\n", of.name, file, out)
	}
	return <-loaded
}
