package main

import (
	"context"
	"fmt"
	"os"
	"time"
)

const (
	idleFor = 10 * time.Second // from the start to the measurement
	loadFor = 20 * time.Second
)

// memoryCost measures how much memory the program has when it was just started and nobody asks it anything, and how much it has at
// most while it answers lists as fast as it can.
func (b *bench) memoryCost(ctx context.Context) (err error) {
	if _, err := os.Stat("/proc/self/status"); err != nil {
		b.say("  memory is only known on Linux")
		return nil
	}
	who, p, err := b.serveTenant(ctx)
	if err != nil {
		return err
	}
	defer func() { err = end(err, p) }()
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return ctx.Err()
	}
	idle, most, err := p.memory()
	if err != nil {
		return err
	}
	b.add(row{what: "memory of the server, idle", values: []float64{idle}, unit: "MB", bar: 64, most: true, lines: []string{fmt.Sprintf("%.1f MB at most while it started", most)}})
	a, err := b.client.send(order{p.address, []request{who.get(listPath), who.get("/v1/watchlist")}, 16, loadFor})
	if err != nil {
		return err
	}
	after, most, err := p.memory()
	if err != nil {
		return err
	}
	b.add(row{
		what: "memory of the server, while it answers lists, at most", ours: fmt.Sprintf("%.0f/s", a.perSecond()), values: []float64{most}, unit: "MB", bar: 256, most: true,
		lines: []string{fmt.Sprintf("%.1f MB at the end of %.0f s, 16 callers", after, a.Seconds)},
	})
	return nil
}

// serveTenant starts the program on the imported permits, for an organization that may ask as much as it likes.
func (b *bench) serveTenant(ctx context.Context) (tenant, *program, error) {
	db, err := b.imported(ctx)
	if err != nil {
		return tenant{}, nil, err
	}
	who, err := newTenant(ctx, db)
	if err != nil {
		return tenant{}, nil, err
	}
	p, err := b.serve(ctx, importedDatabase)
	return who, p, err
}

// end stops a program; its own failure comes first.
func end(err error, p *program) error {
	if stopped := p.stop(); err == nil {
		err = stopped
	}
	return err
}
